"""Who came once without an account: how many are usual, where there are too many, and which."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import BEGIN, in_public, moments, people, public, scene, votes

from voting.scrutiny.measures import Pairs
from voting.scrutiny.passers import (
    FAR,
    Features,
    beside,
    excesses,
    passers,
    usual,
)
from voting.scrutiny.votes import DAY_MS

QUICK = settings(max_examples=80, deadline=None)


def features(v) -> Features:
    return Features.of(v, Pairs.by(v.net, v), Pairs.by(v.ua, v))


def found(v, least: float = 100):
    return list(excesses(v, features(v), passers(v), least))


def test_a_passer_has_no_account_and_comes_once():
    v = votes(scene(4, voter=["a", "b", "b", "c"], identity=["device"] * 3 + ["wechat"]))
    assert passers(v).tolist() == [True, False, False, False]


@QUICK
@given(st.lists(st.tuples(st.integers(100, 5000), st.floats(0, 1)), min_size=1, max_size=60))
def test_usual_is_a_share_and_says_how_far_off_each_entry_is(entries):
    cast = np.array([n for n, _ in entries])
    inside = np.array([int(n * share) for n, share in entries])
    norm = usual(inside, cast)
    assert 0 <= norm.share <= 1
    assert norm.spread > 0
    assert np.isfinite(norm.distance).all()
    assert norm.clean.any()
    assert (norm.clean == (norm.distance < FAR)).all()
    assert (norm.distance[inside / cast > norm.share] > 0).all()


@QUICK
@given(st.floats(0.05, 0.5), st.integers(1, 6), st.integers(0, 99))
def test_some_attacked_entries_dont_become_the_rule(share, attacked, seed):
    r = np.random.default_rng(seed)
    cast = r.integers(300, 3000, 40)
    inside = r.binomial(cast, share)
    inside[:attacked] += (cast[:attacked] * 2).astype(int)
    cast[:attacked] *= 3
    norm = usual(inside, cast)
    assert norm.share == pytest.approx(share, abs=0.05)
    assert not norm.clean[:attacked].any()


@pytest.mark.parametrize("seed", range(4))
def test_a_public_has_no_excess(seed):
    assert not found(votes(*public(np.random.default_rng(seed))))


def test_a_surplus_is_counted_within_its_bounds():
    for true in (400, 1500, 5000):
        r = np.random.default_rng(true)
        more = people(r, true, entry="e20", identity="device", tag="more")
        (one,) = found(votes(*public(r), more))
        assert one.low <= true <= one.high
        assert one.surplus == pytest.approx(true, rel=0.2)
        assert one.distance > FAR


def test_a_surplus_of_people_like_all_others_names_hardly_anybody():
    v = in_public(1, identity="device")
    (one,) = found(v)
    assert len(one.named) < 0.05 * one.surplus


def test_who_behaves_like_nobody_else_is_named_and_nobody_else_is():
    v = in_public(1, identity="device", dwell_s=1.2, watched_s=0, ua="own", net="q", ip="q")
    (one,) = found(v)
    assert len(one.named) == 1500
    assert set(v.dwell_s[one.named]) == {1.2}


def test_a_surplus_that_stays_is_told_from_one_that_comes_and_goes():
    (lasting,) = found(in_public(2, identity="device", at=lambda r: moments(r, 1500)))
    day = {"at": lambda r: BEGIN + 4 * DAY_MS + r.integers(0, DAY_MS, 1500)}
    (event,) = found(in_public(2, identity="device", **day))
    assert lasting.days >= 8
    assert lasting.lasting > 0.6 * lasting.surplus
    assert event.days <= 2
    assert event.lasting < 0.2 * event.surplus


def test_accounts_that_come_for_one_entry_only_are_counted_beside():
    r = np.random.default_rng(3)
    again = [people(r, 200, entry="e20", identity="wechat", tag="same") for _ in range(5)]
    drip = people(r, 1500, entry="e20", identity="device", tag="drip")
    plain, more = votes(*public(r), drip), votes(*public(r), drip, *again)
    assert beside(plain, found(plain)[0]).votes == 0
    one = beside(more, found(more)[0])
    assert one.votes == 1000
    assert one.surplus == pytest.approx(1000, rel=0.1)


def test_where_everybody_is_a_passer_nobody_is_one_too_many():
    r = np.random.default_rng(1)
    entry = np.char.add("e", r.integers(0, 5, 3000).astype(str))
    assert not found(votes(people(r, 3000, entry=entry, identity="device")), 1)
