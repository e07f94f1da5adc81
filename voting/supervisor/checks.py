"""What must be true before anything is started; each refusal is one sentence."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import ipaddress
import os
import shutil
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

from voting.settings import Refused, Settings
from voting.supervisor.child import say

#: Names that no public name server knows.
NEARBY = (".localhost", ".local", ".lan", ".home.arpa", ".internal", ".test")
LEAST_FREE = 200 * 1024 * 1024  # bytes


def lock(data_dir: Path) -> tuple[int, bool]:
    """Take DATA_DIR for ourselves: the lock's file descriptor, and whether the last run was killed.

    What a killed run left behind may still be finishing, so that one is waited for.
    """
    path = data_dir / "lock"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Refused(f"DATA_DIR={data_dir} can't be written ({error.strerror}); "
                      "choose another: make run DATA_DIR=…") from error
    owner = os.read(held, 20).decode().strip()
    patience = time.monotonic() + (0 if _alive(owner) else 20)
    while not _locked(held):
        if time.monotonic() > patience:
            raise Refused(f"DATA_DIR={data_dir} is in use by another make run (process {owner}); "
                          "stop that one, or choose another: make run DATA_DIR=…")
        time.sleep(0.1)
    os.ftruncate(held, 0)
    os.pwrite(held, str(os.getpid()).encode(), 0)
    if owner:
        say("The last run was killed; this one takes over what it left.")
    return held, bool(owner)


def unlock(held: int) -> None:
    """Say that this run has ended in good order."""
    os.ftruncate(held, 0)
    os.close(held)


def _locked(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def check_disk(data_dir: Path) -> None:
    """Raises Refused when a store would soon meet a full disk."""
    free = shutil.disk_usage(data_dir).free
    if free < LEAST_FREE:
        raise Refused(f"The disk is full: {free // 1024**2} MB are free in DATA_DIR={data_dir}, "
                      f"{LEAST_FREE // 1024**2} MB are needed.")


def check_ports(settings: Settings, patience: float) -> None:
    """Raises Refused when PORT or MEDIA_PORT can't be had within `patience` seconds."""
    if settings.port == settings.media_port:
        raise Refused(f"PORT and MEDIA_PORT are both {settings.port}; they must differ.")
    until = time.monotonic() + patience
    for variable, port in (("PORT", settings.port), ("MEDIA_PORT", settings.media_port)):
        while problem := _unusable(settings.host, port, variable):
            if time.monotonic() > until:
                raise Refused(problem)
            time.sleep(0.1)


def _unusable(host: str, port: int, variable: str) -> str:
    """Why nobody can listen there, or an empty string."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        return f"HOST={host} is no address of this machine."
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return (f"Port {port} is in use by another program; "
                    f"choose another: make run {variable}={(port + 10) % 65536}")
        if error.errno == errno.EADDRNOTAVAIL:
            return f"HOST={host} is no address of this machine."
        return f"Port {port} can't be used ({error.strerror}); choose another: {variable}=…"
    return ""


def warning(settings: Settings) -> str:
    """What is wrong with PUBLIC_URL without being a reason not to start; '' if nothing is."""
    url = urlsplit(settings.public_url)
    if url.scheme == "http" and not is_nearby(url.hostname or ""):
        return (f"PUBLIC_URL={settings.public_url} is a public address without TLS: passes and "
                "votes can be read and changed on their way, and browsers call the site not secure."
                " Put nginx with a certificate before it, and write https:// (docs/operations.md).")
    if settings.wechat and not settings.public_url:
        return ("WECHAT_APP_ID is set without PUBLIC_URL: WeChat leads back only to the address "
                "that is entered in the account's back office (docs/wechat-first-day.md).")
    return ""


def is_nearby(host: str) -> bool:
    """Whether a host is this machine or stands in its own network."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "." not in host.rstrip(".") or host.rstrip(".").endswith(NEARBY)
    return not address.is_global


def local_host(host: str) -> str:
    """Where this machine reaches what listens on HOST."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 compared, not bound


async def http_status(host: str, port: int, path: str) -> int | None:
    """Status of one GET, None while nobody answers."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(local_host(host), port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                         .encode())
            words = (await reader.readline()).split()
            writer.close()
            return int(words[1]) if len(words) > 1 else None
    except (OSError, TimeoutError, ValueError):
        return None
