"""The console's gate: who is logged in, and which view asks for which power.

Everything is closed unless a view says who may see it. While there is no account, the console
answers only to whoever sits at the machine itself, and has nothing but the next step to show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Blueprint, Response, current_app, g, redirect, request, url_for
from flask_wtf.csrf import CSRFError, generate_csrf, validate_csrf
from markupsafe import Markup
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse
from wtforms import ValidationError

from voting.contest import Standings
from voting.network import ip_of
from voting.organizer import Account, Power
from voting.store.accounts import LONGEST_S
from voting.store.standings import Board
from voting.web.errors import Problem, is_asked_by_script
from voting.web.site import is_foreign, this_site

console = Blueprint("organizer", __name__, url_prefix="/organizer")

SESSION_COOKIE = "organizer"
#: The power that a view asks for which nobody declared; no role has it.
CLOSED = "closed"
#: What a proxy leaves on a request that it passes on.
PROXIED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "Via")
View = TypeVar("View", bound=Callable[..., Any])


def may(power: Power) -> Callable[[View], View]:
    """Declare who may use a view: every account whose role has this power."""

    def declare(view: View) -> View:
        view.power = power  # type: ignore[attr-defined]
        return view

    return declare


def everybody(view: View) -> View:
    """Declare a view that needs no log-in."""
    view.power = None  # type: ignore[attr-defined]
    return view


@dataclass(frozen=True, slots=True)
class Counted:
    """How the vote stands for whoever looks: places, every entry's votes, and how many were removed
    from those."""

    standings: Standings
    votes: dict[int, int]
    removed: int


def counted(board: Board) -> Counted:
    """Who may not know what scrutiny has found sees what the public sees, a day later."""
    if me().may(Power.INSPECT):
        return Counted(board.standings_now, board.votes_now, sum(board.removed_now.values()))
    return Counted(board.standings, board.votes, sum(one.votes for one in board.removals))


def me() -> Account:
    """The account that this request comes from; only where a power was asked for."""
    account: Account = g.account
    return account


@console.before_request
def let_in() -> AnyResponse | None:
    site = this_site()
    power = getattr(current_app.view_functions[request.endpoint or ""], "power", CLOSED)
    token = request.cookies.get(SESSION_COOKIE, "")
    g.account = site.store.accounts.logged_in(token, awake=not _is_polling())
    if g.account is None and not is_at_the_machine() and not site.store.accounts.exist():
        raise Problem(403, "console_closed", "组织者后台还没有开通", "请先在服务器上建立第一个账号")
    if power == CLOSED:
        raise Problem(403, "closed", "这一页没有向任何人开放", "请告诉维护网站的人")
    if power is not None:
        if g.account is None:
            return _to_log_in()
        if not g.account.may(power):
            raise Problem(403, "not_allowed", "您的账号不能使用这一页", "需要的话请找组织者")
        if g.account.handed_over and power is not Power.SELF:
            return _to_own_password()
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        _check_token()
    return None


@console.after_request
def never_kept(response: Response) -> Response:
    if not response.headers.get("Cache-Control", "").startswith("private"):
        response.headers["Cache-Control"] = "no-store"
    return response


@console.context_processor
def common() -> dict[str, Any]:
    account: Account | None = g.get("account")
    return {"me": account, "Power": Power, "csrf_token": generate_csrf, "token": token}


def token() -> Markup:
    """What every form that posts has in it."""
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())


@console.get("/<path:place>")
@may(Power.SELF)
def nowhere(place: str) -> str:
    """What no page answers to; here, so that it is said inside the console."""
    raise NotFound(place)


def _to_log_in() -> AnyResponse:
    if request.method in ("GET", "HEAD") and not is_asked_by_script():
        return redirect(url_for("organizer.log_in", to=request.full_path.rstrip("?")))
    raise Problem(403, "logged_out", "登录已经过期", "请重新登录；刚才的操作没有生效")


def _to_own_password() -> AnyResponse:
    if request.method in ("GET", "HEAD") and not is_asked_by_script():
        return redirect(url_for("organizer.password"))
    raise Problem(403, "handed_over", "您还在用别人给的密码", "请先换成自己的密码")


def _is_polling() -> bool:
    """Whether a page asks by itself, with nobody necessarily in front of it."""
    return request.method == "GET" and request.path.endswith(".json")


def _check_token() -> None:
    if is_foreign(this_site(), request):
        raise Problem(403, "foreign_page", "这个操作不是从后台页面发出的", "请回到后台再试")
    try:
        # As long as a session may last: a page that somebody works on for hours stays good.
        token = request.headers.get("X-CSRFToken") or request.form.get("csrf_token")
        validate_csrf(token, time_limit=LONGEST_S)
    except (CSRFError, ValidationError) as error:
        raise Problem(
            403, "stale_form", "页面打开太久了，刚才的操作没有生效", "请刷新页面再试一次"
        ) from error


def is_at_the_machine() -> bool:
    """Whether somebody on this machine asks, directly. Behind a proxy that nobody told us of
    (TRUSTED_PROXIES=0) every request seems to come from here.
    """
    hops = this_site().settings.trusted_proxies
    if not hops and any(name in request.headers for name in PROXIED):
        return False
    ip = ip_of(request.remote_addr or "")
    return ip is not None and ip.is_loopback
