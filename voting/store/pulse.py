"""What a store says of itself: how fast it answers, what it takes, whether it could write."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from voting.store.client import Client, reachable


@dataclass(frozen=True, slots=True)
class Pulse:
    """`latency_ms` is the way there and back. `used` and `most` in bytes; `most` is 0 where there
    is no limit. `writes` is whether the last write and the last rewrite of the append-only file
    went well, None where the server doesn't say; `file` is that file's size.
    """

    latency_ms: float
    used: int = 0
    most: int = 0
    writes: bool | None = None
    file: int = 0
    version: str = ""


def pulse(client: Client) -> Pulse:
    """Raises StoreDown when there is none."""
    with reachable():
        latency_ms = min(_ping_ms(client) for _ in range(3))  # one may have met a busy moment
        try:
            info: dict[str, Any] = client.info()
        except ResponseError:  # a hosted server may keep it to itself
            info = {}
    states = [info.get(name) for name in ("aof_last_write_status", "aof_last_bgrewrite_status")]
    return Pulse(
        latency_ms=latency_ms,
        used=int(info.get("used_memory", 0)),
        most=int(info.get("maxmemory", 0)),
        writes=all(state == "ok" for state in states) if info.get("aof_enabled") else None,
        file=int(info.get("aof_current_size", 0)),
        version=str(info.get("valkey_version") or info.get("redis_version") or ""),
    )


def _ping_ms(client: Client) -> float:
    began = time.perf_counter()
    client.ping()
    return (time.perf_counter() - began) * 1000
