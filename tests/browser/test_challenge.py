"""A network of many newcomers: the device does a little work first, in whatever kernel it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from conftest import Running
from evening import crowd
from playwright.sync_api import Page

Visit = Callable[..., Page]


@pytest.fixture
def page(visit: Visit, site: Running, said: list[str]) -> Iterator[Page]:
    """A work's page, opened where all that is free has been taken."""
    crowd(site.made, "127.0.0.1", solved=False)
    yield visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    site.store.throttle.flushall()
    # A request that is refused is told by the browser too; that is for the page to tell people.
    said[:] = [words for words in said if not words.startswith("Failed to load resource")]


def scripts(page: Page) -> list[str]:
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url.partition("?")[0][-12:]))
    return loaded


# A lucky device is done before anybody could look: what was said is written down as it is said.
NOTE = """addEventListener('DOMContentLoaded', function () {
  window.heard = [];
  new MutationObserver(function () {
    var bar = document.querySelector('.say progress');
    var words = document.querySelector('.say');
    if (bar) heard.push([words.textContent, bar.getAttribute('aria-label')]);
  }).observe(document.body, { childList: true, subtree: true });
});"""


def vote(page: Page) -> None:
    page.goto("/e/3")
    page.locator("button.vote[data-state=ready]").tap()


def test_it_is_loaded_when_asked_for_and_tells_how_far_it_is(page: Page):
    page.add_init_script(NOTE)
    loaded = scripts(page)
    page.goto("/e/3")
    page.locator("button.vote[data-state=ready]").wait_for()
    assert "challenge.js" not in loaded
    page.locator("button.vote").tap()
    page.locator(".say", has_text="已计入这一票").wait_for()
    words, bar = page.evaluate("heard[0]")
    assert "正在确认您不是机器，大约 2 秒" in words
    assert bar == "确认到哪里了"
    assert "challenge.js" in loaded


def test_without_workers_the_page_itself_computes(page: Page):
    page.add_init_script("delete window.Worker; window.Worker = undefined;")
    vote(page)
    page.locator(".say", has_text="已计入这一票").wait_for()


def test_a_worker_that_fails_is_done_without(page: Page):
    page.add_init_script(
        "window.Worker = function () { var w = this; this.postMessage = function () {"
        " setTimeout(function () { w.onerror({}); }, 0); }; };"
    )
    vote(page)
    page.locator(".say", has_text="已计入这一票").wait_for()


def test_a_solver_that_doesn_t_load_leaves_a_sentence_and_another_try(page: Page):
    page.route("**/challenge.js*", lambda route: route.abort())
    vote(page)
    page.locator(".say", has_text="先确认您不是机器").wait_for()
    page.unroute("**/challenge.js*")
    page.locator("button.vote[data-state=ready]").tap()
    page.locator(".say", has_text="已计入这一票").wait_for()


def test_two_votes_in_a_row_are_asked_once(page: Page):
    vote(page)
    page.locator(".say", has_text="已计入这一票").wait_for()
    loaded = scripts(page)
    page.goto("/e/4")
    page.locator("button.vote[data-state=ready]").tap()
    page.locator(".say", has_text="已计入这一票").wait_for()
    assert "challenge.js" not in loaded
