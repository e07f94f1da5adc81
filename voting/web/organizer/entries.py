"""作品: all entries in all states, one entry with its history, and what may be done with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from pathlib import Path

from flask import Response as FileResponse
from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from voting.contest import STATE_WORDS, Entry, EntryState
from voting.curator import MediaMissing
from voting.organizer import Power
from voting.result import Row
from voting.store.entries import AlreadyDecided, LabelUnconfirmed, NoSuchEntry
from voting.store.log import KIND_WORDS
from voting.store.standings import Board
from voting.web.errors import Problem
from voting.web.gallery import matches
from voting.web.media import sent
from voting.web.organizer.gate import console, counted, may, me
from voting.web.site import this_site

PER_PAGE = 60
MOST_TOGETHER = 500
LONGEST_REASON = 200
NO_REASON = f"请用一句话写明理由（不超过 {LONGEST_REASON} 字），它会记入操作记录"
FRAMES = tuple(f"frame-{n}.jpg" for n in range(1, 5))
#: What reviewers see of an entry that the public may not see at all.
FILE = re.compile(r"(?:web|web-720|frame-[1-4]|cover-[0-9]{2,4})\.(?:mp4|webp|jpg)")


@dataclass(frozen=True, slots=True)
class Film:
    """The files of an entry's media: names where they exist, sizes in bytes (0: not there)."""

    video: str
    mobile: str
    cover: str
    frames: tuple[str, ...]
    web_bytes: int
    original_bytes: int


@dataclass(frozen=True, slots=True)
class Sought:
    """Which entries are listed."""

    q: str = ""
    state: str = ""
    category: str = ""
    city: str = ""

    def link(self, **changes: str | int) -> str:
        fields = {name: value for name, value in (asdict(self) | changes).items() if value}
        return url_for("organizer.entries", **fields)

    def among(self, entries: Iterable[Entry]) -> list[Entry]:
        return [
            one
            for one in entries
            if self.state in ("", one.state.value)
            and self.category in ("", one.category)
            and self.city in ("", one.city)
            and matches(one, self.q)
        ]


@console.get("/entries")
@may(Power.LOOK)
def entries() -> str:
    site, args = this_site(), request.args
    everything = site.store.entries.all().values()
    fields = {name: args.get(name, "")[:50].strip() for name in Sought.__slots__}
    sought = Sought(**fields)
    listed = sought.among(everything)
    pages = max(1, -(-len(listed) // PER_PAGE))
    page = min(max(1, args.get("page", 1, type=int)), pages)
    board = site.board()
    return render_template(
        "organizer/entries.html",
        sought=sought,
        listed=listed[(page - 1) * PER_PAGE : page * PER_PAGE],
        found=len(listed),
        page=page,
        pages=pages,
        states=STATE_WORDS,
        counts=Counter(one.state for one in replace(sought, state="").among(everything)),
        cities=_in_order({one.city for one in everything if one.city}, site.contest.cities),
        votes=counted(board).votes,
        ranks={row.number: row.rank for row in counted(board).standings.rows},
        together={one.number for one in listed if may_go_together(one)},
    )


@console.get("/entries/<int:number>")
@may(Power.LOOK)
def entry(number: int) -> str:
    site = this_site()
    one, board = found(number), site.board()
    return render_template(
        "organizer/entry.html",
        entry=one,
        film=film_of(one),
        states=STATE_WORDS,
        history=site.curator().history(number),
        kinds=KIND_WORDS,
        votes=counted(board).votes.get(number, 0),
        standing=counted(board).standings.of(number),
        published=_published(board, number),
    )


@console.get("/media/<int:number>/<file>")
@may(Power.LOOK)
def medium(number: int, file: str) -> FileResponse:
    """A file of an entry in whatever state; only who is logged in gets here."""
    if not FILE.fullmatch(file):
        abort(404)
    answer = sent(_folder(found(number)) / file)
    # The queue fetches the next submission's pictures ahead; they never change.
    answer.headers["Cache-Control"] = "private, max-age=300"
    return answer


@console.post("/entries/<int:number>/withdraw")
@may(Power.WITHDRAW)
def withdraw(number: int) -> Response:
    reason = one_line(request.form.get("reason", ""))
    if not reason:
        return _back(number, "没有撤下：请用一句话写明理由（不超过 200 字）", "alarm")
    site = this_site()
    try:
        site.curator().withdraw(number, reason, me().name, seen=EntryState.APPROVED)
    except AlreadyDecided as error:
        return _changed(error.entry)
    done = "已撤下：不再接受投票，公开页面、视频、海报和二维码都打不开了"
    if _published(site.board(), number):
        return _back(number, f"{done}。公布的结果要更正：请到“投票”页重新计算，另出一版", "warn")
    return _back(number, done, "good")


@console.post("/entries/<int:number>/restore")
@may(Power.WITHDRAW)
def restore(number: int) -> Response:
    return _show(number, EntryState.WITHDRAWN, "已恢复公开，原来的票都还在")


@console.post("/entries/<int:number>/approve")
@may(Power.REVIEW)
def approve_refused(number: int) -> Response:
    """Change one's mind about a refused submission."""
    return _show(number, EntryState.REFUSED, "已通过，现在公开了")


@console.post("/entries/together")
@may(Power.REVIEW)
def approve_together() -> str | Response:
    """Approve several that need no second look; asked once more before it is done."""
    asked = set(request.form.getlist("number", type=int)[:MOST_TOGETHER])
    stored = this_site().store.entries.all()
    chosen = [stored[n] for n in sorted(asked & stored.keys()) if may_go_together(stored[n])]
    if not chosen:
        flash("没有选中可以一起通过的作品：AI 创作和有疑点的要逐件审核", "warn")
        return redirect(url_for("organizer.entries", state=EntryState.PENDING.value))
    if request.form.get("sure") != "yes":
        return render_template(
            "organizer/together.html", chosen=chosen, left_out=len(asked) - len(chosen)
        )
    missed = [one for one in chosen if not _approved(one.number)]
    flash(f"已通过 {len(chosen) - len(missed)} 件", "good")
    if missed:
        names = "、".join(f"{one.label} 号" for one in missed)
        flash(f"{names}没有通过：刚刚被别人处理过，或视频文件不见了", "warn")
    return redirect(url_for("organizer.entries", state=EntryState.PENDING.value))


def _in_order(names: set[str], order: Sequence[str]) -> list[str]:
    """In the contest's own order, what it doesn't know last."""
    return [name for name in order if name in names] + sorted(names.difference(order))


def may_go_together(entry: Entry) -> bool:
    """Whether it may be approved without a reviewer's eye on this very submission."""
    return entry.state is EntryState.PENDING and not entry.doubts and not entry.ai


def found(number: int) -> Entry:
    try:
        return this_site().store.entries.of(number)
    except NoSuchEntry as error:
        raise Problem(404, "unknown_entry", f"没有 {number} 号作品", "请核对编号") from error


def film_of(entry: Entry) -> Film:
    sizes = _sizes(_folder(entry))
    return Film(
        video="web.mp4" if "web.mp4" in sizes else "",
        mobile="web-720.mp4" if "web-720.mp4" in sizes else "",
        cover="cover-720.jpg" if "cover-720.jpg" in sizes else "",
        frames=tuple(name for name in FRAMES if name in sizes),
        web_bytes=sizes.get("web.mp4", 0),
        original_bytes=sizes.get("original.mp4", 0),
    )


def one_line(text: str) -> str:
    """A reason as it is kept: one line of at most 200 characters, '' if it can't be that."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_REASON and text.isprintable() else ""


def _sizes(folder: Path) -> Mapping[str, int]:
    try:
        return {file.name: file.stat().st_size for file in folder.iterdir()}
    except FileNotFoundError:
        return {}


def _folder(entry: Entry) -> Path:
    return this_site().settings.media_dir / entry.media


def _approved(number: int) -> bool:
    try:
        this_site().curator().approve(
            number, "批量审核通过", me().name, seen=EntryState.PENDING
        )
    except (AlreadyDecided, LabelUnconfirmed, MediaMissing):
        return False
    return True


def _show(number: int, seen: EntryState, sentence: str) -> Response:
    reason = one_line(request.form.get("reason", ""))
    if not reason:
        return _back(number, "没有改动：请用一句话写明理由（不超过 200 字）", "alarm")
    labelled = request.form.get("labelled") == "yes"
    try:
        this_site().curator().approve(number, reason, me().name, ai_labelled=labelled, seen=seen)
    except AlreadyDecided as error:
        return _changed(error.entry)
    except LabelUnconfirmed:
        return _back(number, "AI 创作要带标识：请先看视频，勾选“看到了 AI 标识”", "alarm")
    except MediaMissing:
        return _back(number, "这件作品的视频文件不见了，不能公开", "alarm")
    return _back(number, sentence, "good")


def _changed(entry: Entry) -> Response:
    state = STATE_WORDS[entry.state]
    return _back(entry.number, f"没有改动：它刚刚被别人处理过，现在是“{state}”", "warn")


def _published(board: Board, number: int) -> Row | None:
    """Its row in the published result, if there is one."""
    rows = board.result.rows if board.result else ()
    return next((row for row in rows if row.number == number), None)


def _back(number: int, sentence: str, kind: str) -> Response:
    flash(sentence, kind)
    return redirect(url_for("organizer.entry", number=number), HTTPStatus.SEE_OTHER)
