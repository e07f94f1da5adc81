"""A voter's ways through the site, in both engines."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import Running
from hands import Hands
from journeys import READY, left, state, vote, vote_elsewhere, wait_for_state
from states import LOOK_S

Take = Callable[..., Hands]

IN_A_HAND = ["chromium-390", "webkit-390"]
each_engine = pytest.mark.parametrize("phone", IN_A_HAND, indirect=True)


def shared_link(hands: Hands) -> str:
    """Open the sheet with the poster; the link that is in it."""
    hands.tap("a.share, button.share")
    hands.wait_for("document.querySelector('dialog.sheet').open")
    hands.wait_for("document.getElementById('link').value.includes('?s=')")
    return str(hands.run("return document.getElementById('link').value"))


def test_scan_watch_vote_share(take: Take, site: Running):
    friend = take()
    friend.open("/e/1")
    scanned = urlsplit(shared_link(friend))
    code = parse_qs(scanned.query)["s"][0]

    hands = take()
    hands.open(f"{scanned.path}?{scanned.query}")
    # Watch: the film plays where it is, and with its picture.
    hands.tap(".start")
    hands.wait_for(
        "document.querySelector('video').currentTime > 1.2 &&"
        " document.querySelector('video').videoWidth > 0"
    )
    assert hands.run("return document.fullscreenElement") is None
    # Vote: one tap after the one that opened the page.
    had = left(hands)
    before = int(hands.run("return document.getElementById('votes').dataset.votes"))
    vote(hands)
    assert left(hands) == had - 1
    hands.wait_for("+document.getElementById('votes').dataset.votes > arguments[0]", before)
    hands.wait_to_read(".say", "名")
    assert list(hands.cookies()) == ["pass"]
    # The ledger knows which poster it came from, and how long was watched.
    cast = [one for one in site.store.ledger.votes() if one.signals.share != bytes(4)]
    assert cast[-1].entry == 1
    assert cast[-1].signals.watched_s >= 1
    # Share: another code than the one that came in, and a poster to keep.
    mine = parse_qs(urlsplit(shared_link(hands)).query)["s"][0]
    assert re.fullmatch(r"[\w-]{10}", mine)
    assert mine != code
    hands.wait_for("document.querySelector('.sheet img').naturalWidth >= 720")
    assert mine in hands.run("return document.querySelector('.sheet img').currentSrc")
    hands.tap(".sheet .close")
    hands.wait_for("!document.querySelector('dialog.sheet').open")
    wait_for_state(hands, "voted")


def test_back_from_the_cache_what_is_mine_is_asked_again(hands: Hands):
    hands.open("/e/2")
    had = left(hands)
    hands.run("window.kept = true; addEventListener('pageshow', e => { window.was = e.persisted })")
    hands.tap(".votebar .short[href='/top'], .nav a[href='/top']")
    hands.wait_to_be_at("/top")
    vote_elsewhere(hands, 3, 2)
    hands.back()
    hands.wait_to_be_at("/e/2")
    hands.wait_for("window.kept && window.was")
    wait_for_state(hands, "voted")
    assert left(hands) == had - 2


@each_engine
def test_back_in_the_gallery_everything_is_where_it_was(hands: Hands):
    hands.open("/")
    order = "[...document.querySelectorAll('.card')].map(card => card.dataset.number).join()"
    shown = hands.run(f"return {order}")
    hands.run("document.querySelectorAll('.card')[9].scrollIntoView({block: 'center'})")
    hands.wait_for("scrollY > 300")
    far = hands.run("return scrollY")
    hands.tap(".card:nth-child(10) a")
    hands.wait_for("location.pathname.startsWith('/e/')")
    hands.back()
    hands.wait_to_be_at("/")
    assert hands.wait_for(order) == shown
    hands.wait_for("Math.abs(scrollY - arguments[0]) < 60", far)
    # And by the page's own way back.
    hands.tap(".card:nth-child(10) a")
    hands.wait_for("location.pathname.startsWith('/e/')")
    hands.tap(".votebar .short[href^='/?'], .nav a[href^='/?']")
    hands.wait_to_be_at("/")
    assert hands.wait_for(order) == shown


def test_without_javascript_a_vote_is_two_taps_too(take: Take):
    hands = take(scripts=False)
    for path in ("/", "/top", "/rules"):
        hands.open(path)
        assert len(hands.read("main")) > 100
    hands.open("/?q=００4")
    hands.tap(".card a")
    hands.wait_to_be_at("/e/4")
    assert hands.cookies() == {}
    hands.tap(".votebar .vote")
    hands.wait_to_be_at("/e/4/vote")
    time.sleep(LOOK_S)
    hands.tap("form button.vote")
    hands.wait_to_read("main", "已投给")
    hands.open("/e/4/vote")
    hands.wait_to_read("main", "今天投过了")


@each_engine
def test_over_plain_http_a_vote_counts_too(take: Take, site: Running):
    # As over a LAN: an address that no browser takes for secure, reached by way of the site itself.
    hands = take("http://vote.test", proxy=urlsplit(site.address).netloc)
    hands.open("/e/5")
    assert hands.run("return isSecureContext") is False
    vote(hands)
    link = shared_link(hands)
    assert link.startswith("http://vote.test/e/5?s=")
    hands.tap(".sheet .copy button")
    hands.wait_to_read(".copied", "链接")
    hands.open("/mine")
    hands.wait_to_read("main", "回执")


@pytest.mark.parametrize("phone", ["chromium-1280", "webkit-390"], indirect=True)
def test_with_the_keyboard_alone(hands: Hands):
    hands.open("/e/6")
    wait_for_state(hands, "ready")
    on = "document.activeElement.matches(arguments[0])"
    passed = []
    for _ in range(40):
        hands.press("Tab")
        if hands.run(f"return {on}", READY):
            break
        passed.append(hands.run(SEEN_FOCUS))
    else:
        pytest.fail(f"the button can't be reached: {passed}")
    assert [one for one in passed if one] == []
    assert hands.run(SEEN_FOCUS) == ""
    hands.press("Enter")
    hands.wait_to_read(".say", "已计入这一票")
    assert hands.run(f"return {on}", ".votebar .vote"), "the focus stays where it was"
    hands.run("document.querySelector('a.share, button.share').focus()")
    hands.press("Enter")
    hands.wait_for("document.querySelector('dialog.sheet').open")
    assert hands.run("return !!document.activeElement.closest('dialog.sheet')")
    hands.press("Escape")
    hands.wait_for("!document.querySelector('dialog.sheet').open")
    assert hands.run(f"return {on}", ".share"), "the focus goes back to what opened it"


#: A word about what has the focus if nothing shows that. A window that isn't in front shows none.
SEEN_FOCUS = """
const node = document.activeElement;
if (node === document.body || !document.hasFocus()) return '';
const ring = one => { const style = getComputedStyle(one);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1 };
if (node.tagName === 'VIDEO') return '';
let shown = false;
for (let one = node; one && !shown; one = one.parentElement) {
  shown = ring(one) || ring(document.documentElement)
    || ['::before', '::after'].some(part => { const style = getComputedStyle(one, part);
      return style.content !== 'none' && style.outlineStyle !== 'none' });
  if (one !== node && !one.matches(':focus-within')) break;
}
const box = node.getBoundingClientRect();
if (!box.width || !box.height) return 'invisible: ' + node.outerHTML.slice(0, 120);
return shown ? '' : 'no ring: ' + node.outerHTML.slice(0, 120);
"""


@each_engine
def test_reduced_motion_is_kept(take: Take):
    hands = take(still=True)
    hands.open("/e/7")
    assert hands.run("return matchMedia('(prefers-reduced-motion: reduce)').matches")
    vote(hands)
    moves = "document.getAnimations().filter(one => one.playState === 'running' &&" \
        " one.effect.getComputedTiming().endTime > 100).map(one => one.animationName ||" \
        " one.transitionProperty)"
    assert hands.run(f"return {moves}") == []


@each_engine
def test_the_ranking_moves_by_itself(take: Take):
    hands, other = take(), take()
    hands.open("/top")
    total = hands.read("#total")
    other.open("/e/8")
    vote(other)
    hands.wait_for("document.getElementById('total').innerText !== arguments[0]", total)


@each_engine
def test_only_one_film_plays(hands: Hands):
    """Whoever goes on to another page doesn't go on hearing this one."""
    hands.open("/e/9")
    hands.tap(".start")
    hands.wait_for("document.querySelector('video').currentTime > 0.3")
    hands.tap(".votebar .short[href='/top'], .nav a[href='/top']")
    hands.wait_to_be_at("/top")
    hands.back()
    hands.wait_to_be_at("/e/9")
    assert hands.run("return document.querySelector('video').paused")


@each_engine
def test_a_broken_film_is_a_sentence_and_not_a_black_box(hands: Hands):
    hands.open("/e/10")
    wait_for_state(hands, "ready")
    hands.run(
        "const film = document.querySelector('video');"
        "film.src = new URL('/nothing.mp4', film.currentSrc || film.src); film.load();"
    )
    hands.wait_for("!document.querySelector('.broken').hidden")
    vote(hands)


@each_engine
def test_each_picture_of_the_gallery_comes(hands: Hands):
    hands.open("/")
    count = hands.run("return document.querySelectorAll('main img').length")
    assert count >= 20
    for n in range(count):
        hands.run("document.querySelectorAll('main img')[arguments[0]].scrollIntoView()", n)
        hands.wait_for("document.querySelectorAll('main img')[arguments[0]].naturalWidth > 0", n)


@each_engine
def test_my_votes_are_on_this_phone_only(take: Take):
    hands = take()
    hands.open("/e/11")
    vote(hands)
    hands.open("/mine")
    receipt = re.search(r"[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{2}", hands.wait_to_read("main", "回执"))
    assert receipt
    other = take()
    other.open("/mine")
    other.wait_to_read("main", "还没有")
    assert receipt[0] not in other.read("main")
    assert other.cookies() == {}


def test_pressing_again_says_what_was(hands: Hands):
    hands.open("/e/12")
    vote(hands)
    wait_for_state(hands, "voted")
    hands.tap(".votebar .vote")
    hands.wait_to_read(".say", "投过")
    assert state(hands) == "voted"
