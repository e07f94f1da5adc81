"""In WeChat, with an official account: the tap signs in, and the vote it wanted is cast."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest
from conftest import Running
from hands import Hands
from journeys import READY, left, vote, wait_for_state
from states import LOOK_S
from wechat.stand_in import StandIn

from voting.contest import Identity

Take = Callable[..., Hands]

IN_WECHAT = ["chromium-360", "chromium-390", "webkit-390"]
in_wechat = pytest.mark.parametrize("phone", IN_WECHAT, indirect=True)
on_an_iphone = pytest.mark.parametrize("phone", ["webkit-390"], indirect=True)


@pytest.fixture(scope="module")
def wechat() -> Iterator[StandIn]:
    with StandIn() as wechat:
        yield wechat


@pytest.fixture(scope="module")
def environ(wechat: StandIn) -> dict[str, str]:
    return wechat.environ


@pytest.fixture(autouse=True)
def person(wechat: StandIn, request: pytest.FixtureRequest) -> Iterator[str]:
    """Each test is somebody else's phone."""
    wechat.person = "o" + sha256(request.node.name.encode()).hexdigest()[:27]
    yield wechat.person
    wechat.snapshot = False
    wechat.next_answers.clear()


@in_wechat
def test_scan_tap_sign_in_counted(site: Running, hands: Hands, person: str):
    hands.open("/e/1")
    had = left(hands)
    assert hands.cookies() == {}, "looking needs no sign-in"
    hands.tap(READY)
    hands.wait_to_read(".say", "已计入这一票")
    assert hands.url == f"{site.address}/e/1", "nothing of the way is left in the address"
    assert list(hands.cookies()) == ["pass"]
    assert left(hands) == had - 1
    cast = list(site.store.ledger.votes())[-1]
    assert (cast.entry, cast.signals.identity) == (1, Identity.OPENID)
    assert person not in hands.run("return document.documentElement.outerHTML")
    # The second vote is one tap, and nobody is sent anywhere.
    hands.open("/e/2")
    vote(hands)


@in_wechat
def test_the_same_person_on_another_phone_has_no_more_votes(take: Take):
    one, other = take(), take()
    one.open("/e/3")
    vote(one)
    other.open("/e/3")
    other.tap(READY)
    other.wait_to_read(".say", "投过")
    wait_for_state(other, "voted")


@in_wechat
def test_the_card_of_a_shared_page(wechat: StandIn, hands: Hands):
    hands.open("/e/4")
    title = hands.run("return document.querySelector('meta[property=\"og:title\"]').content")
    hands.wait_for("window.shared && shared.friend && shared.friend.link.includes('?s=')")
    card = hands.run("return shared.friend")
    assert card["title"] == title
    assert card["imgUrl"].startswith("http")
    assert hands.run("return shared.timeline.link") == card["link"]
    assert "config:ok" in hands.run("return shared.said")


@on_an_iphone
def test_back_from_a_page_that_was_opened_before_signing_in(hands: Hands):
    hands.open("/e/5")
    hands.tap(READY)
    hands.wait_to_read(".say", "已计入这一票")
    hands.tap(".votebar .short[href='/top'], .nav a[href='/top']")
    hands.wait_to_be_at("/top")
    hands.back()
    hands.wait_to_be_at("/e/5")
    wait_for_state(hands, "voted")


@on_an_iphone
def test_a_snapshot_user_is_told_what_to_tap(wechat: StandIn, hands: Hands):
    wechat.snapshot = True
    hands.open("/e/6")
    hands.tap(READY)
    hands.wait_for("location.pathname !== '/e/6' || document.querySelector('.say').innerText")
    hands.wait_to_read("main", "完整")
    assert "pass" not in hands.cookies()


@on_an_iphone
def test_wechat_is_away_and_then_it_works(wechat: StandIn, site: Running, hands: Hands):
    before = site.store.ledger.size()
    hands.open("/e/7")
    wait_for_state(hands, "ready")
    wechat.every_answer = -1
    try:
        hands.tap(READY)
        hands.wait_for("location.pathname.startsWith('/wechat/')")
        assert len(hands.read("main")) > 10
    finally:
        wechat.every_answer = None
    assert site.store.ledger.size() == before
    hands.open("/e/7")
    hands.tap(READY)
    hands.wait_to_read(".say", "已计入这一票")


@on_an_iphone
def test_no_link_can_vote_by_being_opened(wechat: StandIn, site: Running, take: Take):
    before = site.store.ledger.size()
    victim = take()
    victim.open(f"/wechat/return?code={wechat.new_code()}&state={'0' * 32}")
    victim.rest(1)
    assert len(victim.read("main")) > 10
    assert site.store.ledger.size() == before


@pytest.mark.parametrize("phone", ["chromium-390", "webkit-390"], indirect=True)
def test_without_javascript(site: Running, take: Take):
    hands = take(scripts=False)
    hands.open("/e/8")
    hands.tap(".votebar .vote")
    hands.wait_to_be_at("/e/8/vote")
    before = site.store.ledger.size()
    time.sleep(LOOK_S)
    hands.tap("form button.vote")
    hands.wait_for("!document.querySelector('form button[formaction]')")
    assert "pass" in hands.cookies()
    if site.store.ledger.size() == before:  # signed in, and asked once more
        hands.tap(".vote")
        hands.wait_to_be_at("/e/8/vote")
        time.sleep(LOOK_S)
        hands.tap("form button.vote")
    hands.wait_to_read("main", "已投给")
    assert list(site.store.ledger.votes())[-1].signals.identity is Identity.OPENID
