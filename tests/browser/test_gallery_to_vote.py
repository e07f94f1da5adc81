"""The one journey that `make test` has, too: from the gallery to a counted vote."""

from __future__ import annotations

import pytest
from hands import Hands


@pytest.mark.parametrize("phone", ["chromium-390"], indirect=True)
def test_from_the_gallery_to_a_counted_vote(hands: Hands):
    hands.open("/")
    assert hands.cookies() == {}, "nobody gets a cookie for looking"
    hands.tap(".card a")
    hands.wait_for("location.pathname.startsWith('/e/')")
    votes = hands.wait_for("document.getElementById('votes').dataset.votes")
    hands.tap(".votebar [data-state=ready]")
    hands.wait_to_read(".say", "已计入这一票")
    hands.wait_for("+document.getElementById('votes').dataset.votes > +arguments[0]", votes)
    assert list(hands.cookies()) == ["pass"]
    hands.reload()
    hands.wait_for("document.querySelector('.votebar [data-state=voted]')")
    hands.open("/mine")
    hands.wait_to_read("main", "回执")
