"""Hands that hold WebKit, the engine of every iPhone: WebKitGTK's MiniBrowser, by WebDriver.

It needs a display, so it gets one that nobody sees. Its toolbar would hold the window at 447
pixels; a style sheet for the toolbar makes it as narrow as a phone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hands import Device, Hands
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Remote
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection
from selenium.webdriver.webkitgtk.options import Options
from staging import free_port, wait_until
from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from voting.supervisor.child import end_with_us

DRIVER: Final = shutil.which("WebKitWebDriver") or ""
DISPLAY: Final = shutil.which("Xvfb") or ""
BROWSER: Final = next(iter(sorted(Path("/usr/lib").glob("*/webkit*gtk-*/MiniBrowser"))), None)
MISSING: Final = (
    "no WebKit here; on Debian: sudo apt install webkit2gtk-driver xvfb gstreamer1.0-libav"
)
HERE: Final = bool(DRIVER and DISPLAY and BROWSER)

NARROW: Final = """
toolbar, toolbar *, headerbar, headerbar *, toolbutton, toolbutton *, box > button {
  min-width: 0; min-height: 0; margin: 0; padding: 0; border: 0; font-size: 1px;
}
image { -gtk-icon-transform: scale(0.1); }
"""
#: WebDriver can't tell what the console says. This hears what happens once the page is there.
LISTEN: Final = """
window.said = [];
addEventListener('error', event => event.message && said.push(event.message));
addEventListener('unhandledrejection', event => said.push(String(event.reason)));
addEventListener('securitypolicyviolation', event => said.push(event.violatedDirective));
"""
STILL: Final = "[Settings]\ngtk-enable-animations=false\n"
KEYS: Final = {"Tab": Keys.TAB, "Enter": Keys.ENTER, "Escape": Keys.ESCAPE, "Space": " "}


@contextmanager
def display() -> Iterator[str]:
    """A screen in memory; its name, like `:7`."""
    told, tells = os.pipe()
    screen = subprocess.Popen(
        [DISPLAY, "-displayfd", str(tells), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"],
        pass_fds=(tells,), stderr=subprocess.DEVNULL, preexec_fn=end_with_us,
    )  # fmt: skip
    os.close(tells)
    try:
        with os.fdopen(told) as line:
            yield f":{line.readline().strip()}"
    finally:
        screen.terminate()
        screen.wait()


@contextmanager
def driver(screen: str, folder: Path, *, still: bool = False) -> Iterator[str]:
    """A WebKitWebDriver's address; what it needs and says goes into `folder`."""
    for gtk in (folder / "gtk-3.0", folder / "gtk-4.0"):
        gtk.mkdir(parents=True)
        (gtk / "gtk.css").write_text(NARROW)
        if still:
            (gtk / "settings.ini").write_text(STILL)
    environ = os.environ | {
        "DISPLAY": screen, "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"), "GDK_BACKEND": "x11", "NO_AT_BRIDGE": "1",
    }  # fmt: skip
    environ.pop("WAYLAND_DISPLAY", None)
    port = free_port()
    with (folder / "driver.log").open("w") as out:
        server = subprocess.Popen(
            [DRIVER, f"--port={port}"], env=environ, stdout=out, stderr=out,
            preexec_fn=end_with_us,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(address))
        yield address
    finally:
        server.terminate()
        server.wait()


def _answers(address: str) -> bool:
    try:
        with PoolManager() as pool:
            return pool.request("GET", f"{address}/status", retries=False).status == 200
    except HTTPError:
        return False


class WebKitHands(Hands):
    engine = "webkit"
    moving = (WebDriverException,)

    def __init__(self, address: str, device: Device, server: str) -> None:
        super().__init__(address, device)
        options = Options()
        options.binary_location = str(BROWSER)
        for argument in _arguments(device):
            options.add_argument(argument)
        if device.proxy:
            proxy = {"proxyType": "manual", "httpProxy": device.proxy}
            options.set_capability("proxy", proxy)
        self.driver = Remote(RemoteConnection(client_config=ClientConfig(server)), options=options)
        try:
            self._fit()
        except BaseException:
            self.close()
            raise

    def _fit(self) -> None:
        """Make the page, not the window, as large as the device."""
        width, height = self.device.width, self.device.height
        fits = "innerWidth === arguments[0] && innerHeight === arguments[1]"

        def fitted() -> bool:
            """The toolbar's height is known only once it stands there."""
            bar = self.run("return outerHeight - innerHeight")
            self.driver.set_window_rect(width=width, height=height + bar)
            return bool(self.run(f"return {fits}", width, height))

        self._await(fitted, lambda: str(self.run("return [innerWidth, innerHeight, outerHeight]")))

    def go(self, url: str) -> None:
        self.driver.get(url)
        if self.device.scripts:
            self.run(LISTEN)

    def run(self, body: str, *arguments: Any) -> Any:
        return self.driver.execute_script(body, *arguments)

    def touch(self, x: float, y: float) -> None:
        action = ActionBuilder(self.driver, duration=0)
        action.pointer_action.move_to_location(int(x), int(y)).click()
        action.perform()

    def press(self, key: str) -> None:
        ActionChains(self.driver, duration=0).send_keys(KEYS[key]).perform()

    def cookies(self) -> dict[str, str]:
        return {one["name"]: one["value"] for one in self.driver.get_cookies()}

    def back(self) -> None:
        self.driver.back()

    def reload(self) -> None:
        self.driver.refresh()

    def shoot(self, file: Path) -> None:
        self.driver.save_screenshot(str(file))

    def complaints(self) -> list[str]:
        return list(self.run("return window.said || []"))

    def close(self) -> None:
        self.driver.quit()


def _arguments(device: Device) -> Iterator[str]:
    yield "--automation"
    if device.agent:
        yield f"--user-agent={device.agent}"
    if not device.scripts:
        yield "--enable-javascript=false"
