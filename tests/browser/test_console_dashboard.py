"""The dashboard in a real browser: it moves by itself, fits a phone, and keeps to the policy."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import APIRequestContext, Page
from states import LOOK_S
from windows import EITHER

Visit = Callable[..., Page]


@pytest.fixture(params=EITHER["argvalues"], ids=EITHER["ids"])
def page(request: pytest.FixtureRequest, visit: Visit, said: list[str]) -> Iterator[Page]:
    """The dashboard, once it lives."""
    page = visit("王组织", **request.param)
    page.goto("/organizer/")
    page.locator("#lately", has_text="实时").wait_for()
    yield page
    # A request that fails is told by the browser too; that is for the page to tell people.
    said[:] = [words for words in said if not words.startswith("Failed to load resource")]


def vote(visitor: APIRequestContext, entry: int) -> None:
    view = visitor.get(f"/api/v1/me?entry={entry}").json()["view"]
    time.sleep(LOOK_S)
    made = visitor.post("/api/v1/passes", data={"entry": entry, "view": view}).json()
    cast = visitor.post(f"/api/v1/entries/{entry}/votes", data={"ballot": made["ballot"]})
    assert cast.status == 201


def ask_now(page: Page) -> None:
    """Not only in five seconds."""
    page.evaluate("window.dispatchEvent(new Event('online'))")


def figure(page: Page, word: str) -> int:
    """A large figure by its name; 0 while the worker hasn't counted yet."""
    shown = page.locator(".figures > div", has_text=word).locator("dd").first.inner_text()
    return int(shown.replace(",", "").replace("—", "0"))


TOTAL_IS = "votes => +document.getElementById('total').textContent.replace(/,/g, '') === votes"


def test_a_new_vote_shows_without_reloading(visit: Visit, page: Page, site):
    page.wait_for_function("() => Object.keys(Chart.instances).length === 2")
    # The first board may be a second old, and the demo's last votes no older than that.
    total = site.store.ledger.tally().total()
    page.wait_for_function(TOTAL_IS, arg=total)
    today = figure(page, "今天的票")
    page.evaluate("window.same = true")
    vote(visit().context.request, 1)
    page.wait_for_function(TOTAL_IS, arg=total + 1)
    page.wait_for_function(
        "old => +document.querySelector('.figures dd').textContent.replace(/,/g, '') === old + 1",
        arg=today,
    )
    assert page.evaluate("window.same"), "it was reloaded"


def test_a_refused_vote_shows_without_reloading(visit: Visit, page: Page):
    answer = visit().context.request.post("/api/v1/entries/1/votes", data={"ballot": "x"})
    assert answer.status == 403
    page.locator(".reasons", has_text="没有投票凭证").wait_for()


def test_nothing_is_wider_than_the_window(page: Page):
    for more in page.locator("details.more > summary").all():
        more.click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_charts_have_words_and_are_drawn(page: Page):
    for name in ("time", "race"):
        canvas = page.locator(f"canvas#{name}")
        says = canvas.get_attribute("aria-labelledby")
        assert len(page.locator(f"#{says}").inner_text()) > 10
        pixels = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
        assert canvas.evaluate(pixels) > 10, "nothing is drawn"


def test_one_entry_by_day(page: Page):
    page.get_by_label("哪件作品").select_option("2")
    page.locator("[data-part=time]", has_text=re.compile(r"^002 ")).wait_for()
    page.get_by_role("radio", name="按天").check()
    assert page.evaluate("Chart.getChart('time').data.labels.length") <= 3


def test_without_the_site_it_says_so_and_comes_back(page: Page):
    page.route("**/figures.json*", lambda route: route.abort())
    ask_now(page)
    page.locator("#lately", has_text="连不上，正在重试；这里是").wait_for()
    page.unroute("**/figures.json*")
    ask_now(page)
    page.locator("#lately", has_text="实时").wait_for()


def test_when_the_session_is_over_it_says_so(page: Page):
    page.context.clear_cookies()
    ask_now(page)
    page.locator("#lately", has_text="登录已过期").wait_for()
    assert page.get_by_text("重新登录").get_attribute("href").startswith("/organizer/log-in")
