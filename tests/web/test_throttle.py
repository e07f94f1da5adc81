"""New passes are scarce, votes are not; without the throttle store the door narrows, no more."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from people import Town, Visitor
from reading import fields
from staging import OwnStore, wait_until
from werkzeug.test import TestResponse

Raise = Callable[..., Flask]
CAMPUS = "203.0.113.7"
THREE = ('new_passes = "20000 per minute"', 'new_passes = "3 per hour"')
TWO_VOTES = ("votes_per_second = 10000", "votes_per_second = 2")


def ask(visitor: Visitor, entry: int = 1) -> TestResponse:
    """Ask for a pass, as a visitor who has none."""
    return visitor.ask_pass(entry, visitor.me(entry)["view"])


def newcomers(town: Town, number: int, address: str = CAMPUS) -> list[int]:
    """Statuses of so many strangers who ask for a pass from one address."""
    return [ask(town.visitor(address)).status_code for _ in range(number)]


@pytest.fixture
def narrow(raise_site: Raise) -> Town:
    """A town whose door lets three newcomers an hour in by one address."""
    return Town(raise_site(THREE))


def test_the_fourth_newcomer_is_asked_to_wait_in_words_and_seconds(narrow: Town):
    assert newcomers(narrow, 3) == [201] * 3
    refused = ask(narrow.visitor(CAMPUS))
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert set(refused.json) == {"type", "title", "status", "code", "detail", "next"}
    assert refused.json["code"] == "too_many_passes"
    assert "新的投票人" in refused.json["detail"]
    assert 0 < int(refused.headers["Retry-After"]) <= 3601  # the window, rounded up
    assert refused.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in refused.headers


def test_another_address_has_a_door_of_its_own(narrow: Town):
    assert newcomers(narrow, 4) == [201] * 3 + [429]
    assert newcomers(narrow, 4, "198.51.100.9") == [201] * 3 + [429]


def test_an_ipv6_host_can_t_widen_its_door_by_changing_addresses(narrow: Town):
    visitors = [narrow.visitor(f"2001:db8:1:2::{n:x}") for n in range(1, 5)]
    assert [ask(one).status_code for one in visitors] == [201] * 3 + [429]


def test_who_has_a_pass_asks_and_votes_on(narrow: Town):
    old = narrow.visitor(CAMPUS)
    assert ask(old).status_code == 201
    newcomers(narrow, 4)
    stranger = narrow.visitor("198.51.100.9")
    for entry in (1, 2, 3, 4, 5):
        assert old.ask_pass(entry, stranger.me(entry)["view"]).status_code == 201
        assert old.vote(entry).status_code == 201


@pytest.mark.parametrize("cookie", ["x", "a.b", "x" * 100])
def test_a_pass_that_is_none_opens_no_door(narrow: Town, cookie: str):
    newcomers(narrow, 3)
    forger = narrow.visitor(CAMPUS)
    forger.client.set_cookie("pass", cookie)
    assert ask(forger).status_code == 429


def test_an_address_that_is_only_claimed_opens_no_door(narrow: Town):
    newcomers(narrow, 3)
    liar = narrow.visitor(CAMPUS)
    body = {"entry": 1, "view": liar.me(1)["view"]}
    for name in ("X-Forwarded-For", "X-Real-IP", "Client-IP"):
        answer = liar.post("/api/v1/passes", json=body, headers={name: "198.51.100.9"})
        assert answer.status_code == 429


def test_the_form_goes_through_the_same_door(narrow: Town):
    newcomers(narrow, 3)
    stranger = narrow.visitor(CAMPUS)
    refused = stranger.post("/e/1/vote", data=fields(stranger.get("/e/1/vote")))
    assert (refused.status_code, refused.mimetype) == (429, "text/html")
    assert int(refused.headers["Retry-After"]) > 0
    assert "新的投票人" in refused.text
    assert "再试" in refused.text


def test_looking_goes_through_no_door(narrow: Town):
    newcomers(narrow, 5)
    stranger = narrow.visitor(CAMPUS)
    for path in ("/", "/e/1", "/top", "/e/1/vote", "/api/v1/me?entry=1", "/api/v1/standings"):
        assert {stranger.get(path).status_code for _ in range(10)} == {200}, path


def test_a_second_look_at_the_same_view_is_a_second_ask(narrow: Town):
    visitor = narrow.visitor(CAMPUS)
    view = visitor.me(1)["view"]
    others = [narrow.visitor(CAMPUS) for _ in range(4)]
    assert [other.ask_pass(1, view).status_code for other in others] == [201] * 3 + [429]


def test_who_hammers_the_vote_is_held_back_and_others_are_not(raise_site: Raise):
    town = Town(raise_site(TWO_VOTES))
    hammer, other = town.visitor(CAMPUS), town.visitor("198.51.100.9")
    ballot = hammer.ballot(1)
    answers = [hammer.cast(1, ballot) for _ in range(12)]
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) == {201, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json["code"] == "too_many_requests"
    assert refused.mimetype == "application/problem+json"
    assert int(refused.headers["Retry-After"]) > 0
    assert other.vote(1).status_code == 201


def test_addresses_are_no_keys_in_the_throttle_store(narrow: Town):
    newcomers(narrow, 2)
    store = narrow.app.extensions["site"].store.throttle
    found = store.keys("*")
    assert any(key.startswith(b"LIMITS") for key in found)
    assert not any(CAMPUS.encode() in key for key in found)
    assert all(0 < store.ttl(key) <= 3600 for key in found)


@pytest.fixture
def bereft(raise_site: Raise, own_throttle: OwnStore) -> Town:
    """A town whose throttle store has just been killed."""
    town = Town(raise_site(THROTTLE_URL=own_throttle.url))
    assert ask(town.visitor()).status_code == 201
    own_throttle.kill()
    return town


PAGES = ("/", "/e/1", "/top", "/rules", "/mine", "/e/1/vote", "/api/v1/entries",
         "/api/v1/standings", "/api/v1/me?entry=1", "/healthz", "/readyz")  # fmt: skip


def test_without_the_throttle_store_everything_is_read_as_before(bereft: Town):
    ask(bereft.visitor(CAMPUS))  # from here on the limiter knows
    reader = bereft.visitor(CAMPUS)
    for path in PAGES:
        assert {reader.get(path).status_code for _ in range(40)} == {200}, path


def test_without_the_throttle_store_votes_are_cast_as_before(bereft: Town):
    voters = [bereft.visitor() for _ in range(50)]
    assert {voter.vote(1).status_code for voter in voters} == {201}
    site = bereft.app.extensions["site"]
    assert site.store.ledger.recount() == {1: 50}
    for voter in voters:
        voter.address = CAMPUS  # they all come home to the campus
    assert {voter.vote(2).status_code for voter in voters} == {201}


def test_without_the_throttle_store_the_door_is_narrower(bereft: Town):
    statuses = Counter(newcomers(bereft, 60))
    assert set(statuses) == {201, 429}
    assert statuses[201] <= 40
    refused = ask(bereft.visitor(CAMPUS))
    assert refused.status_code == 429
    assert refused.json["code"] == "too_many_passes"
    assert int(refused.headers["Retry-After"]) > 0


@pytest.fixture
def regulars(bereft: Town) -> list[Visitor]:
    """Forty who have their pass, and are all on the campus now."""
    regulars = [bereft.visitor() for _ in range(40)]
    for one in regulars:
        assert ask(one).status_code == 201
        one.address = CAMPUS
    return regulars


def test_without_the_throttle_store_who_has_a_pass_asks_on(
    bereft: Town, regulars: list[Visitor]
):
    view = bereft.visitor().me(1)["view"]
    assert Counter(one.ask_pass(1, view).status_code for one in regulars) == {201: 40}


def test_without_the_throttle_store_who_has_a_pass_votes_on_by_the_form_too(
    regulars: list[Visitor],
):
    sent = [one.post("/e/2/vote", data=fields(one.get("/e/2/vote"))) for one in regulars]
    assert Counter(answer.status_code for answer in sent) == {201: 40}


def test_whoever_is_at_the_door_when_the_store_stops_answering_comes_in(
    raise_site: Raise, own_throttle: OwnStore
):
    town = Town(raise_site(THROTTLE_URL=own_throttle.url))
    store = town.app.extensions["site"].store.throttle
    wait_until(lambda: ask(town.visitor()).status_code == 201 and bool(store.keys("LIMITS*")))
    views = [(one, one.me(1)["view"]) for one in (town.visitor() for _ in range(4))]
    assert own_throttle.server
    own_throttle.server.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:  # the first notices, the others are on their way
        answers = list(pool.map(lambda one: one[0].ask_pass(1, one[1]).status_code, views))
    assert answers == [201] * 4


def test_a_throttle_store_that_comes_back_is_used_again(bereft: Town, own_throttle: OwnStore):
    newcomers(bereft, 60)
    own_throttle.start()
    statuses = {ask(bereft.visitor()).status_code for _ in range(50)}
    assert statuses == {201}, "each comes by an address of their own"
    wait_until(lambda: ask(bereft.visitor(CAMPUS)).status_code == 201)
    store = bereft.app.extensions["site"].store.throttle
    assert any(key.startswith(b"LIMITS") for key in store.keys("*"))
