"""Logging in and out: what it takes, what it leaves behind, and what guessing meets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from http.cookies import Morsel, SimpleCookie

import gevent
import pytest
from flask import Flask
from people import Operator
from staging import OwnStore
from werkzeug.test import TestResponse

from voting.organizer import Role, is_password
from voting.store.accounts import IDLE_S, _session
from voting.store.log import SITE, Act, Kind
from voting.web.organizer import hashing, session
from voting.web.organizer.hashing import PLACES, Queue
from voting.web.site import Site
from web.organizer.conftest import PASSWORD, account

Raise = Callable[..., Flask]
FAR = "203.0.113.9"


@pytest.fixture
def wang(app: Flask, site: Site) -> Operator:
    """王组织 has an account, and is not logged in."""
    site.store.accounts.add(account("王组织", Role.ORGANIZER))
    return Operator(app.test_client(), "王组织", address=FAR)


def another(one: Operator, name: str = "", address: str = FAR) -> Operator:
    return Operator(one.client.application.test_client(), name or one.name, address)


def cookies(answer: TestResponse) -> dict[str, Morsel[str]]:
    found: dict[str, Morsel[str]] = {}
    for header in answer.headers.getlist("Set-Cookie"):
        found |= SimpleCookie(header)
    return found


def failures(site: Site) -> list[Act]:
    return [act for act in site.store.log.all() if act.kind is Kind.LOG_IN_FAILED]


def test_name_and_password_open_the_console(wang: Operator, site: Site):
    answer = wang.log_in(PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/organizer/")
    assert wang.get("/organizer/password").status_code == 200
    act = site.store.log.last()
    assert act is not None
    assert (act.kind, act.by) == (Kind.LOG_IN, "王组织")


def test_the_cookies_go_nowhere_else(wang: Operator):
    sent = cookies(wang.log_in(PASSWORD))
    assert {"organizer", "device"} <= sent.keys()
    for name in ("organizer", "device"):
        cookie = sent[name]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        assert cookie["path"] == "/organizer"
        assert not cookie["secure"], "the test's site is reached without TLS"
    assert not sent["organizer"]["max-age"], "it goes with the browser"
    assert "王" not in sent["device"].value


def test_over_tls_the_cookies_never_go_without(raise_site: Raise):
    app = raise_site(PUBLIC_URL="https://vote.example.cn")
    app.extensions["site"].store.accounts.add(account("王组织", Role.ORGANIZER))
    wang = Operator(app.test_client(), "王组织")
    page = wang.client.get("/organizer/log-in", base_url="https://vote.example.cn")
    token = page.text.partition('csrf-token" content="')[2].partition('"')[0]
    answer = wang.client.post(
        "/organizer/log-in", base_url="https://vote.example.cn",
        headers={"Referer": "https://vote.example.cn/organizer/log-in"},
        data={"csrf_token": token, "name": "王组织", "password": PASSWORD},
    )  # fmt: skip
    sent = cookies(answer)
    assert sent["organizer"]["secure"]
    assert sent["device"]["secure"]


@pytest.mark.parametrize("name", ["王组织", "赵无名", "", " ", "x" * 5000, "\x00", "<b>"])
@pytest.mark.parametrize("password", ["", "wrong password", "x" * 5000])
def test_what_is_wrong_is_said_alike_for_all(wang: Operator, name: str, password: str):
    wang.name = name
    answer = wang.log_in(password)
    assert answer.status_code == 403
    assert "名字或密码不对，或者账号已停用。" in answer.text
    assert "organizer" not in cookies(answer)
    assert "<b>" not in answer.text.partition("<h1>")[2].replace("<b></b>", "")


def test_a_name_that_nobody_has_costs_the_same_hash(
    wang: Operator, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []

    def watched(account: object, password: str) -> bool:
        asked.append(type(account).__name__)
        return is_password(None, password)

    monkeypatch.setattr(session, "is_password", watched)
    for name in ("王组织", "赵无名"):
        wang.name = name
        wang.log_in("wrong password")
    assert asked == ["Account", "NoneType"]


def test_a_disabled_account_is_refused_in_the_same_words(wang: Operator, site: Site):
    site.store.accounts.add(account("赵", Role.ORGANIZER))
    site.store.accounts.set_disabled("王组织", True, "调离")
    answer = wang.log_in(PASSWORD)
    assert answer.status_code == 403
    assert "名字或密码不对，或者账号已停用。" in answer.text


@pytest.mark.parametrize(
    ("to", "where"),
    [
        ("/organizer/log?by=a%26b", "/organizer/log?by=a%26b"),
        ("/organizer/", "/organizer/"),
        ("//evil.example/organizer/", "/organizer/"),
        ("https://evil.example/organizer/", "/organizer/"),
        ("/\\evil.example", "/organizer/"),
        ("/organizer/\\evil", "/organizer/"),
        ("javascript:alert(1)", "/organizer/"),
        ("/organizer/\r\nX: y", "/organizer/"),
        ("/top", "/organizer/"),
        ("/organizer/log-in?to=/organizer/", "/organizer/"),
        ("/organizer/log-out", "/organizer/"),
        ("///organizer/", "/organizer/"),
        ("/organizer/" + "x" * 2000, "/organizer/"),
        ("", "/organizer/"),
    ],
)
def test_after_logging_in_one_comes_back_to_the_console_only(wang: Operator, to: str, where: str):
    wang.token = wang._taken()
    answer = wang.client.post(
        "/organizer/log-in", query_string={"to": to}, environ_base={"REMOTE_ADDR": FAR},
        data={"csrf_token": wang.token, "name": wang.name, "password": PASSWORD},
    )  # fmt: skip
    assert (answer.status_code, answer.headers["Location"]) == (302, where)


def test_logging_in_again_ends_the_session_before(wang: Operator, site: Site):
    first = cookies(wang.log_in(PASSWORD))["organizer"].value
    second = cookies(wang.log_in(PASSWORD))["organizer"].value
    assert site.store.accounts.logged_in(first) is None
    assert site.store.accounts.logged_in(second) is not None


def test_a_session_that_was_planted_is_not_taken_over(wang: Operator, site: Site):
    wang.client.set_cookie("organizer", "planted-by-somebody", path="/organizer")
    token = cookies(wang.log_in(PASSWORD))["organizer"].value
    assert token != "planted-by-somebody"
    assert site.store.accounts.logged_in("planted-by-somebody") is None


def test_logging_in_makes_the_forms_of_before_worthless(wang: Operator):
    before = wang.csrf_token()
    wang.log_in(PASSWORD)
    answer = wang.send("/organizer/log-out", data={"csrf_token": before})
    assert answer.status_code == 403


def test_logging_out_ends_the_session_for_good(wang: Operator, site: Site):
    token = cookies(wang.log_in(PASSWORD))["organizer"].value
    answer = wang.post("/organizer/log-out")
    assert answer.headers["Location"] == "/organizer/log-in"
    assert site.store.accounts.logged_in(token) is None
    assert wang.get("/organizer/password").status_code == 302
    wang.client.set_cookie("organizer", token, path="/organizer")
    assert wang.get("/organizer/password").status_code == 302


def test_polling_lets_a_session_idle_and_a_hand_at_the_page_keeps_it(
    wang: Operator, site: Site
):
    key = _session(cookies(wang.log_in(PASSWORD))["organizer"].value)
    site.store.law.expire(key, 100)
    wang.get("/organizer/figures.json")
    assert site.store.law.ttl(key) <= 100
    assert wang.get("/organizer/alive").status_code == 204
    assert site.store.law.ttl(key) > IDLE_S - 60


# --- guessing ------------------------------------------------------------------------------------


def test_the_sixth_guess_within_a_minute_is_asked_to_wait(wang: Operator):
    answers = [another(wang).log_in(f"wrong password {n}") for n in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]
    assert "登录试得太频繁了，请过" in answers[-1].text
    late = another(wang).log_in(PASSWORD)
    assert late.status_code == 429, "the right password doesn't help a guesser"


def test_one_address_can_t_try_many_accounts(wang: Operator):
    answers = [another(wang, f"号{n}").log_in("wrong password") for n in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert another(wang, address="198.51.100.7").log_in(PASSWORD).status_code == 302


def test_neighbours_in_a_network_count_together_for_one_account(wang: Operator):
    answers = [another(wang, address=f"203.0.113.{n}").log_in("wrong password") for n in range(6)]
    assert answers[-1].status_code == 429
    elsewhere = another(wang, address="198.51.100.7")
    assert elsewhere.log_in(PASSWORD).status_code == 302


def test_who_has_logged_in_here_before_can_t_be_locked_out_by_strangers(wang: Operator):
    assert wang.log_in(PASSWORD).status_code == 302
    wang.post("/organizer/log-out")
    for n in range(12):
        another(wang).log_in(f"wrong password {n}")
    assert another(wang).log_in(PASSWORD).status_code == 429
    assert wang.log_in(PASSWORD).status_code == 302


def test_a_known_device_is_known_for_its_own_account_only(wang: Operator, site: Site):
    site.store.accounts.add(account("李审核", Role.REVIEWER))
    wang.log_in(PASSWORD)
    wang.name = "李审核"
    answers = [wang.log_in("wrong password") for _ in range(6)]
    assert answers[-1].status_code == 429


def test_a_known_device_may_not_guess_for_ever_either(wang: Operator):
    wang.log_in(PASSWORD)
    statuses = Counter(wang.log_in("wrong password").status_code for _ in range(14))
    assert statuses == {403: 10, 429: 4}


@pytest.mark.parametrize("cookie", ["x", "a.b", "é", ".", "x" * 3000])
def test_a_device_that_isn_t_ours_is_a_stranger(wang: Operator, cookie: str):
    guessers = [another(wang) for _ in range(6)]
    for one in guessers:
        one.client.set_cookie("device", cookie, path="/organizer")
    assert [one.log_in("wrong password").status_code for one in guessers][-1] == 429


def test_a_burst_of_failures_is_one_line_an_hour(wang: Operator, site: Site):
    for n in range(20):
        another(wang, address=f"198.51.{n}.7").log_in("wrong password")
    (act,) = failures(site)
    assert (act.subject, act.by) == ("王组织", SITE)
    assert "输错密码" in act.reason


def test_a_few_slips_are_no_line(wang: Operator, site: Site):
    for n in range(5):
        another(wang, address=f"198.51.{n}.7").log_in("wrong password")
    assert failures(site) == []


def test_names_that_nobody_has_make_one_line_together(wang: Operator, site: Site):
    for n in range(20):
        another(wang, f"号{n}", address=f"198.51.{n}.7").log_in("wrong password")
    (act,) = failures(site)
    assert act.subject == ""


def test_no_name_that_was_typed_is_a_key_of_the_throttle_store(wang: Operator, site: Site):
    another(wang, "张三的密码").log_in("wrong password")
    keys = site.store.throttle.keys("*")
    assert any(b"log_in" in key for key in keys)
    assert not any("张三".encode() in key or FAR.encode() in key for key in keys)
    assert all(0 < site.store.throttle.ttl(key) <= 3600 for key in keys)


def test_without_the_throttle_store_one_still_logs_in_and_still_can_t_guess(
    raise_site: Raise, own_throttle: OwnStore
):
    app = raise_site(THROTTLE_URL=own_throttle.url)
    app.extensions["site"].store.accounts.add(account("王组织", Role.ORGANIZER))
    wang = Operator(app.test_client(), "王组织", address="192.0.2.77")
    own_throttle.kill()
    assert wang.log_in(PASSWORD).status_code == 302
    statuses = [another(wang, address="192.0.2.77").log_in("wrong password").status_code
                for _ in range(6)]  # fmt: skip
    assert statuses[0] == 403
    assert statuses[-1] == 429


# --- the queue before the hash -------------------------------------------------------------------


def test_a_flood_of_log_ins_waits_in_a_short_queue(monkeypatch: pytest.MonkeyPatch):
    queue, done = Queue(), []

    def ask(known: bool) -> None:
        try:
            done.append(queue.run(is_password, None, "x", known=known))
        except type(hashing.BUSY) as problem:
            done.append(problem.code)

    gevent.joinall([gevent.spawn(ask, False) for _ in range(PLACES + 5)])
    assert Counter(map(str, done)) == {"too_many_log_ins": 5, "False": PLACES}
    assert queue.waiting == 0


def test_the_flood_leaves_places_to_those_we_know():
    queue = Queue()
    queue.waiting = PLACES
    assert queue.run(is_password, None, "x", known=True) is False
    with pytest.raises(type(hashing.BUSY)):
        queue.run(is_password, None, "x", known=False)


def test_a_full_queue_is_said_in_words(wang: Operator, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session.queue, "waiting", PLACES * 2)
    answer = wang.log_in(PASSWORD)
    assert answer.status_code == 503
    assert "现在登录的人太多了" in answer.text


# --- the own password ----------------------------------------------------------------------------

NEW = "趵突泉的三股水-2025"


def change(one: Operator, old: str = PASSWORD, new: str = NEW, again: str = NEW) -> TestResponse:
    return one.post("/organizer/password", old=old, new=new, again=again)


@pytest.mark.parametrize("who", ["organizer", "reviewer", "supervisor"])
def test_everybody_changes_their_own_password(
    request: pytest.FixtureRequest, site: Site, who: str
):
    one: Operator = request.getfixturevalue(who)
    other = another(one, address="127.0.0.1")
    other.log_in(PASSWORD)
    assert change(one).status_code == 302
    assert "密码换好了" in one.get("/organizer/password").text, "this session goes on"
    assert other.get("/organizer/password").status_code == 302, "the others have ended"
    assert is_password(site.store.accounts.of(one.name), NEW)
    act = next(act for act in site.store.log.latest(5) if act.kind is Kind.ACCOUNT_CHANGE)
    assert (act.subject, act.by, act.reason) == (one.name, one.name, "换了自己的密码")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"old": "not my password"}, "现在的密码不对。"),
        ({"again": NEW + "x"}, "两次输入的新密码不一样。"),
        ({"new": "short", "again": "short"}, "密码至少 10 个字符。"),
        ({"new": "1234567890", "again": "1234567890"}, "这个密码太常见"),
        ({"new": PASSWORD, "again": PASSWORD}, "新密码和现在的一样。"),
        ({"old": "x" * 300}, "现在的密码不对。"),
    ],
)
def test_a_change_that_won_t_do_is_said_and_changes_nothing(
    organizer: Operator, site: Site, words: dict[str, str], sentence: str
):
    answer = change(organizer, **words)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert is_password(site.store.accounts.of("王组织"), PASSWORD)


def test_whoever_sits_at_an_open_console_can_t_guess_the_password_either(organizer: Operator):
    statuses = [change(organizer, old=f"wrong password {n}").status_code for n in range(11)]
    assert statuses == [422] * 10 + [429]


def test_a_password_that_was_handed_over_is_one_s_own_after_the_change(
    organizer: Operator, site: Site
):
    accounts = site.store.accounts
    handed = accounts.set_password("王组织", accounts.of("王组织").password, handed_over=True)
    organizer.client.set_cookie("organizer", accounts.log_in(handed), path="/organizer")
    assert change(organizer).status_code == 302
    assert not accounts.of("王组织").handed_over
    assert organizer.get("/organizer/accounts").status_code == 200
