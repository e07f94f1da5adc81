"""New passes are scarce, votes are not; without the throttle store the door narrows, no more."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from evening import later
from flask import Flask
from people import Town, Visitor, solve
from reading import fields
from staging import OwnStore, refresh, wait_until
from werkzeug.test import TestResponse

from voting.settings import WeChat
from voting.store.gate import AWAY_S
from voting.web.site import Site
from voting.wechat import Api

Raise = Callable[..., Flask]
CAMPUS = "203.0.113.7"
N = 4
NARROW = ("new_passes_per_hour = 1000000", f"new_passes_per_hour = {N}")
TWO_VOTES = ("votes_per_second = 10000", "votes_per_second = 2")
ACCOUNT = WeChat("wx0000", "secret")


def stranger(town: Town, address: str = CAMPUS) -> Visitor:
    """Somebody new there, with a browser that nobody else has."""
    one = town.visitor(address)
    one.client.environ_base["HTTP_USER_AGENT"] = f"Browser {town.visitors}"
    return one


def ask(visitor: Visitor, entry: int = 1) -> TestResponse:
    """Ask for a pass, as a visitor who has none."""
    return visitor.ask_pass(entry, visitor.me(entry)["view"])


def ask_firmly(visitor: Visitor, entry: int = 1) -> TestResponse:
    """The same as the page does: a challenge is solved, once."""
    view = visitor.me(entry)["view"]
    answer = visitor.ask_pass(entry, view)
    if "challenge" in answer.json:
        return visitor.ask_pass(entry, view, solve(answer.json["challenge"]))
    return answer


def newcomers(town: Town, number: int, address: str = CAMPUS) -> Counter[int]:
    """Statuses of so many strangers who ask for a pass from one address."""
    return Counter(ask(stranger(town, address)).status_code for _ in range(number))


def firm_newcomers(town: Town, number: int, address: str = CAMPUS) -> Counter[int]:
    return Counter(ask_firmly(stranger(town, address)).status_code for _ in range(number))


@pytest.fixture
def narrow(raise_site: Raise) -> Town:
    """A town whose door lets four newcomers an hour in freely by one network."""
    return Town(raise_site(NARROW))


def test_the_fifth_newcomer_is_asked_for_a_challenge(narrow: Town):
    assert newcomers(narrow, N) == {201: N}
    asked = ask(stranger(narrow))
    assert (asked.status_code, asked.mimetype) == (403, "application/problem+json")
    assert set(asked.json) == {"type", "title", "status", "code", "detail", "next", "challenge"}
    assert asked.json["code"] == "challenge_required"
    assert "确认您不是机器" in asked.json["detail"]
    assert asked.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in asked.headers


def test_who_solves_it_comes_in_and_votes(narrow: Town):
    newcomers(narrow, N)
    one = stranger(narrow)
    made = ask_firmly(one)
    assert made.status_code == 201
    assert one.cast(1, made.json["ballot"]).status_code == 201


def test_a_solution_opens_the_door_for_its_own_view_and_nobody_else_s(narrow: Town):
    newcomers(narrow, N)
    one, thief = stranger(narrow), stranger(narrow)
    view, other = one.me(1)["view"], thief.me(1)["view"]
    solution = solve(one.ask_pass(1, view).json["challenge"])
    refused = thief.ask_pass(1, other, solution)
    assert (refused.status_code, refused.json["code"]) == (403, "challenge_wrong")
    assert refused.json["challenge"]["parameters"]["data"]["view"] in str(
        thief.ask_pass(1, other).json
    ), "with a challenge of the thief's own"
    first = one.ask_pass(1, view, solution)
    again = thief.ask_pass(1, view, solution)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json, "the same view and solution make the same pass"
    assert one.client.get_cookie("pass").value == thief.client.get_cookie("pass").value


def test_ten_times_as_many_come_in_with_a_challenge_then_there_is_a_wait_in_minutes(narrow: Town):
    assert firm_newcomers(narrow, 10 * N) == {201: 10 * N}
    refused = ask(stranger(narrow))
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert refused.json["code"] == "too_many_passes"
    assert refused.json["detail"] == "这个网络一小时里新来的投票人太多了"
    wait_s = int(refused.headers["Retry-After"])
    assert 55 * 60 < wait_s <= 65 * 60
    assert f"{-(-wait_s // 60)} 分钟后会有新的名额" in refused.json["next"]
    assert "微信" not in refused.json["next"], "there is no official account to sign in by"
    assert "challenge" not in refused.json, "nobody computes for nothing"
    assert "Set-Cookie" not in refused.headers


def test_the_wait_is_true(narrow: Town):
    firm_newcomers(narrow, 10 * N)
    store, contest = narrow.app.extensions["site"].store.throttle, "test-contest"
    slots = -(-int(ask(stranger(narrow)).headers["Retry-After"]) // 300)
    later(store, contest, slots - 1)
    assert newcomers(narrow, 1) == {429: 1}
    later(store, contest)
    assert newcomers(narrow, 1) == {201: 1}


def test_with_an_official_account_the_wait_points_to_wechat(narrow: Town):
    site: Site = narrow.app.extensions["site"]
    site.wechat = Api(ACCOUNT)
    newcomers(narrow, N)
    assert "用微信打开" in ask(stranger(narrow)).json["next"]
    firm_newcomers(narrow, 10 * N)
    refused = ask(stranger(narrow)).json
    assert refused["code"] == "too_many_passes"
    assert refused["next"].startswith("请用微信打开、登录后投票")


def test_another_network_has_a_door_of_its_own_and_another_address_of_it_hasn_t(narrow: Town):
    assert newcomers(narrow, N + 1) == {201: N, 403: 1}
    assert newcomers(narrow, 3, "203.0.113.200") == {403: 3}
    assert newcomers(narrow, N + 1, "198.51.100.9") == {201: N, 403: 1}


def test_who_has_a_pass_asks_and_votes_on(narrow: Town):
    old = stranger(narrow)
    assert ask(old).status_code == 201
    firm_newcomers(narrow, 11 * N)
    other = stranger(narrow, "198.51.100.9")
    for entry in (1, 2, 3, 4, 5):
        assert old.ask_pass(entry, other.me(entry)["view"]).status_code == 201
        assert old.vote(entry).status_code == 201


@pytest.mark.parametrize("cookie", ["x", "a.b", "x" * 100])
def test_a_pass_that_is_none_opens_no_door(narrow: Town, cookie: str):
    newcomers(narrow, N)
    forger = stranger(narrow)
    forger.client.set_cookie("pass", cookie)
    assert ask(forger).status_code == 403


def test_the_form_goes_through_the_same_door_and_says_what_it_can_t_do(narrow: Town):
    newcomers(narrow, N)
    one = stranger(narrow)
    refused = one.post("/e/1/vote", data=fields(one.get("/e/1/vote")))
    assert (refused.status_code, refused.mimetype) == (403, "text/html")
    assert "确认您不是机器" in refused.text
    assert "JavaScript" in refused.text
    firm_newcomers(narrow, 10 * N)
    refused = one.post("/e/1/vote", data=fields(one.get("/e/1/vote")))
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "新来的投票人太多" in refused.text
    assert "分钟后" in refused.text


def test_looking_goes_through_no_door(narrow: Town):
    newcomers(narrow, N + 2)
    one = stranger(narrow)
    for path in ("/", "/e/1", "/top", "/e/1/vote", "/api/v1/me?entry=1", "/api/v1/standings"):
        assert {one.get(path).status_code for _ in range(10)} == {200}, path


def test_a_view_in_many_hands_is_one_newcomer(narrow: Town):
    view = stranger(narrow).me(1)["view"]
    others = [stranger(narrow) for _ in range(3 * N)]
    answers = [other.ask_pass(1, view) for other in others]
    assert {answer.status_code for answer in answers} == {201}
    assert len({other.client.get_cookie("pass").value for other in others}) == 1
    assert newcomers(narrow, N) == {201: N - 1, 403: 1}


def test_a_declared_campus_comes_in_freely_and_its_neighbours_don_t(narrow: Town):
    site: Site = narrow.app.extensions["site"]
    site.store.networks.declare(f"{CAMPUS}/32", 50, "校园", "开幕式现场投票")
    refresh(site)
    alike = [narrow.visitor(CAMPUS) for _ in range(50)]
    assert Counter(ask(one).status_code for one in alike) == {201: 50}
    assert newcomers(narrow, 1) == {403: 1}
    assert newcomers(narrow, N + 1, "203.0.113.8") == {201: N, 403: 1}


def test_who_votes_with_a_pass_of_yesterday_makes_the_network_known(narrow: Town):
    site: Site = narrow.app.extensions["site"]
    now = site.clock
    site.clock = lambda: now() - 25 * 3600
    regulars = [stranger(narrow, f"198.51.{n}.9") for n in range(15)]
    for one in regulars:
        assert ask(one).status_code == 201
    site.clock = now
    for one in regulars:
        one.address = CAMPUS
        assert one.vote(1).status_code == 201
        assert one.vote(1).status_code == 409
    site.store.gate.write()
    assert newcomers(narrow, 10) == {201: N + 3, 403: 7 - N}


def test_who_votes_with_a_fresh_pass_or_is_refused_makes_nothing_known(narrow: Town):
    site: Site = narrow.app.extensions["site"]
    for _ in range(3 * N):
        one = stranger(narrow)
        answer = ask_firmly(one)
        assert one.cast(1, answer.json["ballot"]).status_code == 201
    site.store.gate.write()
    assert not site.store.throttle.keys("*known*")


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
    found = store.keys("*gate*")
    assert found
    assert not any(CAMPUS.encode() in key for key in store.keys("*"))
    assert all(0 < store.ttl(key) <= 3900 for key in found)


@pytest.fixture
def bereft(raise_site: Raise, own_throttle: OwnStore) -> Town:
    """A town whose throttle store has just been killed."""
    town = Town(raise_site(
        ("new_passes_per_hour = 1000000", "new_passes_per_hour = 40"),
        THROTTLE_URL=own_throttle.url))  # fmt: skip
    assert ask(town.visitor()).status_code == 201
    own_throttle.kill()
    return town


PAGES = ("/", "/e/1", "/top", "/rules", "/mine", "/e/1/vote", "/api/v1/entries",
         "/api/v1/standings", "/api/v1/me?entry=1", "/healthz", "/readyz")  # fmt: skip


def test_without_the_throttle_store_everything_is_read_as_before(bereft: Town):
    ask(bereft.visitor(CAMPUS))  # from here on the gate knows
    reader = bereft.visitor(CAMPUS)
    for path in PAGES:
        assert {reader.get(path).status_code for _ in range(40)} == {200}, path


def test_without_the_throttle_store_everybody_solves_a_challenge_and_fewer_come_in(bereft: Town):
    assert newcomers(bereft, 3) == {403: 3}
    assert firm_newcomers(bereft, 60) == {201: 40, 429: 20}
    refused = ask(stranger(bereft))
    assert refused.json["code"] == "too_many_passes"
    assert 0 < int(refused.headers["Retry-After"]) <= 3600


@pytest.fixture
def regulars(raise_site: Raise, own_throttle: OwnStore) -> list[Visitor]:
    """Forty who have their pass, and are all on the campus when the throttle store dies."""
    town = Town(raise_site(THROTTLE_URL=own_throttle.url))
    regulars = [town.visitor() for _ in range(40)]
    for one in regulars:
        assert ask(one).status_code == 201
        one.address = CAMPUS
    own_throttle.kill()
    return regulars


def test_without_the_throttle_store_who_has_a_pass_asks_and_votes_on(regulars: list[Visitor]):
    view = Town(regulars[0].client.application).visitor().me(1)["view"]
    assert Counter(one.ask_pass(1, view).status_code for one in regulars) == {201: 40}
    assert Counter(one.vote(1).status_code for one in regulars) == {201: 40}
    site: Site = regulars[0].client.application.extensions["site"]
    assert site.store.ledger.recount() == {1: 40}


def test_without_the_throttle_store_who_has_a_pass_votes_on_by_the_form_too(
    regulars: list[Visitor],
):
    sent = [one.post("/e/2/vote", data=fields(one.get("/e/2/vote"))) for one in regulars]
    assert Counter(answer.status_code for answer in sent) == {201: 40}


def test_whoever_is_at_the_door_when_the_store_stops_answering_is_asked_for_a_challenge(
    raise_site: Raise, own_throttle: OwnStore
):
    town = Town(raise_site(THROTTLE_URL=own_throttle.url))
    store = town.app.extensions["site"].store.throttle
    wait_until(lambda: ask(town.visitor()).status_code == 201 and bool(store.keys("*gate*")))
    views = [(one, one.me(1)["view"]) for one in (town.visitor() for _ in range(4))]
    assert own_throttle.server
    own_throttle.server.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:  # the first notices, the others are on their way
        answers = list(pool.map(lambda one: one[0].ask_pass(1, one[1]), views))
    assert {answer.status_code for answer in answers} == {403}
    for (one, view), answer in zip(views, answers, strict=True):
        assert one.ask_pass(1, view, solve(answer.json["challenge"])).status_code == 201


def test_a_throttle_store_that_comes_back_is_used_again(bereft: Town, own_throttle: OwnStore):
    assert newcomers(bereft, 2) == {403: 2}
    own_throttle.start()
    wait_until(lambda: ask(stranger(bereft)).status_code == 201, 20 + AWAY_S)
    store = bereft.app.extensions["site"].store.throttle
    assert store.keys("*gate*")
