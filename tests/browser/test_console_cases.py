"""核查 in a browser: the list and a case's sheet fit every window, and a decision is near."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cases import a_world, load
from conftest import Running
from playwright.sync_api import Page
from windows import DESK, EITHER, PHONE, Window, too_wide_at

from voting.store import keys

Visit = Callable[..., Page]


@pytest.fixture(scope="module", autouse=True)
def cases(site: Running) -> None:
    """Cases of every pattern. Their votes lie in the past, and a ledger only grows at its end."""
    site.store.law.delete(keys.LEDGER(shard=0), keys.TALLY(shard=0))
    load(site.store, a_world(site.made.now_ms()))


@pytest.mark.parametrize("path", ["", "/c-address", "/c-lockstep", "/c-excess", "/c-surge"])
def test_no_page_is_wider_than_the_screen(visit: Visit, path: str):
    assert too_wide_at(visit("王组织", **DESK), f"/organizer/cases{path}") == []


@pytest.mark.parametrize("window", **EITHER)
def test_a_group_is_marked_as_being_looked_into(visit: Visit, window: Window):
    page = visit("王组织", **window)
    case = "c-crowd" if window is PHONE else "c-phones"
    page.goto(f"/organizer/cases/{case}")
    below = page.get_by_role("link", name="去决定")
    assert below.is_visible() == (window is PHONE)  # elsewhere it stands beside the evidence
    if window is PHONE:
        below.tap()
    page.get_by_text("标为核查中…", exact=True).click()
    asked = page.locator("#decide details[open]")
    asked.locator("input[name=reason]").fill("问一问学校")
    asked.get_by_role("button").click()
    page.locator(".told", has_text="已标为核查中").wait_for()
    assert page.locator(".states", has_text="核查中，到").is_visible()
