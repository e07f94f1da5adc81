"""From candidates to suspects: one scene for each way of looking."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scenes import BEGIN, in_public, moments, people, public, scene, votes
from test_lockstep import job, stage

from voting.case import Finding, Pattern, Sign
from voting.scrutiny.ground import Ground
from voting.scrutiny.suspects import (
    MOST_SURGES,
    UNFLAGGED,
    entries_of,
    of_crowds,
    of_passers,
    of_surges,
    of_troops,
)
from voting.scrutiny.votes import DAY_MS, HOUR_MS

EVENLY = {"at": lambda r: BEGIN + 4 * DAY_MS + 12 * HOUR_MS + r.integers(0, 6 * HOUR_MS, 1500)}
SCRIPT = {"identity": "device", "ip": "q", "net": "q", "ua": "own", "dwell_s": 1.2, "watched_s": 0}


def passers(v):
    score = np.zeros(len(v))
    return list(of_passers(Ground.of(v, 10), score)), score


def test_a_script_is_a_case_of_its_votes():
    v = in_public(1, **SCRIPT)
    (one,), _ = passers(v)
    assert one.case.pattern == Pattern.ONE_ADDRESS
    assert one.case.finding == Finding.VOTES
    assert {Sign.IDENTITY, Sign.BEHAVIOUR, Sign.CLIENT} <= one.case.signs
    assert one.case.votes == len(one.votes) == 1500
    assert one.case.low <= 1500 <= one.case.high
    assert one.case.expected < 15
    assert one.case.first_ms == v.ts_ms[one.votes].min()
    assert one.case.last_ms == v.ts_ms[one.votes].max()


def test_too_many_passers_of_whom_nobody_knows_which_are_an_excess():
    v = in_public(1, identity="device")
    found, score = passers(v)
    (one,) = found
    assert one.case.finding == Finding.EXCESS
    assert not len(one.votes)
    assert one.case.low <= 1500 <= one.case.high
    assert one.case.votes - one.case.expected == pytest.approx(1500, rel=0.1)
    assert 0 < score.max() <= UNFLAGGED < 0.5


def test_accounts_that_come_evenly_and_in_a_hurry_are_a_crowd():
    v = in_public(1, identity="wechat", dwell_s=1.2, **EVENLY)
    (one,) = of_crowds(Ground.of(v, 10))
    assert one.case.pattern == Pattern.CROWD
    assert one.case.signs == {Sign.RHYTHM, Sign.BEHAVIOUR}
    assert one.case.votes == pytest.approx(1500, rel=0.02)


def test_accounts_that_come_evenly_or_in_a_hurry_are_none():
    for other in ({"dwell_s": 1.2}, EVENLY):
        assert not list(of_crowds(Ground.of(in_public(1, identity="wechat", **other), 10)))


def hired(dwell_s: float | None):
    r, rows = stage(1)
    members = [f"m{n}" for n in range(400)]
    jobs = [job(r, members, entry, day) for entry, day in (("e3", 1), ("e9", 3), ("e15", 6))]
    if dwell_s is not None:
        jobs = [
            one.with_columns(pl.lit(int(dwell_s * 1000), pl.Int64).alias("dwell_ms"))
            for one in jobs
        ]
    return votes(*rows, *jobs)


def test_a_troop_needs_a_second_kind_of_evidence():
    plain = list(of_troops(Ground.of(hired(None), 10)))
    (one,) = of_troops(Ground.of(hired(1.2), 10))
    assert all(len(other.case.signs) >= 2 for other in plain)
    assert {Sign.TOGETHER, Sign.BEHAVIOUR} <= one.case.signs
    assert one.case.pattern == Pattern.LOCKSTEP
    assert {name for name, _ in one.case.entries} == {"e3", "e9", "e15"}
    assert 600 <= one.case.votes <= 960


def test_the_steepest_rises_of_the_last_day_are_worth_a_look():
    r = np.random.default_rng(1)
    last = BEGIN + 10 * DAY_MS - 3 * HOUR_MS
    rises = [people(r, 300 + 100 * n, entry=f"e{18 + n}", tag=f"t{n}",
                    at=last + r.integers(0, HOUR_MS, 300 + 100 * n)) for n in range(5)]  # fmt: skip
    old = people(r, 2000, entry="e17", at=last - 5 * DAY_MS + r.integers(0, HOUR_MS, 2000), tag="o")
    found = list(of_surges(Ground.of(votes(*public(r), *rises, old), 10)))
    assert [one.case.entries[0][0] for one in found] == ["e22", "e21", "e20"]
    assert len(found) == MOST_SURGES
    for one in found:
        assert one.case.finding == Finding.SURGE
        assert one.case.score == 0
        assert not len(one.votes)


def test_entries_are_named_with_their_votes_most_first():
    v = votes(scene(6, entry=["a", "b", "b", "c", "c", "c"]))
    assert entries_of(v, np.arange(6)) == (("c", 3), ("b", 2), ("a", 1))
    assert entries_of(v, np.array([0, 1])) == (("a", 1), ("b", 1))


def test_a_drip_with_a_named_part_is_told_in_both_ways():
    r = np.random.default_rng(1)
    known = people(r, 800, entry="e20", at=moments(r, 800), tag="known",
                   **(SCRIPT | {"ip": r.integers(0, 9**9, 800)}))  # fmt: skip
    hidden = people(r, 1500, entry="e20", identity="device", tag="hidden")
    found, _ = passers(votes(*public(r), known, hidden))
    of = {one.case.finding: one for one in found}
    assert len(of[Finding.VOTES].votes) == pytest.approx(800, rel=0.1)
    rest = of[Finding.EXCESS].case
    assert rest.votes - rest.expected == pytest.approx(1500, rel=0.3)
