"""python -m voting.supervisor: the order of events."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys

from voting.settings import ROOT, Refused, Settings, load_contest, load_settings
from voting.supervisor.banner import banner
from voting.supervisor.checks import (
    check_disk,
    check_ports,
    http_status,
    lock,
    unlock,
    warning,
)
from voting.supervisor.child import Child, say
from voting.supervisor.stores import law_store, serves, throttle_store

PATIENCE = 120  # seconds the site has until it must have answered once


def main() -> int:
    """Run until a signal comes; the exit code is 0, or 1 after one sentence that says why."""
    os.chdir(ROOT)  # a relative DATA_DIR means the same to every process
    allow_many_files()
    try:
        settings = load_settings()
        load_contest(settings.contest_file)  # a mistake in it is said before anything is made
        held, killed = lock(settings.data_dir)
        try:
            check_disk(settings.data_dir)
            check_ports(settings, patience=5 if killed else 0)
            asyncio.run(run(settings, held))
        finally:
            unlock(held)
    except Refused as refusal:
        say(str(refusal))
        return 1
    except KeyboardInterrupt:  # before anything was started
        return 130
    return 0


def allow_many_files() -> None:
    """Thousands of connections, each perhaps with a file: more than the usual 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if most == resource.RLIM_INFINITY else min(most, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


async def run(settings: Settings, held: int) -> None:
    """Open the site, wait for SIGINT, SIGTERM or SIGHUP, and close it again, whatever happens."""
    this = asyncio.current_task()
    assert this is not None  # noqa: S101 for mypy
    loop = asyncio.get_running_loop()
    stores: list[Child] = []
    fronts: list[Child] = []
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for one in signals:
        loop.add_signal_handler(one, this.cancel)
    try:
        await open_site(settings, held, stores, fronts)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        say("Stopping …")
    finally:
        for one in signals:
            loop.add_signal_handler(one, say, "Already stopping …")
        await asyncio.gather(*(child.stop() for child in fronts))
        await asyncio.gather(*(child.stop() for child in stores))
        with contextlib.suppress(OSError):  # there is none when both stores were given
            settings.runtime_dir.rmdir()
    say("Everything has stopped.")


async def open_site(
    settings: Settings, held: int, stores: list[Child], fronts: list[Child]
) -> None:
    """Stores, then web and media, then worker and demo, then the banner; fills both lists."""
    if not settings.redis_url:
        await start(law_store(settings, held), stores)
    if not settings.throttle_url:
        await start(throttle_store(settings), stores)
    for store in stores:
        await serves(store)

    web = gunicorn("web", "config/gunicorn.conf.py", "app:app")
    media = gunicorn("media", "config/gunicorn_media.conf.py", "voting.web.media:create_media()")
    await start(web, fronts)
    await start(media, fronts)
    await answers(web, settings.host, settings.port, "/healthz", 200)
    await answers(media, settings.host, settings.media_port, "/", 404)

    # Only now: the first start of web has written what they build upon (rules, shards).
    worker, demo = flask("worker"), flask("demo")
    await start(worker, fronts)
    await start(demo, fronts)
    for child in (*stores, web, media, worker):
        child.keep()
    if (code := await demo.ended()) != 0:
        say(f"The demo contest could not be loaded (exit code {code}); the site runs without it.")
    fronts.remove(demo)
    if warned := warning(settings):
        say(warned)
    say(banner(settings))


async def start(child: Child, beside: list[Child]) -> None:
    await child.start()
    beside.append(child)


def gunicorn(name: str, config: str, app: str) -> Child:
    return Child(name, (sys.executable, "-um", "gunicorn", "-c", config, app))


def flask(command: str) -> Child:
    return Child(command, (sys.executable, "-um", "flask", "--app", "app", command))


async def answers(child: Child, host: str, port: int, path: str, status: int) -> None:
    """Wait until the child answers so; raises Refused when it ends or takes too long."""
    for _ in range(PATIENCE * 10):
        if await http_status(host, port, path) == status:
            return
        if not child.alive:
            code = await child.ended()
            raise Refused(f"The site doesn't start: {child.name} stopped (exit code {code}) "
                          "and says why above.")
        await asyncio.sleep(0.1)
    raise Refused(f"The site doesn't start: {child.name} gave no answer within {PATIENCE} s.")


if __name__ == "__main__":
    sys.exit(main())
