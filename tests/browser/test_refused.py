"""Each reason for which a vote is refused: the page says it, and says when it works again.

The page stands open while the world changes behind it, as on a phone in a pocket.
"""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from cable import Cable
from conftest import Running
from evening import crowd
from hands import Hands
from journeys import READY, state, vote_elsewhere, wait_for_state
from running import store_gone
from staging import rewritten, wait_until
from states import Voter

from voting.settings import ROOT

Take = Callable[..., Hands]
DAY_MS = 86_400_000
JSON = {"Content-Type": "application/json"}

pytestmark = pytest.mark.parametrize("phone", ["chromium-390", "webkit-390"], indirect=True)


@pytest.fixture(scope="module")
def contest_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The demo's, where few votes a second are already hammering."""
    folder = tmp_path_factory.mktemp("contest")
    change = "votes_per_second = 100", "votes_per_second = 10"
    return str(rewritten(folder, change, source=ROOT / "config" / "contest.toml"))


@pytest.fixture(scope="module")
def environ(contest_file: str) -> dict[str, str]:
    return {"CONTEST_FILE": contest_file, "WEB_WORKERS": "1"}


@pytest.fixture(autouse=True)
def open_again(site: Running) -> Iterator[None]:
    """Nobody is in the way of the next one."""
    yield
    site.store.throttle.flushall()


def refused(hands: Hands, words: str) -> None:
    """Tap; the page says these words, and stays as it is."""
    hands.tap(READY)
    hands.wait_to_read(".say", words)
    assert hands.run("return document.documentElement.scrollWidth <= innerWidth")


@contextmanager
def changed(site: Running, **window: int) -> Iterator[None]:
    """Other times of the vote, as if they had always been so."""
    rules = site.store.rules
    before = rules.versions()[-1]
    again = rules._put(replace(before, version=before.version + 1, **window), "test")
    try:
        yield
    finally:
        rules._put(replace(before, version=again.version + 1), "test")
        wait_until(lambda: asked(site)["phase"] == "open")


def asked(site: Running) -> dict[str, str]:
    return Voter(site.address).call("/api/v1/me")


def phase(site: Running, wanted: str) -> None:
    """Wait until the pages know: their board is up to a second old."""
    wait_until(lambda: asked(site)["phase"] == wanted)


def test_not_open(site: Running, hands: Hands):
    hands.open("/e/1")
    wait_for_state(hands, "ready")
    now = site.store.rules.versions()[-1].since_ms
    with changed(site, opens_ms=now + 2 * DAY_MS):
        refused(hands, "还没有开始")
        phase(site, "before")
        hands.reload()
        wait_for_state(hands, "off")
        assert "开始" in hands.read(".votebar .vote")
        hands.tap(".votebar .vote")
        hands.wait_to_read(".say", "还没开始")


def test_paused(site: Running, hands: Hands):
    hands.open("/e/2")
    wait_for_state(hands, "ready")
    site.store.rules.pause("核查")
    try:
        refused(hands, "暂停")
        phase(site, "paused")
        hands.reload()
        wait_for_state(hands, "off")
        assert "恢复" in hands.read(".votebar .vote")
    finally:
        site.store.rules.resume("完毕")
        phase(site, "open")


def test_closed(site: Running, hands: Hands):
    hands.open("/e/3")
    wait_for_state(hands, "ready")
    rules = site.store.rules.versions()[-1]
    with changed(site, closes_ms=rules.since_ms):
        refused(hands, "结束")
        phase(site, "closed")
        hands.reload()
        wait_for_state(hands, "off")
        hands.tap(".votebar .vote")
        hands.wait_to_be_at("/top")


def test_withdrawn(site: Running, hands: Hands):
    hands.open("/e/4")
    wait_for_state(hands, "ready")
    site.store.entries.withdraw(4, "版权争议")
    try:
        refused(hands, "撤下")
        assert state(hands) == "off"
        wait_until(lambda: not exists(site, "/e/4"))
        hands.open("/e/4")
        hands.wait_to_read("main", "撤下")
    finally:
        site.store.entries.approve(4, "争议已核实", ai_labelled=True)
        wait_until(lambda: exists(site, "/e/4"))


def exists(site: Running, path: str) -> bool:
    try:
        urllib.request.urlopen(site.address + path).close()  # noqa: S310 ours
    except urllib.error.HTTPError:
        return False
    return True


def test_voted_already(hands: Hands):
    hands.open("/e/5")
    wait_for_state(hands, "ready")
    vote_elsewhere(hands, 5)
    refused(hands, "已经投过")
    wait_for_state(hands, "voted")


def test_quota_used(hands: Hands):
    hands.open("/e/6")
    wait_for_state(hands, "ready")
    vote_elsewhere(hands, 1, 2, 3, 7, 8)
    refused(hands, "投完")
    wait_for_state(hands, "used")
    assert "明天 0 点" in hands.read(".votebar .vote"), "it says when it works again"
    hands.open("/mine")
    hands.wait_to_read("main", "投完")


def test_too_many_new_voters(site: Running, hands: Hands):
    hands.open("/e/7")
    wait_for_state(hands, "ready")
    crowd(site.made, "127.0.0.1")
    refused(hands, "新来的投票人太多")
    assert hands.wait_to_read(".say", "分钟后会有新的名额")


def test_a_network_of_many_newcomers(site: Running, hands: Hands):
    """The device does a little work first, and then votes by itself."""
    hands.open("/e/7")
    wait_for_state(hands, "ready")
    crowd(site.made, "127.0.0.1", solved=False)
    hands.tap(READY)
    hands.wait_to_read(".say", "正在确认您不是机器")
    hands.wait_to_read(".say", "已计入这一票")


def test_hammering(site: Running, hands: Hands):
    """The first few of each second still get through: a tap among them is followed by another."""
    with hammered(site):
        for entry in (8, 12, 13):
            hands.open(f"/e/{entry}")
            wait_for_state(hands, "ready")
            hands.tap(READY)
            wait_until(lambda: any(end in hands.read(".say") for end in ("太密集", "已计入")))
            if "太密集" in hands.read(".say"):
                break
        else:
            pytest.fail("every tap got through")
    hands.tap(READY)  # as soon as the button lets one
    hands.wait_to_read(".say", "已计入这一票")


@contextmanager
def hammered(site: Running) -> Iterator[None]:
    """Somebody else at this address votes without end, on lines that stay open."""
    over = threading.Event()
    where, words = urllib.parse.urlsplit(site.address).netloc, b'{"ballot": "x"}'

    def hammer() -> None:
        line = http.client.HTTPConnection(where, timeout=10)
        while not over.is_set():
            line.request("POST", "/api/v1/entries/8/votes", words, JSON)
            line.getresponse().read()
        line.close()

    hammers = [threading.Thread(target=hammer) for _ in range(2)]
    for one in hammers:
        one.start()
    try:
        yield
    finally:
        over.set()
        for one in hammers:
            one.join()


def test_without_the_store_the_pages_stay_and_the_vote_waits(site: Running, hands: Hands):
    hands.open("/e/9")
    wait_for_state(hands, "ready")
    with store_gone(site.store):
        for path, words in (("/", "作品"), ("/top", "名"), ("/rules", "票"), ("/mine", "我的")):
            hands.open(path)
            hands.wait_to_read("body", words)
        hands.open("/e/9")
        hands.tap(".votebar .vote")
        hands.wait_to_read(".say", "暂时连不上")
        wait_for_state(hands, "ready")
    hands.tap(READY)
    hands.wait_to_read(".say", "已计入这一票")


def test_without_a_network(site: Running, take: Take):
    cable = Cable(site.address)
    try:
        hands = take(cable.address)
        hands.open("/e/10")
        wait_for_state(hands, "ready")
        with cable.cut():
            hands.tap(READY)
            hands.wait_to_read(".say", "网络")
            wait_for_state(hands, "ready")
            assert list(hands.cookies()) == []
        hands.tap(READY)
        hands.wait_to_read(".say", "已计入这一票")
    finally:
        cable.close()


def test_a_lost_answer_counts_once(site: Running, take: Take):
    """The vote is counted, its answer is lost on the way; the next tap finds it counted."""
    cable = Cable(site.address)
    try:
        hands = take(cable.address)
        hands.open("/e/11")
        wait_for_state(hands, "ready")
        before = site.store.ledger.tally()[11]
        cable.lose_the_next_answer("/votes")
        hands.tap(READY)
        hands.wait_to_read(".say", "已计入这一票")
        assert site.store.ledger.tally()[11] == before + 1
    finally:
        cable.close()
