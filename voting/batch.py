"""Batches: frozen sets of votes about which people decide, and what follows from the decisions.

Pure: what the operators' log tells goes in, the state of each batch and the deductions come out.
Nothing else decides: the same rows and sets give the same deductions, in every process, for ever.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from voting.case import Finding, Pattern
from voting.contest import day_of, midnight_after

#: A hold runs so long at most, and never again for the same votes.
HOLD_MS: Final = 48 * 3600 * 1000


class Decision(StrEnum):
    """What somebody decides about a batch; the value is that of its kind in the operators' log."""

    HOLD = "hold"
    KEEP = "keep"
    ASK_VOID = "ask_void"
    VOID = "void"
    PUT_BACK = "put_back"


class State(StrEnum):
    """Where a batch stands. Only VOID takes its votes out of the count. One that was put back is
    KEPT, one whose hold has lapsed is OPEN again."""

    OPEN = "open"
    HELD = "held"
    ASKED = "asked"
    KEPT = "kept"
    VOID = "void"


DECISION_WORDS: Final[Mapping[Decision, str]] = {
    Decision.HOLD: "标为核查中",
    Decision.KEEP: "保留",
    Decision.ASK_VOID: "提请移除",
    Decision.VOID: "确认移除",
    Decision.PUT_BACK: "恢复计票",
}
STATE_WORDS: Final[Mapping[State, str]] = {
    State.OPEN: "待决定",
    State.HELD: "核查中",
    State.ASKED: "待第二人确认移除",
    State.KEPT: "保留",
    State.VOID: "已移除",
}
#: In these nothing is left to decide.
SETTLED: Final = frozenset({State.KEPT, State.VOID})


@dataclass(frozen=True, slots=True)
class Batch:
    """A set of votes as it was when somebody first decided about it; it never changes.

    `case` is the id of the case it was made from. `entries`: entry's number → votes, most first;
    none where only a number of votes is known, not which. `digest` is SHA-256 in hex over the ids
    of its votes (see `digest_of`); it stands in the operators' log.
    """

    id: str
    case: str
    pattern: Pattern
    finding: Finding
    entries: tuple[tuple[int, int], ...]
    digest: str
    first_ms: int
    last_ms: int

    @property
    def votes(self) -> int:
        return sum(votes for _, votes in self.entries)


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision, as row `row` of the operators' log tells it."""

    row: int
    at_ms: int
    by: str
    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class BatchNow:
    """A batch, where it stands, and everything that was decided about it, oldest first.

    `held_until_ms` is 0 while no hold runs (a hold goes on while a void is asked for). `asked_by`
    is who asked to void it, '' unless it is ASKED. `held_before`: a hold ran once, so none can
    again. `may` is what can be decided next; whether this account may is `Batches.decide`'s matter.
    """

    batch: Batch
    frozen_ms: int
    frozen_by: str
    state: State
    held_until_ms: int
    asked_by: str
    held_before: bool
    decisions: tuple[Decided, ...]

    @property
    def settled(self) -> bool:
        return self.state in SETTLED

    @property
    def may(self) -> tuple[Decision, ...]:
        if self.batch.finding is not Finding.VOTES:
            return () if self.state is State.KEPT else (Decision.KEEP,)
        found = NEXT[self.state]
        spent = self.held_before or self.held_until_ms
        return tuple(one for one in found if one is not Decision.HOLD or not spent)


#: What can be decided in each state.
NEXT: Final[Mapping[State, tuple[Decision, ...]]] = {
    State.OPEN: (Decision.HOLD, Decision.KEEP, Decision.ASK_VOID),
    State.HELD: (Decision.KEEP, Decision.ASK_VOID),
    State.ASKED: (Decision.VOID, Decision.KEEP, Decision.HOLD),
    State.KEPT: (Decision.HOLD, Decision.ASK_VOID),
    State.VOID: (Decision.PUT_BACK,),
}


def digest_of(vote_ids: Iterable[str]) -> str:
    """SHA-256 in hex over the ids, sorted as text, each with a line feed behind it: what anybody
    can compute with `sort | sha256sum`."""
    lines = "".join(f"{vote_id}\n" for vote_id in sorted(vote_ids))
    return hashlib.sha256(lines.encode()).hexdigest()


def id_of(case: str, pattern: Pattern, digest: str) -> str:
    """The same case with the same votes is the same batch, however often it is frozen."""
    return hashlib.sha256(f"{case}\n{pattern.value}\n{digest}".encode()).hexdigest()[:10]


# --- the fold: rows of the log → where each batch stands ------------------------------------------


class Event(StrEnum):
    """What the fold listens to, apart from the decisions."""

    FREEZE = "freeze"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True)
class Told:
    """A row of the operators' log that a batch's state may depend on."""

    row: int
    at_ms: int
    by: str
    what: Event | Decision
    batch: str
    reason: str


@dataclass(slots=True)
class Fate:
    """What has become of a batch up to some row of the log."""

    frozen_ms: int = 0
    frozen_by: str = ""
    decisions: list[Decided] = field(default_factory=list)
    state: State = State.OPEN
    asked_by: str = ""
    void_row: int = 0
    void_ms: int = 0
    hold_row: int = 0
    held_until_ms: int = 0

    def take(self, told: Told, decision: Decision) -> None:
        self.decisions.append(Decided(told.row, told.at_ms, told.by, decision, told.reason))
        match decision:
            case Decision.HOLD:
                # A request to void stays while the votes are looked at.
                self.state = State.ASKED if self.state is State.ASKED else State.HELD
                self.hold_row, self.held_until_ms = told.row, told.at_ms + HOLD_MS
            case Decision.ASK_VOID:
                self.state, self.asked_by = State.ASKED, told.by
            case Decision.VOID:
                self.state, self.asked_by, self.held_until_ms = State.VOID, "", 0
                self.void_row, self.void_ms = told.row, told.at_ms
            case Decision.KEEP | Decision.PUT_BACK:
                self.state, self.asked_by, self.held_until_ms = State.KEPT, "", 0

    def now(self, now_ms: int, review_until_ms: int | None) -> tuple[State, int]:
        """Where it stands at this moment, and until when it is held (0: it isn't)."""
        until_ms = min(self.held_until_ms, review_until_ms or self.held_until_ms)
        until_ms = until_ms if until_ms > now_ms else 0
        lapsed = self.state is State.HELD and not until_ms
        return (State.OPEN if lapsed else self.state), until_ms


def fold(rows: Iterable[Told]) -> dict[str, Fate]:
    """Batch id → its fate, in the order of freezing. A publication ends every hold."""
    fates: dict[str, Fate] = {}
    for told in rows:
        match told.what:
            case Event.PUBLISH:
                for fate in fates.values():
                    fate.held_until_ms = min(fate.held_until_ms, told.at_ms)
            case Event.FREEZE:
                fate = fates.setdefault(told.batch, Fate())
                if not fate.frozen_ms:
                    fate.frozen_ms, fate.frozen_by = told.at_ms, told.by
            case Decision() as decision:
                fates.setdefault(told.batch, Fate()).take(told, decision)
    return fates


# --- the deductions: how many votes of each entry are removed, and held --------------------------

#: A vote's id in nine bytes and its entry in two; what a batch's set is made of.
Votes = frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Removal:
    """Votes of one entry that were removed for one reason on one day (days since the epoch).

    Each vote is counted once, with the void in force that came first.
    """

    day: int
    entry: int
    pattern: Pattern
    votes: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Votes of one entry that are held until then; those that are removed aren't among them."""

    until_ms: int
    entry: int
    votes: int


@dataclass(frozen=True, slots=True)
class Deducted:
    """What the decisions made before `until_ms` take from the counts; 0: all decisions."""

    until_ms: int
    removals: tuple[Removal, ...] = ()
    holds: tuple[Hold, ...] = ()

    def removed(self) -> Counter[int]:
        """Entry → votes that don't count."""
        found: Counter[int] = Counter()
        for one in self.removals:
            found[one.entry] += one.votes
        return found

    def held(self, now_ms: int) -> Counter[int]:
        """Entry → votes that are held at this moment; they count."""
        found: Counter[int] = Counter()
        for one in self.holds:
            if one.until_ms > now_ms:
                found[one.entry] += one.votes
        return found


@dataclass(frozen=True, slots=True)
class Deductions:
    """Derived from log and sets: what is deducted at each midnight that follows a day with
    decisions, and `now`. `row` is the last row of the log that a batch depends on."""

    row: int = 0
    midnights: tuple[Deducted, ...] = ()
    now: Deducted = Deducted(0)

    def through(self, until_ms: int | None) -> Deducted:
        """What was decided before this midnight in Shanghai; None: all that is decided."""
        if until_ms is None:
            return self.now
        known = [one for one in self.midnights if one.until_ms <= until_ms]
        return known[-1] if known else Deducted(0)


NOTHING_DEDUCTED: Final = Deductions()


def deduct(
    rows: Sequence[Told], batches: Mapping[str, Batch], votes: Callable[[str], Votes]
) -> Deductions:
    """The deductions after these rows. `votes` gives a batch's set; memory grows with void and held
    votes only."""
    moments = [told.at_ms for told in rows if told.what is not Event.FREEZE]
    known: dict[str, Votes] = {}

    def of(name: str) -> Votes:
        return known.get(name) or known.setdefault(name, votes(name))

    now = _deducted(rows, 0, batches, of)
    midnights: list[Deducted] = []
    for until_ms in sorted({midnight_after(at_ms) for at_ms in moments}):
        before = [told for told in rows if told.at_ms < until_ms]
        then = now if len(before) == len(rows) else _deducted(before, until_ms, batches, of)
        if not midnights or then != replace(midnights[-1], until_ms=then.until_ms):
            midnights.append(replace(then, until_ms=until_ms))
    return Deductions(rows[-1].row if rows else 0, tuple(midnights), now)


def _deducted(
    rows: Sequence[Told],
    until_ms: int,
    batches: Mapping[str, Batch],
    votes: Callable[[str], Votes],
) -> Deducted:
    fates = fold(rows)
    removed: set[bytes] = set()
    removals: Counter[tuple[int, int, Pattern]] = Counter()
    voids = [name for name, fate in fates.items() if fate.state is State.VOID]
    for name in sorted(voids, key=lambda name: fates[name].void_row):
        day, batch = day_of(fates[name].void_ms), batches[name]
        for entry, n in _take(batch, votes(name), removed).items():
            removals[day, entry, batch.pattern] += n
    return Deducted(
        until_ms,
        tuple(Removal(*key, n) for key, n in sorted(removals.items())),
        tuple(Hold(*key, n) for key, n in sorted(_holds(fates, votes, removed).items())),
    )


def _take(batch: Batch, votes: Votes, taken: set[bytes]) -> Mapping[int, int]:
    """Those that weren't taken yet, by entry; now they are."""
    alone = taken.isdisjoint(votes)
    left = dict(batch.entries) if alone else by_entry(votes - taken)
    taken |= votes
    return left


def _holds(
    fates: Mapping[str, Fate], votes: Callable[[str], Votes], removed: set[bytes]
) -> Counter[tuple[int, int]]:
    """(until when, entry) → votes that are held for the first time, and not removed."""
    found: Counter[tuple[int, int]] = Counter()
    held: set[bytes] = set()
    if not any(fate.held_until_ms for fate in fates.values()):
        return found
    for _, name in sorted((fate.hold_row, name) for name, fate in fates.items() if fate.hold_row):
        its_votes, until_ms = votes(name), fates[name].held_until_ms
        if until_ms:
            for entry, n in by_entry(its_votes - held - removed).items():
                found[until_ms, entry] += n
        held |= its_votes
    return found


def by_entry(votes: Iterable[bytes]) -> Counter[int]:
    """Entry → how many of these votes are its."""
    found = Counter(vote[-2:] for vote in votes)
    return Counter({int.from_bytes(entry, "big"): n for entry, n in found.items()})


# --- as text ------------------------------------------------------------------------------------


def write_batch(batch: Batch) -> str:
    return _compact(asdict(batch))


def read_batch(text: bytes | str) -> Batch:
    fields = json.loads(text)
    return Batch(
        **fields
        | {
            "pattern": Pattern(fields["pattern"]),
            "finding": Finding(fields["finding"]),
            "entries": tuple((entry, votes) for entry, votes in fields["entries"]),
        }
    )


def write_deductions(deductions: Deductions) -> str:
    return _compact(asdict(deductions))


def read_deductions(text: bytes | str) -> Deductions:
    """What `write_deductions` has written; no deductions from no text."""
    if not text:
        return Deductions()
    fields = json.loads(text)
    return Deductions(
        fields["row"],
        tuple(_read_deducted(one) for one in fields["midnights"]),
        _read_deducted(fields["now"]),
    )


def _read_deducted(fields: dict[str, Any]) -> Deducted:
    removals = (Removal(**one | {"pattern": Pattern(one["pattern"])}) for one in fields["removals"])
    holds = (Hold(**one) for one in fields["holds"])
    return Deducted(fields["until_ms"], tuple(removals), tuple(holds))


def _compact(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
