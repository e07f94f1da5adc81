"""Declared networks: what is in force, what the log tells, and what a crash leaves."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
from casting import Contest, now_ms

from voting.store import keys
from voting.store.client import StoreDown
from voting.store.log import DECISIONS, Kind, Log
from voting.store.networks import MOST, DeclarationRefused, Networks
from voting.store.standings import Board

CAMPUS = "202.194.15.0/24"
HOUR_MS = 3600 * 1000


@pytest.fixture
def networks(contest: Contest) -> Networks:
    return contest.store.networks


def declare(networks: Networks, network: str = CAMPUS, people: int = 800, **more: object):
    fields = {"words": "趵突泉校区", "reason": "开学典礼", "by": "王组织"} | more
    return networks.declare(network, people, **fields)


def board(contest: Contest) -> Board:
    """As a process sees it that starts now."""
    contest.store.throttle.flushall()
    return replace(contest.store.boards, _board=None, _kept=-float("inf")).current()


def kinds(contest: Contest) -> list[tuple[Kind, str, str, str]]:
    acts = reversed(contest.store.log.latest(9))
    mine = (Kind.DECLARE_NETWORK, Kind.WITHDRAW_NETWORK)
    return [(a.kind, a.subject, a.reason, a.by) for a in acts if a.kind in mine]


def test_a_declared_network_is_on_the_board(contest, networks):
    one = declare(networks)
    assert networks.all() == [one]
    found = board(contest).declared("::ffff:202.194.15.9")
    assert (found.network, found.people, found.words) == (CAMPUS, 800, "趵突泉校区")
    assert board(contest).declared("202.194.16.9") is None


def test_until_the_close_is_until_the_close_even_when_that_moves(contest, networks):
    declare(networks)
    closes_ms = contest.store.rules.versions()[-1].closes_ms
    assert board(contest).declared("202.194.15.9").until_ms == closes_ms
    contest.store.rules.extend(closes_ms + HOUR_MS, "多一小时")
    assert board(contest).declared("202.194.15.9").until_ms == closes_ms + HOUR_MS
    contest.store.rules.close("提前")
    assert board(contest).declared("202.194.15.9") is None


def test_both_changes_are_in_the_log_with_reason_and_name_and_are_no_decisions(contest, networks):
    declare(networks)
    networks.withdraw(CAMPUS, "典礼结束", "李组织")
    assert kinds(contest) == [
        (Kind.DECLARE_NETWORK, CAMPUS, "趵突泉校区，每小时 800 人，到投票结束。开学典礼", "王组织"),
        (Kind.WITHDRAW_NETWORK, CAMPUS, "典礼结束", "李组织"),
    ]
    assert networks.all() == []
    assert board(contest).declared("202.194.15.9") is None
    assert not DECISIONS & {Kind.DECLARE_NETWORK, Kind.WITHDRAW_NETWORK}


def test_a_running_process_hears_of_it_by_the_catalogue_s_version(contest, networks):
    before = board(contest).catalogue.version
    declare(networks)
    assert board(contest).catalogue.version > before


@pytest.mark.parametrize("people", [0, -1, 50_001, 10**30])
def test_a_number_of_people_that_can_t_be_is_refused(networks, people):
    with pytest.raises(DeclarationRefused, match="人数要在 1 到 50000 之间"):
        declare(networks, people=people)


@pytest.mark.parametrize("words", ["", "  ", "字" * 41, "两\n行", "\u202e"])
def test_words_are_one_line(networks, words):
    with pytest.raises(DeclarationRefused, match="不超过 40 个字"):
        declare(networks, words=words)


@pytest.mark.parametrize("network", ["0.0.0.0/0", "2001::/16", "junk", ""])
def test_what_is_no_network_or_too_wide_is_refused(contest, networks, network):
    with pytest.raises(DeclarationRefused):
        declare(networks, network)
    assert networks.all() == []
    assert kinds(contest) == []


@pytest.mark.parametrize(
    ("away_ms", "why"), [(-1, "要晚于现在"), (401 * 24 * HOUR_MS, "一年以后"), (10**30, "一年以后")]
)
def test_a_time_that_can_t_be_meant_is_refused(networks, away_ms, why):
    with pytest.raises(DeclarationRefused, match=why):
        declare(networks, until_ms=now_ms() + away_ms)


def test_after_the_close_nothing_is_declared_until_the_close(contest, networks):
    contest.store.rules.close("提前")
    with pytest.raises(DeclarationRefused, match="投票已经结束"):
        declare(networks)


def test_the_same_network_is_changed_only_by_whoever_has_seen_it(networks):
    one = declare(networks)
    with pytest.raises(DeclarationRefused, match="已经登记了：趵突泉校区，每小时 800 人"):
        declare(networks, "202.194.15.77/24", people=5)
    two = declare(networks, people=2_000, instead_of=one.n)
    assert networks.all() == [two]
    assert two.n > one.n
    with pytest.raises(DeclarationRefused, match="已经登记了"):
        declare(networks, people=5, instead_of=one.n)
    networks.withdraw(CAMPUS, "典礼结束")
    with pytest.raises(DeclarationRefused, match="刚才已经有人撤销了"):
        declare(networks, people=5, instead_of=two.n)
    with pytest.raises(DeclarationRefused, match="现在没有登记"):
        networks.withdraw(CAMPUS, "典礼结束")


def test_what_was_changed_meanwhile_is_not_withdrawn_unseen(networks):
    one = declare(networks)
    two = declare(networks, people=2_000, instead_of=one.n)
    with pytest.raises(DeclarationRefused, match="刚才有人改过：趵突泉校区，每小时 2000 人"):
        networks.withdraw(CAMPUS, "典礼结束", seen=one.n)
    networks.withdraw(CAMPUS, "典礼结束", seen=two.n)
    assert networks.all() == []


def test_one_whose_time_is_over_is_declared_anew_as_if_it_weren_t_there(contest, networks):
    one = declare(networks, until_ms=now_ms() + HOUR_MS)
    over = json.loads(contest.store.law.hget(keys.NETWORKS(), CAMPUS)) | {"until_ms": 1}
    contest.store.law.hset(keys.NETWORKS(), CAMPUS, json.dumps(over))
    assert declare(networks).n > one.n


def test_there_is_room_for_so_many(contest, networks):
    text = contest.store.law.hget
    declare(networks)
    contest.store.law.hset(
        keys.NETWORKS(),
        mapping={f"9.9.{n}.0/24": text(keys.NETWORKS(), CAMPUS) for n in range(MOST - 1)},
    )
    with pytest.raises(DeclarationRefused, match=f"最多登记 {MOST} 个"):
        declare(networks, "202.194.16.0/24")


def test_of_two_organizers_at_once_one_is_told(contest, networks):
    told: list[str] = []
    ready = threading.Barrier(4)

    def try_it(name: str) -> None:
        ready.wait()
        try:
            declare(networks, by=name)
        except DeclarationRefused as error:
            told.append(str(error))

    organizers = [threading.Thread(target=try_it, args=(f"组织者{n}",)) for n in range(4)]
    for one in organizers:
        one.start()
    for one in organizers:
        one.join()
    assert len(told) == 3
    assert all("已经登记了" in sentence for sentence in told)
    assert len(networks.all()) == len(kinds(contest)) == 1


class Died(Exception):  # noqa: N818 the plain word
    """What a kill looks like from inside."""


def die(*_: object, **__: object) -> None:
    raise Died


def test_what_only_the_log_knows_is_finished(contest, networks, monkeypatch):
    with monkeypatch.context() as cut:
        cut.setattr(Networks, "_write", die)
        with pytest.raises(Died):
            declare(networks)
    assert networks.all() == []
    contest.store.log.append(Kind.LOG_IN, "王组织", "")  # the log goes on
    contest.store.mending.mend()
    (one,) = networks.all()
    assert (one.network, one.people, one.by) == (CAMPUS, 800, "王组织")
    assert one.n == contest.store.log.last().n - 1
    assert board(contest).declared("202.194.15.9")
    assert not contest.store.law.exists(keys.NETWORKS_CHANGE())


def test_a_withdrawal_that_only_the_log_knows_is_finished_by_the_next_change(
    contest, networks, monkeypatch
):
    declare(networks)
    with monkeypatch.context() as cut:
        cut.setattr(Networks, "_write", die)
        with pytest.raises(Died):
            networks.withdraw(CAMPUS, "典礼结束")
    assert len(networks.all()) == 1
    declare(networks, "202.194.16.0/24")
    assert [one.network for one in networks.all()] == ["202.194.16.0/24"]


def test_what_the_log_doesn_t_know_has_not_happened(contest, networks, monkeypatch):
    declare(networks, "202.194.16.0/24")
    with monkeypatch.context() as cut:
        cut.setattr(Log, "append", die)
        with pytest.raises(Died):
            declare(networks)
    assert contest.store.law.exists(keys.NETWORKS_CHANGE())
    contest.store.mending.mend()
    assert [one.network for one in networks.all()] == ["202.194.16.0/24"]
    assert not contest.store.law.exists(keys.NETWORKS_CHANGE())


@pytest.mark.parametrize("command", ["hset", "hincrby", "delete"])
def test_a_death_at_any_command_is_mended(contest, networks, monkeypatch, command):
    """The intention is written by `set`, the lock is none of these."""
    real = contest.store.law
    with monkeypatch.context() as cut:
        cut.setattr(real, command, die)
        with pytest.raises(Died):
            declare(networks)
    contest.store.mending.mend()
    assert [one.network for one in networks.all()] == [CAMPUS]
    assert board(contest).declared("202.194.15.9").people == 800


def test_the_kept_board_knows_them_without_a_store(contest, networks, monkeypatch):
    declare(networks)
    assert board(contest).declared("202.194.15.9")

    def down(*_: object) -> None:
        raise StoreDown("gone")

    kept = replace(contest.store.boards, _board=None)
    monkeypatch.setattr(kept, "_shared_snapshot", down)
    found = kept.current()
    assert found.stale
    assert found.declared("202.194.15.9").people == 800


def test_a_board_file_of_before_has_none(contest, networks, monkeypatch):
    declare(networks)
    board(contest)
    file = contest.store.boards.folder / "catalogue.json"
    fields = json.loads(file.read_text(encoding="utf-8"))
    del fields["declared"]
    file.write_text(json.dumps(fields), encoding="utf-8")

    def down(*_: object) -> None:
        raise StoreDown("gone")

    kept = replace(contest.store.boards, _board=None)
    monkeypatch.setattr(kept, "_shared_snapshot", down)
    assert kept.current().stale
    assert kept.current().declared("202.194.15.9") is None


def test_asking_costs_no_round_trip(contest, networks, monkeypatch):
    for n in range(100):
        declare(networks, f"202.194.{n}.0/24")
    found = board(contest)

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(contest.store.law, "execute_command", never)
    assert all(found.declared(f"202.194.{n}.1") for n in range(100))
