"""Who goes together again and again."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import BEGIN, frame, moments, people, public, scene, votes

from voting.scrutiny import lockstep
from voting.scrutiny.lockstep import AT_ONCE, FEW, Cells, paces, troops, with_covers, with_links
from voting.scrutiny.votes import DAY_MS, HOUR_MS, MINUTE_MS, of_frame

QUICK = settings(max_examples=60, deadline=None)


def job(r, members, entry: str, day: int, hour: int = 14, part: float = 0.8):
    """Some of the members vote for an entry within half an hour."""
    some = r.choice(members, int(part * len(members)), replace=False)
    start = BEGIN + day * DAY_MS + hour * HOUR_MS
    return people(r, len(some), entry=entry, voter=some, identity="wechat",
                  at=start + r.integers(0, 25 * MINUTE_MS, len(some)))  # fmt: skip


def returning(r, n: int = 3000):
    """People who vote for their friend's entry on several days, each at hours of their own."""
    voter = r.integers(0, n // 5, n)
    return people(r, n, entry=np.char.add("e", (voter % 24).astype(str)),
                  voter=np.char.add("r", voter.astype(str)), at=moments(r, n))  # fmt: skip


def stage(seed: int, *more):
    r = np.random.default_rng(seed)
    return r, [*public(r), returning(r), *(one(r) for one in more)]


MEMBERS = [f"m{n}" for n in range(80)]


@pytest.mark.parametrize("seed", range(3))
def test_a_public_that_returns_holds_no_troop(seed):
    _, rows = stage(seed)
    assert not list(troops(votes(*rows), 40))


def test_a_troop_is_found_with_its_jobs_and_nobody_else():
    r, rows = stage(1)
    jobs = [("e3", 1), ("e9", 3), ("e3", 5), ("e15", 6), ("e9", 8)]
    table = votes(*rows, *(job(r, MEMBERS, entry, day) for entry, day in jobs))
    (troop,) = troops(table, 40)
    theirs = troop.votes
    assert len(theirs) == pytest.approx(5 * 64, rel=0.05)
    assert troop.voters == pytest.approx(80, abs=4)
    assert troop.cells == 5
    assert troop.met > 50 * troop.expected
    assert troop.log10_p < -100
    assert {table.entries[e] for e in table.entry[theirs]} == {"e3", "e9", "e15"}


def test_going_together_once_is_no_troop():
    r, rows = stage(1)
    assert not list(troops(votes(*rows, job(r, MEMBERS, "e3", 1, part=1.0)), 40))


def test_a_visit_to_two_entries_is_one_meeting():
    r, rows = stage(1)
    at_once = [job(r, MEMBERS, entry, 1, part=1.0) for entry in ("e3", "e9", "e15")]
    assert not list(troops(votes(*rows, *at_once), 40))


def test_a_cover_belongs_to_those_who_cast_nearly_everything_together():
    r, rows = stage(1)
    jobs = [job(r, MEMBERS, entry, day, part=1.0) for entry, day in (("e3", 1), ("e9", 3))]
    cover = people(r, 40, entry="e0", voter=MEMBERS[:40], at=moments(r, 40))
    fan = [people(r, 10, entry="e1", voter=["m79"] * 10, at=moments(r, 10))]
    table = frame(*rows, *jobs, cover, *fan)
    member = table["voter"].str.starts_with("m") & table["entry_id"].is_in(["e3", "e9"])
    v, together = of_frame(table), np.flatnonzero(member.to_numpy())
    whole = with_covers(v, together)
    assert set(together) <= set(whole)
    assert len(set(whole) - set(together)) == 40, "2 of 3 is devoted, 2 of 12 isn't"


@QUICK
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.integers(0, 40)),
                min_size=2, max_size=80))  # fmt: skip
def test_meetings_are_counted_as_one_would_by_hand(casts):
    voter, entry, half = (np.array(column) for column in zip(*casts, strict=True))
    at = BEGIN + half * 30 * MINUTE_MS
    cells = Cells.of(votes(scene(len(casts), voter=voter, entry=entry, at=at)))
    if cells is None:
        assert len(set(voter)) == len(voter)
        return
    left, right, met = lockstep._shared(cells.of_voter, cells.start)
    there: dict[tuple[int, int], set[int]] = {}
    for row, column in zip(cells.row, cells.column, strict=True):
        if row >= 0:
            there.setdefault(int(column), set()).add(int(row))
    by_hand = {
        (a, b): len(there[a] & there[b])
        for a in there for b in there
        if a < b and len(there[a] & there[b]) >= FEW
        and abs(cells.start[a] - cells.start[b]) >= lockstep.APART_MS
    }  # fmt: skip
    assert dict(zip(zip(left.tolist(), right.tolist(), strict=True), met, strict=True)) == by_hand


def test_blocks_change_nothing(monkeypatch):
    r, rows = stage(2)
    jobs = [job(r, MEMBERS, f"e{number}", number) for number in range(8)]
    cells = Cells.of(votes(*rows, *jobs))
    whole = lockstep._shared(cells.of_voter, cells.start)
    monkeypatch.setattr(lockstep, "AT_A_TIME", 50)
    parts = lockstep._shared(cells.of_voter, cells.start)
    assert len(whole[0])
    order = np.lexsort(whole[1::-1]), np.lexsort(parts[1::-1])
    for one, other in zip(whole, parts, strict=True):
        assert (one[order[0]] == other[order[1]]).all()


def test_in_a_huge_ledger_every_second_voter_is_enough(monkeypatch):
    r, rows = stage(1)
    members = [f"m{n}" for n in range(200)]
    jobs = [job(r, members, entry, day) for entry, day in (("e3", 1), ("e9", 3), ("e15", 6))]
    v = votes(*rows, *jobs)
    (whole,) = troops(v, 40)
    monkeypatch.setattr(lockstep, "AT_MOST", 500)
    assert Cells.of(v).meetings().every >= 2
    (half,) = troops(v, 40)
    assert set(half.votes) == set(whole.votes)
    assert half.met == pytest.approx(whole.met, rel=0.3)


@QUICK
@given(st.integers(1, 60), st.floats(0, 1))
def test_the_chances_of_all_numbers_of_hits_are_one(cast, chance):
    likely = [
        float(lockstep._binomial(hit, cast, np.array([chance]))[0]) for hit in range(cast + 1)
    ]
    assert sum(likely) == pytest.approx(1)
    mean = sum(hit * one for hit, one in enumerate(likely))
    assert mean == pytest.approx(cast * chance, abs=1e-6)


def test_a_pace_is_even_or_told_at_once():
    r = np.random.default_rng(1)
    visits = [BEGIN + day * DAY_MS + 10 * HOUR_MS for day in range(4)]
    even = np.concatenate([start + r.integers(0, HOUR_MS, 200) for start in visits])
    told = np.concatenate([start + r.exponential(10 * MINUTE_MS, 200) for start in visits])
    v = votes(
        scene(800, at=even, entry="even", tag="1"), scene(800, at=told, entry="told", tag="2")
    )
    at = np.arange(len(v))
    of = {entry: next(paces(v, at, [number])) for number, entry in enumerate(v.entries)}
    assert of["even"].visits == of["told"].visits == 4
    assert of["even"].place == pytest.approx(0.5, abs=0.05)
    assert of["told"].place < AT_ONCE


def test_a_handful_of_votes_has_no_pace():
    v = votes(scene(20, at=BEGIN + np.arange(20) * MINUTE_MS))
    assert not list(paces(v, np.arange(20), [0]))


def linked(r, members, entry: str, day: int, code: str):
    """A job, in which others come along by the members' link."""
    work = job(r, members, entry, day, part=1.0)
    n = len(work) // 2
    start = BEGIN + day * DAY_MS + 14 * HOUR_MS
    along = people(r, n, "along", entry=entry, voter=[f"a{day}-{k}" for k in range(n)],
                   at=start + r.integers(2 * MINUTE_MS, 20 * MINUTE_MS, n))  # fmt: skip
    return [table.with_columns(share=pl.lit(code)) for table in (work, along)]


def test_who_came_by_the_groups_own_link_in_its_visits_belongs_to_it():
    r, rows = stage(1)
    jobs = [*linked(r, MEMBERS, "e3", 1, "own"), *linked(r, MEMBERS, "e9", 3, "popular")]
    used = people(r, 400, entry="e9", at=moments(r, 400)).with_columns(share=pl.lit("popular"))
    table = frame(*rows, *jobs, used)
    v = of_frame(table)
    theirs = np.flatnonzero(table["voter"].str.starts_with("m").to_numpy())
    whole, by_chance = with_links(v, theirs)
    more = table["voter"].gather(np.setdiff1d(whole, theirs).tolist()).to_list()
    assert {name.split("-")[0] for name in more} == {"a1"}, "not by a link that others use, too"
    assert len(more) == pytest.approx(40, abs=2)
    assert by_chance == 0


def test_a_circle_that_shares_one_half_hour_with_a_group_is_not_of_it():
    r, rows = stage(1)
    members = [f"m{n}" for n in range(200)]
    jobs = [job(r, members, entry, day) for entry, day in
            (("e3", 1), ("e9", 3), ("e3", 5), ("e15", 6), ("e9", 8))]  # fmt: skip
    circle = [f"c{n}" for n in range(40)]
    meetings = [job(r, circle, entry, day) for entry, day in
                (("e9", 3), ("e20", 5), ("e20", 9), ("e9", 11))]  # fmt: skip
    table = frame(*rows, *jobs, *meetings)
    found = max(troops(of_frame(table), 40), key=lambda troop: len(troop.votes))
    names = set(table["voter"].gather(found.votes.tolist()).to_list())
    assert not names & set(circle)
    assert len(names & set(members)) > 180
