"""Reaching a Redis: clients, URLs, durability, and the one error of this room, StoreDown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

import redis
from redis.backoff import ConstantBackoff
from redis.cluster import ClusterNode
from redis.exceptions import RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel

from voting.store import keys

log = logging.getLogger(__name__)

#: redis-py annotates each command as sync or async result at once, which strict typing can't use.
Client: TypeAlias = Any

CONNECTIONS = 64
#: How long a change waits for the one before it, in seconds.
PATIENCE_S = 20


class StoreDown(Exception):  # noqa: N818 the plain word
    """A store can't be reached, or refuses to work. Nothing is known about the last command."""


@contextmanager
def reachable() -> Iterator[None]:
    """Turn every failure of a store into StoreDown, and say in the log what it was."""
    try:
        yield
    except (redis.RedisError, RedisClusterException, OSError) as error:
        log.warning("store: %s: %s", type(error).__name__, error)
        raise StoreDown(str(error)) from error


@contextmanager
def changing(client: Client) -> Iterator[None]:
    """Hold the lock of all changes to the law store, from any process.

    One change at a time: else an approval could finish after a withdrawal has returned, or a result
    be published in the middle of a decision. Within it the log comes first: what it doesn't tell of
    hasn't happened.
    """
    lock = client.lock(keys.ENTRIES_LOCK(), timeout=30, blocking_timeout=PATIENCE_S)
    with reachable(), lock:
        yield


def clock_ms(client: Client) -> int:
    """The store's own time."""
    with reachable():
        seconds, micros = client.time()
    return int(seconds) * 1000 + int(micros) // 1000


def open_client(url: str, *, timeout_s: float, retries: int) -> Client:
    """A client for any of the URL forms in config/example.env; nothing is sent yet.

    redis-py retries ten times by default, also after a lost reply; here the caller decides.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": min(timeout_s, 1.0),
        "retry": Retry(ConstantBackoff(0.05), retries),
    }
    parts = urlsplit(url)
    who: dict[str, Any] = {"username": _plain(parts.username), "password": _plain(parts.password)}
    if parts.scheme == "redis+cluster":
        node: Any = ClusterNode
        nodes = [node(host, port) for host, port in _hosts(parts.netloc, 6379)]
        options |= {"startup_nodes": nodes} | who
        return LazyCluster(lambda: redis.RedisCluster(**options))
    if parts.scheme == "redis+sentinel":
        service = parts.path.strip("/") or "mymaster"
        sentinel: Any = Sentinel
        hosts = _hosts(parts.netloc, 26379)
        return sentinel(hosts, sentinel_kwargs=options, **options).master_for(
            service, **who, **options
        )
    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=CONNECTIONS, timeout=timeout_s, **options
    )
    return redis.Redis(connection_pool=pool)


def _hosts(netloc: str, default_port: int) -> list[tuple[str, int]]:
    places = [urlsplit(f"//{place}") for place in netloc.rpartition("@")[2].split(",")]
    return [(place.hostname or "", place.port or default_port) for place in places]


def _plain(text: str | None) -> str | None:
    return None if text is None else unquote(text)


class LazyCluster:
    """A cluster's client that connects when it is first used, as all other clients do."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect

    @cached_property
    def _client(self) -> Client:
        return self._connect()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Durability(StrEnum):
    """Whether an accepted vote is on disk before the voter reads "accepted"."""

    PROVEN = "proven"
    UNKNOWN = "unknown"
    WRONG = "wrong"


def durability(client: Client) -> Durability:
    """Ask the law store how it keeps its data; hosted servers may forbid the question."""
    wanted = {
        "appendonly": "yes",
        "appendfsync": "always",
        "no-appendfsync-on-rewrite": "no",
        "maxmemory-policy": "noeviction",
    }
    with reachable():
        try:  # one by one, because Redis 6.2 takes no more at once
            found = {name: client.config_get(name).get(name) for name in wanted}
        except redis.ResponseError:
            return Durability.UNKNOWN
    return Durability.PROVEN if found == wanted else Durability.WRONG


def limiter_storage(url: str) -> tuple[str, dict[str, Any]]:
    """The throttle store as `limits` wants it named: storage URI and options."""
    scheme = urlsplit(url).scheme
    if scheme in ("redis+cluster", "redis+sentinel"):
        retry = Retry(ConstantBackoff(0.05), 0)
        return url, {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "retry": retry}
    pool = open_client(url, timeout_s=0.5, retries=0).connection_pool
    return url.replace("unix://", "redis+unix://", 1), {"connection_pool": pool}
