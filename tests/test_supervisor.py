"""`make run` from outside: it opens, stays alive, keeps every byte, and refuses in one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from staging import free_port, wait_until

from voting.settings import ROOT, Refused, Settings, load_settings
from voting.supervisor import banner, checks, child, stores
from voting.supervisor.child import Child

OPEN = "Ctrl-C stops everything"


class Run:
    """One `python -m voting.supervisor` with its output."""

    def __init__(self, data_dir: Path, port: int, **variables: str) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.variables = kept | {"DATA_DIR": str(data_dir), "PORT": str(port)} | variables
        self.settings = load_settings(self.variables)
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "voting.supervisor"], cwd=ROOT, env=self.variables,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            encoding="utf-8",
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout:
            self.lines.extend(self.process.stdout)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def says(self, text: str, seconds: float = 40) -> None:
        until = time.monotonic() + seconds
        while text not in self.output:
            ended = self.process.poll() is not None and not self.reader.is_alive()
            assert not ended, f"it ended without {text!r}:\n{self.output}"
            assert time.monotonic() < until, f"it never said {text!r}:\n{self.output}"
            time.sleep(0.05)

    def ends(self, seconds: float = 40) -> int:
        code = self.process.wait(seconds)
        self.reader.join(5)
        return code

    def store(self, *words: str) -> str:
        """One command to the law store, raw; its answer's last line."""
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self.settings.runtime_dir / "law.sock"))
            line.sendall(" ".join(words).encode() + b"\r\n")
            return line.recv(1000).decode().split("\r\n")[-2]

    def answers(self) -> bool:
        return status(f"http://127.0.0.1:{self.settings.port}/healthz") == 200

    def children(self) -> dict[str, int]:
        """Name → process id of what the supervisor has started."""
        return {name_of(pid): pid for pid in children_of(self.process.pid)}


def name_of(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    names = ("law.sock", "throttle.sock", "gunicorn.conf", "gunicorn_media", "worker")
    return next((name for name in names if name in command), command)


def children_of(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if stat.read_text().rpartition(")")[2].split()[1] == str(parent):
                found.append(int(stat.parent.name))
    return found


def family(pid: int) -> list[int]:
    return [pid, *(one for below in children_of(pid) for one in family(below))]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def status(url: str) -> int | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 ours
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return None


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts supervisors; whatever is left of them at the end is killed."""
    runs: list[Run] = []

    def start(data_dir: Path = tmp_path / "var", **variables: str) -> Run:
        run = Run(data_dir, int(variables.pop("PORT", 0)) or free_port(), **variables)
        runs.append(run)
        return run

    yield start
    for run in runs:
        for pid in family(run.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run.ends()
        shutil.rmtree(run.settings.runtime_dir, ignore_errors=True)


@pytest.fixture
def quiet_contest(tmp_path: Path) -> str:
    """A contest without demo entries, so that a start is quick."""
    text = (ROOT / "config" / "contest.toml").read_text(encoding="utf-8")
    path = tmp_path / "contest.toml"
    path.write_text(text.replace("demo = true", "demo = false"), encoding="utf-8")
    return str(path)


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
def test_the_site_opens_survives_the_death_of_every_child_and_closes_in_order(
    start: Start, tmp_path: Path, quiet_contest: str
) -> None:
    long = tmp_path / ("数据 and a 'long' name " + "x" * 120)
    run = start(long, CONTEST_FILE=quiet_contest)
    assert len(str(long)) > 150
    run.says(OPEN)
    assert f"http://127.0.0.1:{run.settings.port}/" in run.output
    assert run.answers()
    assert status(f"http://127.0.0.1:{run.settings.media_port}/") == 404
    assert run.settings.runtime_dir.stat().st_mode & 0o777 == 0o700

    second = start(long, CONTEST_FILE=quiet_contest)
    assert second.ends() == 1
    assert f"in use by another make run (process {run.process.pid})" in second.output

    assert run.store("SET", "supervisor-test", "kept") == "+OK"
    before = run.children()
    assert len(before) == 5
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    for name in ("law store", "throttle store", "web", "media", "worker"):
        run.says(f"{name} was killed (SIGKILL); starting it again in 0.5 s")
    wait_until(lambda: len(run.children()) == 5 and run.answers())
    assert not set(before.values()) & set(run.children().values())
    assert run.store("GET", "supervisor-test") == "kept"

    everybody = family(run.process.pid)
    run.process.send_signal(signal.SIGINT)
    assert run.ends() == 0
    wait_until(lambda: not any(lives(pid) for pid in everybody))
    assert "Traceback" not in run.output


@linux
def test_after_kill_minus_nine_the_next_run_finds_everything(
    start: Start, quiet_contest: str
) -> None:
    first = start(CONTEST_FILE=quiet_contest)
    first.says(OPEN)
    assert first.store("SET", "supervisor-test", "one") == "+OK"
    orphans = family(first.process.pid)
    first.process.kill()

    port = str(first.settings.port)
    second = start(PORT=port, CONTEST_FILE=quiet_contest)  # at once, while the orphans still end
    second.says(OPEN)
    assert "takes over what it left" in second.output
    assert second.store("GET", "supervisor-test") == "one"
    wait_until(lambda: not any(lives(pid) for pid in orphans))

    assert second.store("SET", "supervisor-test", "two") == "+OK"
    for pid in family(second.process.pid):
        with contextlib.suppress(ProcessLookupError):  # it ended with its parent
            os.kill(pid, signal.SIGKILL)

    third = start(PORT=port, CONTEST_FILE=quiet_contest)
    third.says(OPEN)
    assert third.store("GET", "supervisor-test") == "two"
    third.process.send_signal(signal.SIGTERM)
    assert third.ends() == 0


@linux
def test_stores_given_by_url_are_used_and_not_started(
    start: Start, quiet_contest: str, law_url: str, throttle_url: str
) -> None:
    run = start(REDIS_URL=law_url, THROTTLE_URL=throttle_url, CONTEST_FILE=quiet_contest)
    run.says(OPEN)
    assert set(run.children()) == {"gunicorn.conf", "gunicorn_media", "worker"}
    assert run.answers()
    run.process.send_signal(signal.SIGTERM)
    assert run.ends() == 0


def test_a_port_in_use_is_named_with_the_variable_that_changes_it(start: Start) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()
        for variables in ({"PORT": str(port + 1)}, {"PORT": str(port)}):
            run = start(**variables)
            assert run.ends() == 1
            assert len(run.lines) == 1
            assert f"Port {port + 1} is in use" in run.output
    assert "make run MEDIA_PORT=" in run.output


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"PORT": "eighty"}, "PORT=eighty: must be a whole number"),
        ({"MEDIA_PORT": "8000", "PORT": "8000"}, "they must differ"),
        ({"HOST": "192.0.2.77"}, "HOST=192.0.2.77 is no address of this machine"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    variables: dict[str, str], sentence: str,
) -> None:
    from voting.supervisor import __main__ as supervisor

    given = {"DATA_DIR": str(tmp_path), "PORT": str(free_port())} | variables
    monkeypatch.setattr(supervisor, "load_settings", lambda: load_settings(given))
    assert supervisor.main() == 1
    printed = capsys.readouterr().out
    assert sentence in printed
    assert len(printed.splitlines()) == 1


def test_a_data_dir_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="can't be written"):
        checks.lock(tmp_path / "file" / "var")


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=199 * 1024**2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(Refused, match="The disk is full: 199 MB are free"):
        checks.check_disk(tmp_path)


def test_a_law_store_that_does_not_start_says_why(start: Start, tmp_path: Path) -> None:
    files = tmp_path / "var" / "law" / "appendonlydir"
    files.mkdir(parents=True)
    (files / "appendonly.aof.manifest").write_text("file a.aof seq 1 type i\n")
    (files / "a.aof").write_text("this is no append-only file\r\n" * 9)
    run = start()
    assert run.ends() == 1
    last = run.lines[-2:]
    assert any(line.startswith("The law store doesn't start: Bad file format") for line in last)


def test_a_wrong_contest_file_is_refused_before_anything_is_made(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "contest.toml"
    path.write_text("[contest]\n", encoding="utf-8")
    run = start(CONTEST_FILE=str(path))
    assert run.ends() == 1
    assert run.output.startswith(str(path))
    assert len(run.lines) == 1
    assert not run.settings.data_dir.exists()


def test_a_runtime_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.runtime_dir.symlink_to(tmp_path)
    try:
        with pytest.raises(Refused, match="belongs to somebody else"):
            stores.runtime_dir(settings)
    finally:
        settings.runtime_dir.unlink()


def test_a_child_that_dies_again_and_again_is_started_ever_later(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(child, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(child, "LONGEST_DELAY", 0.03)

    printed: list[str] = []

    def restarts() -> list[str]:
        printed.extend(capsys.readouterr().out.splitlines())
        return [line for line in printed if "starting it again" in line]

    async def scene() -> None:
        one = Child("web", (sys.executable, "-c", "print('bye'); raise SystemExit(3)"))
        await one.start()
        one.keep()
        while len(restarts()) < 4:
            await asyncio.sleep(0.02)
        await one.stop()

    asyncio.run(scene())
    assert restarts()[:4] == [
        f"web stopped (exit code 3); starting it again in {delay} s"
        for delay in ("0.01", "0.02", "0.03", "0.03")
    ]
    assert any(line.endswith("│ bye") for line in printed)


def test_a_child_that_will_not_stop_is_killed_with_its_children(
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = "trap '' TERM; sleep 60 & echo ready; while true; do wait; done"

    async def scene() -> None:
        one = Child("worker", ("sh", "-c", script), patience=0.2)
        await one.start()
        while one.last_line != "ready":
            await asyncio.sleep(0.02)
        everybody = family(one.process.pid)
        assert len(everybody) == 2 or sys.platform != "linux"
        await one.stop()
        wait_until(lambda: not any(lives(pid) for pid in everybody))

    asyncio.run(scene())
    assert "worker didn't stop within 0.2 s; killing it" in capsys.readouterr().out


def test_the_qr_code_in_the_terminal_is_the_address() -> None:
    address = "http://192.168.100.200:8000/"
    drawn = banner.qr_code(address, colours=False)
    rows = [row.removeprefix("  ").replace("\xa0", " ") for row in drawn.splitlines() if row]
    picture = Image.new("L", (8 * len(rows[0]), 16 * len(rows)), 0)
    for y, row in enumerate(rows):
        for x, half_blocks in enumerate(row):
            for half, light in enumerate((half_blocks in "█▀", half_blocks in "█▄")):
                if light:
                    box = (8 * x, 16 * y + 8 * half, 8 * x + 8, 16 * y + 8 * half + 8)
                    picture.paste(255, box)
    assert [code.text for code in zxingcpp.read_barcodes(picture)] == [address]
    coloured = banner.qr_code(address, colours=True)
    assert coloured.count("\x1b[0m") == len(rows)


@pytest.mark.parametrize(
    ("change", "phone"),
    [
        ({"host": "127.0.0.1"}, ""),
        ({"host": "localhost"}, ""),
        ({"host": "10.1.2.3"}, "http://10.1.2.3:8000/"),
        ({}, "http://10.9.9.9:8000/"),
        ({"host": "fd00::7"}, "http://[fd00::7]:8000/"),
        ({"public_url": "https://vote.example.cn"}, "https://vote.example.cn/"),
    ],
)
def test_a_phone_is_told_an_address_that_it_can_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], phone: str
) -> None:
    monkeypatch.setattr(banner, "lan_address", lambda: "10.9.9.9")
    settings = replace(settings_in(tmp_path), **change)
    assert banner.phone_address(settings) == phone
    assert ("only this machine" in banner.banner(settings)) == (phone == "")


@pytest.mark.parametrize(
    "url",
    [
        "", "https://vote.example.cn", "http://localhost:8000", "http://127.0.0.1", "http://[::1]:80",
        "http://192.168.1.7:8000", "http://10.0.0.8", "http://172.16.3.4", "http://[fd00::7]",
        "http://votes", "http://votes:8000", "http://votes.local", "http://votes.lan.",
        "http://box.home.arpa",
    ],
)  # fmt: skip
def test_an_address_nearby_may_go_without_tls(tmp_path: Path, url: str) -> None:
    assert checks.warning(replace(settings_in(tmp_path), public_url=url)) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://vote.example.cn", "http://vote.example.cn:8000", "http://8.8.8.8", "http://local.cn",
        "http://[2400:3200::1]",
    ],
)  # fmt: skip
def test_a_public_address_without_tls_is_warned_of(tmp_path: Path, url: str) -> None:
    words = checks.warning(replace(settings_in(tmp_path), public_url=url))
    assert words.startswith(f"PUBLIC_URL={url} is a public address without TLS")
    assert "\n" not in words


def test_an_official_account_without_an_address_is_warned_of(tmp_path: Path) -> None:
    account = {"WECHAT_APP_ID": "wx0123456789abcdef", "WECHAT_APP_SECRET": "s" * 32}
    given = account | {"DATA_DIR": str(tmp_path)}
    assert "without PUBLIC_URL" in checks.warning(load_settings(given))
    assert checks.warning(load_settings(given | {"PUBLIC_URL": "https://vote.cn"})) == ""


def settings_in(data_dir: Path) -> Settings:
    return load_settings({"DATA_DIR": str(data_dir)})
