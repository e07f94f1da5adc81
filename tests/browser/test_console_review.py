"""Uploading, reviewing and withdrawing in the system's Chromium, by keyboard and by finger."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Running
from forms import PHONE as NUMBER
from forms import official_form
from PIL import Image, ImageDraw
from playwright.sync_api import Page
from staging import wait_until
from videos import encode
from windows import DESK, EITHER, PHONE, Window, too_wide_at

from voting.contest import EntryState

Visit = Callable[..., Page]

#: Title, then what its form says otherwise than the official one.
WORKS: tuple[tuple[str, dict[str, str]], ...] = (
    ("沂河两岸", {}),
    ("AI绘泉城", {"作品类型": "□实景拍摄    ☑AI 创作"}),
    ("长短不一", {"作品时长": "0分50秒"}),
    ("渔港灯塔", {}),
    ("大棚管家", {}),
    ("云上琴书", {}),
)


@pytest.fixture(scope="module")
def contest_file() -> str:
    """One without entries of its own."""
    return str(Path(__file__).parents[1] / "contest.toml")


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six submissions: one by AI, one whose form states another length."""
    folder = tmp_path_factory.mktemp("mailbox")
    for n, (title, changes) in enumerate(WORKS):
        submit(folder, title, n, **changes)
    (folder / "随手拍.jpg").write_bytes(b"no submission")
    return folder


def submit(folder: Path, title: str, n: int, **changes: str) -> None:
    """A form and its video, whose pictures look like no other `n`'s."""

    def scene(step: int) -> Image.Image:
        image = Image.new("RGB", (1920, 1080), (20 * n, 200 - 20 * n, 120))
        draw = ImageDraw.Draw(image)
        for line in range(12):
            x = line * 160 + step * 12 * (n + 1)
            draw.line((x, 0, 1920 - x, 1080), fill=(250, 20 * line, 255 - 20 * n), width=9)
        return image

    stem = folder / f"{title}-王小样-{NUMBER}"
    stem.with_suffix(".docx").write_bytes(official_form(作品名称=title, **changes))
    encode(stem.with_suffix(".mp4"), frames=scene)


def choose(page: Page, folder: Path) -> None:
    page.goto("/organizer/intake")
    page.locator("input[name=files]").set_input_files(sorted(folder.iterdir()))


def pending(site: Running) -> int:
    states = [entry.state for entry in site.store.entries.all().values()]
    return states.count(EntryState.PENDING)


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


def test_a_mailbox_is_uploaded_and_taken_in(site: Running, visit: Visit, mailbox: Path):
    page = visit("李审核", **DESK)
    choose(page, mailbox)
    page.get_by_text("传好 12 个文件").wait_for()
    assert "1 个没有传" in page.locator(".how").inner_text()
    assert "看起来是 6 件投稿" in page.locator(".pairs").inner_text()
    page.get_by_role("button", name="开始收件").click()
    page.get_by_text("去审核 6 件").wait_for(timeout=120_000)
    assert page.get_by_text("收件报告.html").count() == 1
    assert not [path for path in (site.data / "inbox").rglob("*") if path.is_file()]


def test_the_queue_is_cleared_with_the_keyboard_alone(site: Running, visit: Visit):
    page = visit("李审核", **DESK)
    page.goto("/organizer/review")
    page.wait_for_function("() => document.querySelector('video').readyState >= 1")
    page.wait_for_timeout(700)
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.2")
    page.keyboard.press("2")
    assert page.locator(".still img").get_attribute("src").endswith("frame-2.jpg")
    page.keyboard.press("Escape")
    assert page.locator(".still").is_hidden()
    page.keyboard.press("?")
    assert page.locator("dialog[open]").inner_text().startswith("这一页的按键")
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
    assert pending(site) == 0


def test_a_refused_one_tells_why_and_is_approved_on_a_phone(visit: Visit):
    page = visit("李审核", **PHONE)
    page.goto("/organizer/entries?state=refused")
    page.locator(".work a").tap()
    history = page.locator(".history").inner_text()
    assert "画面有水印、台标或角标；没有中文字幕" in history
    page.get_by_text("改为通过…").tap()
    page.get_by_label("理由").fill("复核后没有问题")
    page.get_by_role("button", name=re.compile("通过 .* 号")).tap()
    page.get_by_text("已通过，现在公开了").wait_for()


@pytest.mark.parametrize("window", **EITHER)
def test_an_entry_is_withdrawn_and_restored(visit: Visit, window: Window):
    page = visit("王组织", **window)
    page.goto("/organizer/entries/1")
    page.get_by_text("撤下…").click()
    page.get_by_label("理由").fill("版权争议，等待核实")
    page.get_by_role("button", name="撤下 001 号").click()
    page.get_by_text("已撤下").first.wait_for()
    public = page.context.request
    wait_until(lambda: public.get("/e/1").status == 404)
    assert public.get("/e/1/poster.jpg").status == 404
    assert public.get("/e/1/qr.png").status == 404
    page.get_by_text("恢复公开…").click()
    page.get_by_label("理由").fill("争议已核实")
    page.get_by_role("button", name="恢复 001 号").click()
    page.get_by_text("已恢复公开").wait_for()
    wait_until(lambda: public.get("/e/1").status == 200)


def test_the_queue_works_on_a_phone_too(visit: Visit, tmp_path: Path):
    submit(tmp_path, "泉边一日", 6)
    submit(tmp_path, "桥上一夜", 7)
    page = visit("李审核", **PHONE)
    choose(page, tmp_path)
    page.get_by_text("传好 4 个文件").wait_for()
    page.get_by_role("button", name="开始收件").tap()
    page.get_by_text("去审核 2 件").tap(timeout=120_000)
    page.locator("#approve button").tap()
    page.get_by_text("还有 1 件").wait_for()
    page.locator(".refuse summary").tap()
    assert page.locator("#approve").is_hidden(), "one question at a time"
    page.get_by_role("button", name="确定不通过").tap()  # without a reason
    assert page.locator(".refuse[open]").count() == 1
    page.get_by_text("先不决定").tap()
    assert page.locator("#approve").is_visible()
    page.locator(".refuse summary").tap()
    page.get_by_label("画面里有广告").tap()
    page.get_by_role("button", name="不通过", exact=False).last.tap()
    page.get_by_text("审完了").wait_for()


def test_without_javascript_everything_is_a_button(site: Running, visit: Visit, tmp_path: Path):
    submit(tmp_path, "没有脚本", 8)
    page = visit("李审核", **DESK, java_script_enabled=False)
    choose(page, tmp_path)
    page.get_by_role("button", name="上传").click()
    page.get_by_role("button", name="开始收件").click()
    wait_until(lambda: pending(site) == 1, 120)
    page.goto("/organizer/review")
    page.get_by_role("button", name="通过", exact=False).first.click()
    assert "审完了" in page.inner_text("main")


@pytest.mark.parametrize(
    "path", ["review", "entries", "entries?state=approved", "entries/1", "intake"]
)
def test_nothing_is_wider_than_the_screen(visit: Visit, path: str):
    assert too_wide_at(visit("王组织", **DESK), f"/organizer/{path}") == []
