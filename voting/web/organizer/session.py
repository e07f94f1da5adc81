"""Logging in and out, and the own password."""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from flask import Response as Answer
from flask import flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from voting.organizer import (
    LONGEST_PASSWORD,
    Account,
    Power,
    hash_password,
    is_password,
    plain_name,
    why_weak,
)
from voting.store.log import SITE, Kind
from voting.web.errors import Problem
from voting.web.organizer.gate import SESSION_COOKIE, console, everybody, may, me
from voting.web.organizer.hashing import queue
from voting.web.site import Site, this_site
from voting.web.throttle import is_worth_a_line, refuse_guessing

DEVICE_COOKIE = "device"
DEVICE_LIVES_S = 180 * 24 * 3600
Form = str | tuple[str, int]


@console.get("/log-in")
@everybody
def log_in() -> Form:
    return _log_in_form()


@console.post("/log-in")
@everybody
def open_session() -> Response | Form:
    site = this_site()
    name = plain_name(request.form.get("name", "").strip())
    password = request.form.get("password", "")
    if not site.store.accounts.exist():
        return _log_in_form(403)
    device = _known_device(site, name)
    try:
        refuse_guessing(name, device)
        account = _recognized(site, name, password, known=bool(device))
    except Problem as problem:
        return _log_in_form(problem.status, name, f"{problem.sentence}，{problem.next}。")
    if account is None:
        return _log_in_form(403, name, "名字或密码不对，或者账号已停用。")
    response = redirect(_inside(request.args.get("to", "")))
    _begin(response, site, account)
    if not device:
        _set_cookie(response, DEVICE_COOKIE, _device(site, name, secrets.token_hex(8)),
                    max_age=DEVICE_LIVES_S)  # fmt: skip
    return response


@console.post("/log-out")
@everybody
def log_out() -> Response:
    this_site().store.accounts.log_out(request.cookies.get(SESSION_COOKIE, ""))
    session.clear()
    response = redirect(url_for("organizer.log_in"))
    response.delete_cookie(SESSION_COOKIE, path="/organizer")
    return response


@console.get("/alive")
@may(Power.SELF)
def alive() -> Answer:
    """Somebody moves at a page that only polls; asking for this keeps the session from idling."""
    return Answer(status=204)


@console.get("/password")
@may(Power.SELF)
def password() -> str:
    return render_template("organizer/password.html")


@console.post("/password")
@may(Power.SELF)
def change_password() -> Response | Form:
    site, old, new = this_site(), request.form.get("old", ""), request.form.get("new", "")
    wrong = _wrong_change(old, new, request.form.get("again", ""))
    if wrong:
        return render_template("organizer/password.html", wrong=wrong), 422
    account = site.store.accounts.set_password(
        me().name, queue.run(hash_password, new), by=me().name
    )
    # All sessions of the old password have ended, this one too.
    response = redirect(url_for("organizer.dashboard"))
    _begin(response, site, account)
    flash("密码换好了；在别处的登录已经失效。")
    return response


def _wrong_change(old: str, new: str, again: str) -> str:
    """What is wrong with a change of the own password, in one sentence; '' if nothing is."""
    refuse_guessing(me().name, f"{me().name} inside")
    if len(old) > LONGEST_PASSWORD or not queue.run(is_password, me(), old):
        return "现在的密码不对。"
    if new != again:
        return "两次输入的新密码不一样。"
    if weak := why_weak(new, me().name):
        return f"{weak}。"
    return "新密码和现在的一样。" if new == old else ""


def _log_in_form(status: int = 200, name: str = "", wrong: str = "") -> tuple[str, int]:
    made = this_site().store.accounts.exist()
    page = render_template("organizer/log_in.html", made=made, name=name, wrong=wrong)
    return page, status


def _recognized(site: Site, name: str, password: str, *, known: bool) -> Account | None:
    """Whose name and password this is. It takes the same time whether there is such an account."""
    account = site.store.accounts.all().get(name)
    if len(password) > LONGEST_PASSWORD:
        return None
    if queue.run(is_password, account, password, known=known):
        return account
    whose = account.name if account else ""
    if is_worth_a_line(whose):
        reason = "一小时内多次输错密码" if account else "有人在试不存在的账号名"
        site.store.log.append(Kind.LOG_IN_FAILED, whose, reason, SITE)
    return None


def _begin(response: Response, site: Site, account: Account) -> None:
    """A new session for this browser; the one it had is over, and so are its forms."""
    site.store.accounts.forget(request.cookies.get(SESSION_COOKIE, ""))
    session.clear()
    _set_cookie(response, SESSION_COOKIE, site.store.accounts.log_in(account))


def _set_cookie(response: Response, name: str, value: str, max_age: int | None = None) -> None:
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/organizer",
        secure=this_site().is_secure(),
        httponly=True,
        samesite="Strict",
    )


def _device(site: Site, name: str, nonce: str) -> str:
    """A cookie that says: this account has logged in with this browser. It opens nothing."""
    content = f"device:{site.contest.id}:{name}:{nonce}"
    return f"{nonce}.{hmac.digest(site.keys.signing, content.encode(), 'sha256').hex()}"


def _known_device(site: Site, name: str) -> str:
    """The device's own word, '' if it has no cookie of ours for this account."""
    cookie = request.cookies.get(DEVICE_COOKIE, "")
    nonce = cookie.partition(".")[0]
    right = _device(site, name, nonce).encode()
    return nonce if hmac.compare_digest(cookie.encode("utf-8", "replace"), right) else ""


def _inside(path: str) -> str:
    """Where to go after logging in: a page of the console, nowhere else."""
    home = url_for("organizer.dashboard")
    if not path.isprintable() or "\\" in path or len(path) > 1000:
        return home
    parts = urlsplit(path)
    inside = not parts.netloc and not parts.scheme and parts.path.startswith("/organizer/")
    turning = parts.path in (url_for("organizer.log_in"), url_for("organizer.log_out"))
    return path if inside and not turning else home
