"""The vote over HTTP: every verdict's answer, and everything that must not become a vote."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from people import Town, Visitor
from reading import fields
from staging import build_open, refresh, rewritten, written
from werkzeug.test import TestResponse

from voting.contest import SHANGHAI, Identity, Verdict
from voting.settings import WeChat
from voting.voter import View
from voting.web.ballot import ANSWERS
from voting.web.site import Site
from voting.wechat import Api

HALF_HOUR_S = 30 * 60
SHARE = b"\x0a\x0b\x0c\x0d"
WECHAT = "Mozilla/5.0 (Linux; Android 14) Chrome/116.0 XWEB/1160 MicroMessenger/8.0.49"
VOTES = "/api/v1/entries/1/votes"


def problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The answer's problem document, checked for the one shape that all have."""
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    found = answer.json
    assert set(found) == {"type", "title", "status", "code", "detail", "next"}
    assert (found["type"], found["status"], found["code"]) == ("about:blank", status, code)
    assert re.search(r"[一-鿿]", found["detail"])
    return found


def change_rules(site: Site, **changes: object) -> None:
    site.store.rules.apply(replace(site.contest.law, **changes), "试验", site.now_ms())


def now() -> datetime:
    return datetime.now(SHANGHAI)


def looked_long_ago(site: Site, work: Callable[[], Any]) -> Any:
    """What a visitor got who looked at the page half an hour ago."""
    clock, then = site.clock, site.clock() - HALF_HOUR_S
    site.clock = lambda: then
    try:
        return work()
    finally:
        site.clock = clock


def not_open(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    ballot = alice.ballot(1)
    change_rules(site, opens=now() + timedelta(hours=1))
    return alice.cast(1, ballot)


def paused(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    site.store.rules.pause("核查")
    return alice.vote(1)


def closed(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    ballot = alice.ballot(1)
    change_rules(site, closes=now() - timedelta(seconds=1))
    return alice.cast(1, ballot)


def unknown_entry(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    return alice.cast(99, alice.ballot(1))


def entry_not_votable(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    ballot = alice.ballot(1)
    site.store.entries.withdraw(1, "争议")
    return alice.cast(1, ballot)


def already_voted(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    assert alice.vote(1).status_code == 201
    return alice.vote(1)


def quota_used(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    for entry in range(2, 7):
        assert alice.vote(entry).status_code == 201
    return alice.vote(1)


def pass_required(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    return bob.cast(1, alice.ballot(1))


def ballot_invalid(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    return alice.cast(1, alice.ballot(1)[:-3] + "xyz")


def ballot_expired(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    ballot = looked_long_ago(site, lambda: alice.ballot(1))
    return alice.cast(1, ballot)


def foreign_ballot(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    bob.ballot(1)
    return bob.cast(1, alice.ballot(1))


def wechat_required(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    ballot = alice.ballot(1)
    change_rules(site, votes_per_device=0)
    return alice.cast(1, ballot)


def too_early(site: Site, alice: Visitor, bob: Visitor) -> TestResponse:
    alice.ballot(1)
    one = site.voters.read_pass(alice.client.get_cookie("pass").value, site.now_ms())
    view = View(b"a view..", 1, site.now_ms())
    return alice.cast(1, site.voters.ballot(one, view))


REFUSALS = [
    (not_open, 403),
    (paused, 403),
    (closed, 403),
    (unknown_entry, 404),
    (entry_not_votable, 409),
    (already_voted, 409),
    (quota_used, 409),
    (pass_required, 403),
    (ballot_invalid, 400),
    (ballot_expired, 422),
    (foreign_ballot, 403),
    (wechat_required, 403),
    (too_early, 425),
]


def test_every_verdict_has_its_answer_and_a_test():
    assert set(ANSWERS) == set(Verdict)
    tested = {act.__name__ for act, _ in REFUSALS} | {Verdict.ACCEPTED.value}
    assert tested == {verdict.value for verdict in Verdict}


@pytest.mark.parametrize(("act", "status"), REFUSALS, ids=lambda p: getattr(p, "__name__", p))
def test_a_refusal_has_its_status_code_and_sentence_and_counts_nothing(
    site: Site, alice: Visitor, bob: Visitor, act: Callable[..., TestResponse], status: int
):
    answer = act(site, alice, bob)
    found = problem(answer, status, act.__name__)
    expected = ANSWERS[Verdict(act.__name__)]
    assert (found["detail"], found["next"]) == (expected.sentence, expected.next)
    assert site.store.ledger.tally()[1] == site.store.ledger.recount()[1] == (
        1 if act is already_voted else 0
    )


def test_an_accepted_vote_says_what_is_left_and_gives_a_receipt(site: Site, alice: Visitor):
    answer = alice.vote(1, watched_s=12.5, share=site.voters.written(SHARE))
    assert (answer.status_code, answer.mimetype) == (201, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    found = answer.json
    assert (found["code"], found["entry"], found["votes_left"]) == ("accepted", 1, 4)
    assert re.fullmatch(r"[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{2}", found["receipt"])
    assert abs(datetime.fromisoformat(found["at"]) - now()) < timedelta(minutes=1)
    (vote,) = site.store.ledger.votes()
    assert (vote.entry, vote.signals.watched_s, vote.signals.share) == (1, 12, SHARE)
    assert vote.at_ms == round(datetime.fromisoformat(found["at"]).timestamp() * 1000)


def test_the_receipt_shows_neither_entry_nor_voter_nor_vote(site: Site, alice: Visitor):
    receipt = alice.vote(1).json["receipt"].replace("-", "")
    (vote,) = site.store.ledger.votes()
    assert vote.voter.hex().upper() not in receipt
    assert site.voters.receipt(vote.id).replace("-", "") == receipt
    others = {alice.vote(entry).json["receipt"] for entry in (2, 3)}
    assert len(others) == 2


def test_me_tells_what_is_the_visitor_s_own_and_sets_no_cookie(alice: Visitor, bob: Visitor):
    me = alice.get("/api/v1/me?entry=1")
    assert "Set-Cookie" not in me.headers
    assert me.headers["Cache-Control"] == "no-store"
    assert (me.json["voter_class"], me.json["votes_left"], me.json["voted"]) == (None, 5, [])
    assert "view" in me.json
    assert "ballot" not in me.json
    alice.vote(2)
    alice.vote(1)
    me = alice.me(3)
    assert (me["voter_class"], me["votes_left"], me["voted"]) == ("device", 3, [2, 1])
    assert "ballot" in me
    assert "view" not in me
    assert bob.me(1)["votes_left"] == 5


@pytest.mark.parametrize("entry", ["0", "99", "13", "-1", "x", "1.0", "٣", "999999", "1 "])
def test_me_for_an_entry_that_is_none_is_not_found(alice: Visitor, entry: str):
    problem(alice.get("/api/v1/me", query_string={"entry": entry}), 404, "unknown_entry")


BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"7",
    b'"ballot"',
    b"{}",
    b'{"ballot": null}',
    b'{"ballot": 7}',
    b'{"ballot": true}',
    b'{"ballot": ["x"]}',
    b'{"ballot": {"a": 1}}',
    b'{"view": null, "entry": 1}',
    b'{"view": "x", "entry": "1"}',
    b'{"view": "x", "entry": 1.0}',
    b'{"view": "x", "entry": true}',
    b'{"view": "x", "entry": null}',
    b'{"view": "x"}',
    b'{"entry": 1}',
    b"\xff\xfe\xfd",
    b'{"ballot": "\xff"}',
    b'{"ballot": "\\ud800"}',
    b'{"view": "\\ud800", "entry": 1}',
    b"\x00" * 100,
    b"ballot=x&view=x&entry=1",
    b"<xml/>",
    b"[" * 15_000,
    b'{"a":' * 3_000,
    b'{"ballot": "x", "n": ' + b"9" * 10_000 + b"}",
]


@pytest.mark.parametrize("path", [VOTES, "/api/v1/passes"])
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:24].decode("latin-1"))
def test_a_malformed_body_is_refused_and_nothing_is_written(
    site: Site, alice: Visitor, path: str, body: bytes
):
    before = written(site)
    answer = alice.post(path, data=body, content_type="application/json")
    assert answer.json["code"] in ("bad_request", "pass_required", "ballot_invalid")
    problem(answer, answer.status_code, answer.json["code"])
    assert answer.status_code in (400, 403)
    assert written(site) == before


@pytest.mark.parametrize(
    "more",
    [
        '"watched_s": "12"', '"watched_s": true', '"watched_s": [1]', '"watched_s": NaN',
        '"watched_s": Infinity', '"watched_s": -Infinity', '"watched_s": 1e999', '"share": 7',
        '"share": {"a": 1}', '"share": false',
    ],
)  # fmt: skip
def test_a_wrong_type_beside_a_good_ballot_is_refused(site: Site, alice: Visitor, more: str):
    body = f'{{"ballot": "{alice.ballot(1)}", {more}}}'
    before = written(site)
    problem(alice.post(VOTES, data=body, content_type="application/json"), 400, "bad_request")
    assert written(site) == before


@pytest.mark.parametrize(
    ("more", "watched_s", "share"),
    [
        ({}, 0, bytes(4)),
        ({"watched_s": None, "share": None}, 0, bytes(4)),
        ({"watched_s": 0}, 0, bytes(4)),
        ({"watched_s": -5}, 0, bytes(4)),
        ({"watched_s": 1e300}, 0xFFFF, bytes(4)),
        ({"watched_s": 10**40}, 0xFFFF, bytes(4)),
        ({"share": ""}, 0, bytes(4)),
        ({"share": "xyz"}, 0, bytes(4)),
        ({"share": "0a0b0c"}, 0, bytes(4)),
        ({"share": "0a0b0c0d0e"}, 0, bytes(4)),
        ({"share": "票"}, 0, bytes(4)),
        ({"share": "FFFFFFFF"}, 0, bytes(4)),
        ({"share": "AAAAAAAAAA"}, 0, bytes(4)),
        ({"openid": "o-someone", "number": 2, "voter": "x"}, 0, bytes(4)),
    ],
)
def test_what_is_odd_but_harmless_is_bounded(
    site: Site, alice: Visitor, more: dict[str, Any], watched_s: int, share: bytes
):
    assert alice.vote(1, **more).status_code == 201
    (vote,) = site.store.ledger.votes()
    assert (vote.entry, vote.signals.watched_s, vote.signals.share) == (1, watched_s, share)


@pytest.mark.parametrize("path", [VOTES, "/api/v1/passes"])
@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
             "text/json", "application/javascript"]
)  # fmt: skip
def test_another_content_type_is_refused(
    site: Site, alice: Visitor, path: str, kind: str | None
):
    body = json.dumps({"ballot": alice.ballot(1), "entry": 1, "view": alice.me(1).get("view", "")})
    before = written(site)
    problem(alice.post(path, data=body, content_type=kind), 415, "unsupported_media_type")
    assert written(site) == before


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (VOTES, "application/json"),
        ("/api/v1/passes", "application/json"),
        ("/e/1/vote", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_of_ten_megabytes_is_refused(
    site: Site, alice: Visitor, path: str, kind: str
):
    body = b'{"ballot": "' + b"x" * 10_000_000 + b'"}'
    before = written(site)
    answer = alice.post(path, data=body, content_type=kind)
    assert answer.status_code == 413
    if path.startswith("/api/"):
        problem(answer, 413, "too_large")
    assert written(site) == before


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/passes", {"POST", "OPTIONS"}),
        ("PUT", "/api/v1/passes", {"POST", "OPTIONS"}),
        ("GET", VOTES, {"POST", "OPTIONS"}),
        ("DELETE", VOTES, {"POST", "OPTIONS"}),
        ("PATCH", VOTES, {"POST", "OPTIONS"}),
        ("POST", "/api/v1/me", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/api/v1/standings", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/api/v1/entries", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_a_wrong_method_is_a_problem_that_names_the_right_ones(
    site: Site, alice: Visitor, method: str, path: str, allowed: set[str]
):
    before = written(site)
    answer = alice.client.open(path, method=method, json={"ballot": "x"})
    problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == allowed
    assert written(site) == before


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:81"},
    {"Origin": "null"},
    {"Origin": "evil"},
    {"Origin": "http://"},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
]
OURS = [
    {},
    {"Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
    {"Referer": "https://evil.example/"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_site_s_page_can_t_vote_nor_make_a_pass(
    site: Site, alice: Visitor, bob: Visitor, headers: dict[str, str]
):
    ballot, view, form = alice.ballot(1), bob.me(1)["view"], fields(bob.get("/e/1/vote"))
    before = written(site)
    vote = alice.post(VOTES, json={"ballot": ballot}, headers=headers)
    problem(vote, 403, "foreign_site")
    made = bob.post("/api/v1/passes", json={"entry": 1, "view": view}, headers=headers)
    problem(made, 403, "foreign_site")
    sent = bob.post("/e/1/vote", data=form, headers=headers)
    assert sent.status_code == 403
    assert "pass=" not in sent.headers.get("Set-Cookie", "")
    assert written(site) == before


@pytest.mark.parametrize("headers", OURS, ids=str)
def test_our_own_page_can_and_what_is_not_sent_is_neutral(
    alice: Visitor, headers: dict[str, str]
):
    view = alice.me(1)["view"]
    made = alice.post("/api/v1/passes", json={"entry": 1, "view": view}, headers=headers)
    assert made.status_code == 201
    vote = alice.post(VOTES, json={"ballot": made.json["ballot"]}, headers=headers)
    assert vote.status_code == 201


def test_behind_a_proxy_the_public_address_is_ours_too(raise_site: Callable[..., Flask]):
    alice = Town(raise_site(PUBLIC_URL="https://vote.example.cn")).visitor()
    ballot = alice.ballot(1)
    headers = {"Origin": "https://vote.example.cn"}
    assert alice.post(VOTES, json={"ballot": ballot}, headers=headers).status_code == 201
    for origin in ("https://evil.example", "null", "https://example.cn"):
        answer = alice.post(VOTES, json={"ballot": ballot}, headers={"Origin": origin})
        problem(answer, 403, "foreign_site")


@pytest.fixture
def other_contest(environ: dict[str, str], tmp_path, app: Flask) -> Town:
    """Another contest's site, with the same secrets."""
    mine = environ | {
        "CONTEST_FILE": str(rewritten(tmp_path, ('id = "test-contest"', 'id = "other-contest"'))),
        "REDIS_URL": environ["REDIS_URL"] + "?db=1",
        "THROTTLE_URL": environ["THROTTLE_URL"] + "?db=1",
    }
    return Town(build_open(mine))


def test_nothing_of_another_contest_is_worth_anything_here(
    site: Site, alice: Visitor, bob: Visitor, other_contest: Town
):
    there = other_contest.visitor()
    view, ballot = there.me(1)["view"], there.ballot(1)
    assert there.cast(1, ballot).status_code == 201
    problem(bob.ask_pass(1, view), 400, "ballot_invalid")
    alice.ballot(1)
    problem(alice.cast(1, ballot), 400, "ballot_invalid")
    bob.client.set_cookie("pass", there.client.get_cookie("pass").value)
    problem(bob.cast(1, ballot), 403, "pass_required")
    assert "view" in bob.me(1), "a pass of another contest is none"
    assert not site.store.ledger.recount()


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "a.b", "é", '"', "x" * 4000, "eyJ.eyJ.sig", "%00", "pass=pass", "w.", "w.w.", "w.é"],
)
def test_a_forged_pass_is_no_pass(app: Flask, site: Site, alice: Visitor, cookie: str):
    ballot = alice.ballot(1)
    headers = {"Cookie": f"pass={cookie}".encode().decode("latin-1")}
    bob = app.test_client(use_cookies=False)  # one with cookies sends only its own
    answer = bob.post(VOTES, json={"ballot": ballot}, headers=headers)
    problem(answer, 403, "pass_required")
    me = bob.get("/api/v1/me?entry=1", headers=headers)
    assert (me.status_code, me.json["voter_class"]) == (200, None)
    assert not site.store.ledger.recount()


def test_a_pass_signed_as_something_else_is_no_pass(alice: Visitor, bob: Visitor):
    view, ballot = alice.me(1)["view"], alice.ballot(1)
    device = alice.client.get_cookie("pass").value
    for token in (view, ballot, f"w.{view}", f"w.{ballot}", f"w.{device}"):
        bob.client.set_cookie("pass", token)
        assert bob.me(1)["voter_class"] is None


@pytest.mark.parametrize(
    ("view_of", "entry", "status", "code"),
    [
        (lambda a: a.me(2)["view"], 1, 403, "foreign_ballot"),
        (lambda a: a.me(1)["view"][:-2], 1, 400, "ballot_invalid"),
        (lambda a: "", 1, 400, "ballot_invalid"),
        (lambda a: "票", 1, 400, "ballot_invalid"),
        (lambda a: a.me(1)["view"], 99, 404, "unknown_entry"),
        (lambda a: a.me(1)["view"], -1, 404, "unknown_entry"),
        (lambda a: a.me(1)["view"], 10**30, 404, "unknown_entry"),
        (lambda a: a.me(1)["view"], 13, 404, "unknown_entry"),
        (lambda a: a.me(1)["view"], 14, 404, "withdrawn"),
    ],
)
def test_no_pass_is_made_from_a_wrong_view(
    site: Site,
    alice: Visitor,
    view_of: Callable[[Visitor], str],
    entry: int,
    status: int,
    code: str,
):
    problem(alice.ask_pass(entry, view_of(alice)), status, code)
    assert alice.client.get_cookie("pass") is None


def test_a_view_older_than_half_an_hour_makes_no_pass(site: Site, alice: Visitor):
    view = looked_long_ago(site, lambda: alice.me(1)["view"])
    problem(alice.ask_pass(1, view), 422, "ballot_expired")


def test_a_view_used_by_two_makes_one_voter(site: Site, alice: Visitor, bob: Visitor):
    view = alice.me(1)["view"]
    ballots = {one.ask_pass(1, view).json["ballot"] for one in (alice, bob)}
    assert len(ballots) == 1
    assert [one.cast(1, ballots.copy().pop()).status_code for one in (alice, bob)] == [201, 201]
    assert site.store.ledger.recount() == {1: 1}
    assert bob.vote(1).json["code"] == "already_voted"


def test_who_brings_a_pass_keeps_it(alice: Visitor, bob: Visitor):
    alice.ballot(1)
    mine = alice.client.get_cookie("pass").value
    answer = alice.ask_pass(2, bob.me(2)["view"])
    assert answer.status_code == 201
    assert "Set-Cookie" not in answer.headers
    assert alice.client.get_cookie("pass").value == mine
    assert alice.cast(2, answer.json["ballot"]).status_code == 201


def test_looking_at_everything_sets_no_cookie(alice: Visitor):
    for path in ("/", "/e/1", "/top", "/rules", "/mine", "/api/v1/me?entry=1", "/api/v1/entries",
                 "/api/v1/standings", "/e/99", "/nowhere", "/healthz", "/readyz"):  # fmt: skip
        assert "Set-Cookie" not in alice.get(path).headers, path


def pass_cookie(answer: TestResponse) -> set[str]:
    (cookie,) = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("pass=")]
    return {part.strip().partition("=")[0] + "=" * ("=" in part) + part.partition("=")[2]
            for part in cookie.split(";")[1:]}  # fmt: skip


def test_the_pass_is_long_lived_http_only_and_same_site(alice: Visitor):
    answer = alice.ask_pass(1, alice.me(1)["view"])
    flags = pass_cookie(answer)
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= flags
    assert f"Max-Age={180 * 24 * 3600}" in flags
    assert "Secure" not in flags
    assert not any(flag.startswith("Domain") for flag in flags)


@pytest.mark.parametrize(
    ("hops", "proto", "secure"), [("0", "https", False), ("1", "http", False), ("1", "https", True)]
)
def test_the_pass_is_secure_behind_tls(
    raise_site: Callable[..., Flask], hops: str, proto: str, secure: bool
):
    alice = Town(raise_site(TRUSTED_PROXIES=hops)).visitor()
    headers = {"X-Forwarded-Proto": proto}
    body = {"entry": 1, "view": alice.me(1)["view"]}
    answer = alice.post("/api/v1/passes", json=body, headers=headers)
    assert ("Secure" in pass_cookie(answer)) is secure


CLAIMS = [
    {"X-Forwarded-For": "198.51.100.7"},
    {"X-Real-IP": "198.51.100.7"},
    {"Client-IP": "198.51.100.7"},
    {"True-Client-IP": "198.51.100.7"},
    {"CF-Connecting-IP": "198.51.100.7"},
    {"Forwarded": "for=198.51.100.7"},
    {"X-Openid": "o-somebody"},
    {"Authorization": "Bearer o-somebody"},
    {"User-Agent": "somebody else"},
]


@pytest.mark.parametrize("headers", CLAIMS, ids=lambda headers: next(iter(headers)))
def test_who_one_claims_to_be_is_worth_nothing(
    site: Site, alice: Visitor, bob: Visitor, headers: dict[str, str]
):
    assert alice.vote(1).status_code == 201
    ballot = alice.ballot(1)
    again = alice.post(VOTES, json={"ballot": ballot, "openid": "o-x"}, headers=headers,
                       query_string={"openid": "o-x", "voter": "x"})  # fmt: skip
    problem(again, 409, "already_voted")
    assert bob.post(VOTES, json={"ballot": ballot}, headers=headers).json["code"] == "pass_required"
    other = {"ballot": alice.ballot(2)}
    second = alice.post("/api/v1/entries/2/votes", json=other, headers=headers)
    assert second.status_code == 201
    one, other = (vote.signals for vote in site.store.ledger.votes())
    assert (one.address, one.network) == (other.address, other.network)
    assert one.address == site.voters.place(alice.address).address


def test_behind_one_proxy_the_address_is_the_last_one_it_names(raise_site: Callable[..., Flask]):
    app = raise_site(TRUSTED_PROXIES="1")
    site, alice = app.extensions["site"], Town(app).visitor()
    headers = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9"}
    assert alice.post(VOTES, json={"ballot": alice.ballot(1)}, headers=headers).status_code == 201
    (vote,) = site.store.ledger.votes()
    assert vote.signals.address == site.voters.place("203.0.113.9").address


def test_the_ledger_holds_pseudonyms_only(site: Site, alice: Visitor):
    alice.post(VOTES, json={"ballot": alice.ballot(1)}, headers={"User-Agent": "Browser/1.0"})
    everything = b"".join(written(site).values())
    token = alice.client.get_cookie("pass").value
    assert alice.address.encode() not in everything
    assert b"Browser/1.0" not in everything
    assert token.encode() not in everything
    assert site.voters.read_pass(token, site.now_ms()).id not in everything


# ---------------------------------------------------------------- without JavaScript


def test_the_form_votes_from_the_entry_s_page_to_the_receipt(site: Site, alice: Visitor):
    link = re.search(r'href="(/e/1/vote)"', alice.get("/e/1").text)[1]
    form = alice.get(link)
    assert form.headers["Cache-Control"] == "no-store"
    assert "投票给" in form.text
    assert alice.client.get_cookie("pass") is None, "the form itself makes no pass"
    sent = alice.post(link, data=fields(form))
    assert sent.status_code == 201
    assert sent.headers["Cache-Control"] == "no-store"
    assert {"HttpOnly", "SameSite=Lax"} <= pass_cookie(sent)
    assert "已投给《一件事一次办的早晨》" in re.sub("</?bdi>", "", sent.text)
    assert re.search(r"[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{2}", sent.text)
    assert site.store.ledger.recount() == {1: 1}
    assert alice.me()["voted"] == [1], "form and script are the same voter"


def test_the_form_says_a_refusal_in_the_same_words_as_the_api(site: Site, alice: Visitor):
    alice.vote(1)
    sent = alice.post("/e/1/vote", data=fields(alice.get("/e/1/vote")))
    assert sent.status_code == 409
    assert ANSWERS[Verdict.ALREADY_VOTED].sentence in sent.text
    site.store.rules.pause("核查")
    sent = alice.post("/e/2/vote", data=fields(alice.get("/e/2/vote")))
    assert sent.status_code == 403
    assert ANSWERS[Verdict.PAUSED].sentence in sent.text
    assert site.store.ledger.recount() == {1: 1}


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"csrf_token": "wrong"}, 400),
        ({"csrf_token": ""}, 400),
        ({"csrf_token": None}, 400),
        ({"view": "wrong"}, 400),
        ({"view": ""}, 400),
        ({"view": None}, 400),
    ],
)
def test_a_form_with_a_wrong_token_or_view_counts_nothing_and_says_what_to_do(
    site: Site, alice: Visitor, changed: dict[str, str | None], status: int
):
    form = fields(alice.get("/e/1/vote")) | changed
    sent = alice.post("/e/1/vote", data={k: v for k, v in form.items() if v is not None})
    assert sent.status_code == status
    assert "再投" in sent.text or "投一票" in sent.text
    assert "pass=" not in sent.headers.get("Set-Cookie", "")
    assert not site.store.ledger.recount()


def test_a_form_of_another_browser_counts_nothing(site: Site, alice: Visitor, bob: Visitor):
    form = fields(alice.get("/e/1/vote"))
    assert bob.post("/e/1/vote", data=form).status_code == 400
    bob.get("/e/1/vote")
    assert bob.post("/e/1/vote", data=form).status_code == 400
    assert not site.store.ledger.recount()


def test_a_form_for_another_entry_counts_nothing(site: Site, alice: Visitor):
    form = fields(alice.get("/e/1/vote"))
    assert alice.post("/e/2/vote", data=form).status_code == 403
    assert not site.store.ledger.recount()


def test_a_form_that_lay_for_half_an_hour_is_too_old(site: Site, alice: Visitor):
    form = looked_long_ago(site, lambda: fields(alice.get("/e/1/vote")))
    sent = alice.post("/e/1/vote", data=form)
    assert sent.status_code == 422
    assert ANSWERS[Verdict.BALLOT_EXPIRED].sentence in sent.text
    assert not site.store.ledger.recount()


@pytest.mark.parametrize("number", [13, 14, 99])
def test_there_is_no_form_for_an_entry_that_is_not_public(alice: Visitor, number: int):
    assert alice.get(f"/e/{number}/vote").status_code == 404
    form = fields(alice.get("/e/1/vote"))
    assert alice.post(f"/e/{number}/vote", data=form).status_code == 404


def test_the_form_offers_no_button_where_nothing_can_be_cast(site: Site, alice: Visitor):
    assert '<button class="vote">' in alice.get("/e/1/vote").text
    for entry in range(1, 6):
        alice.vote(entry)
    assert '<button class="vote">' not in alice.get("/e/6/vote").text
    site.store.rules.pause("核查")
    refresh(site)
    assert '<button class="vote">' not in Town(site_app(alice)).visitor().get("/e/6/vote").text


def site_app(visitor: Visitor) -> Flask:
    return visitor.client.application


def test_the_form_s_cookie_is_http_only_and_same_site(alice: Visitor):
    (cookie,) = alice.get("/e/1/vote").headers.getlist("Set-Cookie")
    assert cookie.startswith("form=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize("by", ["the address", "the page before"])
def test_a_link_s_share_code_reaches_the_ledger_by_the_form_too(
    site: Site, alice: Visitor, by: str
):
    link = f"?s={site.voters.written(SHARE)}"
    asked = f"/e/1/vote{link}" if by == "the address" else "/e/1/vote"
    before = {"Referer": f"http://localhost/e/1{link}"} if by == "the page before" else {}
    assert alice.post("/e/1/vote", data=fields(alice.get(asked, headers=before))).status_code == 201
    (vote,) = site.store.ledger.votes()
    assert vote.signals.share == SHARE


@pytest.mark.parametrize("before", ["http://[", "?s", "x?s=%ff&s=2#", "\ud800?s=é"])
def test_a_page_before_with_an_odd_address_is_as_good_as_none(alice: Visitor, before: str):
    referer = before.encode("utf-8", "replace").decode("latin-1")
    assert alice.get("/e/1/vote", headers={"Referer": referer}).status_code == 200


# --- accounts -----------------------------------------------------------------------------------


@pytest.fixture
def account(site: Site) -> Site:
    """A site with an official account; nothing here asks WeChat anything."""
    site.wechat = Api(WeChat("wx0123456789", "s" * 32))
    return site


def in_wechat(visitor: Visitor, path: str) -> TestResponse:
    return visitor.get(path, headers={"User-Agent": WECHAT})


def signed_in(site: Site, visitor: Visitor, openid: str = "o-alice") -> Visitor:
    token = site.voters.pass_token(site.voters.openid_pass(openid, site.now_ms()))
    visitor.client.set_cookie("pass", token)
    return visitor


def test_without_an_official_account_nobody_is_asked_to_sign_in(alice: Visitor):
    assert in_wechat(alice, "/api/v1/me?entry=1").json["sign_in"] is None


@pytest.mark.parametrize(
    ("agent", "per_device", "sign_in"),
    [
        (WECHAT, 5, "here"),
        (WECHAT, 0, "here"),
        (WECHAT + " wxwork/4.1", 5, None),
        (WECHAT + " wxwork/4.1", 0, "elsewhere"),
        ("Mozilla/5.0 Safari/604.1", 5, None),
        ("Mozilla/5.0 Safari/604.1", 0, "elsewhere"),
        ("", 0, "elsewhere"),
    ],
)
def test_who_has_to_sign_in_and_where(
    account: Site, alice: Visitor, agent: str, per_device: int, sign_in: str | None
):
    if per_device != account.contest.law.votes_per_device:
        change_rules(account, votes_per_device=per_device)
        refresh(account)
    me = alice.get("/api/v1/me?entry=1", headers={"User-Agent": agent}).json
    assert me["sign_in"] == sign_in
    assert "ballot" not in me
    assert me["votes_left"] == me["votes_per_voter"] == 5


def test_whoever_has_signed_in_votes_as_an_account(account: Site, alice: Visitor):
    change_rules(account, votes_per_device=2)
    refresh(account)
    me = in_wechat(signed_in(account, alice), "/api/v1/me?entry=1").json
    assert (me["voter_class"], me["sign_in"], me["votes_left"]) == ("openid", None, 5)
    assert alice.cast(1, me["ballot"]).json["votes_left"] == 4
    (vote,) = account.store.ledger.votes()
    assert vote.signals.identity is Identity.OPENID


def test_whoever_signs_in_in_another_tab_is_not_taken_for_a_device(account: Site, alice: Visitor):
    view = alice.me(1)["view"]
    assert signed_in(account, alice).ask_pass(1, view).json["voter_class"] == "openid"


def test_a_device_s_quota_is_what_it_is_told(account: Site, alice: Visitor):
    change_rules(account, votes_per_device=2)
    refresh(account)
    assert (alice.me(1)["votes_left"], alice.me(1)["votes_per_voter"]) == (2, 2)
    assert alice.vote(1).json["votes_left"] == 1
    # In WeChat it could sign in, and the vote it has cast would count.
    assert in_wechat(alice, "/api/v1/me?entry=1").json["votes_left"] == 4


def test_a_device_that_signs_in_elsewhere_may_still_vote_here_as_itself(
    account: Site, alice: Visitor
):
    view = in_wechat(alice, "/api/v1/me?entry=1").json["view"]
    assert alice.cast(1, alice.ask_pass(1, view).json["ballot"]).status_code == 201


def test_no_device_pass_is_made_where_only_accounts_may_vote(account: Site, alice: Visitor):
    change_rules(account, votes_per_device=0)
    refresh(account)
    answer = alice.ask_pass(1, alice.me(1)["view"])
    problem(answer, 403, "wechat_required")
    assert "Set-Cookie" not in answer.headers


def came_back(site: Site, visitor: Visitor, entry: int = 1) -> str:
    """What the visitor set out with; they have signed in since."""
    view = site.voters.look(entry, site.now_ms())
    visitor.client.set_cookie("sign-in", site.voters.set_out(view, 12, SHARE))
    signed_in(site, visitor)
    return site.voters.ballot(site.voters.openid_pass("o-alice", site.now_ms()), view)


def test_what_was_intended_is_handed_over_once(account: Site, alice: Visitor):
    ballot = came_back(account, alice)
    first = alice.get("/api/v1/me?entry=1")
    assert first.json["intended"] == {"watched_s": 12, "share": account.voters.written(SHARE)}
    assert first.json["ballot"] == ballot
    assert first.headers["Set-Cookie"].startswith("sign-in=;")
    again = alice.me(1)
    assert again["intended"] is None
    assert again["ballot"] != ballot


def test_an_intention_is_for_its_entry_and_waits_for_it(account: Site, alice: Visitor):
    came_back(account, alice, entry=2)
    assert alice.me(1)["intended"] is None
    assert alice.me()["sign_in"] is None
    assert alice.me(2)["intended"]


@pytest.mark.parametrize("why", ["not signed in", "too old", "not ours"])
def test_a_page_is_not_told_to_vote(account: Site, alice: Visitor, why: str):
    if why == "too old":
        looked_long_ago(account, lambda: came_back(account, alice))
        signed_in(account, alice)
    else:
        came_back(account, alice)
    if why == "not signed in":
        alice.client.delete_cookie("pass")
    if why == "not ours":
        alice.client.set_cookie("sign-in", "x" * 60)
    assert alice.me(1)["intended"] is None


def test_a_visitor_s_share_code_is_the_pass_s_and_the_look_s_before(site: Site, alice: Visitor):
    before = [alice.me(1)["share"] for _ in range(2)]
    assert before[0] != before[1]
    alice.vote(1)
    assert alice.me(1)["share"] == alice.me(2)["share"]
    assert all(site.voters.read_share_code(code) != bytes(4) for code in before)
