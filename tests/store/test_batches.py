"""People freeze sets of votes and decide about them; whatever happens in between, nothing is lost,
nothing is counted twice, and nobody removes a vote alone.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
from casting import Contest, a_ballot, a_contest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voting.batch import HOLD_MS, Batch, Decision, State
from voting.case import Case, Finding, Pattern
from voting.contest import midnight_after
from voting.organizer import Account, Role
from voting.store import keys, open_store
from voting.store.batches import Batches, DecisionRefused, NoSuchBatch
from voting.store.log import COMMAND_LINE, SITE, Kind, Log
from voting.store.rules import LawRefused

HOLD, KEEP, ASK, VOID, BACK = Decision
DAY_MS = 24 * 3600 * 1000
#: A voter of its own for each vote.
VOTERS = count(1)


class Died(Exception):  # noqa: N818 the plain word
    """What a kill looks like from inside."""


def a_case(name: str = "c1", pattern: Pattern = Pattern.ONE_ADDRESS, **fields: Any) -> Case:
    case = Case(
        id=name, pattern=pattern, finding=Finding.VOTES, entries=(("1", 3),), votes=3,
        expected=0.0, low=2.0, high=3.0, score=0.9, first_ms=1, last_ms=2, evidence=(),
        explanation="一家人",
    )  # fmt: skip
    return replace(case, **fields)


def add_people(contest: Contest) -> None:
    for name, role in (
        ("甲", Role.ORGANIZER), ("乙", Role.ORGANIZER), ("丙", Role.ORGANIZER),
        ("审", Role.REVIEWER), ("监", Role.SUPERVISOR),
    ):  # fmt: skip
        contest.store.accounts.add(Account(name, role, "hash", 0))


def cast(contest: Contest, *entries: int) -> list[str]:
    """Votes by voters of their own; their ids."""
    found = []
    for entry in entries:
        voter = b"v%07d" % next(VOTERS)
        found.append(contest.cast(a_ballot(entry, voter)).vote_id)
    return found


@pytest.fixture
def staffed(contest: Contest) -> Contest:
    add_people(contest)
    return contest


def void(contest: Contest, batch: Batch) -> None:
    contest.store.batches.decide(batch.id, ASK, "不像真人", "甲")
    contest.store.batches.decide(batch.id, VOID, "我也看过", "乙")


def refused(contest: Contest, batch: Batch, decision: Decision, by: str = "甲") -> str:
    with pytest.raises(DecisionRefused) as found:
        contest.store.batches.decide(batch.id, decision, "因为", by)
    return str(found.value)


def held_now(contest: Contest) -> dict[int, int]:
    now_ms = contest.store.log.last().at_ms
    return dict(contest.store.batches.deductions().now.held(now_ms))


def at(monkeypatch: pytest.MonkeyPatch, now_ms: int) -> None:
    monkeypatch.setattr(Batches, "_now_ms", lambda _: now_ms)


# --- freezing -----------------------------------------------------------------------------------


def test_a_batch_knows_its_votes_for_ever(staffed: Contest):
    ids = cast(staffed, 1, 1, 2)
    store = staffed.store
    batch = store.batches.freeze(a_case(), ids[::-1] + ids, "甲")
    assert batch.entries == ((1, 2), (2, 1))
    assert batch.votes == 3
    assert store.batches.votes_of(batch.id) == ids
    (now,) = store.batches.all()
    assert (now.batch, now.state, now.frozen_by) == (batch, State.OPEN, "甲")
    assert store.batches.of(batch.id) == now
    act = store.log.last()
    assert (act.kind, act.subject) == (Kind.FREEZE, batch.id)
    assert batch.digest in act.reason


def test_the_same_votes_of_the_same_case_are_the_same_batch(staffed: Contest):
    ids = cast(staffed, 1, 1)
    first = staffed.store.batches.freeze(a_case(), ids, "甲")
    rows = staffed.store.log.last().n
    assert staffed.store.batches.freeze(a_case(votes=9), ids[::-1], "乙") == first
    assert staffed.store.log.last().n == rows
    grown = staffed.store.batches.freeze(a_case(), ids + cast(staffed, 1), "乙")
    assert [now.batch for now in staffed.store.batches.all()] == [grown, first]


def test_a_vote_that_is_not_in_the_ledger_freezes_nothing(staffed: Contest):
    ids = cast(staffed, 1)
    shard, ms, n = ids[0].split("-")
    for wrong in (f"{shard}-{int(ms) + 1}-{n}", f"07-{ms}-{n}", f"{shard}-{ms}-9"):
        with pytest.raises(DecisionRefused, match="有 1 张票不在账本里"):
            staffed.store.batches.freeze(a_case(), [*ids, wrong], "甲")
    for wrong in ("nonsense", "00-1", "00-x-0", f"999-{ms}-0", f"{shard}-{ms}-99999999"):
        with pytest.raises(DecisionRefused, match="票号不对"):
            staffed.store.batches.freeze(a_case(), [*ids, wrong], "甲")
    assert staffed.store.batches.all() == []
    assert not staffed.store.law.keys("batch:*")


def test_a_case_without_votes_is_only_frozen_where_none_can_be_known(staffed: Contest):
    with pytest.raises(DecisionRefused, match="没有列出选票"):
        staffed.store.batches.freeze(a_case(), [], "甲")
    batch = staffed.store.batches.freeze(a_case(finding=Finding.EXCESS), [], "甲")
    for decision in (HOLD, ASK, VOID):
        assert "只能保留" in refused(staffed, batch, decision)
    assert staffed.store.batches.decide(batch.id, KEEP, "真的火了", "甲").state is State.KEPT


# --- deciding -----------------------------------------------------------------------------------


def test_a_void_takes_votes_from_the_count_and_putting_back_gives_them_again(staffed: Contest):
    ids = cast(staffed, 1, 1, 1, 2)
    store = staffed.store
    batch = store.batches.freeze(a_case(), ids[:2], "甲")
    void(staffed, batch)
    assert store.batches.deductions().now.removed() == {1: 2}
    out = {vote_id[3:].encode(): Pattern.ONE_ADDRESS for vote_id in ids[:2]}
    assert store.batches.void() == [out]
    assert store.ledger.recount(store.batches.void()) == {1: 1, 2: 1}
    assert staffed.tally() == {1: 3, 2: 1}, "what voting.lua counted stays"
    assert store.ledger.size() == 4
    now = store.batches.decide(batch.id, BACK, "弄错了", "丙")
    assert (now.state, store.batches.deductions().now.removed()) == (State.KEPT, {})
    assert [one.by for one in now.decisions] == ["甲", "乙", "丙"]


def test_nobody_voids_alone(staffed: Contest):
    batch = staffed.store.batches.freeze(a_case(), cast(staffed, 1), "甲")
    assert "还没有人提请" in refused(staffed, batch, VOID)
    staffed.store.batches.decide(batch.id, ASK, "不像真人", "甲")
    assert "另一位组织者" in refused(staffed, batch, VOID)
    assert "甲 已经提请" in refused(staffed, batch, ASK, "乙")
    assert staffed.store.batches.of(batch.id).asked_by == "甲"
    assert staffed.store.batches.decide(batch.id, VOID, "同意", "乙").state is State.VOID


def test_a_request_dies_with_the_account_that_made_it(staffed: Contest):
    store = staffed.store
    batch = store.batches.freeze(a_case(), cast(staffed, 1), "甲")
    store.batches.decide(batch.id, ASK, "不像真人", "甲")
    store.accounts.set_disabled("甲", True, "离职")
    assert "请重新提请" in refused(staffed, batch, VOID, "乙")
    store.batches.decide(batch.id, ASK, "我来提请", "乙")
    assert "另一位组织者" in refused(staffed, batch, VOID, "乙")
    assert store.batches.decide(batch.id, VOID, "同意", "丙").state is State.VOID


def test_a_request_dies_with_the_role_of_who_made_it(staffed: Contest):
    store = staffed.store
    batch = store.batches.freeze(a_case(), cast(staffed, 1), "甲")
    store.batches.decide(batch.id, ASK, "不像真人", "甲")
    store.accounts.set_role("甲", Role.SUPERVISOR)
    assert "请重新提请" in refused(staffed, batch, VOID, "乙")


@pytest.mark.parametrize("by", ["审", "监", "没有这个人", COMMAND_LINE, SITE])
def test_who_has_no_power_neither_freezes_nor_decides(staffed: Contest, by: str):
    ids = cast(staffed, 1)
    with pytest.raises(DecisionRefused, match="不能决定"):
        staffed.store.batches.freeze(a_case(), ids, by)
    batch = staffed.store.batches.freeze(a_case(), ids, "甲")
    for decision in Decision:
        assert "不能决定" in refused(staffed, batch, decision, by)
    assert staffed.store.batches.of(batch.id).decisions == ()


def test_a_disabled_organizer_decides_nothing(staffed: Contest):
    batch = staffed.store.batches.freeze(a_case(), cast(staffed, 1), "甲")
    staffed.store.accounts.set_disabled("甲", True, "离职")
    assert "不能决定" in refused(staffed, batch, KEEP)


def test_a_decision_needs_a_reason(staffed: Contest):
    batch = staffed.store.batches.freeze(a_case(), cast(staffed, 1), "甲")
    with pytest.raises(DecisionRefused, match="请写明理由"):
        staffed.store.batches.decide(batch.id, KEEP, "  ", "甲")


def test_who_looked_at_another_state_decides_nothing(staffed: Contest):
    store = staffed.store
    batch = store.batches.freeze(a_case(), cast(staffed, 1), "甲")
    store.batches.decide(batch.id, ASK, "不像真人", "甲")
    with pytest.raises(DecisionRefused, match="刚才有人"):
        store.batches.decide(batch.id, KEEP, "像真人", "乙", seen=State.OPEN)
    assert store.batches.decide(batch.id, KEEP, "像", "乙", seen=State.ASKED).state is State.KEPT


def test_there_is_no_batch_that_nobody_has_frozen(staffed: Contest):
    for look in (staffed.store.batches.of, staffed.store.batches.votes_of):
        with pytest.raises(NoSuchBatch):
            look("0123456789")
    with pytest.raises(NoSuchBatch):
        staffed.store.batches.decide("0123456789", KEEP, "因为", "甲")


def test_each_decision_is_refused_where_it_makes_no_sense(staffed: Contest):
    store = staffed.store
    batch = store.batches.freeze(a_case(), cast(staffed, 1), "甲")
    assert "没有移除" in refused(staffed, batch, BACK)
    store.batches.decide(batch.id, KEEP, "像真人", "甲")
    assert "已经保留" in refused(staffed, batch, KEEP)
    void(staffed, batch)
    for decision in (HOLD, KEEP, ASK, VOID):
        assert "已经移除" in refused(staffed, batch, decision, "丙")


def test_the_page_is_told_the_same_as_the_one_who_tries(staffed: Contest):
    store = staffed.store
    batch = store.batches.freeze(a_case(), cast(staffed, 1), "甲")
    store.batches.decide(batch.id, ASK, "不像真人", "甲")
    now = store.batches.of(batch.id)
    for by in ("甲", "乙", "审"):
        for decision in Decision:
            sentence = store.batches.why_not(now, decision, by)
            if sentence:
                assert refused(staffed, batch, decision, by) == sentence
    assert store.batches.why_not(now, VOID, "乙") == ""


# --- holds --------------------------------------------------------------------------------------


def test_a_hold_never_changes_the_count_and_lapses_by_the_clock_alone(
    staffed: Contest, monkeypatch: pytest.MonkeyPatch
):
    store = staffed.store
    batch = store.batches.freeze(a_case(), cast(staffed, 1, 1), "甲")
    now = store.batches.decide(batch.id, HOLD, "先看看", "甲")
    began = now.decisions[-1].at_ms
    assert (now.state, now.held_until_ms) == (State.HELD, began + HOLD_MS)
    view = store.batches.deductions().now
    assert (view.removed(), view.held(began)) == ({}, {1: 2})
    assert "正在核查中" in refused(staffed, batch, HOLD)
    before = store.law.hget(keys.CONTEST(), "deductions")
    at(monkeypatch, began + HOLD_MS - 1)
    assert store.batches.of(batch.id).state is State.HELD
    at(monkeypatch, began + HOLD_MS)
    assert store.batches.of(batch.id).state is State.OPEN
    assert view.held(began + HOLD_MS) == {}
    assert store.law.hget(keys.CONTEST(), "deductions") == before, "nobody had to do anything"
    assert "已经核查过一次" in refused(staffed, batch, HOLD)


def test_votes_that_were_held_can_t_be_held_again_in_another_batch(staffed: Contest):
    store, ids = staffed.store, cast(staffed, 1, 1, 1)
    first = store.batches.freeze(a_case(), ids[:2], "甲")
    store.batches.decide(first.id, HOLD, "先看看", "甲")
    store.batches.decide(first.id, KEEP, "像真人", "甲")
    same = store.batches.freeze(a_case("c2"), ids[:1], "甲")
    assert "已经核查过一次" in refused(staffed, same, HOLD)
    grown = store.batches.freeze(a_case("c3"), ids, "甲")
    now = store.batches.decide(grown.id, HOLD, "又多了一张", "甲")
    assert store.batches.deductions().now.held(now.frozen_ms) == {1: 1}


# --- two at once, and half-way ------------------------------------------------------------------


def both(*calls: Callable[[], object]) -> list[object]:
    """Do it at the same moment; what came out of each."""
    found: list[object] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(place: int) -> None:
        start.wait()
        try:
            found[place] = calls[place]()
        except DecisionRefused as refusal:
            found[place] = refusal

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_two_who_decide_at_once_one_comes_second(staffed: Contest):
    store = staffed.store
    batch = store.batches.freeze(a_case(), cast(staffed, 1, 1), "甲")
    store.batches.decide(batch.id, ASK, "不像真人", "甲")
    found = both(
        lambda: store.batches.decide(batch.id, VOID, "同意", "乙"),
        lambda: store.batches.decide(batch.id, VOID, "同意", "丙"),
    )
    assert sum(isinstance(one, DecisionRefused) for one in found) == 1
    assert [act.kind for act in store.log.all()].count(Kind.VOID) == 1
    assert store.batches.deductions().now.removed() == {1: 2}


def test_of_two_who_freeze_at_once_both_get_the_one_batch(staffed: Contest):
    ids = cast(staffed, 1, 2)
    freeze = staffed.store.batches.freeze
    one, other = both(lambda: freeze(a_case(), ids, "甲"), lambda: freeze(a_case(), ids, "乙"))
    assert one == other
    assert len(staffed.store.batches.all()) == 1


def die(*_: object, **__: object) -> None:
    raise Died


def test_a_decision_that_only_the_log_knows_is_finished(
    staffed: Contest, monkeypatch: pytest.MonkeyPatch
):
    store = staffed.store
    batch = store.batches.freeze(a_case(), cast(staffed, 1, 1), "甲")
    store.batches.decide(batch.id, ASK, "不像真人", "甲")
    with monkeypatch.context() as cut:
        cut.setattr(Batches, "_derive", die)
        with pytest.raises(Died):
            store.batches.decide(batch.id, VOID, "同意", "乙")
    assert store.batches.of(batch.id).state is State.VOID, "the log has said so"
    assert store.batches.deductions().now.removed() == {}
    before = store.results.catalogue()
    store.mending.mend()
    assert store.batches.deductions().now.removed() == {1: 2}
    assert store.results.catalogue() == before + 1, "a draft made before is outdated"


def test_the_next_decision_finishes_one_that_was_cut_off(
    staffed: Contest, monkeypatch: pytest.MonkeyPatch
):
    store = staffed.store
    first, second = (
        store.batches.freeze(a_case(name), cast(staffed, 1), "甲") for name in ("c1", "c2")
    )
    store.batches.decide(first.id, ASK, "不像真人", "甲")
    with monkeypatch.context() as cut:
        cut.setattr(Batches, "_derive", die)
        with pytest.raises(Died):
            store.batches.decide(first.id, VOID, "同意", "乙")
    store.batches.decide(second.id, KEEP, "像真人", "丙")
    assert store.batches.deductions().now.removed() == {1: 1}


def test_votes_that_no_row_names_are_nobody_s(staffed: Contest, monkeypatch: pytest.MonkeyPatch):
    store, ids = staffed.store, cast(staffed, 1, 1)
    with monkeypatch.context() as cut:
        cut.setattr(Log, "append", die)
        with pytest.raises(Died):
            store.batches.freeze(a_case(), ids, "甲")
    assert store.batches.all() == []
    batch = store.batches.freeze(a_case(), ids, "甲")
    assert store.batches.votes_of(batch.id) == ids


def test_where_nothing_was_cut_off_mending_writes_nothing(staffed: Contest):
    void(staffed, staffed.store.batches.freeze(a_case(), cast(staffed, 1), "甲"))
    law = staffed.store.law
    before = {key: law.dump(key) for key in law.keys("*")}
    staffed.store.mending.mend()
    assert {key: law.dump(key) for key in law.keys("*")} == before


def test_deductions_that_somebody_changed_are_worked_out_anew(staffed: Contest):
    store = staffed.store
    void(staffed, store.batches.freeze(a_case(), cast(staffed, 1), "甲"))
    assert not store.batches.rebuild()
    text = store.law.hget(keys.CONTEST(), "deductions")
    store.law.hset(keys.CONTEST(), "deductions", text.replace(b'"votes":1', b'"votes":0'))
    assert store.batches.rebuild()
    assert store.batches.deductions().now.removed() == {1: 1}


def test_another_process_sees_the_decision_at_once(
    staffed: Contest, law_url: str, throttle_url: str, tmp_path: Path
):
    batch = staffed.store.batches.freeze(a_case(), cast(staffed, 1), "甲")
    other = open_store(
        "test", law_url, throttle_url, 1, tmp_path, accept_unknown=False, sealing=b"sealing"
    )
    assert other.batches.of(batch.id).state is State.OPEN
    staffed.store.batches.decide(batch.id, KEEP, "像真人", "甲")
    assert other.batches.of(batch.id).state is State.KEPT


# --- what the public and the console see --------------------------------------------------------


def board_of(contest: Contest, now_ms: int | None = None) -> Any:
    """What a process that starts now, or at that moment, shows."""
    store = contest.store
    contest.store.throttle.flushall()
    clock = (lambda: now_ms / 1000) if now_ms else store.boards.clock
    return replace(store.boards, _board=None, clock=clock).current()


def test_the_public_sees_a_void_after_midnight_the_console_at_once(staffed: Contest):
    store = staffed.store
    ids = cast(staffed, 1, 1, 2)
    batch = store.batches.freeze(a_case(), ids[:2], "甲")
    void(staffed, batch)
    decided_ms = store.log.last().at_ms
    board = board_of(staffed)
    assert [(row.number, row.votes) for row in board.standings.rows] == [(1, 2), (2, 1), (3, 0)]
    assert [(row.number, row.votes) for row in board.standings_now.rows] == [(2, 1), (1, 0), (3, 0)]
    assert (board.removals, board.removed_now) == ((), {1: 2})
    midnight = midnight_after(decided_ms)
    assert board_of(staffed, midnight - 1).standings.of(1).votes == 2
    after = board_of(staffed, midnight)
    assert after.standings.of(1).votes == 0
    assert [(one.entry, one.pattern, one.votes) for one in after.removals] == [
        (1, Pattern.ONE_ADDRESS, 2)
    ]


def test_once_the_vote_has_closed_all_is_seen_at_once(staffed: Contest):
    batch = staffed.store.batches.freeze(a_case(), cast(staffed, 1, 1), "甲")
    staffed.store.rules.close("提前")
    void(staffed, batch)
    assert board_of(staffed).standings.of(1).votes == 0


def test_held_votes_count_and_are_seen_by_the_day(staffed: Contest):
    store = staffed.store
    batch = store.batches.freeze(a_case(), cast(staffed, 1, 1, 2), "甲")
    store.batches.decide(batch.id, HOLD, "先看看", "甲")
    midnight = midnight_after(store.log.last().at_ms)
    assert (board_of(staffed).held, held_now(staffed)) == ({}, {1: 2, 2: 1})
    for days, held in ((0, {1: 2, 2: 1}), (1, {1: 2, 2: 1}), (2, {})):
        board = board_of(staffed, midnight + days * DAY_MS)
        assert (board.held, board.standings.of(1).votes) == (held, 2)


def test_a_batch_of_a_withdrawn_entry_hurts_nobody(staffed: Contest):
    store = staffed.store
    batch = store.batches.freeze(a_case(), cast(staffed, 1, 1, 2), "甲")
    store.batches.decide(batch.id, HOLD, "先看看", "甲")
    store.entries.withdraw(1, "争议")
    tomorrow = board_of(staffed, midnight_after(store.log.last().at_ms))
    assert tomorrow.held == {2: 1}
    void(staffed, batch)
    board = board_of(staffed)
    assert [(row.number, row.votes) for row in board.standings_now.rows] == [(2, 0), (3, 0)]
    store.entries.approve(1, "解决了")
    assert board_of(staffed).standings_now.of(1).votes == 0


def test_a_board_that_is_kept_knows_the_deductions(staffed: Contest):
    batch = staffed.store.batches.freeze(a_case(), cast(staffed, 1, 1), "甲")
    void(staffed, batch)
    board = board_of(staffed)
    kept = staffed.store.boards._kept_board()
    assert kept.standings_now.rows == board.standings_now.rows
    assert kept.catalogue.deductions == board.catalogue.deductions


def test_a_vote_is_not_given_back_to_whoever_cast_a_removed_one(staffed: Contest):
    voter = b"robot..."
    vote_id = staffed.cast(a_ballot(1, voter)).vote_id
    void(staffed, staffed.store.batches.freeze(a_case(), [vote_id], "甲"))
    rules = staffed.store.rules.versions()[-1]
    record = staffed.store.ballots.record(voter, rules, staffed.store.log.last().at_ms)
    assert record.voted == (1,)


# --- published ----------------------------------------------------------------------------------


def test_a_published_result_is_not_changed_by_a_decision(staffed: Contest):
    store = staffed.store
    one = store.batches.freeze(a_case(), cast(staffed, 1), "甲")
    other = store.batches.freeze(a_case("c2"), cast(staffed, 2), "甲")
    void(staffed, other)
    store.batches.decide(one.id, ASK, "不像真人", "甲")
    store.rules.close("提前")
    store.law.hset(keys.CONTEST(), "stage", "published")
    for batch, decision, by in ((one, VOID, "乙"), (one, HOLD, "乙"), (other, BACK, "乙")):
        assert "请先撤回结果" in refused(staffed, batch, decision, by)
    assert issubclass(DecisionRefused, LawRefused)
    assert store.batches.decide(one.id, KEEP, "像真人", "乙").state is State.KEPT


# --- whatever people do -------------------------------------------------------------------------

ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("freeze"), st.sets(st.integers(0, 11), min_size=3)),
        st.tuples(st.just("remove"), st.integers(0, 5), st.booleans()),
        st.tuples(
            st.sampled_from(Decision), st.integers(0, 5), st.sampled_from("甲乙丙"), st.booleans()
        ),
        st.tuples(st.just("restart")),
        st.tuples(st.just("mend")),
        st.tuples(st.just("vote"), st.sampled_from((1, 2, 3))),
    ),
    min_size=4,
    max_size=20,
)


class Play:
    """A store in three shards, and a plain account of what should be removed in it."""

    def __init__(self, law_url: str, throttle_url: str, folder: Path) -> None:
        self.urls, self.folder = (law_url, throttle_url), folder
        redis.Redis.from_url(law_url).flushall()
        self.contest = a_contest(law_url, throttle_url, folder, shards=3)
        add_people(self.contest)
        self.ids = cast(self.contest, *(n % 3 + 1 for n in range(12)))
        self.batches: list[Batch] = []
        self.out: dict[str, set[str]] = {}
        for places in ((0, 1, 2, 3, 4), (3, 4, 5, 6), (6, 7, 8, 0)):
            self.do(("freeze", places))

    def do(self, act: tuple[Any, ...]) -> None:
        store = self.contest.store
        match act:
            case ("freeze", places):
                ids = [self.ids[n] for n in sorted(places)]
                batch = store.batches.freeze(a_case(f"c{len(ids)}"), ids, "甲")
                self.batches += [batch] if batch not in self.batches else []
            case ("remove", number, killed):
                batch = self.batches[number % len(self.batches)]
                self.decide(batch, ASK, "甲", killed=False)
                self.decide(batch, VOID, "乙", killed=killed)
            case ("restart",):
                self.contest.store = open_store(
                    "test", *self.urls, 3, self.folder, accept_unknown=False, sealing=b"sealing"
                )
            case ("mend",):
                store.mending.mend()
            case ("vote", entry):
                cast(self.contest, entry)
            case (Decision() as decision, number, by, killed):
                self.decide(self.batches[number % len(self.batches)], decision, by, killed=killed)

    def decide(self, batch: Batch, decision: Decision, by: str, *, killed: bool) -> None:
        store = self.contest.store
        derive, rows = Batches._derive, store.log.last().n
        try:
            if killed:
                Batches._derive = die
            store.batches.decide(batch.id, decision, "因为", by)
        except DecisionRefused:
            return
        except Died:
            pass
        finally:
            Batches._derive = derive
        assert store.log.last().n == rows + 1
        if decision is VOID:
            self.out[batch.id] = set(store.batches.votes_of(batch.id))
        if decision is BACK:
            del self.out[batch.id]

    def check(self, rows: int) -> None:
        store = self.contest.store
        store.mending.mend()
        void = set().union(*self.out.values())
        assert {f"{shard:02d}-{i.decode()}" for shard, ids in enumerate(store.batches.void())
                for i in ids} == void  # fmt: skip
        by_hand = Counter(vote.entry for vote in store.ledger.votes() if vote.id not in void)
        recounted = store.ledger.recount(store.batches.void())
        rows_now = board_of(self.contest).standings_now.rows
        shown = Counter({row.number: row.votes for row in rows_now})
        assert recounted == by_hand == +shown
        assert store.ledger.size() == rows
        assert store.ledger.recount() == store.ledger.tally()
        assert store.log.chain().flaw is None
        assert not store.batches.rebuild()


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(acts=ACTS)
def test_whatever_is_decided_in_whatever_order_a_recount_is_what_is_shown(
    law_url: str, throttle_url: str, acts: list[tuple[Any, ...]]
):
    folder = Path(tempfile.mkdtemp())
    try:
        play = Play(law_url, throttle_url, folder)
        rows = play.contest.store.ledger.size()
        for act in acts:
            play.do(act)
            rows += act[0] == "vote"
        play.check(rows)
    finally:
        shutil.rmtree(folder)
