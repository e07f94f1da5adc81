"""What the console's charts draw, counted from ledger rows: votes an hour, voters a day, the race.

Rows may come in any order and in any portions; what is counted is the same. A voter takes about
100 bytes, whatever they do, and an entry as much an hour with votes: 300,000 voters and 300 entries
over two weeks fit in 40 MB.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeAlias

from voting.contest import AHEAD_MS, DAY_MS, HOUR_MS, Identity, day_of, rank

#: How far from the last winning place the race is watched: so many places above and below it.
ABOVE, BELOW = 5, 6

#: One vote: entry, time in ms, voter (8 bytes), identity.
Row: TypeAlias = tuple[int, int, bytes, int]
#: One hour (since the epoch), the votes in it, and how many of them are the demo's.
Hour: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Day:
    """One calendar day (since the epoch). Demo votes are among the votes, demo voters nowhere."""

    day: int
    votes: int
    demo: int
    voters: int = 0


@dataclass(frozen=True)
class Runner:
    """An entry near the last winning place.

    `ranks` are its places at the end of each hour of the race, 0 while it has no vote. `inside`
    says on which side of the line it ended up, `since` from which hour on without a break.
    """

    number: int
    ranks: Sequence[int]
    inside: bool
    since: int


@dataclass(frozen=True)
class Race:
    """The entries around the last winning place, best first, over the hours that had votes."""

    hours: Sequence[int] = ()
    runners: Sequence[Runner] = ()


@dataclass(frozen=True)
class Overview:
    """All votes together. `identities` is identity → votes."""

    rows: int
    voters: int
    hours: Sequence[Hour]
    days: Sequence[Day]
    identities: Mapping[int, int]


def day_of_hour(hour: int) -> int:
    return day_of(hour * HOUR_MS)


def first_hour_of(day: int) -> int:
    return (day * DAY_MS - AHEAD_MS) // HOUR_MS


def days_of(hours: Iterable[Hour], voters: Mapping[int, int] | None = None) -> list[Day]:
    """Hours in order, summed up by calendar day; `voters` is day → voters, if that is known."""
    days = []
    for day, some in groupby(hours, key=lambda hour: day_of_hour(hour[0])):
        counts = list(some)
        votes, demo = sum(hour[1] for hour in counts), sum(hour[2] for hour in counts)
        days.append(Day(day, votes, demo, (voters or {}).get(day, 0)))
    return days


@dataclass
class Figures:
    """Counts rows. `touched` are the entries that got votes since somebody last emptied it."""

    rows: int = 0
    touched: set[int] = field(default_factory=set)
    votes: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    demo: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    identities: Counter[int] = field(default_factory=Counter)
    voters: dict[bytes, int] = field(default_factory=dict)
    voters_of: Counter[int] = field(default_factory=Counter)
    # A day's bit. What days a voter came on is one number, and voters who came on the same days
    # share it: a set of voters for each day would take as much memory again every day.
    _bits: dict[int, int] = field(default_factory=dict)
    _masks: dict[int, int] = field(default_factory=dict)

    def add(self, rows: Iterable[Row]) -> None:
        votes, demo, identities, touched = self.votes, self.demo, self.identities, self.touched
        for entry, at_ms, voter, identity in rows:
            hour = at_ms // HOUR_MS
            self.rows += 1
            votes[entry][hour] += 1
            identities[identity] += 1
            touched.add(entry)
            if identity == Identity.DEMO:
                demo[entry][hour] += 1
            else:
                self._came(voter, (at_ms + AHEAD_MS) // DAY_MS)  # day_of, in a hot loop

    def _came(self, voter: bytes, day: int) -> None:
        bit = self._bits.get(day) or self._bits.setdefault(day, 1 << len(self._bits))
        mask = self.voters.get(voter, 0)
        if not mask & bit:
            self.voters[voter] = self._masks.setdefault(mask | bit, mask | bit)
            self.voters_of[day] += 1

    def hours(self, entry: int | None = None) -> list[Hour]:
        """The hours that had votes, in order: of one entry, or of all."""
        if entry is not None:
            votes, demo = self.votes.get(entry, Counter()), self.demo.get(entry, Counter())
        else:
            votes, demo = _sum(self.votes.values()), _sum(self.demo.values())
        return [(hour, votes[hour], demo[hour]) for hour in sorted(votes)]

    def overview(self) -> Overview:
        hours = self.hours()
        return Overview(
            rows=self.rows,
            voters=len(self.voters),
            hours=hours,
            days=days_of(hours, self.voters_of),
            identities=dict(self.identities),
        )

    def race(self, numbers: Collection[int], winners: int) -> Race:
        """Who of these entries stands around the last winning place, and how they came there."""
        tally = {number: self.votes[number].total() for number in numbers if number in self.votes}
        places = [row.number for row in rank(tally, numbers) if row.votes]
        line = min(winners, len(places))  # where fewer have votes than can win, all are near it
        near = places[max(0, line - ABOVE) : line + BELOW]
        if not near:
            return Race()
        hours = sorted({hour for number in tally for hour in self.votes[number]})
        ranks: dict[int, list[int]] = {number: [] for number in near}
        counts = dict.fromkeys(tally, 0)
        for hour in hours:
            for number, of in self.votes.items():
                if number in counts:
                    counts[number] += of.get(hour, 0)
            ordered = sorted(counts.values())
            for number in near:
                better = len(ordered) - bisect_right(ordered, counts[number])
                ranks[number].append(better + 1 if counts[number] else 0)
        return Race(hours, [_runner(number, hours, ranks[number], winners) for number in near])


def _runner(number: int, hours: Sequence[int], ranks: Sequence[int], winners: int) -> Runner:
    sides = [0 < place <= winners for place in ranks]
    since = hours[0]
    for hour, before, side in zip(hours[1:], sides, sides[1:], strict=False):
        if side != before:
            since = hour
    return Runner(number, ranks, sides[-1], since)


def _sum(counters: Iterable[Counter[int]]) -> Counter[int]:
    total: Counter[int] = Counter()
    for one in counters:
        total.update(one)
    return total
