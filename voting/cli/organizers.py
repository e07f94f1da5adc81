"""`organizers` and `log`: accounts of the console, and what everybody did with them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from voting.cli.command import minute, reason_option, told
from voting.organizer import (
    ROLE_WORDS,
    Account,
    Role,
    hash_password,
    plain_name,
    why_no_name,
    why_weak,
)
from voting.store.accounts import AccountExists, LastOrganizer, NoSuchAccount
from voting.store.log import KIND_WORDS, subject_words
from voting.web.site import Site

ROLES = click.Choice([role.value for role in Role])
ROLE_HELP = "organizer 组织者（全部）、reviewer 审核员（收件和审核）、supervisor 监督员（只看）"
by_standard_input = click.option(
    "--password-stdin", is_flag=True, help="从标准输入读一行作为密码，不在屏幕上问"
)


@click.group()
def organizers() -> None:
    """后台账号：新建、列出、改角色、换密码、停用、启用。"""


@organizers.command()
@click.argument("name")
@click.option("--role", type=ROLES, required=True, help=ROLE_HELP)
@by_standard_input
@told
def add(site: Site, name: str, role: str, password_stdin: bool) -> None:
    """新建账号 NAME；密码输入两遍，屏幕上不显示。"""
    name = plain_name(name)
    if wrong := why_no_name(name):
        raise click.ClickException(wrong)
    with in_words():
        if name in site.store.accounts.all():
            raise AccountExists(name)
        hashed = hash_password(_password(name, password_stdin))
        site.store.accounts.add(Account(name, Role(role), hashed, site.now_ms()))
    click.echo(f"已建立{ROLE_WORDS[Role(role)]}账号“{name}”。登录：网站地址后面加 /organizer/")


@organizers.command("list")
@told
def list_accounts(site: Site) -> None:
    """列出所有账号。"""
    seen = site.store.accounts.last_log_ins()
    for one in site.store.accounts.all().values():
        state = "已停用" if one.disabled else "等本人换密码" if one.handed_over else "可用"
        last = f"上次登录 {minute(seen[one.name])}" if one.name in seen else "还没有登录过"
        words = (one.name, ROLE_WORDS[one.role], state, f"{minute(one.since_ms)} 建立", last)
        click.echo("  ".join(words))


@organizers.command("role")
@click.argument("name")
@click.argument("role", type=ROLES)
@told
def change_role(site: Site, name: str, role: str) -> None:
    """改角色；这个账号要重新登录。"""
    with in_words():
        site.store.accounts.set_role(plain_name(name), Role(role))
    click.echo(f"“{name}”现在是{ROLE_WORDS[Role(role)]}。")


@organizers.command("password")
@click.argument("name")
@by_standard_input
@told
def change_password(site: Site, name: str, password_stdin: bool) -> None:
    """换密码；这个账号在别处的登录马上失效。"""
    name = plain_name(name)
    with in_words():
        site.store.accounts.of(name)
        hashed = hash_password(_password(name, password_stdin))
        site.store.accounts.set_password(name, hashed)
    click.echo(f"“{name}”的密码换好了。")


@organizers.command()
@click.argument("name")
@reason_option(required=True, help="理由，记入操作记录")
@told
def disable(site: Site, name: str, reason: str) -> None:
    """停用账号：马上退出登录，以后也不能登录。"""
    with in_words():
        site.store.accounts.set_disabled(plain_name(name), True, reason)
    click.echo(f"“{name}”停用了。")


@organizers.command()
@click.argument("name")
@reason_option(required=True, help="理由，记入操作记录")
@told
def enable(site: Site, name: str, reason: str) -> None:
    """重新启用账号。"""
    with in_words():
        site.store.accounts.set_disabled(plain_name(name), False, reason)
    click.echo(f"“{name}”又可以登录了。")


@click.group("log")
def operators_log() -> None:
    """操作记录：查看，核对有没有被改过。"""


@operators_log.command()
@told
def check(site: Site) -> None:
    """核对每一行：有没有被改过、抽掉、插进来，末尾有没有少。有问题时退出码为 1。"""
    chain = site.store.log.chain()
    if chain.flaw:
        whole = f"第 1 到 {chain.rows} 行完整；" if chain.rows else ""
        raise click.ClickException(f"操作记录被动过。{whole}{chain.flaw.sentence}")
    if not chain.rows:
        click.echo("操作记录还是空的。")
        return
    click.echo(f"第 1 到 {chain.rows} 行完整。最新校验码：{chain.digest}")


@operators_log.command()
@click.option("--last", type=click.IntRange(1, 100_000), default=50, show_default=True,
              help="最后多少行")  # fmt: skip
@told
def show(site: Site, last: int) -> None:
    """列出最近的操作，旧的在前。"""
    for act in reversed(site.store.log.latest(last)):
        words = (str(act.n), minute(act.at_ms), act.by, KIND_WORDS[act.kind], subject_words(act))
        click.echo("  ".join(word for word in (*words, act.reason) if word))


def _password(name: str, from_stdin: bool) -> str:
    """A new password: one line of standard input, or typed twice without an echo."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("密码（至少 10 个字符，屏幕上不显示）", hide_input=True)
        if click.prompt("再输一遍", hide_input=True) != password:
            raise click.ClickException("两次输入的密码不一样，没有改动")
    if weak := why_weak(password, name):
        raise click.ClickException(weak)
    return password


@contextmanager
def in_words() -> Iterator[None]:
    try:
        yield
    except NoSuchAccount as error:
        raise click.ClickException(f"没有名叫“{error}”的账号") from error
    except AccountExists as error:
        raise click.ClickException(f"已经有名叫“{error}”的账号了") from error
    except LastOrganizer as error:
        raise click.ClickException(
            f"“{error}”是最后一个能用的组织者账号，不能停用，也不能改成别的角色；"
            "请先建立或启用另一个组织者"
        ) from error
