"""The outcome of the vote: final places, who is awarded, what was removed; frozen when published.

Pure: ledger rows and plain data in, a Result out; a Result to text and back. Of equal counts the
entry that reached its count in the earlier sealing round stands higher; still equal, entries share
the place, and the written rule decides about the last winning one. Anybody can work it out again.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from voting.case import PATTERN_WORDS, Pattern
from voting.contest import (
    SHANGHAI,
    Category,
    CloseCall,
    Entry,
    EntryState,
    Identity,
    Rules,
    Tie,
    minute_words,
)

#: Rounds are fixed windows of ten minutes of the server's clock, from the epoch on.
SEALING_ROUND_MS: Final = 600_000
#: How many places below the awarded ones are named.
RUNNERS_UP: Final = 10
#: A sentence about a tie names this many entries at most.
MOST_NAMED: Final = 5

#: entry, when it was accepted (ms), voter (8 bytes), how well the voter is known, and why the vote
#: was removed (None: it wasn't)
LedgerRow = tuple[int, int, bytes, int, Pattern | None]


#: What a result calls votes that two organizers have removed.
REMOVED_WORDS: Final = "经核查移除的票"


class JuryRefused(Exception):  # noqa: N818 the plain word
    """The jury's choice doesn't fill the places exactly; the text is one sentence."""


class Award(enum.StrEnum):
    """Whether an entry is awarded; OPEN until the jury has chosen among those who tie."""

    WON = "won"
    OPEN = "open"
    NONE = "none"


AWARD_WORDS: Final = {Award.WON: "获奖", Award.OPEN: "待评议", Award.NONE: ""}


@dataclass(frozen=True, slots=True)
class Place:
    """An entry's final place; `reached_ms` is when its last counted vote came, 0 without one."""

    place: int
    number: int
    votes: int
    reached_ms: int
    award: Award

    @property
    def reached_before_ms(self) -> int:
        """The end of the sealing round in which the count was reached."""
        return (round_of(self.reached_ms) + 1) * SEALING_ROUND_MS


@dataclass(frozen=True, slots=True)
class Row(Place):
    """A place, and what the public knew of the entry when the result was made."""

    title: str
    author: str
    unit: str
    instructor: str
    city: str
    category: str
    category_name: str
    ai: bool
    form_sha256: str

    @property
    def label(self) -> str:
        return f"{self.number:03d}"


@dataclass(frozen=True, slots=True)
class Removed:
    """Votes in the ledger that don't count, and why; `number` is 0 where they aren't an entry's."""

    what: str
    votes: int
    reason: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Earlier:
    """A result that this one stands in for; `digest` is that of its public text."""

    version: int
    at_ms: int
    reason: str
    digest: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Counted votes in all and by kind, and how many voters cast them."""

    votes: int
    voters: int
    by_identity: dict[str, int]
    by_category: dict[str, int]


@dataclass(frozen=True, slots=True)
class About:
    """The contest, as its organizers would say it."""

    name: str
    subtitle: str
    organizers: tuple[str, ...]
    award: str
    demo: bool
    categories: Mapping[str, Category]


@dataclass(frozen=True, slots=True)
class Result:
    """`version` 0 is a draft. `rows` holds every entry in the vote, best first.

    `rules` is the version in force; `log_row` and `log_digest` are the operators' log's last row
    when this was made. `by` and each row's `form_sha256` are not public. `without_scrutiny`: why it
    was published although scrutiny hadn't looked at every vote. `excess`: the entries whose award
    hangs on votes that nobody can name, and how many each has of them at most; `close_call` has
    decided over these, COUNT where there are none.
    """

    version: int
    at_ms: int
    by: str
    reason: str
    name: str
    subtitle: str
    organizers: tuple[str, ...]
    award: str
    demo: bool
    rules: int
    opens_ms: int
    closes_ms: int
    winners: int
    tie: Tie
    rows: tuple[Row, ...]
    jury_reason: str
    removed: tuple[Removed, ...]
    totals: Totals
    ledger_rows: int
    log_row: int
    log_digest: str
    earlier: tuple[Earlier, ...] = ()
    without_scrutiny: str = ""
    close_call: CloseCall = CloseCall.COUNT
    excess: tuple[tuple[int, int], ...] = ()

    def of(self, number: int) -> Row | None:
        return next((row for row in self.rows if row.number == number), None)

    @property
    def awarded(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.award is Award.WON)

    @property
    def undecided(self) -> tuple[Row, ...]:
        """Those among whom the jury must choose."""
        return tuple(row for row in self.rows if row.award is Award.OPEN)

    @property
    def seats(self) -> int:
        """How many of the undecided will be awarded."""
        return self.winners - len(self.awarded) if self.undecided else 0

    @property
    def runners_up(self) -> tuple[Row, ...]:
        """The next places below the awarded ones; who shares the last of them is named too."""
        below = [row for row in self.rows if row.award is Award.NONE and row.votes]
        if len(below) <= RUNNERS_UP:
            return tuple(below)
        return tuple(row for row in below if row.place <= below[RUNNERS_UP - 1].place)


def round_of(at_ms: int) -> int:
    return at_ms // SEALING_ROUND_MS


def places(
    votes: Mapping[int, int],
    reached_ms: Mapping[int, int],
    numbers: Iterable[int],
    winners: int,
    tie: Tie,
) -> tuple[Place, ...]:
    """The final order of `numbers`, best first; within a shared place by number."""

    def standing(number: int) -> tuple[int, int]:
        return -votes.get(number, 0), round_of(reached_ms.get(number, 0))

    found: list[Place] = []
    ordered = sorted(numbers, key=lambda number: (standing(number), number))
    for _, group in groupby(ordered, key=standing):
        sharing = list(group)
        place = len(found) + 1
        award = _award(place, len(sharing), votes.get(sharing[0], 0), winners, tie)
        found += [Place(place, n, votes.get(n, 0), reached_ms.get(n, 0), award) for n in sharing]
    return tuple(found)


def _award(place: int, sharing: int, votes: int, winners: int, tie: Tie) -> Award:
    """Nobody wins without a vote; who shares the last winning place is for the written rule."""
    if not votes or place > winners:
        return Award.NONE
    across = place + sharing - 1 > winners
    return Award.OPEN if across and tie is Tie.JURY else Award.WON


@dataclass(frozen=True, slots=True)
class Close:
    """Who is awarded whatever the unnamed votes were, and whose award hangs on them."""

    surely: frozenset[int] = frozenset()
    hanging: frozenset[int] = frozenset()


def close(found: Sequence[Place], excess: Mapping[int, int], winners: int) -> Close:
    """What votes that nobody can name leave open. `excess` is how many of an entry's votes there
    are of that kind, at most.

    An entry's true count lies between its votes less the excess, and its votes. Some are in however
    it may be, some are out; those between are in for some true counts and out for others. Among
    these are always more than there are places left. Only their excess matters: whoever knows it
    and the votes finds the same.
    """
    running = [one for one in found if one.votes]
    low = {one.number: max(0, one.votes - excess.get(one.number, 0)) for one in running}

    def is_surely_above(one: Place, other: Place) -> bool:
        if low[one.number] == one.votes and low[other.number] == other.votes:
            return one.place < other.place
        return low[one.number] > other.votes

    surely, hanging = set(), set()
    for one in running:
        others = [other for other in running if other is not one]
        if sum(not is_surely_above(one, other) for other in others) < winners:
            surely.add(one.number)
        elif sum(is_surely_above(other, one) for other in others) < winners:
            hanging.add(one.number)
    if not any(excess.get(number) for number in hanging):
        return Close()  # a tie, no more: the rule for ties decides
    return Close(frozenset(surely), frozenset(hanging))


def called(found: Sequence[Place], call: Close, rule: CloseCall) -> tuple[Place, ...]:
    """The places with the awards as this rule gives them to those whose award hangs."""
    if not call.hanging or rule is CloseCall.COUNT:
        return tuple(found)
    theirs = Award.OPEN if rule is CloseCall.JURY else Award.WON
    awards = dict.fromkeys(call.surely, Award.WON) | dict.fromkeys(call.hanging, theirs)
    return tuple(replace(one, award=awards.get(one.number, Award.NONE)) for one in found)


@dataclass(slots=True)
class _Count:
    """Votes of every entry, and the void ones by reason; the rest is of ranked entries only."""

    votes: Counter[int] = field(default_factory=Counter)
    void: Counter[Pattern] = field(default_factory=Counter)
    identities: Counter[int] = field(default_factory=Counter)
    voters: set[bytes] = field(default_factory=set)
    reached_ms: dict[int, int] = field(default_factory=dict)


def _counted(ledger: Iterable[LedgerRow], ranked: Container[int]) -> _Count:
    count = _Count()
    votes, reached_ms = count.votes, count.reached_ms
    for entry, accepted_ms, voter, identity, why in ledger:
        if why is not None:
            count.void[why] += 1
            continue
        votes[entry] += 1
        if entry in ranked:
            count.identities[identity] += 1
            count.voters.add(voter)
            if accepted_ms > reached_ms.get(entry, 0):
                reached_ms[entry] = accepted_ms
    return count


def compute(
    ledger: Iterable[LedgerRow],
    entries: Mapping[int, Entry],
    reasons: Mapping[int, str],
    about: About,
    rules: Rules,
    at_ms: int,
    excess: Mapping[int, int] | None = None,
) -> Result:
    """A draft (see Result) from the ledger and the entries of every state.

    `reasons` says why an entry is not in the vote, `excess` how many of its votes at most are of
    the kind that nobody can name (see close). Memory grows with entries and voters only.
    """
    ranked = {number: e for number, e in entries.items() if e.state is EntryState.APPROVED}
    count = _counted(ledger, ranked)
    found = places(count.votes, count.reached_ms, ranked, rules.winners, rules.tie)
    call, rule = close(found, excess or {}, rules.winners), rules.closing.close_call
    found = called(found, call, rule)
    hang = _told(call, excess or {}, rule)
    identities, categories = count.identities, Counter[str]()
    for place in found:
        categories[ranked[place.number].category] += place.votes
    return Result(
        version=0,
        at_ms=at_ms,
        by="",
        reason="",
        name=about.name,
        subtitle=about.subtitle,
        organizers=about.organizers,
        award=about.award,
        demo=about.demo,
        rules=rules.version,
        opens_ms=rules.opens_ms,
        closes_ms=rules.closes_ms,
        winners=rules.winners,
        tie=rules.tie,
        rows=tuple(_row(place, ranked[place.number], about) for place in found),
        jury_reason="",
        removed=_removed(count.votes, entries, reasons) + _void(count.void),
        totals=Totals(
            votes=sum(place.votes for place in found),
            voters=len(count.voters),
            by_identity={i.name.lower(): identities[i] for i in Identity if identities[i]},
            by_category={key: categories[key] for key in about.categories},
        ),
        ledger_rows=count.votes.total() + count.void.total(),
        log_row=0,
        log_digest="",
        close_call=rule if hang else CloseCall.COUNT,
        excess=hang,
    )


def _told(
    call: Close, excess: Mapping[int, int], rule: CloseCall
) -> tuple[tuple[int, int], ...]:
    """What is published of the votes that nobody can name: those of whose award hangs on them."""
    hang = sorted(call.hanging) if rule is not CloseCall.COUNT else []
    return tuple((number, excess.get(number, 0)) for number in hang)


def still_calls(draft: Result, excess: Mapping[int, int], rule: CloseCall) -> bool:
    """Whether a draft's awards, and what it says of votes that nobody can name, are what follows
    from `excess` (see compute); scrutiny may have looked again since."""
    call = close(draft.rows, excess, draft.winners)
    same = draft.excess == _told(call, excess, rule)
    return same and draft.rows == called(draft.rows, call, rule)


def _row(place: Place, entry: Entry, about: About) -> Row:
    category = about.categories[entry.category]
    return Row(
        place=place.place,
        number=place.number,
        votes=place.votes,
        reached_ms=place.reached_ms,
        award=place.award,
        title=entry.title,
        author=entry.author,
        unit=entry.unit,
        instructor=entry.instructor,
        city=entry.city,
        category=entry.category,
        category_name=category.name,
        ai=category.ai,
        form_sha256=entry.form_sha256,
    )


def _removed(
    votes: Mapping[int, int], entries: Mapping[int, Entry], reasons: Mapping[int, str]
) -> tuple[Removed, ...]:
    """Withdrawn entries with or without votes, and votes for what isn't in the vote any more.

    Named by number only: what was withdrawn may be in dispute for its title or its people.
    """
    out = {n for n, e in entries.items() if e.state is EntryState.WITHDRAWN}
    out |= {n for n in votes if n not in entries or entries[n].state is not EntryState.APPROVED}
    return tuple(
        Removed(f"{n:03d} 号作品（已撤下）", votes.get(n, 0), reasons.get(n, "没有写明理由"), n)
        for n in sorted(out)
    )


def _void(votes: Mapping[Pattern, int]) -> tuple[Removed, ...]:
    """By reason and never by case or entry: what was removed is held against no entry."""
    return tuple(
        Removed(REMOVED_WORDS, votes[pattern], PATTERN_WORDS[pattern])
        for pattern in Pattern
        if votes.get(pattern)
    )


def settle(draft: Result, chosen: Sequence[int], reason: str) -> Result:
    """The draft with the jury's choice among the undecided. Raises JuryRefused."""
    tied = {row.number for row in draft.undecided}
    if not tied:
        if chosen:
            raise JuryRefused("没有需要评议决定的作品")
        return draft
    if len(set(chosen)) != draft.seats or not set(chosen) <= tied:
        names = "、".join(f"{number:03d}" for number in sorted(tied))
        seats = draft.seats
        why = "的名次要由评议决定" if draft.excess else "并列"
        raise JuryRefused(f"{names} 号{why}，还有 {seats} 个名额：请在其中正好选 {seats} 件")
    if not reason:
        raise JuryRefused("请写明评议的理由，它会和结果一起公布")
    rows = [_settled(row, chosen) if row.award is Award.OPEN else row for row in draft.rows]
    rows.sort(key=lambda row: (row.place, row.award is Award.NONE, row.number))
    return replace(draft, rows=tuple(rows), jury_reason=reason)


def _settled(row: Row, chosen: Sequence[int]) -> Row:
    return replace(row, award=Award.WON if row.number in chosen else Award.NONE)


def tie_words(result: Result) -> dict[int, str]:
    """Entry → how a tie or a close call was settled, in one sentence; only those that are in one.
    A close call says more than a tie within it."""
    return _tie_words(result) | _call_words(result)


def _call_words(result: Result) -> dict[int, str]:
    verdicts = {Award.WON: "经评议获奖", Award.NONE: "经评议未获奖", Award.OPEN: "由评议决定"}
    words = {}
    for number, votes in result.excess:
        if row := result.of(number):
            jury = result.close_call is CloseCall.JURY
            verdict = verdicts[row.award] if jury else "按规则一并获奖"
            said = (
                f"最多有 {votes:,} 票多得不正常，指不出是哪几票"
                if votes
                else "与前后作品的票差，比它们说不清的票还小"
            )
            words[number] = f"{said}；{verdict}"
    return words


def _tie_words(result: Result) -> dict[int, str]:
    words: dict[int, str] = {}
    for votes, group in groupby(result.rows, key=lambda row: row.votes):
        rows = list(group)
        if votes and len(rows) > 1:
            words |= {row.number: _tie_of(row, rows, result) for row in rows}
    return words


def _tie_of(row: Row, equal: Sequence[Row], result: Result) -> str:
    beside = [one for one in equal if one.place == row.place and one is not row]
    if beside:
        shared = f"与{_named(beside)}同票并列第 {row.place} 名"
        return shared + _decision(row, len(beside) + 1, result)
    later = [one for one in equal if one.place > row.place]
    if later:
        when = minute_words(row.reached_before_ms)
        return f"与{_named(later)}同票，先达到这个票数（{when} 前），列前"
    earlier = [one for one in equal if one.place < row.place]
    return f"与{_named(earlier)}同票，达到这个票数较晚，列后"


def _decision(row: Row, sharing: int, result: Result) -> str:
    if row.place > result.winners or row.place + sharing - 1 <= result.winners:
        return ""
    if result.tie is Tie.ALL_AWARDED:
        return "，按规则一并获奖"
    verdicts = {Award.WON: "，经评议获奖", Award.NONE: "，经评议未获奖"}
    return verdicts.get(row.award, "，由评议决定谁获奖")


def _named(rows: Sequence[Row]) -> str:
    """` 002、004 号`; a crowd isn't listed."""
    if len(rows) > MOST_NAMED:
        return f"另外 {len(rows)} 件"
    return " " + "、".join(row.label for row in rows) + " 号"


# --- a result as text ---------------------------------------------------------------------------


def write(result: Result) -> str:
    """All of it, for the store."""
    return _compact(asdict(result))


def read(text: bytes | str) -> Result:
    """What `write` has written."""
    fields = json.loads(text)
    rows = tuple(Row(**(row | {"award": Award(row["award"])})) for row in fields["rows"])
    return Result(
        **(
            fields
            | {
                "organizers": tuple(fields["organizers"]),
                "tie": Tie(fields["tie"]),
                "rows": rows,
                "removed": tuple(Removed(**one) for one in fields["removed"]),
                "totals": Totals(**fields["totals"]),
                "earlier": tuple(Earlier(**one) for one in fields["earlier"]),
                "close_call": CloseCall(fields.get("close_call", CloseCall.COUNT)),
                "excess": tuple((number, votes) for number, votes in fields.get("excess", ())),
            }
        )
    )


def public(result: Result) -> str:
    """What is published, as JSON that is the same bytes whenever it is asked for."""
    words = tie_words(result)
    return _compact(
        {
            "version": result.version,
            "at": _iso(result.at_ms),
            "reason": result.reason,
            "contest": f"{result.name}{result.subtitle}",
            "organizers": result.organizers,
            "award": result.award,
            "demo": result.demo,
            "rules": result.rules,
            "opens": _iso(result.opens_ms),
            "closes": _iso(result.closes_ms),
            "winners": result.winners,
            "tie": result.tie,
            "jury_reason": result.jury_reason,
            "total_votes": result.totals.votes,
            "voters": result.totals.voters,
            "votes_by_identity": result.totals.by_identity,
            "votes_by_category": result.totals.by_category,
            "entries": [_public_row(row, words) for row in result.rows],
            "removed": [
                {"what": one.what, "votes": one.votes, "reason": one.reason}
                for one in result.removed
            ],
            "ledger_rows": result.ledger_rows,
            "log_row": result.log_row,
            "log_digest": result.log_digest,
            "earlier": [
                {"version": e.version, "at": _iso(e.at_ms), "reason": e.reason, "digest": e.digest}
                for e in result.earlier
            ],
        }
        # Only where it says something: a result of before keeps its digest.
        | ({"without_scrutiny": result.without_scrutiny} if result.without_scrutiny else {})
        | (_public_call(result) if result.excess else {})
    )


def _public_call(result: Result) -> dict[str, Any]:
    """What makes the awards of a close call to be found again."""
    excess = [{"number": number, "votes": votes} for number, votes in result.excess]
    return {"close_call": result.close_call, "unnamed_votes_at_most": excess}


def _public_row(row: Row, words: Mapping[int, str]) -> dict[str, Any]:
    return {
        "place": row.place,
        "number": row.number,
        "title": row.title,
        "author": row.author,
        "unit": row.unit,
        "instructor": row.instructor,
        "city": row.city,
        "category": row.category,
        "ai": row.ai,
        "votes": row.votes,
        "reached_before": _iso(row.reached_before_ms) if row.votes else None,
        "awarded": row.award is Award.WON,
        "note": words.get(row.number, ""),
    }


def digest(result: Result) -> str:
    """SHA-256 in hex of the public text."""
    return hashlib.sha256(public(result).encode()).hexdigest()


def _compact(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, SHANGHAI).isoformat(timespec="milliseconds")
