"""Signing in through WeChat, end to end against the stand-in; the pages' signature; MP_verify."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import urllib3
from flask import Flask
from people import Town, Visitor
from reading import fields
from staging import OwnStore, refresh, wait_until
from wechat.stand_in import StandIn
from werkzeug.test import TestResponse

from voting import wechat
from voting.contest import Identity
from voting.web import throttle
from voting.web import wechat as wechat_room
from voting.web.site import Site
from voting.worker import renew_ticket

Raise = Callable[..., Flask]
PHONE = {"User-Agent": "Mozilla/5.0 (Linux; Android 13) Chrome/116 MicroMessenger/8.0.49"}
PUBLIC = "https://vote.example.cn"
ONLY_WECHAT = ("votes_per_device = 5", "votes_per_device = 0")


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn(domain="localhost") as one:
        yield one


@pytest.fixture
def app(stand_in: StandIn, raise_site: Raise) -> Flask:
    return raise_site(**stand_in.environ)


def in_wechat(town: Town) -> Visitor:
    """Somebody who opens the site in WeChat."""
    visitor = town.visitor()
    visitor.client.environ_base["HTTP_USER_AGENT"] = PHONE["User-Agent"]
    return visitor


@pytest.fixture
def alice(town: Town) -> Visitor:
    return in_wechat(town)


@pytest.fixture
def bob(town: Town) -> Visitor:
    return in_wechat(town)


def set_out(visitor: Visitor, entry: int = 1, **more: object) -> TestResponse:
    """The tap on "vote"."""
    body = {"entry": entry, "view": visitor.me(entry)["view"], **more}
    return visitor.post("/api/v1/sign-in", json=body)


def at_wechat(address: str) -> str:
    """What the phone does with the address: WeChat sends it back here, at once."""
    answer = urllib3.request("GET", address.partition("#")[0], redirect=False)
    assert answer.status == 302, answer.data.decode()
    back = urlsplit(answer.headers["Location"])
    assert back.path == "/wechat/return"
    return f"{back.path}?{back.query}"


def sign_in(visitor: Visitor, entry: int = 1, **more: object) -> TestResponse:
    """The whole way there and back."""
    return visitor.get(at_wechat(set_out(visitor, entry, **more).json["go"]))


def vote(visitor: Visitor, entry: int = 1) -> TestResponse:
    """What the page does after the return."""
    me = visitor.me(entry)
    return visitor.cast(entry, me["ballot"], **(me["intended"] or {}))


def has_pass(visitor: Visitor) -> bool:
    return visitor.client.get_cookie("pass") is not None


# --- the way it should go -------------------------------------------------------------------------


def test_the_tap_leads_to_wechat_and_back_to_a_clean_address(
    stand_in: StandIn, alice: Visitor
):
    go = set_out(alice, 3).json["go"]
    assert go.startswith(f"{stand_in.url}/connect/oauth2/authorize?appid={stand_in.app_id}&")
    assert go.endswith("#wechat_redirect")
    asked = parse_qs(urlsplit(go).query)
    assert asked["scope"] == ["snsapi_base"]
    assert len(asked["state"][0]) == 32
    back = alice.get(at_wechat(go))
    assert (back.status_code, back.headers["Location"]) == (303, "/e/3")
    assert back.headers["Cache-Control"] == "no-store"
    assert stand_in.calls == ["authorize", "exchange"]


def test_whoever_signed_in_votes_as_an_account(site: Site, alice: Visitor):
    assert alice.me(1)["sign_in"] == "here"
    sign_in(alice, 1, watched_s=12.5)
    me = alice.me(1)
    assert (me["voter_class"], me["sign_in"]) == ("openid", None)
    assert me["intended"]["watched_s"] == 12
    assert alice.cast(1, me["ballot"], **me["intended"]).status_code == 201
    (row,) = site.store.ledger.votes()
    assert (row.entry, row.signals.identity, row.signals.watched_s) == (1, Identity.OPENID, 12)


def test_both_cookies_are_out_of_reach_of_scripts_and_other_sites(alice: Visitor):
    out = set_out(alice)
    back = alice.get(at_wechat(out.json["go"]))
    for answer, name in ((out, "sign-in="), (back, "pass=w.")):
        (cookie,) = (one for one in answer.headers.getlist("Set-Cookie") if one.startswith(name))
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie


def test_over_tls_both_cookies_are_secure(stand_in: StandIn, raise_site: Raise):
    stand_in.domain = "vote.example.cn"
    alice = in_wechat(Town(raise_site(**stand_in.environ, PUBLIC_URL=PUBLIC)))
    out = set_out(alice)
    assert "Secure" in out.headers["Set-Cookie"]
    assert f"redirect_uri={urlencode({'': PUBLIC})[1:]}%2F" in out.json["go"]


def test_the_same_account_is_the_same_voter_on_every_phone(alice: Visitor, bob: Visitor):
    sign_in(alice)
    assert vote(alice).status_code == 201
    sign_in(bob)  # another phone, the same openid
    assert bob.me(1)["voted"] == [1]
    assert vote(bob).json["code"] == "already_voted"


def test_two_accounts_are_two_voters(stand_in: StandIn, site: Site, alice: Visitor, bob: Visitor):
    sign_in(alice)
    assert vote(alice).status_code == 201
    stand_in.person = "oStandInPerson000000000000Bob"
    sign_in(bob)
    assert vote(bob).status_code == 201
    assert site.store.ledger.recount() == {1: 2}


def test_what_the_device_cast_today_counts_against_the_account(alice: Visitor):
    alice.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 Chrome/116"
    assert alice.vote(1).status_code == 201
    assert alice.vote(2).status_code == 201
    alice.client.environ_base["HTTP_USER_AGENT"] = PHONE["User-Agent"]
    sign_in(alice, 3)
    me = alice.me(3)
    assert (me["voted"], me["votes_left"]) == ([1, 2], 3)
    assert vote(alice, 1).json["code"] == "already_voted"


def test_a_form_signs_in_without_javascript(site: Site, alice: Visitor):
    page = alice.get("/e/4/vote")
    out = alice.post("/e/4/sign-in", data=fields(page))
    assert out.status_code == 303
    assert alice.get(at_wechat(out.headers["Location"])).headers["Location"] == "/e/4"
    answer = alice.post("/e/4/vote", data=fields(alice.get("/e/4/vote")))
    assert answer.status_code == 201
    assert site.store.ledger.recount() == {4: 1}


# --- links that somebody was sent, or goes back to ------------------------------------------------


def test_a_replay_by_somebody_signed_in_is_already_signed_in(stand_in: StandIn, alice: Visitor):
    link = at_wechat(set_out(alice, 3).json["go"])
    alice.get(link)
    again = alice.get(link)  # the page is reloaded on the way
    assert (again.status_code, again.headers["Location"]) == (303, "/e/3")
    assert alice.me(3)["intended"]  # handed over, and with it the cookie is gone
    again = alice.get(link)  # back through the history
    assert (again.status_code, again.headers["Location"]) == (303, "/e/3")
    assert stand_in.calls.count("exchange") == 2


def test_a_phone_that_comes_back_twice_is_signed_in_once(
    site: Site, stand_in: StandIn, alice: Visitor
):
    link = at_wechat(set_out(alice, 3).json["go"])
    alice.get(link)
    first = alice.client.get_cookie("pass")
    alice.client.delete_cookie("pass")  # the first answer never arrived
    assert alice.get(link).headers["Location"] == "/e/3"
    assert alice.client.get_cookie("pass") == first
    assert vote(alice, 3).status_code == 201
    (key,) = site.store.throttle.keys("*:came-back:*")
    assert 0 < site.store.throttle.ttl(key) <= 60


def test_the_second_answer_waits_for_the_first(
    app: Flask, stand_in: StandIn, alice: Visitor, bob: Visitor
):
    link = at_wechat(set_out(alice, 3).json["go"])
    twin = alice.client.get_cookie("sign-in")
    assert twin
    bob.client.set_cookie("sign-in", twin.value)  # the same phone
    store = app.extensions["site"].store
    kept: list[tuple[str, ...]] = []
    with pytest.MonkeyPatch.context() as patch:  # the first one's pass is on its way yet
        patch.setattr(store.returns, "remember", lambda *what: kept.append(what))
        assert alice.get(link).status_code == 303
    late = threading.Timer(0.3, lambda: store.returns.remember(*kept[0]))
    late.start()
    assert bob.get(link).headers["Location"] == "/e/3"
    late.join()


def test_somebody_else_s_second_time_is_not_ours(alice: Visitor, bob: Visitor):
    link = urlsplit(at_wechat(set_out(alice, 3).json["go"]))
    alice.get(link.geturl())
    mine = urlsplit(set_out(bob, 3).json["go"])
    query = dict(parse_qsl(link.query)) | {"state": parse_qs(mine.query)["state"][0]}
    assert bob.get(f"{link.path}?{urlencode(query)}").status_code == 409  # alice's code
    assert not has_pass(bob)


def test_a_replay_without_a_pass_asks_for_one_more_tap(
    site: Site, alice: Visitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(wechat_room, "LOOK_S", 0.01)
    link = at_wechat(set_out(alice, 3).json["go"])
    alice.get(link)
    alice.client.delete_cookie("pass")
    site.store.throttle.flushall()  # a minute later
    again = alice.get(link)
    assert again.status_code == 409
    assert "再点一次" in again.text
    assert 'href="/e/3"' in again.text
    assert not has_pass(alice)


def test_a_link_that_was_sent_to_somebody_else_signs_nobody_in(
    stand_in: StandIn, alice: Visitor, bob: Visitor
):
    link = at_wechat(set_out(alice, 3).json["go"])
    stolen = bob.get(link)
    assert (stolen.status_code, stolen.headers["Location"]) == (303, "/e/3")
    assert not has_pass(bob)
    assert "exchange" not in stand_in.calls
    assert alice.get(link).headers["Location"] == "/e/3"  # and it is still alice's


def test_another_s_state_signs_nobody_in_though_both_set_out(
    stand_in: StandIn, alice: Visitor, bob: Visitor
):
    link = at_wechat(set_out(alice, 3).json["go"])
    set_out(bob, 3)
    stolen = bob.get(link)
    assert (stolen.status_code, stolen.headers["Location"]) == (303, "/e/3")
    assert not has_pass(bob)
    assert "exchange" not in stand_in.calls


def test_a_foreign_link_votes_for_nobody_who_is_signed_in(
    site: Site, stand_in: StandIn, alice: Visitor, bob: Visitor
):
    sign_in(bob, 1)
    assert vote(bob, 1).status_code == 201
    stolen = bob.get(at_wechat(set_out(alice, 3).json["go"]))
    assert (stolen.status_code, stolen.headers["Location"]) == (303, "/e/3")
    assert bob.me(3)["intended"] is None
    assert site.store.ledger.recount() == {1: 1}


def test_a_foreign_link_takes_away_an_intention_that_was_left_lying(
    stand_in: StandIn, alice: Visitor, bob: Visitor
):
    set_out(bob, 3)
    bob.get(at_wechat(set_out(alice, 3).json["go"]))
    assert bob.client.get_cookie("sign-in") is None


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x", "?code=&state=", "?code=x&state=%00", "?e=0x3&state=é"]
)
def test_a_return_from_nowhere_leads_home(stand_in: StandIn, alice: Visitor, query: str):
    answer = alice.get(f"/wechat/return{query}")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert stand_in.calls == []


@pytest.mark.parametrize("e", ["../x", "//evil.example", "1e9", "٣", "999999", ""])
def test_a_return_leads_to_pages_of_ours_only(alice: Visitor, e: str):
    sign_in(alice)
    alice.me(1)
    answer = alice.get("/wechat/return?" + urlencode({"e": e, "state": "x", "code": "x"}))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_an_intention_that_is_too_old_signs_nobody_in(
    stand_in: StandIn, site: Site, alice: Visitor
):
    link = at_wechat(set_out(alice).json["go"])
    now = site.clock
    site.clock = lambda: now() + 31 * 60
    assert alice.get(link).headers["Location"] == "/e/1"
    assert not has_pass(alice)
    assert "exchange" not in stand_in.calls


def test_a_code_of_nobody_asks_for_one_more_tap(alice: Visitor):
    link = urlsplit(at_wechat(set_out(alice).json["go"]))
    query = dict(parse_qsl(link.query)) | {"code": "041dtY3b2LZjeQ0"}
    answer = alice.get(f"{link.path}?{urlencode(query)}")
    assert answer.status_code == 409
    assert not has_pass(alice)


def test_no_link_can_set_out(alice: Visitor):
    view = alice.me(1)["view"]
    assert alice.get(f"/api/v1/sign-in?entry=1&view={view}").status_code == 405
    plain = alice.post("/api/v1/sign-in", data={"entry": 1, "view": view})
    assert plain.status_code == 415
    foreign = alice.post(
        "/api/v1/sign-in", json={"entry": 1, "view": view}, headers={"Origin": "https://evil.cn"}
    )
    assert (foreign.status_code, foreign.json["code"]) == (403, "foreign_site")
    assert alice.client.get_cookie("sign-in") is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"entry": 99}, 404), ({"entry": "1"}, 400), ({"view": "x"}, 400), ({"view": None}, 400),
        ({"entry": 2}, 403), ({"watched_s": "x"}, 400), ({"share": 7}, 400),
    ],
)  # fmt: skip
def test_a_tap_that_isn_t_one_is_refused(alice: Visitor, body: dict, status: int):
    sent = {"entry": 1, "view": alice.me(1)["view"]} | body
    answer = alice.post("/api/v1/sign-in", json=sent)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


@pytest.mark.parametrize("watched_s", [-5, 10**12, 0.5])
def test_whatever_was_watched_fits_the_ledger(alice: Visitor, watched_s: float):
    sign_in(alice, 1, watched_s=watched_s)
    assert 0 <= alice.me(1)["intended"]["watched_s"] <= 0xFFFF
    assert vote(alice).status_code == 201


def test_a_share_code_comes_along_if_it_is_ours(site: Site, alice: Visitor, bob: Visitor):
    code = bob.me(1)["share"]
    sign_in(alice, 1, share=code)
    assert alice.me(1)["intended"]["share"] == code
    sign_in(bob, 1, share="AAAAAAAAAA")
    assert bob.me(1)["intended"]["share"] == ""


# --- what a client says of itself is worth nothing ------------------------------------------------


def test_an_openid_from_the_client_is_worth_nothing(
    stand_in: StandIn, site: Site, alice: Visitor
):
    claimed = stand_in.person
    alice.client.set_cookie("openid", claimed)
    alice.client.set_cookie("pass", f"w.{claimed}")
    headers = {"X-WX-OPENID": claimed, "X-Openid": claimed, "Authorization": claimed}
    me = alice.get(f"/api/v1/me?entry=1&openid={claimed}", headers=headers).json
    assert (me["voter_class"], me["sign_in"]) == (None, "here")
    body = {"entry": 1, "view": me["view"], "openid": claimed}
    out = alice.post("/api/v1/sign-in", json=body, headers=headers)
    state = parse_qs(urlsplit(out.json["go"]).query)["state"][0]
    query = urlencode({"openid": claimed, "state": state, "code": "x", "is_snapshotuser": 0})
    back = alice.get(f"/wechat/return?{query}", headers=headers)
    assert back.status_code == 409
    body = {"ballot": "x", "openid": claimed}
    answer = alice.post("/api/v1/entries/1/votes", json=body, headers=headers)
    assert answer.json["code"] == "pass_required"
    assert site.store.ledger.recount() == {}


def test_the_openid_is_neither_kept_nor_logged(
    stand_in: StandIn, site: Site, alice: Visitor, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    link = at_wechat(set_out(alice).json["go"])
    back = alice.get(link)
    vote(alice)
    alice.get(link)
    kept = [repr(back.headers), alice.get("/api/v1/me?entry=1").text, caplog.text]
    for client in (site.store.law, site.store.throttle):
        kept += [repr((key, client.dump(key))) for key in client.keys("*")]
    files = site.settings.data_dir.rglob("*")
    kept += [repr(path.read_bytes()) for path in files if path.is_file()]
    code = parse_qs(urlsplit(link).query)["code"][0]
    for secret in (stand_in.person, stand_in.secret, code):
        assert secret not in "\n".join(kept)


# --- snapshots, and WeChat in trouble -------------------------------------------------------------


def test_a_snapshot_is_refused_and_told_what_to_tap(stand_in: StandIn, alice: Visitor):
    stand_in.snapshot = True
    answer = sign_in(alice, 3)
    assert answer.status_code == 403
    assert "使用完整服务" in answer.text
    assert not has_pass(alice)
    stand_in.snapshot = False
    assert sign_in(alice, 3).headers["Location"] == "/e/3"


@pytest.mark.parametrize("code", [-1, 45009, 45011, 40164, 40125, 48001, 42001])
def test_wechat_s_troubles_are_told_as_such(
    stand_in: StandIn, alice: Visitor, caplog: pytest.LogCaptureFixture, code: int
):
    link = at_wechat(set_out(alice, 3).json["go"])
    stand_in.every_answer = code
    answer = alice.get(link)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "微信暂时没有应答" in answer.text
    assert 'href="/e/3/vote"' in answer.text  # without signing in
    assert not has_pass(alice)
    assert f"sign-in: WeChat says {code}" in caplog.text
    stand_in.every_answer = None
    assert sign_in(alice, 3).headers["Location"] == "/e/3"


def test_a_slow_wechat_is_told_as_such(
    stand_in: StandIn, site: Site, alice: Visitor, monkeypatch: pytest.MonkeyPatch
):
    link = at_wechat(set_out(alice).json["go"])
    assert site.wechat
    monkeypatch.setattr(site.wechat._pool, "connection_pool_kw", {"timeout": 0.2, "retries": False})
    stand_in.every_answer = 1.0
    assert alice.get(link).status_code == 503


def test_where_only_accounts_vote_nothing_else_is_offered(stand_in: StandIn, raise_site: Raise):
    alice = in_wechat(Town(raise_site(ONLY_WECHAT, **stand_in.environ)))
    link = at_wechat(set_out(alice, 3).json["go"])
    stand_in.every_answer = -1
    answer = alice.get(link)
    assert answer.status_code == 503
    assert "/e/3/vote" not in answer.text


def test_junk_is_stopped_before_it_reaches_wechat(
    stand_in: StandIn, raise_site: Raise, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(throttle, "SIGN_INS", "3 per hour")
    town = Town(raise_site(**stand_in.environ))
    alice = in_wechat(town)
    link = urlsplit(at_wechat(set_out(alice).json["go"]))
    for n in range(5):
        query = urlencode(dict(parse_qsl(link.query)) | {"code": f"junk{n}"})
        status = alice.get(f"{link.path}?{query}").status_code
        assert status == (409 if n < 3 else 429)
    assert stand_in.calls.count("exchange") == 3
    assert "Retry-After" in alice.get(f"{link.path}?{link.query}").headers
    bob = in_wechat(town)
    assert sign_in(bob).status_code == 303


# --- without the stores ---------------------------------------------------------------------------


def test_without_the_law_store_a_device_is_not_taken_over_unasked(
    stand_in: StandIn, raise_site: Raise, own_law: OwnStore
):
    app = raise_site(**stand_in.environ, REDIS_URL=own_law.url)
    town, site = Town(app), app.extensions["site"]
    device, alice = town.visitor(), in_wechat(town)
    assert device.vote(1).status_code == 201
    cookie = device.client.get_cookie("pass")
    assert cookie
    alice.client.set_cookie("pass", cookie.value)
    links = [at_wechat(set_out(alice, 2).json["go"])]
    own_law.kill()
    answer = alice.get(links[0])
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert int(answer.headers["Retry-After"]) > 0
    kept = alice.client.get_cookie("pass")
    assert kept
    assert kept.value == cookie.value  # still the device's
    own_law.start()
    refresh(site)
    wait_until(lambda: alice.get("/api/v1/me?entry=2").status_code == 200)
    assert sign_in(alice, 2).status_code == 303
    assert alice.me(2)["voted"] == [1]


def test_without_the_throttle_store_people_sign_in_all_the_same(
    stand_in: StandIn, raise_site: Raise, own_throttle: OwnStore
):
    town = Town(raise_site(**stand_in.environ, THROTTLE_URL=own_throttle.url))
    own_throttle.kill()
    alice = in_wechat(town)
    assert sign_in(alice).headers["Location"] == "/e/1"
    assert vote(alice).status_code == 201
    signature = alice.get("/api/v1/wechat/signature?url=http://localhost/")
    assert (signature.status_code, signature.json["code"]) == (503, "no_ticket")


# --- without an account ---------------------------------------------------------------------------


def test_without_an_account_nobody_signs_in(raise_site: Raise):
    alice = in_wechat(Town(raise_site()))
    me = alice.me(1)
    assert me["sign_in"] is None
    for answer in (
        alice.post("/api/v1/sign-in", json={"entry": 1, "view": me["view"]}),
        alice.get("/api/v1/wechat/signature?url=http://localhost/"),
    ):
        assert (answer.status_code, answer.json["code"]) == (404, "no_wechat")
    assert alice.get("/wechat/return?code=x&state=x").status_code == 404
    page = alice.get("/e/1")
    assert "data-wechat" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "form-action 'self';" in policy


# --- share cards ----------------------------------------------------------------------------------


def signed(visitor: Visitor, url: str) -> TestResponse:
    return visitor.get("/api/v1/wechat/signature?" + urlencode({"url": url}))


def test_a_page_is_signed_as_the_sdk_checks_it(stand_in: StandIn, site: Site, alice: Visitor):
    assert signed(alice, "http://localhost/e/1").status_code == 503  # before the worker has been
    assert site.wechat
    renew_ticket(site.store.tickets, site.wechat)
    url = "http://localhost/e/1?s=AAAAAAAAAA&q=%E4%BD%A0 好"
    answer = signed(alice, f"{url}#share")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json
    assert set(body) == {"app_id", "timestamp", "nonce", "signature"}
    assert body["app_id"] == stand_in.app_id
    assert body["signature"] == stand_in.signs(url, body["nonce"], body["timestamp"])
    assert stand_in.ticket not in answer.text


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/", "http://localhost.evil.example/", "http://localhost@evil.example/",
        "http://localhost", "//localhost/", "/e/1", "", "javascript:1", "https://localhost/",
        "http://localhost:8000/", "http://localhost/" + "x" * 2048,
    ],
)  # fmt: skip
def test_only_pages_of_ours_are_signed(site: Site, alice: Visitor, url: str):
    assert site.wechat
    renew_ticket(site.store.tickets, site.wechat)
    answer = signed(alice, url)
    assert (answer.status_code, answer.json["code"]) == (400, "foreign_url")


def test_the_public_address_is_what_is_signed(stand_in: StandIn, raise_site: Raise):
    app = raise_site(**stand_in.environ, PUBLIC_URL=PUBLIC)
    site, alice = app.extensions["site"], in_wechat(Town(app))
    renew_ticket(site.store.tickets, site.wechat)
    assert signed(alice, f"{PUBLIC}/e/1").status_code == 200
    assert signed(alice, "http://localhost/e/1").status_code == 400


def test_a_signature_never_waits_for_wechat(stand_in: StandIn, alice: Visitor):
    assert signed(alice, "http://localhost/e/1").status_code == 503
    assert stand_in.calls == []


def test_pages_name_the_sdk_and_the_policy_lets_it_in(stand_in: StandIn, alice: Visitor):
    for path in ("/", "/e/1", "/nothing"):
        page = alice.get(path)
        assert f'data-wechat-sdk="{stand_in.url}/jweixin.js"' in page.text
        policy = page.headers["Content-Security-Policy"]
        assert f"script-src 'self' {stand_in.url};" in policy
        assert f"form-action 'self' {stand_in.url};" in policy
    console = alice.get("/organizer/log-in")
    assert stand_in.url not in console.headers["Content-Security-Policy"]


def test_wechat_s_own_addresses_are_the_default(raise_site: Raise):
    variables = {"WECHAT_APP_ID": "wx0123456789abcdef", "WECHAT_APP_SECRET": "s" * 32}
    page = Town(raise_site(**variables)).visitor().get("/")
    assert 'data-wechat-sdk="https://res.wx.qq.com/open/js/jweixin-1.6.0.js"' in page.text
    assert "script-src 'self' https://res.wx.qq.com;" in page.headers["Content-Security-Policy"]
    assert wechat.TIMEOUT.read_timeout <= 5


# --- the files that WeChat looks for --------------------------------------------------------------

NAMED = ("verify = []", 'verify = ["MP_verify_AbCd1234.txt", "MP_verify_x9.txt"]')


@pytest.mark.parametrize("base", ["http://localhost", "https://vote.example.cn", "http://10.0.0.8"])
def test_the_named_files_are_there_on_every_address(raise_site: Raise, base: str):
    visitor = Town(raise_site(NAMED, PUBLIC_URL=PUBLIC)).visitor()
    for name in ("AbCd1234", "x9"):
        answer = visitor.get(f"/MP_verify_{name}.txt", base_url=base)
        assert (answer.status_code, answer.text, answer.mimetype) == (200, name, "text/plain")


def test_no_other_file_is(raise_site: Raise):
    visitor = Town(raise_site(NAMED)).visitor()
    for name in ("AbCd", "abcd1234", "", "AbCd1234.txt", "%3Cscript%3E"):
        assert visitor.get(f"/MP_verify_{name}.txt").status_code == 404
