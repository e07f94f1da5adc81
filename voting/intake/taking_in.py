"""Submissions → verdicts, with the media of those that are taken in.

First everything is looked at, which is quick; then what is taken in gets its media, which is long.
So it is known early how much there is to do, nothing is encoded that is refused anyway, and
verdicts come in the mailbox's order, however many processes work.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from voting.contest import Entry, Notice
from voting.intake.folder import Submission
from voting.intake.mailbox import Looked, judge
from voting.intake.verdict import Draft, Finding, Refused, Remedy, TakenBefore, Verdict
from voting.intake.video import Video, why_web_copy
from voting.intake.workshop import Answer, Limits, Task, Workshop

MOST_THREADS: Final = 4  # of one process; each holds pictures of its own
UNFINISHED: Final = ".intake-"
#: Folders that others leave next to the media when they die; nobody works on one for a day.
LEFT_S: Final = 24 * 3600

#: Hears how many submissions are done, of how many, and a sentence; whatever it raises is a stop.
Tell = Callable[[int, int, str], None]


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
        shop = Workshop(notice, known, limits, work)
        try:
            seen = _looked_at(shop, submissions, tell)
            decided = _decided(seen, known)
            yield from _made(shop, submissions, decided, media_root, tell)
        finally:
            shop.close()


# --- the two passes -----------------------------------------------------------------------------

Seen = Looked | Refused | TakenBefore


def _looked_at(shop: Workshop, submissions: Sequence[Submission], tell: Tell) -> list[Seen]:
    total, limits = len(submissions), shop.limits
    tasks = []
    for one in submissions:
        size = sum(_size(path) for path in (one.form, one.video) if path)
        fields = asdict(one) | {"form": _text(one.form), "video": _text(one.video)}
        cpu_s = limits.look_s + size / limits.read_bytes_per_s
        tasks.append(Task({"do": "look", "submission": fields}, cpu_s, 1 + size))
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
    shop: Workshop,
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
    shop: Workshop, source: Path | None, looked: Looked, media_root: Path, tasks: int
) -> Task:
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
    return Task(fields, limits.make_s + limits.make_per_s * video.seconds, cost, size)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # told when it is opened
        return 0


def _text(path: Path | None) -> str:
    return str(path.absolute()) if path else ""


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
