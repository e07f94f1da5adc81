"""What a visitor does with a phone, whatever engine is in it: a journey is written once.

    hands.open("/e/1")
    hands.tap(".votebar .vote")
    hands.wait_for("document.querySelector('.say').textContent")

What is tapped must be seen, must stand still, and must have nothing before it. `chromium.py` and
`webkit.py` are the two pairs of hands.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PATIENCE_S: Final = 20
AGAIN_S: Final = 0.05

ANDROID: Final = (
    "Mozilla/5.0 (Linux; Android 13; M2012K11AC Build/TKQ1.220829.002; wv) AppleWebKit/537.36"
    " (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160117"
    " MMWEBSDK/20231202 MicroMessenger/8.0.47.2560(0x28002F30) WeChat/arm64 Weixin NetType/4G"
    " Language/zh_CN ABI/arm64"
)
IPHONE: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50(0x1800322c) NetType/4G Language/zh_CN"
)


@dataclass(frozen=True)
class Device:
    """What is held in the hands. `agent` '' is the engine's own; `proxy` is host:port."""

    width: int
    height: int
    agent: str = ""
    touch: bool = True
    scripts: bool = True
    still: bool = False
    proxy: str = ""


#: Where in the window the first match is, once a finger could touch it there; else a word why not.
FIND: Final = """
const [css, words, far] = [arguments[0], arguments[1], arguments[2]];
const says = node => (node.innerText || '') + (node.getAttribute('aria-label') || '')
  + (node.value || '');
const seen = node => node.getClientRects().length && getComputedStyle(node).visibility !== 'hidden';
const found = [...document.querySelectorAll(css)].filter(node => seen(node))
  .filter(node => !words || says(node).includes(words));
if (!found.length) return 'nothing there';
const node = found[0];
const place = () => node.getClientRects()[0];
const centre = box => [box.left + box.width / 2, box.top + box.height / 2];
let [x, y] = centre(place());
const inside = () => x >= 0 && y >= 0 && x < innerWidth && y < innerHeight;
const free = () => { const top = document.elementFromPoint(x, y);
  return top && (node === top || node.contains(top)); };
if (!inside() || !free()) {
  if (!far) return 'out of sight';
  node.scrollIntoView({block: 'center', behavior: 'instant'});
  [x, y] = centre(place());
}
if (!inside()) return 'out of sight';
if (!free()) {
  const top = document.elementFromPoint(x, y);
  return 'covered by ' + (top ? top.outerHTML.slice(0, 120) : 'nothing');
}
return [x, y];
"""


class Hands(ABC):
    """One visitor, with a browser of their own."""

    engine = ""
    #: What a browser raises while one page goes and another comes.
    moving: tuple[type[Exception], ...] = ()

    def __init__(self, address: str, device: Device) -> None:
        self.address, self.device = address, device

    # --- what each engine does in its own way -----------------------------------------------------

    @abstractmethod
    def go(self, url: str) -> None: ...

    @abstractmethod
    def run(self, body: str, *arguments: Any) -> Any:
        """Run the body of a function in the page; what it returns."""

    @abstractmethod
    def touch(self, x: float, y: float) -> None: ...

    @abstractmethod
    def press(self, key: str) -> None:
        """Tab, Enter, Escape or Space."""

    @abstractmethod
    def cookies(self) -> dict[str, str]: ...

    @abstractmethod
    def back(self) -> None: ...

    @abstractmethod
    def reload(self) -> None: ...

    @abstractmethod
    def shoot(self, file: Path) -> None: ...

    @abstractmethod
    def complaints(self) -> list[str]:
        """Script errors, and what the policy refused."""

    @abstractmethod
    def close(self) -> None: ...

    # --- what both do -----------------------------------------------------------------------------

    def open(self, path: str) -> None:
        self.go(self.address + path)

    def tap(self, css: str, words: str = "", *, far: bool = True) -> None:
        """Touch the first match that says these words; `far`: scroll to it if need be."""
        last: Any = None

        def still() -> Any:
            nonlocal last
            before, last = last, self.run(FIND, css, words, far)
            return last if isinstance(last, list) and last == before else None

        x, y = self._await(still, lambda: f"can't tap {css} {words}: {last}")
        self.touch(x, y)

    def read(self, css: str) -> str:
        """The text of the first match as it is shown; '' if there is none."""
        script = "const n = document.querySelector(arguments[0]); return n ? n.innerText : ''"
        return str(self.run(script, css)).strip()

    def wait_for(self, condition: str, *arguments: Any) -> Any:
        """Wait until the expression is true; its value."""
        body = f"return ({condition})"
        return self._await(
            lambda: self.run(body, *arguments), lambda: f"not: {condition}\n{self.read('main')}"
        )

    def wait_to_read(self, css: str, words: str) -> str:
        """Wait until a match shows these words; what it shows."""
        script = (
            "return [...document.querySelectorAll(arguments[0])].map(n => n.innerText)"
            ".find(text => text.includes(arguments[1]))"
        )
        return str(
            self._await(
                lambda: self.run(script, css, words),
                lambda: f"{css} doesn't say {words}: {self.read(css)}",
            )
        )

    def wait_to_be_at(self, path: str) -> None:
        there = "location.pathname === arguments[0] && document.readyState !== 'loading'"
        self.wait_for(there, path)

    @property
    def url(self) -> str:
        return str(self.run("return location.href"))

    def _await(self, ask: Any, why: Any) -> Any:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                if value := ask():
                    return value
            except self.moving:
                pass
            assert time.monotonic() < until, why()
            self.rest(AGAIN_S)

    def rest(self, seconds: float) -> None:
        time.sleep(seconds)
