"""Organizers' accounts and who of them is logged in. Each change is a row of the operators' log."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, Final

from voting.organizer import ROLE_WORDS, Account, Power, Role
from voting.store import keys
from voting.store.client import Client, reachable
from voting.store.log import COMMAND_LINE, Kind, Log

IDLE_S: Final = 30 * 60
#: However busy, a session ends after a working day.
LONGEST_S: Final = 12 * 3600


class NoSuchAccount(Exception):  # noqa: N818 the plain word
    """There is no account of this name."""


class AccountExists(Exception):  # noqa: N818 the plain word
    """There is an account of this name already."""


class LastOrganizer(Exception):  # noqa: N818 the plain word
    """Without this one there would be nobody left who may change accounts."""


class Accounts:
    def __init__(self, client: Client, log: Log) -> None:
        self.client, self.log = client, log

    def all(self) -> dict[str, Account]:
        """By name, oldest first."""
        with reachable():
            found = self.client.hgetall(keys.ACCOUNTS())
        accounts = [_read(text) for text in found.values()]
        return {account.name: account for account in sorted(accounts, key=lambda a: a.since_ms)}

    def exist(self) -> bool:
        with reachable():
            return bool(self.client.hlen(keys.ACCOUNTS()))

    def of(self, name: str) -> Account:
        """Raises NoSuchAccount."""
        with reachable():
            text = self.client.hget(keys.ACCOUNTS(), name)
        if text is None:
            raise NoSuchAccount(name)
        return _read(text)

    def add(self, account: Account, by: str = COMMAND_LINE) -> None:
        """Raises AccountExists, also for a name that differs only in upper and lower case."""
        with self._changing():
            for name in self.all():
                if name.casefold() == account.name.casefold():
                    raise AccountExists(name)
            reason = f"角色：{ROLE_WORDS[account.role]}"
            self._put(account, Kind.ACCOUNT_ADD, reason, by)

    def set_role(self, name: str, role: Role, by: str = COMMAND_LINE) -> Account:
        """Raises NoSuchAccount, LastOrganizer. Ends the account's sessions."""
        with self._changing():
            before = self.of(name)
            if before.role is role:
                return before
            after = _changed(before, role=role)
            self._not_the_last(before, after)
            reason = f"角色：{ROLE_WORDS[before.role]} → {ROLE_WORDS[role]}"
            return self._put(after, Kind.ACCOUNT_CHANGE, reason, by)

    def set_password(
        self, name: str, password: str, by: str = COMMAND_LINE, *, handed_over: bool = False
    ) -> Account:
        """`password` is an argon2id hash; `handed_over`: its owner must choose another first.
        Raises NoSuchAccount. Ends the account's sessions.
        """
        with self._changing():
            after = _changed(self.of(name), password=password, handed_over=handed_over)
            reason = "换了自己的密码" if by == name else "重设了密码"
            return self._put(after, Kind.ACCOUNT_CHANGE, reason, by)

    def set_disabled(
        self, name: str, disabled: bool, reason: str, by: str = COMMAND_LINE
    ) -> Account:
        """Raises NoSuchAccount, LastOrganizer. A disabled account's sessions have ended."""
        with self._changing():
            before = self.of(name)
            if before.disabled is disabled:
                return before
            after = _changed(before, disabled=disabled)
            self._not_the_last(before, after)
            kind = Kind.ACCOUNT_DISABLE if disabled else Kind.ACCOUNT_ENABLE
            return self._put(after, kind, reason, by)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        # One at a time: else a new password could bring back an account that was just disabled,
        # and two organizers could each make the other the last one.
        with reachable(), self.client.lock(keys.ACCOUNTS_LOCK(), timeout=30, blocking_timeout=20):
            yield

    def _not_the_last(self, before: Account, after: Account) -> None:
        if not before.may(Power.ACCOUNTS) or after.may(Power.ACCOUNTS):
            return
        others = (one for one in self.all().values() if one.name != before.name)
        if not any(one.may(Power.ACCOUNTS) for one in others):
            raise LastOrganizer(before.name)

    def _put(self, account: Account, kind: Kind, reason: str, by: str) -> Account:
        # The log first: what it doesn't tell of hasn't happened.
        self.log.append(kind, account.name, reason, by)
        with reachable():
            self.client.hset(keys.ACCOUNTS(), account.name, _write(account))
        return account

    # --- sessions -------------------------------------------------------------------------------

    def log_in(self, account: Account) -> str:
        """Open a session; returns its token, of which the store keeps only a digest."""
        token = secrets.token_urlsafe(32)
        key = _session(token)
        act = self.log.append(Kind.LOG_IN, account.name, "", account.name)
        until_s = act.at_ms // 1000 + LONGEST_S
        fields = {"name": account.name, "until_s": until_s, "of": _stamp(account)}
        with reachable():
            self.client.pipeline().hset(key, mapping=fields).expire(key, IDLE_S).execute()
            self.client.hset(keys.LOGGED_IN(), account.name, act.at_ms)
        return token

    def logged_in(self, token: str, *, awake: bool = True) -> Account | None:
        """Whose session this is. None when it has ended, or the account was changed since (role,
        password, disabled). Being `awake` keeps it from idling.
        """
        if not token:
            return None
        key = _session(token)
        with reachable():
            found = self.client.hgetall(key)
            if not found:
                return None
            seconds, _ = self.client.time()
        if seconds >= int(found.get(b"until_s", 0)):
            return None
        try:
            account = self.of(found[b"name"].decode())
        except NoSuchAccount:
            return None
        if account.disabled or found[b"of"].decode() != _stamp(account):
            return None
        if awake:
            with reachable():
                self.client.expire(key, IDLE_S)
        return account

    def log_out(self, token: str) -> None:
        account = self.logged_in(token, awake=False)
        self.forget(token)
        if account:
            self.log.append(Kind.LOG_OUT, account.name, "", account.name)

    def forget(self, token: str) -> None:
        """End a session without a word."""
        if token:
            with reachable():
                self.client.delete(_session(token))

    def last_log_ins(self) -> dict[str, int]:
        """Name → when, in ms; who has never been here isn't in it."""
        with reachable():
            found = self.client.hgetall(keys.LOGGED_IN())
        return {name.decode(): int(ms) for name, ms in found.items()}


def _session(token: str) -> str:
    return keys.SESSION(token=hashlib.sha256(token.encode()).hexdigest())


def _changed(account: Account, **fields: Any) -> Account:
    return replace(account, changes=account.changes + 1, **fields)


def _stamp(account: Account) -> str:
    """Another after each change, so that a session from before it is over for good."""
    return f"{account.since_ms}-{account.changes}"


def _write(account: Account) -> str:
    return json.dumps(asdict(account), ensure_ascii=False)


def _read(text: bytes) -> Account:
    fields = json.loads(text)
    return Account(**(fields | {"role": Role(fields["role"])}))
