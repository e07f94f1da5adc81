"""What a test does before the curtain rises: rewrite contest.toml, build a site, kill a store."""

from __future__ import annotations

import asyncio
import math
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from flask import Flask
from works import open_gallery

from voting import create_app, prepare
from voting.store import keys
from voting.store.client import StoreDown, reachable
from voting.supervisor.child import end_with_us
from voting.supervisor.stores import law_command, ping, throttle_command
from voting.voter import Voters
from voting.web.site import Site

PLAIN = Path(__file__).with_name("contest.toml")


def rewritten(folder: Path, *changes: tuple[str, str], source: Path = PLAIN) -> Path:
    """A copy of a contest.toml with these pieces of text replaced, each where it first stands."""
    text = source.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    file = folder / "contest.toml"
    file.write_text(text, encoding="utf-8")
    return file


def build(environ: dict[str, str]) -> Flask:
    """A site as in production, without the gallery."""
    prepare(environ)
    return unhurried(create_app(environ))


def unhurried(app: Flask) -> Flask:
    """The app as in production, and its visitors as in life: whatever they do on a page, they have
    looked at it for two seconds. A site takes no vote in the first one (voter.VIEW_RIPENS_MS), and
    a thousand tests don't want to wait for it."""
    app.testing = False  # errors are answered as in production
    voters: Voters = app.extensions["site"].voters
    look = voters.look
    voters.look = lambda entry, now_ms: look(entry, now_ms - 2_000)
    return app


def build_open(environ: dict[str, str], approved: int = 12) -> Flask:
    app = build(environ)
    open_gallery(app.extensions["site"], approved)
    return app


def refresh(site: Site) -> None:
    """The next page shows what is in the store now, as in a process that starts now."""
    with suppress(StoreDown), reachable():
        mine = {"contest": site.contest.id}
        site.store.throttle.delete(keys.STANDINGS(**mine), keys.STANDINGS_LOCK(**mine))
    boards = replace(site.store.boards, _board=None, _kept=-math.inf)
    site.store = replace(site.store, boards=boards)


def written(site: Site) -> dict[bytes, bytes]:
    """All that the law store holds."""
    law = site.store.law
    return {key: law.dump(key) for key in law.keys("*")}


def free_port() -> int:
    """A port that is free together with the next one."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            with suppress(OSError):
                two.bind(("127.0.0.1", port + 1))
                return port


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Ask again and again, and give up with the test."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it didn't come true"
        time.sleep(0.02)


@dataclass
class OwnStore:
    """A Valkey of the test's own, to kill and to start again on the same folder."""

    command: tuple[str, ...]
    socket: Path
    server: subprocess.Popen[bytes] | None = field(default=None)

    @classmethod
    def law(cls, folder: Path) -> OwnStore:
        (folder / "law").mkdir()
        return cls(law_command(folder / "law", folder / "own.sock"), folder / "own.sock")

    @classmethod
    def throttle(cls, folder: Path) -> OwnStore:
        return cls(throttle_command(folder / "own-throttle.sock"), folder / "own-throttle.sock")

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        self.server = subprocess.Popen(
            self.command, stdout=subprocess.DEVNULL, preexec_fn=end_with_us
        )
        wait_until(lambda: asyncio.run(ping(self.socket)))

    def kill(self) -> None:
        """As `kill -9` does; nothing is flushed, nobody is told."""
        if self.server:
            self.server.kill()
            self.server.wait()
            self.server = None
