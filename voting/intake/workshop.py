"""Processes in which strangers' files are opened: whatever a file does there, the rest goes on."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from voting.contest import Entry, Notice
from voting.disk import need_room

HOUSE: Final = Path(__file__).resolve().parent.parent.parent
COMMAND: Final = (sys.executable, "-m", "voting.intake.workbench")
#: How often a process is looked after, seconds.
EVERY_S: Final = 0.1
#: An answer is a form's texts and a video's figures; a longer one is no answer of ours.
LONGEST_ANSWER: Final = 1 << 20
AT_MOST: Final = 8

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one submission may cost: bytes of memory, seconds of processor time.

    Measured: 1080p in H.264, HEVC and AV1 took up to 390 MB and 580 MB of address space, 4K in
    ten bits 580 MB and 800 MB.

    Looking may take `look_s` and the time to read the files; media `make_s` and `make_per_s` for
    each second of video. By the clock it is `patience` times as much.
    """

    address_space: int = 1536 << 20
    resident: int = 700 << 20
    look_s: float = 10.0
    read_bytes_per_s: float = 20e6
    make_s: float = 20.0
    make_per_s: float = 20.0
    patience: float = 4.0


class WorkshopBroken(Exception):  # noqa: N818 the plain word
    """No process for strangers' files can be started here."""


@dataclass(frozen=True, slots=True)
class Task:
    """`cost` is for estimating the time left; `size` is what the media's original will take."""

    fields: Answer
    cpu_s: float
    cost: float
    size: int = 0


@dataclass
class _Bench:
    """One process, and what it is busy with."""

    process: subprocess.Popen[bytes]
    started: bool = False
    task: Task | None = None
    index: int = -1
    until: float = 0.0
    at: str = ""
    share: float = 0.0
    heard: bytes = b""

    def give(self, index: int, task: Task, patience: float) -> None:
        self.task, self.index, self.at, self.share = task, index, "", 0.0
        self.until = time.monotonic() + patience * task.cpu_s
        self.send(task.fields | {"cpu_s": task.cpu_s})

    def send(self, fields: Answer) -> None:
        assert self.process.stdin  # noqa: S101 for the type checker
        with contextlib.suppress(BrokenPipeError):  # its death is noticed where it is heard
            self.process.stdin.write(json.dumps(fields).encode() + b"\n")
            self.process.stdin.flush()

    def hear(self) -> list[Answer] | None:
        """The lines said since; None when it has died or talks nonsense."""
        assert self.process.stdout  # noqa: S101 for the type checker
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        *lines, self.heard = (self.heard + data).split(b"\n")
        if not data or len(self.heard) > LONGEST_ANSWER:
            return None
        try:
            found = [json.loads(line) for line in lines]
        except ValueError:
            return None
        return found if all(isinstance(one, dict) for one in found) else None

    def end(self) -> int:
        """Kill it; the signal that it died of, 0 if it ended by itself."""
        if self.process.poll() is None:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        return -min(self.process.wait(), 0)


@dataclass
class Workshop:
    """A few processes, each with one task at a time. `folder` is where media are made."""

    notice: Notice
    known: Collection[Entry]
    limits: Limits
    folder: Path
    benches: list[_Bench] = field(default_factory=list)

    @property
    def cores(self) -> int:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1

    @property
    def places(self) -> int:
        """How many processes there may be: by cores, and by memory should each take its most."""
        return max(1, min(self.cores, AT_MOST, _free_memory() // self.limits.resident))

    def work(
        self, tasks: Sequence[Task], pulse: Callable[[float], None]
    ) -> Iterator[tuple[int, Answer]]:
        """Do the tasks, giving each one's index and answer as it is done.

        `pulse` hears often how much of the whole cost is done. Raises OSError for a disk that is
        full or broken.
        """
        waiting, done = deque(enumerate(tasks)), 0.0
        while waiting or any(bench.task for bench in self.benches):
            self._hand_out(waiting)
            for bench, answer in self._heard():
                assert bench.task  # noqa: S101 for the type checker
                index, done = bench.index, done + bench.task.cost
                bench.task = None
                if code := answer.get("disk"):
                    raise OSError(int(code), os.strerror(int(code)))
                yield index, answer
            busy = [bench for bench in self.benches if bench.task]
            pulse(done + sum(bench.share * bench.task.cost for bench in busy if bench.task))

    def close(self) -> None:
        """End all processes and whatever they were making."""
        while self.benches:
            self._drop(self.benches[-1])

    def _hand_out(self, waiting: deque[tuple[int, Task]]) -> None:
        idle = [bench for bench in self.benches if not bench.task]
        while waiting and (idle or len(self.benches) < self.places):
            self._make_room(waiting[0][1])
            bench = idle.pop() if idle else self._start()
            bench.give(*waiting.popleft(), self.limits.patience)

    def _make_room(self, task: Task) -> None:
        """A video's copies are about as large as itself, or smaller."""
        if task.size:
            need_room(self.folder, 3 * task.size)

    def _start(self) -> _Bench:
        process = subprocess.Popen(  # noqa: S603 ourselves
            COMMAND,
            cwd=HOUSE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # FFmpeg's messages hold files' names
            start_new_session=True,  # Ctrl-C in the terminal is ours to pass on
            # No secrets go along; and each of glibc's arenas would take 64 MB of address space.
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2"},
        )
        bench = _Bench(process)
        self.benches.append(bench)
        order = {
            "address_space": self.limits.address_space,
            "notice": asdict(self.notice),
            "known": [(one.form_sha256, one.video_sha256, one.number) for one in self.known],
        }
        bench.send(order)
        return bench

    def _heard(self) -> Iterator[tuple[_Bench, Answer]]:
        """Wait a moment; which tasks are over, and how."""
        busy = [bench for bench in self.benches if bench.task]
        with selectors.DefaultSelector() as selector:
            for bench in busy:
                assert bench.process.stdout  # noqa: S101 for the type checker
                selector.register(bench.process.stdout, selectors.EVENT_READ, bench)
            events = [key.data for key, _ in selector.select(EVERY_S)]
        for bench in busy:
            answer = self._answer(bench) if bench in events else self._over(bench)
            if answer is not None:
                yield bench, {"at": bench.at} | answer

    def _answer(self, bench: _Bench) -> Answer | None:
        said = bench.hear()
        if said is None:
            return self._died(bench)
        for one in said:
            bench.started = bench.started or "ready" in one
            bench.at = str(one.get("at", bench.at))
            if isinstance(share := one.get("share"), int | float):
                bench.share = min(max(share, 0.0), 1.0)
            if one.get("over"):
                return one
        return self._over(bench)

    def _over(self, bench: _Bench) -> Answer | None:
        """End a process that takes more than it may."""
        if time.monotonic() > bench.until:
            self._drop(bench)
            return {"slow": True}
        if _resident(bench.process.pid) > self.limits.resident:
            self._drop(bench)
            return {"memory": True}
        return None

    def _died(self, bench: _Bench) -> Answer:
        died_of = self._drop(bench)
        if not bench.started:
            raise WorkshopBroken
        return {"slow": True} if died_of == signal.SIGXCPU else {"failed": "died"}

    def _drop(self, bench: _Bench) -> int:
        self.benches.remove(bench)
        died_of = bench.end()
        if bench.task and (media := bench.task.fields.get("media")):
            for left in self.folder.glob(f".{Path(media).name}-*"):
                shutil.rmtree(left, ignore_errors=True)
        return died_of


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 where the system doesn't say."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _free_memory() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 1 << 60
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) << 10 if found else 1 << 60
