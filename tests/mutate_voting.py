"""Prove that the tests of the vote aren't toys: break voting.lua, and each time be noticed.

`python -m tests.mutate_voting` takes out every line that the script can run without, and turns
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

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path("voting/store/voting.lua")
TURNED = (
    ("cast_for_entry >=", "cast_for_entry >"),
    ("left == 0", "left == 1"),
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


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """What was done, and the script it leaves."""
    lines = source.splitlines()
    for at, line in enumerate(lines):
        if line.strip() and not line.lstrip().startswith("--"):
            yield f"without line {at + 1}: {line.strip()}", "\n".join(lines[:at] + lines[at + 1 :])
    for old, new in TURNED:
        if old in source:
            yield f"{old!r} turned into {new!r}", source.replace(old, new)


def survives(mutant: tuple[str, str]) -> str | None:
    """The mutant's description if the tests let it live."""
    what, script = mutant
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        for part in ("voting", "tests", "config"):
            kept_out = shutil.ignore_patterns("*.mp4", "__pycache__", "fonts")
            shutil.copytree(ROOT / part, copy / part, ignore=kept_out)
        shutil.copy(ROOT / "pyproject.toml", copy)
        (copy / SCRIPT).write_text(script, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        run = subprocess.run(
            [*command, "tests/store/test_ballots.py"], cwd=copy, capture_output=True, check=False
        )
    return what if run.returncode == 0 else None


def main() -> int:
    source = (ROOT / SCRIPT).read_text(encoding="utf-8")
    found = list(mutants(source))
    with ThreadPoolExecutor(max_workers=2) as hands:
        alive = [what for what in hands.map(survives, found) if what]
    for what in alive:
        print(f"survived: {what}")
    print(f"{len(found)} mutants of voting.lua, {len(alive)} survived")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
