"""账号: who may come in, and as what."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from voting.organizer import (
    ROLE_WORDS,
    Account,
    Power,
    Role,
    hash_password,
    new_password,
    plain_name,
    why_no_name,
)
from voting.store.accounts import AccountExists, LastOrganizer, NoSuchAccount
from voting.store.log import KIND_WORDS, Act
from voting.web.errors import Problem
from voting.web.organizer.entries import one_line
from voting.web.organizer.gate import console, may, me
from voting.web.organizer.hashing import queue
from voting.web.site import this_site

#: What each role may do, for whoever hands one out.
ROLE_MEANS = {
    Role.ORGANIZER: "全部：收件、审核、撤下、控制投票、公布结果、管账号",
    Role.REVIEWER: "收件和审核作品，看总览",
    Role.SUPERVISOR: "只看不改：总览、操作记录、导出",
}
RECENT = 12
#: Met only when two organizers take each other's role away in the same moment.
_LAST = Problem(409, "last_organizer", "这是最后一个能用的组织者账号，不能停用，也不能改成别的角色")


@console.get("/accounts")
@may(Power.ACCOUNTS)
def accounts() -> str:
    return _all()


@console.post("/accounts")
@may(Power.ACCOUNTS)
def add_account() -> str | tuple[str, int]:
    site, name = this_site(), plain_name(request.form.get("name", "").strip())
    role = _role()
    if wrong := why_no_name(name):
        return _all(f"{wrong}。", name, role), 422
    password = new_password()
    hashed = queue.run(hash_password, password)
    account = Account(name, role, hashed, site.now_ms(), handed_over=True)
    try:
        site.store.accounts.add(account, me().name)
    except AccountExists as error:
        return _all(f"已经有名叫“{error}”的账号了。", name, role), 409
    return _handed_over(account, password, "账号建好了")


@console.get("/accounts/<name>")
@may(Power.ACCOUNTS)
def account(name: str) -> str:
    return _one(name)


@console.post("/accounts/<name>/role")
@may(Power.ACCOUNTS)
def change_role(name: str) -> Response:
    _not_oneself(name, "自己的角色要由别的组织者来改")
    role = _role()
    try:
        this_site().store.accounts.set_role(_known(name).name, role, me().name)
    except LastOrganizer as error:
        raise _LAST from error
    flash(f"{name} 现在是{ROLE_WORDS[role]}，需要重新登录。")
    return redirect(url_for("organizer.account", name=name))


@console.post("/accounts/<name>/password")
@may(Power.ACCOUNTS)
def reset_password(name: str) -> str:
    _not_oneself(name, "自己的密码在“改密码”里改")
    password = new_password()
    hashed = queue.run(hash_password, password)
    changed = this_site().store.accounts.set_password(
        _known(name).name, hashed, me().name, handed_over=True
    )
    return _handed_over(changed, password, "密码重设好了")


@console.post("/accounts/<name>/disable")
@may(Power.ACCOUNTS)
def disable_account(name: str) -> Response | tuple[str, int]:
    _not_oneself(name, "自己不能停用自己，要由别的组织者来做")
    return _set_disabled(name, True, f"{name} 停用了，已经退出登录。")


@console.post("/accounts/<name>/enable")
@may(Power.ACCOUNTS)
def enable_account(name: str) -> Response | tuple[str, int]:
    return _set_disabled(name, False, f"{name} 又可以登录了。")


def _set_disabled(name: str, disabled: bool, told: str) -> Response | tuple[str, int]:
    found = _known(name)
    reason = one_line(request.form.get("reason", ""))
    if not reason:
        return _one(name, "请用一行话写明理由，不超过 200 字；它会记入操作记录。"), 422
    try:
        this_site().store.accounts.set_disabled(found.name, disabled, reason, me().name)
    except LastOrganizer as error:
        raise _LAST from error
    flash(told)
    return redirect(url_for("organizer.account", name=name))


def _all(wrong: str = "", name: str = "", role: Role = Role.REVIEWER) -> str:
    store = this_site().store
    found = store.accounts.all().values()
    return render_template(
        "organizer/accounts.html",
        accounts=sorted(found, key=lambda one: (one.disabled, one.since_ms)),
        seen=store.accounts.last_log_ins(),
        roles=ROLE_WORDS,
        means=ROLE_MEANS,
        wrong=wrong,
        name=name,
        role=role,
    )


def _one(name: str, wrong: str = "") -> str:
    found, store = _known(name), this_site().store

    def theirs(act: Act) -> bool:
        return name in (act.by, act.subject)

    acts, _ = store.log.find(theirs, RECENT)
    return render_template(
        "organizer/account.html",
        account=found,
        seen_ms=store.accounts.last_log_ins().get(name),
        roles=ROLE_WORDS,
        means=ROLE_MEANS,
        acts=acts,
        kinds=KIND_WORDS,
        wrong=wrong,
    )


def _handed_over(account: Account, password: str, title: str) -> str:
    """The one page that shows a password; it goes nowhere else, not even into a cookie."""
    address = f"{this_site().origin()}{url_for('organizer.log_in')}"
    return render_template(
        "organizer/handed_over.html",
        account=account,
        password=password,
        title=title,
        role=ROLE_WORDS[account.role],
        address=address,
    )


def _known(name: str) -> Account:
    try:
        return this_site().store.accounts.of(name)
    except NoSuchAccount as error:
        raise Problem(404, "no_such_account", f"没有名叫“{name}”的账号") from error


def _role() -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError as error:
        raise Problem(400, "no_such_role", "请选一个角色", "请回到上一页再试一次") from error


def _not_oneself(name: str, sentence: str) -> None:
    if name == me().name:
        raise Problem(403, "oneself", sentence)
