"""The site as `make run` starts it, in the system's Chromium, phone first; part of `make check`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from staging import free_port

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running site with the demo contest."""
    port = free_port()
    environ = os.environ | {
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "DATA_DIR": str(tmp_path_factory.mktemp("site")),
    }
    log = tmp_path_factory.mktemp("log") / "supervisor"
    with log.open("w") as out:
        command = [sys.executable, "-m", "voting.supervisor"]
        running = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=out)
    try:
        until = time.monotonic() + 120
        while "Ctrl-C" not in log.read_text():
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.fail("no Chromium here; on Debian: sudo apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(**PHONE)
    yield context
    context.close()


@pytest.fixture
def page(phone: BrowserContext) -> Iterator[Page]:
    """A page that may say nothing bad: no script error, nothing refused by the policy."""
    said: list[str] = []
    page = phone.new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    yield page
    assert said == []


def votes(page: Page) -> int:
    shown = page.locator("#votes").inner_text().split("\n")[0]  # the seal stands behind it
    return int(shown.replace(",", ""))


def test_from_the_gallery_to_a_counted_vote(site: str, phone: BrowserContext, page: Page):
    page.goto(site)
    assert phone.cookies() == [], "nobody gets a cookie for looking"
    page.locator("a[href^='/e/']").first.click()
    page.wait_for_function("() => document.querySelector('video').readyState >= 1")
    before = votes(page)
    page.get_by_text("投一票").click()
    page.get_by_text("已计入这一票").wait_for()
    assert votes(page) == before + 1
    assert [cookie["name"] for cookie in phone.cookies()] == ["pass"]
    page.reload()
    page.get_by_text("今天投过了").wait_for()
    page.goto(f"{site}/mine")
    page.get_by_text("今天还能投").wait_for()
    assert page.locator("text=回执").count() == 1


def test_the_video_plays(site: str, page: Page):
    page.goto(f"{site}/e/1")
    page.evaluate("document.querySelector('video').muted = true")
    page.evaluate("document.querySelector('video').play()")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.3")


def test_the_ranking_moves_by_itself(site: str, browser: Browser, page: Page):
    page.goto(f"{site}/top")
    total = page.locator("#total").inner_text()
    other = browser.new_context(**PHONE).new_page()
    other.goto(f"{site}/e/2")
    other.get_by_text("投一票").click()
    other.get_by_text("已计入这一票").wait_for()
    page.wait_for_function("old => document.getElementById('total').textContent !== old", arg=total)
    other.context.close()


def test_without_javascript_a_vote_is_two_taps_too(site: str, browser: Browser):
    context = browser.new_context(**PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/e/3")
    page.get_by_text("投一票").click()
    page.get_by_text("确认投一票").click()
    assert "已投给" in page.inner_text("main")
    context.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("path", ["/", "/e/1", "/e/2", "/top", "/rules", "/mine", "/e/999"])
def test_nothing_is_wider_than_the_screen(site: str, browser: Browser, path: str, width: int):
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(site + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_each_picture_of_the_gallery_is_there(site: str, page: Page):
    page.goto(site)
    for picture in page.locator("main img").all():
        picture.scroll_into_view_if_needed()
    pictures = "[...document.querySelectorAll('main img')]"
    page.wait_for_function(f"() => {pictures}.every(i => i.complete)")
    assert page.evaluate(f"{pictures}.every(i => i.naturalWidth > 0)")


def test_a_poster_is_a_plain_picture_without_a_cookie(site: str, page: Page):
    answer = page.request.get(f"{site}/e/1/poster.jpg")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert "set-cookie" not in answer.headers
