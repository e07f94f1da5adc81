"""Accounts: names, passwords, and what each role may do."""

from __future__ import annotations

import argon2
import pytest

from voting.organizer import (
    NOBODYS,
    POWERS,
    ROLE_WORDS,
    Account,
    Power,
    Role,
    hash_password,
    is_password,
    new_password,
    plain_name,
    why_no_name,
    why_weak,
)

GOOD = "泉水从地下来-2025"


@pytest.fixture(scope="module")
def account() -> Account:
    return Account("王组织", Role.ORGANIZER, hash_password(GOOD), since_ms=0)


def test_an_organizer_may_do_everything():
    assert POWERS[Role.ORGANIZER] == set(Power)


def test_a_supervisor_changes_nothing():
    changing = {Power.REVIEW, Power.WITHDRAW, Power.RULE, Power.ACCOUNTS, Power.DECIDE}
    assert not POWERS[Role.SUPERVISOR] & changing


def test_a_reviewer_sees_neither_log_nor_exports_nor_accounts_nor_cases():
    hidden = {
        Power.READ_LOG, Power.EXPORT, Power.EXPORT_SIGNALS, Power.ACCOUNTS, Power.RULE,
        Power.INSPECT, Power.DECIDE,
    }  # fmt: skip
    assert not POWERS[Role.REVIEWER] & hidden


def test_every_role_has_a_word_and_a_password_of_its_own():
    assert set(ROLE_WORDS) == set(Role) == set(POWERS)
    assert all(Power.SELF in powers for powers in POWERS.values())


def test_a_disabled_account_may_nothing(account: Account):
    away = Account(account.name, account.role, account.password, 0, disabled=True)
    assert not any(away.may(power) for power in Power)
    assert not is_password(away, GOOD)


def test_the_right_password_opens_and_no_other(account: Account):
    assert is_password(account, GOOD)
    assert not is_password(account, GOOD + " ")
    assert not is_password(None, GOOD)
    assert not is_password(Account("x", Role.REVIEWER, "no hash", 0), GOOD)


def test_a_password_is_the_same_in_full_width(account: Account):
    assert is_password(account, "泉水从地下来－２０２５")


def test_what_a_wrong_name_is_compared_with_costs_what_a_real_hash_does(account: Account):
    parameters = argon2.extract_parameters
    assert parameters(NOBODYS) == parameters(account.password)
    assert not is_password(None, "nobody's password")


@pytest.mark.parametrize(
    "name", ["王组织", "Li Ming", "李·四", "reviewer2", "张三-监督", "阿卜杜拉·买买提", "O.K"]
)
def test_a_name_may_be(name: str):
    assert why_no_name(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "", " a", "a ", "a  b", "a\tb", "a\nb", "王\u200b组织", "\u202e王", "x" * 41, "a/b", "..",
        "<b>", "命令行", "系统", "a@b", "=cmd", "-x", "😀",
    ],
)  # fmt: skip
def test_a_name_may_not_be(name: str):
    assert why_no_name(name)


def test_names_that_look_alike_are_one():
    assert plain_name("ｗａｎｇ３") == "wang3"
    assert plain_name("e\u0301") == "\u00e9"


@pytest.mark.parametrize(
    "password",
    [
        "short", "123456789", "1234567890", "0987654321", "0123456789", "9876543210", "aaaaaaaaaa",
        "abababababab", "password123", "Password123", "woaini1314", "５２０１３１４５２０",
        "王组织2025王组织", "王组织1234567890", "qwertyuiop", "x" * 201, "abcdefghij",
    ],
)  # fmt: skip
def test_a_weak_password_is_refused_in_a_sentence(password: str):
    assert "密码" in why_weak(password, "王组织")


@pytest.mark.parametrize("password", [GOOD, "correct horse battery", "k7mp-x2ra-9cde-uvwx"])
def test_a_strong_password_is_taken(password: str):
    assert why_weak(password, "王组织") == ""


def test_new_passwords_are_strong_and_never_the_same():
    made = {new_password() for _ in range(200)}
    assert len(made) == 200
    assert not any(why_weak(one, "王组织") for one in made)
    assert not set("".join(made)) & set("il1o0")
