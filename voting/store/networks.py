"""Networks that organizers declare in advance: a campus, an office. Its crowd then comes in freely.

Log first, as every change: what was declared stands in `networks`, and in front of it the change
that is under way, so that one that was cut off is finished or forgotten as the log says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Final

from voting.contest import moment
from voting.network import MOST_PEOPLE, Declared, NotANetwork, read_network
from voting.store import keys
from voting.store.client import Client, changing, clock_ms, reachable
from voting.store.log import COMMAND_LINE, Kind, Log
from voting.store.rules import RulesInForce

#: Each of them is in every process's catalogue.
MOST: Final = 200
LONGEST_WORDS: Final = 40
#: A slip of the pen in the year must not leave a network open.
LONGEST_MS: Final = 400 * 24 * 3600 * 1000


class DeclarationRefused(Exception):  # noqa: N818 the plain word
    """This can't be declared, or not be withdrawn; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is being done to one network: `declared` None takes it away. Its row in the log is of
    this kind and comes after row number `after`."""

    after: int
    kind: Kind
    network: str
    declared: Declared | None


class Networks:
    def __init__(self, client: Client, rules: RulesInForce, log: Log) -> None:
        self.client, self.rules, self.log = client, rules, log

    def all(self) -> list[Declared]:
        """Every declared network, also those whose time is over; the newest first."""
        with reachable():
            found = self.client.hvals(keys.NETWORKS())
        return sorted((read_declared(text) for text in found), key=lambda one: -one.n)

    def declare(
        self,
        network: str,
        people: int,
        words: str,
        reason: str,
        by: str = COMMAND_LINE,
        *,
        until_ms: int = 0,
        instead_of: int = 0,
    ) -> Declared:
        """Let up to `people` new voters an hour come in freely from `network` (an address or CIDR),
        until `until_ms`, or 0 for the vote's close.

        `instead_of` is the `n` of the same network's declaration that this one replaces, so that
        nobody overwrites what they haven't seen. Raises DeclarationRefused.
        """
        try:
            cidr = str(read_network(network))
        except NotANetwork as error:
            raise DeclarationRefused(str(error)) from error
        _check(people, words)
        with self._changing() as now_ms:
            self._check_until(until_ms, now_ms)
            self._may_take(cidr, instead_of, now_ms)
            one = Declared(cidr, people, words, until_ms, reason, by, now_ms)
            change = Change(self._last(), Kind.DECLARE_NETWORK, cidr, one)
            return self._do(change, f"{terms(one)}。{reason}", by) or one

    def withdraw(
        self, network: str, reason: str, by: str = COMMAND_LINE, *, seen: int = 0
    ) -> None:
        """Take a declaration back; its network counts as any other from then on.

        `seen` is its `n`, 0 for whichever there is. Raises DeclarationRefused where there is none,
        or another one by now.
        """
        with self._changing():
            found = self._of(network)
            if found is None:
                raise DeclarationRefused(f"{network[:60]} 现在没有登记，可能刚才已经有人撤销了")
            if seen not in (0, found.n):
                raise DeclarationRefused(f"{network} 刚才有人改过：{terms(found)}；请看过再撤销")
            change = Change(self._last(), Kind.WITHDRAW_NETWORK, network, None)
            self._do(change, reason, by)

    def mend(self) -> None:
        """Only under the lock: finish the change that was cut off, or forget it if the log doesn't
        know of it."""
        with reachable():
            text = self.client.get(keys.NETWORKS_CHANGE())
        if not text:
            return
        change = _read_change(text)
        for act in self.log.latest(max(1, self._last() - change.after)):
            wanted = act.kind is change.kind and act.subject == change.network
            if wanted and act.n > change.after:
                self._write(change, act.n)
                return
        with reachable():
            self.client.delete(keys.NETWORKS_CHANGE())

    def _do(self, change: Change, reason: str, by: str) -> Declared | None:
        with reachable():
            self.client.set(keys.NETWORKS_CHANGE(), _write_change(change))
        act = self.log.append(change.kind, change.network, reason, by)
        return self._write(change, act.n)

    def _write(self, change: Change, n: int) -> Declared | None:
        one = replace(change.declared, n=n) if change.declared else None
        with reachable():
            if one:
                self.client.hset(keys.NETWORKS(), change.network, write_declared(one))
            else:
                self.client.hdel(keys.NETWORKS(), change.network)
            self.client.hincrby(keys.CONTEST(), "catalogue", 1)
            self.client.delete(keys.NETWORKS_CHANGE())
        return one

    @contextmanager
    def _changing(self) -> Iterator[int]:
        """Hold the lock of all changes; gives the store's time in ms."""
        with changing(self.client):
            self.mend()
            yield clock_ms(self.client)

    def _last(self) -> int:
        last = self.log.last()
        return last.n if last else 0

    def _of(self, network: str) -> Declared | None:
        with reachable():
            text = self.client.hget(keys.NETWORKS(), network)
        return read_declared(text) if text else None

    def _may_take(self, cidr: str, instead_of: int, now_ms: int) -> None:
        found = self._of(cidr)
        if found is None and instead_of:
            raise DeclarationRefused(f"{cidr} 刚才已经有人撤销了；要用的话，请重新登记")
        over = found is not None and now_ms >= (found.until_ms or self._closes_ms())
        if found is not None and found.n != instead_of and (instead_of or not over):
            raise DeclarationRefused(f"{cidr} 已经登记了：{terms(found)}；要改，请在那一行改")
        with reachable():
            count = int(self.client.hlen(keys.NETWORKS()))
        if found is None and count >= MOST:
            raise DeclarationRefused(f"最多登记 {MOST} 个网络；请先撤销不再用的")

    def _check_until(self, until_ms: int, now_ms: int) -> None:
        if not until_ms and now_ms >= self._closes_ms():
            raise DeclarationRefused("投票已经结束，不必再登记；要延长投票，请先延长")
        if until_ms and until_ms <= now_ms:
            raise DeclarationRefused("截止时间要晚于现在")
        if until_ms > now_ms + LONGEST_MS:
            raise DeclarationRefused("截止时间在一年以后，请检查年份")

    def _closes_ms(self) -> int:
        return self.rules.versions()[-1].closes_ms


def terms(one: Declared) -> str:
    """`山东大学趵突泉校区，每小时 800 人，到投票结束`"""
    until = f"{moment(one.until_ms):%Y-%m-%d %H:%M}" if one.until_ms else "投票结束"
    return f"{one.words}，每小时 {one.people} 人，到{' ' * bool(one.until_ms)}{until}"


def write_declared(one: Declared) -> str:
    return json.dumps(asdict(one), ensure_ascii=False)


def read_declared(text: bytes | str) -> Declared:
    return Declared(**json.loads(text))


def _check(people: int, words: str) -> None:
    if not 1 <= people <= MOST_PEOPLE:
        raise DeclarationRefused(f"人数要在 1 到 {MOST_PEOPLE} 之间")
    if not words.strip() or len(words) > LONGEST_WORDS or not words.isprintable():
        raise DeclarationRefused(
            f"请写这是哪里的网络，不超过 {LONGEST_WORDS} 个字，例如“山东大学趵突泉校区”"
        )


def _write_change(change: Change) -> str:
    return json.dumps(asdict(change), ensure_ascii=False)


def _read_change(text: bytes) -> Change:
    fields = json.loads(text)
    declared = Declared(**fields["declared"]) if fields["declared"] else None
    return Change(fields["after"], Kind(fields["kind"]), fields["network"], declared)
