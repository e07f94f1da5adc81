"""`organizers` and `log`: accounts from the command line, and whether the log is whole."""

from __future__ import annotations

import pytest
from click.testing import Result
from flask import Flask
from flask.cli import FlaskGroup

from voting import create_app, prepare
from voting.organizer import Role, is_password
from voting.store import keys
from voting.store.log import COMMAND_LINE, Kind
from voting.web.site import Site

GOOD = "泉水从地下来-2025"


def run(app: Flask, *words: str, typed: str = "") -> Result:
    return app.test_cli_runner().invoke(FlaskGroup(create_app=lambda: app), words, input=typed)


def said(app: Flask, *words: str, typed: str = "") -> str:
    result = run(app, *words, typed=typed)
    assert result.exit_code == 0, result.output
    return result.output


def refused(app: Flask, *words: str, typed: str = "") -> str:
    result = run(app, *words, typed=typed)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    return result.output.splitlines()[-1].removeprefix("Error: ")


def add(app: Flask, name: str, role: str) -> str:
    return said(app, "organizers", "add", name, "--role", role, "--password-stdin",
                typed=f"{GOOD}\n")  # fmt: skip


def test_an_account_is_added_with_a_password_that_is_typed_twice(app: Flask, site: Site):
    typed = f"{GOOD}\n{GOOD}\n"
    told = said(app, "organizers", "add", "王组织", "--role", "organizer", typed=typed)
    assert "已建立组织者账号“王组织”" in told
    assert GOOD not in told
    account = site.store.accounts.of("王组织")
    assert account.role is Role.ORGANIZER
    assert is_password(account, GOOD)
    assert not account.handed_over
    act = site.store.log.last()
    assert act is not None
    assert (act.kind, act.subject, act.by) == (Kind.ACCOUNT_ADD, "王组织", COMMAND_LINE)


def test_two_passwords_that_differ_add_nothing(app: Flask, site: Site):
    sentence = refused(app, "organizers", "add", "王", "--role", "reviewer",
                       typed=f"{GOOD}\n{GOOD}!\n")  # fmt: skip
    assert sentence == "两次输入的密码不一样，没有改动"
    assert not site.store.accounts.exist()


@pytest.mark.parametrize(
    ("name", "typed", "word"),
    [
        ("王组织", "short\n", "至少 10 个字符"),
        ("王组织", "1234567890\n", "太常见"),
        ("王组织", "王组织20252025\n", "名字"),
        ("王组织", "\n", "至少 10 个字符"),
        (" 王", f"{GOOD}\n", "开头和结尾"),
        ("系统", f"{GOOD}\n", "换一个名字"),
        ("x" * 41, f"{GOOD}\n", "最多 40 个字"),
    ],
)
def test_a_weak_password_or_a_strange_name_adds_nothing(
    app: Flask, site: Site, name: str, typed: str, word: str
):
    sentence = refused(
        app, "organizers", "add", name, "--role", "reviewer", "--password-stdin", typed=typed
    )
    assert word in sentence
    assert not site.store.accounts.exist()


def test_a_name_is_given_once(app: Flask):
    add(app, "王组织", "organizer")
    sentence = refused(app, "organizers", "add", "王组织", "--role", "reviewer")
    assert sentence == "已经有名叫“王组织”的账号了"


def test_accounts_are_listed_with_role_state_and_last_log_in(app: Flask, site: Site):
    add(app, "王组织", "organizer")
    add(app, "李审核", "reviewer")
    site.store.accounts.log_in(site.store.accounts.of("王组织"))
    said(app, "organizers", "disable", "李审核", "--reason", "调离")
    first, second = said(app, "organizers", "list").splitlines()
    assert first.startswith("王组织  组织者  可用")
    assert "上次登录" in first
    assert second.startswith("李审核  审核员  已停用")
    assert second.endswith("还没有登录过")


def test_role_password_and_state_are_changed(app: Flask, site: Site):
    add(app, "王组织", "organizer")
    add(app, "李审核", "reviewer")
    assert said(app, "organizers", "role", "李审核", "supervisor") == "“李审核”现在是监督员。\n"
    said(app, "organizers", "password", "李审核", typed=f"{GOOD}！\n{GOOD}！\n")
    said(app, "organizers", "disable", "李审核", "--reason", "调离")
    said(app, "organizers", "enable", "李审核", "--reason", "回来了")
    account = site.store.accounts.of("李审核")
    assert (account.role, account.disabled) == (Role.SUPERVISOR, False)
    assert is_password(account, f"{GOOD}！")
    kinds = [act.kind for act in reversed(site.store.log.latest(4))]
    assert kinds == [
        Kind.ACCOUNT_CHANGE, Kind.ACCOUNT_CHANGE, Kind.ACCOUNT_DISABLE, Kind.ACCOUNT_ENABLE
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words", [("disable", "王组织", "--reason", "试"), ("role", "王组织", "reviewer")]
)
def test_the_last_organizer_stays(app: Flask, site: Site, words: tuple[str, ...]):
    add(app, "王组织", "organizer")
    sentence = refused(app, "organizers", *words)
    assert sentence.startswith("“王组织”是最后一个能用的组织者账号，不能停用")
    assert site.store.accounts.of("王组织").role is Role.ORGANIZER


@pytest.mark.parametrize(
    "words",
    [
        ("role", "无名", "reviewer"), ("password", "无名"), ("disable", "无名", "--reason", "试"),
        ("enable", "无名", "--reason", "试"),
    ],
)  # fmt: skip
def test_an_unknown_name_is_said(app: Flask, words: tuple[str, ...]):
    assert refused(app, "organizers", *words) == "没有名叫“无名”的账号"


@pytest.mark.parametrize("words", [("disable", "王"), ("disable", "王", "--reason", " ")])
def test_disabling_wants_a_reason(app: Flask, words: tuple[str, ...]):
    assert run(app, "organizers", *words).exit_code == 2


def test_a_whole_log_is_said_with_its_last_digest(app: Flask, site: Site):
    chain = site.store.log.chain()
    assert said(app, "log", "check") == (
        f"第 1 到 {chain.rows} 行完整。最新校验码：{chain.digest}\n"
    )


def test_a_log_that_was_tampered_with_is_said_with_the_row(app: Flask, site: Site):
    site.store.law.xdel(keys.OPERATORS_LOG(), "5-1")
    assert refused(app, "log", "check") == "操作记录被动过。第 1 到 4 行完整；第 5 行不见了"


def test_a_log_that_was_cut_is_said_too(app: Flask, site: Site):
    n = site.store.log.chain().rows
    site.store.law.xdel(keys.OPERATORS_LOG(), f"{n}-1")
    assert f"末尾的第 {n} 行不见了" in refused(app, "log", "check")


def test_the_log_is_listed_in_words_the_newest_last(app: Flask):
    add(app, "王组织", "organizer")
    lines = said(app, "log", "show", "--last", "2").splitlines()
    assert len(lines) == 2
    assert lines[-1].endswith("命令行  新建账号  王组织  角色：组织者")


@pytest.mark.parametrize("words", [("organizers", "list"), ("log", "check"), ("log", "show")])
def test_a_store_that_is_away_is_one_sentence(environ: dict[str, str], words: tuple[str, ...]):
    away = environ | {"REDIS_URL": "unix:///tmp/nobody-listens-here.sock"}
    prepare(away)
    assert "连不上数据库" in refused(create_app(away), *words)
