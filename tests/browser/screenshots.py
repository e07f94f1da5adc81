"""Pictures of every public page in every state; `make screenshots`.

They go to screenshots/, with an index.html to look at them all; a few of them, smaller, are the
README's. `make screenshots ONLY=entry` takes those whose names begin so.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

from voting.settings import ROOT

sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from chromium import CHROMIUM, QUIET
from states import State, enlarge, staged
from windows import DESK, PHONE

FOLDER: Final = ROOT / "screenshots"
PICTURES: Final = ROOT / "docs" / "pictures"
#: A sheet of A4 at 96 dots an inch.
A4: Final = {"width": 794, "height": 1123}

#: Also taken from top to foot.
WHOLE: Final = {
    "gallery.open", "gallery.found", "entry.upright", "entry.wide", "entry.ai", "top.open",
    "top.ties", "rules.open", "results.published-1", "results.published-2", "mine.votes",
}  # fmt: skip
#: Two hundred dots where others have one: state → the README's picture.
README: Final = {
    "gallery.open": "gallery.webp", "entry.just-voted": "entry.webp", "share.wide": "share.webp",
    "top.open": "ranking.webp",
}  # fmt: skip
HEAVIEST: Final = 300_000  # bytes


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the site is stopped then, too
    only = tuple(os.environ.get("ONLY", "").split())
    began, failed, taken = time.monotonic(), [], 0
    FOLDER.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="screenshots-"))
    print("Starting a site …", flush=True)
    try:
        with staged(folder) as stage, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*QUIET, "--hide-scrollbars"]
            )
            for state in stage.states():
                if only and not state.name.startswith(only):
                    continue
                try:
                    taken += sum(1 for _ in take(browser, stage.address, state))
                except Exception as error:  # the others are worth looking at all the same
                    failed.append(state.name)
                    print(f"  {state.name}: {str(error).splitlines()[0]}", flush=True)
                print(f"{time.monotonic() - began:5.0f} s  {taken:4}  {state.name}", flush=True)
            browser.close()
    finally:
        shutil.rmtree(folder)
    (FOLDER / "index.html").write_text(sheet(FOLDER), encoding="utf-8")
    print(f"{taken} pictures in {FOLDER.name}/, all on {FOLDER.name}/index.html")
    if failed:
        sys.exit(f"not as they should be: {', '.join(failed)}")


def take(browser: Browser, address: str, state: State) -> Iterator[Path]:
    """All pictures of one state, in two browsers: a phone's, and a desk's."""

    def shot(page: Page, window: str, whole: bool = False) -> Path:
        file = FOLDER / f"{state.name}.{window}.png"
        page.screenshot(path=file, full_page=whole)
        return file

    with state.shown(browser, address, PHONE) as page:
        yield shot(page, "phone")
        page.emulate_media(color_scheme="dark")
        yield shot(page, "phone-dark")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 360, "height": 640})
        yield shot(page, "small")
        page.set_viewport_size(PHONE["viewport"])
        if state.name in WHOLE:
            yield shot(page, "phone-whole", whole=True)
        enlarge(page)
        yield shot(page, "phone-large")
    with state.shown(browser, address, DESK) as page:
        yield shot(page, "desk")
        page.emulate_media(color_scheme="dark")
        yield shot(page, "desk-dark")
        page.emulate_media(color_scheme="light")
        if state.name in WHOLE:
            yield shot(page, "desk-whole", whole=True)
        if state.name.startswith("results.published"):
            page.emulate_media(media="print")
            page.set_viewport_size(A4)
            yield shot(page, "print", whole=True)
    if state.name in README:
        yield readme_picture(browser, address, state)


def readme_picture(browser: Browser, address: str, state: State) -> Path:
    """A phone's screen, its corners round, with a hair around it: it stands on white and on black.

    Raises AssertionError for one that is too heavy.
    """
    with state.shown(browser, address, PHONE | {"device_scale_factor": 2}) as page:
        screen = Image.open(BytesIO(page.screenshot())).convert("RGB")
    file = PICTURES / README[state.name]
    framed(screen).save(file, "WEBP", quality=82, method=6)
    assert file.stat().st_size <= HEAVIEST, f"{file.name} has {file.stat().st_size:,} bytes"
    return file


def framed(screen: Image.Image, radius: int = 44, hair: int = 3) -> Image.Image:
    whole = (0, 0, screen.width - 1, screen.height - 1)
    corners = Image.new("L", screen.size)
    ImageDraw.Draw(corners).rounded_rectangle(whole, radius, fill=255)
    line = Image.new("L", screen.size)
    ImageDraw.Draw(line).rounded_rectangle(whole, radius, outline=255, width=hair)
    screen.paste((140, 150, 148), mask=line)
    screen.putalpha(ImageChops.lighter(corners, line))
    return screen


PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Every page in every state</title>
<style>
body {{ margin: 24px; font: 14px/1.5 system-ui; background: #e7eae8; color: #12201d }}
div {{ display: flex; gap: 12px; overflow-x: auto; padding-bottom: 12px; align-items: start }}
figure {{ margin: 0; flex: none }}
img {{ display: block; height: 420px; object-fit: cover; object-position: top; background: #fff }}
</style>
<h1>Every page in every state</h1>
<p>{count} pictures. Click one to see it as large as it is.</p>
{rows}
</html>
"""


def sheet(folder: Path) -> str:
    """A page that shows all pictures of `folder`, a row for each state."""
    rows: dict[str, list[str]] = {}
    files = sorted(folder.glob("*.png"))
    for file in files:
        state, _, window = file.stem.rpartition(".")
        name = escape(file.name)
        rows.setdefault(state, []).append(
            f'<figure><a href="{name}"><img src="{name}" loading="lazy" alt=""></a>'
            f"<figcaption>{escape(window)}</figcaption></figure>"
        )
    lines = (f"<h2>{escape(state)}</h2><div>{''.join(row)}</div>" for state, row in rows.items())
    return PAGE.format(count=len(files), rows="\n".join(lines))


if __name__ == "__main__":
    main()
