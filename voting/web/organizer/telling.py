"""A case as the console tells of it: in words, and in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from voting.batch import DECISION_WORDS, BatchNow, State
from voting.case import Finding
from voting.charts import pairs, percent, seconds, slopes, span, timeline
from voting.contest import IDENTITY_WORDS, Entry, Identity, day_of, day_words, minute_words
from voting.sheet import Series, Sheet
from voting.web.organizer.docket import Change, Matter

#: A sentence about places names this many entries at most.
MOST_NAMED: Final = 4

BADGES: Final = {
    State.OPEN: "info",
    State.HELD: "info",
    State.ASKED: "warn",
    State.KEPT: "good",
    State.VOID: "off",
}


@dataclass(frozen=True, slots=True)
class Badge:
    kind: str
    words: str


def title(entry: Entry | None, number: int) -> str:
    """`007 号《会说话的公交站》`; one that isn't public has no name here."""
    return f"{number:03d} 号《{entry.title}》" if entry else f"{number:03d} 号（已撤下）"


def badges(matter: Matter) -> list[Badge]:
    """Where it stands, most pressing first."""
    found = []
    for part in reversed(matter.parts):
        if part.batch is None:
            several = len(matter.parts) > 1
            words = f"又有 {part.count:,} 票没有决定" if several else "还没有决定"
            found.append(Badge("warn" if matter.urgent else "info", words))
        else:
            found.append(Badge(BADGES[part.state], _state(matter, part.batch)))
    if not matter.named:
        settled = not matter.open
        found = [Badge("off", "看过了")] if settled else [Badge("info", "只是提示")]
    if not matter.latest:
        found.append(Badge("off", "最近一次核查里没有了"))
    return list(dict.fromkeys(found))


def _state(matter: Matter, batch: BatchNow) -> str:
    votes = f" {batch.batch.votes:,} 票" if len(matter.parts) > 1 else ""
    match batch.state:
        case State.HELD:
            return f"核查中{votes}，到 {minute_words(batch.held_until_ms)}"
        case State.ASKED:
            return f"等第二人确认移除{votes}"
        case State.VOID:
            return f"已移除{votes}"
        case State.KEPT:
            return f"已保留{votes}"
        case _:
            return f"还没有决定{votes}"


def effect(matter: Matter) -> str:
    """What becomes, or became, of the places; '' where nothing can be taken away."""
    change, case = matter.change, matter.case
    if case.finding is Finding.SURGE:
        return ""
    moved = [(n, a, b) for n, a, b in change.places(matter.entries) if a != b]
    parts = [f"{n:03d} 号从第 {a} 名到第 {b} 名" for n, a, b in moved[:MOST_NAMED]]
    if len(moved) > MOST_NAMED:
        parts.append(f"等 {len(moved)} 件")
    if comes := [n for n in change.enter if n not in matter.entries]:
        names = "、".join(f"{n:03d} 号" for n in comes[:MOST_NAMED])
        parts.append(f"{names}进入前 {change.winners} 名")
    return f"{_if(matter)}：{'，'.join(parts) or '名次不变'}"


def _if(matter: Matter) -> str:
    if matter.case.finding is Finding.EXCESS:
        return f"按最多算，少 {matter.case.high:,.0f} 票"
    states = {part.state for part in matter.parts}
    if states == {State.VOID}:
        return "已移除"
    return "移除后" if matter.open else "如果移除"


def ago(ms: int) -> str:
    """`3 分钟前`"""
    return "刚刚" if ms < 60_000 else f"{span(ms)}前"


@dataclass(frozen=True, slots=True)
class DayRow:
    """A day of the timeline, for the table beside it."""

    words: str
    case: int
    others: int
    usual: int


def drawn(sheet: Sheet) -> dict[str, object]:
    return {
        "whole": timeline(sheet.whole),
        "close": timeline(sheet.close),
        "days": _days(sheet.whole),
        "gaps": pairs(sheet.gaps),
        "dwell": pairs(sheet.dwell),
        "seconds": seconds,
        "span": span,
        "watched": [_watched(counts, unknown) for counts, unknown in (
            (sheet.watched.case, sheet.watched.unknown_case),
            (sheet.watched.others, sheet.watched.unknown_others),
        )],
        "identities": [
            (IDENTITY_WORDS[Identity(one.identity)], Identity(one.identity).name.lower(),
             percent(one.case, sheet.case), percent(one.others, sheet.others), one)
            for one in sheet.identities if one.identity in set(Identity)
        ],
        "percent": percent,
    }  # fmt: skip


def _days(series: Series) -> list[DayRow]:
    days: dict[int, list[int]] = {}
    usual = series.usual or (0,) * len(series.case)
    for n, counts in enumerate(zip(series.case, series.others, usual, strict=True)):
        day = day_of(series.start_ms + n * series.step_ms)
        sums = days.setdefault(day, [0, 0, 0])
        days[day] = [a + b for a, b in zip(sums, counts, strict=True)]
    return [DayRow(day_words(day), *sums) for day, sums in days.items()]


def _watched(counts: Sequence[int], unknown: int) -> float:
    """How many in a hundred watched a second of the film or more."""
    return percent(sum(counts[1:]), sum(counts) + unknown)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the case's history."""

    at_ms: int
    by: str
    words: str
    reason: str


def history(batches: Sequence[BatchNow]) -> list[Line]:
    """Everything that was decided about the case, newest first."""
    found = []
    for now in batches:
        votes = f"，{now.batch.votes:,} 票" if now.batch.votes else ""
        for one in now.decisions:
            word = DECISION_WORDS[one.decision] if votes else "看过了"
            found.append((one.row, Line(one.at_ms, one.by, f"{word}{votes}", one.reason)))
    return [line for _, line in sorted(found, key=lambda one: -one[0])]


def moves(change: Change, about: Sequence[int]) -> object | None:
    """The two rankings; None where nobody moves."""
    if change.before == change.after:
        return None
    return slopes(change.before, change.after, change.winners, about)
