"""The law store gone in the middle: pages stay, votes say so, and nothing is lost or doubled."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from people import Town, Visitor
from reading import fields, places
from staging import OwnStore, refresh, unhurried

from voting import create_app, prepare
from voting.web.site import Site

PAGES = ("/", "/?page=1&sort=newest", "/e/1", "/top", "/rules", "/mine", "/api/v1/entries",
         "/api/v1/standings", "/api/v1/me?entry=1", "/e/1/qr.png", "/healthz")  # fmt: skip


@pytest.fixture
def app(raise_site: Callable[..., Flask], own_law: OwnStore) -> Flask:
    return raise_site(REDIS_URL=own_law.url)


@pytest.fixture
def late(environ: dict[str, str], own_law: OwnStore) -> Callable[[], Flask]:
    """Starts another process with the same DATA_DIR, whatever the store does."""

    def start() -> Flask:
        mine = environ | {"REDIS_URL": own_law.url}
        prepare(mine)
        return unhurried(create_app(mine))

    return start


def three_votes(town: Town) -> None:
    for entry in (2, 2, 1):
        assert town.visitor().vote(entry).status_code == 201
    refresh(town.app.extensions["site"])
    town.visitor().get("/")  # the board is kept from here on


def unavailable(answer) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_vote_says_that_it_is_not_possible_now_and_when_to_try_again(
    town: Town, own_law: OwnStore, alice: Visitor
):
    three_votes(town)
    ballot = alice.ballot(1)
    own_law.kill()
    answer = alice.cast(1, ballot)
    unavailable(answer)
    assert answer.mimetype == "application/problem+json"
    assert answer.json["code"] == "store_unavailable"
    assert "不会丢" in answer.json["detail"]


def test_the_form_says_the_same(town: Town, own_law: OwnStore, alice: Visitor):
    three_votes(town)
    sent = fields(alice.get("/e/1/vote"))
    own_law.kill()
    answer = alice.post("/e/1/vote", data=sent)
    unavailable(answer)
    assert answer.mimetype == "text/html"
    assert "不会丢" in answer.text


@pytest.mark.parametrize("who", ["the same process", "a process started meanwhile"])
def test_the_pages_stay_with_the_last_known_ranking(
    town: Town, own_law: OwnStore, late: Callable[[], Flask], who: str
):
    three_votes(town)
    own_law.kill()
    town.app.extensions["site"].store.boards._checked = -math.inf  # a second has passed
    reader = Town(town.app if who == "the same process" else late()).visitor()
    for path in PAGES:
        assert reader.get(path, buffered=True).status_code == 200, path
    assert places(reader.get("/top").text)[:2] == [(1, 2), (2, 1)]
    assert reader.get("/api/v1/standings").json["total_votes"] == 3
    assert len(reader.get("/api/v1/entries").json["entries"]) == 12
    assert reader.get("/e/13").status_code == 404
    assert "计票数据库现在连不上" in reader.get("/rules").text
    assert reader.get("/readyz").json == {"status": "unreachable"}


def test_without_the_throttle_store_either_the_pages_still_stay(
    environ: dict[str, str], app: Flask, own_law: OwnStore
):
    three_votes(Town(app))
    own_law.kill()
    away = {"REDIS_URL": own_law.url, "THROTTLE_URL": "unix:///tmp/nobody-listens-here.sock"}
    reader = Town(create_app(environ | away)).visitor()
    for path in PAGES:
        assert reader.get(path, buffered=True).status_code == 200, path
    assert reader.get("/api/v1/standings").json["total_votes"] == 3


def test_when_it_comes_back_the_same_ballot_counts_once(
    site: Site, town: Town, own_law: OwnStore, alice: Visitor
):
    three_votes(town)
    ballot = alice.ballot(3)
    own_law.kill()
    assert [alice.cast(3, ballot).status_code for _ in range(2)] == [503, 503]
    own_law.start()
    answers = [alice.cast(3, ballot) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json["receipt"] for answer in answers}) == 1
    assert site.store.ledger.recount() == site.store.ledger.tally() == {1: 1, 2: 2, 3: 1}
    refresh(site)
    assert alice.get("/api/v1/standings").json["total_votes"] == 4


def test_what_was_accepted_before_the_kill_is_known_after_it(
    site: Site, own_law: OwnStore, alice: Visitor
):
    ballot = alice.ballot(1)
    first = alice.cast(1, ballot).json
    own_law.kill()
    own_law.start()
    assert alice.cast(1, ballot).json == first
    assert alice.me(1)["voted"] == [1]
    assert alice.vote(1).json["code"] == "already_voted"
    assert site.store.ledger.recount() == {1: 1}


def test_a_withdrawal_a_pause_and_the_rules_outlive_a_kill(
    site: Site, own_law: OwnStore, alice: Visitor
):
    ballot = alice.ballot(1)
    site.store.entries.withdraw(1, "争议")
    own_law.kill()
    own_law.start()
    assert alice.cast(1, ballot).json["code"] == "entry_not_votable"
    site.store.rules.pause("核查")
    own_law.kill()
    own_law.start()
    assert alice.vote(2).json["code"] == "paused"
    assert [rules.version for rules in site.store.rules.versions()] == [1]


def test_a_process_started_in_the_outage_votes_when_the_store_is_back(
    site: Site, town: Town, own_law: OwnStore, late: Callable[[], Flask]
):
    three_votes(town)
    own_law.kill()
    voter = Town(late()).visitor("192.0.2.7")
    ballot = voter.ballot(5)
    unavailable(voter.cast(5, ballot))
    own_law.start()
    assert voter.cast(5, ballot).status_code == 201
    assert site.store.ledger.recount()[5] == 1


def test_a_pass_asked_for_in_the_outage_is_the_same_afterwards(
    site: Site, town: Town, own_law: OwnStore, alice: Visitor
):
    three_votes(town)
    view = alice.me(1)["view"]
    own_law.kill()
    first = alice.ask_pass(1, view)
    assert first.status_code == 201
    own_law.start()
    assert alice.ask_pass(1, view).json["ballot"] == first.json["ballot"]
    assert alice.cast(1, first.json["ballot"]).status_code == 201
    assert site.store.ledger.recount()[1] == 2


def test_killed_while_all_are_voting_every_accepted_vote_is_in_the_ledger_exactly_once(
    site: Site, town: Town, own_law: OwnStore
):
    crowd = [town.visitor() for _ in range(240)]
    ballots = [one.ballot(1 + n % 12) for n, one in enumerate(crowd)]
    receipts: dict[bytes, set[str]] = {}
    refused = Counter()
    queue = iter(list(enumerate(crowd)))
    lock = threading.Lock()

    def vote_until_accepted() -> None:
        while True:
            with lock:
                turn = next(queue, None)
            if turn is None:
                return
            n, one = turn
            until = time.monotonic() + 20
            while time.monotonic() < until:
                answer = one.cast(1 + n % 12, ballots[n])
                if answer.status_code == 201:
                    again = one.cast(1 + n % 12, ballots[n])  # a voter who presses twice
                    voter = site.voters.read_pass(
                        one.client.get_cookie("pass").value, site.now_ms()
                    ).voter
                    receipts[voter] = {a.json["receipt"] for a in (answer, again)
                                       if a.status_code == 201}  # fmt: skip
                    break
                refused[answer.status_code] += 1
                time.sleep(0.02)

    hands = [threading.Thread(target=vote_until_accepted) for _ in range(12)]
    for hand in hands:
        hand.start()
    for _ in range(2):
        before = len(receipts)
        until = time.monotonic() + 10
        while len(receipts) < min(before + 40, len(crowd)) and time.monotonic() < until:
            time.sleep(0.002)
        own_law.kill()
        own_law.start()
    for hand in hands:
        hand.join()
    assert set(refused) <= {503}
    assert len(receipts) == len(crowd)
    assert {len(found) for found in receipts.values()} == {1}
    votes = list(site.store.ledger.votes())
    assert Counter(vote.voter for vote in votes) == dict.fromkeys(receipts, 1)
    assert {site.voters.receipt(vote.id) for vote in votes} == set().union(*receipts.values())
    assert site.store.ledger.tally() == site.store.ledger.recount()
