"""Voters who are at the same entries in the same half hours, again and again.

Being there together once is what every link in a chat does. Groups are found where the same
voters meet far more often than chance has it, hours or days apart, and grow to all who share most
of what they did. For more than one entry, and at an even pace, it is how jobs are handed out; a
circle of friends comes at once when it is told, and ever more slowly afterwards.

The honest thing that looks most like it is a club: a class, a choir, a family's chat, reminded
every day, sometimes for two friends' entries.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp
from scipy import special
from scipy.sparse.csgraph import connected_components

from voting.scrutiny.votes import HOUR_MS, MINUTE_MS, Floats, Ints, Longs, Mask, Votes

HALF_HOUR_MS: Final = 30 * MINUTE_MS
#: Two meetings that are nearer than this may be one visit.
APART_MS: Final = 6 * HOUR_MS
#: Meetings of this many are chance or friends.
FEW: Final = 3
#: The number of pairs of half hours that are looked at may be some millions.
RARE: Final = -8.0
#: So much more often than pairs of half hours meet on the whole is nothing yet.
LENIENT: Final = 4.0
#: So many pairs of somebody's half hours are looked at in one go (a third of a gigabyte), and in
#: all; if there are more, every second voter has to do for finding groups, or every third.
AT_A_TIME: Final = 20_000_000
AT_MOST: Final = 200_000_000
#: Of a half hour's returning voters, so many belong to the group, or it isn't the group's.
SHARE: Final = 0.25
ROUNDS: Final = 6
#: In a group everybody has met somebody who has met the others.
STEPS: Final = 2
SMALLEST: Final = 8
#: Of those who were there so often, so many at most may have been there by coincidence.
COINCIDENCE: Final = 0.03
MOSTLY: Final = 0.5
#: Of those who came by the group's own link, so many at most may have been there by coincidence.
STRAY: Final = 0.01
#: Who cast so much of everything with the group cast the rest for it too, as a cover.
DEVOTED: Final = 2 / 3
#: A visit ends when nobody of the group came for so long.
PAUSE_MS: Final = 2 * HOUR_MS
#: Fewer votes of a visit say nothing about its pace.
ENOUGH: Final = 30
#: Where half of a crowd comes in a third of the time, it was told at once.
AT_ONCE: Final = 1 / 3


@dataclass(frozen=True)
class Troop:
    """Voters who went together: indices of the votes they cast so, and in how many half hours.

    `core`: those of the votes whose voters went for several entries, or all. `met` pairs of half
    hours hold the same voters, where chance had led one to expect `expected`; so many votes of the
    group may be there `by_chance`.
    """

    votes: Longs
    core: Longs
    by_chance: float
    voters: int
    cells: int
    met: float
    expected: float
    log10_p: float


def troops(votes: Votes, least: float, most: int = 60) -> Iterator[Troop]:
    """The groups of at least `least` votes that went together, those with most meetings first; at
    most so many are looked at."""
    cells = Cells.of(votes)
    if cells is None:
        return
    rare = cells.meetings()
    if not len(rare.met):
        return
    count = cells.of_voter.shape[1]
    edges = sp.coo_matrix((np.ones(len(rare.met)), (rare.left, rare.right)), shape=(count, count))
    _, component = connected_components(edges, directed=False)
    of_edge = component[rare.left]
    met_in = np.bincount(of_edge, rare.met * rare.every, component.max() + 1)
    taken = np.zeros(len(votes), bool)
    for one in np.argsort(-met_in, kind="stable")[:most]:
        if not met_in[one]:
            return
        voters, own, by_chance = cells.grown(np.flatnonzero(component == one), least)
        if len(voters) < SMALLEST or not len(own):
            continue
        at = cells.cast(voters, own)
        at = at[~taken[at]]
        if len(at) < least:
            continue
        taken[at] = True
        here = of_edge == one
        yield Troop(
            votes=at,
            core=_core(votes, at),
            by_chance=by_chance,
            voters=len(voters),
            cells=len(own),
            met=float(rare.met[here].sum() * rare.every),
            expected=float(rare.expected[here].sum() * rare.every),
            log10_p=float(rare.log10_p[here].sum()),
        )


def _core(votes: Votes, at: Longs) -> Longs:
    """The votes of those who went for more than one entry, if most of the group did."""
    voter = votes.voter[at]
    some = np.full(int(voter.max()) + 1, -1, np.int32)
    some[voter] = votes.entry[at]
    strayed = np.bincount(voter, votes.entry[at] != some[voter], len(some)) > 0
    inside = at[strayed[voter]]
    return inside if len(inside) >= len(at) / 2 else at


def with_covers(votes: Votes, at: Longs) -> Longs:
    """These votes, and all others of the voters who cast most of theirs among them."""
    voters = int(votes.voter.max()) + 1
    inside, cast = np.bincount(votes.voter[at], minlength=voters), np.bincount(votes.voter)
    found = np.flatnonzero((inside >= DEVOTED * cast)[votes.voter])
    return np.union1d(at, found)


def with_links(votes: Votes, at: Longs) -> tuple[Longs, float]:
    """These votes, and all others that came in the same visits by the group's own links: those that
    brought hardly anybody at other times. And how many of the others chance would have brought."""
    found, by_chance = [at], 0.0
    for entry in np.unique(votes.entry[at]):
        own = at[votes.entry[at] == entry]
        here = np.flatnonzero((votes.entry == entry) & (votes.share >= 0))
        if not len(here):
            continue
        inside = _during(votes.ts_ms, visits(votes.ts_ms[own]))
        codes, link = np.unique(votes.share[here], return_inverse=True)
        then, theirs = (np.bincount(link, some, len(codes))
                        for some in (inside[here], np.isin(here, own)))
        traffic = float(inside.mean())
        expected = (np.bincount(link) - then) * traffic / max(1 - traffic, 1e-9)
        is_own = (theirs >= SHARE * then) & (theirs > FEW) & (expected <= STRAY * then)
        found.append(here[inside[here] & is_own[link]])
        by_chance += float(expected[is_own].sum())
    return np.unique(np.concatenate(found)), by_chance


def visits(ts_ms: Longs) -> list[Longs]:
    """The times of a group at one entry, visit by visit; few votes are none."""
    times = np.sort(ts_ms)
    runs = np.split(times, np.flatnonzero(np.diff(times) > PAUSE_MS) + 1)
    return [run for run in runs if len(run) >= ENOUGH]


def _during(ts_ms: Longs, runs: list[Longs]) -> Mask:
    """Which moments lie within one of the visits."""
    inside = np.zeros(len(ts_ms), bool)
    for run in runs:
        first, last = np.searchsorted(ts_ms, [run[0], run[-1] + 1])
        inside[first:last] = True
    return inside


@dataclass(frozen=True)
class Meetings:
    """Pairs of half hours that share more voters than chance has it: the two, how many they share,
    how many to expect, and log10 of the chance of so many; among every first, second or third
    voter."""

    left: Longs
    right: Longs
    met: Floats
    expected: Floats
    log10_p: Floats
    every: int


@dataclass(frozen=True)
class Cells:
    """Who of those that voted more than once was where: a row a voter, a column a half hour of one
    entry; `of_cell` is the same turned round. `row` and `column` are each vote's (-1 for none).
    `cast_by` counts a voter's half hours, `size` a half hour's voters,
    `traffic` everybody's votes in each half hour of the contest."""

    of_voter: sp.csr_matrix
    of_cell: sp.csr_matrix
    cast_by: Ints
    size: Floats
    traffic: Floats
    entry: Ints
    start: Longs
    row: Ints
    column: Ints
    entries: int

    @classmethod
    def of(cls, votes: Votes) -> Cells | None:
        again = votes.votes_of_voter > 1
        if not again.any():
            return None
        half = (votes.ts_ms // HALF_HOUR_MS) - (votes.ts_ms.min() // HALF_HOUR_MS)
        width = int(half.max()) + 1
        key = votes.entry[again] * width + half[again]
        there = np.bincount(key) > 0
        cell, column = np.flatnonzero(there), (np.cumsum(there) - 1)[key]
        often = np.bincount(votes.voter) > 1
        row = (np.cumsum(often) - 1)[votes.voter[again]]
        matrix = sp.csr_matrix(
            (np.ones(len(row), np.float32), (row, column)), shape=(int(often.sum()), len(cell))
        )
        matrix.data[:] = 1
        rows, columns = np.full(len(votes), -1, np.int32), np.full(len(votes), -1, np.int32)
        rows[again], columns[again] = row, column
        return cls(
            of_voter=matrix,
            of_cell=matrix.T.tocsr(),
            cast_by=_sums(matrix, 1).astype(np.int32),
            size=_sums(matrix, 0),
            traffic=np.bincount(half, minlength=width).astype(float),
            entry=(cell // width).astype(np.int32),
            start=cell % width * HALF_HOUR_MS,
            row=rows,
            column=columns,
            entries=len(votes.entries),
        )

    def meetings(self) -> Meetings:
        """The pairs of half hours that lie apart and share at least FEW voters, far more than
        chance has it."""
        full = np.flatnonzero(self.size > FEW)
        part = self.of_voter[:, full]
        every = max(1, math.ceil(float((_sums(part, 1) ** 2).sum()) / 2 / AT_MOST))
        part = part[::every]
        first, second, met = _shared(part, self.start[full])
        left, right = full[first], full[second]
        size = self.size if every == 1 else _sums(self.of_voter[::every], 0)
        chance = self._chance(left, right, met, size)
        expected = np.maximum(LENIENT * chance * size[left] * size[right], 0.02)
        log10_p = np.log10(np.maximum(special.pdtrc(met - 1, expected), 1e-300))
        rare = log10_p < RARE
        return Meetings(left[rare], right[rare], met[rare], expected[rare], log10_p[rare], every)

    def _chance(self, left: Longs, right: Longs, met: Floats, size: Floats) -> Floats:
        """How often two voters of two half hours are the same one: of one entry, whose friends come
        back, and of two. The usual entry's, so that a few groups don't become the rule."""
        same = self.entry[left] == self.entry[right]
        seen = np.bincount(self.entry, size, self.entries)
        met_again = np.bincount(self.entry[left[same]], met[same], self.entries)
        crowd = seen > np.median(seen)
        if not crowd.any():
            return np.ones(len(met))
        of_one = float(np.median(met_again[crowd] / np.maximum(seen[crowd] ** 2 / 2, 1)))
        across = np.bincount(self.entry[left[~same]], met[~same], self.entries)
        across += np.bincount(self.entry[right[~same]], met[~same], self.entries)
        usual = float(np.median(across[crowd] / np.maximum(seen[crowd] * seen.sum(), 1)))
        least = 1 / max(float(seen.sum()) ** 2, 1.0)
        found: Floats = np.where(same, max(of_one, least), max(usual, least))
        return found

    def inside(self, cells: Longs) -> Floats:
        """How many of these half hours each voter was in."""
        return _sums(self.of_cell[cells], 0)

    def devoted(self, cells: Longs) -> Longs:
        """The voters who spent at least half of their votes in these half hours, and two."""
        inside = self.inside(cells)
        return np.flatnonzero((inside >= 2) & (inside >= self.cast_by / 2))

    def grown(self, cells: Longs, least: float) -> tuple[Longs, Longs, float]:
        """The voters who spent most of their votes in these half hours, and the half hours that
        are mostly theirs, until both stay the same: rows and columns. And how many of their votes
        chance would have brought there. Nobody, where they have less than `least` votes."""
        voters = self.devoted(cells)
        for _ in range(ROUNDS):
            theirs = _sums(self.of_voter[voters], 0)
            mine = np.flatnonzero((theirs >= SHARE * self.size) & (theirs > FEW))
            if np.array_equal(mine, cells) or not len(mine):
                break
            cells, voters = mine, self.devoted(mine)
        if len(voters) < SMALLEST or theirs[cells].sum() < least:
            return voters[:0], cells, 0.0
        voters, cells = self._familiar(voters, cells)
        if not len(cells):
            return voters[:0], cells, 0.0
        voters, cells = self._together(voters, cells)
        voters, by_chance = self._beyond_chance(voters, cells)
        return voters, cells, by_chance

    def _familiar(self, voters: Longs, cells: Longs) -> tuple[Longs, Longs]:
        """Of a group those who keep meeting its most zealous member, directly or through others:
        not a circle that shares one of its half hours by coincidence."""
        here = self.of_voter[voters][:, cells]
        size, cast = np.maximum(_sums(here, 0), 1), np.maximum(_sums(here, 1), 1)
        near = np.zeros(len(voters))
        near[np.argmax(cast)] = 1.0
        for _ in range(STEPS):
            near = here @ ((here.T @ near) / size) / cast
        kept = near >= np.median(near) / 2
        theirs = _sums(here[kept], 0)
        return voters[kept], cells[(theirs >= SHARE * self.size[cells]) & (theirs > FEW)]

    def _together(self, voters: Longs, cells: Longs) -> tuple[Longs, Longs]:
        """Of a group that votes for several entries, without the half hours in which others met
        who vote for one of them only: a club, beside those who were sent to its entry."""
        here = self.of_voter[voters][:, cells]
        entries = np.unique(self.entry[cells], return_inverse=True)[1]
        by_entry = sp.csr_matrix(
            (np.ones(len(cells)), (np.arange(len(cells)), entries)),
            shape=(len(cells), entries.max() + 1),
        )
        across = (_sums((here @ by_entry) > 0, 1) > 1).astype(float)
        size = np.maximum(_sums(here, 0), 1)
        part = np.asarray(here.T @ across).ravel() / size
        usual = float(np.median(np.repeat(part, size.astype(int))))
        if usual < MOSTLY:
            return voters, cells
        cells = cells[part >= usual / 2]
        return np.intersect1d(voters, self.devoted(cells), assume_unique=True), cells

    def _beyond_chance(self, voters: Longs, cells: Longs) -> tuple[Longs, float]:
        """Of the voters those who can't just have happened to be there: for each number of votes in
        all and in these half hours, so many as others show by chance must be few among them."""
        hits = self.inside(cells).astype(np.int32)
        chance = self.of_voter @ self._by_chance(cells) / np.maximum(self.cast_by, 1)
        could = np.flatnonzero(chance > 0)
        kept, coincidences = [voters[:0]], 0.0
        for cast in np.unique(self.cast_by[voters]):
            near = chance[could[self.cast_by[could] == cast]]
            mine = voters[self.cast_by[voters] == cast]
            for hit in np.unique(hits[mine]):
                equal = mine[hits[mine] == hit]
                expected = float(_binomial(hit, cast, near).sum())
                if expected <= COINCIDENCE * len(equal):
                    kept.append(equal)
                    coincidences += expected * float(hit)
        return np.sort(np.concatenate(kept)), coincidences

    def _by_chance(self, cells: Longs) -> Floats:
        """For each half hour, how likely somebody who votes for its entry at that time of the day
        is in one of these `cells`: on how many of the days there is one, busy days count more."""
        slot = (self.start // HALF_HOUR_MS).astype(np.int64)
        hour = slot // 2 % 24
        busy = np.bincount(np.arange(len(self.traffic)) // 2 % 24, self.traffic, 24)
        when = self.entry * 24 + hour
        there = np.bincount(when[cells], self.traffic[slot[cells]], self.entries * 24)
        found: Floats = (there[when] / np.maximum(busy[hour], 1)).astype(float)
        return found

    def cast(self, voters: Longs, cells: Longs) -> Longs:
        """Indices of the votes that these voters cast in these half hours."""
        of_them = np.zeros(self.of_voter.shape[0] + 1, bool)
        of_them[voters] = True
        there = np.zeros(self.of_voter.shape[1] + 1, bool)
        there[cells] = True
        return np.flatnonzero(of_them[self.row] & there[self.column])


def _shared(part: sp.csr_matrix, start: Longs) -> tuple[Ints, Ints, Floats]:
    """The pairs of columns that lie apart and share at least FEW rows, and how many; a block of
    columns at a time, because all pairs of a large ledger don't fit in memory."""
    turned = part.T.tocsr()
    pairs = np.cumsum(turned @ _sums(part, 1))
    ends = np.searchsorted(pairs, np.arange(AT_A_TIME, pairs[-1:].sum() + AT_A_TIME, AT_A_TIME))
    first, found = 0, []
    for last in np.unique(np.append(ends[ends < len(pairs)], len(pairs))):
        both = (turned[first:last] @ part[:, first:]).tocoo()
        many = (both.data >= FEW) & (both.col > both.row)
        left, right = first + both.row[many], first + both.col[many]
        apart = np.abs(start[left] - start[right]) >= APART_MS
        found.append((left[apart], right[apart], both.data[many][apart]))
        first = int(last)
    left, right, met = (np.concatenate(column) for column in zip(*found, strict=True))
    return left, right, met.astype(float)


def _binomial(hit: int, cast: int, chance: Floats) -> Floats:
    """How likely exactly `hit` of `cast` are, each with that `chance`."""
    ways = -special.betaln(1 + cast - hit, 1 + hit) - math.log(cast + 1)
    likely = special.xlogy(hit, chance) + special.xlog1py(cast - hit, -np.minimum(chance, 1))
    found: Floats = np.exp(ways + likely)
    return found


def _sums(matrix: sp.csr_matrix, axis: int) -> Floats:
    found: Floats = np.asarray(matrix.sum(axis=axis)).ravel()
    return found


@dataclass(frozen=True)
class Pace:
    """How evenly a group comes to an entry: the mean place of its votes within each visit (1/4
    where people are told at once, 1/2 at an even pace), its standard error, and how many visits."""

    place: float
    error: float
    visits: int


def paces(votes: Votes, at: Longs, entries: Longs) -> Iterator[Pace]:
    """The group's pace at each of these entries."""
    for entry in entries:
        means: list[float] = []
        for visit in visits(votes.ts_ms[at[votes.entry[at] == entry]]):
            length = np.quantile(visit, 0.975) - visit[0]
            if length > MINUTE_MS:
                place = (visit - visit[0]) / length
                means.append(float(place[place <= 1].mean()))
        if means:
            error = max(float(np.std(means)), 0.05) / len(means) ** 0.5
            yield Pace(float(np.mean(means)), error, len(means))
