"""The ranking, as a page and as data, and that hidden counts stay hidden everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask
from people import Town, Visitor
from reading import places
from staging import refresh

from voting.batch import Decision
from voting.case import Case, Finding, Pattern
from voting.contest import SHANGHAI
from voting.organizer import Account, Role
from voting.web.site import Site

HIDDEN = ('counts = "live"', 'counts = "after_close"')


def votes_for(town: Town, votes: dict[int, int]) -> None:
    for entry, number in votes.items():
        for _ in range(number):
            assert town.visitor().vote(entry).status_code == 201


def change_rules(site: Site, **fields: object) -> None:
    site.store.rules.apply(replace(site.contest.law, **fields), "试验", site.now_ms())
    refresh(site)


def test_standings_are_phase_time_total_and_each_entry_s_place(site: Site, town: Town):
    votes_for(town, {3: 2, 7: 2, 5: 1})
    refresh(site)
    answer = town.visitor().get("/api/v1/standings")
    standings = answer.json
    assert answer.mimetype == "application/json"
    assert set(standings) >= {"as_of", "phase", "total_votes", "entries"}
    assert (standings["counts"], standings["rounded_to"]) == ("exact", None)
    assert (standings["phase"], standings["total_votes"]) == ("open", 5)
    assert standings["entries"][:4] == [
        {"rank": 1, "number": 3, "votes": 2, "held": 0},
        {"rank": 1, "number": 7, "votes": 2, "held": 0},
        {"rank": 3, "number": 5, "votes": 1, "held": 0},
        {"rank": 4, "number": 1, "votes": 0, "held": 0},
    ]
    assert len(standings["entries"]) == 12
    as_of = datetime.fromisoformat(standings["as_of"])
    assert as_of.utcoffset() == timedelta(hours=8)


def test_the_page_shows_the_same_places_and_the_line_of_the_tenth(site: Site, town: Town):
    votes_for(town, {n: 13 - n for n in range(1, 12)})
    refresh(site)
    page = town.visitor().get("/top").text
    assert places(page) == [(n, n) for n in range(1, 13)]
    top, line, rest = page.partition("前 10 名获网络人气奖")
    assert line
    assert len(places(top)) == 10
    assert len(places(rest)) == 2
    assert "第 10 名 3 票" in rest
    assert "距第10名还差 1 票" in rest
    assert "还没有得票" in rest
    assert "77</b> 票" in page
    assert "同票时，并列作品一并获奖" in page
    assert "截至" in page


def test_shared_places_are_shown_as_shared_and_nobody_wins_without_a_vote(
    site: Site, town: Town
):
    page = town.visitor().get("/top").text
    assert "还没有人投票" in page
    assert places(page) == []
    votes_for(town, {1: 2, 2: 2, 3: 1})
    refresh(site)
    page = town.visitor().get("/top").text
    assert places(page)[:4] == [(1, 1), (1, 2), (3, 3), (4, 4)]
    assert page.count("并列第 1 名") == 2
    top, _, rest = page.partition("前 10 名获网络人气奖")
    assert (len(places(top)), len(places(rest))) == (3, 9)
    assert rest.count("还没有得票") == 9


def test_a_place_that_nobody_has_yet_has_no_count(site: Site, town: Town):
    votes_for(town, {1: 4, 2: 2, 3: 2})
    refresh(site)
    page = town.visitor().get("/top").text
    assert "还空着 7 个名额" in page
    assert "第 10 名 2 票" not in page


def test_the_ranking_waits_for_the_first_vote_by_itself(alice: Visitor):
    page = alice.get("/top").text
    assert "还没有人投票" in page
    assert "ranking.js" in page


def test_a_shared_last_place_goes_to_the_jury_where_the_rules_say_so(
    raise_site: Callable[..., Flask]
):
    app = raise_site(('tie = "all_awarded"', 'tie = "jury"'))
    votes_for(Town(app), {1: 1})
    refresh(app.extensions["site"])
    for path in ("/top", "/rules"):
        assert "由组委会评议决定" in Town(app).visitor().get(path).text


def test_all_who_share_the_last_winning_place_are_in(site: Site, town: Town):
    votes_for(town, {n: 1 + (n < 10) for n in range(1, 13)})
    refresh(site)
    page = town.visitor().get("/top").text
    top, _, rest = page.partition("前 10 名获网络人气奖")
    assert [rank for rank, _ in places(top)] == [1] * 9 + [10] * 3
    assert places(rest) == []
    assert "在前10名内" in town.visitor().get("/e/12").text


def test_a_withdrawn_entry_leaves_and_the_others_move_up(site: Site, town: Town):
    votes_for(town, {1: 3, 2: 2, 3: 1})
    site.store.entries.withdraw(1, "争议")
    refresh(site)
    standings = town.visitor().get("/api/v1/standings").json
    assert standings["entries"][0] == {"rank": 1, "number": 2, "votes": 2, "held": 0}
    assert standings["total_votes"] == 3
    assert 1 not in [row["number"] for row in standings["entries"]]


@pytest.mark.parametrize(
    ("fields", "phase"),
    [
        ({"opens": datetime.now(SHANGHAI) + timedelta(days=1)}, "before"),
        ({"closes": datetime.now(SHANGHAI) - timedelta(minutes=1)}, "closed"),
        ({"votes_per_voter": 6}, "open"),
    ],
)
def test_the_phase_follows_the_rules_and_before_the_opening_nothing_is_shown(
    site: Site, alice: Visitor, fields: dict, phase: str
):
    change_rules(site, **fields)
    standings = alice.get("/api/v1/standings").json
    assert standings["phase"] == phase
    assert alice.me()["phase"] == phase
    assert (standings["total_votes"] is None) is (phase == "before")
    assert (standings["entries"] == []) is (phase == "before")
    words = {"before": "投票未开始", "closed": "投票已结束", "open": "投票进行中"}[phase]
    for path in ("/", "/top", "/rules"):
        assert words in alice.get(path).text


def test_a_pause_is_shown(site: Site, alice: Visitor):
    site.store.rules.pause("核查")
    refresh(site)
    assert alice.get("/api/v1/standings").json["phase"] == "paused"
    assert "投票暂停中" in alice.get("/e/1").text


def test_standings_are_cheap_for_who_has_them(site: Site, alice: Visitor):
    first = alice.get("/api/v1/standings")
    again = alice.get("/api/v1/standings", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code in (200, 304)
    assert first.headers["Cache-Control"] == "public, max-age=2"


@pytest.fixture
def hidden(raise_site: Callable[..., Flask]) -> Flask:
    """A site whose counts are public after the close only; its clock stands."""
    app = raise_site(HIDDEN)
    site: Site = app.extensions["site"]
    now = site.now_ms() / 1000
    site.clock = site.store.boards.clock = lambda: now
    return app


def public_outputs(app: Flask) -> dict[str, str]:
    """What a stranger can read, by URL: every GET rule, and the questions that concern counts."""
    stranger = Town(app).visitor("192.0.2.1")
    rules = [rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods]
    paths = [rule for rule in rules if "<" not in rule]
    ones = [rule for rule in rules if rule.count("<") == 1 and "<int:number>" in rule]
    paths += [one.replace("<int:number>", str(n)) for one in ones for n in range(1, 13)
              if not one.endswith("poster.jpg")]  # fmt: skip
    assert {"/", "/top", "/e/1", "/api/v1/standings", "/e/12/vote"} <= set(paths)
    asked = ("o=0001", "sort=votes&o=0001", "sort=votes", "sort=newest", "q=作者", "category=ai")
    paths += [f"{path}?{query}" for query in asked for path in ("/", "/api/v1/entries")]
    tokens = re.compile(r'(name="(?:view|csrf[_-]token)"[^>]*(?:value|content)=")[^"]*')
    return {path: tokens.sub(r"\1", stranger.get(path, buffered=True).text) for path in paths
            if not path.endswith(".png")}  # fmt: skip


def test_hidden_counts_leave_no_trace_in_any_output_before_the_close(hidden: Flask):
    site: Site = hidden.extensions["site"]
    before = public_outputs(hidden)
    votes_for(Town(hidden), {1: 12, 2: 5, 3: 3})
    refresh(site)
    assert site.board().standings.total_votes == 20, "the board knows"
    after = public_outputs(hidden)
    assert after.keys() == before.keys()
    assert [path for path in after if after[path] != before[path]] == []
    stranger = Town(hidden).visitor("192.0.2.1")
    assert "结果在投票结束后公布" in stranger.get("/top").text
    assert stranger.get("/api/v1/standings").json["entries"] == []
    assert stranger.get("/api/v1/standings").json["total_votes"] is None
    assert "sort=votes" not in stranger.get("/").text


def test_the_voter_s_own_answers_tell_no_count_either(hidden: Flask):
    town = Town(hidden)
    votes_for(town, {1: 7})
    alice = town.visitor()
    vote = alice.vote(1).json
    assert set(vote) == {"code", "entry", "votes_left", "receipt", "at"}
    assert set(alice.me(1)) == {
        "voter_class", "votes_left", "votes_per_voter", "votes_per_entry", "period", "voted",
        "phase", "counts", "opens", "closes", "now", "ballot", "sign_in", "share", "intended",
    }  # fmt: skip


def test_after_the_close_hidden_counts_are_shown(hidden: Flask):
    site: Site = hidden.extensions["site"]
    votes_for(Town(hidden), {2: 3, 1: 1})
    ended = datetime.now(SHANGHAI) - timedelta(minutes=1)
    change_rules(site, closes=ended)
    stranger = Town(hidden).visitor()
    standings = stranger.get("/api/v1/standings").json
    assert standings["total_votes"] == 4
    assert standings["entries"][0] == {"rank": 1, "number": 2, "votes": 3, "held": 0}
    assert places(stranger.get("/top").text)[:2] == [(1, 2), (2, 1)]
    assert 'data-votes="3"' in stranger.get("/e/2").text


def test_a_thousand_entries_make_no_page_of_a_thousand_rows(raise_site: Callable[..., Flask]):
    app = raise_site(approved=300)
    alice = Town(app).visitor()
    alice.vote(7)
    refresh(app.extensions["site"])
    page = alice.get("/top").text
    assert page.count('<li class="row') == 201
    assert "还有 99 件" in page
    assert len(alice.get("/api/v1/standings").json["entries"]) == 300


# --- votes that are being looked into -----------------------------------------------------------


@pytest.fixture
def held(site: Site, town: Town) -> Site:
    """Two of 1's four votes and the one of 3 are held; 2 has two votes."""
    for entry in (1, 1, 1, 1, 2, 2, 3):
        assert town.visitor().vote(entry).status_code == 201
    of = {n: [v.id for v in site.store.ledger.votes() if v.entry == n] for n in (1, 3)}
    site.store.accounts.add(Account("甲", Role.ORGANIZER, "hash", 0))
    case = Case("c1", Pattern.CROWD, Finding.VOTES, (), 3, 0.0, 0.0, 0.0, 1.0, 0, 0, (), "")
    batch = site.store.batches.freeze(case, of[1][:2] + of[3], "甲")
    site.store.batches.decide(batch.id, Decision.HOLD, "先看看", "甲")
    refresh(site)
    return site


def test_before_midnight_nobody_sees_what_is_being_looked_into(held: Site, alice: Visitor):
    page = alice.get("/top").text
    assert "核查中" not in re.sub(r"<section.*", "", page, flags=re.DOTALL)
    assert {row["held"] for row in alice.get("/api/v1/standings").json["entries"]} == {0}


def test_what_is_being_looked_into_counts_and_is_the_lighter_part_of_the_bar(
    held: Site, alice: Visitor
):
    held.store.rules.close("提前")
    refresh(held)
    rows = alice.get("/api/v1/standings").json["entries"][:3]
    assert [(row["number"], row["votes"], row["held"]) for row in rows] == [
        (1, 4, 2), (2, 2, 0), (3, 1, 1),
    ]  # fmt: skip
    page = alice.get("/top").text
    assert page.count("核查中 2</span>") == page.count("核查中 1</span>") == 1
    bars = re.findall(r'<svg class="share-of".*?</svg></svg>', page)
    assert '<svg width="100.0%"' in bars[0]
    half = '<rect width="50.0%" height="100%"/><rect class="held" x="50.0%" width="50.0%"'
    assert half in bars[0]
    assert "held" not in bars[1]
    assert '<rect width="0.0%" height="100%"/><rect class="held" x="0.0%" width="100.0%"' in bars[2]


def test_what_is_kept_is_not_looked_into_any_more(held: Site, alice: Visitor):
    held.store.rules.close("提前")
    (now,) = held.store.batches.all()
    held.store.batches.decide(now.batch.id, Decision.KEEP, "真的", "甲")
    refresh(held)
    assert "核查中 2" not in alice.get("/top").text


def test_what_is_removed_is_gone_from_every_public_count(held: Site, alice: Visitor):
    held.store.rules.close("提前")
    held.store.accounts.add(Account("乙", Role.ORGANIZER, "hash", 0))
    (now,) = held.store.batches.all()
    etag = alice.get("/api/v1/standings").headers["ETag"]
    held.store.batches.decide(now.batch.id, Decision.ASK_VOID, "不像真人", "甲")
    held.store.batches.decide(now.batch.id, Decision.VOID, "同意", "乙")
    refresh(held)
    answer = alice.get("/api/v1/standings")
    assert answer.headers["ETag"] != etag
    assert answer.json["total_votes"] == 4
    rows = answer.json["entries"][:3]
    assert [(row["rank"], row["number"], row["votes"], row["held"]) for row in rows] == [
        (1, 1, 2, 0), (1, 2, 2, 0), (3, 3, 0, 0),
    ]  # fmt: skip
