"""Submissions → verdicts, in processes of their own: whatever a file does there, the rest goes on.

First everything is looked at, which is quick; then what is taken in gets its media, which is long.
So it is known early how much there is to do, nothing is encoded that is refused anyway, and
verdicts come in the mailbox's order, however many processes work.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from errno import ENOSPC
from pathlib import Path
from typing import Any, Final

from voting.contest import Entry, Notice
from voting.intake.folder import Submission
from voting.intake.mailbox import Looked, judge
from voting.intake.verdict import Draft, Finding, Refused, Remedy, TakenBefore, Verdict
from voting.intake.video import Video, why_web_copy

HOUSE: Final = Path(__file__).resolve().parent.parent.parent
COMMAND: Final = (sys.executable, "-m", "voting.intake.workbench")
#: How often a process is looked after, seconds.
EVERY_S: Final = 0.1
#: An answer is a form's texts and a video's figures; a longer one is no answer of ours.
LONGEST_ANSWER: Final = 1 << 20
AT_MOST: Final = 8
MOST_THREADS: Final = 4  # of one process; each holds pictures of its own
UNFINISHED: Final = ".intake-"
#: Folders that others leave next to the media when they die; nobody works on one for a day.
LEFT_S: Final = 24 * 3600

Answer = dict[str, Any]
#: Hears how many submissions are done, of how many, and a sentence; whatever it raises is a stop.
Tell = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one submission may cost: bytes of memory, seconds of processor time.

    Measured: 1080p in H.264, HEVC and AV1 took up to 390 MB and 580 MB of address space, 4K in
    ten bits 580 MB and 800 MB.

    Looking may take `look_s` and the time to read the files; media `make_s` and `make_per_s` for
    each second of video. By the clock it is `patience` times as much. Media aren't begun with less
    than `reserve` bytes free on the disk, because the votes' store must never meet a full one.
    """

    address_space: int = 1536 << 20
    resident: int = 700 << 20
    look_s: float = 10.0
    read_bytes_per_s: float = 20e6
    make_s: float = 20.0
    make_per_s: float = 20.0
    patience: float = 4.0
    reserve: int = 300 << 20


class WorkshopBroken(Exception):  # noqa: N818 the plain word
    """No process for strangers' files can be started here."""


def process(
    submissions: Sequence[Submission],
    notice: Notice,
    media_root: Path,
    known: Collection[Entry],
    tell: Tell,
    limits: Limits | None = None,
) -> Generator[Verdict, None, None]:
    """Each submission's verdict, in order; those that are taken in have their media under
    `media_root` when they come.

    Stopped (by whatever `tell` raises, or Ctrl-C) or out of disk it still gives the verdicts that
    are ready, leaves nothing half-done, and then raises. Raises OSError when the disk doesn't play
    along, and WorkshopBroken.
    """
    limits = limits or Limits()
    media_root.mkdir(parents=True, exist_ok=True)
    sweep(media_root)
    with _own_folder(media_root) as work:
        shop = _Workshop(notice, known, limits, work)
        try:
            seen = _looked_at(shop, submissions, tell)
            decided = _decided(seen, known)
            yield from _made(shop, submissions, decided, media_root, tell)
        finally:
            shop.close()


# --- the two passes -----------------------------------------------------------------------------

Seen = Looked | Refused | TakenBefore


def _looked_at(shop: _Workshop, submissions: Sequence[Submission], tell: Tell) -> list[Seen]:
    total, limits = len(submissions), shop.limits
    tasks = []
    for one in submissions:
        size = sum(_size(path) for path in (one.form, one.video) if path)
        fields = asdict(one) | {"form": _text(one.form), "video": _text(one.video)}
        cpu_s = limits.look_s + size / limits.read_bytes_per_s
        tasks.append(_Task({"do": "look", "submission": fields}, cpu_s, 1 + size))
    seen: list[Seen | None] = [None] * total
    tell(0, total, f"正在检查 {total} 件投稿")
    for index, answer in shop.work(tasks, lambda _: None):
        seen[index] = _read(answer, submissions[index])
        count = sum(one is not None for one in seen)
        tell(0, total, f"已检查 {count}/{total}")
    return [one for one in seen if one is not None]


def _decided(seen: Sequence[Seen], known: Collection[Entry]) -> list[Seen]:
    earlier: list[Looked] = []
    decided: list[Seen] = []
    for one in seen:
        judged = judge(one, earlier, known) if isinstance(one, Looked) else one
        if isinstance(judged, Looked):
            earlier.append(judged)
        decided.append(judged)
    return decided


def _made(
    shop: _Workshop,
    submissions: Sequence[Submission],
    decided: Sequence[Seen],
    media_root: Path,
    tell: Tell,
) -> Iterator[Verdict]:
    makes = [(index, one) for index, one in enumerate(decided) if isinstance(one, Looked)]
    verdicts: list[Verdict | None] = [None if isinstance(one, Looked) else one for one in decided]
    tasks = [
        _making(shop, submissions[index].video, one, media_root, len(makes)) for index, one in makes
    ]
    pace = _Pace(len(decided), len(makes), sum(task.cost for task in tasks), tell)
    given = 0

    def ready() -> Iterator[Verdict]:
        nonlocal given
        while given < len(verdicts) and (verdict := verdicts[given]) is not None:
            given += 1
            yield verdict

    try:
        pace.say(0.0)
        yield from ready()
        for position, answer in shop.work(tasks, pace.say):
            index, looked = makes[position]
            refused = None if answer.get("made") else _why(answer, "视频")
            verdicts[index] = Refused(looked.name, (refused,)) if refused else looked.verdict
            pace.finished += 1
            yield from ready()
    except GeneratorExit:
        raise
    except BaseException:
        shop.close()
        yield from (verdict for verdict in verdicts[given:] if verdict is not None)
        raise


def _making(
    shop: _Workshop, source: Path | None, looked: Looked, media_root: Path, tasks: int
) -> _Task:
    video, limits = looked.video, shop.limits
    fields = {
        "do": "make",
        "source": _text(source),
        "video": asdict(video),
        "media": str(media_root / looked.draft.media),
        "work": str(shop.folder),
        "threads": max(1, min(MOST_THREADS, shop.cores // min(tasks, shop.places))),
    }
    # Each gets a copy for mobile networks; one for phones that can't play it costs twice that.
    cost = (1 + video.seconds) * (3 if why_web_copy(video) else 1)
    size = _size(source) if source else 0
    return _Task(fields, limits.make_s + limits.make_per_s * video.seconds, cost, size)


# --- answers ------------------------------------------------------------------------------------


def _read(answer: Answer, submission: Submission) -> Seen:
    """What a process says about a submission; nonsense is as if it had died."""
    try:
        kind, seen = answer.get("kind"), answer.get("seen", {})
        if kind == "TakenBefore":
            return TakenBefore(submission.name, int(seen["number"]))
        if kind == "Refused":
            return Refused(submission.name, _findings(seen["reasons"]))
        if kind == "Looked":
            return Looked(
                submission.name,
                Draft(**seen["draft"]),
                Video(**seen["video"]),
                _findings(seen["doubts"]),
                tuple(map(str, seen["notes"])),
            )
    except (KeyError, TypeError, ValueError):
        answer = {"failed": "nonsense"}
    part = {"form": "报名表", "video": "视频"}.get(answer.get("at", ""), "这件投稿")
    return Refused(submission.name, (_why(answer, part),))


def _findings(found: Sequence[Sequence[str]]) -> tuple[Finding, ...]:
    return tuple(Finding(str(sentence), Remedy(remedy)) for sentence, remedy in found)


def _why(answer: Answer, part: str) -> Finding:
    remedy = Remedy.FORM_FILE if part == "报名表" else Remedy.VIDEO_FILE
    if reason := answer.get("refused"):
        return Finding(str(reason), remedy)
    if answer.get("slow"):
        return Finding(f"处理{part}用时过长，已经停止；正常的文件不会这样", remedy)
    if answer.get("memory"):
        return Finding(f"处理{part}占用的内存过多，已经停止；正常的文件不会这样", remedy)
    return Finding(f"{part}无法处理，文件可能已损坏", remedy)


# --- processes ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Task:
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
    task: _Task | None = None
    index: int = -1
    until: float = 0.0
    at: str = ""
    share: float = 0.0
    heard: bytes = b""

    def give(self, index: int, task: _Task, patience: float) -> None:
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
class _Workshop:
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
        self, tasks: Sequence[_Task], pulse: Callable[[float], None]
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

    def _hand_out(self, waiting: deque[tuple[int, _Task]]) -> None:
        idle = [bench for bench in self.benches if not bench.task]
        while waiting and (idle or len(self.benches) < self.places):
            self._make_room(waiting[0][1])
            bench = idle.pop() if idle else self._start()
            bench.give(*waiting.popleft(), self.limits.patience)

    def _make_room(self, task: _Task) -> None:
        """A video's copies are about as large as itself, or smaller."""
        if task.size and shutil.disk_usage(self.folder).free < self.limits.reserve + 3 * task.size:
            raise OSError(ENOSPC, os.strerror(ENOSPC))

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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # told when it is opened
        return 0


def _text(path: Path | None) -> str:
    return str(path.absolute()) if path else ""


# --- what is left behind ------------------------------------------------------------------------


@contextlib.contextmanager
def _own_folder(media_root: Path) -> Iterator[Path]:
    """A hidden folder on the media's disk, locked for as long as we live, and gone afterwards."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=media_root))
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_SH)
        if folder.exists():  # else somebody swept it away before it was locked
            break
        os.close(handle)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def sweep(media_root: Path) -> None:
    """Remove what earlier runs that were killed left half-done; not what others are making now."""
    for folder in media_root.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(handle)
    for folder in media_root.glob(".*-*"):
        with contextlib.suppress(OSError):
            if folder.is_dir() and time.time() - folder.stat().st_mtime > LEFT_S:
                shutil.rmtree(folder)


# --- progress -----------------------------------------------------------------------------------


@dataclass
class _Pace:
    """How it stands and how long it will take, by the videos' lengths rather than their number."""

    total: int
    to_make: int
    cost: float
    tell: Tell
    finished: int = 0
    since: float = field(default_factory=time.monotonic)

    def say(self, done: float) -> None:
        count = self.total - self.to_make + self.finished
        words = f"已完成 {count}/{self.total}"
        elapsed = time.monotonic() - self.since
        if count < self.total and done > 0 and elapsed > 1:
            words += f"，约还需 {duration(elapsed * max(0.0, self.cost - done) / done)}"
        self.tell(count, self.total, words)


def duration(seconds: float) -> str:
    """`20 秒`, `1 分 20 秒`, `2 小时 5 分`; rounded as an estimate is."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} 秒"
    if whole < 600:
        return f"{whole // 60} 分 {whole % 60 // 10 * 10} 秒"
    if whole < 3600:
        return f"{round(whole / 60)} 分钟"
    return f"{whole // 3600} 小时 {whole % 3600 // 60} 分"
