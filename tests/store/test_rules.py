"""One store, one contest: what doesn't belong is refused, and each change is a numbered version."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from casting import OPEN_LAW, Contest, a_ballot, now_ms

from voting.contest import (
    STEPS,
    CloseCall,
    Closing,
    Counts,
    Period,
    Phase,
    Quiet,
    Step,
    Tie,
    Verdict,
)
from voting.store import Store, keys, open_store
from voting.store.log import Kind
from voting.store.rules import (
    PHASES,
    STEP_WORDS,
    LawRefused,
    Pauser,
    RulesInForce,
    StepRefused,
    WrongStore,
    read_rules,
)


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
    other = open_store(
        "test", law_url, throttle_url, shards, tmp_path, accept_unknown=False, sealing=b"sealing"
    )
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
    decided = [(d.subject, d.reason) for d in contest.store.log.decisions() if d.kind is Kind.RULES]
    assert decided == [(str(v.version), v.reason) for v in versions]


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
    before = len(list(store.log.decisions()))
    store.rules.resume("没有暂停")
    store.rules.pause("核查")
    store.rules.pause("再核查")
    assert len(list(store.log.decisions())) == before + 1


# --- the vote's phases --------------------------------------------------------------------------

HOUR = 3_600_000


def in_phase(contest: Contest, phase: Phase) -> RulesInForce:
    """The contest's rules, brought to a phase by the steps that lead there."""
    rules = contest.store.rules
    if phase is Phase.BEFORE:
        contest.change(opens=OPEN_LAW.opens + timedelta(days=2))
    elif phase is Phase.PAUSED:
        rules.pause("核查")
    elif phase is not Phase.OPEN:
        rules.close("提前")
    if phase in (Phase.UNDER_REVIEW, Phase.PUBLISHED):
        rules.begin_review("核对")
    if phase is Phase.PUBLISHED:  # by whatever result
        contest.store.law.hset(keys.CONTEST(), "stage", "published")
    assert rules.phase() is phase
    return rules


def steps_of(contest: Contest) -> dict[Step, Callable[[], object]]:
    """Each step as it would be taken now, with arguments that are good."""
    rules, results = contest.store.rules, contest.store.results
    opens_ms, closes_ms = now_ms() + HOUR, rules.versions()[-1].closes_ms + 20 * 24 * HOUR
    return {
        Step.OPEN: lambda: rules.open_now("因为"),
        Step.POSTPONE: lambda: rules.postpone(opens_ms, "因为"),
        Step.PAUSE: lambda: rules.pause("因为"),
        Step.RESUME: lambda: rules.resume("因为"),
        Step.CLOSE: lambda: rules.close("因为"),
        Step.EXTEND: lambda: rules.extend(closes_ms, "因为"),
        Step.REVIEW: lambda: rules.begin_review("因为"),
        Step.TAKE_BACK: lambda: rules.take_back("因为"),
        Step.PUBLISH: lambda: results.publish("", "因为"),
        Step.UNPUBLISH: lambda: results.unpublish("因为"),
    }


#: Where a step leads; publishing needs a draft and has tests of its own.
LEADS_TO = {
    Step.OPEN: Phase.OPEN, Step.POSTPONE: Phase.BEFORE, Step.PAUSE: Phase.PAUSED,
    Step.RESUME: Phase.OPEN, Step.CLOSE: Phase.CLOSED, Step.REVIEW: Phase.UNDER_REVIEW,
    Step.TAKE_BACK: Phase.CLOSED, Step.UNPUBLISH: Phase.UNDER_REVIEW,
}  # fmt: skip
IDEMPOTENT = {(Phase.PAUSED, Step.PAUSE)} | {(phase, Step.RESUME) for phase in Phase}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("step", [step for step in Step if step is not Step.PUBLISH])
def test_a_step_is_taken_where_the_table_has_it_and_refused_where_not(
    contest: Contest, phase: Phase, step: Step
):
    in_phase(contest, phase)
    rows = len(list(contest.store.log.all()))
    take = steps_of(contest)[step]
    if step in STEPS[phase]:
        take()
        reopened = Phase.OPEN if phase is Phase.CLOSED else phase
        assert contest.store.rules.phase() is LEADS_TO.get(step, reopened)
        (act,) = list(contest.store.log.all())[rows:]
        assert act.reason.endswith("因为")
        return
    if (phase, step) in IDEMPOTENT:
        take()
    else:
        with pytest.raises(StepRefused, match=f"^{PHASES[phase]}，不能{STEP_WORDS[step]}$"):
            take()
    assert contest.store.rules.phase() is phase
    assert len(list(contest.store.log.all())) == rows, "nothing was done, nothing is logged"


def test_closing_early_is_a_new_version_that_refuses_the_next_vote_in_every_shard(
    sharded: Contest,
):
    voters = [bytes([0, 0, 0, shard, 0, 0, 0, 0]) for shard in range(3)]
    made = sharded.store.rules.close("天气", "王组织")
    assert (made.version, made.reason) == (2, "提前结束：天气")
    assert made.closes_ms <= now_ms()
    verdicts = {sharded.cast(a_ballot(voter=voter)).verdict for voter in voters}
    assert verdicts == {Verdict.CLOSED}
    act = sharded.store.log.last()
    assert (act.kind, act.subject, act.by) == (Kind.RULES, "2", "王组织")


def test_a_vote_that_ended_goes_on_when_it_is_extended(contest: Contest):
    rules = in_phase(contest, Phase.CLOSED)
    assert contest.cast(a_ballot()).verdict is Verdict.CLOSED
    made = rules.extend(now_ms() + HOUR, "补时")
    assert made.reason == "延长截止时间：补时"
    assert contest.cast(a_ballot()).verdict is Verdict.ACCEPTED


def test_opening_early_lets_votes_in_at_once(contest: Contest):
    rules = in_phase(contest, Phase.BEFORE)
    assert contest.cast(a_ballot()).verdict is Verdict.NOT_OPEN
    rules.open_now("准备好了")
    assert contest.cast(a_ballot()).verdict is Verdict.ACCEPTED


def test_a_closing_time_that_is_no_extension_is_refused(contest: Contest):
    rules = contest.store.rules
    closes_ms = rules.versions()[-1].closes_ms
    for at_ms in (0, now_ms(), closes_ms - HOUR, closes_ms):
        with pytest.raises(StepRefused, match="要晚于"):
            rules.extend(at_ms, "补时")
    assert len(rules.versions()) == 1


def test_an_opening_time_must_come_and_come_before_the_close(contest: Contest):
    rules = in_phase(contest, Phase.BEFORE)
    for at_ms in (0, now_ms() - 1, rules.versions()[-1].closes_ms):
        with pytest.raises(StepRefused, match="晚于现在、早于截止"):
            rules.postpone(at_ms, "改")


def test_after_a_moved_window_the_site_starts_with_the_same_contest_toml(contest: Contest):
    contest.store.rules.extend(now_ms() + 30 * 24 * HOUR, "补时")
    contest.store.rules.close("提前")
    contest.store.rules.open("test", OPEN_LAW, now_ms())
    assert len(contest.store.rules.versions()) == 3


def test_another_law_keeps_a_moved_window_unless_it_says_another_one(contest: Contest):
    rules = contest.store.rules
    moved = rules.extend(now_ms() + 30 * 24 * HOUR, "补时").closes_ms
    contest.change(winners=9)
    assert rules.versions()[-1].closes_ms == moved
    contest.change(votes_per_voter=4)
    assert rules.versions()[-1].closes_ms == moved
    later = OPEN_LAW.closes + timedelta(days=40)
    contest.change(closes=later)
    assert rules.versions()[-1].closes_ms == int(later.timestamp() * 1000)


@pytest.mark.parametrize("phase", [Phase.UNDER_REVIEW, Phase.PUBLISHED])
def test_once_the_check_has_begun_the_rules_stay(contest: Contest, phase: Phase):
    in_phase(contest, phase)
    with pytest.raises(LawRefused, match="规则不能再改"):
        contest.change(winners=3)
    assert len(contest.store.rules.versions()) == 2


def test_a_pause_left_from_before_the_close_lasts_into_an_extension(contest: Contest):
    rules = in_phase(contest, Phase.PAUSED)
    rules.close("提前")
    rules.extend(now_ms() + HOUR, "补时")
    assert rules.phase() is Phase.PAUSED
    assert contest.cast(a_ballot()).verdict is Verdict.PAUSED


@pytest.mark.parametrize("phase", [Phase.BEFORE, Phase.CLOSED, Phase.UNDER_REVIEW])
def test_the_disk_guard_may_pause_in_any_phase(contest: Contest, phase: Phase):
    rules = in_phase(contest, phase)
    rules.pause("磁盘", Pauser.DISK_GUARD)
    assert rules.paused_by() is Pauser.DISK_GUARD


def test_a_slip_in_the_year_doesn_t_keep_the_vote_open(contest: Contest):
    year_ms = 365 * 24 * 3600 * 1000
    with pytest.raises(StepRefused, match="请检查年份"):
        contest.store.rules.extend(now_ms() + year_ms, "延长一周")
    assert len(contest.store.rules.versions()) == 1


CLOSING = Closing(quiet_hours=6, quiet=Quiet.ROUNDED, round_to=50, review_hours=72,
                  close_call=CloseCall.JURY)  # fmt: skip


def test_a_version_keeps_how_the_vote_ends(contest: Contest):
    contest.change(closing=CLOSING)
    assert contest.store.rules.versions()[-1].closing == CLOSING
    moved = contest.store.rules.extend(contest.store.rules.versions()[-1].closes_ms + 1, "延长")
    assert moved.closing == CLOSING
    assert moved.source == contest.store.rules.versions()[-2].source
    assert contest.store.rules.versions()[0].closing == Closing()


def test_versions_of_before_read_as_they_were(contest: Contest):
    """Written by a release that knew nothing of the end."""
    text = json.loads(contest.store.law.lindex(keys.VERSIONS(), 0))
    del text["closing"]
    found = read_rules(json.dumps(text))
    assert found == contest.store.rules.versions()[0]
    assert found.quiet_ms is None


def test_the_script_that_counts_knows_nothing_of_quiet_hours(contest: Contest):
    """A vote in the quiet hours is a vote."""
    contest.change(closing=replace(CLOSING, quiet_hours=168 * 2))
    assert contest.cast(a_ballot(1)).verdict is Verdict.ACCEPTED
    names = contest.store.law.hgetall(keys.RULES(shard=0))
    assert not [name for name in names if b"quiet" in name or b"closing" in name]
