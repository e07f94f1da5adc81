"""投票: where the vote stands, what may be done now, and the result before it is published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from voting.contest import SHANGHAI, STEPS, Phase, Rules, Step, moment
from voting.organizer import Power
from voting.result import JuryRefused, Result, settle, tie_words
from voting.store import Store
from voting.store.jobs import ENDED, Job, JobKind
from voting.store.log import KIND_WORDS, Act, Kind, subject_words
from voting.store.results import Doubt, Draft
from voting.store.rules import STEP_WORDS, LawRefused, Pauser
from voting.web.organizer.entries import NO_REASON, one_line
from voting.web.organizer.gate import console, may, me
from voting.web.organizer.tasks import withdrawn_from
from voting.web.site import Site, this_site


@dataclass(frozen=True, slots=True)
class Deed:
    """What a step will do, and what is said when it is done."""

    effect: str
    done: str
    asks_again: bool = False
    danger: bool = False
    when: str = ""


DEEDS: Final = {
    Step.OPEN: Deed(
        "所有人现在就能投票。开始时间成为规则的新一版，和理由一起公布在规则页。",
        "投票已开始",
        asks_again=True,
    ),
    Step.POSTPONE: Deed(
        "到新的时间才开始。新的时间成为规则的新一版，和理由一起公布在规则页。",
        "开始时间已改",
        when="新的开始时间",
    ),
    Step.PAUSE: Deed(
        "所有人马上不能投票，页面上显示“投票暂停中”。已投的票都有效，随时可以恢复。",
        "投票已暂停",
        danger=True,
    ),
    Step.RESUME: Deed("所有人马上又能投票。", "投票已恢复"),
    Step.CLOSE: Deed(
        "马上截止，之后的票一律不收。截止时间成为规则的新一版，和理由一起公布在规则页。",
        "投票已结束",
        asks_again=True,
        danger=True,
    ),
    Step.EXTEND: Deed(
        "到新的时间才截止。新的时间成为规则的新一版，和理由一起公布在规则页。",
        "截止时间已延长",
        when="新的截止时间",
    ),
    Step.REVIEW: Deed(
        "公开页面显示“结果核对中”，时间和规则不能再改；系统马上逐票计算结果，只有后台看得到。",
        "已开始核对，正在计算结果",
    ),
    Step.TAKE_BACK: Deed(
        "回到“投票已结束”，时间和规则又可以改。公开页面不再显示“结果核对中”。",
        "已撤回核对",
        danger=True,
    ),
    Step.PUBLISH: Deed(
        "所有人马上看到获奖作品和名次，从此不再变动。要更正，只能说明理由另出一版。",
        "结果已公布",
        asks_again=True,
    ),
    Step.UNPUBLISH: Deed(
        "公开页面不再显示结果，回到“结果核对中”，并写明理由。撤回的这一版保留在记录里。",
        "结果已撤回，正在重新计算",
        asks_again=True,
        danger=True,
    ),
}

#: The phases in their order, as the line at the top names them.
LINE: Final = {
    Phase.BEFORE: "未开始",
    Phase.OPEN: "投票中",
    Phase.PAUSED: "暂停",
    Phase.CLOSED: "已结束",
    Phase.UNDER_REVIEW: "核对中",
    Phase.PUBLISHED: "已公布",
}
#: What the page tells of the vote's history.
HISTORY: Final = frozenset(
    {
        Kind.RULES, Kind.PAUSE, Kind.RESUME, Kind.UNDER_REVIEW, Kind.TAKE_BACK, Kind.PUBLISH,
        Kind.UNPUBLISH,
    }
)  # fmt: skip
TOLD: Final = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants done; `at_ms` 0 where no moment was asked for."""

    step: Step
    reason: str
    at_ms: int
    seen: str
    chosen: tuple[int, ...]
    jury_reason: str
    without_scrutiny: str


@dataclass(frozen=True, slots=True)
class Situation:
    """The vote as the store has it now: a board may be a second old."""

    phase: Phase
    rules: Rules
    paused_by: Pauser | None
    acts: tuple[Act, ...]
    published: Result | None
    draft: Draft | None
    is_current: bool
    job: Job | None
    doubts: tuple[Doubt, ...] = ()
    since_ms: dict[Phase, int] = field(default_factory=dict)

    @property
    def computing(self) -> bool:
        return self.job is not None and self.job.state not in ENDED


@console.get("/vote")
@may(Power.LOOK)
def vote() -> str:
    site = this_site()
    now = situation(site.store)
    result = now.draft.result if now.draft else None
    return render_template(
        "organizer/vote.html",
        now=now,
        phase=now.phase,
        rules=now.rules,
        line=LINE,
        steps=[(step, DEEDS[step]) for step in STEPS[now.phase]],
        times={Step.POSTPONE: _local(now.rules.opens_ms), Step.EXTEND: _local(now.rules.closes_ms)},
        result=result,
        notes=tie_words(result) if result else {},
        gone=withdrawn_from(now.published, site.board()),
        was_paused=any(act.kind is Kind.PAUSE for act in now.acts),
        words=STEP_WORDS,
        kinds=KIND_WORDS,
        subject_words=subject_words,
        job=now.job,
    )


@console.post("/vote/<step>")
@may(Power.RULE)
def act(step: str) -> Response | str:
    """Take one step; those that can't be undone are asked about once more."""
    if step not in set(Step):
        abort(404)
    store = this_site().store
    try:
        asked = _asked(Step(step))
        deed = DEEDS[asked.step]
        if deed.asks_again and request.form.get("sure") != "yes":
            return _ask_again(store, asked)
        TAKE[asked.step](store, asked)
    except LawRefused as error:
        return _back(f"没有改动：{error}", "alarm")
    if asked.step in (Step.REVIEW, Step.UNPUBLISH):
        _compute(this_site())
    return _back(deed.done, "good")


@console.post("/vote/draft")
@may(Power.RULE)
def draft() -> Response:
    """Have the result computed; the page shows how far it is."""
    _compute(this_site())
    return _back("正在逐票计算", "good")


def situation(store: Store) -> Situation:
    phase, rules = store.rules.phase(), store.rules.versions()[-1]
    acts, _ = store.log.find(lambda act: act.kind in HISTORY, TOLD)
    draft = store.results.draft() if phase in (Phase.UNDER_REVIEW, Phase.PUBLISHED) else None
    is_current = draft is not None and store.results.is_current(draft)
    return Situation(
        phase=phase,
        rules=rules,
        paused_by=store.rules.paused_by(),
        acts=tuple(acts),
        published=store.results.latest(),
        draft=draft,
        is_current=is_current,
        doubts=tuple(store.results.doubts()) if is_current else (),
        job=next((job for job in store.jobs.all() if job.kind is JobKind.RESULT), None),
        since_ms=_since(acts),
    )


def _since(acts: Sequence[Act]) -> dict[Phase, int]:
    """When the newest pause, check and publication began."""
    kinds = {
        Phase.PAUSED: (Kind.PAUSE,),
        Phase.UNDER_REVIEW: (Kind.UNDER_REVIEW, Kind.UNPUBLISH),
        Phase.PUBLISHED: (Kind.PUBLISH,),
    }
    found = {phase: [a.at_ms for a in acts if a.kind in these] for phase, these in kinds.items()}
    return {phase: moments[0] for phase, moments in found.items() if moments}


def _asked(step: Step) -> Asked:
    """The form of a step. Raises LawRefused with what is missing in it."""
    form = request.form
    reason = one_line(form.get("reason", ""))
    if not reason:
        raise LawRefused(NO_REASON)
    at_ms = _moment(form.get("at", "")) if DEEDS[step].when else 0
    chosen = tuple(sorted(set(form.getlist("chosen", type=int))))
    jury_reason = one_line(form.get("jury_reason", ""))
    without_scrutiny = one_line(form.get("without_scrutiny", ""))
    return Asked(
        step, reason, at_ms, form.get("seen", ""), chosen, jury_reason, without_scrutiny
    )


def _moment(text: str) -> int:
    """`2026-11-23T18:00`, in the contest's time zone, in ms."""
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise LawRefused("请填写日期和时间") from error


def _local(ms: int) -> str:
    return f"{moment(ms):%Y-%m-%dT%H:%M}"


def _ask_again(store: Store, asked: Asked) -> str:
    result = None
    if asked.step is Step.PUBLISH:
        kept = store.results.draft()
        if kept is None or kept.digest != asked.seen:
            raise LawRefused("这份结果已经重新算过，请看过新的再公布")
        store.results.waive(asked.without_scrutiny)
        try:
            result = settle(kept.result, asked.chosen, asked.jury_reason)
        except JuryRefused as error:
            raise LawRefused(str(error)) from error
    deed = DEEDS[asked.step]
    return render_template(
        "organizer/vote_sure.html",
        asked=asked,
        word=STEP_WORDS[asked.step],
        deed=deed,
        result=result,
    )


def _compute(site: Site) -> None:
    """Queue the computation, unless one is queued or running."""
    jobs = site.store.jobs
    if not any(job.kind is JobKind.RESULT and job.state not in ENDED for job in jobs.all()):
        site.store.log.append(Kind.COMPUTE, "", "", me().name)
        jobs.add(JobKind.RESULT, me().name, site.now_ms())


def _publish(store: Store, asked: Asked) -> None:
    store.results.publish(
        asked.seen,
        asked.reason,
        me().name,
        asked.chosen,
        asked.jury_reason,
        asked.without_scrutiny,
    )


#: Every step, and the one call that takes it.
TAKE: Final[dict[Step, Callable[[Store, Asked], Any]]] = {
    Step.OPEN: lambda store, asked: store.rules.open_now(asked.reason, me().name),
    Step.POSTPONE: lambda store, a: store.rules.postpone(a.at_ms, a.reason, me().name),
    Step.PAUSE: lambda store, asked: store.rules.pause(asked.reason, by=me().name),
    Step.RESUME: lambda store, asked: store.rules.resume(asked.reason, by=me().name),
    Step.CLOSE: lambda store, asked: store.rules.close(asked.reason, me().name),
    Step.EXTEND: lambda store, a: store.rules.extend(a.at_ms, a.reason, me().name),
    Step.REVIEW: lambda store, asked: store.rules.begin_review(asked.reason, me().name),
    Step.TAKE_BACK: lambda store, asked: store.rules.take_back(asked.reason, me().name),
    Step.PUBLISH: _publish,
    Step.UNPUBLISH: lambda store, asked: store.results.unpublish(asked.reason, me().name),
}


def _back(sentence: str, kind: str) -> Response:
    flash(sentence, kind)
    return redirect(url_for("organizer.vote"), HTTPStatus.SEE_OTHER)
