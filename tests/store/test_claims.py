"""Who is looking at which submission."""

from __future__ import annotations

import pytest
from casting import Contest

from voting.store import keys
from voting.store.claims import HELD_S, Claims
from voting.store.client import open_client


@pytest.fixture
def claims(contest: Contest) -> Claims:
    return Claims(contest.store.throttle, "test")


def test_the_first_to_look_holds_it_and_the_second_learns_who(claims: Claims):
    assert claims.take(7, "李四") is None
    assert claims.take(7, "王五") == "李四"
    assert claims.take(8, "王五") is None


def test_whoever_looks_on_holds_it_on(claims: Claims):
    claims.take(7, "李四")
    key = keys.CLAIM(contest="test", number=7)
    claims.client.expire(key, 1)
    assert claims.take(7, "李四") is None
    assert claims.client.ttl(key) > HELD_S - 5


def test_only_its_holder_gives_it_back(claims: Claims):
    claims.take(7, "李四")
    claims.release(7, "王五")
    assert claims.take(7, "王五") == "李四"
    claims.release(7, "李四")
    assert claims.take(7, "王五") is None


def test_a_claim_ends_by_itself(claims: Claims):
    claims.take(7, "李四")
    assert 0 < claims.client.ttl(keys.CLAIM(contest="test", number=7)) <= HELD_S


def test_without_the_throttle_store_nobody_seems_to_look():
    claims = Claims(open_client("unix:///nowhere.sock", timeout_s=0.1, retries=0), "test")
    assert claims.take(7, "李四") is None
    claims.release(7, "李四")
