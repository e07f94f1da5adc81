"""Every public page in every state, in an order that one running site can go through.

    with staged(folder) as stage:
        for state in stage.states():
            with state.shown(browser, stage.address, PHONE) as page:
                ...

The site begins with demo entries and a vote to come. What follows takes it from phase to phase, so
a state is to be looked at before the next one is asked for.
"""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from http.cookiejar import CookieJar
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import HTTPCookieProcessor, Request, build_opener

from casting import looked_at
from evening import crowd
from hands import IPHONE
from layout import ENLARGE
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as TooSlow
from running import running, store_gone
from staging import rewritten
from wechat.stand_in import StandIn
from windows import Window

from voting.appeal import About
from voting.batch import Deducted, Deductions, Hold, Removal, write_deductions
from voting.case import Case, Evidence, Finding, Pattern, Run, Sign
from voting.contest import (
    SHANGHAI,
    Ballot,
    Counts,
    Identity,
    Law,
    Quiet,
    Signals,
    day_of,
    midnight_after,
    rank,
)
from voting.report import draft
from voting.result import digest
from voting.settings import ROOT
from voting.shelf import Shelf
from voting.store import keys
from voting.store.appeals import MOST_WAITING
from voting.web.site import Site

Act = Callable[[Page], object]

#: Each process of the site has a board of its own, up to a second old; a browser keeps a page two.
BOARDS_TURN_S = 2.5
#: Nobody votes within a second of the look.
LOOK_S = 1.1
#: Of the demo's entries: near tenth place, one upright and one wide; the first, by AI; one with a
#: title of thirty characters; and the last, which is withdrawn.
UPRIGHT, WIDE, AI, LONG, WITHDRAWN = 6, 12, 2, 23, 28
#: A shuffle that begins with a good mix, so that pictures can be compared.
ORDER = "o=039a"
PLAIN: Window = {"java_script_enabled": False}


def nothing(page: Page) -> None:
    """As the page comes."""


@dataclass(frozen=True)
class State:
    """One page as somebody may meet it; `name` is also its picture's name.

    `arrange` happens in the empty window, `act` on the open page, until it stands as the name says.
    `window` is what this somebody's browser is like, on top of any size.
    """

    name: str
    path: str
    act: Act = nothing
    arrange: Act = nothing
    window: Window = field(default_factory=dict)

    def show(self, page: Page) -> None:
        self.arrange(page)
        answer = page.goto(self.path)
        assert answer, self.path
        assert answer.status != 500, f"{self.path} answers 500"
        settle(page)
        self.act(page)
        settle(page)

    @contextmanager
    def shown(self, browser: Browser, address: str, window: Window) -> Iterator[Page]:
        """A page in a browser of its own that shows this state."""
        context = browser.new_context(
            **{"base_url": address, "reduced_motion": "reduce"} | window | self.window
        )
        try:
            page = context.new_page()
            page.set_default_timeout(10_000)
            self.show(page)
            yield page
        finally:
            context.close()


def settle(page: Page) -> None:
    """Wait for what has been asked for; one that holds a request back is waited for no longer."""
    with suppress(TooSlow):
        page.wait_for_load_state("networkidle", timeout=2_000)
    if page.locator("video").count():
        page.wait_for_timeout(1_000)  # Chromium lets a ring turn on a film for as long


def enlarge(page: Page, times: float = 1.4) -> None:
    """All text so many times as large, as WeChat's largest step does it."""
    page.evaluate(f"function () {{ {ENLARGE} }}", times)


# --- who comes to the site ------------------------------------------------------------------------


class Voter:
    """Somebody with a browser, of which only the cookies and the memory are there."""

    def __init__(self, address: str) -> None:
        self.address, self.jar = address, CookieJar()
        self.votes: list[dict[str, Any]] = []
        self._opener = build_opener(HTTPCookieProcessor(self.jar))

    def vote(self, *entries: int) -> Voter:
        for entry in entries:
            me = self.call(f"/api/v1/me?entry={entry}")
            time.sleep(LOOK_S)
            if "ballot" not in me:
                me = self.call("/api/v1/passes", {"entry": entry, "view": me["view"]})
            cast = self.call(f"/api/v1/entries/{entry}/votes", {"ballot": me["ballot"]})
            self.remember(entry, cast["at"], cast["receipt"])
        return self

    def remember(self, entry: int, at: str, receipt: str) -> None:
        title = self.call("/api/v1/entries?q=" + str(entry))["entries"][0]["title"]
        self.votes.insert(0, {"number": entry, "title": title, "at": at, "receipt": receipt})

    def call(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the API; raises HTTPError."""
        data, kind = json.dumps(body).encode() if body else None, "application/json"
        request = Request(self.address + path, data, {"Content-Type": kind})  # noqa: S310 http
        with self._opener.open(request, timeout=15) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def window(self) -> Window:
        """A browser that remembers what this voter's does."""
        cookies = [
            {"name": one.name, "value": one.value, "domain": "127.0.0.1", "path": "/",
             "expires": float(one.expires or -1), "httpOnly": True, "secure": False,
             "sameSite": "Lax"}
            for one in self.jar
        ]  # fmt: skip
        kept = [{"name": "votes", "value": json.dumps(self.votes)}]
        origins = [{"origin": self.address, "localStorage": kept}]
        return {"storage_state": {"cookies": cookies, "origins": origins}}


def crowd_in(site: Site, votes: dict[int, int]) -> None:
    """So many demo votes more for each entry."""
    unknown = Signals(Identity.DEMO, bytes(6), bytes(6), bytes(4), bytes(4), 0, 0)
    cast = site.store.ledger.tally().total()
    ids = (sha256(b"states:%d" % n).digest() for n in count(cast))
    ballots = [
        (Ballot(one[:8], one[8:16], number, site.now_ms()), unknown)
        for number, many in votes.items()
        for one, _ in zip(ids, range(many), strict=False)
    ]
    for first in range(0, len(ballots), 500):
        site.store.ballots.cast_all(ballots[first : first + 500])


def demo_votes() -> dict[int, int]:
    texts = (ROOT / "config" / "demo" / "entries.toml").read_text(encoding="utf-8")
    return {n: one["votes"] for n, one in enumerate(tomllib.loads(texts)["entry"], start=1)}


# --- what they do ---------------------------------------------------------------------------------


def press(page: Page) -> None:
    """The large button of an entry, whatever it says."""
    page.locator(".votebar .vote").click()


def vote_now(page: Page) -> None:
    press(page)
    voted(page)


def voted(page: Page) -> None:
    page.locator("[data-state=voted]").wait_for()
    page.wait_for_timeout(2_500)  # until the count and the rank speak of it


def vote_in_vain(page: Page) -> None:
    press(page)
    page.wait_for_function("() => document.querySelector('.say').textContent", timeout=30_000)


def press_and_leave(page: Page) -> None:
    """A press that leads to WeChat, and back to a page that says why not."""
    press(page)
    page.wait_for_url("**/wechat/return*")


def leave_unanswered(page: Page) -> None:
    """A vote that is on its way for ever."""
    page.add_init_script(
        "const ask = fetch; window.fetch = (at, how) =>"
        " String(at).endsWith('/votes') ? new Promise(() => 0) : ask(at, how);"
    )


def press_and_wait(page: Page) -> None:
    press(page)
    page.locator("[aria-busy=true]").wait_for()


def compute_for_ever(page: Page) -> None:
    """What the device is asked to work out stays two fifths done."""
    page.add_init_script(
        "window.Worker = function () { var it = this; it.postMessage = () =>"
        " setTimeout(() => it.onmessage({ data: { part: 0.4 } }), 0); };"
    )


def press_and_confirm(page: Page) -> None:
    press(page)
    page.wait_for_function("() => (document.querySelector('.say progress') || {}).value === 0.4")


def without_videos(page: Page) -> None:
    page.route("**/*.mp4", lambda route: route.abort())


def play_in_vain(page: Page) -> None:
    page.evaluate("document.querySelector('video').play().catch(() => 0)")
    page.locator(".broken").wait_for()


def in_high_quality(page: Page) -> None:
    page.locator("[data-quality='1080']").click()


def go_offline(page: Page) -> None:
    page.context.set_offline(True)
    vote_in_vain(page)


def share(page: Page) -> None:
    page.locator(".share:visible").first.click()
    page.locator("dialog.sheet[open]").wait_for()
    poster = "document.querySelector('dialog.sheet img')"
    page.wait_for_function(f"() => {poster}.complete && {poster}.naturalWidth")


def at_the_panel(page: Page) -> None:
    page.locator("#removed").scroll_into_view_if_needed()


def appeal(page: Page) -> None:
    page.locator("#entry").fill(str(UPRIGHT))
    page.locator("#text").fill("昨天晚上看是 168 票，今天早上变成 127 票，为什么？")
    page.locator("form.write button").click()
    page.locator(".ticket").wait_for()


def appeal_in_vain(page: Page) -> None:
    """It isn't lost either."""
    page.locator("#entry").fill(str(UPRIGHT))
    page.locator("#text").fill("为什么？")
    page.locator("form.write button").click()
    page.locator("#wrong").wait_for()


def appeal_with_a_number(page: Page) -> None:
    page.locator("#entry").fill(str(UPRIGHT))
    page.locator("#text").fill("请打 138 1234 5678 告诉我")
    page.locator("form.write button").click()
    page.locator("#wrong").wait_for()


def confirm(page: Page) -> None:
    """The form's one button, after a look at the form."""
    page.wait_for_timeout(1000 * LOOK_S)
    page.locator("form[method=post] button").first.click()


# --- the site's way through its phases ------------------------------------------------------------


def contest_file(folder: Path) -> Path:
    """The shipped contest with its demo entries, and a vote that begins in three days."""
    today = datetime.now(SHANGHAI).replace(hour=9, minute=0, second=0, microsecond=0)
    window = [f"{today + timedelta(days=days):%Y-%m-%dT%H:%M:%S}" for days in (4, 18)]
    return rewritten(
        folder,
        ('opens = "yesterday"', f"opens = {window[0]}"),
        ('closes = "in two weeks"', f"closes = {window[1]}"),
        ('icp = ""', 'icp = "鲁ICP备00000000号"'),
        source=ROOT / "config" / "contest.toml",
    )


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """A site that all states can be seen on, and the WeChat that it knows."""
    given = {"CONTEST_FILE": str(contest_file(folder))}
    with StandIn() as wechat, running(folder, **given, **wechat.environ) as (address, site):
        shelf = Shelf(site.settings.media_dir, site.settings.public_dir)
        for name in shelf.kept():  # a second copy of each film, as outside the demo
            (shelf.media / name / "web-720.mp4").hardlink_to(shelf.media / name / "web.mp4")
            shelf.put_out(name)
        yield Stage(site, address, wechat)


class Stage:
    def __init__(self, site: Site, address: str, wechat: StandIn) -> None:
        self.site, self.store, self.address, self.wechat = site, site.store, address, wechat

    def states(self) -> Iterator[State]:
        """All of them, from before the vote to the published result."""
        for phase in (
            self.before, self.begun, self.open, self.removed, self.appeals, self.in_wechat,
            self.away, self.hidden, self.only_in_wechat, self.paused, self.last_day, self.quiet,
            self.closed, self.under_review, self.published,
        ):  # fmt: skip
            yield from phase()

    def before(self) -> Iterator[State]:
        self.store.entries.withdraw(WITHDRAWN, "作者要求撤下")
        self.turn()
        yield from self.pages("before", "gallery", "entry", "top", "mine", "results", "rules")
        yield State("form.before", f"/e/{UPRIGHT}/vote")
        shown = set(demo_votes()) - {WITHDRAWN}
        for number in shown:
            self.store.entries.withdraw(number, "布展")
        self.turn()
        yield State("gallery.no-entries", "/")
        yield State("top.no-entries", "/top")
        for number in shown:
            self.store.entries.approve(number, "布展完毕")

    def begun(self) -> Iterator[State]:
        """Nobody has voted, and then only few."""
        self.store.rules.open_now("作品已经全部展出")
        self.turn()
        yield State("gallery.no-votes", f"/?{ORDER}")
        yield State("entry.no-votes", f"/e/{UPRIGHT}")
        yield State("top.no-votes", "/top")
        crowd_in(self.site, {AI: 3, WIDE: 2, UPRIGHT: 2, LONG: 1})
        self.turn()
        yield State("top.few", "/top")

    def open(self) -> Iterator[State]:
        crowd_in(self.site, demo_votes())
        self.turn()
        yield from self.pages("open", "gallery", "top", "results", "rules")
        yield from self.galleries()
        yield from self.entries()
        yield from self.mine()
        yield from self.forms()
        yield from self.errors()
        rows = rank(self.store.ledger.tally(), set(demo_votes()) - {WITHDRAWN})
        ties = ((3, 2), (10, 9), (11, 9))  # places from 0: who catches up with whom
        crowd_in(self.site, {rows[a].number: rows[b].votes - rows[a].votes for a, b in ties})
        self.turn()
        yield State("top.ties", "/top")

    def galleries(self) -> Iterator[State]:
        yield State("gallery.filtered", f"/?category=ai&{ORDER}")
        yield State("gallery.nothing-in-filter", "/?category=ai&city=菏泽")
        yield State("gallery.found", f"/?q=数字&{ORDER}")
        yield State("gallery.found-number", "/?q=００７")
        yield State("gallery.not-found", "/?q=飞碟")
        yield State("gallery.by-votes", "/?sort=votes")
        yield State("gallery.page-2", f"/?page=2&{ORDER}")
        voter = Voter(self.address).vote(UPRIGHT, WIDE, AI)
        yield State("gallery.voted", "/?sort=votes", window=voter.window())

    def entries(self) -> Iterator[State]:
        upright = f"/e/{UPRIGHT}"
        yield State("entry.upright", upright)
        yield State("entry.wide", f"/e/{WIDE}")
        yield State("entry.ai", f"/e/{AI}")
        yield State("entry.long-title", f"/e/{LONG}")
        yield State("entry.voting", upright, press_and_wait, leave_unanswered)
        yield State("entry.just-voted", upright, vote_now)
        voter = Voter(self.address).vote(UPRIGHT)
        yield State("entry.voted", upright, window=voter.window())
        yield State("entry.voted-pressed-again", upright, vote_in_vain, window=voter.window())
        others = [number for number in range(8, 20) if number != LONG][:5]
        voter = Voter(self.address).vote(*others)
        yield State("entry.all-votes-used", upright, window=voter.window())
        yield State("entry.all-votes-used-and-voted", f"/e/{others[0]}", window=voter.window())
        yield State("entry.offline", upright, go_offline)
        yield State("entry.broken-video", upright, play_in_vain, without_videos)
        yield State("entry.broken-video-wide", f"/e/{WIDE}", play_in_vain, without_videos)
        yield State("entry.high-quality", upright, in_high_quality)
        yield State("entry.without-scripts", upright, window=PLAIN)
        yield State("share.upright", upright, share)
        yield State("share.wide", f"/e/{WIDE}", share)

    def mine(self) -> Iterator[State]:
        yield State("mine.empty", "/mine")
        voter = Voter(self.address).vote(UPRIGHT, LONG, AI)
        now = datetime.now(SHANGHAI)
        for days, entry in ((1, WIDE), (1, 9), (3, 12)):
            at = (now - timedelta(days=days)).isoformat(timespec="milliseconds")
            receipt = sha256(at.encode()).hexdigest().upper()
            voter.remember(entry, at, f"{receipt[:4]}-{receipt[4:8]}-{receipt[8:10]}")
        voter.votes.sort(key=lambda vote: str(vote["at"]), reverse=True)
        yield State("mine.votes", "/mine", window=voter.window())
        voter.vote(15, 16)
        yield State("mine.all-votes-used", "/mine", window=voter.window())
        yield State("mine.without-scripts", "/mine", window=PLAIN)

    def forms(self) -> Iterator[State]:
        form = f"/e/{UPRIGHT}/vote"
        yield State("form.open", form, window=PLAIN)
        yield State("form.accepted", form, confirm, window=PLAIN)
        voter = Voter(self.address)
        voter.vote(UPRIGHT)
        yield State("form.voted", form, window=PLAIN | voter.window())
        voter.vote(15, 16, 17, 18)
        yield State("form.all-votes-used", f"/e/{WIDE}/vote", window=PLAIN | voter.window())
        yield State("form.expired", form, self.spoil_and_confirm, window=PLAIN)

    def errors(self) -> Iterator[State]:
        yield State("error.no-page", "/nothing/here")
        yield State("error.no-entry", "/e/999")
        yield State("error.withdrawn", f"/e/{WITHDRAWN}")
        upright = f"/e/{UPRIGHT}"
        yield State("entry.confirming", upright, press_and_confirm, self.crowd_a_little)
        yield State("form.confirming", f"{upright}/vote", confirm, self.crowd_a_little, PLAIN)
        yield State("entry.too-many-voters", upright, vote_in_vain, self.crowd_the_door)
        yield State("form.too-many-voters", f"{upright}/vote", confirm, self.crowd_the_door, PLAIN)
        self.store.throttle.flushall()  # limits and caches: nothing that anybody misses

    def removed(self) -> Iterator[State]:
        """Votes were removed on five days up to yesterday; what stands in the store for that is put
        there by hand, because nobody can have decided anything yesterday."""
        now_ms = self.site.now_ms()
        day, until_ms = day_of(now_ms), midnight_after(now_ms) - 24 * 3600 * 1000
        found = (
            Removal(day - 1, 3, Pattern.ONE_ADDRESS, 28),
            Removal(day - 1, 7, Pattern.LOCKSTEP, 41),
            Removal(day - 1, 2, Pattern.CROWD, 12),
            Removal(day - 1, 5, Pattern.RELAYS, 11),
            Removal(day - 2, 9, Pattern.PHONE_ROOM, 24),
            Removal(day - 3, 9, Pattern.MARKER, 22),
            Removal(day - 3, 2, Pattern.MARKER, 31),
            Removal(day - 5, 4, Pattern.LONE_NETWORK, 25),
        )
        votes, ends_ms = {AI: 41, UPRIGHT: 28, WIDE: 12}, now_ms + 36 * 3600 * 1000
        held = tuple(Hold(ends_ms, *one) for one in votes.items())
        then = Deducted(until_ms, found, held)
        before = self.store.law.hget(keys.CONTEST(), "deductions") or b""
        self.deduct(write_deductions(Deductions(0, (then,), then)))
        yield State("top.held", "/top")
        yield State("top.removed", "/top", at_the_panel)
        yield State("appeals.form-about-a-day", f"/appeals/new?group={day - 2}.phone_room")
        self.deduct(before)

    def forget_limits(self, page: Page) -> None:
        """An address appeals a few times an hour, and each window is a new page of the same one."""
        self.store.throttle.flushall()

    def deduct(self, text: bytes | str) -> None:
        self.store.law.hset(keys.CONTEST(), "deductions", text)
        self.store.law.hincrby(keys.CONTEST(), "catalogue", 1)
        self.turn()

    def appeals(self) -> Iterator[State]:
        appeals, now_ms = self.store.appeals, self.site.now_ms()
        yield State("appeals.none", "/appeals")
        yield State("appeals.form", "/appeals/new")
        yield State("appeals.form-wrong", "/appeals/new", appeal_with_a_number)
        yield State("appeals.just-sent", "/appeals/new", appeal, self.forget_limits)
        text = "我们班都投了这件作品，昨天晚上看是 168 票，今天早上变成 127 票。\n\n为什么？"
        waiting, answered, abuse = (appeals.add(About(UPRIGHT), text, now_ms) for _ in range(3))
        said = "有人问：为什么一夜之间少了 41 票？\n查过：这些票来自同一台设备，每隔 40 秒一张。"
        appeals.answer(appeals.by_ticket(answered).number, said, now_ms, published=True)
        appeals.refuse([appeals.by_ticket(abuse).number], "广告", now_ms)
        self.turn()
        yield State("appeals.answers", "/appeals")
        yield State("appeals.waiting", f"/appeals/{waiting}")
        yield State("appeals.answered", f"/appeals/{answered}")
        yield State("appeals.not-taken", f"/appeals/{abuse}")
        yield State("appeals.no-such-ticket", "/appeals/AAAA-AAAA-AAAA-AAAA-AAAA")
        crowd = range(10**6, 10**6 + MOST_WAITING)
        self.store.law.sadd(keys.APPEALS_WAITING(), *crowd)
        yield State("appeals.full", "/appeals/new", appeal_in_vain, self.forget_limits)
        self.store.law.srem(keys.APPEALS_WAITING(), *crowd)

    def in_wechat(self) -> Iterator[State]:
        """Through WeChat's sign-in, and each way it can end."""
        upright, mine = f"/e/{UPRIGHT}", {"user_agent": IPHONE}
        yield State("wechat.entry", upright, window=mine)
        yield State("wechat.just-voted", upright, vote_now, self.as_somebody_else, mine)
        yield State("wechat.form", f"{upright}/vote", window=mine | PLAIN)
        self.wechat.snapshot = True
        yield State("wechat.snapshot", upright, press_and_leave, window=mine)
        self.wechat.snapshot = False
        for name, code in (("again", 40029), ("away", -1)):
            self.wechat.every_answer = code
            yield State(f"wechat.{name}", upright, press_and_leave, window=mine)
        self.wechat.every_answer = None

    def away(self) -> Iterator[State]:
        """The law store is gone: its socket, and whoever was connected."""
        upright, voter = f"/e/{UPRIGHT}", Voter(self.address).vote(3)
        with self.without_store():
            yield from self.pages(
                "away", "gallery", "entry", "top", "mine", "rules", "results", "appeals"
            )
            yield State("appeals.away-form", "/appeals/new", appeal_in_vain)
            known = voter.window()
            yield State("entry.away-voted-in-vain", upright, vote_in_vain, window=known)
            known = PLAIN | known
            yield State("form.away", f"{upright}/vote", window=known)

    def hidden(self) -> Iterator[State]:
        """Counts only after the vote's end."""
        self.rule("公布票数的办法改为结束后公布", counts=Counts.AFTER_CLOSE)
        yield from self.pages("hidden", "gallery", "entry", "top", "results", "rules")
        self.rule("恢复实时公布票数", counts=Counts.LIVE)

    def only_in_wechat(self) -> Iterator[State]:
        self.rule("只在微信里投票", votes_per_device=0)
        yield State("entry.only-in-wechat", f"/e/{UPRIGHT}")
        yield State("form.only-in-wechat", f"/e/{UPRIGHT}/vote", window=PLAIN)
        yield State("rules.only-in-wechat", "/rules")
        self.rule("微信以外也可以投票", votes_per_device=5)

    def paused(self) -> Iterator[State]:
        voter = Voter(self.address).vote(UPRIGHT)
        self.store.rules.pause("核查异常票")
        self.turn()
        yield from self.pages("paused", "gallery", "entry", "top", "rules")
        yield State("mine.paused", "/mine", window=voter.window())
        yield State("form.paused", f"/e/{UPRIGHT}/vote", window=PLAIN)
        self.store.rules.resume("核查完毕")

    def last_day(self) -> Iterator[State]:
        began = datetime.fromtimestamp(self.store.rules.versions()[-1].opens_ms / 1000, SHANGHAI)
        closes = datetime.now(SHANGHAI) + timedelta(hours=9, minutes=5)
        self.rule("按大赛通知调整截止时间", opens=began, closes=closes)
        yield from self.pages("last-day", "gallery", "entry", "top", "results")

    def quiet(self) -> Iterator[State]:
        """The last hours: hidden counts, and rounded ones."""
        closes = datetime.now(SHANGHAI) + timedelta(hours=3)
        for quiet in Quiet:
            end = replace(self.law.closing, quiet=quiet, round_to=20)
            self.rule(f"试{quiet}", closes=closes, closing=end)
            yield from self.pages(f"quiet-{quiet}", "gallery", "entry", "top", "rules")
            yield State(f"entry.quiet-{quiet}-just-voted", f"/e/{UPRIGHT}", vote_in_vain)
        yield State("gallery.quiet-by-votes", "/?sort=votes")

    def closed(self) -> Iterator[State]:
        self.voter = Voter(self.address).vote(UPRIGHT, WIDE)
        self.store.rules.close("投票期已满")
        self.turn()
        yield from self.over("closed")

    def under_review(self) -> Iterator[State]:
        self.store.rules.begin_review("投票截止，逐票核对")
        self.turn()
        yield from self.over("under-review")

    def published(self) -> Iterator[State]:
        looked_at(self.store)
        self.publish("组委会审定")
        yield State("results.published-1", "/results")
        self.nearly_looked_at()
        self.publish("更正：补上一件作品的推荐单位", "最后几票逐票看过，都是微信用户投的")
        yield State("results.published-2", "/results")
        yield from self.over("published")
        yield State("entry.published-not-won", f"/e/{LONG}")

    def nearly_looked_at(self) -> None:
        """Scrutiny hasn't seen the last votes, and knows of some at tenth place that nobody can
        name: it takes a jury."""
        ledger, at_ms = self.store.ledger, self.site.now_ms()
        rows = rank(ledger.tally(), set(demo_votes()) - {WITHDRAWN})
        last = max((row for row in rows if row.rank <= self.law.winners), key=lambda row: row.rank)
        evidence = Evidence(Sign.EXCESS, 40, 10, -9, "没看视频的票有 40 张，平常约 10 张")
        case = Case(
            "c-excess", Pattern.EXCESS, Finding.EXCESS, ((str(last.number), 40),), 40, 10, 20, 30,
            0.6, at_ms, at_ms, (evidence,), "这件作品在站外被推荐过",
        )  # fmt: skip
        self.store.cases.put(Run(at_ms, ledger.size() - 9, 0.1, (case,)), {})

    def publish(self, reason: str, without_scrutiny: str = "") -> None:
        found = draft.make(self.store, self.site.contest, self.site.now_ms(), lambda *_: None)
        chosen = [row.number for row in found.undecided][: found.seats]
        self.store.results.publish(
            digest(found), reason, chosen=chosen,
            jury_reason="按作品的完成度评议" if chosen else "", without_scrutiny=without_scrutiny,
        )  # fmt: skip
        self.turn()

    def over(self, phase: str) -> Iterator[State]:
        pages = ("gallery", "entry", "top", "rules", *(["results"] if phase != "published" else []))
        yield from self.pages(phase, *pages)
        yield State(f"mine.{phase}", "/mine", window=self.voter.window())
        yield State(f"form.{phase}", f"/e/{UPRIGHT}/vote", window=PLAIN)

    # --- the means ---

    def pages(self, phase: str, *names: str) -> Iterator[State]:
        paths = {"gallery": f"/?{ORDER}", "entry": f"/e/{UPRIGHT}"}
        for name in names:
            yield State(f"{name}.{phase}", paths.get(name, f"/{name}"))

    def turn(self) -> None:
        """Wait until each process shows what is in the store now."""
        time.sleep(BOARDS_TURN_S)

    def rule(self, reason: str, **changes: Any) -> None:
        """The law in force with these changes."""
        self.law: Law = replace(getattr(self, "law", self.site.contest.law), **changes)
        self.store.rules.apply(self.law, reason, self.site.now_ms())
        self.turn()

    def crowd_the_door(self, page: Page) -> None:
        """So many new voters from this network that the next one is asked to wait."""
        crowd(self.site, "127.0.0.1")

    def crowd_a_little(self, page: Page) -> None:
        """So many that the next one's device is asked for a little work."""
        compute_for_ever(page)
        crowd(self.site, "127.0.0.1", solved=False)

    def as_somebody_else(self, page: Page) -> None:
        self.wechat.person = f"oStandIn{sha256(str(time.time()).encode()).hexdigest()[:20]}"

    def spoil_and_confirm(self, page: Page) -> None:
        """As if the form's token had been lost."""
        page.context.clear_cookies()
        confirm(page)

    @contextmanager
    def without_store(self) -> Iterator[None]:
        with store_gone(self.store):
            self.turn()
            yield
        self.turn()
