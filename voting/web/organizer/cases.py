"""核查: the cases that scrutiny has found, the evidence of each, and what people decide about them.

A case changes with every run; people decide about votes as they have seen them. So a decision says
what was seen, and freezes exactly that; whatever came later stays undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from flask import abort, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from voting.batch import DECISION_WORDS, BatchNow, Decision, State, digest_of
from voting.case import PATTERN_WORDS, SIGN_WORDS, Finding
from voting.charts import pairs, percent, seconds, slopes, span, timeline
from voting.contest import IDENTITY_WORDS, Entry, Identity, day_of, day_words, minute_words
from voting.organizer import Power
from voting.phrases import chance, observed, when
from voting.settings import missing_for_scrutiny
from voting.sheet import Series, Sheet
from voting.store import Store
from voting.store.batches import DecisionRefused, NoSuchBatch
from voting.store.client import StoreDown
from voting.store.jobs import Job, JobKind, JobState
from voting.web.organizer.docket import Change, Clerk, Docket, Matter, Part, undecided
from voting.web.organizer.entries import NO_REASON, one_line
from voting.web.organizer.gate import console, may, me
from voting.web.site import Site, this_site

#: A sentence about places names this many entries at most.
MOST_NAMED: Final = 4
#: A moment in ms has fewer for the next two hundred centuries.
MOST_DIGITS: Final = 15
ANOTHER: Final = "这组票刚刚又核查过，和您看到的不一样了，没有改动。请看过现在的再决定"


@dataclass(frozen=True, slots=True)
class Deed:
    """What a decision does, said before it is made, and after."""

    effect: str
    done: str
    button: str = ""
    danger: bool = False
    key: str = ""


DEEDS: Final = {
    Decision.HOLD: Deed(
        "票数和名次都不变；排行页的票数里，这些票从明天起显示成浅色的“核查中”。"
        "最多 48 小时，到时还没有决定就自动解除，而且不能再标一次。",
        "已标为核查中，48 小时内请决定",
        key="h",
    ),
    Decision.KEEP: Deed("这些票照常计算。以后有新的情况，还可以改。", "已保留，照常计算", key="b"),
    Decision.ASK_VOID: Deed(
        "现在什么都不变。要另一位组织者用自己的账号确认，这些票才不计入票数。"
        "作品不受处罚，它的其他票照常计算。",
        "已提请移除，等另一位组织者确认",
        danger=True,
        key="v",
    ),
    Decision.VOID: Deed(
        "这些票不再计入票数：后台马上变，投票期间公开的票数从明天起变。票不删除，留在账本里，"
        "随时可以恢复。投票的人不会另得一票。",
        "已移除：这些票不再计入票数",
        danger=True,
        key="v",
    ),
    Decision.PUT_BACK: Deed(
        "这些票重新计入票数：后台马上变，投票期间公开的票数从明天起变。",
        "已恢复，这些票重新计入票数",
        key="b",
    ),
}

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


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants decided. `batch` '' is the rest that no batch holds; `seen` what the page
    showed of it: a batch's state, or the rest's last moment and digest."""

    decision: Decision
    batch: str
    seen: str
    reason: str


@console.get("/cases")
@may(Power.INSPECT)
def cases() -> str:
    site = this_site()
    docket = _docket(site)
    return render_template(
        "organizer/cases.html",
        docket=docket,
        sections=_sections(docket),
        slopes=_slopes(docket.together, (*docket.together.leave, *docket.together.enter)),
        late=docket.late(site.now_ms()) and not _is_over(site),
        looking=_looking(site),
        missing=missing_for_scrutiny(),
        every=site.settings.scrutiny_minutes,
        **_words(site),
    )


@console.post("/cases")
@may(Power.INSPECT)
def look_now() -> Response:
    """Have the ledger scrutinized now; the worker does it, like all long work."""
    site = this_site()
    if missing := missing_for_scrutiny():
        flash(f"没有核查：服务器上没有装核查要用的软件（{'、'.join(missing)}）。", "alarm")
    else:  # the very same isn't queued twice
        site.store.jobs.add(JobKind.SCRUTINY, me().name, site.now_ms())
    return redirect(url_for("organizer.cases"), HTTPStatus.SEE_OTHER)


def _looking(site: Site) -> Job | None:
    """The look that somebody asked for, and that hasn't ended; or the last one, if it failed after
    the newest run was made."""
    job = next((job for job in site.store.jobs.all() if job.kind is JobKind.SCRUTINY), None)
    if job is None or not job.ended:
        return job
    failed = job.state is JobState.FAILED and job.ended_ms > site.store.cases.at_ms()
    return job if failed else None


@console.get("/cases/<case_id>")
@may(Power.INSPECT)
def case(case_id: str) -> str | Response:
    site = this_site()
    matter = _docket(site).of(case_id)
    if matter is None:
        flash("最近一次核查里没有这一组了：它可能并到了别的组里，也可能不再可疑。", "warn")
        return redirect(url_for("organizer.cases"))
    sheet = _sheet(site.store, matter)
    return render_template(
        "organizer/case.html",
        matter=matter,
        case=matter.case,
        sheet=sheet,
        drawn=_drawn(sheet) if sheet else None,
        slopes=_slopes(matter.change, matter.entries),
        choices=[_choices(site.store, matter, part) for part in matter.parts],
        history=_history(matter.parts),
        **_words(site),
    )


@console.post("/cases/<case_id>/<decision>")
@may(Power.DECIDE)
def decide(case_id: str, decision: str) -> Response:
    """One decision about one batch, or about what no batch holds yet."""
    if decision not in set(Decision):
        abort(404)
    form = request.form
    reason = one_line(form.get("reason", ""))
    asked = Asked(Decision(decision), form.get("batch", ""), form.get("seen", ""), reason)
    site = this_site()
    try:
        if not reason:
            raise DecisionRefused(NO_REASON)
        _decide(site, case_id, asked)
    except (DecisionRefused, NoSuchBatch) as error:
        return _back(case_id, f"没有改动：{str(error) or ANOTHER}。", "alarm")
    finally:
        _clerk().forget()
    return _back(case_id, f"{DEEDS[asked.decision].done}。", "good")


def lately(site: Site) -> Docket | None:
    """A few seconds old at most; None while the store is away, or there never was a board."""
    try:
        return _clerk().lately(site.store, site.board())
    except StoreDown:
        return None


@console.context_processor
def in_the_navigation() -> dict[str, Callable[[], int]]:
    """How many cases want a person soon; asked for only by who may see them."""

    def cases_pressing() -> int:
        docket = lately(this_site())
        return docket.pressing if docket else 0

    return {"cases_pressing": cases_pressing}


# --- deciding -----------------------------------------------------------------------------------


def _decide(site: Site, case_id: str, asked: Asked) -> None:
    matter = _docket(site).of(case_id)
    if matter is None:
        raise DecisionRefused(ANOTHER)
    if asked.batch:
        if asked.batch not in {part.batch.batch.id for part in matter.parts if part.batch}:
            raise NoSuchBatch(asked.batch)
        batch_id, seen = asked.batch, State(asked.seen) if asked.seen in set(State) else None
        if seen is None:
            raise DecisionRefused(ANOTHER)
    else:
        batch_id, seen = _freeze(site.store, matter, asked), State.OPEN
    site.store.batches.decide(batch_id, asked.decision, asked.reason, me().name, seen=seen)


def _freeze(store: Store, matter: Matter, asked: Asked) -> str:
    """Freeze what was seen of the rest; the batch's id. What came since isn't in it."""
    part = next((part for part in matter.parts if part.batch is None), None)
    if asked.decision not in _of_the_rest(matter):
        raise DecisionRefused("还没有人提请移除这些票；请先提请，再由另一位组织者确认")
    if part is None or not matter.latest:
        raise DecisionRefused("刚刚有人对这些票做了决定，请看过以后再决定")
    votes = undecided(store, matter.case.id, _batches(matter)) if matter.named else []
    until_ms, _, digest = asked.seen.partition(".")
    if not (until_ms.isdecimal() and len(until_ms) <= MOST_DIGITS):
        raise DecisionRefused(ANOTHER)
    votes = [vote for vote in votes if _ms_of(vote) <= int(until_ms)]
    if digest_of(votes) != digest:
        raise DecisionRefused(ANOTHER)
    batch = store.batches.freeze(matter.case, votes, me().name)
    store.cases.keep(batch.id, matter.case)
    return batch.id


def _batches(matter: Matter) -> list[BatchNow]:
    return [part.batch for part in matter.parts if part.batch]


def _back(case_id: str, sentence: str, kind: str) -> Response:
    flash(sentence, kind)
    return redirect(url_for("organizer.case", case_id=case_id), HTTPStatus.SEE_OTHER)


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be decided about a part. `why_not` is '' where this account may."""

    decision: Decision
    word: str
    deed: Deed
    why_not: str


@dataclass(frozen=True, slots=True)
class Choices:
    """All that can be decided about a part, and what of it is seen now."""

    part: Part
    choices: tuple[Choice, ...]
    seen: str


def _choices(store: Store, matter: Matter, part: Part) -> Choices:
    by = me().name
    decisions = part.batch.may if part.batch else _of_the_rest(matter)
    choices = [
        Choice(
            one,
            _word(matter, one),
            DEEDS[one],
            store.batches.why_not(part.batch, one, by) if part.batch else "",
        )
        for one in decisions
    ]
    may_decide = me().may(Power.DECIDE)
    return Choices(part, tuple(choices), _seen(store, matter, part) if may_decide else "")


def _of_the_rest(matter: Matter) -> tuple[Decision, ...]:
    """What can be decided about votes that no batch holds."""
    if not matter.named:
        return (Decision.KEEP,)
    return (Decision.HOLD, Decision.KEEP, Decision.ASK_VOID)


def _word(matter: Matter, decision: Decision) -> str:
    return DECISION_WORDS[decision] if matter.named else "看过了"


def _seen(store: Store, matter: Matter, part: Part) -> str:
    """What a form says that was seen: a batch's state; of the rest its last moment, and the digest
    of its votes."""
    if part.batch:
        return part.state.value
    votes = undecided(store, matter.case.id, _batches(matter)) if matter.named else []
    return f"{max(map(_ms_of, votes), default=0)}.{digest_of(votes)}"


def _ms_of(vote_id: str) -> int:
    return int(vote_id.split("-")[1])


# --- words --------------------------------------------------------------------------------------


def _words(site: Site) -> dict[str, object]:
    board = site.board()
    return {
        "board": board,
        "patterns": PATTERN_WORDS,
        "signs": SIGN_WORDS,
        "decisions": DECISION_WORDS,
        "badges_of": badges,
        "effect_of": effect,
        "observed_of": observed,
        "when_of": when,
        "title_of": lambda number: title(board.entries.get(number), number),
        "chance_of": chance,
        "ago": ago(site.now_ms() - docket_ms) if (docket_ms := site.store.cases.at_ms()) else "",
    }


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


# --- the pages ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    about: str
    matters: tuple[Matter, ...]


def _sections(docket: Docket) -> list[Section]:
    """Those to decide first; each case once."""
    kinds: tuple[tuple[str, str], ...] = (
        ("要决定的", ""),
        ("等第二人确认", "移除要两位组织者：一位提请，另一位确认。"),
        ("只是提示", "知道大约多了多少，不知道是哪些票，所以不能标记，也不能移除。"),
        ("决定过的", "每个决定都可以由另一个决定改回来。"),
    )
    found: tuple[list[Matter], ...] = ([], [], [], [])
    for one in docket.matters:
        found[_kind(one)].append(one)
    return [
        Section(name, about, tuple(some))
        for (name, about), some in zip(kinds, found, strict=True)
        if some
    ]


def _kind(one: Matter) -> int:
    if not one.open:
        return 3
    if not one.named:
        return 2
    return 0 if one.undecided else 1


def _sheet(store: Store, matter: Matter) -> Sheet | None:
    """The newest run's, or the one kept when somebody first decided."""
    if matter.latest:
        return store.cases.sheet_of(matter.case.id)
    kept = store.cases.kept(_batches(matter)[-1].batch.id)
    return kept.sheet if kept else None


@dataclass(frozen=True, slots=True)
class DayRow:
    """A day of the timeline, for the table beside it."""

    words: str
    case: int
    others: int
    usual: int


def _drawn(sheet: Sheet) -> dict[str, object]:
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


def _history(parts: Sequence[Part]) -> list[Line]:
    """Everything that was decided about the case, newest first."""
    found = []
    for part in parts:
        if part.batch is None:
            continue
        votes = f"，{part.batch.batch.votes:,} 票" if part.batch.batch.votes else ""
        for one in part.batch.decisions:
            word = DECISION_WORDS[one.decision] if votes else "看过了"
            found.append((one.row, Line(one.at_ms, one.by, f"{word}{votes}", one.reason)))
    return [line for _, line in sorted(found, key=lambda one: -one[0])]


def _slopes(change: Change, about: Sequence[int]) -> object | None:
    """The two rankings; None where nobody moves."""
    if change.before == change.after:
        return None
    return slopes(change.before, change.after, change.winners, about)


def _docket(site: Site) -> Docket:
    return _clerk().docket(site.store, site.board())


def _clerk() -> Clerk:
    clerk: Clerk = current_app.extensions.setdefault("docket", Clerk())
    return clerk


def _is_over(site: Site) -> bool:
    """No vote can come any more, so one look is enough."""
    return site.now_ms() >= site.board().rules.closes_ms
