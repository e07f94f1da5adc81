"""Rises, and whether people came by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import BEGIN, in_public, pick, public, scene, votes

from voting.scrutiny.crowds import crowds, evenness, is_even, once
from voting.scrutiny.votes import DAY_MS, HOUR_MS, MINUTE_MS

NOON = BEGIN + 4 * DAY_MS + 12 * HOUR_MS
QUICK = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize("seed", range(3))
def test_a_public_has_no_rise(seed):
    assert not list(crowds(votes(*public(np.random.default_rng(seed))), 100))


def test_a_rise_is_found_with_its_surplus_and_its_time():
    v = in_public(1, at=lambda r: NOON + r.integers(0, HOUR_MS, 1500))
    (one,) = crowds(v, 100)
    assert v.entries[one.entry] == "e20"
    assert one.surplus == pytest.approx(1500, rel=0.02)
    assert pick(v, "e20")[one.votes].all()
    assert v.ts_ms[one.votes].min() >= NOON - 10 * MINUTE_MS
    assert v.ts_ms[one.votes].max() <= NOON + 70 * MINUTE_MS


def test_when_everybody_comes_no_entry_rises():
    """A push to all entries' voters, the last evening."""
    r = np.random.default_rng(1)
    entry = np.char.add("e", r.integers(0, 24, 20_000).astype(str))
    rush = scene(20_000, at=NOON + r.integers(0, HOUR_MS, 20_000), entry=entry, tag="rush")
    assert not list(crowds(votes(*public(r), rush), 100))


@QUICK
@given(st.floats(0.5, 72), st.integers(100, 2000), st.integers(0, 99))
def test_an_even_pace_has_its_middle_in_the_middle(hours, n, seed):
    r = np.random.default_rng(seed)
    times = (NOON + r.random(n) * hours * HOUR_MS).astype(np.int64)
    mean, first, last = evenness(times)
    assert mean == pytest.approx(0.5, abs=0.15)
    assert first == pytest.approx(0.2, abs=0.15)
    assert last == pytest.approx(0.2, abs=0.15)


@QUICK
@given(st.lists(st.integers(0, 10**7), min_size=3, max_size=50), st.integers(0, 10**12))
def test_evenness_is_about_shares_and_doesnt_depend_on_when(times, later):
    found = evenness(np.array(times))
    assert all(0 <= share <= 1 for share in found)
    assert evenness(np.array(times[::-1]) + later) == pytest.approx(found, abs=1e-3)


def test_who_is_told_at_once_isnt_even_and_neither_is_a_deadline():
    r = np.random.default_rng(1)
    told = NOON + r.exponential(40 * MINUTE_MS, 2000).astype(np.int64)
    assert not is_even(told)
    assert not is_even(2 * NOON - told)
    assert is_even(NOON + r.integers(0, 3 * HOUR_MS, 2000))
    assert not is_even(np.full(100, NOON)), "a moment has no pace"


def test_once_is_who_cast_one_vote_and_no_other():
    assert once(votes(scene(3, voter=["a", "b", "b"]))).tolist() == [True, False, False]
