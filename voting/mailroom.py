"""A mailbox folder → pending entries and a report: intake joined with the store.

The command and the console's job do the same. Submissions are worked on outside of any lock; the
catalogue decides which of two who take in the same video is first.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from voting.contest import Entry, EntryState
from voting.disk import whole
from voting.intake.folder import FolderRefused, open_folder
from voting.intake.replies import reply
from voting.intake.report import COLUMNS, Filed, Report, page, rows, summary
from voting.intake.taking_in import Tell, process
from voting.intake.verdict import (
    Doubtful,
    Draft,
    Finding,
    Refused,
    Remedy,
    Taken,
    TakenBefore,
    Verdict,
)
from voting.intake.workshop import WorkshopBroken
from voting.jobs import CannotDo, Desk, Done
from voting.report.csv_file import write_csv
from voting.report.table import Column, Table
from voting.settings import Contest, Settings
from voting.store import Store
from voting.store.entries import AlreadyThere

HTML: Final = "收件报告.html"
CSV: Final = "收件报告.csv"
NO_PROCESS: Final = (
    "收件要用的子进程起不来：请在服务器上运行 python -m voting.intake.workbench 看原因"
)
STOPPED: Final = "中途停止了：下面是停止之前处理完的。再运行一次会接着做，已收的不会重复收。"


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What came of it; `files` are names in the folder of the report."""

    filed: tuple[Filed, ...]
    ignored: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return summary(self.filed)


@dataclass(frozen=True)
class Mailroom:
    """Where submissions come in. `by` is who takes them in, `out` where the report is written."""

    store: Store
    settings: Settings
    contest: Contest
    now_ms: Callable[[], int]
    by: str
    out: Path

    def take_in(
        self,
        folder: Path,
        tell: Tell,
        each: Callable[[Filed], None] = lambda _: None,
    ) -> TakenIn:
        """Take in what lies in `folder`; `each` hears every submission's outcome, in order.

        Stopped by whatever `tell` raises, by Ctrl-C or by a full disk it keeps what is done,
        writes the report about it, and raises. Raises CannotDo, OSError and StoreDown.
        """
        try:
            found = open_folder(folder)
        except FolderRefused as refusal:
            raise CannotDo(str(refusal)) from None
        known = list(self.store.entries.all().values())
        filed: list[Filed] = []
        verdicts = process(
            found.submissions, self.contest.notice, self.settings.media_dir, known, tell
        )
        try:
            with contextlib.closing(verdicts):
                for verdict in verdicts:
                    filed.append(self._file(verdict))
                    each(filed[-1])
        except WorkshopBroken:
            raise CannotDo(NO_PROCESS) from None
        except BaseException:
            if filed:
                with contextlib.suppress(OSError):
                    self._write(filed, found.ignored, STOPPED)
            raise
        return TakenIn(tuple(filed), found.ignored, self._write(filed, found.ignored))

    def _file(self, verdict: Verdict) -> Filed:
        """Give a submission that is taken in its number."""
        if isinstance(verdict, TakenBefore):
            return Filed(verdict, verdict.number)
        if isinstance(verdict, Refused):
            return Filed(verdict)
        draft = verdict.draft
        doubts = verdict.doubts if isinstance(verdict, Doubtful) else ()
        entry = Entry(
            number=0,
            state=EntryState.PENDING,
            taken_in_ms=self.now_ms(),
            doubts=tuple(doubt.sentence for doubt in doubts),
            notes=verdict.notes,
            **asdict(draft),
        )
        try:
            return Filed(verdict, self.store.entries.add(entry, self.by).number)
        except AlreadyThere as there:
            return self._second(verdict, draft, there.entry)

    def _second(self, verdict: Taken | Doubtful, draft: Draft, entry: Entry) -> Filed:
        """Somebody else has taken in the same video meanwhile."""
        if draft.media != entry.media:
            shutil.rmtree(self.settings.media_dir / draft.media, ignore_errors=True)
        if draft.form_sha256 == entry.form_sha256:
            return Filed(TakenBefore(verdict.name, entry.number), entry.number)
        sentence = f"和已收的 {entry.label} 号作品是同一段视频，每段视频只收一次"
        return Filed(Refused(verdict.name, (Finding(sentence, Remedy.SAME_VIDEO),)))

    def _write(
        self, filed: list[Filed], ignored: tuple[str, ...], ended: str = ""
    ) -> tuple[str, ...]:
        name = f"{self.contest.name}{self.contest.subtitle}"
        organizer = f"{self.contest.subtitle}组委会"
        report = Report(
            contest=name,
            categories=self.contest.categories,
            at_ms=self.now_ms(),
            by=self.by,
            filed=tuple(filed),
            ignored=ignored,
            reply=partial(
                reply, contest=name, organizer=organizer, sizes=self.contest.notice.sizes
            ),
            ended=ended,
        )
        self.out.mkdir(parents=True, exist_ok=True, mode=0o700)
        columns = tuple(Column(header, width=width) for header, width in COLUMNS)
        with whole(self.out / HTML) as part:
            part.write_text(page(report), encoding="utf-8")
        write_csv(Table("收件", columns, rows(report)), self.out / CSV, lambda _: None)
        return HTML, CSV


# --- uploads ------------------------------------------------------------------------------------


def inbox(settings: Settings) -> Path:
    """Where the console's uploads wait: one folder a batch."""
    return settings.data_dir / "inbox"


def work(desk: Desk) -> Done:
    """The job: take in the batch that `asked["folder"]` names, and delete what was uploaded.

    A job that was stopped, or met a full disk or an absent store, keeps it, to be run again; the
    worker sweeps it away after a day.
    """
    batch = (inbox(desk.settings) / Path(desk.job.asked["folder"]).name).resolve()
    if batch.parent != inbox(desk.settings).resolve() or not batch.is_dir():
        raise CannotDo("上传的文件已经不在了，请重新上传")
    room = Mailroom(desk.store, desk.settings, desk.contest, desk.now_ms, desk.job.by, desk.folder)
    taken = room.take_in(batch, desk.tell)
    shutil.rmtree(batch, ignore_errors=True)
    return Done(taken.sentence, taken.files)
