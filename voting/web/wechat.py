"""Signing in by WeChat, the JS-SDK's signature, and the files that WeChat looks for.

The tap on "vote" sets out with a token in the `sign-in` cookie, and OAuth's state is derived from
it: whoever comes back without that cookie, or with another's state, is signed in to nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request

from voting.contest import Identity
from voting.store.client import StoreDown
from voting.voter import VIEW_LIVES_MS, Intention, Pass, View, Worthless
from voting.web.ballot import (
    NO_PASS,
    TOLD,
    hand_out,
    json_body,
    private,
    read_token,
    refusal,
    seconds_watched,
    sent_form,
)
from voting.web.errors import Problem
from voting.web.gallery import find
from voting.web.site import SIGN_IN_COOKIE, Site, this_site, visitors_pass
from voting.web.throttle import sign_in
from voting.wechat import USED, Api, CodeWorthless, Trouble, signature

log = logging.getLogger(__name__)

blueprint = Blueprint("wechat", __name__)

RETURN = "/wechat/return"
#: No page of ours has a longer address, and a longer one isn't worth a hash.
LONGEST_URL = 2048
#: How often, and at what distance, a phone that came back twice is looked for.
LOOKS, LOOK_S = 5, 0.2


@blueprint.after_request
def keep_to_oneself(response: Response) -> Response:
    """Nothing here is anybody else's; and whoever isn't signed in is counted, as with votes."""
    response.headers.setdefault("Cache-Control", "no-store")
    signing_in = request.method == "POST" or request.path == RETURN
    if signing_in and (reason := g.get("refused")):
        site = this_site()
        site.store.refusals.count(reason, site.now_ms())
    return response


@blueprint.post("/api/v1/sign-in")
def from_page() -> Response:
    site = this_site()
    api = _account(site)
    body = json_body(site, request, {"entry": int, "view": str}, TOLD)
    number = find(site.board(), body["entry"]).number
    view = read_token(lambda: site.voters.read_view(body["view"], number, site.now_ms()))
    go, intention = _set_out(site, api, view, seconds_watched(body), body.get("share", ""))
    return _remember(site, private({"go": go}, 200), intention)


@blueprint.post("/e/<int:number>/sign-in")
def from_form(number: int) -> Response:
    """The same for browsers without JavaScript; the form is the one of `/e/<number>/vote`."""
    site = this_site()
    api = _account(site)
    view, share = sent_form(site, find(site.board(), number).number)
    go, intention = _set_out(site, api, view, 0, share)
    return _remember(site, make_response(redirect(go, 303)), intention)


def _set_out(site: Site, api: Api, view: View, watched_s: int, share: str) -> tuple[str, str]:
    """WeChat's address to go to, and the token to come back with."""
    if verdict := NO_PASS.get(site.board().phase(site.now_ms())):
        raise refusal(verdict)
    intention = site.voters.set_out(view, watched_s, site.voters.read_share_code(share))
    # The entry is named in the address too, to lead somewhere when the cookie is gone.
    return_to = f"{site.origin()}{RETURN}?e={view.entry}"
    return api.authorize_url(return_to, site.voters.state_of(intention)), intention


def _remember(site: Site, response: Response, intention: str) -> Response:
    response.set_cookie(
        SIGN_IN_COOKIE,
        intention,
        max_age=VIEW_LIVES_MS // 1000,
        secure=site.is_secure(),
        httponly=True,
        samesite="Lax",  # it must come along when WeChat leads back here
    )
    return response


@blueprint.get(RETURN)
def come_back() -> Response:
    site = this_site()
    api, one = _account(site), visitors_pass(site, request)
    known = one is not None and one.identity is Identity.OPENID
    intention = _brought(site)
    if intention is None:
        # A link that somebody was sent, or the way back through the history.
        response = make_response(redirect(_page_asked_for(), 303))
        response.delete_cookie(SIGN_IN_COOKIE)
        return response
    entry, code = intention.view.entry, request.args.get("code", "")[:512]
    try:
        person = sign_in(api, code)
    except CodeWorthless as worthless:
        if known:
            return _to_entry(entry)
        return _second_time(site, worthless, entry, code)
    except Trouble as trouble:
        log.warning("sign-in: %s", trouble)
        return _page("away", entry, 503)
    if person.snapshot:
        return _page("snapshot", entry, 403)
    account = site.voters.openid_pass(person.openid, site.now_ms())
    if one and one.identity is Identity.DEVICE:
        # First of all: an account whose device has voted must not begin anew.
        site.store.ballots.adopt(one.voter, account.voter)
    site.store.returns.remember(_journey(code), site.voters.pass_token(account))
    return _welcome(site, account, entry)


def _second_time(site: Site, worthless: CodeWorthless, entry: int, code: str) -> Response:
    """Some phones come back twice with one code; the first answer is lost, or on its way yet."""
    for _ in range(LOOKS if worthless.code == USED else 0):
        if token := site.store.returns.recall(_journey(code)):
            return _welcome(site, site.voters.read_pass(token, site.now_ms()), entry)
        time.sleep(LOOK_S)
    return _page("again", entry, 409)


def _journey(code: str) -> str:
    """Names this way there and back; nobody else has this cookie."""
    token = request.cookies.get(SIGN_IN_COOKIE, "")
    return hashlib.sha256(f"{token} {code}".encode("utf-8", "replace")).hexdigest()[:32]


def _welcome(site: Site, account: Pass, entry: int) -> Response:
    response = _to_entry(entry)
    hand_out(site, account, response)
    return response


def _brought(site: Site) -> Intention | None:
    """What this browser set out with, if it is what comes back now."""
    token = request.cookies.get(SIGN_IN_COOKIE, "")
    state = request.args.get("state", "")
    if not hmac.compare_digest(site.voters.state_of(token).encode(), state.encode()):
        return None
    try:
        return site.voters.read_intention(token, site.now_ms())
    except Worthless:
        return None


def _to_entry(number: int) -> Response:
    return make_response(redirect(f"/e/{number}", 303))


def _page_asked_for() -> str:
    number = request.args.get("e", "")
    return f"/e/{number}" if number.isascii() and number.isdigit() and len(number) <= 5 else "/"


def _page(name: str, entry: int, status: int) -> Response:
    """`again`, `away` or `snapshot`: why nobody is signed in, and what to tap."""
    g.refused = f"sign_in_{name}"
    board = this_site().board()
    page = render_template(
        f"wechat/{name}.html", number=entry, without=bool(board.rules.votes_per_device)
    )
    response = make_response(page, status)
    if status == 503:
        response.headers["Retry-After"] = "30"
    return response


@blueprint.get("/api/v1/wechat/signature")
def sign_page() -> Response:
    site = this_site()
    api = _account(site)
    url = request.args.get("url", "").partition("#")[0]
    if not url.startswith(f"{site.origin()}/") or len(url) > LONGEST_URL:
        raise Problem(400, "foreign_url", "只给本站的页面签名")
    try:
        ticket = site.store.tickets.ticket(api.account.app_id)
    except StoreDown:
        ticket = None
    if ticket is None:
        raise Problem(503, "no_ticket", "暂时没有微信的签名票据", "分享仍然可用", 30)
    nonce, timestamp = secrets.token_urlsafe(12), site.now_ms() // 1000
    fields = {
        "app_id": api.account.app_id,
        "timestamp": timestamp,
        "nonce": nonce,
        "signature": signature(ticket, nonce, timestamp, url),
    }
    return private(fields, 200)


@blueprint.get("/MP_verify_<name>.txt")
def verify(name: str) -> Response:
    """Proves to WeChat that the domain is ours; its content is what its name has in the middle."""
    if name not in this_site().contest.wechat_verify:
        abort(404)
    return Response(name, mimetype="text/plain")


def _account(site: Site) -> Api:
    if site.wechat is None:
        raise Problem(404, "no_wechat", "这个网站没有接微信公众号")
    return site.wechat
