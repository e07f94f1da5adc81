"""The windows that pages are looked at in."""

from __future__ import annotations

from typing import Any, Final

from playwright.sync_api import Page

Window = dict[str, Any]

PHONE: Final[Window] = {
    "viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True,
}  # fmt: skip
DESK: Final[Window] = {"viewport": {"width": 1280, "height": 800}}
EITHER: Final[dict[str, Any]] = {"argvalues": [PHONE, DESK], "ids": ["phone", "desk"]}


def too_wide_at(page: Page, path: str) -> list[int]:
    """The widths of a window that the page at `path` doesn't fit into."""
    page.goto(path)
    found = []
    for width in (320, 390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(width)
    return found
