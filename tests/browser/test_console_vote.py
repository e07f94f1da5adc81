"""From an open vote to a published result by the console alone, with the real worker counting."""

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
from playwright.sync_api import Browser, Page, sync_playwright
from staging import free_port

from voting import create_app
from voting.organizer import Account, Role, hash_password

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
PASSWORD = "泉城的水很清-2025"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESK = {"viewport": {"width": 1280, "height": 800}}


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    port, data = str(free_port()), str(tmp_path_factory.mktemp("site"))
    return os.environ | {"PORT": port, "HOST": "127.0.0.1", "DATA_DIR": data}


@pytest.fixture(scope="module")
def site(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running site with the demo contest and one organizer."""
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
        accounts = create_app(environ).extensions["site"].store.accounts
        accounts.add(Account("王组织", Role.ORGANIZER, hash_password(PASSWORD), since_ms=0))
        yield f"http://127.0.0.1:{environ['PORT']}"
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


def step(page: Page, word: str, reason: str, *, twice: bool = False) -> None:
    """Open the question, give a reason, press; and say yes where it is asked again."""
    page.get_by_text(f"{word}…", exact=True).click()
    asked = page.locator("details[open]", has_text=word)
    asked.locator("input[name=reason]").fill(reason)
    asked.get_by_role("button").click()
    if twice:
        page.get_by_role("heading", name=f"确定{word}吗？").wait_for()
        page.get_by_role("button", name=f"确定，{word}").click()
    page.locator(".told").wait_for()


def test_the_whole_way_to_the_published_result(site: str, browser: Browser):
    said: list[str] = []
    context = browser.new_context(**DESK)
    page = context.new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    page.goto(f"{site}/organizer/vote")
    page.get_by_label("名字").fill("王组织")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()

    step(page, "暂停投票", "核查")
    assert "暂停" in page.locator("[aria-current=step]").inner_text()
    step(page, "恢复投票", "完毕")
    step(page, "提前结束", "赛程调整", twice=True)
    assert "已结束" in page.locator("[aria-current=step]").inner_text()
    step(page, "开始核对结果", "投票截止")
    page.get_by_text("公布结果…").wait_for(timeout=60_000)  # the worker has counted
    assert page.locator(".places .badge.good").count() == 10

    visitor = browser.new_context(**PHONE).new_page()
    visitor.goto(f"{site}/results")
    visitor.get_by_text("结果正在核对").wait_for()
    visitor.goto(f"{site}/e/1")
    visitor.get_by_text("结果核对中").wait_for()

    step(page, "公布结果", "组委会确认", twice=True)
    assert "已公布" in page.locator("[aria-current=step]").inner_text()
    visitor.wait_for_function("fetch('/api/v1/results').then(answer => answer.ok)")
    visitor.goto(f"{site}/results")
    assert visitor.locator(".winner").count() == 10
    visitor.get_by_text("这是演示").wait_for()
    visitor.context.close()
    context.close()
    assert said == []


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("path", ["/results", "/top", "/", "/e/1"])
def test_what_is_published_is_no_wider_than_the_screen(
    site: str, browser: Browser, path: str, width: int
):
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(site + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_ten_winners_fit_one_sheet_of_a4_and_the_particulars_another(site: str, browser: Browser):
    context = browser.new_context(**DESK)
    page = context.new_page()
    page.goto(f"{site}/results")
    page.wait_for_load_state("networkidle")
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.count(b"/Type /Page\n") == 2
    context.close()
