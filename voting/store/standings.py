"""The board that every page reads: the approved entries, the rules, and the standings.

The standings are one snapshot a second, made by whichever process finds it stale and shared
through the throttle store; the catalogue is read again only when its version moved on. Both are
kept as stamped files, so that pages stay up without the stores, also in a process started then.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

from voting.batch import (
    NOTHING_DEDUCTED,
    Deducted,
    Deductions,
    Removal,
    read_deductions,
    write_deductions,
)
from voting.contest import (
    Entry,
    EntryState,
    Phase,
    Rules,
    Stage,
    Standing,
    Standings,
    as_shown,
    decided_through,
    rank,
    what_may_be_shown,
)
from voting.network import Declared, DeclaredIn
from voting.result import Result
from voting.result import read as read_result
from voting.result import write as write_result
from voting.store import keys
from voting.store.client import Client, StoreDown, reachable
from voting.store.entries import Entries, read_entry, write_entry
from voting.store.ledger import Ledger
from voting.store.networks import Networks, read_declared, write_declared
from voting.store.results import Results
from voting.store.rules import RulesInForce, read_rules

log = logging.getLogger(__name__)

FRESH_S = 1.0
#: Counts never go back because another process was slower; but they do when a clock was set back.
CLOCKS_DIFFER_MS = 5_000
#: Writing a file holds up every vote of the process for a moment.
KEEP_EVERY_S = 5.0


@dataclass(frozen=True)
class Catalogue:
    """What changes rarely: approved entries by number, withdrawn numbers, the rules' versions,
    every published result, oldest first, the networks that were declared in advance, and what
    decisions about votes take from the tally."""

    version: int
    entries: dict[int, Entry]
    withdrawn: frozenset[int]
    versions: tuple[Rules, ...]
    results: tuple[Result, ...] = ()
    declared: tuple[Declared, ...] = ()
    deductions: Deductions = NOTHING_DEDUCTED

    @cached_property
    def declared_in(self) -> DeclaredIn:
        closes_ms = self.versions[-1].closes_ms
        return DeclaredIn(
            replace(one, until_ms=one.until_ms or closes_ms) for one in self.declared
        )


@dataclass(frozen=True)
class Snapshot:
    """What changes with every vote, and the vote's stage: as of one moment of the clock.

    `stage_ms` and `stage_reason`: since when and why organizers have it so.
    """

    as_of_ms: int
    catalogue: int
    paused: bool
    tally: dict[int, int]
    stage: Stage = Stage.NONE
    stage_ms: int = 0
    stage_reason: str = ""


@dataclass(frozen=True)
class Board:
    """Catalogue and snapshot together, immutable; `stale` while the law store is away."""

    catalogue: Catalogue
    snapshot: Snapshot
    stale: bool = False

    @property
    def rules(self) -> Rules:
        return self.catalogue.versions[-1]

    @property
    def entries(self) -> dict[int, Entry]:
        return self.catalogue.entries

    @property
    def paused(self) -> bool:
        return self.snapshot.paused

    def phase(self, now_ms: int) -> Phase:
        """Where the vote stands."""
        return self.rules.phase(now_ms, paused=self.paused, stage=self.snapshot.stage)

    def declared(self, address: str) -> Declared | None:
        """The declared network that this address (`remote_addr`) is in, the most specific one; its
        `until_ms` is a moment. No round trip."""
        return self.catalogue.declared_in.of(address, self.snapshot.as_of_ms)

    @property
    def result(self) -> Result | None:
        """The result in force; None while none is published."""
        published = self.snapshot.stage is Stage.PUBLISHED and self.catalogue.results
        return self.catalogue.results[-1] if published else None

    @cached_property
    def standings(self) -> Standings:
        """Live, without the votes that the public knows to be removed, until a result is published;
        then its places, for ever the same."""
        return self._frozen or self._ranked(self._told)

    @cached_property
    def standings_now(self) -> Standings:
        """The console's: without all that is removed at this moment."""
        return self._frozen or self._ranked(self.catalogue.deductions.now)

    @cached_property
    def votes(self) -> dict[int, int]:
        """Every entry's votes, also a withdrawn one's, without those that the public knows to be
        removed; of a published result, too."""
        return self._counted(self._told)

    @cached_property
    def votes_now(self) -> dict[int, int]:
        """The console's: the same without all that is removed at this moment."""
        return self._counted(self.catalogue.deductions.now)

    @property
    def removals(self) -> tuple[Removal, ...]:
        """What the public is told of removed votes, by the day of the decision, entry and reason:
        decided before the last midnight while the vote is open, all of it afterwards."""
        return self._told.removals

    @cached_property
    def held(self) -> dict[int, int]:
        """Entry → votes that the public sees as being looked into: as of the last midnight while
        the vote is open, as of now afterwards. They count. None once a result is published."""
        at_ms, ends_ms = self.told_through_ms or self.snapshot.as_of_ms, self.rules.review_until_ms
        if self.result or (ends_ms and at_ms >= ends_ms):
            return {}
        held = self._told.held(at_ms)
        counted = {n: min(held[n], self.votes.get(n, 0)) for n in held if n in self.entries}
        return {n: votes for n, votes in counted.items() if votes}

    @cached_property
    def removed_now(self) -> dict[int, int]:
        """The console's: entry → votes that are removed at this moment."""
        return dict(self.catalogue.deductions.now.removed())

    @property
    def told_through_ms(self) -> int | None:
        """Up to when decisions show in what the public sees; None: all of them do."""
        return decided_through(self.rules, self.snapshot.as_of_ms)

    @cached_property
    def _told(self) -> Deducted:
        return self.catalogue.deductions.through(self.told_through_ms)

    @property
    def _frozen(self) -> Standings | None:
        if not (result := self.result):
            return None
        rows = (row for row in result.rows if row.number in self.entries)
        places = tuple(Standing(row.place, row.number, row.votes) for row in rows)
        return Standings(self.snapshot.as_of_ms, self.paused, places)

    def _ranked(self, less: Deducted) -> Standings:
        places = rank(self._counted(less), self.entries)
        return Standings(self.snapshot.as_of_ms, self.paused, places)

    def _counted(self, less: Deducted) -> dict[int, int]:
        # A batch may hold votes that are younger than the snapshot, for a second.
        removed = less.removed()
        return {n: max(0, votes - removed[n]) for n, votes in self.snapshot.tally.items()}

    def shown(self, now_ms: int) -> Standings:
        """The standings as the public may see them at this moment; the console has
        `standings_now`."""
        return as_shown(self.standings, what_may_be_shown(self.rules, now_ms))


@dataclass
class Boards:
    """Hands out the current Board; refreshed at most once a second by one caller at a time."""

    law: Client
    throttle: Client
    contest: str
    ledger: Ledger
    entries: Entries
    rules: RulesInForce
    results: Results
    networks: Networks
    folder: Path
    clock: Callable[[], float] = time.time
    _board: Board | None = None
    _checked: float = 0.0
    _kept: float = -math.inf
    _refreshing: threading.Lock = field(default_factory=threading.Lock)

    def current(self) -> Board:
        """The newest board at hand; raises StoreDown only if there has never been one."""
        board = self._board
        if board is not None and time.monotonic() - self._checked < FRESH_S:
            return board
        if not self._refreshing.acquire(blocking=board is None):
            return board if board is not None else self.current()
        try:
            if self._board is None or time.monotonic() - self._checked >= FRESH_S:
                self._board = self._refresh(self._board)
                self._checked = time.monotonic()
            return self._board
        finally:
            self._refreshing.release()

    def _refresh(self, board: Board | None) -> Board:
        try:
            snapshot = self._shared_snapshot() or self._own_snapshot()
            if board is None or board.catalogue.version != snapshot.catalogue:
                catalogue = self._read_catalogue()
                self._keep("catalogue.json", _write_catalogue(catalogue))
            else:
                catalogue = board.catalogue
            if board and 0 < board.snapshot.as_of_ms - snapshot.as_of_ms < CLOCKS_DIFFER_MS:
                snapshot = board.snapshot
            return Board(catalogue, snapshot)
        except StoreDown:
            if board is not None:
                return replace(board, stale=True)
            return self._kept_board()

    def _shared_snapshot(self) -> Snapshot | None:
        """The snapshot in the throttle store if it is fresh, or if somebody is making a new one."""
        try:
            with reachable():
                text = self.throttle.get(keys.STANDINGS(contest=self.contest))
                shared = _readable_snapshot(text) if text else None
                if shared and 0 <= self.clock() * 1000 - shared.as_of_ms < FRESH_S * 1000:
                    return shared
                lock = keys.STANDINGS_LOCK(contest=self.contest)
                mine = self.throttle.set(lock, 1, nx=True, px=1000)
                return None if mine else shared
        except StoreDown:
            return None

    def _own_snapshot(self) -> Snapshot:
        with reachable():
            as_of_ms = int(self.clock() * 1000)
            contest = self.law.hgetall(keys.CONTEST())
        if b"catalogue" not in contest:
            raise StoreDown("the store holds no contest")
        snapshot = Snapshot(
            as_of_ms,
            int(contest[b"catalogue"]),
            bool(contest.get(b"paused")),
            dict(self.ledger.tally()),
            Stage(contest.get(b"stage", b"").decode()),
            int(contest.get(b"stage_ms", 0)),
            contest.get(b"stage_reason", b"").decode(),
        )
        text = json.dumps(asdict(snapshot))
        if time.monotonic() - self._kept > KEEP_EVERY_S:
            self._kept = time.monotonic()
            self._keep("standings.json", text)
        try:
            with reachable():
                self.throttle.set(keys.STANDINGS(contest=self.contest), text, px=60_000)
        except StoreDown:
            pass  # the throttle store may vanish: then each process makes its own
        return snapshot

    def _read_catalogue(self) -> Catalogue:
        with reachable():
            version, deductions = self.law.hmget(keys.CONTEST(), "catalogue", "deductions")
        entries = self.entries.all()
        versions = self.rules.versions()
        if not versions:
            raise StoreDown("the store holds no rules")
        return Catalogue(
            int(version or 0),
            {n: e for n, e in entries.items() if e.state is EntryState.APPROVED},
            frozenset(n for n, e in entries.items() if e.state is EntryState.WITHDRAWN),
            tuple(versions),
            self.results.all(),
            tuple(self.networks.all()),
            read_deductions(deductions or b""),
        )

    def _keep(self, name: str, text: str) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = self.folder / f".{name}-{threading.get_ident()}"
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.folder / name)
        except OSError as error:
            log.warning("can't keep %s: %s", name, error)

    def _kept_board(self) -> Board:
        try:
            catalogue = _read_kept((self.folder / "catalogue.json").read_text(encoding="utf-8"))
            snapshot = _read_snapshot((self.folder / "standings.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreDown(f"no store, and no board kept in {self.folder}: {error}") from error
        return Board(catalogue, snapshot, stale=True)


def _read_snapshot(text: bytes | str) -> Snapshot:
    fields = json.loads(text)
    fields |= {
        "tally": {int(n): v for n, v in fields["tally"].items()},
        "stage": Stage(fields.get("stage", "")),
    }
    return Snapshot(**fields)


def _readable_snapshot(text: bytes) -> Snapshot | None:
    """None for what isn't one: another release may have put it there."""
    try:
        return _read_snapshot(text)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _write_catalogue(catalogue: Catalogue) -> str:
    return json.dumps(
        {
            "version": catalogue.version,
            "entries": [write_entry(entry) for entry in catalogue.entries.values()],
            "withdrawn": sorted(catalogue.withdrawn),
            "versions": [json.dumps(asdict(rules)) for rules in catalogue.versions],
            "results": [write_result(result) for result in catalogue.results],
            "declared": [write_declared(one) for one in catalogue.declared],
            "deductions": write_deductions(catalogue.deductions),
        }
    )


def _read_kept(text: str) -> Catalogue:
    fields = json.loads(text)
    entries = [read_entry(entry) for entry in fields["entries"]]
    return Catalogue(
        fields["version"],
        {entry.number: entry for entry in entries},
        frozenset(fields["withdrawn"]),
        tuple(read_rules(rules) for rules in fields["versions"]),
        tuple(read_result(result) for result in fields.get("results", ())),
        tuple(read_declared(one) for one in fields.get("declared", ())),
        read_deductions(fields.get("deductions", "")),
    )
