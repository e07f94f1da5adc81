"""What a red team found, so that it stays found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from people import Town, Visitor, solve
from staging import rewritten, unhurried

from voting import create_app
from voting.contest import SHANGHAI
from voting.web.pages import Pages
from voting.web.site import Site, is_host

Raise = Callable[..., Flask]


def test_what_is_not_a_choice_in_the_query_makes_no_page_of_its_own(app: Flask, alice: Visitor):
    pages: Pages = app.extensions["pages"]
    for path in ("/top", "/rules", "/e/1", "/api/v1/standings"):
        texts = {alice.get(f"{path}?from=timeline&{junk}").data for junk in range(20)}
        assert len(texts) <= 2, "one page, or two if the second turned meanwhile"
    assert len(pages.pages) <= 8


def test_the_pages_of_one_second_are_bounded_and_go_with_it(site: Site):
    pages, board = Pages(), site.board()
    for number in range(100):
        pages.get(board, number, lambda: "x" * 1_000_000)
        assert pages.size <= 34_000_000
    pages.get(replace(board), "next", lambda: "y")
    assert list(pages.pages) == ["next"]


@pytest.mark.parametrize("cookie", ["pass=\xff\xfe", "name=\xd6\xd0\xb9\xfa", "pass=; pass=; ;;="])
@pytest.mark.parametrize("path", ["/api/v1/me?entry=1", "/e/1/vote"])
def test_a_cookie_that_is_not_utf_8_is_somebody_else_s(app: Flask, cookie: str, path: str):
    client = app.test_client(use_cookies=False)
    assert client.get(path, headers={"Cookie": cookie}).status_code == 200


def test_a_pass_is_found_behind_somebody_else_s_cookie_of_the_same_name(app: Flask, alice: Visitor):
    ballot = alice.ballot(1)
    mine = alice.client.get_cookie("pass").value
    client = app.test_client(use_cookies=False)
    answer = client.post(
        "/api/v1/entries/1/votes",
        json={"ballot": ballot},
        headers={"Cookie": f"pass=zzz; name=\xd6\xd0; pass={mine}"},
    )
    assert answer.status_code == 201


@pytest.mark.parametrize("body", ["1", '"x"', "[]", "null"])
def test_the_form_sent_as_json_is_refused_in_words(alice: Visitor, body: str):
    answer = alice.post("/e/1/vote", data=body, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "host", ["a..b", ".", "x; script-src *", "a" * 64 + ".cn", "a/b", "[::1", ""]
)
def test_a_strange_host_is_turned_away_before_anything_else(app: Flask, host: str):
    assert not is_host(host)
    for path in ("/", "/api/v1/standings"):
        answer = app.test_client().get(path, environ_overrides={"HTTP_HOST": host})
        assert (answer.status_code, answer.mimetype) == (400, "text/plain")


@pytest.mark.parametrize("host", ["vote.example.cn", "127.0.0.1:8000", "[::1]:80", "my_app:8000"])
def test_a_host_is_a_host(host: str):
    assert is_host(host)


def test_what_a_proxy_says_of_the_scheme_gets_into_no_policy(raise_site: Raise):
    alice = Town(raise_site(TRUSTED_PROXIES="1")).visitor()
    answer = alice.get("/", headers={"X-Forwarded-Proto": "https; script-src *"})
    assert answer.status_code == 200
    assert "script-src *" not in answer.headers["Content-Security-Policy"]
    assert "script-src *" not in answer.text


def test_with_a_public_address_no_header_moves_the_site(raise_site: Raise):
    app = raise_site(TRUSTED_PROXIES="1", PUBLIC_URL="https://vote.example.cn")
    alice = Town(app).visitor()
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    page = alice.get("/e/1", headers=forged).text
    assert "evil.example" not in page
    assert 'href="https://vote.example.cn/e/1"' in page
    view = alice.me(1)["view"]
    made = alice.post("/api/v1/passes", json={"entry": 1, "view": view}, headers=forged)
    assert "Secure" in made.headers["Set-Cookie"]
    assert "Secure" in Town(app).visitor().get("/e/1/vote", headers=forged).headers["Set-Cookie"]


def test_an_ipv6_host_that_changes_its_prefix_stays_within_its_network_s_limit(raise_site: Raise):
    app = raise_site(("new_passes_per_hour = 1000000", "new_passes_per_hour = 2"))
    town = Town(app)
    visitors = [town.visitor(f"2001:db8:1:{n:x}::1") for n in range(30)]
    answers = []
    for one in visitors:
        view = one.me(1)["view"]
        answer = one.ask_pass(1, view)
        if answer.status_code == 403:
            answer = one.ask_pass(1, view, solve(answer.json["challenge"]))
        answers.append(answer.status_code)
    assert (answers.count(201), answers.count(429)) == (20, 10)
    elsewhere = town.visitor("2001:db8:2::1")
    assert elsewhere.ask_pass(1, elsewhere.me(1)["view"]).status_code == 201


def test_junk_does_not_use_up_a_campus_s_allowance(raise_site: Raise):
    app = raise_site(("new_passes_per_hour = 1000000", "new_passes_per_hour = 3"))
    town = Town(app)
    mallory, alice = town.visitor("10.1.1.1"), town.visitor("10.1.1.1")
    for _ in range(10):
        assert mallory.post("/api/v1/passes", json={}).status_code == 400
        assert mallory.ask_pass(1, "junk").status_code == 400
        assert mallory.post("/e/1/vote", data={}).status_code == 400
    assert alice.vote(1).status_code == 201


@pytest.mark.parametrize("address", ["1.2.3.4:5678", "1.2.3.4", "[2001:db8::1]:443", "2001:db8::1"])
def test_a_port_behind_the_address_does_not_make_all_voters_one(site: Site, address: str):
    plain = "1.2.3.4" if "." in address else "2001:db8::1"
    assert site.voters.place(address) == site.voters.place(plain)
    assert site.voters.place(address).address != bytes(6)


def test_passes_cannot_be_hoarded_before_the_vote_opens(site: Site, alice: Visitor):
    now = datetime.now(SHANGHAI)
    law = replace(site.contest.law, opens=now + timedelta(hours=1), closes=now + timedelta(hours=2))
    view = alice.me(1)["view"]
    site.store.rules.apply(law, "试验", site.now_ms())
    site.store.boards._board = None
    answer = alice.ask_pass(1, view)
    assert (answer.status_code, answer.json["code"]) == (403, "not_open")
    assert "Set-Cookie" not in answer.headers


def test_a_pass_ends_on_the_server_too(site: Site, alice: Visitor):
    alice.vote(1)
    later = site.clock() + 181 * 24 * 3600
    site.clock = lambda: later
    assert alice.me()["voter_class"] is None


def test_a_site_that_was_started_without_its_store_takes_no_vote_into_another_contest(
    environ: dict[str, str], app: Flask, tmp_path: Path
):
    file = rewritten(tmp_path, ('id = "test-contest"', 'id = "other-contest"'))
    other = unhurried(create_app(environ | {"CONTEST_FILE": str(file)}))
    alice = Town(other).visitor()
    assert alice.get("/readyz").json == {"status": "wrong_contest"}
    answer = alice.vote(1)
    assert (answer.status_code, answer.json["code"]) == (503, "store_unavailable")
    assert not app.extensions["site"].store.ledger.recount()
