"""The gate: how many newcomers a network may send in. Votes don't come by here, only new passes.

An unknown network may send in `per_hour` (N) an hour freely, ten times as many with a challenge
solved by each; what comes then has to wait. The more voters with a WeChat account, or with a pass
that is a day old, have voted there, the more it may: a campus opens its own gate.

An address has no bucket of its own: it may take as much as its network has, and each of its passes
is taken from the network's, so it could never be the one that is empty. (An IPv6 host changes its
/64 at will, and a campus leaves by one address.)
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from importlib import resources
from typing import Final

from redis.commands.core import Script

from voting.network import Declared
from voting.store import keys
from voting.store.client import Client, StoreDown, reachable

SCRIPT = resources.files("voting.store").joinpath("gate.lua").read_text(encoding="utf-8")

WEEK_S: Final = 7 * 24 * 3600
#: This week and the two before: voters count for two weeks at least.
WEEKS: Final = 3
HOUR_S: Final = 3600
#: A store that doesn't answer is asked again after so long, not by everybody at the door.
AWAY_S: Final = 2.0
#: As gate.lua counts: an hour, and the slot that is running.
SLOT_S: Final = 300
SLOTS: Final = 13
#: What a process keeps between two writes, and what it knows of places without the store.
MOST_KNOWN: Final = 50_000
MOST_PLACES: Final = 4_096
MOST_VIEWS: Final = 65_536


class Rung(StrEnum):
    """What the gate says."""

    GRANTED = "granted"
    CHALLENGE = "challenge"
    WAIT = "wait"


class How(StrEnum):
    """What makes a voter well known: an account of WeChat's, or a pass that is a day old."""

    WECHAT = "wechat"
    AGED = "aged"


@dataclass(frozen=True, slots=True)
class Answer:
    """`wait_s` until the next one may come in, at WAIT."""

    rung: Rung
    wait_s: int = 0


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who asks for a pass: the id of the view that makes it, when that was looked at; the network
    and the kind of browser, as pseudonyms; the declared network around them, if there is one."""

    view: bytes
    looked_ms: int
    network: bytes
    agent: bytes
    declared: Declared | None = None

    @property
    def place(self) -> str:
        """Whose bucket it is; a declared network has one, however wide or narrow it is."""
        if self.declared is None:
            return self.network.hex()
        return place_of(self.declared)

    @property
    def people(self) -> int:
        return self.declared.people if self.declared else 0


def place_of(declared: Declared) -> str:
    """The place of its bucket, which is as long as a network's pseudonym."""
    return hashlib.sha256(declared.network.encode()).hexdigest()[:12]


@dataclass
class Gate:
    """`ask` before a pass is made; `notice` who voted; `write` now and then what was noticed.

    It lives in the throttle store, which may vanish: then each process has a gate of its own.
    """

    client: Client
    contest: str
    _noticed: set[tuple[How, bytes, bytes]] = field(default_factory=set)
    _alone: Alone = field(default_factory=lambda: Alone())
    _away_until: float = 0.0

    @cached_property
    def script(self) -> Script:
        script: Script = self.client.register_script(SCRIPT)
        return script

    def ask(self, newcomer: Newcomer, per_hour: int, *, solved: bool) -> Answer:
        """Let this one in, or say what has to come first. A view that was let in is let in again,
        and takes nothing. One round trip; without the store none."""
        if time.monotonic() >= self._away_until:
            try:
                with reachable():
                    rung, wait_s = self.script(*self._call(newcomer, per_hour, solved))
                return Answer(Rung(rung.decode()), wait_s)
            except StoreDown:
                self._away_until = time.monotonic() + AWAY_S
        return self._alone.ask(newcomer, newcomer.people or per_hour, solved=solved)

    def notice(self, how: How, network: bytes, voter: bytes) -> None:
        """This well-known voter has cast a vote from there; nothing is sent."""
        if len(self._noticed) < MOST_KNOWN:
            self._noticed.add((how, network, voter))

    def write(self) -> None:
        """Make known who was noticed, in one round trip. While the store is away it is forgotten:
        whoever votes again is noticed again."""
        noticed, self._noticed = self._noticed, set()
        if not noticed:
            return
        week = int(time.time()) // WEEK_S
        voters: dict[str, list[bytes]] = {}
        for how, network, voter in noticed:
            voters.setdefault(self._known(how, network, week), []).append(voter)
        try:
            with reachable():
                pipeline = self.client.pipeline(transaction=False)
                for key, seen in voters.items():
                    pipeline.pfadd(key, *seen)
                    pipeline.expire(key, WEEKS * WEEK_S)
                pipeline.execute()
        except StoreDown:
            pass

    def came_freely(self, declared: Sequence[Declared]) -> list[int] | None:
        """How many newcomers each of these networks has sent in freely within the hour, as the
        gate counts it. One round trip; None without the store."""
        try:
            with reachable():
                pipeline = self.client.pipeline(transaction=False)
                pipeline.time()
                for one in declared:
                    pipeline.hgetall(keys.GATE(contest=self.contest, place=place_of(one)))
                (now_s, _), *buckets = pipeline.execute()
        except StoreDown:
            return None
        first = now_s // SLOT_S - SLOTS + 1
        fields = [b"f%d" % slot for slot in range(first, first + SLOTS)]
        return [sum(int(bucket.get(field, 0)) for field in fields) for bucket in buckets]

    def _call(
        self, newcomer: Newcomer, per_hour: int, solved: bool
    ) -> tuple[list[str], list[bytes | int]]:
        half_hour = newcomer.looked_ms // keys.HALF_HOUR_MS
        bucket = int.from_bytes(newcomer.view[:2], "big") % keys.BUCKETS
        week = int(time.time()) // WEEK_S
        known = [
            self._known(how, newcomer.network, week - ago) for how in How for ago in range(WEEKS)
        ]
        names = [
            keys.GATE(contest=self.contest, place=newcomer.place),
            keys.GATE(contest=self.contest, place=f"{newcomer.place}:{newcomer.agent.hex()}"),
            keys.GRANTED(contest=self.contest, half_hour=half_hour, bucket=bucket),
            *known,
        ]
        until_s = (half_hour * keys.HALF_HOUR_MS) // 1000 + HOUR_S
        return names, [newcomer.view, per_hour, newcomer.people, int(solved), until_s]

    def _known(self, how: How, network: bytes, week: int) -> str:
        return keys.KNOWN(contest=self.contest, how=how, network=network.hex(), week=week)


class Alone:
    """One process's own gate, stricter: a challenge for everybody, and with it no more than the
    store's gate lets in freely. What it knows is bounded; of too many places it forgets the oldest.
    """

    def __init__(self) -> None:
        self._taken: OrderedDict[str, deque[float]] = OrderedDict()
        self._granted: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, newcomer: Newcomer, most: int, *, solved: bool) -> Answer:
        with self._lock:
            return self._ask(newcomer, most, time.monotonic(), solved=solved)

    def _ask(self, newcomer: Newcomer, most: int, now: float, *, solved: bool) -> Answer:
        if newcomer.view in self._granted:
            return Answer(Rung.GRANTED)
        taken = self._taken.get(newcomer.place, deque())
        while taken and taken[0] <= now - HOUR_S:
            taken.popleft()
        if len(taken) >= most:
            return Answer(Rung.WAIT, math.ceil(taken[0] + HOUR_S - now))
        if not solved:
            return Answer(Rung.CHALLENGE)
        taken.append(now)
        self._taken[newcomer.place] = taken
        self._taken.move_to_end(newcomer.place)
        self._granted[newcomer.view] = None
        if len(self._taken) > MOST_PLACES:
            self._taken.popitem(last=False)
        if len(self._granted) > MOST_VIEWS:
            self._granted.popitem(last=False)
        return Answer(Rung.GRANTED)
