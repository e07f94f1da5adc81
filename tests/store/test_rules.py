"""One store, one contest: what doesn't belong is refused, and each change is a numbered version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from casting import OPEN_LAW, Contest, a_ballot, now_ms

from voting.contest import Counts, Period, Tie, Verdict
from voting.store import Store, keys, open_store
from voting.store.decisions import Kind
from voting.store.rules import LawRefused, Pauser, WrongStore


def test_opening_the_same_contest_again_changes_nothing(contest: Contest):
    store = contest.store
    before = {key: store.law.dump(key) for key in store.law.keys("*")}
    store.rules.open("test", replace(OPEN_LAW), now_ms() + 60_000)
    assert {key: store.law.dump(key) for key in store.law.keys("*")} == before


def test_another_contest_is_refused_by_both_names(contest: Contest):
    with pytest.raises(WrongStore, match=r"“test”.*“other”"):
        contest.store.rules.open("other", OPEN_LAW, now_ms())


@pytest.mark.parametrize("shards", [2, 3])
def test_another_number_of_shards_is_refused(
    contest: Contest, law_url: str, throttle_url: str, tmp_path: Path, shards: int
):
    other = open_store("test", law_url, throttle_url, shards, tmp_path, accept_unknown=False)
    with pytest.raises(WrongStore, match=rf"1 个分片.*SHARDS={shards}"):
        other.rules.open("test", OPEN_LAW, now_ms())


@pytest.mark.parametrize(
    "change",
    [
        {"opens": "yesterday"},
        {"closes": "in two weeks"},
        {"votes_per_voter": 4},
        {"votes_per_entry": 2},
        {"period": Period.CONTEST},
        {"winners": 11},
        {"tie": Tie.JURY},
        {"counts": Counts.AFTER_CLOSE},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_law_is_refused_until_it_is_applied_with_a_reason(contest: Contest, change: dict):
    law = replace(OPEN_LAW, **change)
    with pytest.raises(WrongStore, match=r"第 1 版.*rules apply --reason"):
        contest.store.rules.open("test", law, now_ms())
    contest.store.rules.apply(law, "组委会决定", now_ms())
    contest.store.rules.open("test", law, now_ms())
    with pytest.raises(WrongStore, match="第 2 版"):
        contest.store.rules.open("test", OPEN_LAW, now_ms())


def test_the_law_in_force_is_not_made_another_version(contest: Contest):
    with pytest.raises(LawRefused, match="第 1 版一样"):
        contest.store.rules.apply(replace(OPEN_LAW), "再来一次", now_ms())
    contest.change(winners=9)
    with pytest.raises(LawRefused, match="第 2 版一样"):
        contest.change(winners=9)
    assert len(contest.store.rules.versions()) == 2


def test_the_period_is_fixed_by_the_first_vote(sharded: Contest):
    sharded.change(period=Period.CONTEST)
    sharded.change(period=Period.DAY)
    sharded.cast(a_ballot(voter=bytes([0, 0, 0, 2, 0, 0, 0, 0])))
    with pytest.raises(LawRefused, match="已经有人投过票"):
        sharded.change(period=Period.CONTEST)
    sharded.law = replace(sharded.law, period=Period.DAY)
    sharded.change(votes_per_voter=2)


def test_relative_words_mean_the_first_start_in_every_version(contest: Contest):
    began_ms = contest.store.rules.versions()[0].since_ms
    later_ms = began_ms + 5 * 86_400_000
    relative = replace(OPEN_LAW, opens="yesterday", closes="in two weeks")
    made = contest.store.rules.apply(relative, "改", later_ms)
    assert made == replace(relative.rules(2, "改", began_ms), since_ms=later_ms)


def test_a_store_is_checked_without_a_change(contest: Contest, throttle_url: str):
    contest.store.rules.check("test")
    with pytest.raises(WrongStore, match=r"“test”.*“other”"):
        contest.store.rules.check("other")
    contest.store.law.flushall()
    with pytest.raises(WrongStore, match="还没有比赛"):
        contest.store.rules.check("test")
    assert not contest.store.law.keys("*")


def test_versions_are_numbered_and_kept_oldest_first_with_reason_and_date(contest: Contest):
    before = now_ms()
    contest.change(votes_per_voter=4)
    contest.change(votes_per_voter=5)
    versions = contest.store.rules.versions()
    assert [v.version for v in versions] == [1, 2, 3]
    assert [v.votes_per_voter for v in versions] == [3, 4, 5]
    assert versions[0].reason == "首次启动时按配置文件制定"
    assert versions[2].reason == "试验"
    assert before <= versions[1].since_ms <= versions[2].since_ms <= now_ms()
    decided = [(d.subject, d.reason) for d in contest.store.decisions.all() if d.kind is Kind.RULES]
    assert decided == [(v.version, v.reason) for v in versions]


def test_a_version_comes_back_from_the_store_as_it_was_made(contest: Contest):
    law = replace(OPEN_LAW, period=Period.CONTEST, tie=Tie.JURY, counts=Counts.AFTER_CLOSE)
    made = contest.store.rules.apply(law, "组委会“决定”\n换行", now_ms())
    assert contest.store.rules.versions()[-1] == made


def test_new_rules_reach_every_shard_and_keep_the_votable_entries_and_the_pause(sharded: Contest):
    sharded.store.rules.pause("核查")
    sharded.change(votes_per_voter=7)
    for shard in range(3):
        found = sharded.store.law.hgetall(keys.RULES(shard=shard))
        assert (found[b"version"], found[b"votes_per_voter"]) == (b"2", b"7")
        assert found[b"paused"] == b"organizer"
        assert {b"1", b"2", b"3"} <= set(found)


def test_pause_and_resume_reach_every_shard(sharded: Contest):
    voters = [bytes([0, 0, 0, shard, 0, 0, 0, 0]) for shard in range(3)]
    sharded.store.rules.pause("核查")
    verdicts = {sharded.cast(a_ballot(voter=voter)).verdict for voter in voters}
    assert verdicts == {Verdict.PAUSED}
    sharded.store.rules.resume("完毕")
    verdicts = {sharded.cast(a_ballot(voter=voter)).verdict for voter in voters}
    assert verdicts == {Verdict.ACCEPTED}


@pytest.mark.parametrize(
    ("paused_by", "resumed_by", "goes_on"),
    [
        (Pauser.ORGANIZER, Pauser.ORGANIZER, True),
        (Pauser.DISK_GUARD, Pauser.DISK_GUARD, True),
        (Pauser.DISK_GUARD, Pauser.ORGANIZER, True),
        (Pauser.ORGANIZER, Pauser.DISK_GUARD, False),
    ],
)
def test_who_may_end_whose_pause(
    contest: Contest, paused_by: Pauser, resumed_by: Pauser, goes_on: bool
):
    contest.store.rules.pause("停", paused_by)
    contest.store.rules.resume("继续", resumed_by)
    expected = Verdict.ACCEPTED if goes_on else Verdict.PAUSED
    assert contest.cast(a_ballot()).verdict is expected


def test_pausing_a_paused_vote_and_resuming_an_open_one_decide_nothing(contest: Contest):
    store: Store = contest.store
    before = len(list(store.decisions.all()))
    store.rules.resume("没有暂停")
    store.rules.pause("核查")
    store.rules.pause("再核查")
    assert len(list(store.decisions.all())) == before + 1
