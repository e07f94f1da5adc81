"""Every public page in every state: no violation for axe, nothing jumps, nothing is cut off.

One site goes through all its phases once; what is wrong is gathered on the way and told together.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from importlib.resources import files
from typing import Any, Final

import pytest
from layout import CUT_OR_SMALL, TOO_WIDE, VOTE_OUT_OF_REACH, WATCH_SHIFTS
from playwright.sync_api import Browser, Page
from states import State, enlarge, staged
from windows import PHONE

AXE: Final = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
RUN_AXE: Final = """rules => axe.run(document, {runOnly: rules}).then(said =>
  said.violations.flatMap(one => one.nodes.map(node =>
    one.id + ': ' + node.html.slice(0, 110) + ' ' + (node.any[0] || {message: ''}).message)))"""
WIDTHS: Final = (320, 360, 390)
MOST_SHIFT: Final = 0.02
Found = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def found(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Kind of fault → state → what is wrong there."""
    found: Found = defaultdict(dict)
    seen = 0
    with staged(tmp_path_factory.mktemp("states")) as stage:
        for state in stage.states():
            look(browser, stage.address, state, found)
            seen += 1
    assert seen > 80
    return found


def look(browser: Browser, address: str, state: State, found: Found) -> None:
    def note(kind: str, faults: list[str]) -> None:
        if faults:
            found[kind].setdefault(state.name, []).extend(faults)

    state = readable(state)
    try:
        with state.shown(browser, address, PHONE) as page:
            note("shift", shifts(page))
            note("axe", axe(page))
            page.emulate_media(color_scheme="dark")
            note("axe", [f"dark: {one}" for one in axe(page, "color-contrast")])
            page.emulate_media(color_scheme="light")
            note("layout", fits(page, "text as it is"))
            enlarge(page)
            note("layout", fits(page, "large text"))
        if zoomed_too(state):
            # A desk's window at 200 %: half as many pixels, each twice as large.
            zoomed = {"viewport": {"width": 640, "height": 400}}
            with state.shown(browser, address, zoomed) as page:
                note("layout", [f"zoomed: {one}" for one in wrong(page)])
    except Exception as error:  # the other states are worth looking at all the same
        note("reached", [str(error).splitlines()[0]])


def readable(state: State) -> State:
    """The same; where scripts are off, only the page's own, because axe is one, too."""
    if state.window.get("java_script_enabled", True):
        return state

    def arrange(page: Page) -> None:
        page.route("**/static/*.js*", lambda route: route.abort())
        state.arrange(page)

    window = {key: value for key, value in state.window.items() if key != "java_script_enabled"}
    return replace(state, arrange=arrange, window=window)


def zoomed_too(state: State) -> bool:
    return state.name.endswith((".open", ".upright", ".published", ".accepted", ".votes"))


def run(page: Page, body: str, *arguments: Any) -> Any:
    return page.evaluate(f"given => (function () {{ {body} }}).apply(null, given)", list(arguments))


def axe(page: Page, *rules: str) -> list[str]:
    """What axe-core finds, by all its rules or these."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE)
    said: list[str] = page.evaluate(RUN_AXE, list(rules or RULES))
    return said


def shifts(page: Page) -> list[str]:
    """Each jump of this page, if together they are too much."""
    run(page, WATCH_SHIFTS)
    page.wait_for_timeout(100)
    all_shifts = page.evaluate("window.shifts")
    # What moves within half a second of a tap doesn't count for the measure; it does for us.
    total = sum(value for value, _ in all_shifts)
    return [f"{value:.3f} {what}" for value, what in all_shifts] if total >= MOST_SHIFT else []


def fits(page: Page, how: str) -> list[str]:
    faults = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 640})
        faults += [f"{how}, {width}: {one}" for one in wrong(page)]
    page.set_viewport_size(PHONE["viewport"])
    return faults


def wrong(page: Page) -> list[str]:
    faults: list[str] = run(page, TOO_WIDE) + run(page, CUT_OR_SMALL)
    if not page.evaluate("!!document.querySelector('dialog[open]')"):
        page.evaluate("scrollTo(0, 0)")
        faults += run(page, VOTE_OUT_OF_REACH)
    return faults


def told(faults: dict[str, list[str]]) -> str:
    return "\n".join(f"{state}: {one}" for state, all_ in faults.items() for one in all_)


def test_every_state_is_reached(found: Found):
    assert not found["reached"], told(found["reached"])


def test_axe_finds_no_violation(found: Found):
    assert not found["axe"], told(found["axe"])


def test_nothing_jumps(found: Found):
    assert not found["shift"], told(found["shift"])


def test_nothing_is_cut_off_or_too_small_at_any_text_size(found: Found):
    assert not found["layout"], told(found["layout"])
