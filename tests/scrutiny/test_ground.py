"""What is clean, what is natural, and how many votes would matter."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import in_public, public, votes

from voting.scrutiny.ground import FEWEST, MATTERS, Ground
from voting.scrutiny.patterns import is_alone
from voting.scrutiny.traits import effective


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground.of(votes(*public(np.random.default_rng(1))), 10)


def test_all_of_a_public_is_clean(ground):
    assert ground.clean.all()


def test_an_attacked_entry_isnt_clean_and_the_others_are():
    v = in_public(1, identity="device")
    assert np.flatnonzero(~Ground.of(v, 10).clean).tolist() == [v.entries.index("e20")]


def test_what_couldnt_matter_is_a_part_of_the_last_winner(ground):
    tenth = np.sort(ground.votes.per_entry)[-10]
    assert ground.least == max(FEWEST, MATTERS * tenth)
    assert Ground.of(ground.votes, 1).least >= ground.least
    assert Ground.of(ground.votes, 1000).least <= ground.least, "fewer entries than winners"


def test_usual_networks_are_the_usual_entrys(ground):
    v = ground.votes
    by_hand = [effective(v.net[v.entry == entry]) for entry in range(len(v.entries))]
    assert ground.usual_networks == pytest.approx(np.median(by_hand))


def test_what_is_asked_for_often_is_worked_out_once(ground):
    assert ground.alone is ground.alone
    assert (ground.alone == is_alone(ground.votes, ground.networks)).all()
    assert ground.features is ground.features
    assert ground.crowds is ground.crowds
