"""Everything that is measured, private and on loopback: stores, the site, the floor beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.visitors import ENTRIES
from voting import prepare
from voting.contest import Entry, EntryState
from voting.settings import ROOT, Contest, Settings, load_contest, load_settings
from voting.store import Store, open_store
from voting.supervisor.child import end_with_us
from voting.supervisor.stores import law_command, ping, runtime_dir, throttle_command

OUT = ROOT / "bench" / "out"
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Server:
    """A gunicorn: where it listens, and its master's process id."""

    port: int
    master: int

    def cpu_s(self) -> float:
        """CPU time that its workers have used, by the kernel's count."""
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.master:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stage:
    settings: Settings
    contest: Contest
    store: Store
    site: Server
    floor: Server

    def store_cpu_s(self) -> float:
        return store_cpu_s(self.store)


def store_cpu_s(store: Store) -> float:
    """CPU time that the law store has used."""
    used = store.law.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


@contextmanager
def stage() -> Iterator[Stage]:
    """Set up, hand out, and clear away again, whatever happens.

    DATA_DIR lies in bench/out, because a folder in /tmp may be memory, where fsync is free.
    """
    OUT.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=OUT))
    processes: list[subprocess.Popen[bytes]] = []
    sockets = Path()
    try:
        environ = _environ(folder)
        settings = load_settings(environ)
        sockets = runtime_dir(settings)
        (folder / "law").mkdir()
        start_store(law_command(folder / "law", sockets / "law.sock"), processes)
        start_store(throttle_command(sockets / "throttle.sock"), processes)
        prepare(environ)
        store = _open(settings)
        _fill(store)
        site = _gunicorn("app:app", environ, processes)
        floor = _gunicorn("bench.floor:create_floor()", environ, processes)
        _start((sys.executable, "-m", "flask", "--app", "app", "worker"), environ, processes)
        yield Stage(settings, load_contest(settings.contest_file), store, site, floor)
    finally:
        for process in reversed(processes):
            end(process)
        shutil.rmtree(folder)
        if sockets.name:
            shutil.rmtree(sockets, ignore_errors=True)


def start_store(command: tuple[str, ...], processes: list[subprocess.Popen[bytes]]) -> None:
    """Start a store and wait until it answers."""
    _start(command, {**os.environ}, processes)
    socket_path = Path(command[command.index("--unixsocket") + 1])
    _wait_until(lambda: asyncio.run(ping(socket_path)), processes[-1])


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environ(folder: Path) -> dict[str, str]:
    """The product's own configuration, without the demo."""
    contest = (ROOT / "config" / "contest.toml").read_text(encoding="utf-8")
    file = folder / "contest.toml"
    file.write_text(contest.replace("demo = true", "demo = false"), encoding="utf-8")
    return without_ours() | {
        "HOST": "127.0.0.1",
        "DATA_DIR": str(folder),
        "CONTEST_FILE": str(file),
        "TRUSTED_PROXIES": "1",
    }


def without_ours() -> dict[str, str]:
    """This process's environment without what a developer may have set for a site."""
    example = (ROOT / "config" / "example.env").read_text(encoding="utf-8")
    ours = {line.partition("=")[0] for line in example.splitlines() if line[:1].isupper()}
    return {name: value for name, value in os.environ.items() if name not in ours}


def _open(settings: Settings) -> Store:
    return open_store(
        load_contest(settings.contest_file).id,
        settings.law_url,
        settings.politeness_url,
        settings.shards,
        settings.data_dir / "bench",
        accept_unknown=False,
        sealing=b"sealing",
    )


def _fill(store: Store) -> None:
    """Entries as long as real ones."""
    for number in range(1, ENTRIES + 1):
        store.entries.add(_an_entry(number))
        store.entries.approve(number, "审核通过", ai_labelled=True)


def _an_entry(number: int) -> Entry:
    cities = "济南青岛淄博枣庄东营烟台潍坊济宁泰安威海日照临沂德州聊城滨州菏泽"
    city = cities[number % 16 * 2 :][:2]
    return Entry(
        number=number,
        title=f"{city}的第{number}个智慧清晨：一件事一次办",
        author=f"{city}数字生活拍摄组·{number}",
        unit=f"{city}市第{number}中学融媒体中心",
        instructor="",
        city=city,
        category="ai" if number % 3 == 0 else "live",
        introduction="用镜头记录身边的智慧生活：从清晨的公交到傍晚的菜场，少跑一趟。" * 4,
        state=EntryState.PENDING,
        media=f"{number:020x}",
        width=1080 if number % 2 else 1920,
        height=1920 if number % 2 else 1080,
        seconds=75.0 + number,
        form_sha256=f"{number:064x}",
        video_sha256=f"{number:064x}",
        taken_in_ms=1_760_000_000_000 + number,
    )


def _gunicorn(
    app: str, environ: Mapping[str, str], processes: list[subprocess.Popen[bytes]]
) -> Server:
    port = _free_port()
    command = (sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.conf.py", app)
    _start(command, {**environ, "PORT": str(port)}, processes)
    _wait_until(lambda: _answers(port), processes[-1])
    return Server(port, processes[-1].pid)


def _start(
    command: tuple[str, ...], environ: Mapping[str, str], processes: list[subprocess.Popen[bytes]]
) -> None:
    processes.append(
        subprocess.Popen(
            command,
            env=dict(environ),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is ours: we end them, in order
            preexec_fn=end_with_us,
        )
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as reply:
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _wait_until(true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"it doesn't start: {process.args}")
        time.sleep(0.05)


def machine(place: Path, store: Store) -> dict[str, Any]:
    """What the figures were measured on; `fsync_ms` is the median of 200 small synced writes."""
    info = store.law.info()
    cpuinfo = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (cpuinfo.read_text().splitlines() if cpuinfo.exists() else ())
        if line.startswith("model name")
    ]
    return {
        "cpu": models[0] if models else "unknown",
        "cpus": os.cpu_count(),
        "load": [round(value, 2) for value in os.getloadavg()],
        "python": sys.version.partition(" ")[0],
        "store": f"{info.get('server_name', 'redis')} "
        f"{info.get('valkey_version', info['redis_version'])}",
        "allocator": info["mem_allocator"],
        "fsync_ms": round(_fsync_ms(place), 3),
    }


def _fsync_ms(place: Path) -> float:
    times = []
    with (place / "fsync").open("wb", buffering=0) as file:
        for _ in range(200):
            began = time.perf_counter()
            file.write(bytes(200))
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)
