"""Every refusal of a vote or a pass is counted once, by its code; nothing else is."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from people import Town, Visitor, solve
from reading import fields
from staging import free_port, wait_until

from voting.contest import Verdict, day_of
from voting.settings import ROOT
from voting.supervisor.child import end_with_us
from voting.voter import View
from voting.web import ballot, gallery, throttle, wechat
from voting.web.errors import HTTP_REFUSALS, STORE_DOWN
from voting.web.refused import REASONS, reason_of
from voting.web.site import Site

#: What no vote and no pass meets: another method or address is another route, and so is a log-in.
ELSEWHERE = {
    "forbidden", "not_found", "method_not_allowed", "too_many_appeals", "too_many_tries",
    "foreign_url", "no_ticket",
}  # fmt: skip


def counted(site: Site) -> Counter[str]:
    site.store.refusals.write()
    return site.store.refusals.of([day_of(site.now_ms())])[0]


def test_a_refused_vote_is_counted_by_its_verdict(site: Site, alice: Visitor, bob: Visitor):
    alice.vote(1)
    alice.vote(1)
    alice.vote(1)
    bob.cast(1, "no ballot")
    assert counted(site) == Counter(already_voted=2, pass_required=1)


def test_what_is_accepted_or_only_looked_at_is_not_counted(site: Site, alice: Visitor):
    assert alice.vote(1).status_code == 201
    assert alice.get("/e/99").status_code == 404
    assert alice.get("/api/v1/me?entry=99").status_code == 404
    assert counted(site) == Counter()


def test_what_the_door_refuses_unread_is_counted_too(site: Site, alice: Visitor):
    alice.post("/api/v1/entries/1/votes", json=["not a vote"])
    alice.post("/api/v1/entries/1/votes", data="x", content_type="text/plain")
    alice.post("/api/v1/entries/99/votes", json={"ballot": "x"})
    foreign = {"Origin": "https://elsewhere.example"}
    alice.post("/api/v1/entries/1/votes", json={"ballot": "x"}, headers=foreign)
    assert counted(site) == Counter(
        bad_request=1, unsupported_media_type=1, unknown_entry=1, foreign_site=1
    )


def test_refused_passes_are_counted(site: Site, alice: Visitor):
    alice.ask_pass(99, "no view")
    alice.ask_pass(1, "no view")
    assert counted(site) == Counter(unknown_entry=1, ballot_invalid=1)


def test_a_crowd_at_the_door_is_counted(raise_site: Callable[..., Flask]):
    app = raise_site(("new_passes_per_hour = 1000000", "new_passes_per_hour = 1"))
    town = Town(app)
    people = [town.visitor("10.9.9.9") for _ in range(12)]
    views = [one.me(1)["view"] for one in people]
    asked = [one.ask_pass(1, view) for one, view in zip(people, views, strict=True)]
    assert [answer.status_code for answer in asked] == [201] + [403] * 11
    codes = [
        one.ask_pass(1, view, solve(answer.json["challenge"])).status_code
        for one, view, answer in list(zip(people, views, asked, strict=True))[1:]
    ]
    assert codes == [201] * 9 + [429] * 2
    assert counted(app.extensions["site"]) == Counter(challenge_required=11, too_many_passes=2)


def test_other_reasons_of_the_door_are_counted_by_what_they_are(raise_site: Callable[..., Flask]):
    app = raise_site(("new_passes_per_hour = 1000000", "new_passes_per_hour = 1"))
    site, town = app.extensions["site"], Town(app)
    assert town.visitor("10.9.9.9").vote(1).status_code == 201
    late = town.visitor("10.9.9.9")
    assert late.ask_pass(1, late.me(1)["view"], "junk").json["code"] == "challenge_wrong"
    hasty = site.voters.view_token(View(b"a view..", 1, site.now_ms()))
    assert late.ask_pass(1, hasty).status_code == 425
    robot = fields(late.get("/e/1/vote")) | {"remark": "buy now"}
    assert late.post("/e/1/vote", data=robot).status_code == 403
    assert counted(site) == Counter(challenge_wrong=1, too_early=1, form_refused=1)


def test_the_form_without_javascript_is_counted_the_same(site: Site, alice: Visitor):
    sent = fields(alice.get("/e/1/vote"))
    assert alice.post("/e/1/vote", data=sent).status_code == 200 + 1
    assert alice.post("/e/1/vote", data=fields(alice.get("/e/1/vote"))).status_code == 409
    assert alice.post("/e/1/vote", data={}).status_code == 400
    assert counted(site) == Counter(already_voted=1, form_expired=1)


def codes_of(module: object) -> set[str]:
    """The codes of the problems that a module raises."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = [call for call in calls if getattr(call.func, "id", "") == "Problem"]
    return {call.args[1].value for call in named if isinstance(call.args[1], ast.Constant)}


def test_every_reason_has_its_words():
    codes = {verdict.value for verdict in Verdict} - {Verdict.ACCEPTED.value}
    codes |= codes_of(ballot) | codes_of(throttle) | codes_of(gallery) | codes_of(wechat)
    codes |= {"challenge_required", "challenge_wrong"}
    codes |= {"sign_in_again", "sign_in_away", "sign_in_snapshot", STORE_DOWN.code}
    codes |= {code for code, _, _ in HTTP_REFUSALS.values()}
    assert codes - ELSEWHERE == REASONS.keys()


@pytest.mark.parametrize("code", sorted(REASONS))
def test_the_words_are_organizers_own(code: str):
    assert reason_of(code).word != code
    assert reason_of(code).meaning.endswith("。")


def test_a_code_that_nobody_knows_stands_for_itself():
    assert reason_of("of_tomorrow").word == "of_tomorrow"


def test_what_was_counted_last_is_written_when_the_site_stops(
    environ: dict[str, str], site: Site, alice: Visitor
):
    """gunicorn as in production; nothing is written before its first five seconds are over."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.conf.py", "app:app"]
    variables = os.environ | environ | {"PORT": str(port), "HOST": "127.0.0.1", "WEB_WORKERS": "1"}
    running = subprocess.Popen(command, cwd=ROOT, env=variables, preexec_fn=end_with_us)
    address = f"http://127.0.0.1:{port}/api/v1/entries/1/votes"
    call = urllib.request.Request(address, b"{}", {"Content-Type": "application/json"})

    def answered() -> bool:
        try:
            urllib.request.urlopen(call)  # noqa: S310 our own site
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    try:
        wait_until(answered)
    finally:
        running.terminate()
        running.wait(30)
    assert counted(site) == Counter(bad_request=1)
