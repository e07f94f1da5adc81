"""A process that is kept alive: its output in our voice, its restarts, its end."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from dataclasses import dataclass, field

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds before a restart; doubled each time
STEADY = 60.0  # seconds alive after which the delay starts anew
LINE = 1024 * 1024  # longest line of output, bytes
COLOURS = {"law store": 33, "throttle store": 35, "web": 36, "media": 32, "worker": 34, "demo": 90}
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def say(text: str, name: str = "") -> None:
    """Write to the terminal, each line led by the child's name."""
    lead = f"{name:14} │ " if name else ""
    if lead and sys.stdout.isatty():
        lead = f"\x1b[{COLOURS.get(name, 0)}m{lead}\x1b[0m"
    with contextlib.suppress(OSError):  # the reader of a pipe may have gone: the site goes on
        sys.stdout.write("".join(f"{lead}{line}\n" for line in text.splitlines()))
        sys.stdout.flush()


@dataclass
class Child:
    """One process, by name and command; started in the repository with our environment."""

    name: str
    command: tuple[str, ...]
    hush: tuple[str, ...] = ()  # lines with one of these words are of no interest
    pass_fds: tuple[int, ...] = ()
    patience: float = 10.0  # seconds to end in after SIGTERM
    last_line: str = field(default="", init=False)
    process: asyncio.subprocess.Process = field(init=False)
    reader: asyncio.Task[None] = field(init=False)
    keeper: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def start(self) -> None:
        """Start it, in a group of its own: Ctrl-C in the terminal is ours to pass on, in order."""
        self.process = await asyncio.create_subprocess_exec(
            *self.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE,
            start_new_session=True,
            pass_fds=self.pass_fds,
            preexec_fn=end_with_us,
        )
        assert self.process.stdout is not None  # noqa: S101 for mypy: it is a PIPE
        self.reader = asyncio.create_task(self._read(self.process.stdout))

    async def ended(self) -> int:
        """Wait for its end; the exit code, or minus the signal's number."""
        code = await self.process.wait()
        self._kill_group()
        await asyncio.wait({self.reader}, timeout=1)
        return code

    def keep(self) -> None:
        """From now on start it again whenever it ends."""
        self.keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Ask it to end, wait, and kill what is left of its group."""
        if self.keeper:
            self.keeper.cancel()
            await asyncio.wait({self.keeper})
        if self.alive:
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), self.patience)
        except TimeoutError:
            say(f"{self.name} didn't stop within {self.patience:g} s; killing it")
        self._kill_group()
        await self.ended()

    async def _keep(self) -> None:
        delay, began = FIRST_DELAY, time.monotonic()
        while True:
            how = _how(await self.ended())
            if time.monotonic() - began > STEADY:
                delay = FIRST_DELAY
            say(f"{self.name} {how}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            delay, began = min(2 * delay, LONGEST_DELAY), time.monotonic()
            await self.start()

    async def _read(self, output: asyncio.StreamReader) -> None:
        while True:
            try:
                raw = await output.readline()
            except ValueError:  # longer than LINE
                continue
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip()
            if line and not any(word in line for word in self.hush):
                self.last_line = line
                say(line, self.name)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


def _how(code: int) -> str:
    if code < 0:
        return f"was killed ({signal.Signals(-code).name})"
    return f"stopped (exit code {code})"


def end_with_us(parent: int = os.getpid()) -> None:
    """In the child, between fork and exec: ask for SIGTERM when the supervisor dies (Linux)."""
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it has died meanwhile
            os._exit(1)
