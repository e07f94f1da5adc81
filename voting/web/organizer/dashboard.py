"""总览: where the vote stands, in words and charts; the page asks for `figures.json` every few
seconds. Totals and places come from the board, the charts from what the worker has drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app, jsonify, render_template, request
from flask.wrappers import Response

from voting.charts import percent
from voting.contest import (
    HOUR_MS,
    Entry,
    Identity,
    Standing,
    day_of,
    day_words,
    moment,
    neighbours,
)
from voting.figures import Day, Hour, Overview, Race, days_of
from voting.organizer import Power
from voting.store.client import StoreDown
from voting.store.figures import Kept
from voting.store.standings import Board
from voting.web.organizer.cases import lately
from voting.web.organizer.condition import Condition, running
from voting.web.organizer.gate import console, counted, may, me
from voting.web.organizer.tasks import Pending, allowed, tasks
from voting.web.refused import Reason, reason_of
from voting.web.site import Site, this_site

#: The pieces of the page that are rendered anew whenever it asks.
PARTS = ("tasks", "now", "drawn", "time", "days", "hours", "race", "categories", "cities",
         "identity", "refused", "refused_days", "health")  # fmt: skip
#: Places above and below the last winning one that are listed.
ABOVE, BELOW = 4, 4
LISTED_HOURS = 48
MOST_DAYS = 400
#: Days of a reason that are drawn beside it.
COLUMNS = 14

#: What each class of identity is called, and what it means.
IDENTITIES = {
    Identity.OPENID: ("微信账号", "一个微信号算一个人"),
    Identity.DEVICE: ("设备凭证", "一个浏览器算一个人；换手机、换浏览器、清除数据后会算另一个"),
    Identity.DEMO: ("演示票", "装入演示作品时带的，不是谁投的"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a table with a bar in it; `share` in percent of the longest, or of all."""

    name: str
    votes: int
    share: float
    entries: int = 0
    meaning: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """One row around the last winning place. `gap` and `since` are sentences, '' where unknown."""

    standing: Standing
    entry: Entry
    inside: bool
    gap: str
    since: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """How often for this reason. `columns` are the last days, today last: a column's height in
    percent of this reason's highest."""

    reason: Reason
    today: int
    ever: int
    columns: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedDay:
    """A day's refusals, in percent of the worst day's, and the reason that most of them had."""

    day: int
    count: int
    share: float
    most: Reason
    times: int


@dataclass(frozen=True, slots=True)
class Refusals:
    """By reason, most frequent today first; and by day, today first, days without any left out."""

    reasons: tuple[Refusal, ...]
    days: tuple[RefusedDay, ...]

    @property
    def today(self) -> int:
        """Without those that go on by themselves, which are no refusals to whoever votes."""
        return sum(one.today for one in self.reasons if not one.reason.passing)

    @property
    def most(self) -> Reason | None:
        found = [one for one in self.reasons if one.today and not one.reason.passing]
        return found[0].reason if found else None


@console.get("/")
@may(Power.LOOK)
def dashboard() -> str:
    fields = _fields(this_site())
    return render_template("organizer/dashboard.html", parts=_parts(fields), **fields)


@console.get("/figures.json")
@may(Power.LOOK)
def figures() -> Response:
    fields = _fields(this_site())
    return jsonify(
        now_ms=fields["at_ms"],
        parts=_parts(fields),
        charts=fields["charts"],
    )


def _parts(fields: dict[str, Any]) -> dict[str, str]:
    """The same HTML for the page and for its script, so that each sentence is written once."""
    return {name: render_template(f"organizer/dashboard/{name}.html", **fields) for name in PARTS}


def _fields(site: Site) -> dict[str, Any]:
    """All that the page and its pieces show, as of now."""
    board, now_ms = site.board(), site.now_ms()
    chosen = board.entries.get(request.args.get("entry", 0, type=int))
    kept = site.store.figures.read(chosen.number if chosen else None)
    overview = kept.overview or Overview(0, 0, (), (), {})
    hours = kept.hours if chosen else overview.hours
    days = days_of(hours) if chosen else overview.days
    places = _places(board, kept.race)
    return {
        "at_ms": now_ms,
        "board": board,
        "chosen": chosen,
        "kept": kept,
        "runs": running(kept, now_ms),
        "overview": overview,
        "today": _day(overview, day_of(now_ms)),
        "yesterday": _day(overview, day_of(now_ms) - 1),
        "total": sum(counted(board).votes.values()),
        "counted": counted(board),
        "days": days,
        "hours": hours[-LISTED_HOURS:],
        "busiest": max(hours, key=_real, default=None),
        "places": places,
        "line": _line(board),
        "categories": _by(board, {c.key: c.name for c in site.contest.categories.values()},
                          lambda entry: entry.category),
        "cities": _by(board, {city: city for city in site.contest.cities},
                      lambda entry: entry.city),
        "identities": _identities(overview),
        "refusals": _refusals(site, board, now_ms),
        "hour_word": hour_word,
        "day_word": day_words,
        "charts": {
            "time": _time(board, hours, days, now_ms),
            "race": _race(kept.race, places, board),
        },
        **_condition(site, board, kept, now_ms),
    }  # fmt: skip


def _condition(site: Site, board: Board, kept: Kept, now_ms: int) -> dict[str, Any]:
    watch = current_app.extensions.setdefault("condition", (Condition(), Pending()))
    checks = watch[0].checks(site.store, site.settings, kept, now_ms)
    found = tasks(site.store, board, watch[1], lately(site), checks, now_ms)
    return {"checks": checks, "tasks": allowed(found, me())}


def _day(overview: Overview, day: int) -> Day:
    return next((one for one in reversed(overview.days) if one.day == day), Day(day, 0, 0))


# --- over time ----------------------------------------------------------------------------------


def hour_word(hour: int) -> str:
    """`8月3日 20 时`"""
    at_ms = hour * HOUR_MS
    return f"{day_words(day_of(at_ms))} {moment(at_ms).hour} 时"


def _real(hour: Hour) -> int:
    """An hour's votes without the demo's, which nobody has cast."""
    return hour[1] - hour[2]


def _time(board: Board, hours: Sequence[Hour], days: Sequence[Day], now_ms: int) -> dict[str, Any]:
    """What the chart over time draws, up to now or to the end of the vote."""
    end_ms = min(now_ms, max(board.rules.closes_ms - 1, board.rules.opens_ms))
    return {
        "hours": hours,
        "days": [(day.day, day.votes, day.demo, day.voters) for day in days],
        "last_hour": max(end_ms // HOUR_MS, hours[-1][0] if hours else 0),
        "last_day": max(day_of(end_ms), days[-1].day if days else 0),
    }


# --- around the last winning place --------------------------------------------------------------


def _line(board: Board) -> int:
    """The last place that wins; fewer than the rules give where fewer have votes."""
    return len(counted(board).standings.winning(board.rules.winners))


def _places(board: Board, race: Race) -> list[Place]:
    rows = [row for row in counted(board).standings.rows if row.votes]
    line = _line(board)
    best_outside = rows[line].votes if line < len(rows) else None
    runners = {runner.number: runner for runner in race.runners}
    places = []
    for at, row in enumerate(rows[max(0, line - ABOVE) : line + BELOW], max(0, line - ABOVE)):
        inside, since = at < line, ""
        if (runner := runners.get(row.number)) and runner.inside == inside:
            always = runner.since == race.hours[0]
            since = "从第一票起" if always else f"{hour_word(runner.since)}起"
        gap = _gap(rows, row, board.rules.winners, best_outside, inside=inside)
        places.append(Place(row, board.entries[row.number], inside, gap, since))
    return places


def _gap(
    rows: Sequence[Standing], row: Standing, winners: int, best_outside: int | None, *, inside: bool
) -> str:
    if not inside:
        return f"距第 {winners} 名还差 {neighbours(rows, row, winners).to_win:,} 票"
    if best_outside is None:
        return "线外还没有得票的作品"
    return f"比线外最近的一件多 {row.votes - best_outside:,} 票"


def _race(race: Race, places: Sequence[Place], board: Board) -> dict[str, Any]:
    """What the chart of the race draws: those that are listed, as far as the worker has drawn."""
    runners = {runner.number: runner for runner in race.runners}
    return {
        "winners": board.rules.winners,
        "hours": race.hours,
        "runners": [
            {"label": place.entry.label, "title": place.entry.title, "inside": place.inside,
             "ranks": runners[place.entry.number].ranks}
            for place in places if place.entry.number in runners
        ],
    }  # fmt: skip


# --- split up -----------------------------------------------------------------------------------


def _by(board: Board, names: dict[str, str], of: Callable[[Entry], str]) -> list[Bar]:
    """Public entries and their votes, by one of their properties; most votes first."""
    entries = Counter(of(entry) for entry in board.entries.values())
    votes: Counter[str] = Counter()
    for row in counted(board).standings.rows:
        votes[of(board.entries[row.number])] += row.votes
    most = max(votes.values(), default=0)
    bars = [
        Bar(names.get(key, key), votes[key], percent(votes[key], most), entries[key])
        for key in entries
    ]
    return sorted(bars, key=lambda bar: (-bar.votes, -bar.entries, bar.name))


def _identities(overview: Overview) -> list[Bar]:
    known = [one for one in IDENTITIES if overview.identities.get(one)]
    return [
        Bar(IDENTITIES[one][0], overview.identities[one],
            percent(overview.identities[one], overview.rows), meaning=IDENTITIES[one][1],
            mark=one.name.lower())
        for one in known
    ]  # fmt: skip


def _refusals(site: Site, board: Board, now_ms: int) -> Refusals | None:
    """None when the law store, which counts them, is away."""
    today = day_of(now_ms)
    first = max(day_of(board.catalogue.versions[0].since_ms), today - MOST_DAYS)
    try:
        counts = site.store.refusals.of(range(first, today + 1))
    except StoreDown:
        return None
    ever = _added(counts)
    found = [
        Refusal(reason_of(code), counts[-1][code], ever[code], _columns(code, counts))
        for code in ever
    ]
    reasons = sorted(found, key=lambda one: (-one.today, -one.ever, one.reason.word))
    return Refusals(tuple(reasons), tuple(_by_day(counts, today)))


def _columns(code: str, counts: Sequence[Counter[str]]) -> tuple[float, ...]:
    times = [one[code] for one in counts[-COLUMNS:]]
    return tuple(percent(one, max(times)) for one in times)


def _by_day(counts: Sequence[Counter[str]], today: int) -> Iterator[RefusedDay]:
    """Without those that go on by themselves."""
    days = [
        Counter({code: times for code, times in one.items() if not reason_of(code).passing})
        for one in counts
    ]
    worst = max((one.total() for one in days), default=0)
    for back, one in enumerate(reversed(days)):
        for code, times in one.most_common(1):
            share = percent(one.total(), worst)
            yield RefusedDay(today - back, one.total(), share, reason_of(code), times)


def _added(counts: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return total
