"""The dashboard in a real browser: it moves by itself, fits a phone, and keeps to the policy."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from staging import free_port

from voting import _store
from voting.organizer import Account, Role, hash_password
from voting.settings import load_contest, load_settings

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESK = {"viewport": {"width": 1280, "height": 800}}


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    port, folder = free_port(), tmp_path_factory.mktemp("site")
    return os.environ | {"PORT": str(port), "HOST": "127.0.0.1", "DATA_DIR": str(folder)}


@pytest.fixture(scope="module")
def site(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running site with the demo contest."""
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
        yield f"http://127.0.0.1:{environ['PORT']}"
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(30)


@pytest.fixture(scope="module")
def token(site: str, environ: dict[str, str]) -> str:
    """An organizer's session."""
    settings = load_settings(environ)
    contest = load_contest(settings.contest_file)
    accounts = _store(settings, contest, settings.keys(environ)).accounts
    one = Account("王组织", Role.ORGANIZER, hash_password("a long password"), since_ms=0)
    accounts.add(one)
    return accounts.log_in(one)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.fail("no Chromium here; on Debian: sudo apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def context(
    request: pytest.FixtureRequest, browser: Browser, site: str, token: str
) -> Iterator[BrowserContext]:
    context = browser.new_context(**request.param)
    context.add_cookies([{"name": "organizer", "value": token, "url": f"{site}/organizer/"}])
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, site: str) -> Iterator[Page]:
    """The dashboard, which may say nothing bad: no script error, nothing the policy refused.
    A request that fails is told by the browser too; that is for the page to tell people."""
    said: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    page.goto(f"{site}/organizer/")
    page.locator("#lately", has_text="实时").wait_for()
    yield page
    assert [words for words in said if not words.startswith("Failed to load resource")] == []


def ask(site: str, path: str, body: object = None, cookie: str = "") -> tuple[dict, str]:
    """One call of the voter's API: the answer and the cookie it sets."""
    headers = {"Content-Type": "application/json"} | ({"Cookie": cookie} if cookie else {})
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(site + path, data, headers)  # noqa: S310 our own site
    with urllib.request.urlopen(call) as answer:  # noqa: S310
        return json.load(answer), (answer.headers["Set-Cookie"] or "").partition(";")[0]


def vote(site: str, entry: int) -> None:
    view, _ = ask(site, f"/api/v1/me?entry={entry}")
    made, cookie = ask(site, "/api/v1/passes", {"entry": entry, "view": view["view"]})
    ask(site, f"/api/v1/entries/{entry}/votes", {"ballot": made["ballot"]}, cookie)


def refused(site: str) -> None:
    with pytest.raises(urllib.error.HTTPError):
        ask(site, "/api/v1/entries/1/votes", {"ballot": "x"})


def figure(page: Page, word: str) -> int:
    """A large figure by its name; 0 while the worker hasn't counted yet."""
    shown = page.locator(".figures > div", has_text=word).locator("dd").first.inner_text()
    return int(shown.replace(",", "").replace("—", "0"))


def test_a_new_vote_shows_without_reloading(site: str, page: Page):
    page.wait_for_function("() => Object.keys(Chart.instances).length === 2")
    total, today = figure(page, "一共的票"), figure(page, "今天的票")
    page.evaluate("window.same = true")
    vote(site, 1)
    page.wait_for_function(
        "old => +document.getElementById('total').textContent.replace(/,/g, '') === old + 1",
        arg=total,
    )
    page.wait_for_function(
        "old => +document.querySelector('.figures dd').textContent.replace(/,/g, '') === old + 1",
        arg=today,
    )
    assert page.evaluate("window.same"), "it was reloaded"


def test_a_refused_vote_shows_without_reloading(site: str, page: Page):
    refused(site)
    page.locator(".reasons", has_text="没有投票凭证").wait_for()


def test_nothing_is_wider_than_the_window(page: Page):
    page.locator("details.more > summary").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_charts_have_words_and_are_drawn(page: Page):
    for name in ("time", "race"):
        canvas = page.locator(f"canvas#{name}")
        says = canvas.get_attribute("aria-labelledby")
        assert len(page.locator(f"#{says}").inner_text()) > 10
        pixels = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
        assert canvas.evaluate(pixels) > 10, "nothing is drawn"


def test_one_entry_by_day(site: str, page: Page):
    page.get_by_label("哪件作品").select_option("2")
    page.locator("[data-part=time]", has_text=re.compile(r"^002 ")).wait_for()
    page.get_by_role("radio", name="按天").check()
    assert page.evaluate("Chart.getChart('time').data.labels.length") <= 3


def test_without_the_site_it_says_so_and_comes_back(page: Page, context: BrowserContext):
    page.route("**/figures.json*", lambda route: route.abort())
    page.locator("#lately", has_text="连不上，正在重试；这里是").wait_for()
    page.unroute("**/figures.json*")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.locator("#lately", has_text="实时").wait_for()


def test_when_the_session_is_over_it_says_so(page: Page, context: BrowserContext):
    context.clear_cookies()
    page.locator("#lately", has_text="登录已过期").wait_for()
    assert page.get_by_text("重新登录").get_attribute("href").startswith("/organizer/log-in")
