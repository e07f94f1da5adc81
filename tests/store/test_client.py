"""URL forms, durability, and that nothing but StoreDown leaves this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from casting import OPEN_LAW, SIGNALS, a_ballot, now_ms
from limits.storage import storage_from_string
from works import an_entry

from voting.contest import Verdict
from voting.store import open_store
from voting.store.client import (
    Durability,
    StoreDown,
    durability,
    limiter_storage,
    open_client,
    reachable,
)

NOWHERE = "unix:///tmp/nobody-listens-here.sock"


def asked(url: str) -> dict[str, object]:
    client = open_client(url, timeout_s=0.5, retries=0)
    return dict(client.connection_pool.connection_kwargs)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///run/law.sock", {"path": "/run/law.sock"}),
        ("unix://:p%40ss@/run/law.sock?db=2", {"password": "p@ss", "db": 2}),
        ("redis://db.example.cn", {"host": "db.example.cn"}),
        ("redis://db:6380/3", {"host": "db", "port": 6380, "db": 3}),
        ("redis://me:p%40ss@db:6380", {"username": "me", "password": "p@ss"}),
        ("rediss://me:secret@db:6380", {"host": "db", "username": "me"}),
        ("redis://[::1]:6380", {"host": "::1", "port": 6380}),
    ],
)
def test_a_url_names_a_store(url: str, expected: dict[str, object]):
    assert expected.items() <= asked(url).items()


def test_rediss_speaks_tls():
    client = open_client("rediss://db:6380", timeout_s=0.5, retries=0)
    assert client.connection_pool.connection_class is redis.SSLConnection


@pytest.mark.parametrize(
    ("url", "service", "sentinels", "password"),
    [
        ("redis+sentinel://one:26380,two/votes", "votes", [("one", 26380), ("two", 26379)], None),
        ("redis+sentinel://one", "mymaster", [("one", 26379)], None),
        ("redis+sentinel://me:p%40ss@one:1/votes", "votes", [("one", 1)], "p@ss"),
        ("redis+sentinel://[::1]:26380/votes", "votes", [("::1", 26380)], None),
    ],
)
def test_a_sentinel_url_names_hosts_and_service(
    url: str, service: str, sentinels: list[tuple[str, int]], password: str | None
):
    pool = open_client(url, timeout_s=0.5, retries=0).connection_pool
    assert pool.service_name == service
    kwargs = [one.connection_pool.connection_kwargs for one in pool.sentinel_manager.sentinels]
    assert [(k["host"], k["port"]) for k in kwargs] == sentinels
    assert pool.connection_kwargs["password"] == password


@pytest.mark.parametrize(
    "url", [NOWHERE, "redis://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/votes",
            "redis+cluster://127.0.0.1:1,127.0.0.1:2"]
)  # fmt: skip
def test_naming_a_store_that_is_away_is_no_error_and_using_it_is_store_down(url: str):
    client = open_client(url, timeout_s=0.5, retries=0)
    with pytest.raises(StoreDown), reachable():
        client.get("x")


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("unix:///t.sock", "redis+unix:///t.sock"),
        ("redis://t:6379/1", "redis://t:6379/1"),
        ("redis+sentinel://t:26379/votes", "redis+sentinel://t:26379/votes"),
        ("redis+cluster://t:7000", "redis+cluster://t:7000"),
    ],
)
def test_the_limiter_hears_of_the_same_store_in_its_own_words(url: str, uri: str):
    assert limiter_storage(url)[0] == uri


def test_the_limiter_counts_in_the_throttle_store(throttle_url: str):
    uri, options = limiter_storage(throttle_url)
    storage = storage_from_string(uri, **options)
    assert storage.incr("LIMITS:somebody", 60) == 1
    with redis.Redis.from_url(throttle_url) as store:
        assert [key for key in store.keys("*") if b"somebody" in key]


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("gone"),
        redis.TimeoutError("slow"),
        redis.exceptions.BusyLoadingError("loading"),
        redis.ReadOnlyError("replica"),
        redis.ResponseError("OOM command not allowed"),
        redis.exceptions.LockError("taken"),
        redis.exceptions.ClusterDownError("CLUSTERDOWN"),
        ConnectionResetError(104, "reset"),
        TimeoutError("slow"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_store_does_it_is_store_down(error: Exception):
    with pytest.raises(StoreDown) as down, reachable():
        raise error
    assert down.value.__cause__ is error


def test_a_mistake_of_ours_is_not_the_store_s():
    with pytest.raises(KeyError), reachable():
        raise KeyError("ours")


def test_the_law_store_of_make_run_is_proven_and_the_throttle_store_is_not(
    law_url: str, throttle_url: str
):
    assert durability(open_client(law_url, timeout_s=1, retries=0)) is Durability.PROVEN
    assert durability(open_client(throttle_url, timeout_s=1, retries=0)) is Durability.WRONG
    with pytest.raises(StoreDown):
        durability(open_client(NOWHERE, timeout_s=1, retries=0))


@pytest.mark.parametrize(
    ("setting", "wrong", "right"),
    [
        ("appendonly", "no", "yes"),
        ("appendfsync", "everysec", "always"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
    ],
)
def test_one_wrong_setting_is_enough_to_be_wrong(
    law_url: str, setting: str, wrong: str, right: str
):
    client = open_client(law_url, timeout_s=1, retries=0)
    client.config_set(setting, wrong)
    try:
        assert durability(client) is Durability.WRONG
    finally:
        client.config_set(setting, right)
    assert durability(client) is Durability.PROVEN


@pytest.fixture
def hosted_url(law_url: str) -> Iterator[str]:
    """The law store as a hosting company gives it out: CONFIG is forbidden."""
    with redis.Redis.from_url(law_url) as store:
        store.execute_command("ACL", "SETUSER", "hosted", "on", ">secret", "~*", "+@all", "-config")
        yield law_url.replace("unix://", "unix://hosted:secret@")
        store.execute_command("ACL", "DELUSER", "hosted")


@pytest.mark.parametrize("accepted", [False, True])
def test_a_hosted_store_takes_votes_only_when_the_organizers_have_said_so(
    hosted_url: str, throttle_url: str, tmp_path: Path, accepted: bool
):
    store = open_store(
        "test", hosted_url, throttle_url, 1, tmp_path, accept_unknown=accepted, sealing=b"sealing"
    )
    store.rules.open("test", OPEN_LAW, now_ms())
    store.entries.add(an_entry(1))
    store.entries.approve(1, "审核通过")
    assert durability(store.law) is Durability.UNKNOWN
    if accepted:
        assert store.ballots.cast(a_ballot(), SIGNALS).verdict is Verdict.ACCEPTED
    else:
        with pytest.raises(StoreDown, match="unknown"):
            store.ballots.cast(a_ballot(), SIGNALS)
        assert not store.ledger.recount()
