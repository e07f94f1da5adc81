"""A run of scrutiny in the law store: whole, in place of the one before, and small."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from cases import World, a_world
from casting import Contest
from hypothesis import given
from hypothesis import strategies as st

from voting.case import Run
from voting.store import keys
from voting.store.cases import MOST, PACKED, pack, unpack


@pytest.fixture(scope="module")
def world() -> World:
    return a_world(int(time.time() * 1000))


def test_what_was_put_is_read_as_it_was(contest: Contest, world: World):
    cases = contest.store.cases
    cases.put(world.run, world.vote_ids, world.sheets)
    assert cases.latest() == world.run
    assert cases.at_ms() == world.run.at_ms
    for case in world.run.cases:
        assert cases.votes_of(case.id) == list(world.vote_ids.get(case.id, []))
        assert cases.sheet_of(case.id) == world.sheets[case.id]


def test_before_the_first_run_there_is_nothing(contest: Contest):
    cases = contest.store.cases
    assert (cases.latest(), cases.at_ms()) == (None, 0)
    assert (cases.votes_of("c-1"), cases.sheet_of("c-1")) == ([], None)


def test_a_run_takes_the_place_of_the_one_before(contest: Contest, world: World):
    cases = contest.store.cases
    cases.put(world.run, world.vote_ids, world.sheets)
    gone, *rest = world.run.cases
    cases.put(replace(world.run, at_ms=2, cases=tuple(rest)), world.vote_ids)
    assert [one.id for one in cases.latest().cases] == [one.id for one in rest]
    assert cases.votes_of(gone.id) == []
    assert cases.sheet_of(rest[0].id) is None, "the sheet was the other run's"


@pytest.mark.parametrize("name", ["", "run", "at_ms", "../run", "案", "c-1 x"])
def test_a_name_that_is_no_case_finds_nothing(contest: Contest, world: World, name: str):
    contest.store.cases.put(world.run, world.vote_ids, world.sheets)
    assert contest.store.cases.votes_of(name) == []
    assert contest.store.cases.sheet_of(name) is None


def test_a_sheet_of_another_release_is_none(contest: Contest, world: World):
    cases = contest.store.cases
    cases.put(world.run, world.vote_ids, world.sheets)
    for text in ("{}", "[]", '{"case": 1}', "no"):
        contest.store.law.hset(keys.CASES(), "sheet c-address", text)
        assert cases.sheet_of("c-address") is None


def test_a_hundred_thousand_votes_take_nine_bytes_each(contest: Contest, world: World):
    many = [f"00-{1_760_000_000_000 + n // 3}-{n % 3}" for n in range(100_000)]
    run = replace(world.run, cases=world.run.cases[:1])
    contest.store.cases.put(run, {run.cases[0].id: many})
    assert contest.store.law.hstrlen(keys.CASES(), f"votes {run.cases[0].id}") == 900_000
    assert contest.store.cases.votes_of(run.cases[0].id) == many


def test_too_many_cases_are_refused_and_the_run_before_stays(contest: Contest, world: World):
    contest.store.cases.put(world.run, world.vote_ids)
    one = world.run.cases[0]
    many = Run(1, 1, 0.1, tuple(replace(one, id=f"c{n}") for n in range(MOST + 1)))
    with pytest.raises(ValueError, match="30 cases"):
        contest.store.cases.put(many, {})
    assert contest.store.cases.latest() == world.run


def test_a_sheet_that_is_too_large_is_refused(contest: Contest, world: World):
    case = world.run.cases[0]
    sheet = world.sheets[case.id]
    long = replace(sheet.whole, case=tuple(range(9_000)))
    with pytest.raises(ValueError, match="larger"):
        contest.store.cases.put(
            world.run, world.vote_ids, {case.id: replace(sheet, whole=long)}
        )


IDS = st.builds(
    "{:02d}-{}-{}".format,
    st.integers(0, 255), st.integers(0, (1 << 48) - 1), st.integers(0, (1 << 16) - 1),
)  # fmt: skip


@given(st.lists(IDS, max_size=50))
def test_packing_keeps_each_vote_once(ids: list[str]):
    packed = pack(ids)
    assert set(unpack(packed)) == set(ids)
    assert len(packed) == PACKED.size * len(set(ids))
    assert pack(reversed(ids)) == packed


@pytest.mark.parametrize(
    "wrong", ["", "0", "00-1", "00-1-2-3", "a-1-2", "300-1-1", "00-1-70000", "00-281474976710656-0"]
)
def test_what_names_no_vote_is_refused(wrong: str):
    with pytest.raises(ValueError, match="names no vote"):
        pack([wrong])


def test_what_was_decided_about_is_kept_whatever_later_runs_find(contest: Contest, world: World):
    cases = contest.store.cases
    cases.put(world.run, world.vote_ids, world.sheets)
    case = world.run.cases[0]
    assert cases.kept("b1") is None
    cases.keep("b1", case)
    cases.put(Run(world.run.at_ms + 1, 0, 0.1, ()), {})
    kept = cases.kept("b1")
    assert (kept.case, kept.sheet, kept.at_ms) == (case, world.sheets[case.id], world.run.at_ms)


def test_a_case_without_a_sheet_is_kept_without_one(contest: Contest, world: World):
    contest.store.cases.put(world.run, world.vote_ids)
    contest.store.cases.keep("b2", world.run.cases[0])
    assert contest.store.cases.kept("b2").sheet is None
