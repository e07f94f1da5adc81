"""Who may what at the console: every route and every role, in one table.

A route that isn't in the table fails the test, and so does one that is but no longer exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from people import Operator

from voting.organizer import POWERS, Role

O, R, S = Role.ORGANIZER, Role.REVIEWER, Role.SUPERVISOR  # noqa: E741 columns of a table
ALL = {O, R, S}
#: Needs no log-in.
OPEN = ALL | {None}

TABLE: dict[str, set[Role | None] | set[Role]] = {
    # the door
    "GET /organizer/log-in": OPEN,
    "POST /organizer/log-in": OPEN,
    "POST /organizer/log-out": OPEN,
    "GET /organizer/alive": ALL,
    "GET /organizer/password": ALL,
    "POST /organizer/password": ALL,
    "GET /organizer/<path:place>": ALL,
    # 总览
    "GET /organizer/": ALL,
    "GET /organizer/figures.json": ALL,
    # 审核
    "GET /organizer/review": {O, R},
    "GET /organizer/review/<int:number>": {O, R},
    "GET /organizer/review/<int:number>.json": {O, R},
    "POST /organizer/review/<int:number>/approve": {O, R},
    "POST /organizer/review/<int:number>/correct": {O, R},
    "POST /organizer/review/<int:number>/refuse": {O, R},
    # 作品
    "GET /organizer/entries": ALL,
    "GET /organizer/entries/<int:number>": ALL,
    "GET /organizer/media/<int:number>/<file>": ALL,
    "POST /organizer/entries/together": {O, R},
    "POST /organizer/entries/<int:number>/approve": {O, R},
    "POST /organizer/entries/<int:number>/withdraw": {O},
    "POST /organizer/entries/<int:number>/restore": {O},
    # 收件
    "GET /organizer/intake": {O, R},
    "POST /organizer/intake/files": {O, R},
    "POST /organizer/intake/<batch>/files": {O, R},
    "POST /organizer/intake/<batch>/remove": {O, R},
    "POST /organizer/intake/<batch>/start": {O, R},
    # 投票
    "GET /organizer/vote": ALL,
    "POST /organizer/vote/draft": {O},
    "POST /organizer/vote/<step>": {O},
    # 核查
    "GET /organizer/cases": {O, S},
    "POST /organizer/cases": {O, S},
    "GET /organizer/cases/<case_id>": {O, S},
    "POST /organizer/cases/<case_id>/<decision>": {O},
    # 共用网络
    "GET /organizer/networks": ALL,
    "POST /organizer/networks": {O},
    "POST /organizer/networks/withdraw": {O},
    # 申诉
    "GET /organizer/appeals": ALL,
    "GET /organizer/appeals/<int:number>": ALL,
    "POST /organizer/appeals/<int:number>/answer": {O},
    "POST /organizer/appeals/refuse": {O},
    # 导出
    "GET /organizer/exports": {O, S},
    "POST /organizer/exports": {O, S},
    "POST /organizer/exports/qr-pack": {O, S},
    "POST /organizer/exports/result-pack": {O, S},
    # Which jobs a role may see, fetch and stop follows from their kind: tests/web/organizer/
    # test_jobs.py.
    "GET /organizer/jobs/<job_id>.json": ALL,
    "GET /organizer/jobs/<job_id>/<file>": ALL,
    "POST /organizer/jobs/<job_id>/stop": ALL,
    # 操作记录
    "GET /organizer/log": {O, S},
    # 账号
    "GET /organizer/accounts": {O},
    "POST /organizer/accounts": {O},
    "GET /organizer/accounts/<name>": {O},
    "POST /organizer/accounts/<name>/role": {O},
    "POST /organizer/accounts/<name>/password": {O},
    "POST /organizer/accounts/<name>/disable": {O},
    "POST /organizer/accounts/<name>/enable": {O},
}

JSON = {"Accept": "application/json"}


def routes(app: Flask) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/organizer"):
            yield from (f"{way} {rule.rule}" for way in rule.methods - {"HEAD", "OPTIONS"})


def place(route: str) -> str:
    """The route's path with something in each of its parts."""
    path = route.partition(" ")[2]
    return re.sub(r"<[^>]+>", "x", re.sub(r"<int:[^>]+>", "1", path))


@pytest.fixture
def people(organizer: Operator, reviewer: Operator, supervisor: Operator) -> dict[Role, Operator]:
    return {O: organizer, R: reviewer, S: supervisor}


def test_the_table_holds_every_route_and_no_other(app: Flask):
    assert set(routes(app)) == set(TABLE)


def test_what_the_table_doesn_t_allow_is_403(people: dict[Role, Operator]):
    for route, allowed in TABLE.items():
        for role in ALL - allowed:
            one = people[role]
            ask = one.get if route.startswith("GET") else one.post
            for path in (place(route), f"{place(route)}?x=1"):
                answer = ask(path)
                assert answer.status_code == 403, (route, role)
                assert "您的账号不能使用这一页" in answer.text, (route, role)


def test_what_the_table_allows_is_let_in(people: dict[Role, Operator]):
    """A page is read; a write is refused for its missing token only, so nothing is done."""
    for route, allowed in TABLE.items():
        for role in ALL & allowed:
            if route.startswith("GET"):
                answer = people[role].get(place(route))
                assert answer.status_code in (200, 204, 302, 404, 410), (route, role)
                assert "您的账号不能使用这一页" not in answer.text, (route, role)
            else:
                answer = people[role].send(place(route), headers=JSON)
                assert answer.json["code"] == "stale_form", (route, role)


def test_whoever_isn_t_logged_in_gets_the_log_in_and_nothing_else(stranger: Operator):
    for route, allowed in TABLE.items():
        if None in allowed:
            continue
        if route.startswith("GET"):
            answer = stranger.get(place(route))
            told = (answer.status_code, answer.headers.get("Location", "")[:20])
            assert told == (302, "/organizer/log-in?to") or answer.status_code == 403, route
            answer = stranger.get(place(route), headers=JSON)
        else:
            answer = stranger.post_json(place(route))
            assert answer.status_code == 403, route
            answer = stranger.send(place(route), headers=JSON)
        assert (answer.status_code, answer.json["code"]) == (403, "logged_out"), route


def test_a_disabled_account_is_nobody(app: Flask, people: dict[Role, Operator]):
    accounts = app.extensions["site"].store.accounts
    for role in (R, S):
        accounts.set_disabled(people[role].name, True, "试")
        for route, allowed in TABLE.items():
            if route.startswith("GET") and None not in allowed:
                assert people[role].get(place(route), headers=JSON).status_code == 403


def test_the_table_says_what_the_powers_say(app: Flask):
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/organizer"):
            power = app.view_functions[rule.endpoint].power
            having = {role for role in Role if power is None or power in POWERS[role]}
            for way in rule.methods - {"HEAD", "OPTIONS"}:
                assert TABLE[f"{way} {rule.rule}"] - {None} == having, rule.rule
