"""Reaching a Redis: clients, URLs, durability, and the one error of this room, StoreDown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import redis
from redis.backoff import ConstantBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry
from redis.sentinel import Sentinel

log = logging.getLogger(__name__)

#: redis-py annotates each command as sync or async result at once, which strict typing can't use.
Client: TypeAlias = Any

CONNECTIONS = 64


class StoreDown(Exception):  # noqa: N818 the plain word
    """A store can't be reached, or refuses to work. Nothing is known about the last command."""


@contextmanager
def reachable() -> Iterator[None]:
    """Turn every failure of a store into StoreDown, and say in the log what it was."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        log.warning("store: %s: %s", type(error).__name__, error)
        raise StoreDown(str(error)) from error


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
    if parts.scheme == "redis+cluster":
        node: Any = ClusterNode
        nodes = [node(host, port) for host, port in _hosts(parts.netloc, 6379)]
        return redis.RedisCluster(
            startup_nodes=nodes, username=parts.username, password=parts.password, **options
        )
    if parts.scheme == "redis+sentinel":
        service = parts.path.strip("/") or "mymaster"
        sentinel: Any = Sentinel
        return sentinel(_hosts(parts.netloc, 26379), **options).master_for(
            service, username=parts.username, password=parts.password, **options
        )
    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=CONNECTIONS, timeout=timeout_s, **options
    )
    return redis.Redis(connection_pool=pool)


def _hosts(netloc: str, default_port: int) -> list[tuple[str, int]]:
    pairs = [host.partition(":") for host in netloc.rpartition("@")[2].split(",")]
    return [(host, int(port or default_port)) for host, _, port in pairs]


class Durability(StrEnum):
    """Whether an accepted vote is on disk before the voter reads "accepted"."""

    PROVEN = "proven"
    UNKNOWN = "unknown"
    WRONG = "wrong"


def durability(client: Client) -> Durability:
    """Ask the law store how it keeps its data; hosted servers may forbid the question."""
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
    with reachable():
        try:
            found = client.config_get(*wanted)
        except redis.ResponseError:
            return Durability.UNKNOWN
    return Durability.PROVEN if wanted.items() <= found.items() else Durability.WRONG


def limiter_storage(url: str) -> tuple[str, dict[str, Any]]:
    """The throttle store as `limits` wants it named: storage URI and options."""
    scheme = urlsplit(url).scheme
    if scheme in ("redis+cluster", "redis+sentinel"):
        retry = Retry(ConstantBackoff(0.05), 0)
        return url, {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "retry": retry}
    pool = open_client(url, timeout_s=0.5, retries=0).connection_pool
    return url.replace("unix://", "redis+unix://", 1), {"connection_pool": pool}
