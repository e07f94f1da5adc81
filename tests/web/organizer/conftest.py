"""Three people at the console, one of each role, and somebody who isn't logged in."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from flask import Flask
from people import Operator

from voting.organizer import Account, Role, hash_password
from voting.web.site import Site

PASSWORD = "泉城的水很清-2025"
Enter = Callable[[str, Role], Operator]


@cache
def _hashed() -> str:
    return hash_password(PASSWORD)


def account(name: str, role: Role) -> Account:
    return Account(name, role, _hashed(), since_ms=0)


def logged_in(app: Flask, name: str) -> Operator:
    """A new browser in which `name` has just logged in."""
    accounts = app.extensions["site"].store.accounts
    client = app.test_client()
    client.set_cookie("organizer", accounts.log_in(accounts.of(name)), path="/organizer")
    return Operator(client, name)


@pytest.fixture
def enter(app: Flask, site: Site) -> Enter:
    """Makes an account and logs it in."""

    def make(name: str, role: Role) -> Operator:
        site.store.accounts.add(account(name, role))
        return logged_in(app, name)

    return make


@pytest.fixture
def organizer(enter: Enter) -> Operator:
    return enter("王组织", Role.ORGANIZER)


@pytest.fixture
def reviewer(enter: Enter) -> Operator:
    return enter("李审核", Role.REVIEWER)


@pytest.fixture
def supervisor(enter: Enter) -> Operator:
    return enter("张监督", Role.SUPERVISOR)


@pytest.fixture
def stranger(app: Flask, organizer: Operator) -> Operator:
    """Somebody without an account, where there are accounts."""
    return Operator(app.test_client(), "陌生人")
