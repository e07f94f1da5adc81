"""Accounts and sessions: what ends them, what is logged, and who can't be taken away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from casting import Contest

from voting.organizer import Account, Role
from voting.store import keys
from voting.store.accounts import (
    IDLE_S,
    LONGEST_S,
    AccountExists,
    Accounts,
    LastOrganizer,
    NoSuchAccount,
    _session,
)
from voting.store.log import COMMAND_LINE, Kind

WANG = Account("王组织", Role.ORGANIZER, "hash of 王", since_ms=1)
LI = Account("李审核", Role.REVIEWER, "hash of 李", since_ms=2)


@pytest.fixture
def accounts(contest: Contest) -> Accounts:
    accounts = contest.store.accounts
    assert not accounts.exist()
    accounts.add(WANG)
    accounts.add(LI, by="王组织")
    return accounts


def told(accounts: Accounts, count: int = 1) -> list[tuple[Kind, str, str, str]]:
    """The last rows of the operators' log, oldest first."""
    acts = reversed(accounts.log.latest(count))
    return [(act.kind, act.subject, act.reason, act.by) for act in acts]


def test_accounts_are_kept_oldest_first(accounts: Accounts):
    assert list(accounts.all().values()) == [WANG, LI]
    assert accounts.of("李审核") == LI
    assert accounts.exist()
    with pytest.raises(NoSuchAccount):
        accounts.of("赵")


def test_a_new_account_is_in_the_log(accounts: Accounts):
    assert told(accounts, 2) == [
        (Kind.ACCOUNT_ADD, "王组织", "角色：组织者", COMMAND_LINE),
        (Kind.ACCOUNT_ADD, "李审核", "角色：审核员", "王组织"),
    ]


@pytest.mark.parametrize("name", ["Wang", "wang", "WANG"])
def test_a_name_is_given_once_however_it_is_written(accounts: Accounts, name: str):
    accounts.add(Account("wAng", Role.REVIEWER, "x", 3))
    with pytest.raises(AccountExists):
        accounts.add(Account(name, Role.ORGANIZER, "y", 4))
    assert accounts.of("wAng").role is Role.REVIEWER


def test_changes_are_in_the_log_with_who_and_why(accounts: Accounts):
    accounts.set_role("李审核", Role.SUPERVISOR, "王组织")
    accounts.set_password("李审核", "new", "王组织", handed_over=True)
    accounts.set_password("李审核", "own", "李审核")
    accounts.set_disabled("李审核", True, "调离", "王组织")
    accounts.set_disabled("李审核", False, "回来了", "王组织")
    assert told(accounts, 5) == [
        (Kind.ACCOUNT_CHANGE, "李审核", "角色：审核员 → 监督员", "王组织"),
        (Kind.ACCOUNT_CHANGE, "李审核", "重设了密码", "王组织"),
        (Kind.ACCOUNT_CHANGE, "李审核", "换了自己的密码", "李审核"),
        (Kind.ACCOUNT_DISABLE, "李审核", "调离", "王组织"),
        (Kind.ACCOUNT_ENABLE, "李审核", "回来了", "王组织"),
    ]
    after = Account("李审核", Role.SUPERVISOR, "own", since_ms=2, changes=5)
    assert accounts.of("李审核") == after


def test_what_changes_nothing_is_not_in_the_log(accounts: Accounts):
    before = accounts.log.last()
    accounts.set_role("李审核", Role.REVIEWER)
    accounts.set_disabled("李审核", False, "已经可用")
    assert accounts.log.last() == before


def test_no_password_is_in_the_log(accounts: Accounts):
    accounts.set_password("李审核", "secret hash")
    assert not any("hash" in act.reason for act in accounts.log.all())


def test_the_last_organizer_stays(accounts: Accounts):
    for take_away in (
        lambda: accounts.set_role("王组织", Role.REVIEWER),
        lambda: accounts.set_disabled("王组织", True, "试"),
    ):
        with pytest.raises(LastOrganizer):
            take_away()
    assert accounts.of("王组织") == WANG
    assert told(accounts)[0][0] is Kind.ACCOUNT_ADD, "nothing was done, nothing is told"


def test_a_disabled_organizer_doesn_t_count(accounts: Accounts):
    accounts.add(Account("赵", Role.ORGANIZER, "x", 3))
    accounts.set_disabled("赵", True, "试")
    with pytest.raises(LastOrganizer):
        accounts.set_disabled("王组织", True, "试")
    accounts.set_disabled("赵", False, "试")
    accounts.set_disabled("王组织", True, "试")


def test_two_organizers_can_t_both_take_the_other_away(accounts: Accounts):
    accounts.add(Account("赵", Role.ORGANIZER, "x", 3))

    def disable(name: str) -> bool:
        try:
            accounts.set_disabled(name, True, "试")
        except LastOrganizer:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(disable, ("赵", "王组织")))
    assert sorted(done) == [False, True]


def test_a_new_password_doesn_t_bring_a_disabled_account_back(accounts: Accounts):
    def change(n: int) -> None:
        if n == 5:
            accounts.set_disabled("李审核", True, "停用")
        accounts.set_password("李审核", f"password {n}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(12)))
    assert accounts.of("李审核").disabled
    assert accounts.log.chain().flaw is None


def test_a_session_says_who_it_is_and_the_store_doesn_t_know_its_token(accounts: Accounts):
    token = accounts.log_in(LI)
    assert accounts.logged_in(token) == LI
    assert not any(token.encode() in key for key in accounts.client.keys("*"))
    assert told(accounts) == [(Kind.LOG_IN, "李审核", "", "李审核")]
    assert accounts.last_log_ins() == {"李审核": accounts.log.last().at_ms}


@pytest.mark.parametrize("token", ["", "x", "é", "x" * 5000, "\x00"])
def test_a_token_that_is_none_is_nobody(accounts: Accounts, token: str):
    assert accounts.logged_in(token) is None
    accounts.log_out(token)
    assert told(accounts)[0][0] is Kind.ACCOUNT_ADD


def test_two_sessions_of_one_account_are_two(accounts: Accounts):
    one, two = accounts.log_in(LI), accounts.log_in(LI)
    accounts.log_out(one)
    assert accounts.logged_in(one) is None
    assert accounts.logged_in(two) == LI
    assert told(accounts) == [(Kind.LOG_OUT, "李审核", "", "李审核")]


def test_a_session_idles_and_being_awake_keeps_it(accounts: Accounts):
    token = accounts.log_in(LI)
    key = _session(token)
    accounts.client.expire(key, 60)
    accounts.logged_in(token, awake=False)
    assert accounts.client.ttl(key) <= 60
    accounts.logged_in(token)
    assert IDLE_S - 5 <= accounts.client.ttl(key) <= IDLE_S
    accounts.client.delete(key)
    assert accounts.logged_in(token) is None


def test_a_session_ends_after_a_working_day_however_busy(accounts: Accounts):
    token = accounts.log_in(LI)
    until_s = int(accounts.client.hget(_session(token), "until_s"))
    assert 0 <= until_s - accounts.client.time()[0] <= LONGEST_S
    accounts.client.hset(_session(token), "until_s", accounts.client.time()[0])
    assert accounts.logged_in(token) is None


@pytest.mark.parametrize("what", ["password", "role", "disabled"])
def test_a_change_of_the_account_ends_its_sessions(accounts: Accounts, what: str):
    token, other = accounts.log_in(LI), accounts.log_in(WANG)
    {
        "password": lambda: accounts.set_password("李审核", "another"),
        "role": lambda: accounts.set_role("李审核", Role.SUPERVISOR),
        "disabled": lambda: accounts.set_disabled("李审核", True, "调离"),
    }[what]()
    assert accounts.logged_in(token) is None
    assert accounts.logged_in(other) == WANG


def test_a_disabled_account_s_old_session_stays_ended_when_it_is_enabled_and_disabled_again(
    accounts: Accounts,
):
    token = accounts.log_in(LI)
    accounts.set_disabled("李审核", True, "调离")
    accounts.set_disabled("李审核", False, "回来")
    assert accounts.logged_in(token) is None


def test_a_session_of_an_account_that_is_gone_is_nobody(accounts: Accounts):
    token = accounts.log_in(LI)
    accounts.client.hdel(keys.ACCOUNTS(), "李审核")
    assert accounts.logged_in(token) is None
