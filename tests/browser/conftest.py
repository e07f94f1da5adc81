"""The site as `make run` starts it, and whoever opens it: Chromium, WebKit; `make check`.

Where an engine is missing its tests are skipped, and say how to install it; with --all-browsers, as
`make check` has it, they fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import chromium
import pytest
import webkit
from hands import ANDROID, IPHONE, Device, Hands
from playwright.sync_api import Browser, Page, Playwright, sync_playwright
from running import running

from voting.organizer import Account, Role, hash_password
from voting.store import Store
from voting.web.site import Site


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-browsers", action="store_true", help="fail where a browser is missing")


@pytest.fixture(scope="session")
def need(request: pytest.FixtureRequest) -> Callable[[object, str], None]:
    """`need(found, sentence)`: without it there is no test, and with --all-browsers no pass."""
    refuse = pytest.fail if request.config.getoption("--all-browsers", False) else pytest.skip

    def need(found: object, missing: str) -> None:
        if not found:
            refuse(missing)

    return need


@dataclass(frozen=True)
class Running:
    """A site with two accounts, 王组织 and 李审核, whose password is `password`."""

    address: str
    data: Path
    store: Store
    made: Site
    password: str = "泉城的水很清-2025"


@pytest.fixture(scope="module")
def contest_file() -> str:
    """'' is the demo contest."""
    return ""


@pytest.fixture(scope="module")
def environ(contest_file: str) -> dict[str, str]:
    """What the module's site is started with."""
    return {"CONTEST_FILE": contest_file} if contest_file else {}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("site")
    with running(folder, **environ) as (address, made):
        site = Running(address, made.settings.data_dir, made.store, made)
        password = hash_password(site.password)
        site.store.accounts.add(Account("王组织", Role.ORGANIZER, password, since_ms=0))
        site.store.accounts.add(Account("李审核", Role.REVIEWER, password, since_ms=0))
        yield site


# --- the console's tests: Chromium, by Playwright's own means -------------------------------------


@pytest.fixture(scope="session")
def playwright(need: Callable[[object, str], None]) -> Iterator[Playwright]:
    need(chromium.CHROMIUM, chromium.MISSING)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = chromium.launch(playwright)
    yield browser
    browser.close()


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Script errors and what the policy refused: nothing, if all is well."""
    said: list[str] = []
    yield said
    assert said == []


@pytest.fixture
def visit(browser: Browser, site: Running, said: list[str]) -> Iterator[Callable[..., Page]]:
    """`visit(name, **window)`: a page in a browser of its own; '' is somebody from the public."""
    contexts = []

    def visit(name: str = "", **window: object) -> Page:
        contexts.append(context := browser.new_context(base_url=site.address, **window))
        if name:
            token = site.store.accounts.log_in(site.store.accounts.of(name))
            place = f"{site.address}/organizer/"
            context.add_cookies([{"name": "organizer", "value": token, "url": place}])
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda m: m.type in ("error", "warning") and said.append(m.text))
        return page

    yield visit
    for context in contexts:
        context.close()


# --- the journeys: either engine ------------------------------------------------------------------

#: Whose phone a journey is made with.
PHONES = {
    "chromium-360": Device(360, 640, ANDROID),
    "chromium-390": Device(390, 844, IPHONE),
    "chromium-1280": Device(1280, 800, touch=False),
    "webkit-390": Device(390, 844, IPHONE),
}


@pytest.fixture(scope="session")
def screen() -> Iterator[str]:
    with webkit.display() as screen:
        yield screen


@pytest.fixture(params=list(PHONES))
def phone(request: pytest.FixtureRequest) -> str:
    """A key of PHONES; a test may name fewer."""
    return str(request.param)


@pytest.fixture
def take(
    request: pytest.FixtureRequest,
    phone: str,
    tmp_path: Path,
    need: Callable[[object, str], None],
) -> Iterator[Callable[..., Hands]]:
    """`take(**device)`: a visitor with a browser of their own, on `phone` but for what is given.

    At the end no page may have complained.
    """
    in_webkit = phone.startswith("webkit")
    if in_webkit:
        need(webkit.HERE, webkit.MISSING)
    else:
        need(chromium.CHROMIUM, chromium.MISSING)
    site: Running = request.getfixturevalue("site")  # only now: it takes its time
    all_hands: list[Hands] = []
    folders = count()

    def take(address: str = "", **changes: object) -> Hands:
        device, where = replace(PHONES[phone], **changes), address or site.address  # type: ignore[arg-type] its fields
        if in_webkit:
            folder = tmp_path / f"webkit-{next(folders)}"
            screen = request.getfixturevalue("screen")
            server = stack.enter_context(webkit.driver(screen, folder, still=device.still))
            hands: Hands = webkit.WebKitHands(where, device, server)
        else:
            browser = request.getfixturevalue("browser")
            hands = chromium.ChromiumHands(where, device, browser)
        stack.callback(hands.close)
        all_hands.append(hands)
        return hands

    with ExitStack() as stack:
        yield take
        complaints = [line for hands in all_hands for line in hands.complaints()]
    assert complaints == []


@pytest.fixture
def hands(take: Callable[..., Hands]) -> Hands:
    return take()
