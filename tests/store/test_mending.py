"""What a process that dies in the middle of a change leaves, the next look finishes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from casting import Contest, a_ballot
from works import an_entry

from voting.contest import EntryState, Verdict
from voting.store import Store, keys
from voting.store.entries import Entries
from voting.store.log import Kind
from voting.store.rules import Pauser, RulesInForce


class Died(Exception):  # noqa: N818 the plain word
    """What a kill looks like from inside."""


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str], None]:
    """Makes the next call of a method the last thing that a process did."""

    def cut(owner: object, name: str) -> None:
        def die(*_: object, **__: object) -> None:
            raise Died

        monkeypatch.setattr(owner, name, die)

    return cut


def votable(contest: Contest, number: int) -> list[bool]:
    store = contest.store
    shards = range(store.ledger.shards)
    return [bool(store.law.hexists(keys.RULES(shard=shard), str(number))) for shard in shards]


def mended(contest: Contest, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.undo()
    contest.store.mending.mend()
    return contest.store


def test_an_approval_that_only_the_log_knows_is_finished(contest, cut, monkeypatch):
    cut(Entries, "put")
    with pytest.raises(Died):
        contest.store.entries.approve(4, "通过")
    assert contest.store.entries.of(4).state is EntryState.PENDING
    store = mended(contest, monkeypatch)
    assert store.entries.of(4).state is EntryState.APPROVED
    assert contest.cast(a_ballot(4)).verdict is Verdict.ACCEPTED


def test_an_ai_entry_keeps_that_its_label_was_seen(contest, cut, monkeypatch):
    number = contest.store.entries.add(an_entry(6, category="ai")).number
    cut(Entries, "put")
    with pytest.raises(Died):
        contest.store.entries.approve(number, "通过", ai_labelled=True)
    assert mended(contest, monkeypatch).entries.of(number).ai_labelled


def test_a_withdrawal_that_reached_one_shard_only_is_finished(sharded, monkeypatch):
    real, calls = sharded.store.law.hdel, []

    def dies_at_the_second(*args: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise Died
        return real(*args)

    monkeypatch.setattr(sharded.store.law, "hdel", dies_at_the_second)
    with pytest.raises(Died):
        sharded.store.entries.withdraw(1, "争议")
    assert votable(sharded, 1) == [False, True, True]
    store = mended(sharded, monkeypatch)
    assert store.entries.of(1).state is EntryState.WITHDRAWN
    assert votable(sharded, 1) == [False] * 3


@pytest.mark.parametrize("kind", [Kind.PAUSE, Kind.RESUME])
def test_a_pause_that_only_the_log_knows_is_finished(contest, cut, monkeypatch, kind: Kind):
    if kind is Kind.RESUME:
        contest.store.rules.pause("核查")
    cut(RulesInForce, "_write_paused")
    with pytest.raises(Died):
        getattr(contest.store.rules, kind.value)("继续")
    store = mended(contest, monkeypatch)
    paused = kind is Kind.PAUSE
    assert store.rules.paused_by() is (Pauser.ORGANIZER if paused else None)
    expected = Verdict.PAUSED if paused else Verdict.ACCEPTED
    assert contest.cast(a_ballot()).verdict is expected


def test_rules_that_reached_one_shard_only_are_taken_back(sharded, monkeypatch):
    real, calls = sharded.store.law.hset, []

    def dies_at_the_second(*args: object, **fields: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise Died
        return real(*args, **fields)

    before = sharded.store.law.hgetall(keys.RULES(shard=2))
    monkeypatch.setattr(sharded.store.law, "hset", dies_at_the_second)
    with pytest.raises(Died):
        sharded.store.rules.close("提前")
    store = mended(sharded, monkeypatch)
    assert len(store.rules.versions()) == 1
    for shard in range(3):
        assert store.law.hgetall(keys.RULES(shard=shard)) == before


def test_where_nothing_was_cut_off_nothing_is_written(contest):
    contest.store.entries.withdraw(1, "争议")
    contest.store.entries.approve(1, "争议已解决")
    contest.store.rules.pause("核查")
    law = contest.store.law
    before = {key: law.dump(key) for key in law.keys("*")}
    contest.store.mending.mend()
    assert {key: law.dump(key) for key in law.keys("*")} == before


def test_it_looks_again_only_when_the_log_has_grown(contest, monkeypatch):
    contest.store.mending.mend()

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(contest.store.mending, "finish", never)
    contest.store.mending.mend()
    contest.store.rules.pause("核查")
    with pytest.raises(AssertionError):
        contest.store.mending.mend()
