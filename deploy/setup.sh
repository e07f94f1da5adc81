#!/bin/sh
# Makes .venv and installs requirements: deploy/setup.sh FILE... [--if-possible FILE...]
# Does nothing when they haven't changed since. Said in one sentence when it can't be done; what
# comes behind --if-possible stops nothing, because the site must start without it.
set -eu
cd "$(dirname "$0")/.."

all=$*
needed=${all%%--if-possible*}
wished=${all#"$needed"}
wished=${wished#--if-possible}
# shellcheck disable=SC2086 # the files are words
set -- $needed $wished
needed_mb=$((400 * $#))  # measured: 295 MB for the site, 690 with scrutiny, 1,010 for the tests

refuse() {
    printf '%s\n' "$*" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

can_make_venv() {
    "$1" -c 'import venv, ensurepip' 2>/dev/null
}

version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

candidates() {
    if [ -n "${PYTHON:-}" ]; then
        echo "$PYTHON"
    else
        echo python3.14 python3.13 python3.12 python3.11 python3
    fi
}

# Sets $python: the first that is new enough and can make a venv.
find_python() {
    without_venv='' found=''
    for python in $(candidates); do
        if new_enough "$python"; then
            if can_make_venv "$python"; then return; fi
            : "${without_venv:=$(version "$python")}"
        elif old=$(version "$python"); then
            found=$old
        fi
    done
    if [ -n "$without_venv" ]; then
        refuse "Python $without_venv is here, but not its venv module;" \
            "on Debian or Ubuntu: sudo apt install python$without_venv-venv"
    fi
    refuse "This needs Python 3.11 or newer, and ${PYTHON:-this machine} has" \
        "${found:-none};" \
        "on Debian 12+ or Ubuntu 24.04+: sudo apt install python3 python3-venv" \
        "(or name one: make run PYTHON=/path/to/python3.11)."
}

check_disk() {
    free_mb=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    if [ "$free_mb" -lt "$needed_mb" ]; then
        refuse "The disk is too full to install the packages: $free_mb MB are free here," \
            "$needed_mb MB are needed."
    fi
}

up_to_date() {
    for file in "$@"; do
        stamp=".venv/installed-$file"
        [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cksum <"$file")" ] || return 1
    done
    .venv/bin/python -c '' 2>/dev/null  # the Python it was made with may be gone
}

# .venv/unfinished holds the process that is at work; a dead one left a .venv nobody can trust.
wait_for_another() {
    seconds=0
    while [ "$seconds" -lt 300 ] && kill -0 "$(cat .venv/unfinished 2>/dev/null)" 2>/dev/null; do
        [ "$seconds" -gt 0 ] || echo "Another set-up is running; waiting for it …"
        seconds=$((seconds + 1))
        sleep 1
    done
}

make_venv() {
    find_python
    echo "Making .venv with Python $(version "$python") …"
    for _ in 1 2 3 4 5 6 7 8 9; do  # a killed set-up's last child may still be writing
        rm -rf .venv 2>/dev/null && break
        sleep 1
    done
    mkdir -p .venv
    echo $$ >.venv/unfinished
    "$python" -m venv .venv >.venv/setup.log 2>&1 || give_up "making .venv"
}

install() {
    options=''
    for file in "$@"; do options="$options -r $file"; done
    echo "Installing $(cat "$@" | grep -c '^[a-z].*==') packages" \
        "(about 30 s the first time) …"
    # shellcheck disable=SC2086 # the options are words
    .venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check \
        $options >.venv/setup.log 2>&1 </dev/null || return 1
    for file in "$@"; do cksum <"$file" >".venv/installed-$file"; done
}

# The last lines of the log, the likely causes in words.
give_up() {
    if grep -qiE 'no space left|errno 28|disk quota' .venv/setup.log; then
        refuse "The disk is full: $1 stopped half-way; make room" \
            "($needed_mb MB) and run it again."
    fi
    tail -n 5 .venv/setup.log >&2
    if grep -qiE 'connection|resolve|timed out|proxy|network|ssl|versions: none' .venv/setup.log; then
        refuse "The package index can't be reached: $1 needs the network once" \
            "(pip's last lines are above)."
    fi
    refuse "Setting up stopped while $1 (the last lines are above, all in .venv/setup.log)."
}

# shellcheck disable=SC2086 # the files are words
install_all() {
    up_to_date $needed || install $needed || give_up "installing the packages"
    up_to_date $wished || install $wished ||
        echo "What is in" $wished "can't be installed here (see .venv/setup.log);" \
            "the site starts without it."
}

wait_for_another
if [ ! -e .venv/unfinished ] && up_to_date "$@"; then exit 0; fi
check_disk
if [ -e .venv/unfinished ] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    make_venv
fi
echo $$ >.venv/unfinished
install_all
rm .venv/unfinished
