"""What speaks against a group, and what explains it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import BEGIN, in_public, pick, scene, votes
from scipy.stats import norm

from voting.case import Evidence
from voting.scrutiny.ground import Ground
from voting.scrutiny.traits import (
    APP,
    BROADCAST,
    ERRAND,
    FANS,
    FRIENDS,
    PASSERSBY,
    ROOM,
    ROOM_HOLDS,
    SHIFT,
    Scene,
    Trait,
    best_explanation,
    effective,
    explanations,
    log10_of_normal,
    of_measures,
    scene_of,
    speaks,
)
from voting.scrutiny.votes import DAY_MS, HOUR_MS

QUICK = settings(max_examples=100, deadline=None)
#: All over the country, for days, for several entries: no explanation but friends.
OPEN = Scene(votes=1000, addresses=500, networks=100, usual_networks=100, days=5, entries=2)


def traits(*several: Trait) -> dict[Trait, Evidence]:
    return {one: Evidence(one.sign, 1, 0, -9, one.name) for one in several}


@pytest.mark.parametrize("trait", Trait)
def test_one_trait_never_speaks(trait):
    assert not speaks(traits(trait), OPEN)


@pytest.mark.parametrize("pair", list(itertools.combinations(Trait, 2)), ids=str)
def test_two_traits_speak_only_if_they_are_of_two_kinds(pair):
    assert speaks(traits(*pair), OPEN) <= (len({one.sign for one in pair}) == 2)


def test_all_traits_of_one_kind_dont_speak():
    for sign in {trait.sign for trait in Trait}:
        same = [trait for trait in Trait if trait.sign == sign]
        assert not speaks(traits(*same), OPEN)


@pytest.mark.parametrize(
    "explanation", [APP, ROOM, ERRAND, SHIFT, BROADCAST, FRIENDS, FANS, PASSERSBY]
)
def test_what_an_applying_explanation_accounts_for_doesnt_speak(explanation):
    room = Scene(votes=60, addresses=1, networks=1, usual_networks=100, days=0.2, entries=1)
    group = traits(*explanation.accounts_for)
    if explanation in explanations(group, room):
        assert not speaks(group, room)
    assert best_explanation(group, room).accounts_for >= explanation.accounts_for & set(group)


def test_explanations_depend_on_where_and_when():
    def apply(**other):
        return set(explanations({}, Scene(**{**OPEN.__dict__, **other})))

    assert apply() == {FRIENDS, PASSERSBY}
    assert apply(entries=1) == {FRIENDS, PASSERSBY, FANS}
    assert apply(days=0.5) == {FRIENDS, PASSERSBY, BROADCAST}
    assert apply(networks=20) == {FRIENDS, PASSERSBY, ERRAND, SHIFT}
    assert apply(addresses=2, votes=ROOM_HOLDS) == {FRIENDS, PASSERSBY, ROOM}
    assert apply(addresses=2, votes=6 * ROOM_HOLDS) == {FRIENDS, PASSERSBY}
    assert set(explanations(traits(Trait.FEW_AGENTS), OPEN)) == {FRIENDS, PASSERSBY, APP}


@QUICK
@given(st.lists(st.integers(-1, 8), min_size=1, max_size=60))
def test_effective_is_how_often_two_meet(codes):
    pairs = [a == b for a, b in itertools.permutations(codes, 2)]
    expected = len(pairs) / max(sum(pairs), 1) if pairs else 1
    assert effective(np.array(codes)) == pytest.approx(expected)


@given(st.integers(2, 50), st.integers(2, 50))
def test_equally_common_codes_are_nearly_as_many_as_they_are(kinds, each):
    found = effective(np.repeat(np.arange(kinds), each))
    assert kinds <= found <= kinds * each / (each - 1) + 1e-9


@given(st.floats(2, 30))
def test_the_chance_to_lie_far_out_is_nearly_the_normal_one(z):
    exact = norm.logsf(z) / math.log(10)
    assert exact <= log10_of_normal(z) + 1e-9
    assert log10_of_normal(z) == pytest.approx(exact, abs=0.12)
    assert log10_of_normal(1e9) == -300


def test_a_scene_tells_where_when_and_of_how_many_entries():
    at = BEGIN + np.linspace(0, 2 * DAY_MS, 100).astype(np.int64)
    v = votes(scene(100, at=at, ip=["a"] * 50 + ["b"] * 50, net="n", entry=["x"] * 95 + ["y"] * 5))
    found = scene_of(v, np.arange(100), 9.0)
    assert found == Scene(100, found.addresses, 1.0, 9.0, found.days, 1)
    assert found.addresses == pytest.approx(2, abs=0.05)
    assert found.days == pytest.approx(1.8, abs=0.05), "without the first and last twentieth"


SHOWN = {
    Trait.SHORT: {"dwell_s": lambda r: r.lognormal(0, 0.9, 1500)},
    Trait.ALIKE: {"dwell_s": lambda r: r.lognormal(2.2, 0.05, 1500)},
    Trait.UNWATCHED: {"watched_s": 0},
    Trait.RARE_AGENTS: {"ua": lambda r: r.integers(10_000, 10_100, 1500)},
    Trait.FEW_AGENTS: {"ua": "only"},
    Trait.MANY_AGENTS: {"ua": lambda r: r.integers(10_000, 90_000, 1500)},
    Trait.REGULAR: {"at": BEGIN + 4 * DAY_MS + np.arange(1500) * 20_000},
    Trait.SLEEPLESS: {"at": lambda r: BEGIN + 26 * HOUR_MS + r.integers(0, 3 * HOUR_MS, 1500)},
}


@pytest.mark.parametrize("trait", SHOWN, ids=str)
def test_a_trait_is_seen_with_its_numbers(trait):
    v = in_public(1, **SHOWN[trait])
    ground = Ground.of(v, 10)
    added = np.flatnonzero(pick(v, "e20"))
    found = of_measures(v, added, ground.nature, ground.rarity)
    assert trait in found
    one = found[trait]
    assert one.sign == trait.sign
    assert one.log10_p < -3
    assert any(letter.isdigit() for letter in one.sentence)
    same_kind = {other for other in found if other.sign == trait.sign}
    assert same_kind == set(found), "nothing else is different about them"


def test_people_like_anybody_show_nothing():
    v = in_public(1)
    ground = Ground.of(v, 10)
    assert not of_measures(v, np.flatnonzero(pick(v, "e20")), ground.nature, ground.rarity)


def test_strangers_at_a_place_that_shows_one_film_are_no_fraud():
    there = (Trait.PASSERS, Trait.ALONE)
    assert not speaks(traits(*there), OPEN)
    assert not speaks(traits(*there, Trait.UNWATCHED, Trait.EVEN), OPEN)
    assert speaks(traits(*there, Trait.SHORT), OPEN)


def test_who_comes_from_an_app_may_have_seen_the_film_there():
    there = (Trait.FEW_AGENTS, Trait.RARE_AGENTS, Trait.UNWATCHED, Trait.EVEN)
    assert not speaks(traits(*there), OPEN)
    assert speaks(traits(*there, Trait.ALIKE), OPEN)
