"""Prove that the tests of the vote aren't toys: break its scripts, and each time be noticed.

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
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = (Path("voting/store/voting.lua"), Path("voting/store/adopting.lua"))
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
        run = subprocess.run(
            [*command, "tests/store/test_ballots.py"], cwd=copy, capture_output=True, check=False
        )
    return run.returncode == 0


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
