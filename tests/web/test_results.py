"""The published result on every page, and what stands there before."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from casting import SIGNALS, a_ballot, looked_at
from flask import Flask
from people import Town, Visitor
from reading import places
from staging import refresh

from voting.contest import EntryState, Identity, Step
from voting.report import draft
from voting.result import Result, digest, public
from voting.web.site import Site

BACK = (Step.CLOSE, Step.REVIEW, Step.PUBLISH, Step.UNPUBLISH)
PAGES = ("/", "/top", "/rules", "/results", "/e/1", "/mine")


def cast(town: Town, votes: dict[int, int]) -> None:
    for entry, number in votes.items():
        for _ in range(number):
            assert town.visitor().vote(entry).status_code == 201


def to(site: Site, *steps: Step) -> None:
    rules = site.store.rules
    take = {
        Step.PAUSE: lambda: rules.pause("核查"),
        Step.CLOSE: lambda: rules.close("提前"),
        Step.REVIEW: lambda: rules.begin_review("投票截止"),
        Step.PUBLISH: lambda: publish(site),
        Step.UNPUBLISH: lambda: site.store.results.unpublish("票数要再核"),
    }
    for step in steps:
        take[step]()
    refresh(site)


def publish(site: Site, reason: str = "组委会确认", **jury: object) -> Result:
    looked_at(site.store)
    made = draft.make(site.store, site.contest, site.now_ms(), lambda *_: None)
    return site.store.results.publish(digest(made), reason, "王组织", **jury)


@pytest.fixture
def published(site: Site, town: Town) -> Site:
    """Twelve entries with 12 to 1 votes, 3 of them withdrawn; the result is out."""
    cast(town, {n: 13 - n for n in range(1, 13)})
    site.store.entries.withdraw(3, "音乐版权争议")
    to(site, Step.CLOSE, Step.REVIEW, Step.PUBLISH)
    return site


@pytest.mark.parametrize(
    ("steps", "on_results", "line"),
    [
        ((), "结果在这里公布", "投票进行中"),
        ((Step.PAUSE,), "结果在这里公布", "投票暂停中"),
        ((Step.CLOSE,), "投票已经结束", "投票已结束"),
        ((Step.CLOSE, Step.REVIEW), "结果正在核对", "结果核对中"),
        (BACK, "以前公布过的结果已撤回", "结果核对中"),
    ],
    ids=["open", "paused", "closed", "under_review", "taken back"],
)  # fmt: skip
def test_before_it_is_published_the_page_says_what_is_going_on(
    site: Site, alice: Visitor, town: Town, steps: tuple[Step, ...], on_results: str, line: str
):
    cast(town, {1: 1})
    to(site, *steps)
    page = alice.get("/results").text
    assert on_results in page
    for path in ("/", "/top", "/rules", "/results"):
        assert line in alice.get(path).text, path
    answer = alice.get("/api/v1/results")
    assert (answer.status_code, answer.json["code"]) == (404, "not_published")
    if Step.UNPUBLISH in steps:
        assert "票数要再核" in page


def test_the_page_shows_the_awarded_the_next_the_counts_and_what_was_removed(
    published: Site, alice: Visitor
):
    page = alice.get("/results").text
    winners, rest = page.split("</ol>", 1)
    assert re.findall(r'</span>(\d+)<span class="hide">名', winners) == [
        str(n) for n in range(1, 11)
    ]
    assert re.findall(r'<h2><a href="/e/(\d+)"', winners) == [
        "1", "2", *map(str, range(4, 12)),
    ]  # fmt: skip
    assert "紧随其后" in rest
    assert 'href="/e/12"' in rest
    assert "68" in re.search(r"有效票</dt><dd><b>([\d,]+)", rest)[1]
    assert re.search(r"003 号作品（已撤下）</td><td class=\"n\">10</td><td>音乐版权争议", rest)
    assert "014 号作品（已撤下）" in rest
    assert "大棚里的数据管家" in page
    assert "泉城掌上通" not in page, "a withdrawn entry is named by its number only"
    for organizer in published.contest.organizers:
        assert organizer in winners + rest
    assert "王组织" not in page


def test_the_ties_are_told_in_words(site: Site, town: Town, alice: Visitor):
    cast(town, dict.fromkeys(range(1, 13), 1))
    to(site, Step.CLOSE, Step.REVIEW, Step.PUBLISH)
    page = alice.get("/results").text
    assert page.count("同票") >= 12
    assert "第 10 名同票时，并列作品一并获奖" in page


def test_where_the_jury_decides_the_page_gives_its_reason(
    raise_site: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("voting.result.SEALING_ROUND_MS", 10**13)  # all in one round
    app = raise_site(('tie = "all_awarded"', 'tie = "jury"'), ("winners = 10", "winners = 2"))
    site: Site = app.extensions["site"]
    cast(Town(app), {1: 2, 2: 1, 4: 1})
    to(site, Step.CLOSE, Step.REVIEW)
    publish(site, chosen=(4,), jury_reason="评委会表决")
    refresh(site)
    page = Town(app).visitor().get("/results").text
    assert "同票评议：评委会表决" in page
    assert "经评议获奖" in page
    assert "由组委会评议决定" in page
    top = Town(app).visitor().get("/top").text
    assert places(top.split('role="separator"')[0]) == [(1, 1), (2, 4)]


def test_the_data_are_the_bytes_whose_digest_stands_on_the_page(
    published: Site, alice: Visitor
):
    answer = alice.get("/api/v1/results")
    result = published.store.results.latest()
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.data == public(result).encode()
    assert hashlib.sha256(answer.data).hexdigest() in alice.get("/results").text
    fields = json.loads(answer.data)
    assert fields["total_votes"] == 68
    assert sum(entry["votes"] for entry in fields["entries"]) == 68
    assert fields["total_votes"] + sum(r["votes"] for r in fields["removed"]) == 78


def test_the_data_are_described(published: Site, alice: Visitor):
    described = alice.get("/api/v1/openapi.json").json
    schema = described["components"]["schemas"]["Result"]
    fields = alice.get("/api/v1/results").json
    assert set(fields) == set(schema["required"]) <= set(schema["properties"])
    for part, one in (("entries", fields["entries"][0]), ("removed", fields["removed"][0])):
        assert set(one) == set(schema["properties"][part]["items"]["properties"]), part


def test_the_ranking_is_final_and_leads_to_the_result(published: Site, alice: Visitor):
    page = alice.get("/top").text
    assert "最终排行" in page
    assert "ranking.js" not in page, "it doesn't move any more"
    assert 'href="/results"' in page
    assert places(page) == [(1, 1), (2, 2), *((n - 1, n) for n in range(4, 13))]
    above = page.split('role="separator"')[0]
    assert len(places(above)) == 10
    standings = alice.get("/api/v1/standings").json
    assert standings["phase"] == "published"
    assert [row["number"] for row in standings["entries"]][:3] == [1, 2, 4]


def test_every_page_says_that_it_is_published_and_links_there(published: Site, alice: Visitor):
    for path in PAGES:
        assert 'href="/results"' in alice.get(path).text, path
    entry = alice.get("/e/1").text
    assert "最终第 1 名" in entry
    assert "看结果" in entry
    assert "最终第 11 名" in alice.get("/e/12").text
    assert "投票已结束" in alice.get("/e/1/vote").text
    assert alice.me()["phase"] == "published"


@pytest.mark.parametrize("last", [Step.CLOSE, Step.REVIEW, Step.PUBLISH])
def test_when_the_vote_has_ended_there_is_no_pass_and_no_vote(
    site: Site, town: Town, alice: Visitor, bob: Visitor, last: Step
):
    cast(town, {1: 1})
    ballot = alice.ballot(1)
    steps = (Step.CLOSE, Step.REVIEW, Step.PUBLISH)
    to(site, *steps[: steps.index(last) + 1])
    assert alice.cast(1, ballot).json["code"] == "closed"
    refused = bob.ask_pass(1, bob.me(1)["view"])
    assert (refused.status_code, refused.json["code"]) == (403, "closed")


def test_the_counts_stay_visible_during_the_check(site: Site, town: Town, alice: Visitor):
    cast(town, {1: 2})
    to(site, Step.CLOSE, Step.REVIEW)
    assert alice.get("/api/v1/standings").json["total_votes"] == 2
    assert "以公布的结果为准" in alice.get("/top").text


def test_a_withdrawal_doesn_t_rewrite_the_page_but_takes_its_link_and_picture(
    published: Site, alice: Visitor
):
    before = published.store.results.latest()
    media = published.store.entries.of(1).media
    assert media in alice.get("/results").text
    published.store.entries.withdraw(1, "肖像争议")
    refresh(published)
    page = alice.get("/results").text
    assert published.store.results.latest() == before
    assert "这件作品已经撤下，结果待更正" in page
    assert media not in page
    assert 'href="/e/1"' not in page
    assert alice.get("/top").status_code == 200


def test_a_correction_shows_the_earlier_versions_with_their_reasons(
    published: Site, alice: Visitor
):
    first = published.store.results.latest()
    published.store.entries.withdraw(1, "肖像争议")
    publish(published, "001 号撤下，后面的递补")
    refresh(published)
    page = alice.get("/results").text
    assert "第 2 版" in page
    assert "001 号撤下，后面的递补" in page
    assert "组委会确认" in page
    assert digest(first) in page
    assert alice.get("/api/v1/results").json["earlier"][0]["digest"] == digest(first)


def test_a_result_that_nobody_won_is_still_a_page(site: Site, alice: Visitor):
    to(site, Step.CLOSE, Step.REVIEW, Step.PUBLISH)
    assert "网络人气奖空缺" in alice.get("/results").text
    assert alice.get("/top").status_code == 200


def test_demo_votes_are_called_demo_votes(site: Site, alice: Visitor):
    demo = replace(SIGNALS, identity=Identity.DEMO)
    for n, entry in enumerate((1, 1, 2)):
        site.store.ballots.cast(a_ballot(entry, b"demo%04d" % n), demo)
    to(site, Step.CLOSE, Step.REVIEW, Step.PUBLISH)
    page = alice.get("/results").text
    assert "这是演示" in page
    assert "3 票是装入的演示票，不是真人所投" in page


def test_an_entry_approved_after_the_result_is_not_in_it(published: Site, alice: Visitor):
    published.store.entries.approve(13, "补", ai_labelled=True)
    refresh(published)
    assert published.store.entries.of(13).state is EntryState.APPROVED
    page = alice.get("/e/13")
    assert page.status_code == 200
    assert "最终第" not in page.text
    assert 'href="/e/13"' not in alice.get("/results").text
