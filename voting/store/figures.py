"""Figures in the throttle store: the worker reads the ledger on and writes pieces, the web reads
them. They are derived, so they may vanish at any time: the worker then writes them all again.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from voting.figures import Day, Figures, Hour, Overview, Race, Row, Runner
from voting.store import keys
from voting.store.client import Client, StoreDown, reachable
from voting.store.ledger import HEAD, SCHEMA, Ledger
from voting.store.log import Log
from voting.store.standings import Board

#: A page this long holds up the votes for a few milliseconds.
PAGE = 2_000
#: A worker that has a million rows to catch up with has other duties too.
LONGEST_S = 0.5
WRITE_EVERY_S = 3.0
#: The operators' log is looked at so often, and all of its rows are hashed anew so often.
CHECK_LOG_EVERY_S = 60.0
HASH_LOG_EVERY_S = 3600.0
LIVES_S = 24 * 3600


@dataclass(frozen=True)
class Kept:
    """What the web finds. `beat_ms` is when the worker last gave a sign, 0 if it is not known;
    `as_of_ms` when the pieces were written, which is only done when something has changed.

    `total` is how many rows there are to read; while `overview.rows` is less, the worker is behind.
    `hours` are those of the entry asked for. `flaw` says where the operators' log is broken; it is
    None while nobody has looked, '' when it is whole.
    """

    reachable: bool = True
    beat_ms: int = 0
    as_of_ms: int = 0
    total: int = 0
    overview: Overview | None = None
    race: Race = field(default_factory=Race)
    hours: Sequence[Hour] = ()
    flaw: str | None = None


@dataclass
class KeptFigures:
    """The worker calls `keep_up` each round, the web calls `read`."""

    throttle: Client
    contest: str
    ledger: Ledger
    log: Log
    clock: Callable[[], float] = time.time
    _figures: Figures = field(default_factory=Figures)
    _after: dict[int, bytes] = field(default_factory=dict)
    _read: Counter[int] = field(default_factory=Counter)
    _total: int = 0
    _state: tuple[object, ...] = ()
    _written: float = float("-inf")
    _checked: float = float("-inf")

    # --- the worker's side ----------------------------------------------------------------------

    def keep_up(self, board: Board) -> None:
        """Read what is new in the ledger, for half a second at most, and write what changed.

        Raises StoreDown when either store is away; the next round goes on where this one was.
        """
        self._read_on()
        there = self._beat()
        state = (self._figures.rows, self._total, board.catalogue.version)
        due = time.monotonic() - self._written >= WRITE_EVERY_S
        anew = not there or not self._state
        if anew or (due and state != self._state):
            self._write(board, anew=anew)
            self._state, self._written = state, time.monotonic()
            self._figures.touched.clear()
        if anew or time.monotonic() - self._checked >= CHECK_LOG_EVERY_S:
            self._check_log()
            self._checked = time.monotonic()

    def _read_on(self) -> None:
        until = time.monotonic() + LONGEST_S
        lengths = [self.ledger.length(shard) for shard in range(self.ledger.shards)]
        if any(length < self._read[shard] for shard, length in enumerate(lengths)):
            # A ledger only grows: this is another one, put there by a restore from a backup.
            self._figures, self._after, self._read = Figures(), {}, Counter()
            self._state = ()
        for shard in range(self.ledger.shards):
            while page := self.ledger.rows_after(shard, self._after.get(shard, b""), PAGE):
                self._figures.add(list(_rows(page)))
                self._after[shard] = page[-1][0]
                self._read[shard] += len(page)
                if len(page) < PAGE or time.monotonic() >= until:
                    break
        self._total = max(sum(lengths), self._figures.rows)

    def _beat(self) -> bool:
        """Say that the worker runs; whether the pieces are still there."""
        key = keys.FIGURES(contest=self.contest)
        with reachable():
            pipeline = self.throttle.pipeline(transaction=False)
            pipeline.hexists(key, "overview")
            pipeline.hset(key, "beat", self._now_ms())
            pipeline.expire(key, LIVES_S)
            return bool(pipeline.execute()[0])

    def _write(self, board: Board, *, anew: bool) -> None:
        """Write the overview, and the pieces of the entries that got votes; `anew`: of all, in the
        place of whatever is there."""
        figures, key = self._figures, keys.FIGURES(contest=self.contest)
        overview = {
            "as_of_ms": self._now_ms(),
            "total": self._total,
            "overview": asdict(figures.overview()),
            "race": asdict(figures.race(board.entries, board.rules.winners)),
        }
        pieces = {"overview": _compact(overview)} | {
            f"entry:{entry}": _compact(figures.hours(entry))
            for entry in (figures.votes if anew else figures.touched)
        }
        with reachable():
            pipeline = self.throttle.pipeline()
            if anew:
                pipeline.delete(key)
            pipeline.hset(key, mapping=pieces | {"beat": str(self._now_ms())})
            pipeline.expire(key, LIVES_S)
            pipeline.execute()

    def _check_log(self) -> None:
        flaw = self.log.chain(HASH_LOG_EVERY_S).flaw
        with reachable():
            key = keys.FIGURES(contest=self.contest)
            self.throttle.hset(key, "flaw", flaw.sentence if flaw else "")

    def _now_ms(self) -> int:
        return int(self.clock() * 1000)

    # --- the web's side -------------------------------------------------------------------------

    def read(self, entry: int | None = None) -> Kept:
        """The pieces: all votes together, and those of one entry if asked for."""
        key = keys.FIGURES(contest=self.contest)
        try:
            with reachable():
                fields = ("beat", "overview", "flaw", f"entry:{entry}")
                beat, overview, flaw, hours = self.throttle.hmget(key, *fields)
        except StoreDown:
            return Kept(reachable=False)
        kept = Kept(beat_ms=int(beat or 0), flaw=None if flaw is None else flaw.decode())
        try:
            return _drawn(kept, overview, hours) if overview else kept
        except (ValueError, KeyError, TypeError, AttributeError):
            return kept  # another release's: the worker is about to write its own


def _drawn(kept: Kept, overview: bytes, hours: bytes | None) -> Kept:
    fields = json.loads(overview)
    return replace(
        kept,
        as_of_ms=fields["as_of_ms"],
        total=fields["total"],
        overview=_overview(fields["overview"]),
        race=_race(fields["race"]),
        hours=json.loads(hours or b"[]"),
    )


def _overview(fields: dict[str, Any]) -> Overview:
    days = [Day(**day) for day in fields["days"]]
    identities = {int(identity): votes for identity, votes in fields["identities"].items()}
    return Overview(**(fields | {"days": days, "identities": identities}))


def _race(fields: dict[str, Any]) -> Race:
    return Race(fields["hours"], [Runner(**runner) for runner in fields["runners"]])


def _rows(page: list[tuple[bytes, bytes]]) -> Iterator[Row]:
    for stream_id, row in page:
        schema, identity, entry, voter = HEAD.unpack_from(row)
        if schema != SCHEMA:
            raise StoreDown(f"ledger row {stream_id!r} has schema {schema}, known is {SCHEMA}")
        yield entry, int(stream_id.partition(b"-")[0]), voter, identity


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
