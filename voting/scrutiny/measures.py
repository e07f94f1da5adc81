"""How a group of votes looks: seven numbers a group, and what is natural for each of them.

What is natural follows from the ledger itself: from the groups that come about without anybody's
doing wrong, those who came by one link, from one network, or on one day, to one entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from voting.scrutiny.votes import Floats, Ints, Longs, Mask, Votes

#: A group smaller than this says too little about itself.
SMALLEST: Final = 60
#: From here on a group isn't natural: two and a half times as far out as nine in ten natural groups
#: lie, and never nearer than four standard deviations.
MOST: Final = 0.9
BEYOND: Final = 2.5
NEVER_NEARER: Final = 4.0
#: When most people sleep, hours of the day.
NIGHT: Final = (0.5, 6.0)

#: Counts lie in a table as long as it isn't so many times as long as the ledger.
ROOMY: Final = 2

MEASURES: Final = ("dwell", "spread", "unwatched", "rarity", "agents", "night", "gaps")
#: Habits of groups never agree better than this, however alike they look in one ledger: a tenth of
#: a length of time, four films in a hundred, a quarter of a doubling.
LEAST: Final = (0.1, 0.05, 0.04, 0.25, 0.15, 0.01, 0.05)


@dataclass(frozen=True)
class Table:
    """One row a group: how many votes and voters, and a column for each of MEASURES (nan where it
    says nothing).

    dwell: mean of ln(seconds on the page); spread: its standard deviation; unwatched: share of
    films not begun; rarity: mean of -log2(how common the browser is elsewhere); agents: ln of the
    effective number of browsers; night: share cast at night; gaps: local variation of the times
    between neighbouring votes (1 for people who don't wait for each other, 0 for a machine).
    """

    size: Longs
    voters: Longs
    values: Floats

    def __getitem__(self, measure: str) -> Floats:
        column: Floats = self.values[:, MEASURES.index(measure)]
        return column


def measure(votes: Votes, label: Ints, groups: int, rarity: Floats) -> Table:
    """Measure `groups` groups at once; `label` is each vote's group, -1 for none."""
    inside = np.flatnonzero(label >= 0)
    group: Longs = label[inside].astype(np.int64)
    size: Longs = np.bincount(group, minlength=groups).astype(np.int64)
    width = int(votes.voter.max(initial=0)) + 1
    each, count = np.unique(group * width + votes.voter[inside], return_counts=True)
    of_voter = each // width
    repeats: Floats = np.bincount(of_voter, count * (count - 1.0), groups).astype(float)

    def mean(values: Floats | Mask) -> Floats:
        found: Floats = np.bincount(group, values, groups) / np.maximum(size, 1)
        return found

    dwell = np.log(np.maximum(votes.dwell_s[inside], 0.1))
    centre = mean(dwell)
    hour = votes.hour[inside]
    columns = (
        centre,
        np.sqrt(np.maximum(mean(dwell**2) - centre**2, 0)),
        mean(votes.watched_s[inside] <= 0),
        mean(rarity[inside]),
        np.log(_effective(votes.ua[inside], group, size, repeats)),
        mean((hour >= NIGHT[0]) & (hour < NIGHT[1])),
        _local_variation(votes.ts_ms[inside], group, groups),
    )
    return Table(size, np.bincount(of_voter, minlength=groups), np.column_stack(columns))


@dataclass(frozen=True)
class Pairs:
    """Codes of one column, each together with an entry: each vote's pair `of`, the votes of each
    pair and its code (from 0 on, 0 for unknown) and entry. Some pairs may have no votes."""

    of: Ints
    size: Longs
    code: Longs
    entry: Longs

    @classmethod
    def by(cls, column: Ints, votes: Votes) -> Pairs:
        width = len(votes.entries)
        key = (column.astype(np.int64) + 1) * width + votes.entry
        span = (int(column.max(initial=-1)) + 2) * width
        if span <= ROOMY * len(key):
            pairs, of, size = np.arange(span), key, np.bincount(key, minlength=span)
        else:
            pairs, of, size = np.unique(key, return_inverse=True, return_counts=True)
        return cls(of.astype(np.int32), size.astype(np.int64), pairs // width, pairs % width)

    @property
    def elsewhere(self) -> Longs:
        """The votes of each pair's code for other entries."""
        whole = np.bincount(self.code, self.size)[self.code]
        found: Longs = whole.astype(np.int64) - self.size
        return found


def rarity_of(votes: Votes, agents: Pairs) -> Floats:
    """-log2 of how common each vote's browser is among the votes for other entries."""
    others = len(votes) - votes.per_entry[agents.entry]
    found: Floats = -np.log2(np.maximum(agents.elsewhere, 0.5) / np.maximum(others, 1))
    return found[agents.of]


def _effective(code: Ints, label: Longs, size: Longs, repeats: Floats) -> Floats:
    """The number of equally common codes that would meet as often as these do (Simpson). That a
    voter who comes again meets themselves, `repeats` times in a group, says nothing."""
    width = int(code.max(initial=0)) + 2
    kinds, count = np.unique(label * width + code + 1, return_counts=True)
    meetings = np.bincount(kinds // width, count * (count - 1.0), len(size)) - repeats
    pairs = size * (size - 1.0) - repeats
    found: Floats = np.maximum(pairs, 1) / np.maximum(meetings, 1)
    return found


def _local_variation(ts_ms: Longs, label: Longs, groups: int) -> Floats:
    """Shinomoto's Lv: 3 times the mean of ((a - b) / (a + b))^2 over neighbouring gaps."""
    order = np.lexsort((ts_ms, label))
    at, of = ts_ms[order].astype(np.float64), label[order]
    if len(at) < 3:
        return np.full(groups, np.nan)
    gap = np.diff(at)
    a, b = gap[:-1], gap[1:]
    same = (of[:-2] == of[2:]) & (a + b > 0)
    part = np.zeros(len(a))
    np.divide(a - b, a + b, out=part, where=a + b > 0)
    count = np.bincount(of[:-2], same, groups)
    total = np.bincount(of[:-2], same * part**2, groups)
    found: Floats = np.where(count >= 20, 3 * total / np.maximum(count, 1), np.nan)
    return found


def natural_groups(votes: Votes, networks: Pairs, clean: Mask) -> Iterator[Ints]:
    """Labels of the votes by link, by network and entry, and by day and entry; only of `clean`
    entries, and of voters who came for one entry, because whoever looks around stays longer."""
    day = votes.day - votes.day.min(initial=0)
    loyal = votes.of_one_entry & clean[votes.entry]
    yield np.where(loyal, votes.share, -1).astype(np.int32)
    yield _labels(networks.of, loyal & (votes.net >= 0))
    yield _labels(day * len(votes.entries) + votes.entry, loyal)


def _labels(key: Ints, known: Mask) -> Ints:
    """The known keys numbered from 0 on, in their order; -1 for the others."""
    there = np.bincount(key[known], minlength=int(key.max(initial=-1)) + 1) > 0
    number = np.cumsum(there) - 1
    return np.where(known, number[key], -1).astype(np.int32)


@dataclass(frozen=True)
class Nature:
    """For each of MEASURES: where natural groups lie, how far they differ from one another, how
    much of it is chance (a variance, divided by a group's voters), and from which distance on a
    group is not natural any more."""

    centre: Floats
    between: Floats
    chance: Floats
    bound: Floats

    def distance(self, table: Table) -> Floats:
        """How many standard deviations each group lies from what is natural, a row a group."""
        spread = np.sqrt(self.between**2 + self.chance / np.maximum(table.voters, 1)[:, None])
        found: Floats = (table.values - self.centre) / spread
        return found


def nature(votes: Votes, networks: Pairs, rarity: Floats, clean: Mask) -> Nature:
    """What is natural in this ledger, going by the entries that are `clean`."""
    tables = []
    for label in natural_groups(votes, networks, clean):
        table = measure(votes, label, int(label.max(initial=-1)) + 1, rarity)
        large = table.size >= SMALLEST
        tables.append((table.voters[large], table.values[large]))
    size = np.concatenate([voters for voters, _ in tables])
    values = np.concatenate([values for _, values in tables])
    fits = [_fit(size, values[:, i], LEAST[i]) for i in range(len(MEASURES))]
    centre, between, chance, bound = (np.array(column) for column in zip(*fits, strict=True))
    return Nature(centre, between, chance, bound)


def _fit(size: Longs, values: Floats, least: float) -> tuple[float, float, float, float]:
    known = ~np.isnan(values)
    size, values = size[known], values[known]
    if len(values) < 20:
        return 0.0, np.inf, 0.0, np.inf
    centre = float(np.median(values))
    off = np.abs(values - centre)
    small = size <= np.median(size)
    if small.all() or not small.any():
        small = np.arange(len(size)) % 2 == 0
    spreads = [(1.4826 * np.median(off[part])) ** 2 for part in (small, ~small)]
    inverse = [float(np.mean(1 / size[part])) for part in (small, ~small)]
    slope = (spreads[0] - spreads[1]) / max(inverse[0] - inverse[1], 1e-9)
    chance = max(float(slope), 0.0)
    between = max(spreads[1] - chance * inverse[1], least**2) ** 0.5
    z = off / np.sqrt(between**2 + chance / size)
    bound = max(NEVER_NEARER, BEYOND * float(np.quantile(z, MOST)))
    return centre, float(between), chance, bound
