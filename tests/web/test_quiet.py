"""The last hours: whoever looks at any public page before and after a hundred votes sees the same.

Every public address is asked, as the app's own map of addresses has them: one that nobody here
knows how to ask fails the test, so that no new one is forgotten.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count

import pytest
from flask import Flask
from people import Visitor
from reading import places
from staging import refresh
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from voting.appeal import About
from voting.batch import Decision
from voting.case import Case, Finding, Pattern
from voting.contest import HOUR_MS, Ballot, Closing, Identity, Quiet, Signals
from voting.organizer import Account, Role
from voting.web.site import Site

HIDDEN = (("quiet_hours = 0", "quiet_hours = 6"),)
ROUNDED = (*HIDDEN, ('quiet = "hidden"', 'quiet = "rounded"'), ("round_to = 100", "round_to = 50"))
#: 100 votes, in no entry as many as would take it over a step of 50, and places change with them.
BEFORE = {1: 310, 2: 305, 3: 300, 4: 200, 5: 101, 6: 52, 7: 49, 8: 1}
MORE = {1: 5, 3: 45, 4: 15, 5: 9, 6: 11, 8: 10, 9: 5}

#: What each address's own part may be. Those that aren't here aren't known how to be asked.
PARTS = {
    "number": ["1", "3", "9", "14", "999"],
    "filename": ["site.css", "site.js", "nothing.css"],
    "name": ["MP_verify_nobody.txt"],
    "word": ["nobody"],
}
QUERIES = {
    "/": ["", "?o=0001", "?sort=votes", "?sort=votes&o=0001", "?sort=newest", "?q=作者&o=0001",
          "?category=ai&o=0001", "?sort=votes&page=2"],
    "/api/v1/entries": ["", "?sort=votes", "?sort=newest", "?q=1", "?page=2"],
    "/api/v1/me": ["", "?entry=1", "?entry=3"],
    "/appeals/find": ["", "?ticket=AAAA"],
    "/appeals/new": ["", "?group=20000.one_address"],
}  # fmt: skip

#: What differs from one answer to the next whatever is counted, and why that tells nothing.
PASSING = (
    # Random: the form's token against other sites, and the visitor's own stamp of this look.
    (r'(name="(?:view|csrf[_-]token)"[^>]*(?:value|content)=")[^"]*', r"\1"),
    (r'("(?:view|share)": ")[^"]*', r"\1"),
)
PASSING_HEADERS = {
    "Date",  # when it was answered
    "Set-Cookie",  # the form's token again, in its session
}


@dataclass(frozen=True)
class Seen:
    """One answer, as far as it could tell anything of the votes."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def addresses(app: Flask, ticket: str) -> list[str]:
    found: list[str] = []
    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods and not rule.rule.startswith("/organizer"):
            paths = filled(rule, PARTS | {"ticket": [ticket, "AAAA-AAAA-AAAA-AAAA-AAAA"]})
            found += [path + query for path in paths for query in QUERIES.get(path, [""])]
    return found


def filled(rule: Rule, parts: dict[str, list[str]]) -> list[str]:
    unknown = rule.arguments - parts.keys()
    assert not unknown, f"{rule.rule}: how is this asked? Add {unknown} to PARTS"
    paths = [rule.rule]
    for part in rule.arguments:
        paths = [re.sub(rf"<(?:\w+:)?{part}>", one, path) for path in paths for one in parts[part]]
    return paths


def everything(app: Flask, ticket: str) -> dict[str, Seen]:
    stranger = Visitor(app.test_client(), "192.0.2.1")
    found = {}
    for path in addresses(app, ticket):
        for encoding in ("identity", "gzip"):
            stranger.client.delete_cookie("form")
            answer = stranger.get(path, headers={"Accept-Encoding": encoding})
            found[f"{path} {encoding}"] = Seen(
                answer.status_code, headers_of(answer), normal(answer.data)
            )
    return found


def headers_of(answer: TestResponse) -> tuple[tuple[str, str], ...]:
    """Content-Length among them: what is random in a body is always as long."""
    return tuple(sorted((k, v) for k, v in answer.headers if k not in PASSING_HEADERS))


def normal(body: bytes) -> bytes:
    try:
        text = body.decode()
    except UnicodeDecodeError:  # a picture, or compressed
        return body
    for pattern, instead in PASSING:
        text = re.sub(pattern, instead, text)
    return text.encode()


def crowd(site: Site, votes: dict[int, int]) -> None:
    """So many votes, by the script that counts all votes; then the next page knows of them."""
    unknown = Signals(Identity.DEMO, bytes(6), bytes(6), bytes(4), bytes(4), 0, 0)
    ids = (sha256(b"quiet:%d" % n).digest() for n in count(site.store.ledger.tally().total()))
    now_ms = int(time.time() * 1000)
    ballots = [
        (Ballot(one[:8], one[8:16], number, now_ms), unknown)
        for number, many in votes.items()
        for _, one in zip(range(many), ids, strict=False)
    ]
    outcomes = site.store.ballots.cast_all(ballots)
    assert outcomes is None or all(one.vote_id for one in outcomes)
    refresh(site)


def stand(app: Flask, now_ms: int) -> Site:
    """Pages see this moment, for as long as the test takes; the store has its own clock."""
    site: Site = app.extensions["site"]
    site.clock = site.store.boards.clock = lambda: now_ms / 1000
    refresh(site)
    return site


def in_quiet_hours(app: Flask) -> Site:
    site: Site = app.extensions["site"]
    closes_ms = site.store.rules.versions()[-1].closes_ms
    return stand(app, closes_ms - HOUR_MS)


def visit(site: Site, path: str, app: Flask) -> str:
    return Visitor(app.test_client(), "192.0.2.1").get(path).text


@pytest.mark.parametrize("changes", [HIDDEN, ROUNDED], ids=["hidden", "rounded"])
def test_a_hundred_votes_in_the_quiet_hours_leave_no_trace_in_any_public_answer(
    raise_site: Callable[..., Flask], changes: tuple[tuple[str, str], ...]
):
    app = raise_site(*changes)
    site = in_quiet_hours(app)
    crowd(site, BEFORE)
    ticket = site.store.appeals.add(About(1), "为什么？", site.now_ms())
    order = [row.number for row in site.board().standings.rows]
    before = everything(app, ticket)
    crowd(site, MORE)
    assert site.board().standings.total_votes == sum(BEFORE.values()) + 100
    assert [row.number for row in site.board().standings.rows] != order, "places did change"
    after = everything(app, ticket)
    assert after.keys() == before.keys()
    told = {"/", "/top", "/e/3", "/api/v1/standings", "/api/v1/entries?sort=votes", "/healthz",
            "/metrics", "/appeals", "/results", "/rules", "/api/v1/removed", "/robots.txt",
            f"/appeals/{ticket}", "/e/3/qr.png", "/e/3/poster.jpg"}  # fmt: skip
    assert {f"{path} identity" for path in told} <= after.keys()
    assert [path for path in after if after[path] != before[path]] == []


def test_outside_the_quiet_hours_the_same_hundred_votes_are_seen(
    raise_site: Callable[..., Flask],
):
    """Else the test above would find no difference in anything."""
    app = raise_site(*HIDDEN)
    site: Site = app.extensions["site"]
    stand(app, site.now_ms())
    crowd(site, BEFORE)
    before = everything(app, "AAAA")
    crowd(site, MORE)
    after = everything(app, "AAAA")
    changed = {re.split(r"[? ]", path)[0] for path in after if after[path] != before[path]}
    assert {"/", "/top", "/e/3", "/api/v1/standings"} <= changed


def test_what_is_decided_today_leaves_no_trace_in_any_public_answer(
    raise_site: Callable[..., Flask],
):
    """Whoever sells votes tries some out, and looks everywhere whether they were noticed."""
    app = raise_site()
    site: Site = app.extensions["site"]
    stand(app, site.now_ms())
    crowd(site, BEFORE)
    for name in ("甲", "乙"):
        site.store.accounts.add(Account(name, Role.ORGANIZER, "hash", 0))
    ids = [vote.id for vote in site.store.ledger.votes() if vote.entry in (1, 4)]
    case = Case("c1", Pattern.CROWD, Finding.VOTES, (), 3, 0.0, 0.0, 0.0, 1.0, 0, 0, (), "")
    before = everything(app, "AAAA")
    batch, held = (site.store.batches.freeze(case, some, "甲") for some in (ids[:100], ids[100:]))
    for one, what, by in ((held, Decision.HOLD, "甲"), (batch, Decision.ASK_VOID, "甲"),
                          (batch, Decision.VOID, "乙")):  # fmt: skip
        site.store.batches.decide(one.id, what, "因为", by)
        refresh(site)
        after = everything(app, "AAAA")
        assert [path for path in after if after[path] != before[path]] == []
    assert sum(site.board().removed_now.values()) == 100


def test_rounded_counts_rank_by_what_is_shown(raise_site: Callable[..., Flask]):
    app = raise_site(*ROUNDED)
    site = in_quiet_hours(app)
    crowd(site, BEFORE)
    standings = Visitor(app.test_client(), "192.0.2.1").get("/api/v1/standings").json
    assert (standings["counts"], standings["rounded_to"]) == ("rounded", 50)
    assert [(r["rank"], r["number"], r["votes"]) for r in standings["entries"]][:7] == [
        (1, 1, 300), (1, 2, 300), (1, 3, 300), (4, 4, 200), (5, 5, 100), (6, 6, 50), (7, 7, 0),
    ]  # fmt: skip
    assert standings["total_votes"] == 1250
    page = visit(site, "/top", app)
    assert places(page)[:4] == [(1, 1), (1, 2), (1, 3), (4, 4)]
    assert page.count("并列第 1 名，先后不分") == 3
    assert "取整后共" in page
    assert "300+</b> 票" in page
    assert "不到 50</b> 票" in page
    assert "310" not in page
    assert "还没有得票" not in page, "49 votes are not none"
    entry = visit(site, "/e/1", app)
    assert "300+" in entry
    assert "data-votes" not in entry
    assert "不到 50" in visit(site, "/e/7", app)
    assert "名次（" not in visit(site, "/e/7", app)
    gallery = visit(site, "/?sort=votes", app)
    assert "300+ 票" in gallery
    assert "不到 50 票" in gallery


def test_rounded_counts_below_the_first_step_are_said_to_be(raise_site: Callable[..., Flask]):
    app = raise_site(*ROUNDED)
    site = in_quiet_hours(app)
    crowd(site, {1: 7, 2: 3})
    page = visit(site, "/top", app)
    assert "票数都不到 50" in page
    assert places(page) == []
    assert "没有人投票" not in page


def test_hidden_hours_say_so_and_offer_no_order_by_votes(raise_site: Callable[..., Flask]):
    app = raise_site(*HIDDEN)
    site = in_quiet_hours(app)
    crowd(site, BEFORE)
    for path in ("/top", "/e/1", "/rules"):
        assert "最后 6 小时不公布票数和名次" in visit(site, path, app), path
    assert "sort=votes" not in visit(site, "/", app)
    assert places(visit(site, "/top", app)) == []
    standings = Visitor(app.test_client(), "192.0.2.1").get("/api/v1/standings").json
    assert (standings["counts"], standings["entries"], standings["total_votes"]) == (
        "hidden", [], None,
    )  # fmt: skip
    by_votes = Visitor(app.test_client(), "192.0.2.1").get("/api/v1/entries?sort=votes").json
    newest = Visitor(app.test_client(), "192.0.2.1").get("/api/v1/entries?sort=newest").json
    assert by_votes == newest


@pytest.mark.parametrize(
    ("changes", "words"),
    [(HIDDEN, "最后 6 小时票数不再公布"), (ROUNDED, "最后 6 小时票数只公布到 50 的整数倍")],
    ids=["hidden", "rounded"],
)
def test_what_is_to_come_is_told_before(
    raise_site: Callable[..., Flask], changes: tuple[tuple[str, str], ...], words: str
):
    app = raise_site(*changes)
    site: Site = app.extensions["site"]
    rules = site.store.rules.versions()[-1]
    for hours, said in ((6 + 100, {"/top", "/rules"}), (6 + 30, {"/top", "/rules", "/e/1"})):
        stand(app, rules.closes_ms - hours * HOUR_MS)
        told = {path for path in ("/top", "/rules", "/e/1", "/") if words in visit(site, path, app)}
        assert told == said
    assert "18:00" in visit(site, "/top", app), "the demo ends at midnight"
    stand(app, rules.closes_ms - 7 * HOUR_MS)
    assert f'data-until="{rules.quiet_ms}"' in visit(site, "/top", app)
    for until_ms in (rules.closes_ms, rules.opens_ms - 1):
        stand(app, until_ms)
        for path in ("/top", "/e/1"):
            assert "最后 6 小时" not in visit(site, path, app), path


def test_a_contest_without_quiet_hours_says_nothing_of_them(raise_site: Callable[..., Flask]):
    app = raise_site()
    site: Site = app.extensions["site"]
    rules = site.store.rules.versions()[-1]
    stand(app, rules.closes_ms - HOUR_MS)
    crowd(site, BEFORE)
    for path in ("/top", "/e/1", "/rules"):
        assert "小时票数" not in visit(site, path, app)
    assert 'data-votes="310"' in visit(site, "/e/1", app)


def test_the_console_always_has_the_exact_counts(raise_site: Callable[..., Flask]):
    app = raise_site(*HIDDEN)
    site = in_quiet_hours(app)
    crowd(site, BEFORE)
    board = site.board()
    assert board.shown(site.now_ms()).rows == ()
    assert board.standings_now.rows[0].votes == 310


def test_quiet_hours_that_are_lifted_are_lifted_by_a_version_that_everybody_reads(
    raise_site: Callable[..., Flask],
):
    """As any change of the rules: with a reason, for all to see."""
    app = raise_site(*HIDDEN)
    site = in_quiet_hours(app)
    crowd(site, BEFORE)
    law = replace(site.contest.law, closing=Closing())
    site.store.rules.apply(law, "网友反映看不懂，恢复公布", site.now_ms())
    refresh(site)
    assert 'data-votes="310"' in visit(site, "/e/1", app)
    rules = visit(site, "/rules", app)
    assert "网友反映看不懂，恢复公布" in rules
    assert "最后 6 小时不公布票数" in rules, "the version before says what it was"


def test_an_extended_vote_is_quiet_in_its_new_last_hours(raise_site: Callable[..., Flask]):
    app = raise_site(*HIDDEN)
    site = in_quiet_hours(app)
    crowd(site, BEFORE)
    rules = site.store.rules.versions()[-1]
    site.store.rules.extend(rules.closes_ms + 24 * HOUR_MS, "系统故障，顺延一天")
    refresh(site)
    assert 'data-votes="310"' in visit(site, "/e/1", app)
    stand(app, rules.closes_ms + 19 * HOUR_MS)
    assert "data-votes" not in visit(site, "/e/1", app)
    assert "系统故障，顺延一天" in visit(site, "/rules", app)


def test_quiet_by_quiet_every_word_is_one_of_three(raise_site: Callable[..., Flask]):
    app = raise_site(*ROUNDED)
    site: Site = app.extensions["site"]
    rules = site.store.rules.versions()[-1]
    words = []
    for at_ms in (rules.opens_ms - 1, rules.opens_ms, rules.quiet_ms, rules.closes_ms):
        stand(app, at_ms)
        standings = Visitor(app.test_client(), "192.0.2.1").get("/api/v1/standings").json
        words.append(standings["counts"])
    assert words == ["hidden", "exact", "rounded", "exact"]
    assert rules.closing.quiet is Quiet.ROUNDED


def test_the_review_is_told_on_the_rules_and_while_the_result_is_waited_for(
    raise_site: Callable[..., Flask],
):
    app = raise_site(("review_hours = 0", "review_hours = 72"))
    site: Site = app.extensions["site"]
    rules = site.store.rules.versions()[-1]
    stand(app, site.now_ms())
    assert "核查期 72 小时" in visit(site, "/rules", app)
    stand(app, rules.closes_ms)
    page = visit(site, "/results", app)
    assert "核查期到 <b>" in page
    assert 'href="/appeals"' in page
    stand(app, rules.review_until_ms)
    assert "已经到了" in visit(site, "/results", app)


@pytest.mark.parametrize(
    ("rule", "words"),
    [("jury", "由组委会在这几件作品中评议决定"), ("all_awarded", "可能获奖的这几件作品一并获奖")],
)
def test_what_a_close_call_comes_to_is_told_before(
    raise_site: Callable[..., Flask], rule: str, words: str
):
    app = raise_site(('close_call = "count"', f'close_call = "{rule}"'))
    assert words in visit(app.extensions["site"], "/rules", app)
