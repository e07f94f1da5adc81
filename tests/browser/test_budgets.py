"""What a phone loads before anybody scrolls: few requests, few bytes, nothing from strangers.

Bytes are those on the wire, with their headers, as Chromium counts them. No time is held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page

KB = 1024
#: Orders of the gallery (`?o=`): what comes first makes the weight.
ORDERS = ("0001", "0240", "0480", "06c0")
PAGES = ("/e/1", "/e/2", "/top", "/rules", "/mine")


@dataclass
class Load:
    url: str
    kind: str
    size: int = 0


def first_view(page: Page, path: str) -> list[Load]:
    """All that is loaded until the network is quiet."""
    loads: dict[str, Load] = {}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")

    def begin(event: dict[str, object]) -> None:
        url = event["request"]["url"]  # type: ignore[index] JSON
        if not url.startswith("data:"):
            loads[event["requestId"]] = Load(url, event["type"])

    def end(event: dict[str, object]) -> None:
        if event["requestId"] in loads:
            loads[event["requestId"]].size = int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", begin)
    session.on("Network.loadingFinished", end)
    page.goto(path, wait_until="networkidle")
    return list(loads.values())


@pytest.fixture(params=[2, 3], ids=["2x", "3x"])
def phone(request: pytest.FixtureRequest, visit: Callable[..., Page]) -> Page:
    """An iPhone's size, sharp or very sharp."""
    window = {"width": 390, "height": 844}
    return visit(viewport=window, device_scale_factor=request.param, is_mobile=True, has_touch=True)


def by_kind(loads: list[Load]) -> Counter[str]:
    sizes: Counter[str] = Counter()
    for one in loads:
        sizes[one.kind] += one.size
    return sizes


@pytest.mark.parametrize("order", ORDERS)
def test_the_gallery_s_first_view_is_light(phone: Page, order: str):
    loads = first_view(phone, f"/?o={order}")
    sizes = by_kind(loads)
    assert len(loads) <= 20, [one.url for one in loads]
    assert sum(sizes.values()) <= 300 * KB, sizes
    assert sizes["Document"] + sizes["Stylesheet"] + sizes["Script"] <= 30 * KB, sizes
    assert sizes["Image"] > 0  # the pictures were counted


@pytest.mark.parametrize("path", PAGES)
def test_other_pages_are_as_light(phone: Page, path: str):
    loads = first_view(phone, path)
    sizes = by_kind(loads)
    assert sum(sizes.values()) <= 300 * KB, sizes
    assert sizes["Document"] + sizes["Stylesheet"] + sizes["Script"] <= 30 * KB, sizes
    assert sizes["Script"] <= 12 * KB, sizes
    assert sizes["Media"] == 0  # of a film nothing, before it is played


@pytest.mark.parametrize("path", ["/", *PAGES])
def test_looking_asks_no_stranger_and_leaves_no_cookie(phone: Page, path: str):
    """The media server is the site's too, at the same host."""
    loads = first_view(phone, path)
    own = phone.url.split("/")[2].partition(":")[0]
    assert {one.url.split("/")[2].partition(":")[0] for one in loads} == {own}
    assert phone.context.cookies() == []


@pytest.mark.parametrize("path", ["/", "/e/1", "/top", "/rules"])
def test_a_second_look_costs_next_to_nothing(phone: Page, path: str):
    """Whoever comes back has style, scripts and pictures; of the page at most its text again."""
    first_view(phone, path)
    phone.goto("about:blank")
    again = by_kind(first_view(phone, path))
    assert again["Stylesheet"] == again["Script"] == 0, again
