"""What a group most looks like."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import more_in_public, scene, votes

from voting.case import Pattern
from voting.scrutiny.measures import Pairs
from voting.scrutiny.patterns import (
    is_alone,
    lone_network,
    marker,
    one_address,
    pattern_of_passers,
    pattern_of_troop,
)
from voting.scrutiny.traits import Trait, scene_of
from voting.scrutiny.votes import of_frame


def alone(v):
    return is_alone(v, Pairs.by(v.net, v))


def test_an_address_is_one_if_twenty_of_the_group_came_from_it():
    v = votes(scene(40, ip=["a"] * 20 + [f"b{n}" for n in range(20)]))
    assert one_address(v, np.arange(40)) == 0.5
    assert one_address(v, np.arange(1, 40)) == 0


def test_a_network_is_alone_if_it_hardly_votes_for_anything_else():
    nets = ["own"] * 5 + ["both"] * 8 + ["few"] * 2 + ["", "", "", ""]
    entry = ["a", "a", "a", "a", "b", "a", "a", "a", "a", "b", "b", "b", "b", "a", "a"] + ["a"] * 4
    v = votes(scene(19, net=nets, entry=entry))
    assert np.flatnonzero(alone(v)).tolist() == [0, 1, 2, 3]
    assert lone_network(alone(v), np.arange(8)) == 0.5


def test_a_marker_is_a_link_or_browser_that_nobody_else_has():
    ours = scene(4, ua=["own", "own", "own", "x"], share=["", "", "", "y"], tag="1")
    v = votes(ours, scene(6, ua="x", share="y", tag="2"))
    assert marker(v, np.arange(4)) == 0.75


@pytest.mark.parametrize(
    ("other", "pattern"),
    [
        ({"ip": "q", "net": "n1"}, Pattern.ONE_ADDRESS),
        ({"ip": lambda r: r.integers(0, 9**9, 1500), "net": "own"}, Pattern.LONE_NETWORK),
        ({"at": 1_780_300_000_000}, Pattern.CROWD),
        ({"share": "own"}, Pattern.MARKER),
        ({}, Pattern.RELAYS),
    ],
)
def test_the_easiest_to_check_comes_first(other, pattern):
    table = more_in_public(1, **other)
    v, at = of_frame(table), np.flatnonzero(table["voter"].str.starts_with("more").to_numpy())
    assert pattern_of_passers(v, alone(v), at, scene_of(v, at, 100)) == pattern


def test_a_room_of_phones_has_few_models_in_a_steady_row():
    both = {Trait.FEW_AGENTS: 0, Trait.REGULAR: 0}
    assert pattern_of_troop(both) == Pattern.PHONE_ROOM
    assert pattern_of_troop({Trait.FEW_AGENTS: 0}) == Pattern.LOCKSTEP
