"""The site as `make run` starts it, and whoever opens it in the system's Chromium; `make check`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from staging import free_port, wait_until

from voting import create_app
from voting.organizer import Account, Role, hash_password
from voting.settings import ROOT
from voting.store import Store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


@dataclass(frozen=True)
class Running:
    """A site with two accounts, 王组织 and 李审核, whose password is `password`."""

    address: str
    data: Path
    store: Store
    password: str = "泉城的水很清-2025"


@pytest.fixture(scope="module")
def contest_file() -> str:
    """'' is the demo contest."""
    return ""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, contest_file: str) -> Iterator[Running]:
    port, data = free_port(), tmp_path_factory.mktemp("site")
    environ = os.environ | {"PORT": str(port), "HOST": "127.0.0.1", "DATA_DIR": str(data)}
    environ |= {"CONTEST_FILE": contest_file} if contest_file else {}
    log = tmp_path_factory.mktemp("log") / "supervisor"
    with log.open("w") as out:
        command = [sys.executable, "-m", "voting.supervisor"]
        running = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=out)
    try:
        wait_until(lambda: "Ctrl-C" in log.read_text() or running.poll() is not None, 120)
        assert running.poll() is None, log.read_text()
        site = Running(
            f"http://127.0.0.1:{port}", data, create_app(environ).extensions["site"].store
        )
        password = hash_password(site.password)
        site.store.accounts.add(Account("王组织", Role.ORGANIZER, password, since_ms=0))
        site.store.accounts.add(Account("李审核", Role.REVIEWER, password, since_ms=0))
        yield site
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.fail("no Chromium here; on Debian: sudo apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
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
