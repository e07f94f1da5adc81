"""The film of a work: which copy of it plays, and how much of it was really watched."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable

import pytest
from conftest import Running
from hands import Hands
from journeys import vote
from staging import wait_until

Take = Callable[..., Hands]

FILM = "document.querySelector('video')"
IN_A_HAND = ["chromium-390", "webkit-390"]


@pytest.fixture(scope="module")
def both(site: Running) -> str:
    """The page of an entry that has a smaller copy too."""
    one = site.store.entries.all()[1]
    folder = site.data / "public" / one.media
    (folder / "web-720.mp4").hardlink_to(folder / "web.mp4")
    path = f"/e/{one.number}"
    wait_until(lambda: b"data-quality" in urllib.request.urlopen(site.address + path).read())  # noqa: S310 ours
    return path


def plays(hands: Hands, file: str) -> None:
    hands.wait_for(f"{FILM}.currentSrc.endsWith(arguments[0])", file)


@pytest.mark.parametrize("phone", IN_A_HAND, indirect=True)
def test_a_phone_plays_the_small_copy_until_somebody_wants_more(hands: Hands, both: str):
    hands.open(both)
    hands.tap(".start")
    hands.wait_for(f"{FILM}.currentTime > 1")
    plays(hands, "/web-720.mp4")
    at = hands.run(f"return {FILM}.currentTime")
    hands.tap("[data-quality='1080']")
    plays(hands, "/web.mp4")
    hands.wait_for(f"{FILM}.currentTime > arguments[0]", at)
    assert hands.run(f"return {FILM}.paused") is False
    hands.reload()
    plays(hands, "/web.mp4")
    hands.wait_for("document.querySelector('[data-quality=\"1080\"]').hasAttribute('aria-current')")


@pytest.mark.parametrize("phone", ["chromium-1280"], indirect=True)
def test_a_desk_plays_the_large_copy(hands: Hands, both: str):
    hands.open(both)
    plays(hands, "/web.mp4")


@pytest.mark.parametrize("phone", ["chromium-390"], indirect=True)
def test_before_the_tap_nothing_of_the_film_is_fetched(hands: Hands, both: str):
    for path in (both, "/e/2"):
        hands.open(path)
        hands.wait_for("document.readyState === 'complete'")
        hands.rest(0.5)
        assert (
            hands.run(
                "return performance.getEntriesByType('resource').map(one => one.name)"
                ".filter(name => name.includes('.mp4'))"
            )
            == []
        )


@pytest.mark.parametrize("phone", ["chromium-390"], indirect=True)
@pytest.mark.parametrize(
    ("number", "how"),
    [
        (3, "{}.currentTime = 3"),  # skipped over
        (4, "{}.playbackRate = 4"),  # ran through
    ],
)
def test_only_what_was_really_played_counts_as_watched(
    site: Running, hands: Hands, number: int, how: str
):
    hands.open(f"/e/{number}")
    hands.tap(".start")
    hands.wait_for(f"{FILM}.currentTime > 1")
    hands.run(how.format(FILM))
    hands.wait_for(f"{FILM}.currentTime > 4")
    hands.run(f"{FILM}.pause()")
    vote(hands)
    cast = [one for one in site.store.ledger.votes() if one.entry == number][-1]
    assert 1 <= cast.signals.watched_s <= 3


@pytest.mark.parametrize("phone", ["chromium-390"], indirect=True)
def test_a_vote_is_told_without_moving_anything(hands: Hands):
    hands.open("/e/5")
    hands.run(
        "window.moved = 0; new PerformanceObserver(list => list.getEntries().forEach("
        "one => { window.moved += one.value })).observe({type: 'layout-shift', buffered: true})"
    )
    vote(hands)
    hands.wait_to_read(".say", "第")
    assert hands.run("return window.moved") < 0.02
