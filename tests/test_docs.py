"""The docs against the code: keys, environment, configuration and API, each in both directions."""

from __future__ import annotations

import ast
import json
import re

import pytest
from flask import Flask
from people import Visitor

from voting.settings import ROOT
from voting.store.keys import TABLE, Key
from voting.store.ledger import ROW
from voting.web.ballot import ANSWERS
from voting.web.errors import HTTP_REFUSALS

CONFIG = ROOT / "config"


def text_of(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def rows_of(text: str) -> list[list[str]]:
    """The rows of a document's tables, cell by cell, without their heads."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not all(set(cell) <= set("-: ") for cell in row)]


KEY_ROWS = {row[0].strip("`"): row for row in rows_of(text_of("docs", "redis.md"))
            if len(row) == 5 and row[2] in ("law", "throttle")}  # fmt: skip


@pytest.mark.parametrize("key", TABLE, ids=lambda key: key.pattern)
def test_every_key_stands_in_redis_md_with_its_type_and_lifetime(key: Key):
    _, kind, _, lifetime, meaning = KEY_ROWS[key.pattern]
    assert (kind, lifetime) == (key.type, key.lifetime)
    assert meaning


def test_redis_md_names_no_key_that_is_not_there():
    assert KEY_ROWS.keys() == {key.pattern for key in TABLE}


def test_redis_md_gives_a_ledger_row_s_size():
    assert f"A ledger row is {ROW.size} bytes" in text_of("docs", "redis.md")


def variables_read() -> set[str]:
    """What settings.py asks the environment for, told from its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text_of("voting", "settings.py"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("text", "number", "url", "page")
            and isinstance(node.args[0], ast.Constant)
        ):
            names.add(str(node.args[0].value))
    for secret in ("SIGNING", "PSEUDONYM", "SEALING"):
        names |= {f"{secret}_KEY", f"{secret}_KEY_FILE"}
    return names


def variables_shipped() -> set[str]:
    return set(re.findall(r"^([A-Z_]+)=", text_of("config", "example.env"), re.MULTILINE))


def test_the_example_environment_names_exactly_what_is_read():
    assert len(variables_read()) >= 18
    assert variables_shipped() == variables_read()


@pytest.mark.parametrize("name", sorted(variables_read()))
def test_every_variable_stands_in_operations_md(name: str):
    assert re.search(rf"\b{name}\b", text_of("docs", "operations.md"))


def test_every_variable_of_the_example_environment_is_explained():
    told = False
    for line in text_of("config", "example.env").splitlines():
        if line.startswith("#"):
            told = True
        elif not line.strip():
            told = False
        else:
            assert told, f"{line} stands under no comment"


def test_every_key_of_contest_toml_is_explained_on_the_line_above():
    lines = text_of("config", "contest.toml").splitlines()
    keys = [n for n, line in enumerate(lines) if re.match(r"[a-z_]+ = ", line)]
    assert len(keys) >= 22
    for n in keys:
        assert lines[n - 1].startswith("# "), lines[n]
        assert len(lines[n - 1]) > 4


def test_the_tests_contest_has_the_keys_of_the_shipped_one():
    def keys(text: str) -> list[str]:
        return re.findall(r"^(\[.*\]|[a-z_]+)(?: = .*)?$", text, re.MULTILINE)

    assert keys(text_of("tests", "contest.toml")) == keys(text_of("config", "contest.toml"))


@pytest.fixture
def described(alice: Visitor) -> dict:
    answer = alice.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return answer.json


def calls_of(app: Flask) -> set[tuple[str, str]]:
    """Method and path of every call under /api/, as OpenAPI writes paths."""
    return {
        (method.lower(), re.sub(r"<(?:int:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


def test_the_api_s_description_has_every_call_and_no_other(app: Flask, described: dict):
    assert described["openapi"].startswith("3.")
    found = {(method, path) for path, item in described["paths"].items()
             for method in item if method in ("get", "post", "put", "patch", "delete")}  # fmt: skip
    assert found == calls_of(app)


def test_the_api_s_description_names_every_code_that_a_vote_can_be_answered_with(described: dict):
    words = json.dumps(described["paths"]["/api/v1/entries/{number}/votes"])
    for verdict, answer in ANSWERS.items():
        assert verdict.value in words, verdict
        assert f'"{answer.status}"' in words, answer.status
    everything = json.dumps(described)
    for code in ("bad_request", "unsupported_media_type", "too_large", "foreign_site",
                 "too_many_passes", "too_many_requests", "store_unavailable"):  # fmt: skip
        assert code in everything, code
    assert HTTP_REFUSALS[415][0] == "unsupported_media_type"


def test_every_reference_in_the_api_s_description_leads_somewhere(described: dict):
    schemas = described["components"]["schemas"]
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert named <= set(schemas)
    assert set(schemas) <= named, "a schema that nobody uses"


def fields_in(described: dict, name: str) -> set[str]:
    return set(described["components"]["schemas"][name]["properties"])


def test_the_answers_have_the_fields_that_are_described(described: dict, alice: Visitor):
    me = described["paths"]["/api/v1/me"]["get"]["responses"]["200"]["content"]
    name = me["application/json"]["schema"]["$ref"].rpartition("/")[2]
    looked = set(alice.me(1))
    made = alice.ask_pass(1, alice.me(1)["view"]).json
    assert looked | set(alice.me(1)) == fields_in(described, name)
    for path, method, status, answer in (
        ("/api/v1/passes", "post", "201", made),
        ("/api/v1/entries/{number}/votes", "post", "201", alice.cast(1, made["ballot"]).json),
        ("/api/v1/entries/{number}/votes", "post", "409", alice.vote(1).json),
        ("/api/v1/entries", "get", "200", alice.get("/api/v1/entries").json),
        ("/api/v1/standings", "get", "200", alice.get("/api/v1/standings").json),
    ):
        content = described["paths"][path][method]["responses"][status]["content"]
        (schema,) = (kind["schema"] for kind in content.values())
        assert set(answer) == fields_in(described, schema["$ref"].rpartition("/")[2]), path


def test_the_makefile_and_the_docs_name_no_place_of_one_machine():
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *CONFIG.glob("*.*"), ROOT / "Makefile"]
    for path in files:
        words = path.read_text(encoding="utf-8")
        assert not re.search(r"/(root|home)/", words), path


def test_the_readme_s_pictures_are_there_and_light():
    both = text_of("README.md") + text_of("README.zh-CN.md")
    shown = {ROOT / path for path in re.findall(r"docs/pictures/[\w.-]+", both)}
    assert len(shown) >= 4
    assert all(path.stat().st_size <= 300_000 for path in shown)
