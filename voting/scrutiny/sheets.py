"""Drawing a case's evidence sheet: the ledger's columns and a case's rows → its Sheet.

Nothing here decides anything: what is counted is what a person wants to see next to the sentences.
With ten million rows a sheet takes 100 to 200 ms, and the first one a second more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from voting.contest import Identity
from voting.scrutiny.votes import HOUR_MS, MINUTE_MS, Floats, Mask, Votes
from voting.sheet import Class, Series, Sheet, Source, Sources, Spread, Voters

Ints = NDArray[np.signedinteger[Any]]
Name = Callable[[int], str]

#: As many steps as a screen can tell apart.
MOST_STEPS: Final = 360
WHOLE_STEPS: Final = tuple(HOUR_MS * hours for hours in (1, 2, 3, 4, 6, 8, 12, 24))
CLOSE_STEPS: Final = tuple(
    MINUTE_MS * minutes for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440)
)
CLOSE_BARS: Final = 72
#: Upper edges in seconds.
GAPS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 180.0, 600.0, 1800.0, 7200.0)
DWELL: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)
WATCHED: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0)
LISTED: Final = 8
NAME_CHARS: Final = 12


def _nameless(code: int) -> str:  # noqa: ARG001 a name's signature
    return ""


@dataclass(frozen=True)
class Names:
    """Codes as the ledger names them; '' where nobody needs to know."""

    ip: Name = _nameless
    net: Name = _nameless
    ua: Name = _nameless
    share: Name = _nameless


@dataclass(frozen=True)
class Pen:
    """Draws the sheets of one ledger's cases. `flagged`: the votes of all of them, which nobody is
    compared with."""

    votes: Votes
    names: Names = Names()
    flagged: Mask | None = None

    @cached_property
    def first_hour(self) -> int:
        return int(self.votes.ts_ms.min() // HOUR_MS) if len(self.votes) else 0

    @cached_property
    def hourly(self) -> Ints:
        """Votes for anything that nothing speaks against, in each hour from `first_hour` on."""
        times = self.votes.ts_ms if self.flagged is None else self.votes.ts_ms[~self.flagged]
        return np.bincount(times // HOUR_MS - self.first_hour)

    @cached_property
    def totals(self) -> dict[str, Ints]:
        """How many votes in all came from each network and so on, by code."""
        return {name: np.bincount(getattr(self.votes, name) + 1)[1:]
                for name in ("net", "ip", "ua", "share", "voter")}  # fmt: skip

    def draw(self, rows: Ints, entries: Sequence[int]) -> Sheet:
        """The sheet of a case: `rows` are its votes' places in the ledger's columns (none, where
        only a number is known), `entries` the codes of its entries, all of them."""
        votes, names = self.votes, self.names
        wanted = np.zeros(len(votes.entries), bool)
        wanted[list(entries)] = True
        rows = np.unique(rows)
        others = np.setdiff1d(np.flatnonzero(wanted[votes.entry]), rows, assume_unique=True)
        times, other_times = np.sort(votes.ts_ms[rows]), np.sort(votes.ts_ms[others])
        dwell, watched = votes.dwell_s, votes.watched_s
        return Sheet(
            case=len(rows),
            others=len(others),
            whole=_whole(self, times, other_times),
            close=_close(times, other_times),
            gaps=_spread(GAPS, np.diff(times) / 1000.0, np.diff(other_times) / 1000.0),
            dwell=_spread(DWELL, dwell[rows], dwell[others], least=0.001),
            watched=_spread(WATCHED, watched[rows], watched[others]),
            networks=_sources(self.totals["net"], votes.net, rows, others, names.net),
            addresses=_sources(self.totals["ip"], votes.ip, rows, others, names.ip),
            agents=_sources(self.totals["ua"], votes.ua, rows, others, names.ua),
            shares=_sources(self.totals["share"], votes.share, rows, others, names.share),
            voters=_voters(self.totals["voter"], votes, rows, others, wanted),
            identities=_identities(votes, rows, others),
        )


# --- over time ----------------------------------------------------------------------------------


def _whole(pen: Pen, times: Ints, others: Ints) -> Series:
    """From the first vote for the case's entries to the last, in hours."""
    ends = [int(one) for some in (times, others) if len(some) for one in (some[0], some[-1])]
    if not ends:
        return Series(0, HOUR_MS, (), ())
    start, end = min(ends) // HOUR_MS * HOUR_MS, max(ends)
    step = _step(end - start, WHOLE_STEPS, MOST_STEPS)
    case, rest = _counts(times, start, end, step), _counts(others, start, end, step)
    return Series(start, step, _ints(case), _ints(rest), _usual(pen, case, rest, start, step))


def _usual(pen: Pen, case: Ints, others: Ints, start_ms: int, step_ms: int) -> tuple[int, ...]:
    """What the entries would have had in each step, if their votes came as everybody's do: all
    others' votes by the hour, scaled to the entries' own votes outside the case."""
    hours = step_ms // HOUR_MS
    at = start_ms // HOUR_MS - pen.first_hour
    all_votes = np.zeros(len(case) * hours, np.int64)
    part = pen.hourly[at : at + len(all_votes)]
    all_votes[: len(part)] = part
    everybody = all_votes.reshape(-1, hours).sum(axis=1)
    if pen.flagged is None:
        everybody -= case
    total = int(everybody.sum())
    if not total or total == int(others.sum()):
        return ()  # nobody to compare with
    return _ints(np.rint(everybody * (others.sum() / total)))


def _close(times: Ints, others: Ints) -> Series:
    """The time of the case, with a third of it before and after, in steps that show its rhythm."""
    if not len(times):
        return Series(0, MINUTE_MS, (), ())
    first, last = int(times[0]), int(times[-1])
    margin = max((last - first) // 3, 10 * MINUTE_MS)
    step = _step(last - first + 2 * margin, CLOSE_STEPS, CLOSE_BARS)
    start = (first - margin) // step * step
    end = last + margin
    return Series(
        start, step, _ints(_counts(times, start, end, step)),
        _ints(_counts(others, start, end, step)),
    )  # fmt: skip


def _step(span_ms: int, steps: Sequence[int], most: int) -> int:
    return next((step for step in steps if span_ms // step < most), -(-span_ms // most))


def _counts(times: Ints, start: int, end: int, step: int) -> Ints:
    bars = (end - start) // step + 1
    inside = times[(times >= start) & (times <= end)]
    return np.bincount((inside - start) // step, minlength=bars)


# --- how far apart, how long --------------------------------------------------------------------


def _spread(edges: Sequence[float], case: Floats, others: Floats, *, least: float = 0.0) -> Spread:
    """Values below `least`, and those that are none, are unknown."""
    mine, theirs = case[case >= least], others[others >= least]
    return Spread(
        edges=tuple(edges),
        case=_in_steps(mine, edges),
        others=_in_steps(theirs, edges),
        median_case=_median(mine),
        median_others=_median(theirs),
        unknown_case=len(case) - len(mine),
        unknown_others=len(others) - len(theirs),
    )


def _in_steps(values: Floats, edges: Sequence[float]) -> tuple[int, ...]:
    places = np.searchsorted(np.asarray(edges), values, side="right")
    return _ints(np.bincount(places, minlength=len(edges) + 1))


def _median(values: Floats) -> float:
    return round(float(np.median(values)), 3) if len(values) else -1.0


# --- where from, and who ------------------------------------------------------------------------


def _sources(
    totals: Ints, column: NDArray[np.int32], rows: Ints, others: Ints, name: Name
) -> Sources:
    codes, of_case = np.unique(column[rows][column[rows] >= 0], return_counts=True)
    if not len(codes):
        return Sources(without=len(rows))
    of_others = np.bincount(column[others] + 1, minlength=len(totals) + 1)[1:][codes]
    of_elsewhere = totals[codes] - of_case - of_others
    best = np.lexsort((codes, -of_case))[:LISTED]
    return Sources(
        distinct=len(codes),
        case=int(of_case.sum()),
        others=int(of_others.sum()),
        elsewhere=int(of_elsewhere.sum()),
        without=len(rows) - int(of_case.sum()),
        rows=tuple(
            Source(
                name(int(codes[n]))[:NAME_CHARS],
                int(of_case[n]),
                int(of_others[n]),
                int(of_elsewhere[n]),
            )
            for n in best
        ),
    )


def _voters(totals: Ints, votes: Votes, rows: Ints, others: Ints, wanted: Mask) -> Voters:
    mine, case = np.unique(votes.voter[rows], return_counts=True)
    theirs = np.unique(votes.voter[others])
    here = np.bincount(votes.voter[others], minlength=len(totals))
    here[mine] += case
    is_mine = np.zeros(len(totals), bool)
    is_mine[mine] = here[mine] < totals[mine]  # those who voted elsewhere, too
    away = np.flatnonzero(is_mine[votes.voter]) if is_mine.any() else rows[:0]
    away = away[~wanted[votes.entry[away]]]
    pairs = np.unique(np.stack([votes.entry[away], votes.voter[away]]), axis=1)
    codes, people = np.unique(pairs[0], return_counts=True)
    best = np.lexsort((codes, -people))[:LISTED]
    return Voters(
        case=len(mine),
        also=int(is_mine.sum()),
        votes=len(away),
        others=len(theirs),
        others_also=int((here[theirs] < totals[theirs]).sum()),
        entries=tuple((votes.entries[codes[n]], int(people[n])) for n in best),
    )


def _identities(votes: Votes, rows: Ints, others: Ints) -> tuple[Class, ...]:
    case, rest = _classes(votes, rows), _classes(votes, others)
    known = sorted({int(one) for one in np.union1d(case, rest)}, reverse=True)
    return tuple(Class(one, int((case == one).sum()), int((rest == one).sum())) for one in known)


def _classes(votes: Votes, rows: Ints) -> NDArray[np.int8]:
    """Each vote's class, as in voting.contest.Identity."""
    classes = np.where(votes.device[rows], Identity.DEVICE, Identity.OPENID).astype(np.int8)
    if len(votes.demo):
        classes[votes.demo[rows]] = Identity.DEMO
    return classes


def _ints(values: NDArray[np.int64] | Floats) -> tuple[int, ...]:
    return tuple(int(value) for value in values)
