"""The vote over HTTP: `me`, passes, votes, and the form for browsers without JavaScript."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from flask import Blueprint, Request, Response, g, make_response, render_template, request
from flask_wtf import FlaskForm
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from wtforms import HiddenField, StringField

from voting.contest import (
    ENDED,
    Ballot,
    Identity,
    Outcome,
    Phase,
    Rules,
    Signals,
    Verdict,
    what_may_be_shown,
)
from voting.store.ballots import CLASSES, Record
from voting.store.gate import How
from voting.store.standings import Board
from voting.voter import AGED_S, PASS_LIVES_S, Intention, Pass, View, Worthless
from voting.web.errors import NOSNIFF, Problem
from voting.web.gallery import find
from voting.web.pages import iso
from voting.web.site import (
    PASS_COOKIE,
    SIGN_IN_COOKIE,
    Site,
    is_foreign,
    this_site,
    visitors_pass,
)
from voting.web.throttle import new_pass, refuse_hammering
from voting.wechat import in_wechat

blueprint = Blueprint("ballot", __name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verdict becomes: status, sentence, and what to do next."""

    status: int
    sentence: str
    next: str = ""
    retry_after_s: int = 0


ANSWERS = {
    Verdict.ACCEPTED: Answer(201, "投票成功"),
    Verdict.NOT_OPEN: Answer(403, "投票还没有开始", "开始时间见“规则”"),
    Verdict.PAUSED: Answer(403, "投票暂停中，恢复后可以继续投", "请稍后再来"),
    Verdict.CLOSED: Answer(403, "投票已经结束", "可以到“排行”看结果"),
    Verdict.UNKNOWN_ENTRY: Answer(404, "没有这个编号的作品", "请核对编号，或从首页再找一次"),
    Verdict.ENTRY_NOT_VOTABLE: Answer(409, "这件作品已经撤下，不能投票", "去看看其他作品吧"),
    Verdict.ALREADY_VOTED: Answer(409, "您已经投过这件作品", "去看看其他作品吧"),
    Verdict.QUOTA_USED: Answer(409, "您的票已经投完", "每日计票的比赛，零点后可以再投"),
    Verdict.PASS_REQUIRED: Answer(403, "还没有投票凭证", "请在作品页点“投一票”"),
    Verdict.WECHAT_REQUIRED: Answer(403, "这次投票要在微信里投", "请用微信扫作品的二维码"),
    Verdict.BALLOT_INVALID: Answer(400, "这张选票无法识别", "请刷新页面再投"),
    Verdict.BALLOT_EXPIRED: Answer(422, "页面打开太久，选票过期了", "请刷新页面再投"),
    Verdict.FOREIGN_BALLOT: Answer(403, "这张选票不是发给您投这件作品的", "请刷新页面再投"),
    Verdict.TOO_EARLY: Answer(425, "页面刚刚打开，还没有准备好", "请过一秒再投", 1),
}

PRIVATE = (("Cache-Control", "no-store"), NOSNIFF)

#: What a page may tell of how its vote came about; see Signals.
TOLD = {"watched_s": (int, float), "share": str}

#: Passes can't be hoarded before the vote, and are of no use after it.
NO_PASS = {Phase.BEFORE: Verdict.NOT_OPEN} | dict.fromkeys(ENDED, Verdict.CLOSED)


@blueprint.after_request
def count_refusal(response: Response) -> Response:
    """What is refused here; the votes of the API are counted at the door."""
    if request.method == "POST" and (reason := g.get("refused")):
        site = this_site()
        site.store.refusals.count(reason, site.now_ms())
    return response


@blueprint.get("/api/v1/me")
def me() -> Response:
    site = this_site()
    board, one, now_ms = site.board(), visitors_pass(site, request), site.now_ms()
    rules, sign_in = board.rules, _sign_in(site, board.rules, one)
    identity = _class_of(one, sign_in)
    record = _record(site, board, one)
    fields: dict[str, Any] = {
        "voter_class": CLASSES[one.identity] if one else None,
        "sign_in": sign_in,
        "votes_left": record.votes_left(rules, identity),
        "votes_per_voter": rules.votes_of(identity),
        "votes_per_entry": rules.votes_per_entry,
        "period": rules.period.value,
        "voted": list(record.voted),
        "phase": board.phase(now_ms).value,
        "counts": what_may_be_shown(rules, now_ms).word,
        "opens": iso(rules.opens_ms),
        "closes": iso(rules.closes_ms),
        "now": iso(now_ms),
    }
    if not (number := request.args.get("entry", "")):
        return private(fields, 200)
    entry = find(board, _number(number)).number
    intention = _intention(site, one, entry)
    view = intention.view if intention else site.voters.look(entry, now_ms)
    fields["share"] = site.voters.share_code(one or view)
    fields["intended"] = intention and {
        "watched_s": intention.watched_s,
        "share": site.voters.written(intention.share),
    }
    if one and sign_in is None:
        fields["ballot"] = site.voters.ballot(one, view)
    else:
        fields["view"] = site.voters.view_token(view)
    response = private(fields, 200)
    if intention:  # handed over once: a page that is opened again later must not vote
        response.delete_cookie(SIGN_IN_COOKIE)
    return response


@blueprint.post("/api/v1/passes")
def passes() -> Response:
    site = this_site()
    body = json_body(site, request, {"entry": int, "view": str}, {"challenge": str})
    number = find(site.board(), body["entry"]).number
    view = read_token(lambda: site.voters.read_view(body["view"], number, site.now_ms()))
    one = visitors_pass(site, request) or _new_pass(site, view, body.get("challenge", ""))
    fields = {"ballot": site.voters.ballot(one, view), "voter_class": CLASSES[one.identity]}
    response = private(fields, 201)
    hand_out(site, one, response)
    return response


@blueprint.post("/api/v1/entries/<int:number>/votes")
def votes(number: int) -> Response:
    return cast_ballot(this_site(), request, number)


def cast_ballot(site: Site, request: Request, number: int) -> Response:
    """Collect, cast, translate. Raises Problem, StoreDown or werkzeug's HTTP refusals."""
    refuse_hammering(site, request)
    body = json_body(site, request, {"ballot": str}, TOLD)
    board = site.board()
    if number not in board.entries and number not in board.catalogue.withdrawn:
        raise refusal(Verdict.UNKNOWN_ENTRY)
    one = visitors_pass(site, request)
    if one is None:
        raise refusal(Verdict.PASS_REQUIRED)
    ballot = read_token(
        lambda: site.voters.read_ballot(body["ballot"], one, number, site.now_ms())
    )
    outcome = _cast(site, request, one, ballot, seconds_watched(body), body.get("share", ""))
    if outcome.verdict is not Verdict.ACCEPTED:
        raise refusal(outcome.verdict)
    fields = {
        "code": outcome.verdict.value,
        "entry": number,
        "votes_left": outcome.votes_left,
        "receipt": site.voters.receipt(outcome.vote_id),
        "at": iso(int(outcome.vote_id.split("-")[1])),
    }
    return private(fields, 201)


class VoteForm(FlaskForm):  # type: ignore[misc]
    """The vote without JavaScript; the view makes the pass and the ballot, as in the API."""

    view = HiddenField()
    share = HiddenField()
    #: Nobody sees it, on the screen or by a screen reader; programs fill in whatever there is.
    remark = StringField()


@blueprint.get("/e/<int:number>/vote")
def form(number: int) -> Response:
    site = this_site()
    board, one = site.board(), visitors_pass(site, request)
    entry, record = find(board, number), _record(site, board, one)
    sign_in = _sign_in(site, board.rules, one)
    empty = VoteForm(formdata=None)
    empty.view.data = site.voters.view_token(site.voters.look(number, site.now_ms()))
    empty.share.data = _came_by(request)
    page = render_template(
        "ballot/form.html",
        entry=entry,
        category=site.contest.categories[entry.category],
        votes_left=record.votes_left(board.rules, _class_of(one, sign_in)),
        votes_as_device=record.votes_left(board.rules, Identity.DEVICE),
        sign_in=sign_in,
        voted=record.voted.count(number) >= board.rules.votes_per_entry,
        form=empty,
    )
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/e/<int:number>/vote")
def vote(number: int) -> Response:
    site = this_site()
    refuse_hammering(site, request)
    entry = find(site.board(), number)
    view, share = sent_form(site, number)
    one = visitors_pass(site, request) or _new_pass(site, view, "")
    token = site.voters.ballot(one, view)
    ballot = read_token(lambda: site.voters.read_ballot(token, one, number, site.now_ms()))
    outcome = _cast(site, request, one, ballot, 0, share)
    reply = ANSWERS[outcome.verdict]
    accepted = outcome.verdict is Verdict.ACCEPTED
    if not accepted:
        g.refused = outcome.verdict.value
    page = render_template(
        "ballot/outcome.html",
        entry=entry,
        sentence=reply.sentence,
        accepted=accepted,
        receipt=site.voters.receipt(outcome.vote_id) if accepted else "",
        votes_left=outcome.votes_left,
        next=reply.next,
    )
    response = make_response(page, reply.status)
    response.headers["Cache-Control"] = "no-store"
    hand_out(site, one, response)
    return response


def sent_form(site: Site, number: int) -> tuple[View, str]:
    """The view and the share code of a form that our page sent; raises Problem for others."""
    _refuse_foreign_site(site, request)
    sent = VoteForm(formdata=request.form)
    if not sent.validate():
        raise Problem(400, "form_expired", "这个页面放得太久了", "请返回作品页，重新点“投一票”")
    if sent.remark.data:
        raise Problem(403, "form_refused", "这次提交没有被接受", "请返回作品页，重新点“投一票”")
    view = read_token(lambda: site.voters.read_view(sent.view.data or "", number, site.now_ms()))
    return view, sent.share.data or ""


def _came_by(request: Request) -> str:
    """The share code in the address, or in that of the page before: pages are shared by all, so
    their links can't carry it."""
    before = parse_qs((request.referrer or "").partition("?")[2]).get("s", [""])[0]
    return request.args.get("s", before)[:32]


def _sign_in(site: Site, rules: Rules, one: Pass | None) -> str | None:
    """Where this visitor has to sign in before voting: `here`, `elsewhere` in WeChat, or nowhere.

    In WeChat whoever can sign in does, because an account is the better known voter.
    """
    if site.wechat is None or (one and one.identity is Identity.OPENID):
        return None
    if in_wechat(request.headers.get("User-Agent", "")):
        return "here"
    return None if rules.votes_per_device else "elsewhere"


def _class_of(one: Pass | None, sign_in: str | None) -> Identity:
    """The class that this visitor's next vote will count for."""
    if sign_in:
        return Identity.OPENID
    return one.identity if one else Identity.DEVICE


def _intention(site: Site, one: Pass | None, entry: int) -> Intention | None:
    """What this visitor meant to do here before signing in, once they have."""
    token = request.cookies.get(SIGN_IN_COOKIE, "")
    if not (token and one and one.identity is Identity.OPENID):
        return None
    try:
        found = site.voters.read_intention(token, site.now_ms())
    except Worthless:
        return None
    return found if found.view.entry == entry else None


def _cast(
    site: Site, request: Request, one: Pass, ballot: Ballot, watched_s: int, share: str
) -> Outcome:
    place, now_ms = site.voters.place(request.remote_addr or ""), site.now_ms()
    signals = Signals(
        identity=one.identity,
        address=place.address,
        network=place.network,
        agent=site.voters.agent(request.headers.get("User-Agent", "")),
        share=site.voters.read_share_code(share),
        dwell_ms=now_ms - ballot.issued_ms,
        watched_s=watched_s,
    )
    outcome = site.store.ballots.cast(ballot, signals)
    if outcome.verdict is Verdict.ACCEPTED:
        if one.identity is Identity.OPENID:
            site.store.gate.notice(How.WECHAT, place.network, one.voter)
        elif now_ms // 1000 - one.issued_s >= AGED_S:
            site.store.gate.notice(How.AGED, place.network, one.voter)
    return outcome


def _new_pass(site: Site, view: View, solution: str) -> Pass:
    board = site.board()
    if verdict := NO_PASS.get(board.phase(site.now_ms())):
        raise refusal(verdict)
    if not board.rules.votes_per_device:
        raise refusal(Verdict.WECHAT_REQUIRED)
    return new_pass(site, request, view, solution)


def hand_out(site: Site, one: Pass, response: Response) -> None:
    """Give the visitor this pass, unless it is the one they have."""
    if visitors_pass(site, request) == one:
        return
    response.set_cookie(
        PASS_COOKIE,
        site.voters.pass_token(one),
        max_age=PASS_LIVES_S,
        secure=site.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def _record(site: Site, board: Board, one: Pass | None) -> Record:
    if one is None:
        return Record(())
    return site.store.ballots.record(one.voter, board.rules, site.now_ms())


def read_token(read: Any) -> Any:
    """Read a token, or refuse as ANSWERS says."""
    try:
        return read()
    except Worthless as error:
        raise refusal(error.verdict) from error


def refusal(verdict: Verdict) -> Problem:
    reply = ANSWERS[verdict]
    return Problem(
        reply.status, verdict.value, reply.sentence, reply.next, reply.retry_after_s
    )


def json_body(
    site: Site, request: Request, required: dict[str, type], optional: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The request's JSON object with fields of these types; everything else is refused."""
    _refuse_foreign_site(site, request)
    if not request.is_json:
        raise UnsupportedMediaType
    try:
        body = request.get_json(silent=True)
    except RecursionError as error:
        raise BadRequest from error
    if not isinstance(body, dict):
        raise BadRequest
    for name, kind in (required | (optional or {})).items():
        value = body.get(name)
        if value is None and name not in required:
            body.pop(name, None)
        elif not isinstance(value, kind) or isinstance(value, bool):
            raise BadRequest
        elif isinstance(value, float) and not math.isfinite(value):
            raise BadRequest  # Python's parser knows NaN and Infinity, JSON doesn't
    return body


def seconds_watched(body: dict[str, Any]) -> int:
    """How long the page says that the film was watched, as far as a ledger row has room for it."""
    return int(min(max(body.get("watched_s", 0), 0), 0xFFFF))


def _refuse_foreign_site(site: Site, request: Request) -> None:
    if is_foreign(site, request):
        raise Problem(403, "foreign_site", "这个请求不是从本站页面发出的", "请打开作品页再投")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise Problem(404, "unknown_entry", "没有这个编号的作品")
    return int(text)


def private(fields: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(fields), status, PRIVATE, content_type="application/json")
