"""What decisions come to: against a count that looks at each vote by itself, and case by case."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voting.batch import (
    HOLD_MS,
    NOTHING_DEDUCTED,
    Batch,
    BatchNow,
    Decision,
    Deducted,
    Event,
    Fate,
    Removal,
    State,
    Told,
    Votes,
    deduct,
    digest_of,
    fold,
    id_of,
    read_batch,
    read_deductions,
    write_batch,
    write_deductions,
)
from voting.case import Finding, Pattern
from voting.contest import day_of, midnight_after

DAY_MS = 24 * 3600 * 1000
#: Noon in Shanghai.
NOON = 1_763_870_400_000
HOLD, KEEP, ASK, VOID, BACK = Decision
PATTERNS = list(Pattern)


def vote(n: int, entry: int) -> bytes:
    return n.to_bytes(9, "big") + entry.to_bytes(2, "big")


def batch(name: str, pattern: Pattern = Pattern.ONE_ADDRESS, votes: Votes = frozenset()) -> Batch:
    entries = Counter(vote[-1] for vote in votes).most_common()
    return Batch(name, "c1", pattern, Finding.VOTES, tuple(entries), "d" * 64, 1, 2)


def told(*steps: tuple[str, Decision | Event], at_ms: int = NOON, each_ms: int = 0) -> list[Told]:
    return [
        Told(n, at_ms + n * each_ms, f"组织者{n}", what, name, "因为")
        for n, (name, what) in enumerate(steps, start=1)
    ]


def fate(*decisions: Decision) -> Fate:
    return fold(told(("a", Event.FREEZE), *(("a", one) for one in decisions)))["a"]


# --- one batch ----------------------------------------------------------------------------------


def test_what_is_frozen_and_not_decided_is_open():
    assert fate().now(NOON, None) == (State.OPEN, 0)


def test_a_hold_runs_for_48_hours_and_lapses_at_the_moment_itself():
    held = fate(HOLD)
    until = NOON + HOLD_MS
    assert held.now(until - 1, None) == (State.HELD, until)
    assert held.now(until, None) == (State.OPEN, 0)


def test_a_hold_ends_with_the_time_set_for_the_review():
    held, ends = fate(HOLD), NOON + 3600_000
    assert held.now(NOON, ends) == (State.HELD, ends)
    assert held.now(ends, ends) == (State.OPEN, 0)
    assert held.now(NOON, NOON + 9 * HOLD_MS) == (State.HELD, NOON + HOLD_MS)


def test_a_publication_ends_a_hold_for_good():
    steps = told(("a", Event.FREEZE), ("a", HOLD), ("", Event.PUBLISH), each_ms=1000)
    assert fold(steps)["a"].now(NOON + 4000, None) == (State.OPEN, 0)


def test_a_hold_made_before_the_clock_was_set_back_runs_on():
    assert fate(HOLD).now(NOON - DAY_MS, None) == (State.HELD, NOON + HOLD_MS)


def test_keeping_ends_a_hold_and_a_request():
    kept = fate(HOLD, ASK, KEEP)
    assert kept.now(NOON, None) == (State.KEPT, 0)
    assert kept.asked_by == ""


def test_a_request_stays_while_the_votes_are_held():
    asked = fate(ASK, HOLD)
    assert asked.now(NOON, None) == (State.ASKED, NOON + HOLD_MS)
    assert asked.asked_by == "组织者2"
    assert asked.now(NOON + HOLD_MS, None) == (State.ASKED, 0)


def test_a_void_ends_the_hold_and_putting_back_does_not_begin_it_again():
    assert fate(HOLD, ASK, VOID).now(NOON, None) == (State.VOID, 0)
    assert fate(HOLD, ASK, VOID, BACK).now(NOON, None) == (State.KEPT, 0)


def test_every_decision_is_kept_with_its_reason():
    decisions = fate(HOLD, ASK, VOID, BACK).decisions
    assert [one.decision for one in decisions] == [HOLD, ASK, VOID, BACK]
    assert {one.reason for one in decisions} == {"因为"}


def test_what_may_be_decided_next_follows_from_the_state():
    def may(state: State, **more: object) -> set[Decision]:
        now = BatchNow(batch("a"), 0, "", state, 0, "", False, ())
        return set(replace(now, **more).may)

    assert may(State.OPEN) == {HOLD, KEEP, ASK}
    assert may(State.OPEN, held_before=True) == {KEEP, ASK}
    assert may(State.HELD, held_until_ms=9) == {KEEP, ASK}
    assert may(State.ASKED) == {VOID, KEEP, HOLD}
    assert may(State.ASKED, held_until_ms=9) == {VOID, KEEP}
    assert may(State.KEPT, held_before=True) == {ASK}
    assert may(State.VOID) == {BACK}


@pytest.mark.parametrize("finding", [Finding.EXCESS, Finding.SURGE])
def test_where_only_a_number_is_known_it_can_only_be_kept(finding: Finding):
    one = BatchNow(replace(batch("a"), finding=finding), 0, "", State.OPEN, 0, "", False, ())
    assert one.may == (KEEP,)
    assert replace(one, state=State.KEPT).may == ()


def test_the_digest_is_what_sort_and_sha256sum_say():
    lines = b"00-1763000000000-0\n00-1763000000001-0\n"
    ids = ["00-1763000000001-0", "00-1763000000000-0"]
    assert digest_of(ids) == hashlib.sha256(lines).hexdigest()
    assert id_of("c1", Pattern.CROWD, digest_of(ids)) == id_of("c1", Pattern.CROWD, digest_of(ids))
    assert id_of("c2", Pattern.CROWD, digest_of(ids)) != id_of("c1", Pattern.CROWD, digest_of(ids))


# --- the deductions -----------------------------------------------------------------------------

A = frozenset({vote(1, 7), vote(2, 7), vote(3, 8)})
B = frozenset({vote(3, 8), vote(4, 8)})
SETS = {"a": A, "b": B}
BATCHES = {"a": batch("a", votes=A), "b": batch("b", Pattern.CROWD, B)}


def deducted(rows: list[Told]) -> Deducted:
    return deduct(rows, BATCHES, SETS.__getitem__).now


def test_nothing_is_deducted_where_nothing_was_decided():
    assert deduct([], {}, SETS.__getitem__) == NOTHING_DEDUCTED
    assert deducted(told(("a", Event.FREEZE))) == Deducted(0)


def test_a_vote_in_two_void_batches_counts_once_with_the_first_reason():
    found = deducted(told(("a", ASK), ("b", ASK), ("b", VOID), ("a", VOID)))
    day = day_of(NOON)
    assert found.removals == (
        Removal(day, 7, Pattern.ONE_ADDRESS, 2),
        Removal(day, 8, Pattern.CROWD, 2),
    )
    assert found.removed() == {7: 2, 8: 2}


def test_putting_one_of_two_back_leaves_the_other_s_votes_out():
    found = deducted(told(("a", VOID), ("b", VOID), ("a", BACK)))
    assert found.removed() == {8: 2}


def test_held_votes_that_are_removed_are_not_held_too():
    found = deducted(told(("a", HOLD), ("b", VOID)))
    assert (found.removed(), found.held(NOON)) == ({8: 2}, {7: 2})
    assert found.held(NOON + HOLD_MS) == {}


def test_a_second_hold_holds_only_what_was_never_held():
    found = deducted(told(("a", HOLD), ("a", KEEP), ("b", HOLD)))
    assert found.held(NOON) == {8: 1}


def test_the_public_sees_a_decision_after_the_midnight_that_follows_it():
    rows = told(("a", VOID), ("a", BACK), ("b", VOID), each_ms=DAY_MS)
    found = deduct(rows, BATCHES, SETS.__getitem__)
    first, second, third = (midnight_after(NOON + n * DAY_MS) for n in (1, 2, 3))
    assert found.through(first - 1).removed() == {}
    assert found.through(first).removed() == {7: 2, 8: 1}
    assert found.through(second).removed() == {}
    assert found.through(third).removed() == found.through(None).removed() == {8: 2}
    assert found.through(third + 9 * DAY_MS).removed() == {8: 2}


def test_a_decision_made_while_the_clock_was_a_year_ahead_blocks_no_later_one():
    ahead, then = told(("a", VOID), at_ms=NOON + 365 * DAY_MS), told(("b", VOID), at_ms=NOON)
    rows = [*ahead, replace(then[0], row=2)]
    found = deduct(rows, BATCHES, SETS.__getitem__)
    assert found.through(midnight_after(NOON)).removed() == {8: 2}
    assert found.through(None).removed() == {7: 2, 8: 2}


def test_batches_and_deductions_survive_being_written():
    rows = told(("a", VOID), ("b", HOLD), ("b", KEEP), each_ms=DAY_MS)
    found = deduct(rows, BATCHES, SETS.__getitem__)
    assert read_deductions(write_deductions(found)) == found
    assert read_deductions(b"") == NOTHING_DEDUCTED
    assert read_batch(write_batch(BATCHES["b"])) == BATCHES["b"]


NAMES = "abcd"
SOME_SETS = st.fixed_dictionaries(
    {name: st.frozensets(st.integers(0, 12), min_size=1) for name in NAMES}
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(NAMES), st.sampled_from(Decision), st.integers(-3 * DAY_MS, 6 * DAY_MS)
    ),
    max_size=14,
)


@given(SOME_SETS, STEPS, st.integers(-1, 8))
def test_any_decisions_in_any_order_come_to_what_each_vote_by_itself_says(
    numbers: dict[str, frozenset[int]], steps: list[tuple[str, Decision, int]], days: int
):
    """Also with clocks that jump, and with decisions that nobody would have been let make."""
    sets = {name: frozenset(vote(n, n % 3) for n in found) for name, found in numbers.items()}
    batches = {name: batch(name, PATTERNS[n], sets[name]) for n, name in enumerate(NAMES)}
    rows = [
        Told(n, NOON + at, "甲", what, name, "因为")
        for n, (name, what, at) in enumerate(steps, start=1)
    ]
    found = deduct(rows, batches, sets.__getitem__)
    midnight = midnight_after(NOON + days * DAY_MS)
    for until, heard in (
        (None, rows),
        (midnight, [row for row in rows if row.at_ms < midnight]),
    ):
        view = found.through(until)
        assert view.removed() == one_by_one(heard, sets)
        assert all(n > 0 for n in view.removed().values())
        held = view.held(NOON)
        everything = Counter(v[-1] for v in frozenset().union(*sets.values()))
        assert held + view.removed() <= everything


def one_by_one(rows: list[Told], sets: dict[str, Votes]) -> Counter[int]:
    """Entry → votes that lie in a batch about which the last word is void."""
    void = {row.batch: row.what is VOID for row in rows}
    everything = frozenset().union(*sets.values())
    out = [v for v in everything if any(v in sets[name] for name in void if void[name])]
    return Counter(int.from_bytes(v[-2:], "big") for v in out)
