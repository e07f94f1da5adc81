"""A group's seven numbers, each against a slow reference, and what is natural for them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import BEGIN, people, public, scene, votes

from voting.scrutiny.measures import (
    LEAST,
    MEASURES,
    NEVER_NEARER,
    SMALLEST,
    Pairs,
    _fit,
    measure,
    natural_groups,
    nature,
    rarity_of,
)
from voting.scrutiny.votes import HOUR_MS, Votes

QUICK = settings(max_examples=60, deadline=None)


def table(v: Votes, label=None, groups: int = 1):
    label = np.zeros(len(v), np.int32) if label is None else np.asarray(label, np.int32)
    return measure(v, label, groups, np.zeros(len(v)))


def slow_local_variation(times) -> float:
    gaps = np.diff(np.sort(times)).tolist()
    parts = [((a - b) / (a + b)) ** 2 for a, b in itertools.pairwise(gaps) if a + b > 0]
    return 3 * sum(parts) / len(parts) if len(parts) >= 20 else math.nan


@QUICK
@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=80))
def test_gaps_are_shinomotos_local_variation(times):
    found = table(votes(scene(len(times), at=BEGIN + np.array(times))))["gaps"][0]
    assert found == pytest.approx(slow_local_variation(times), nan_ok=True)


def test_a_machine_has_no_variation_and_people_have_about_one():
    r = np.random.default_rng(1)
    beat = scene(2000, at=BEGIN + 5000 * np.arange(2000), entry="a", tag="beat")
    crowd = scene(2000, at=BEGIN + r.integers(0, 10_000_000, 2000), entry="b", tag="crowd")
    v = votes(beat, crowd)
    assert table(v, v.entry, 2)["gaps"] == pytest.approx([0, 1], abs=0.05)


@QUICK
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=2, max_size=60))
def test_agents_meet_as_often_as_pairs_of_different_voters_do(casts):
    agent, voter = (np.array(column) for column in zip(*casts, strict=True))
    v = votes(scene(len(casts), ua=agent, voter=np.char.add("v", voter.astype(str))))
    pairs = [(i, j) for i in range(len(casts)) for j in range(len(casts)) if voter[i] != voter[j]]
    own = [(i, j) for i in range(len(casts)) for j in range(len(casts))
           if i != j and voter[i] == voter[j] and agent[i] != agent[j]]  # fmt: skip
    met = sum(bool(agent[i] == agent[j]) for i, j in pairs) - len(own)
    expected = max(len(pairs), 1) / max(met, 1)
    assert math.exp(table(v)["agents"][0]) == pytest.approx(expected)


def test_each_measure_is_what_it_says():
    v = votes(scene(4, dwell_s=[1, 1, math.e**2, math.e**2], watched_s=[0, 0, 0, 5],
                    at=BEGIN + HOUR_MS * np.array([1, 3, 7, 12])))  # fmt: skip
    found = table(v)
    assert found.size.tolist() == [4]
    assert found.voters.tolist() == [4]
    assert found["dwell"][0] == pytest.approx(1, abs=1e-3)
    assert found["spread"][0] == pytest.approx(1, abs=1e-3)
    assert found["unwatched"][0] == 0.75
    assert found["night"][0] == 0.5


@QUICK
@given(st.lists(st.integers(-1, 3), min_size=1, max_size=100), st.integers(0, 9))
def test_groups_are_measured_together_as_they_are_alone(label, seed):
    v = votes(people(np.random.default_rng(seed), len(label)))
    label = np.array(label)
    together = table(v, label, 4)
    for group in range(4):
        if not (label == group).any():
            continue
        alone = table(v, np.where(label == group, 0, -1))
        assert together.voters[group] == alone.voters[0]
        assert together.values[group] == pytest.approx(alone.values[0], nan_ok=True)


@QUICK
@given(st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 3)), min_size=1, max_size=60),
       st.booleans())  # fmt: skip
def test_pairs_count_what_is_here_and_elsewhere(casts, roomy):
    code, entry = (np.array(column) for column in zip(*casts, strict=True))
    v = votes(scene(len(casts), entry=entry))
    far = 1 if roomy else 1000
    pairs = Pairs.by(np.where(code < 0, -1, code * far).astype(np.int32), v)
    for row, (mine, mine_entry) in enumerate(zip(code, v.entry, strict=True)):
        pair = pairs.of[row]
        here = (code == mine) & (v.entry == mine_entry)
        assert pairs.entry[pair] == mine_entry
        assert pairs.size[pair] == here.sum()
        assert pairs.elsewhere[pair] == (code == mine).sum() - here.sum()


def test_a_browser_is_as_rare_as_it_is_at_other_entries():
    own = scene(100, entry="a", ua="own", tag="1")
    usual = scene(300, entry=["a", "b", "c"] * 100, ua=["x", "x", "y"] * 100, tag="2")
    v = votes(own, usual)
    rarity = rarity_of(v, Pairs.by(v.ua, v))
    of = {(v.entries[e], int(u)): float(x) for e, u, x in zip(v.entry, v.ua, rarity, strict=True)}
    assert of["a", v.ua[0]] == pytest.approx(-math.log2(0.5 / 200)), "nowhere else"
    assert of["c", 2] == pytest.approx(-math.log2(0.5 / 300))
    assert of["b", 1] == pytest.approx(-math.log2(100 / 300))


def test_natural_groups_are_of_loyal_voters_of_clean_entries():
    stray = scene(2, entry=["a", "b"], voter="both", share="s", tag="1")
    v = votes(stray, scene(4, entry=["a", "a", "b", "c"], share="s", net="n", tag="2"))
    clean = np.array([True, True, False])
    for label in natural_groups(v, Pairs.by(v.net, v), clean):
        assert set(label[(v.voter == 0) | (v.entry == 2)]) == {-1}
        assert (label >= 0).sum() == 3
    *_, by_day = natural_groups(v, Pairs.by(v.net, v), clean)
    assert sorted(by_day.tolist()) == [-1, -1, -1, 0, 0, 1]


@pytest.fixture(scope="module")
def natural():
    v = votes(*public(np.random.default_rng(5)))
    networks = Pairs.by(v.net, v)
    rarity = rarity_of(v, Pairs.by(v.ua, v))
    return v, rarity, nature(v, networks, rarity, np.ones(len(v.entries), bool))


def test_nothing_is_natural_where_hardly_anything_is_known():
    v = votes(people(np.random.default_rng(5), 300))
    few = nature(v, Pairs.by(v.net, v), np.zeros(300), np.ones(1, bool))
    assert np.isinf(few.bound).all()
    assert (few.distance(table(v)) == 0).all()


def test_people_drawn_anew_are_natural(natural):
    v, rarity, usual = natural
    assert (usual.bound >= NEVER_NEARER).all()
    r = np.random.default_rng(6)
    for size in (SMALLEST, 300, 3000):
        label = np.full(len(v), -1, np.int32)
        label[r.choice(len(v), size, replace=False)] = 0
        away = np.abs(usual.distance(measure(v, label, 1, rarity)))
        assert np.nan_to_num(away).max() < NEVER_NEARER


@pytest.mark.parametrize("measured", MEASURES)
def test_no_group_is_told_apart_by_less_than_habits_differ(natural, measured):
    _, _, usual = natural
    column = MEASURES.index(measured)
    assert usual.between[column] >= LEAST[column]


def test_where_many_natural_groups_lie_far_out_the_bound_does_too():
    r = np.random.default_rng(1)
    size, values = np.full(1000, 500), r.normal(0, 1, 1000)
    alike = _fit(size, values, 0.1)
    values[:150] *= 8
    varied = _fit(size, values, 0.1)
    assert alike[3] < 1.3 * NEVER_NEARER
    assert varied[3] > 1.3 * alike[3]
