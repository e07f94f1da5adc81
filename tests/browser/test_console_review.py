"""Uploading, reviewing and withdrawing in the system's Chromium, by keyboard and by finger."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright
from staging import free_port

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "intake"))

from forms import PHONE, official_form  # noqa: E402
from videos import encode  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE_SIZED = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
PASSWORD = "泉城的水-2025"

#: Title, then what its form says otherwise than the official one.
WORKS: tuple[tuple[str, dict[str, str]], ...] = (
    ("沂河两岸", {}),
    ("AI绘泉城", {"作品类型": "□实景拍摄    ☑AI 创作"}),
    ("长短不一", {"作品时长": "0分50秒"}),
    ("渔港灯塔", {}),
    ("大棚管家", {}),
    ("云上琴书", {}),
)


@dataclass(frozen=True)
class Raised:
    """A running site; `kept` holds the cookies of whoever has logged in."""

    address: str
    data: Path
    kept: dict[str, Any] = field(default_factory=dict)

    def pending(self) -> int:
        """As the command line counts them."""
        command = [sys.executable, "-m", "flask", "--app", "app", "entries", "list"]
        told = subprocess.run(
            [*command, "--state", "pending"], cwd=ROOT, env=environ(self.data),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return len(told.stdout.splitlines())


def environ(data: Path, **more: str) -> dict[str, str]:
    file = str(ROOT / "tests" / "contest.toml")
    return os.environ | {"DATA_DIR": str(data), "CONTEST_FILE": file} | more


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raised]:
    """A running site without entries, with an organizer and a reviewer."""
    port, data = free_port(), tmp_path_factory.mktemp("site")
    log = tmp_path_factory.mktemp("log") / "supervisor"
    with log.open("w") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", "voting.supervisor"], cwd=ROOT, stdout=out, stderr=out,
            env=environ(data, PORT=str(port), HOST="127.0.0.1"),
        )  # fmt: skip
    try:
        until = time.monotonic() + 120
        while "Ctrl-C" not in log.read_text():
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        add_accounts(data)
        yield Raised(f"http://127.0.0.1:{port}", data)
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(30)


def add_accounts(data: Path) -> None:
    """As if each had chosen a password of their own already."""
    script = (
        "from voting import create_app\n"
        "from voting.organizer import Account, Role, hash_password\n"
        "accounts = create_app().extensions['site'].store.accounts\n"
        f"password = hash_password({PASSWORD!r})\n"
        "accounts.add(Account('王组织', Role.ORGANIZER, password, 0))\n"
        "accounts.add(Account('李审核', Role.REVIEWER, password, 0))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environ(data), check=True)


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six submissions: one by AI, one whose form states another length."""
    folder = tmp_path_factory.mktemp("mailbox")
    for n, (title, changes) in enumerate(WORKS):
        stem = f"{title}-王小样-{PHONE}"
        form = official_form(作品名称=title, **changes)
        (folder / f"{stem}.docx").write_bytes(form)
        encode(folder / f"{stem}.mp4", frames=lambda step, n=n: a_scene(n, step))
    (folder / "随手拍.jpg").write_bytes(b"no submission")
    return folder


def a_scene(n: int, step: int) -> Image.Image:
    """Pictures of one work look like no other's."""
    image = Image.new("RGB", (1920, 1080), (40 * n, 200 - 30 * n, 120))
    draw = ImageDraw.Draw(image)
    for line in range(12):
        x = line * 160 + step * 12 * (n + 1)
        draw.line((x, 0, 1920 - x, 1080), fill=(250, 20 * line, 255 - 40 * n), width=9)
    return image


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.fail("no Chromium here; on Debian: sudo apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What pages complain of; nothing, when all is well."""
    said: list[str] = []
    yield said
    assert said == []


def enter(
    browser: Browser, site: Raised, said: list[str], name: str, window: dict[str, Any]
) -> Page:
    """Somebody logged in, with a window of this size; each logs in once."""
    if name not in site.kept:
        page = browser.new_context().new_page()
        page.goto(f"{site.address}/organizer/log-in")
        page.locator("[name=name]").fill(name)
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url(f"{site.address}/organizer/")
        site.kept[name] = page.context.storage_state()
        page.context.close()
    page = browser.new_context(storage_state=site.kept[name], **window).new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    return page


def number(page: Page) -> str | None:
    """Which submission the queue shows; None when it is empty."""
    desk = page.locator(".desk")
    return desk.get_attribute("data-number") if desk.count() else None


def strike(page: Page, *keys: str) -> None:
    """Press keys one after the other once the page takes decisions; then another page comes."""
    page.wait_for_timeout(700)
    with page.expect_navigation():
        for key in keys:
            page.keyboard.press(key)


def test_a_mailbox_is_uploaded_and_taken_in(
    site: Raised, browser: Browser, mailbox: Path, said: list[str]
):
    page = enter(browser, site, said, "李审核", DESK)
    page.goto(f"{site.address}/organizer/intake")
    page.locator("input[name=files]").set_input_files(sorted(mailbox.iterdir()))
    page.get_by_text("传好 12 个文件").wait_for()
    assert "1 个没有传" in page.locator(".how").inner_text()
    assert "看起来是 6 件投稿" in page.locator(".pairs").inner_text()
    page.get_by_role("button", name="开始收件").click()
    page.get_by_text("去审核 6 件").wait_for(timeout=120_000)
    assert page.get_by_text("收件报告.html").count() == 1
    assert not [path for path in (site.data / "inbox").rglob("*") if path.is_file()]


def test_the_queue_is_cleared_with_the_keyboard_alone(
    site: Raised, browser: Browser, said: list[str]
):
    page = enter(browser, site, said, "李审核", DESK)
    page.goto(f"{site.address}/organizer/review")
    page.wait_for_function("() => document.querySelector('video').readyState >= 1")
    page.wait_for_timeout(700)
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.2")
    page.keyboard.press("2")
    assert page.locator(".still img").get_attribute("src").endswith("frame-2.jpg")
    page.keyboard.press("Escape")
    assert page.locator(".still").is_hidden()
    page.keyboard.press("?")
    assert page.locator("dialog[open]").inner_text().startswith("只用键盘也能审")
    page.keyboard.press("Escape")

    first = number(page)
    strike(page, "n")
    assert number(page) != first
    seen = {"ai": 0, "doubts": 0, "refused": 0}
    while number(page):
        here = number(page)
        ai, doubts = page.locator("[name=labelled]"), page.locator("[name=settled]")
        if ai.count() or doubts.count():  # not before they are settled
            page.wait_for_timeout(700)
            page.keyboard.press("a")
            page.wait_for_timeout(200)
            assert number(page) == here
            seen["ai"] += ai.count()
            seen["doubts"] += doubts.count()
            strike(page, *(["l"] if ai.count() else []), *(["d"] if doubts.count() else []), "a")
        elif not seen["refused"]:
            seen["refused"] += 1
            page.wait_for_timeout(700)
            page.keyboard.press("t")
            page.keyboard.press("End")
            page.keyboard.insert_text("记")
            strike(page, "Enter")
            assert number(page) == here
            assert page.locator(".desk h2").inner_text().endswith("记")
            strike(page, "r", "4", "2", "Enter")
        else:
            strike(page, "a")
        assert number(page) != here
    assert "这次一共审了 6 件" in page.inner_text("main")
    assert seen == {"ai": 1, "doubts": 1, "refused": 1}
    assert site.pending() == 0


def test_a_refused_one_tells_why_and_is_approved_on_a_phone(
    site: Raised, browser: Browser, said: list[str]
):
    page = enter(browser, site, said, "李审核", PHONE_SIZED)
    page.goto(f"{site.address}/organizer/entries?state=refused")
    page.locator(".work a").tap()
    history = page.locator(".history").inner_text()
    assert "画面有水印、台标或角标；没有中文字幕" in history
    page.get_by_text("改为通过…").tap()
    page.get_by_label("理由").fill("复核后没有问题")
    page.get_by_role("button", name=re.compile("通过 .* 号")).tap()
    page.get_by_text("已通过，现在公开了").wait_for()


@pytest.mark.parametrize("window", [DESK, PHONE_SIZED], ids=["desk", "phone"])
def test_an_entry_is_withdrawn_and_restored(
    site: Raised, browser: Browser, said: list[str], window: dict[str, Any]
):
    page = enter(browser, site, said, "王组织", window)
    page.goto(f"{site.address}/organizer/entries/1")
    page.get_by_text("撤下…").click()
    page.get_by_label("理由").fill("版权争议，等待核实")
    page.get_by_role("button", name="撤下 001 号").click()
    page.get_by_text("已撤下").first.wait_for()
    public = page.context.request
    wait_for_status(lambda: public.get(f"{site.address}/e/1").status, 404)
    assert public.get(f"{site.address}/e/1/poster.jpg").status == 404
    assert public.get(f"{site.address}/e/1/qr.png").status == 404
    page.get_by_text("恢复公开…").click()
    page.get_by_label("理由").fill("争议已核实")
    page.get_by_role("button", name="恢复 001 号").click()
    page.get_by_text("已恢复公开").wait_for()
    wait_for_status(lambda: public.get(f"{site.address}/e/1").status, 200)


def wait_for_status(ask: Callable[[], int], status: int) -> None:
    until = time.monotonic() + 10
    while ask() != status:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_the_queue_works_on_a_phone_too(
    site: Raised, browser: Browser, mailbox: Path, said: list[str], tmp_path: Path
):
    for title in ("泉边一日", "桥上一夜"):
        stem = f"{title}-李小样-{PHONE}"
        (tmp_path / f"{stem}.docx").write_bytes(official_form(作品名称=title))
        encode(tmp_path / f"{stem}.mp4", frames=lambda s, t=title: a_scene(len(t) + ord(t[0]), s))
    page = enter(browser, site, said, "李审核", PHONE_SIZED)
    page.goto(f"{site.address}/organizer/intake")
    page.locator("input[name=files]").set_input_files(sorted(tmp_path.iterdir()))
    page.get_by_text("传好 4 个文件").wait_for()
    page.get_by_role("button", name="开始收件").tap()
    page.get_by_text("去审核 2 件").tap(timeout=120_000)
    page.locator("#approve button").tap()
    page.get_by_text("还有 1 件").wait_for()
    page.locator(".refuse summary").tap()
    page.get_by_label("画面里有广告").tap()
    page.get_by_role("button", name="不通过", exact=False).last.tap()
    page.get_by_text("审完了").wait_for()


def test_without_javascript_everything_is_a_button(
    site: Raised, browser: Browser, tmp_path: Path
):
    stem = f"没有脚本-赵小样-{PHONE}"
    (tmp_path / f"{stem}.docx").write_bytes(official_form(作品名称="没有脚本"))
    encode(tmp_path / f"{stem}.mp4", frames=lambda step: a_scene(9, step * 3))
    page = enter(browser, site, [], "李审核", DESK | {"java_script_enabled": False})
    page.goto(f"{site.address}/organizer/intake")
    page.locator("input[name=files]").set_input_files(sorted(tmp_path.iterdir()))
    page.get_by_role("button", name="上传").click()
    page.get_by_role("button", name="开始收件").click()
    until = time.monotonic() + 120
    while not site.pending():
        assert time.monotonic() < until
        time.sleep(1)
    page.goto(f"{site.address}/organizer/review")
    page.get_by_role("button", name="通过", exact=False).first.click()
    assert "审完了" in page.inner_text("main")


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("path", ["review", "entries", "entries?state=approved", "entries/1",
                                  "intake"])  # fmt: skip
def test_nothing_is_wider_than_the_screen(
    site: Raised, browser: Browser, said: list[str], path: str, width: int
):
    window = {"viewport": {"width": width, "height": 800}}
    page = enter(browser, site, said, "王组织", window)
    page.goto(f"{site.address}/organizer/{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()
