"""审核: one pending submission after the other, a key for each decision.

The queue goes by number and in a circle: `after` says where the reviewer is, so that whoever skips
a submission meets it again after all the others. Submissions that somebody else is looking at come
last of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus

from flask import flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from voting.contest import Entry, EntryState
from voting.curator import MediaMissing
from voting.organizer import Power
from voting.store.claims import Claims
from voting.store.entries import AlreadyDecided, LabelUnconfirmed, NoSuchEntry
from voting.store.log import KIND_WORDS, Kind
from voting.web.organizer.entries import film_of, found, one_line
from voting.web.organizer.gate import console, may, me
from voting.web.site import this_site

#: Why submissions are refused most often, by the notice's own rules; each has a digit on the page.
READY_MADE = (
    "画面里没有 AI 生成标识",
    "画面有水印、台标或角标",
    "画面里有广告",
    "没有中文字幕",
    "内容与大赛主题无关",
    "画面或声音有质量问题",
    "有版权、肖像或隐私争议",
)
LONGEST_TITLE = 100


@console.get("/review")
@may(Power.REVIEW)
def review() -> str:
    after = request.args.get("after", 0, type=int)
    _claims().release(after, me().name)
    pending = _pending()
    entry, holder = _next(pending, after)
    return _page(entry, pending, holder)


@console.get("/review/<int:number>")
@may(Power.REVIEW)
def review_one(number: int) -> str | Response:
    entry = found(number)
    if entry.state is not EntryState.PENDING:
        return redirect(url_for("organizer.entry", number=number))
    return _page(entry, _pending(), _claims().take(number, me().name))


@console.get("/review/<int:number>.json")
@may(Power.REVIEW)
def hold(number: int) -> dict[str, str]:
    """A page that is in sight says so; it learns who else looks, and what was decided."""
    return {
        "state": found(number).state.value,
        "holder": _claims().take(number, me().name) or "",
    }


@console.post("/review/<int:number>/approve")
@may(Power.REVIEW)
def approve(number: int) -> Response | tuple[str, int]:
    entry, form = found(number), request.form
    labelled = entry.ai and form.get("labelled") == "yes"
    if entry.doubts and form.get("settled") != "yes":
        return _not_yet(entry, "还没有核对疑点：请看过每一条，勾选“都核对过了”，再通过")
    reason = "审核通过"
    reason += f"；已核对疑点 {len(entry.doubts)} 处" if entry.doubts else ""
    reason += "；已确认画面带有 AI 生成标识" if labelled else ""
    try:
        this_site().curator().approve(
            number, reason, me().name, ai_labelled=labelled, seen=EntryState.PENDING
        )
    except LabelUnconfirmed:
        return _not_yet(entry, "AI 创作要带标识：请在画面里找到它，勾选“看到了”，再通过")
    except MediaMissing:
        return _not_yet(entry, "这件作品的视频文件不见了，不能公开：请重新收件，或先跳过")
    except AlreadyDecided as error:
        return _already(error.entry)
    return _on(number)


@console.post("/review/<int:number>/refuse")
@may(Power.REVIEW)
def refuse(number: int) -> Response | tuple[str, int]:
    entry = found(number)
    ready = [reason for reason in READY_MADE if reason in request.form.getlist("ready")]
    reason = one_line("；".join(filter(None, (*ready, request.form.get("reason", "").strip()))))
    if not reason:
        return _not_yet(entry, "不通过要写明理由：选一条，或者写一句话（不超过 200 字）")
    try:
        this_site().curator().refuse(number, reason, me().name, seen=EntryState.PENDING)
    except AlreadyDecided as error:
        return _already(error.entry)
    return _on(number)


@console.post("/review/<int:number>/correct")
@may(Power.REVIEW)
def correct(number: int) -> Response | tuple[str, int]:
    entry, form = found(number), request.form
    title = " ".join(form.get("title", entry.title).split())
    category = form.get("category", entry.category)
    back = redirect(_shown_at(entry))
    if not title or len(title) > LONGEST_TITLE or not title.isprintable():
        flash(f"题目要有 1 到 {LONGEST_TITLE} 个字，没有改", "alarm")
        return back
    if category not in this_site().contest.categories:
        flash("没有这个类别，没有改", "alarm")
        return back
    try:
        changed = this_site().curator().correct(
            number, "审核时更正", me().name, title=title, category=category
        )
    except AlreadyDecided as error:
        return _already(error.entry)
    if changed != entry:
        flash(f"已改好 {entry.label} 号的{'题目' if changed.title != entry.title else '类别'}")
    return back


def _shown_at(entry: Entry) -> str:
    pending = entry.state is EntryState.PENDING
    page = "organizer.review_one" if pending else "organizer.entry"
    return url_for(page, number=entry.number)


def _claims() -> Claims:
    site = this_site()
    return Claims(site.store.throttle, site.contest.id)


def _pending() -> list[Entry]:
    entries = this_site().store.entries.all().values()
    return [entry for entry in entries if entry.state is EntryState.PENDING]


def _round(pending: Sequence[Entry], after: int) -> list[Entry]:
    """The queue as a circle, from behind `after`."""
    return sorted(pending, key=lambda entry: (entry.number <= after, entry.number))


def _next(pending: Sequence[Entry], after: int) -> tuple[Entry | None, str | None]:
    """The next that nobody else is looking at, claimed; else the next, and who is at it."""
    first: tuple[Entry | None, str | None] = (None, None)
    for entry in _round(pending, after):
        holder = _claims().take(entry.number, me().name)
        if holder is None:
            return entry, None
        first = first if first[0] else (entry, holder)
    return first


def _page(entry: Entry | None, pending: Sequence[Entry], holder: str | None) -> str:
    coming = _round(pending, entry.number)[0] if entry and len(pending) > 1 else None
    return render_template(
        "organizer/review.html",
        entry=entry,
        film=film_of(entry) if entry else None,
        pending=len(pending),
        coming=_pictures(coming) if coming else (),
        holder=holder,
        reviewed=session.get("reviewed", 0),
        last=_last(),
        ready_made=READY_MADE,
    )


def _last() -> Entry | None:
    """The one that was decided before this one."""
    with suppress(NoSuchEntry):
        return this_site().store.entries.of(session.get("last_reviewed", 0))
    return None


def _pictures(entry: Entry) -> list[str]:
    film = film_of(entry)
    files = (film.cover, *film.frames)
    return [
        url_for("organizer.medium", number=entry.number, file=file) for file in files if file
    ]


def _on(number: int) -> Response:
    """To the next one, with this one counted for the sitting."""
    _claims().release(number, me().name)
    session["reviewed"] = session.get("reviewed", 0) + 1
    session["last_reviewed"] = number
    return redirect(url_for("organizer.review", after=number), HTTPStatus.SEE_OTHER)


def _not_yet(entry: Entry, sentence: str) -> Response | tuple[str, int]:
    if entry.state is not EntryState.PENDING:
        return _already(entry)
    flash(sentence, "alarm")
    return redirect(url_for("organizer.review_one", number=entry.number), HTTPStatus.SEE_OTHER)


def _already(entry: Entry) -> tuple[str, int]:
    """Somebody else was faster: what they decided, and on."""
    acts = this_site().curator().history(entry.number)
    decisions = [act for act in acts if act.kind is not Kind.CORRECT]
    page = render_template(
        "organizer/decided.html",
        entry=entry,
        act=decisions[-1] if decisions else None,
        kinds=KIND_WORDS,
        pending=len(_pending()),
    )
    return page, HTTPStatus.CONFLICT
