"""Appeals: the page about them and the answers for everybody, the form, and a ticket's own page.

The first is as every public page; the form and what a ticket opens are never kept anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from voting.appeal import LONGEST, STATE_WORDS, About, Appeal, cleaned, contact_in, read_ticket
from voting.case import PATTERN_WORDS, Pattern
from voting.contest import Entry, day_words
from voting.removed import Group
from voting.store.appeals import Full
from voting.store.client import StoreDown
from voting.store.standings import Board
from voting.web.errors import Problem
from voting.web.gallery import number_in, plain
from voting.web.pages import public
from voting.web.ranking import removed_groups
from voting.web.site import Site, is_foreign, this_site
from voting.web.throttle import refuse_flood, refuse_hammering

blueprint = Blueprint("appeals", __name__)

Answer = TypeVar("Answer", bound=AnyResponse)

#: What several small groups of the panel are called where a reason is asked for.
TOGETHER = "together"
#: Nobody sees this field; programs fill in whatever they find.
TRAP = "website"


@dataclass(frozen=True, slots=True)
class Sent:
    """The form as somebody filled it in. `about` is `entry` or `removed`, `group` one of the panel
    as `<day>.<reason>` or ''."""

    about: str = ""
    entry: str = ""
    group: str = ""
    text: str = ""


class Wrong(Exception):  # noqa: N818 the plain word
    """What somebody filled in can't be taken; the text is one sentence, `field` which one of Sent
    it is about, '' if none."""

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


class AppealForm(FlaskForm):  # type: ignore[misc]
    """Its token only; the fields are read from the request."""


@blueprint.get("/appeals")
@public()
def index(board: Board) -> str:
    try:
        answered: list[Appeal] | None = this_site().store.appeals.published()
    except StoreDown:
        answered = None
    return render_template(
        "appeals/index.html",
        answered=answered,
        about=lambda one: about_words(one.about, board.entries),
    )


@blueprint.get("/appeals/new")
def form() -> Response:
    return _form(Sent(**_short(request.args)))


@blueprint.post("/appeals/new")
def appeal() -> AnyResponse:
    site, fields = this_site(), request.form
    refuse_hammering(site, request)
    sent = Sent(**_short(fields), text=fields.get("text", ""))
    try:
        _refuse_others()
        about = _about(site.board(), sent)
        text = _text(sent)
        refuse_flood()
        ticket = site.store.appeals.add(about, text, site.now_ms())
    except Wrong as error:
        return _form(sent, str(error), 422, field=error.field)
    except Problem as problem:
        return _form(sent, f"{problem.sentence}。{problem.next}", problem.status)
    except Full:
        return _form(sent, "等待答复的申诉太多，现在收不下新的。请先复制写好的话，过几天再来", 503)
    except StoreDown:
        return _form(sent, "现在存不下来，申诉没有提交。请过几分钟再按一次", 503)
    answer = redirect(url_for("appeals.one", ticket=ticket), HTTPStatus.SEE_OTHER)
    return _private(answer)


@blueprint.get("/appeals/find")
def find() -> AnyResponse:
    """The page of the ticket that somebody typed in."""
    ticket = read_ticket(request.args.get("ticket", ""))
    if not ticket:
        return _unknown(request.args.get("ticket", ""))
    return _private(redirect(url_for("appeals.one", ticket=ticket), HTTPStatus.SEE_OTHER))


@blueprint.get("/appeals/<ticket>")
def one(ticket: str) -> AnyResponse:
    site = this_site()
    refuse_hammering(site, request)
    read = read_ticket(ticket)
    try:
        found = site.store.appeals.by_ticket(read) if read else None
        board = site.board()
    except StoreDown as error:
        raise Problem(
            503, "store_unavailable", "申诉暂时打不开", "请过几分钟再试，已经收下的申诉不会丢", 5
        ) from error
    if found is None:
        return _unknown(read or ticket)
    page = render_template(
        "appeals/one.html",
        appeal=found,
        ticket=read,
        state=STATE_WORDS[found.state],
        about=about_words(found.about, board.entries),
    )
    return _private(make_response(page))


def about_words(about: About, entries: dict[int, Entry]) -> str:
    """`007 号作品《泉水》`, `10月3日移除的票：同一地址成批投票`, `移除的票`."""
    if about.entry:
        entry = entries.get(about.entry)
        return f"{about.entry:03d} 号作品" + (f"《{entry.title}》" if entry else "")
    if not about.day:
        return "移除的票"
    return f"{day_words(about.day)}移除的票：{_reason_words(about.reason)}"


def _reason_words(reason: str) -> str:
    return PATTERN_WORDS[Pattern(reason)] if reason in set(Pattern) else "其他"


def _unknown(typed: str) -> Response:
    """No appeal has this ticket: the same field again, and the way to a new appeal."""
    return _private(make_response(render_template("appeals/unknown.html", typed=typed[:60]), 404))


def _refuse_others() -> None:
    """Programs, other sites' pages, and pages that have grown too old. Raises Wrong or Problem."""
    if is_foreign(this_site(), request):
        raise Problem(403, "foreign_site", "这不是从本站页面提交的", "请在本站打开申诉页再提交")
    if not AppealForm(formdata=request.form).validate():
        raise Wrong("这个页面放得太久了，请再按一次“提交”")
    if request.form.get(TRAP):
        raise Wrong("有一格应当空着，却填了内容（可能是浏览器自动填的）。请再按一次“提交”")


def _short(fields: MultiDict[str, str]) -> dict[str, str]:
    return {name: fields.get(name, "")[:40] for name in ("about", "entry", "group")}


def _about(board: Board, sent: Sent) -> About:
    if sent.about == "entry":
        number = number_in("".join(plain(sent.entry).split()))
        if number is None or (
            number not in board.entries and number not in board.catalogue.withdrawn
        ):
            raise Wrong("没有这个编号的作品，请核对作品编号", "entry")
        return About(entry=number)
    if sent.about != "removed":
        raise Wrong("请选一下关于什么", "about")
    if not sent.group:
        return About()
    found = [one for one in removed_groups(board) if group_name(one) == sent.group]
    if not found:
        raise Wrong("这一项移除的票现在不在公布的里面（可能已经恢复计票），请另选一项", "group")
    return About(day=found[0].day, reason=group_name(found[0]).partition(".")[2])


def _text(sent: Sent) -> str:
    text = cleaned(sent.text)
    if not text:
        raise Wrong("请写下您的问题", "text")
    if len(text) > LONGEST:
        raise Wrong(f"最多 {LONGEST:,} 字，现在有 {len(text):,} 字，请删短一些", "text")
    if what := contact_in(text):
        raise Wrong(
            f"文字里好像有{what}。请不要留电话、微信号、邮箱和身份证号，凭查询码就能看到答复；请删去再提交",
            "text",
        )
    return text


def group_name(one: Group) -> str:
    return f"{one.day}.{one.pattern or TOGETHER}"


def group_words(one: Group) -> str:
    return f"{day_words(one.day)}：{_reason_words(one.pattern or '')}"


def _form(sent: Sent, wrong: str = "", status: int = 200, *, field: str = "") -> Response:
    """`wrong` is why it wasn't taken, `field` the one that has to be changed for it."""
    page = render_template(
        "appeals/form.html",
        form=AppealForm(formdata=None),
        sent=sent,
        wrong=wrong,
        field=field,
        groups=_choices(this_site()),
        longest=LONGEST,
        trap=TRAP,
    )
    return _private(make_response(page, status))


def _choices(site: Site) -> dict[str, str]:
    """The panel's days and reasons, each once, whatever the category."""
    try:
        return {group_name(one): group_words(one) for one in removed_groups(site.board())}
    except StoreDown:
        return {}


def _private(answer: Answer) -> Answer:
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    # What the page fetches would carry its ticket, and access logs keep what is carried.
    answer.headers["Referrer-Policy"] = "strict-origin"
    return answer
