"""deploy/setup.sh with stand-in Pythons: each thing that can be wrong is said in one sentence."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent.parent / "deploy" / "setup.sh"
TOOLS = ("sh", "dirname", "df", "awk", "cat", "cksum", "rm", "mkdir", "grep", "tail", "sleep")

# A Python of the given version; the one in .venv answers pip as PIP says.
PYTHON = """#!/bin/sh
case "$*" in
  *version_info\\ \\<*) exit $OLD ;;
  *ensurepip*) exit $NO_VENV ;;
  *sys.version_info*) echo $VERSION ;;
  "-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo made >>made ;;
  "-m pip install"*) echo "$@" >>installed; eval "$PIP" ;;
esac
"""


class Machine:
    """A folder with setup.sh, two requirements files, and a PATH of its own."""

    def __init__(self, folder: Path) -> None:
        self.house, self.path = folder / "house", folder / "bin"
        (self.house / "deploy").mkdir(parents=True)
        shutil.copy(SCRIPT, self.house / "deploy")
        (self.house / "one.txt").write_text("# pins\nflask==1\nredis==2  # why\n")
        (self.house / "two.txt").write_text("-r one.txt\npytest==3\n")
        self.path.mkdir()
        for tool in (*TOOLS, "cp"):
            found = shutil.which(tool)
            assert found, tool
            (self.path / tool).symlink_to(found)
        self.variables = {"OLD": "0", "NO_VENV": "0", "VERSION": "3.12", "PIP": "true"}

    def tool(self, name: str, script: str = PYTHON) -> None:
        (self.path / name).unlink(missing_ok=True)
        (self.path / name).write_text(script)
        (self.path / name).chmod(0o755)

    def setup(self, *files: str, **variables: str) -> tuple[int, list[str]]:
        done = subprocess.run(
            ["sh", "deploy/setup.sh", *(files or ("one.txt",))], cwd=self.house, text=True,
            env={"PATH": str(self.path)} | self.variables | variables,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )
        return done.returncode, done.stdout.splitlines()

    def times(self, what: str) -> int:
        log = self.house / what
        return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.tool("python3")
    return machine


def test_the_first_run_says_what_it_does_and_the_next_does_nothing(machine: Machine) -> None:
    assert machine.setup() == (0, [
        "Making .venv with Python 3.12 …",
        "Installing 2 packages (about 30 s the first time) …",
    ])
    assert machine.setup() == (0, [])
    assert (machine.times("made"), machine.times("installed")) == (1, 1)


def test_changed_pins_are_installed_into_the_same_venv(machine: Machine) -> None:
    machine.setup("one.txt", "two.txt")
    assert machine.setup("one.txt") == (0, [])
    (machine.house / "two.txt").write_text("-r one.txt\npytest==4\n")
    assert machine.setup("one.txt") == (0, [])
    code, lines = machine.setup("one.txt", "two.txt")
    assert (code, lines) == (0, ["Installing 3 packages (about 30 s the first time) …"])
    assert (machine.times("made"), machine.times("installed")) == (1, 2)


def test_an_interrupted_set_up_is_made_anew(machine: Machine) -> None:
    code, _ = machine.setup(PIP="kill -9 $PPID")
    assert code != 0
    assert (machine.house / ".venv" / "unfinished").exists()
    assert machine.setup()[0] == 0
    assert machine.setup() == (0, [])
    assert machine.times("made") == 2


def test_a_venv_whose_python_is_gone_is_made_anew(machine: Machine) -> None:
    machine.setup()
    (machine.house / ".venv" / "bin" / "python").unlink()
    assert machine.setup()[0] == 0
    assert machine.times("made") == 2


def test_a_set_up_that_is_still_running_is_waited_for(machine: Machine) -> None:
    machine.setup()
    running = subprocess.Popen(["sleep", "1"])
    (machine.house / ".venv" / "unfinished").write_text(f"{running.pid}\n")
    machine.tool("sleep", '#!/bin/sh\nrm .venv/unfinished\n')
    assert machine.setup() == (0, ["Another set-up is running; waiting for it …"])
    running.wait()


def test_no_python_new_enough_is_said_with_what_was_found(machine: Machine) -> None:
    code, lines = machine.setup(OLD="1", VERSION="3.9")
    assert (code, len(lines)) == (1, 1)
    assert "needs Python 3.11 or newer, and this machine has 3.9" in lines[0]
    assert "sudo apt install python3 python3-venv" in lines[0]


def test_no_python_at_all_is_said(machine: Machine) -> None:
    (machine.path / "python3").unlink()
    code, lines = machine.setup()
    assert (code, len(lines)) == (1, 1)
    assert "this machine has none" in lines[0]


def test_a_missing_venv_module_is_said_with_the_command_that_installs_it(machine: Machine) -> None:
    code, lines = machine.setup(NO_VENV="1", VERSION="3.13")
    assert (code, len(lines)) == (1, 1)
    assert "sudo apt install python3.13-venv" in lines[0]


def test_another_python_that_has_the_venv_module_is_taken(machine: Machine) -> None:
    machine.tool("python3.14", PYTHON.replace("$NO_VENV", "1").replace("$VERSION", "3.14"))
    assert machine.setup()[1][0] == "Making .venv with Python 3.12 …"


def test_the_python_that_is_named_is_the_one_that_is_judged(machine: Machine) -> None:
    machine.tool("old", PYTHON.replace("$OLD", "1").replace("$VERSION", "3.8"))
    code, lines = machine.setup(PYTHON="old")
    assert (code, len(lines)) == (1, 1)
    assert "old has 3.8" in lines[0]


@pytest.mark.parametrize(
    ("pip_says", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
         "The disk is full"),
        ("NewConnectionError: Failed to establish a new connection: name resolution",
         "The package index can't be reached"),
        ("ERROR: Could not find a version that satisfies flask==1 (from versions: none)",
         "The package index can't be reached"),
        ("ERROR: No matching distribution found for flask==1",
         "Setting up stopped while installing the packages"),
    ],
)
def test_what_pip_meets_is_said_in_one_sentence(
    machine: Machine, pip_says: str, sentence: str
) -> None:
    code, lines = machine.setup(PIP=f"echo '{pip_says}'; exit 1")
    assert code == 1
    assert lines[-1].startswith(sentence)
    assert machine.setup()[0] == 0


# pip meets something in the second file only.
PIP = "case $* in *two.txt*) echo 'No matching distribution found for x==1'; exit 1 ;; esac"


def test_what_is_only_wished_for_stops_nothing(machine: Machine) -> None:
    wished = ("one.txt", "--if-possible", "two.txt")
    told = [
        "Making .venv with Python 3.12 …",
        "Installing 2 packages (about 30 s the first time) …",
        "Installing 1 packages (about 30 s the first time) …",
        "What is in two.txt can't be installed here (see .venv/setup.log);"
        " the site starts without it.",
    ]
    assert machine.setup(*wished, PIP=PIP) == (0, told)
    assert machine.setup("one.txt") == (0, []), "it is whole"
    assert machine.setup(*wished, PIP=PIP) == (0, told[2:]), "tried again, the needed ones not"
    assert machine.setup(*wished) == (0, told[2:3])
    assert machine.setup(*wished) == (0, [])


def test_what_is_needed_stops_though_something_is_wished_for(machine: Machine) -> None:
    code, lines = machine.setup("two.txt", "--if-possible", "one.txt", PIP=PIP)
    assert code == 1
    assert lines[-1].startswith("Setting up stopped while installing the packages")


def test_a_disk_too_full_is_seen_ahead(machine: Machine) -> None:
    machine.tool("df", "#!/bin/sh\necho head\necho /dev/x 9 9 204800 9% /\n")
    code, lines = machine.setup()
    assert (code, len(lines)) == (1, 1)
    assert "200 MB are free here, 400 MB are needed" in lines[0]
    assert not (machine.house / ".venv").exists()
