"""What scrutiny has found and where people stand with it: the cases of the newest run, and those of
before about which somebody has decided; and what the ranking would be without their votes.

Everything here is as of now and of all decisions: the public's counts follow later.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from voting.batch import BatchNow, State
from voting.case import Case, Finding, Pattern, Run
from voting.contest import Standing, rank
from voting.store import Store
from voting.store.client import StoreDown
from voting.store.standings import Board

#: The number in the navigation stands on every page of the console.
FRESH_S: Final = 5.0
#: Scrutiny runs every few minutes; when it hasn't for so long, something is wrong with it.
LATE_MS: Final = 30 * 60 * 1000

#: How many answers to "what is left of this case?" are remembered.
MOST_RESTS: Final = 200

Counts = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """Votes of a case that one decision is about: a batch, or the rest that no batch holds."""

    votes: Counts
    batch: BatchNow | None = None

    @property
    def state(self) -> State:
        return self.batch.state if self.batch else State.OPEN

    @property
    def settled(self) -> bool:
        return self.batch is not None and self.batch.settled

    @property
    def count(self) -> int:
        return sum(self.votes.values())


@dataclass(frozen=True, slots=True)
class Change:
    """The ranking before and after some votes are taken away (or, where they are gone already,
    before they were). `rows` of both hold the same entries; `winners` is the last winning place."""

    before: tuple[Standing, ...]
    after: tuple[Standing, ...]
    winners: int

    @property
    def leave(self) -> tuple[int, ...]:
        return tuple(sorted(self._in(self.before) - self._in(self.after)))

    @property
    def enter(self) -> tuple[int, ...]:
        return tuple(sorted(self._in(self.after) - self._in(self.before)))

    @property
    def changes_winners(self) -> bool:
        return bool(self.leave or self.enter)

    def places(self, numbers: Iterable[int]) -> list[tuple[int, int, int]]:
        """Entry, its place before and after; only those that are in the ranking."""
        before, after = ({row.number: row.rank for row in rows}
                         for rows in (self.before, self.after))  # fmt: skip
        return [(n, before[n], after[n]) for n in numbers if n in before]

    def _in(self, rows: Sequence[Standing]) -> set[int]:
        return {row.number for row in rows if row.rank <= self.winners and row.votes}


@dataclass(frozen=True, slots=True)
class Matter:
    """A case with all that was decided about it. `latest`: the newest run has found it, too."""

    case: Case
    parts: tuple[Part, ...]
    change: Change
    latest: bool = True

    @property
    def named(self) -> bool:
        """Whether it is known which votes these are; else there is nothing to hold or to void."""
        return self.case.finding is Finding.VOTES

    @property
    def open(self) -> tuple[Part, ...]:
        """What somebody still has to decide about."""
        return tuple(part for part in self.parts if not part.settled)

    @property
    def batches(self) -> tuple[BatchNow, ...]:
        """What people have decided about, oldest first."""
        return tuple(part.batch for part in self.parts if part.batch)

    @property
    def waiting(self) -> tuple[Part, ...]:
        """What waits for a second person."""
        return tuple(part for part in self.parts if part.state is State.ASKED)

    @property
    def undecided(self) -> bool:
        """Whether there is more to do than to wait for a second person."""
        return len(self.waiting) < len(self.open)

    @property
    def urgent(self) -> bool:
        """Whether the winners depend on what isn't decided."""
        return self.named and bool(self.open) and self.change.changes_winners

    @property
    def entries(self) -> tuple[int, ...]:
        """The entries' numbers, the one with the most of its votes first."""
        return tuple(int(name) for name, _ in self.case.entries if name.isdecimal())


@dataclass(frozen=True, slots=True)
class Docket:
    """`run` is None while scrutiny has never run; `unseen` votes came after it. `together` is what
    becomes of the ranking when all that is open is taken away."""

    run: Run | None
    matters: tuple[Matter, ...]
    together: Change
    unseen: int

    def of(self, case_id: str) -> Matter | None:
        return next((one for one in self.matters if one.case.id == case_id), None)

    @property
    def urgent(self) -> list[Matter]:
        return [one for one in self.matters if one.urgent]

    @property
    def waiting(self) -> list[Matter]:
        return [one for one in self.matters if one.waiting]

    @property
    def pressing(self) -> int:
        """How many cases want a person soon: what the navigation says."""
        return sum(one.urgent or bool(one.waiting) for one in self.matters)

    @property
    def surges(self) -> list[Matter]:
        """Rises that nobody has looked at yet."""
        return [one for one in self.matters if one.case.pattern is Pattern.SURGE and one.open]

    def late(self, now_ms: int) -> bool:
        """Whether the newest run is older than it should be."""
        return self.run is not None and now_ms - self.run.at_ms > LATE_MS


# --- putting it together ------------------------------------------------------------------------


@dataclass
class Clerk:
    """Puts the docket together; what is costly is remembered until the votes are others."""

    _runs: dict[int, Run] = field(default_factory=dict)
    _rests: dict[tuple[object, ...], Counts] = field(default_factory=dict)
    _docket: Docket | None = None
    _until: float = float("-inf")

    def docket(self, store: Store, board: Board) -> Docket:
        """As of now. Raises StoreDown."""
        run = self._run(store)
        batches: dict[str, list[BatchNow]] = {}
        for one in reversed(store.batches.all()):
            batches.setdefault(one.batch.case, []).append(one)
        # Not board.votes_now: a board may be a second older than the decision just made.
        base = Counter(board.snapshot.tally)
        base.subtract(store.batches.deductions().now.removed())
        ranking = Ranking(base, tuple(board.entries), board.rules.winners)
        matters = [
            _matter(case, self._parts(store, case, batches.pop(case.id, [])), ranking, latest=True)
            for case in (run.cases if run else ())
        ]
        for of in batches.values():
            case = _as_kept(store, of[-1])
            matters.append(_matter(case, _of_batches(of), ranking, latest=False))
        return Docket(
            run,
            tuple(sorted(matters, key=_weight)),
            ranking.without(_sum(part.votes for one in matters if one.named for part in one.open)),
            max(0, sum(board.snapshot.tally.values()) - run.rows) if run else 0,
        )

    def lately(self, store: Store, board: Board) -> Docket | None:
        """The same, a few seconds old at most; None while the store is away."""
        if time.monotonic() >= self._until:
            try:
                self._docket = self.docket(store, board)
            except StoreDown:
                self._docket = None
            self._until = time.monotonic() + FRESH_S
        return self._docket

    def forget(self) -> None:
        """Somebody has decided: the next page tells of it."""
        self._until = float("-inf")

    def _run(self, store: Store) -> Run | None:
        at_ms = store.cases.at_ms()
        if at_ms not in self._runs:
            run = store.cases.latest()
            self._runs = {run.at_ms: run} if run else {}
            return run
        return self._runs[at_ms]

    def _parts(self, store: Store, case: Case, of: Sequence[BatchNow]) -> tuple[Part, ...]:
        """The case's batches, oldest first, and what none of them holds."""
        if case.finding is not Finding.VOTES:
            return _of_batches(of) or (Part({}),)
        rest = self._rest(store, case, of)
        return (*_of_batches(of), Part(rest)) if rest else _of_batches(of)

    def _rest(self, store: Store, case: Case, of: Sequence[BatchNow]) -> Counts:
        """How many votes of each entry are in none of the case's batches."""
        if not of:
            return _by_number(case)
        # A hundred thousand votes take half a second, and mostly they are those of the last run.
        packed = hashlib.sha256(store.cases.packed_of(case.id)).digest()
        key = (packed, *(one.batch.id for one in of))
        if key not in self._rests:
            if len(self._rests) >= MOST_RESTS:
                self._rests.clear()
            left = undecided(store, case.id, of)
            self._rests[key] = dict(Counter(store.ledger.entries_of(left)))
        return self._rests[key]


def undecided(store: Store, case_id: str, of: Sequence[BatchNow]) -> list[str]:
    """The ids of a case's votes that are in none of these batches, oldest first."""
    taken = {vote for one in of for vote in store.batches.votes_of(one.batch.id)}
    return [vote for vote in store.cases.votes_of(case_id) if vote not in taken]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The counts as decided now, and who is in the vote."""

    base: Counts
    numbers: tuple[int, ...]
    winners: int

    def without(self, votes: Counts) -> Change:
        less = {n: max(0, self.base.get(n, 0) - votes.get(n, 0)) for n in self.numbers}
        return self._change(self.base, less)

    def before(self, votes: Counts) -> Change:
        """What it was before these votes were removed."""
        more = {n: self.base.get(n, 0) + votes.get(n, 0) for n in self.numbers}
        return self._change(more, self.base)

    def _change(self, before: Counts, after: Counts) -> Change:
        return Change(rank(before, self.numbers), rank(after, self.numbers), self.winners)


def _matter(
    case: Case, parts: tuple[Part, ...], ranking: Ranking, *, latest: bool
) -> Matter:
    """What it would be without what is open; where nothing is, what it was before the void, or
    would be without what is kept."""
    if case.finding is not Finding.VOTES:
        excess = int(case.high) if case.finding is Finding.EXCESS else 0
        votes = dict.fromkeys(list(_by_number(case))[:1], excess)
        return Matter(case, parts, ranking.without(votes), latest)
    open_ = _sum(part.votes for part in parts if not part.settled)
    void = _sum(part.votes for part in parts if part.state is State.VOID)
    if void and not open_:
        return Matter(case, parts, ranking.before(void), latest)
    return Matter(
        case, parts, ranking.without(open_ or _sum(part.votes for part in parts)), latest
    )


def _weight(one: Matter) -> tuple[bool, bool, int, int]:
    """The largest effect on the winning places first."""
    moved = sum(abs(after - before) for _, before, after in one.change.places(one.entries))
    return not one.named, not one.change.changes_winners, -moved, -one.case.votes


def _of_batches(of: Sequence[BatchNow]) -> tuple[Part, ...]:
    return tuple(Part(dict(one.batch.entries), one) for one in of)


def _as_kept(store: Store, now: BatchNow) -> Case:
    """The case that a batch was made from, which the newest run hasn't found any more."""
    if kept := store.cases.kept(now.batch.id):
        return kept.case
    batch = now.batch
    return Case(
        id=batch.case,
        pattern=batch.pattern,
        finding=batch.finding,
        entries=tuple((str(number), votes) for number, votes in batch.entries),
        votes=batch.votes,
        expected=0.0,
        low=0.0,
        high=0.0,
        score=0.0,
        first_ms=batch.first_ms,
        last_ms=batch.last_ms,
        evidence=(),
        explanation="",
    )


def _by_number(case: Case) -> Counts:
    return {int(name): votes for name, votes in case.entries if name.isdecimal()}


def _sum(parts: Iterable[Counts]) -> Counts:
    total: Counter[int] = Counter()
    for one in parts:
        total.update(one)
    return total
