"""A voter's way through the site, phone first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from windows import DESK, PHONE, too_wide_at

Visit = Callable[..., Page]


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit(**PHONE)


def votes(page: Page) -> int:
    shown = page.locator("#votes").inner_text().split("\n")[0]  # the seal stands behind it
    return int(shown.replace(",", ""))


def test_from_the_gallery_to_a_counted_vote(page: Page):
    page.goto("/")
    assert page.context.cookies() == [], "nobody gets a cookie for looking"
    page.locator("a[href^='/e/']").first.click()
    page.wait_for_url("**/e/*")
    page.wait_for_function("() => document.querySelector('video')?.readyState >= 1")
    before = votes(page)
    page.get_by_text("投一票").click()
    page.get_by_text("已计入这一票").wait_for()
    assert votes(page) == before + 1
    assert [cookie["name"] for cookie in page.context.cookies()] == ["pass"]
    page.reload()
    page.get_by_text("今天投过了").wait_for()
    page.goto("/mine")
    page.get_by_text("今天还能投").wait_for()
    assert page.locator("text=回执").count() == 1


def test_the_video_plays(page: Page):
    page.goto("/e/1")
    page.evaluate("document.querySelector('video').muted = true")
    page.evaluate("document.querySelector('video').play()")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.3")


def test_the_ranking_moves_by_itself(visit: Visit, page: Page):
    page.goto("/top")
    total = page.locator("#total").inner_text()
    other = visit(**PHONE)
    other.goto("/e/2")
    other.get_by_text("投一票").click()
    other.get_by_text("已计入这一票").wait_for()
    page.wait_for_function("old => document.getElementById('total').textContent !== old", arg=total)


def test_without_javascript_a_vote_is_two_taps_too(visit: Visit):
    page = visit(**PHONE, java_script_enabled=False)
    page.goto("/e/3")
    page.get_by_text("投一票").click()
    page.get_by_text("确认投一票").click()
    assert "已投给" in page.inner_text("main")


@pytest.mark.parametrize("path", ["/", "/e/1", "/e/2", "/top", "/rules", "/mine", "/e/999"])
def test_nothing_is_wider_than_the_screen(visit: Visit, said: list[str], path: str):
    assert too_wide_at(visit(**DESK), path) == []
    said.clear()  # the browser complains of a 404 too


def test_each_picture_of_the_gallery_is_there(page: Page):
    page.goto("/")
    for picture in page.locator("main img").all():
        picture.scroll_into_view_if_needed()
    pictures = "[...document.querySelectorAll('main img')]"
    page.wait_for_function(f"() => {pictures}.every(i => i.complete)")
    assert page.evaluate(f"{pictures}.every(i => i.naturalWidth > 0)")


def test_a_poster_is_a_plain_picture_without_a_cookie(page: Page):
    answer = page.request.get("/e/1/poster.jpg")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert "set-cookie" not in answer.headers
