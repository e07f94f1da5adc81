"""From an open vote to a published result by the console alone, with the real worker counting."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import Running
from playwright.sync_api import Page
from staging import wait_until
from windows import DESK, EITHER, PHONE, Window, too_wide_at

Visit = Callable[..., Page]


def step(page: Page, word: str, reason: str, *, twice: bool = False) -> None:
    """Open the question, give a reason, press; and say yes where it is asked again."""
    page.get_by_text(f"{word}…", exact=True).click()
    asked = page.locator("details[open]", has_text=word)
    asked.locator("input[name=reason]").fill(reason)
    unseen = asked.locator("input[name=without_scrutiny]")
    if unseen.count():  # the worker's look at the ledger isn't through yet
        unseen.fill("演示")
    asked.get_by_role("button").click()
    if twice:
        page.get_by_role("heading", name=f"确定{word}吗？").wait_for()
        page.get_by_role("button", name=f"确定，{word}").click()
    page.locator(".told").wait_for()


@pytest.mark.parametrize("window", **EITHER)
def test_a_table_is_made_and_downloaded_without_reloading(visit: Visit, window: Window):
    page = visit("王组织", **window)
    page.goto("/organizer/exports")
    page.get_by_role("button", name="票数，CSV").click()
    page.wait_for_url("**/exports#recent")
    page.evaluate("window.same = true")
    with page.expect_download() as download:
        page.locator(".made > li").first.locator(".job-files a").click()
    assert download.value.suggested_filename.endswith(".csv")
    assert download.value.path().read_bytes().startswith(b"\xef\xbb\xbf")
    assert page.evaluate("window.same"), "it was reloaded"


def test_the_whole_way_to_the_published_result(site: Running, visit: Visit):
    page = visit(**DESK)
    page.goto("/organizer/vote")
    page.get_by_label("名字").fill("王组织")
    page.get_by_label("密码").fill(site.password)
    page.get_by_role("button", name="登录").click()

    step(page, "暂停投票", "核查")
    assert "暂停" in page.locator("[aria-current=step]").inner_text()
    step(page, "恢复投票", "完毕")
    step(page, "提前结束", "赛程调整", twice=True)
    assert "已结束" in page.locator("[aria-current=step]").inner_text()
    step(page, "开始核对结果", "投票截止")
    page.get_by_text("公布结果…").wait_for(timeout=60_000)  # the worker has counted
    assert page.locator(".places .badge.good").count() == 10

    visitor = visit(**PHONE)
    visitor.goto("/results")
    visitor.get_by_text("结果正在核对").wait_for()
    visitor.goto("/e/1")
    visitor.get_by_text("结果核对中").wait_for()

    step(page, "公布结果", "组委会确认", twice=True)
    assert "已公布" in page.locator("[aria-current=step]").inner_text()
    # Each process of the site has a board of its own, up to a second old.
    wait_until(lambda: visitor.goto("/results") and visitor.locator(".winner").count() == 10)
    visitor.get_by_text("这是演示").wait_for()


@pytest.mark.parametrize("path", ["/results", "/top", "/", "/e/1"])
def test_what_is_published_is_no_wider_than_the_screen(visit: Visit, path: str):
    assert too_wide_at(visit(**DESK), path) == []


def test_ten_winners_fit_one_sheet_of_a4_and_the_particulars_another(visit: Visit):
    page = visit(**DESK)
    page.goto("/results", wait_until="networkidle")
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.count(b"/Type /Page\n") == 2
