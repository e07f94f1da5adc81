"""Two private stores for the whole run: a law store as in production, and a throttle store."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from flask import Flask
from hypothesis import settings
from people import Town, Visitor
from staging import PLAIN, build_open, unhurried, wait_until, written

from voting import create_app
from voting.supervisor.child import end_with_us
from voting.supervisor.stores import law_command, ping, throttle_command
from voting.web.site import Site

# No test asserts a time, and hypothesis isn't to do so for us: a busy machine is no failure.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
def stores() -> Iterator[Path]:
    """The folder that holds law.sock and throttle.sock; short, as a socket's path must be."""
    # In memory where there is such a place: the same store, the same fsync, a tenth of the time.
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"  # noqa: S108
    folder = Path(tempfile.mkdtemp(prefix="voting-test-", dir=place))
    (folder / "law").mkdir()
    sockets = folder / "law.sock", folder / "throttle.sock"
    commands = law_command(folder / "law", sockets[0]), throttle_command(sockets[1])
    servers = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=end_with_us)
        for command in commands
    ]
    try:
        for socket in sockets:
            wait_until(lambda socket=socket: asyncio.run(ping(socket)))
        yield folder
    finally:
        for server in servers:
            server.kill()
            server.wait()
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Opened:
    """What a site with an open gallery has made: its DATA_DIR, and all that its law store holds."""

    data: Path
    law: dict[bytes, bytes]


@pytest.fixture(scope="session")
def opened(stores: Path, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Made once: a thousand tests begin with it."""
    folder = tmp_path_factory.mktemp("opened")
    urls = [emptied(f"unix://{stores}/{name}.sock") for name in ("law", "throttle")]
    site: Site = build_open(surroundings(*urls, folder)).extensions["site"]
    law = written(site)
    assert all(site.store.law.ttl(key) == -1 for key in law)  # a dump knows no lifetimes
    return Opened(folder / "data", law)


@pytest.fixture
def law_url(stores: Path) -> str:
    """URL of an empty law store."""
    return emptied(f"unix://{stores}/law.sock")


@pytest.fixture
def throttle_url(stores: Path) -> str:
    """URL of an empty throttle store."""
    return emptied(f"unix://{stores}/throttle.sock")


def emptied(url: str) -> str:
    with redis.Redis.from_url(url) as store:
        store.flushall()
    return url


@pytest.fixture
def environ(law_url: str, throttle_url: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a site on the private stores; nothing of the developer's own leaks in."""
    return surroundings(law_url, throttle_url, tmp_path)


def surroundings(law_url: str, throttle_url: str, folder: Path) -> dict[str, str]:
    return {
        "REDIS_URL": law_url,
        "THROTTLE_URL": throttle_url,
        "DATA_DIR": str(folder / "data"),
        "CONTEST_FILE": str(PLAIN),
    }


@pytest.fixture
def app(opened: Opened, environ: dict[str, str]) -> Flask:
    """A site with an open vote and entries 1 to 12 approved, 13 pending, 14 withdrawn."""
    shutil.copytree(opened.data, environ["DATA_DIR"])
    with redis.Redis.from_url(environ["REDIS_URL"]) as store:
        pipeline = store.pipeline(transaction=False)
        for key, value in opened.law.items():
            pipeline.restore(key, 0, value)
        pipeline.execute()
    return unhurried(create_app(environ))


@pytest.fixture
def site(app: Flask) -> Site:
    return app.extensions["site"]


@pytest.fixture
def town(app: Flask) -> Town:
    return Town(app)


@pytest.fixture
def alice(town: Town) -> Visitor:
    return town.visitor()


@pytest.fixture
def bob(town: Town) -> Visitor:
    return town.visitor()
