"""Charts drawn on the server: where each bar lies, so that a template has only to write it down.

Across, everything is in percent of the width, and up and down in pixels: a drawing then fits any
screen without a script, its letters keep their size, and it comes out on paper as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from voting.contest import (
    AHEAD_MS,
    DAY_MS,
    HOUR_MS,
    Standing,
    day_of,
    day_words,
    minute_words,
    moment,
)
from voting.sheet import Series, Spread

MINUTE_MS: Final = 60_000
#: Where bars stand, and how high the tallest is, in pixels.
FLOOR: Final = 148.0
TALLEST: Final = 124.0
#: How far apart moments are named, at most.
MOST_MARKS: Final = 6
APART: Final = (
    *(MINUTE_MS * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR_MS * n for n in (1, 2, 3, 6, 12)),
    *(DAY_MS * n for n in (1, 2, 3, 7, 14, 30)),
)
ROW: Final = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """One step of a timeline: the case's votes stand on the others'. `words` says it."""

    x: float
    width: float
    case_y: float
    case: float
    others_y: float
    others: float
    usual_y: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A line with a name: `at` in percent across, or in pixels down."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """`step` is how wide a step is, in percent."""

    bars: tuple[Bar, ...]
    heights: tuple[Mark, ...]
    moments: tuple[Mark, ...]
    step: float
    has_usual: bool


def timeline(series: Series) -> Timeline:
    """Bars over time; steps without any vote draw nothing."""
    most = max(
        (max(case + others, usual) for case, others, usual in _steps(series)), default=0
    )
    heights = _heights(most)
    scale = TALLEST / max(heights[-1] if heights else 1, most, 1)
    width = 100 / max(1, len(series.case))
    bars = tuple(
        _bar(series, n, step, width, scale)
        for n, step in enumerate(_steps(series))
        if any(step)
    )
    return Timeline(
        bars,
        tuple(Mark(_px(FLOOR - votes * scale), f"{votes:,}") for votes in heights),
        tuple(_moments(series)),
        round(width, 3),
        bool(series.usual),
    )


def _steps(series: Series) -> Iterator[tuple[int, int, int]]:
    usual = series.usual or (0,) * len(series.case)
    return zip(series.case, series.others, usual, strict=True)


def _bar(
    series: Series, n: int, step: tuple[int, int, int], width: float, scale: float
) -> Bar:
    case, others, usual = step
    high, low = case * scale, others * scale
    return Bar(
        x=round(n * width, 3),
        width=round(width * 0.86, 3),
        case_y=_px(FLOOR - low - high),
        case=_px(high),
        others_y=_px(FLOOR - low),
        others=_px(low),
        usual_y=_px(FLOOR - usual * scale) if usual else None,
        words=f"{_step_words(series, n)}：这组票 {case:,}，其他 {others:,}",
    )


def _step_words(series: Series, n: int) -> str:
    return f"{minute_words(series.start_ms + n * series.step_ms)} 起 {span(series.step_ms)}"


def span(ms: int) -> str:
    """`5 分钟`, `1 小时`, `2 天`, `1 小时 40 分`."""
    minutes = max(1, round(ms / MINUTE_MS))
    if minutes < 60:
        return f"{minutes} 分钟"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} 小时" + (f" {minutes} 分" if minutes and hours < 10 else "")
    return f"{round(hours / 24)} 天"


def _heights(most: int) -> list[int]:
    """One to four round numbers up to the most."""
    if most <= 0:
        return []
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if most // step <= 4:
                return [step * n for n in range(1, max(1, most // step) + 1)]
        size *= 10


def _moments(series: Series) -> Iterator[Mark]:
    length = series.step_ms * len(series.case)
    if not length:
        return
    apart = next((one for one in APART if length / one <= MOST_MARKS), APART[-1])
    first = -(-(series.start_ms + AHEAD_MS) // apart) * apart - AHEAD_MS
    for at_ms in range(first, series.start_ms + length, apart):
        at, place = moment(at_ms), 100 * (at_ms - series.start_ms) / length
        if 8 <= place <= 91:  # nearer to an edge its words would run over it
            day = apart >= DAY_MS or (at.hour, at.minute) == (0, 0)
            yield Mark(round(place, 3), day_words(day_of(at_ms)) if day else f"{at:%H:%M}")


def _px(value: float) -> float:
    return round(value, 1)


def percent(part: int, whole: int) -> float:
    """0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0


# --- how long, how far apart --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pair:
    """A row of two bars: how large a part of the case's votes, and of the others', in percent;
    `*_bar` is the bar's length, the longest one 100."""

    words: str
    case: float
    others: float
    case_bar: float
    others_bar: float


def pairs(spread: Spread) -> list[Pair]:
    """The spread without the empty ends: what share of each lies between which seconds."""
    cases, others = (_shares(counts) for counts in (spread.case, spread.others))
    filled = [n for n, both in enumerate(zip(cases, others, strict=True)) if any(both)]
    if not filled:
        return []
    most = max(*cases, *others)
    return [
        Pair(_between(spread.edges, n), cases[n], others[n],
             round(100 * cases[n] / most, 1), round(100 * others[n] / most, 1))
        for n in range(filled[0], filled[-1] + 1)
    ]  # fmt: skip


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [100 * count / total if total else 0.0 for count in counts]


def _between(edges: Sequence[float], n: int) -> str:
    if n == 0:
        return f"{seconds(edges[0])}以内"
    if n == len(edges):
        return f"{seconds(edges[-1])}以上"
    return f"{seconds(edges[n - 1])}–{seconds(edges[n])}"


def seconds(value: float) -> str:
    """`2.4 秒`, `41 秒`, `3 分钟`, `2 小时`."""
    if value < 10:
        return f"{value:.2g} 秒"
    if value < 60 or (value < 120 and value % 60):
        return f"{value:.0f} 秒"
    if value < 5400:
        return f"{value / 60:.2g} 分钟" if value < 600 else f"{value / 60:.0f} 分钟"
    return f"{value / 3600:.2g} 小时" if value < 36_000 else f"{value / 3600:.0f} 小时"


# --- the ranking, before and after --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A row in one of the two rankings. `then` is its place in the other one."""

    standing: Standing
    then: int
    about: bool

    @property
    def moved(self) -> int:
        return self.then - self.standing.rank


@dataclass(frozen=True, slots=True)
class Link:
    """A line from a row on the left to its row on the right, in pixels down; one that leaves the
    list on one side ends at its foot."""

    left: float
    right: float
    kind: str


@dataclass(frozen=True, slots=True)
class Slopes:
    """Two rankings side by side. `line` is the last winning row; `height` in pixels."""

    before: tuple[Place, ...]
    after: tuple[Place, ...]
    links: tuple[Link, ...]
    line: int
    height: int


def slopes(
    before: Sequence[Standing], after: Sequence[Standing], winners: int, about: Sequence[int]
) -> Slopes:
    """The winning places and a few below: as far as the entries go that it is `about`."""
    places = [{row.number: n for n, row in enumerate(rows)} for rows in (before, after)]
    ranks = [{row.number: row.rank for row in rows} for rows in (before, after)]
    wanted = [places[1].get(number, 0) + 1 for number in about]
    most = max(winners + 2, *(n for n in wanted if n <= winners + 8), 0)
    left = tuple(Place(row, ranks[1][row.number], row.number in about) for row in before[:most])
    right = tuple(Place(row, ranks[0][row.number], row.number in about) for row in after[:most])
    shown = [one.standing.number for one in left]
    shown += [one.standing.number for one in right if one.standing.number not in set(shown)]
    foot = min(most, len(before))
    links = tuple(
        _link(places[0][number], places[1][number], foot, about=number in about)
        for number in shown
    )
    return Slopes(left, right, links, winners, foot * ROW)


def _link(left: int, right: int, foot: int, *, about: bool) -> Link:
    kind = "about" if about else "up" if right < left else "down" if right > left else "same"
    high, low = (at * ROW + ROW / 2 if at < foot else foot * ROW for at in (left, right))
    return Link(high, low, kind)
