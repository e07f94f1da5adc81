"""Prove that the tests of the vote and of the gate aren't toys: break their scripts, and each time
be noticed.

`python -m tests.mutate_voting` takes out every line that a script can run without, and turns
every comparison of a count. A mutant that the store's tests don't kill is printed, and fails.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BALLOTS = ("tests/store/test_ballots.py",)
#: Script → what must kill its mutants. The gate's evenings take seconds and need no mutants.
SCRIPTS = {
    Path("voting/store/voting.lua"): BALLOTS,
    Path("voting/store/adopting.lua"): BALLOTS,
    Path("voting/store/gate.lua"): ("tests/store/test_gate.py", "-k", "not evening"),
}
#: A mutant that never comes to an end is dead, too.
LONGEST_S = 60
TURNED = (
    ("cast_for_entry >=", "cast_for_entry >"),
    ("left == 0", "left == 1"),
    ("quota == 0", "quota == 1"),
    ("ARGV[6] == 'device'", "ARGV[6] ~= 'device'"),
    ("record) < period", "record) > period"),
    ("record) > period", "record) < period"),
    ("of == period", "of ~= period"),
    ("3 + 2 * counted", "3"),
    ("ARGV[1] .. ARGV[2]", "ARGV[1]"),
    ("now >= issued", "now < issued"),
    ("now < tonumber(law[1])", "now >= tonumber(law[1])"),
    ("now >= tonumber(law[2])", "now < tonumber(law[2])"),
    ("law[3] ~= ''", "law[3] == ''"),
    ("~= period", "== period"),
    ("{'accepted', seen, left}", "{'accepted', ARGV[1], left}"),
    ("left - 1", "left"),
    ("ARGV[4], 1)", "ARGV[4], 2)"),
    ("1800 + 3600", "1800 + 1800"),
    ("28800", "0"),
    ("CLOCKS_DIFFER_MS = 60000", "CLOCKS_DIFFER_MS = 0"),
    ("BALLOT_LIVES_MS = 1800000", "BALLOT_LIVES_MS = 900000"),
    ("SLOT_S, SLOTS = 300, 13", "SLOT_S, SLOTS = 300, 12"),
    ("SLOT_S, SLOTS = 300, 13", "SLOT_S, SLOTS = 300, 14"),
    ("SLOT_S, SLOTS = 300, 13", "SLOT_S, SLOTS = 240, 13"),
    ("age < 0 or ", ""),
    ("age >= SLOTS", "age > SLOTS"),
    ("5 * accounts", "6 * accounts"),
    ("aged / 5", "aged / 4"),
    ("math.floor(aged / 5)", "math.ceil(aged / 5)"),
    ("math.min(ARGV[2]", "math.max(ARGV[2]"),
    ("math.max(allowance, people)", "math.min(allowance, people)"),
    ("math.max(allowance, people)", "allowance + people"),
    ("free + 9 * allowance", "free + 10 * allowance"),
    ("free + 9 * allowance", "10 * free"),
    ("here.f + here.c + 1", "here.f + here.c"),
    ("here.f + here.c + 1", "here.f + 1"),
    ("if missing > 0", "if missing >= 0"),
    ("while missing > 0", "while missing > 1"),
    ("while missing > 0", "while missing >= 0"),
    ("- age + SLOTS)", "- age + SLOTS - 1)"),
    ("- age + SLOTS)", "- age + SLOTS + 1)"),
    ("here.f < free", "here.f <= free"),
    ("people > 0 or", "people >= 0 or"),
    ("people > 0 or", "people > 1 or"),
    ("alike.f < math", "alike.f <= math"),
    ("math.ceil(free / 2)", "math.floor(free / 2)"),
    ("math.ceil(free / 2)", "free"),
    ("ARGV[4] ~= '1'", "ARGV[4] == '1'"),
    ("freely and 'f' or 'c'", "'f'"),
    ("freely and 'f' or 'c'", "'c'"),
    ("'c') .. slot, 1)", "'c') .. slot, 2)"),
    ("'f' .. slot, 1)", "'f' .. slot, 2)"),
    ("KEYS[1], SLOT_S * SLOTS", "KEYS[1], SLOT_S"),
    ("KEYS[2], SLOT_S * SLOTS", "KEYS[2], SLOT_S"),
    ("KEYS[4], KEYS[5], KEYS[6]", "KEYS[4], KEYS[5]"),
    ("KEYS[4], KEYS[5], KEYS[6]", "KEYS[5], KEYS[6]"),
    ("KEYS[7], KEYS[8], KEYS[9]", "KEYS[7], KEYS[8]"),
    ("KEYS[7], KEYS[8], KEYS[9]", "KEYS[8], KEYS[9]"),
)


class Mutant(NamedTuple):
    """One script, what was done to it, and what that leaves."""

    script: Path
    what: str
    source: str


def mutants(script: Path) -> Iterator[Mutant]:
    source = (ROOT / script).read_text(encoding="utf-8")
    lines = source.splitlines()
    for at, line in enumerate(lines):
        if line.strip() and not line.lstrip().startswith("--"):
            rest = "\n".join(lines[:at] + lines[at + 1 :])
            yield Mutant(script, f"without line {at + 1}: {line.strip()}", rest)
    for old, new in TURNED:
        if old in source:
            yield Mutant(script, f"{old!r} turned into {new!r}", source.replace(old, new))


def survives(mutant: Mutant) -> bool:
    """Whether the tests let it live."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        for part in ("voting", "tests", "config"):
            kept_out = shutil.ignore_patterns("*.mp4", "__pycache__", "fonts")
            shutil.copytree(ROOT / part, copy / part, ignore=kept_out)
        shutil.copy(ROOT / "pyproject.toml", copy)
        (copy / mutant.script).write_text(mutant.source, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        with suppress(subprocess.TimeoutExpired):
            run = subprocess.run(
                [*command, *SCRIPTS[mutant.script]],
                cwd=copy, capture_output=True, check=False, timeout=LONGEST_S,
            )  # fmt: skip
            return run.returncode == 0
    return False


def main() -> int:
    found = [mutant for script in SCRIPTS for mutant in mutants(script)]
    with ThreadPoolExecutor(max_workers=2) as hands:
        alive = [one for one, lives in zip(found, hands.map(survives, found), strict=True) if lives]
    for one in alive:
        print(f"survived: {one.script.name} {one.what}")
    print(f"{len(found)} mutants of the vote's scripts, {len(alive)} survived")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
