"""Crowds: an entry's votes rise steeply for minutes or hours, and fall again.

A steep rise is never evidence: a link in a large chat, a broadcast, the last evening do the same.
What may be is how a crowd comes and behaves: people who are told come at once and then ever more
slowly, or ever more as the end draws near; jobs are handed out evenly until they are done.

The honest thing that looks most like it is an entrant who asks one chat after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from voting.scrutiny.votes import MINUTE_MS, Floats, Longs, Mask, Votes

STEP_MS: Final = 10 * MINUTE_MS
#: A step belongs to a rise when it has so many times the votes to be expected, and at least so many
#: votes; up to so many weaker steps inside don't end it.
STEEP: Final = 4.0
LEAST: Final = 5
WEAK: Final = 2
#: Both ends of an even crowd hold at least so much of it (a fifth of its time each).
ENDS: Final = 0.10
EDGE: Final = 0.2


@dataclass(frozen=True)
class Crowd:
    """A rise of one entry: indices of its votes in that time, and how many were to be expected."""

    entry: int
    votes: Longs
    expected: float

    @property
    def surplus(self) -> float:
        return len(self.votes) - self.expected


def crowds(votes: Votes, least: float) -> Iterator[Crowd]:
    """The rises with a surplus of at least `least` votes, by entry and time."""
    step = ((votes.ts_ms - votes.ts_ms.min()) // STEP_MS).astype(np.int64)
    width = int(step.max()) + 1
    everybody = np.bincount(step, minlength=width)
    for entry in np.flatnonzero(votes.per_entry >= least):
        at = np.flatnonzero(votes.entry == entry)
        own = np.bincount(step[at], minlength=width)
        expected = _expected(own, everybody)
        for first, last in _rises(own, expected):
            surplus = own[first:last].sum() - expected[first:last].sum()
            if surplus >= least:
                inside = at[(step[at] >= first) & (step[at] < last)]
                yield Crowd(int(entry), inside, float(expected[first:last].sum()))


def _expected(own: Longs, everybody: Longs) -> Floats:
    """The entry's usual share of what all others get in each step; usual is its median day's."""
    others = everybody - own
    day = np.arange(len(own)) // 144
    theirs = np.bincount(day, others)
    shares = np.bincount(day, own)[theirs > 0] / theirs[theirs > 0]
    usual = float(np.median(shares)) if len(shares) else 0.0
    found: Floats = np.maximum(usual * others, 0.2)
    return found


def _rises(own: Longs, expected: Floats) -> Iterator[tuple[int, int]]:
    steep = np.flatnonzero((own >= LEAST) & (own >= STEEP * expected))
    if len(steep):
        for run in np.split(steep, np.flatnonzero(np.diff(steep) > WEAK + 1) + 1):
            yield int(run[0]), int(run[-1]) + 1


def evenness(ts_ms: Longs) -> tuple[float, float, float]:
    """Where a crowd's votes lie in its time (from its first to nearly its last): the mean place,
    and the shares in the first and the last fifth. 1/2, 1/5 and 1/5 at an even pace."""
    times = np.sort(ts_ms).astype(float)
    low, high = np.quantile(times, (0.01, 0.99))
    if high - low < MINUTE_MS:
        return 0.0, 0.0, 0.0
    place = (times - low) / (high - low)
    place = place[(place >= 0) & (place <= 1)]
    return float(place.mean()), float((place < EDGE).mean()), float((place > 1 - EDGE).mean())


def is_even(ts_ms: Longs) -> bool:
    """Neither told at once, nor gathering slowly, nor rising to an end."""
    mean, first, last = evenness(ts_ms)
    return 0.4 < mean < 0.6 and first >= ENDS and last >= ENDS


def once(votes: Votes) -> Mask:
    """Whoever cast one vote and no other."""
    found: Mask = votes.votes_of_voter == 1
    return found
