"""The page of accounts: making, changing, disabling; and what can't be done to oneself."""

from __future__ import annotations

import re

import pytest
from people import Operator

from voting.organizer import Account, Role, is_password, why_weak
from voting.store.accounts import LastOrganizer
from voting.store.log import Kind
from voting.web.site import Site

LI = "/organizer/accounts/李审核"
WANG = "/organizer/accounts/王组织"


def secret(page: str) -> str:
    found = re.search(r'<span class="secret" id="secret">([^<]+)</span>', page)
    assert found, page
    return found[1]


def told(site: Site) -> tuple[Kind, str, str, str]:
    act = site.store.log.last()
    assert act is not None
    return act.kind, act.subject, act.reason, act.by


def test_accounts_are_listed_with_role_and_state(
    organizer: Operator, reviewer: Operator, site: Site
):
    site.store.accounts.set_disabled("李审核", True, "调离")
    page = organizer.get("/organizer/accounts").text
    for word in ("王组织", "李审核", "组织者", "审核员", "已停用", "（您）", "上次登录"):
        assert word in page
    assert "argon2" not in page


def test_a_new_account_s_password_is_shown_once_and_kept_nowhere(organizer: Operator, site: Site):
    page = organizer.post("/organizer/accounts", name=" 赵新 ", role="supervisor")
    assert page.status_code == 200
    assert "只在这一页显示一次" in page.text
    password = secret(page.text)
    account = site.store.accounts.of("赵新")
    assert (account.role, account.handed_over) == (Role.SUPERVISOR, True)
    assert is_password(account, password)
    assert not why_weak(password, "赵新")
    assert told(site) == (Kind.ACCOUNT_ADD, "赵新", "角色：监督员", "王组织")
    assert not any(password in header for _, header in page.headers)
    assert password not in organizer.get("/organizer/accounts").text
    new = Operator(organizer.client.application.test_client(), "赵新")
    assert new.log_in(password).status_code == 302
    assert new.get("/organizer/").headers["Location"] == "/organizer/password"


@pytest.mark.parametrize(
    ("name", "status", "word"),
    [
        ("", 422, "请写名字"), ("a  b", 422, "名字只能用"), ("命令行", 422, "换一个名字"),
        ("x" * 41, 422, "最多 40 个字"), ("李审核", 409, "已经有名叫“李审核”的账号了"),
        ("<script>", 422, "名字只能用"),
    ],
)  # fmt: skip
def test_a_name_that_won_t_do_is_said_beside_the_form(
    organizer: Operator, reviewer: Operator, site: Site, name: str, status: int, word: str
):
    page = organizer.post("/organizer/accounts", name=name, role="reviewer")
    assert page.status_code == status
    assert word in page.text
    assert "<script>" not in page.text
    assert list(site.store.accounts.all()) == ["王组织", "李审核"]


def test_a_role_that_there_isn_t_is_refused(organizer: Operator, site: Site):
    assert organizer.post("/organizer/accounts", name="赵", role="king").status_code == 400
    assert list(site.store.accounts.all()) == ["王组织"]


def test_a_role_is_changed_and_the_account_logs_in_anew(
    organizer: Operator, reviewer: Operator, site: Site
):
    answer = organizer.post(f"{LI}/role", role="supervisor")
    assert answer.status_code == 302
    assert "李审核 现在是监督员" in organizer.get(LI).text
    assert told(site) == (Kind.ACCOUNT_CHANGE, "李审核", "角色：审核员 → 监督员", "王组织")
    assert reviewer.get("/organizer/password").status_code == 302


def test_a_password_is_reset_and_shown_once(organizer: Operator, reviewer: Operator, site: Site):
    page = organizer.post(f"{LI}/password")
    account = site.store.accounts.of("李审核")
    assert is_password(account, secret(page.text))
    assert account.handed_over
    assert told(site) == (Kind.ACCOUNT_CHANGE, "李审核", "重设了密码", "王组织")
    assert reviewer.get("/organizer/password").status_code == 302


def test_disabling_and_enabling_want_a_reason_that_is_kept(
    organizer: Operator, reviewer: Operator, site: Site
):
    for reason in ("", " ", "x" * 201, "\u0000"):
        refused = organizer.post(f"{LI}/disable", reason=reason)
        assert refused.status_code == 422
        assert "请用一行话写明理由" in refused.text
    assert not site.store.accounts.of("李审核").disabled
    assert organizer.post(f"{LI}/disable", reason="调离 项目").status_code == 302
    assert told(site) == (Kind.ACCOUNT_DISABLE, "李审核", "调离 项目", "王组织")
    assert reviewer.get("/organizer/password").status_code == 302
    page = organizer.get(LI).text
    assert "已停用" in page
    assert "调离 项目" in page
    organizer.post(f"{LI}/enable", reason="回来了")
    assert told(site) == (Kind.ACCOUNT_ENABLE, "李审核", "回来了", "王组织")
    assert not site.store.accounts.of("李审核").disabled


@pytest.mark.parametrize("what", ["role", "password", "disable"])
def test_nobody_does_it_to_themselves(organizer: Operator, site: Site, what: str):
    before = site.store.accounts.of("王组织")
    answer = organizer.post(f"{WANG}/{what}", role="reviewer", reason="试")
    assert answer.status_code == 403
    assert "自己" in answer.text
    assert site.store.accounts.of("王组织") == before
    assert f'action="{WANG}/disable"' not in organizer.get(WANG).text


@pytest.mark.parametrize("what", ["disable", "role"])
def test_the_last_organizer_is_said_when_two_are_faster(
    organizer: Operator, site: Site, monkeypatch: pytest.MonkeyPatch, what: str
):
    site.store.accounts.add(Account("赵", Role.ORGANIZER, "x", 3))

    def too_late(*_: object) -> None:
        raise LastOrganizer("赵")

    monkeypatch.setattr(type(site.store.accounts), "_not_the_last", too_late)
    answer = organizer.post(f"/organizer/accounts/赵/{what}", role="reviewer", reason="试")
    assert answer.status_code == 409
    assert "最后一个能用的组织者账号" in answer.text


@pytest.mark.parametrize("what", ["", "/role", "/password", "/disable", "/enable"])
def test_an_account_that_there_isn_t_is_said(organizer: Operator, what: str):
    path = f"/organizer/accounts/无名{what}"
    answer = organizer.post(path, role="reviewer", reason="试") if what else organizer.get(path)
    assert answer.status_code == 404
    assert "没有名叫“无名”的账号" in answer.text


def test_an_account_s_page_shows_what_it_did_and_what_was_done_to_it(
    organizer: Operator, reviewer: Operator, site: Site
):
    site.store.log.append(Kind.REFUSE, 13, "没有标识", "李审核")
    page = organizer.get(LI).text
    assert "没有标识" in page
    assert "新建账号" in page
    assert "制定规则" not in page
