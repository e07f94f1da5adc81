"""Hands that hold the system's Chromium, by Playwright."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

from hands import Device, Hands
from playwright.sync_api import Browser, Error, Playwright

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or ""
QUIET: Final = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
MISSING: Final = "no Chromium here; on Debian: sudo apt install chromium fonts-noto-cjk"


def launch(playwright: Playwright) -> Browser:
    """Chromium as people have it: Playwright would switch its back-forward cache off."""
    return playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=list(QUIET),
        ignore_default_args=["--disable-back-forward-cache"],
    )


class ChromiumHands(Hands):
    engine = "chromium"
    moving = (Error,)

    def __init__(self, address: str, device: Device, browser: Browser) -> None:
        super().__init__(address, device)
        self._said: list[str] = []
        options: dict[str, Any] = {
            "viewport": {"width": device.width, "height": device.height},
            "is_mobile": device.touch,
            "has_touch": device.touch,
            "java_script_enabled": device.scripts,
            "reduced_motion": "reduce" if device.still else "no-preference",
        }
        if device.agent:
            options["user_agent"] = device.agent
        if device.proxy:
            options["proxy"] = {"server": f"http://{device.proxy}"}
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self._said.append(str(error)))
        self.page.on(
            "console", lambda m: m.type in ("error", "warning") and self._said.append(m.text)
        )

    def go(self, url: str) -> None:
        self.page.goto(url)

    def run(self, body: str, *arguments: Any) -> Any:
        return self.page.evaluate(
            f"given => (function () {{ {body} }}).apply(null, given)", list(arguments)
        )

    def touch(self, x: float, y: float) -> None:
        if self.device.touch:
            self.page.touchscreen.tap(x, y)
        else:
            self.page.mouse.click(x, y)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def cookies(self) -> dict[str, str]:
        return {one["name"]: one["value"] for one in self.context.cookies()}

    def back(self) -> None:
        # A page that comes out of the back-forward cache never loads, and so can't be waited for.
        self.page.evaluate("history.back()")

    def reload(self) -> None:
        self.page.reload()

    def rest(self, seconds: float) -> None:
        self.page.wait_for_timeout(seconds * 1000)  # the console's messages come meanwhile

    def shoot(self, file: Path) -> None:
        self.page.screenshot(path=file)

    def complaints(self) -> list[str]:
        return [line for line in self._said if not line.startswith("Failed to load resource")]

    def close(self) -> None:
        self.context.close()
