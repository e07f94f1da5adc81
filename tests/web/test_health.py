"""`/healthz` is about this process, `/readyz` about the vote; neither gates the pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis
from flask import Flask
from people import Town, Visitor
from staging import build

from voting import create_app
from voting.settings import Refused

NOWHERE = "unix:///tmp/nobody-listens-here.sock"


def test_a_store_that_is_durable_is_ready(alice: Visitor):
    for path, status in (("/healthz", "ok"), ("/readyz", "proven")):
        answer = alice.get(path)
        assert (answer.status_code, answer.json) == (200, {"status": status})


@pytest.mark.parametrize(
    ("setting", "wrong", "right"),
    [("appendfsync", "everysec", "always"), ("maxmemory-policy", "allkeys-lru", "noeviction")],
)
def test_a_store_that_could_lose_a_vote_is_not_ready_and_says_why(
    alice: Visitor, site, setting: str, wrong: str, right: str
):
    site.store.law.config_set(setting, wrong)
    try:
        answer = alice.get("/readyz")
        assert (answer.status_code, answer.json) == (503, {"status": "wrong"})
        assert alice.get("/healthz").status_code == 200
        assert alice.get("/").status_code == 200
        assert "修好之前不会开放投票" in alice.get("/rules").text
        vote = alice.vote(1)
        assert (vote.status_code, vote.json["code"]) == (503, "store_unavailable")
        assert not site.store.ledger.recount()
    finally:
        site.store.law.config_set(setting, right)
    assert alice.get("/readyz").status_code == 200


def test_a_hosted_store_is_ready_when_the_organizers_have_said_so(
    raise_site: Callable[..., Flask], law_url: str
):
    with redis.Redis.from_url(law_url) as store:
        store.execute_command("ACL", "SETUSER", "hosted", "on", ">secret", "~*", "+@all", "-config")
        try:
            url = law_url.replace("unix://", "unix://hosted:secret@")
            with pytest.raises(Refused, match="ACCEPT_UNKNOWN_DURABILITY"):
                raise_site(REDIS_URL=url)
            store.flushall()
            alice = Town(raise_site(REDIS_URL=url, ACCEPT_UNKNOWN_DURABILITY="yes")).visitor()
            answer = alice.get("/readyz")
            assert (answer.status_code, answer.json) == (200, {"status": "unknown"})
            assert alice.vote(1).status_code == 201
            assert "托管的数据库" in alice.get("/rules").text
        finally:
            store.execute_command("ACL", "DELUSER", "hosted")


def test_a_store_that_is_away_is_not_ready_and_the_process_is_healthy(environ: dict[str, str]):
    app = build(environ | {"REDIS_URL": NOWHERE, "THROTTLE_URL": NOWHERE})
    alice = Town(app).visitor()
    answer = alice.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "unreachable"})
    assert alice.get("/healthz").status_code == 200


def test_the_throttle_store_is_no_condition(environ: dict[str, str], app: Flask):
    alice = Town(create_app(environ | {"THROTTLE_URL": NOWHERE})).visitor()
    assert alice.get("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_asked_anew_each_time_and_sets_no_cookie(alice: Visitor, path: str):
    answer = alice.get(path)
    assert "public" not in answer.headers.get("Cache-Control", "")
    assert "Set-Cookie" not in answer.headers
