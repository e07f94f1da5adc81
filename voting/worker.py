"""What is periodic or long and must never sit in a vote's way. The vote goes on without it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from voting.contest import EntryState
from voting.settings import ROOT, Settings, missing_for_scrutiny
from voting.shelf import Shelf
from voting.store import Store
from voting.store.client import StoreDown
from voting.store.jobs import KEPT_MS, Job, Jobs, JobState, NoSuchJob
from voting.store.log import SITE
from voting.store.rules import Pauser
from voting.store.standings import Board
from voting.store.tickets import Tickets
from voting.supervisor.child import end_with_us
from voting.wechat import Api, TokenWorthless, Trouble

log = logging.getLogger(__name__)

EVERY_S = 2.0
#: Below the floor the vote pauses, because a store that meets a full disk stops; it goes on when
#: there is clearly more room again.
DISK_FLOOR = 100 * 1024 * 1024
DISK_ENOUGH = 2 * DISK_FLOOR
#: Media are put out just before their entry is approved, so younger ones are nobody's leftovers.
LEFTOVER_S = 60.0
#: Scrutiny ends itself after ten minutes (voting/inspector.py); one that can't is ended.
SCRUTINY_S: Final = 660.0
#: A job that was asked to stop does so at its next step; one that doesn't is ended.
PATIENCE_S: Final = 20.0
SWEEP_EVERY_S: Final = 600.0
#: What was uploaded carries phone numbers: nobody took it in for a day, nobody will.
INBOX_KEPT_S: Final = 24 * 3600.0


def work(store: Store, settings: Settings, sleep: Callable[[float], None]) -> None:
    """Do everything that is due, for ever."""
    shelf = Shelf(settings.media_dir, settings.public_dir)
    foreman = Foreman(store.jobs, settings.data_dir / "jobs")
    watchman = Watchman(store, settings.scrutiny_minutes)
    wechat = Api(settings.wechat) if settings.wechat else None
    while True:
        foreman.look()
        watchman.look()
        try:
            board = store.boards.current()
            guard_disk(store, shutil.disk_usage(settings.data_dir).free)
            store.mending.mend()
            reconcile(store, board, shelf)
            store.figures.keep_up(board)
            if wechat:
                keep_ticket(store.tickets, wechat)
        except (StoreDown, OSError) as error:
            log.warning("worker: %s", error)
        sleep(EVERY_S)


def guard_disk(store: Store, free: int) -> None:
    """Pause the vote while the disk is nearly full, and go on afterwards. `free` in bytes."""
    paused_by = store.rules.paused_by()  # looked at first, because a change takes a lock
    if free < DISK_FLOOR and paused_by is None:
        store.rules.pause(f"磁盘只剩 {free // 2**20} MB，自动暂停", Pauser.DISK_GUARD, SITE)
    elif free > DISK_ENOUGH and paused_by is Pauser.DISK_GUARD:
        store.rules.resume("磁盘空间恢复，自动继续", Pauser.DISK_GUARD, SITE)


def reconcile(store: Store, board: Board, shelf: Shelf) -> None:
    """Make public what is approved and nothing else, should a command have died half-way."""
    expected = {entry.media for entry in board.entries.values()} & shelf.kept()
    if board.stale or shelf.out() == expected:
        return
    # A board may be a moment old, so the store is asked before anything is done.
    approved = _approved_media(store)
    for name in shelf.out(LEFTOVER_S) - approved:
        shelf.take_away(name)
    missing = (approved & shelf.kept()) - shelf.out()
    for name in missing:
        shelf.put_out(name)
    for name in missing - _approved_media(store):  # withdrawn meanwhile, and not there to take away
        shelf.take_away(name)


def _approved_media(store: Store) -> set[str]:
    entries = store.entries.all()
    if not entries:
        raise StoreDown("there are public media, but no entries in the store")
    return {entry.media for entry in entries.values() if entry.state is EntryState.APPROVED}


# --- WeChat -------------------------------------------------------------------------------------


def keep_ticket(tickets: Tickets, api: Api) -> None:
    """Have the ticket for WeChat's JS-SDK renewed when it is time. It happens beside the rest:
    WeChat may take many seconds, and the disk and the jobs can't wait.
    """
    if tickets.try_now(api.account.app_id):
        threading.Thread(target=_renew_and_tell, args=(tickets, api), daemon=True).start()


def _renew_and_tell(tickets: Tickets, api: Api) -> None:
    try:
        renew_ticket(tickets, api)
    except (StoreDown, Trouble) as error:  # the old one goes on till it ends
        log.warning("share cards: %s", error)


def renew_ticket(tickets: Tickets, api: Api) -> None:
    """Get a new ticket. Raises Trouble when WeChat gives none, and StoreDown."""
    app_id = api.account.app_id
    for token in _tokens(tickets, api):
        try:
            ticket = api.ticket(token)
        except TokenWorthless as error:
            refused = error
        else:
            tickets.keep_ticket(app_id, ticket.value, ticket.lives_s)
            return
    raise refused


def _tokens(tickets: Tickets, api: Api) -> Iterator[str]:
    """The token that we have, the one that WeChat has, and only then a new one."""
    app_id = api.account.app_id
    if kept := tickets.token(app_id):
        yield kept
    for force in (False, True):
        token = api.token(force=force)
        tickets.keep_token(app_id, token.value, token.lives_s)
        yield token.value


# --- jobs ---------------------------------------------------------------------------------------


def start_job(job_id: str) -> subprocess.Popen[bytes]:
    """A job's own process, in a group of its own: it ends with us, and votes go before it."""
    command = (sys.executable, "-m", "flask", "--app", "app", "job", job_id)
    return subprocess.Popen(  # noqa: S603 our own command, and an id of our own making
        command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_modest
    )


def _modest() -> None:
    end_with_us()
    os.nice(10)


@dataclass
class Foreman:
    """Has the jobs done, one at a time; looks after the one at work and never waits for it."""

    jobs: Jobs
    folder: Path
    start: Callable[[str], subprocess.Popen[bytes]] = start_job
    now: Callable[[], float] = time.time
    at_work: tuple[str, subprocess.Popen[bytes]] | None = field(default=None, init=False)
    asked: float = field(default=0.0, init=False)  # since when the job at work should stop
    swept: float = field(default=float("-inf"), init=False)

    def look(self) -> None:
        """One round: what has ended is told, what waits is begun, what is old is removed."""
        try:
            self._look_after()
            if self.at_work is None:
                self._begin()
            if self.now() - self.swept > SWEEP_EVERY_S:
                self.swept = self.now()
                self._sweep()
        except (StoreDown, OSError) as error:
            log.warning("jobs: %s", error)

    def _look_after(self) -> None:
        if self.at_work is None:
            return
        job_id, process = self.at_work
        if process.poll() is None:
            self.jobs.beat(job_id, self._ms())
            self._end_if_stubborn(job_id, process)
            return
        _kill_group(process)  # what it may have left running
        with suppress(NoSuchJob):
            job = self.jobs.of(job_id)
            if not job.ended:
                state, sentence = _how_it_died(job, process.returncode)
                self.jobs.end(job_id, state, sentence, self._ms())
        _remove_unfinished(self.folder / job_id)
        self.at_work = None

    def _end_if_stubborn(self, job_id: str, process: subprocess.Popen[bytes]) -> None:
        with suppress(NoSuchJob):
            if self.jobs.of(job_id).state is not JobState.STOPPING:
                self.asked = 0.0
                return
        self.asked = self.asked or self.now()
        if self.now() - self.asked > 2 * PATIENCE_S:
            _kill_group(process)
        elif self.now() - self.asked > PATIENCE_S:
            process.terminate()

    def _begin(self) -> None:
        for job in self.jobs.silent(self._ms()):
            self.jobs.put_back(job, self._ms())
        claimed = self.jobs.claim(self._ms())
        if claimed:
            self.asked = 0.0
            self.at_work = claimed.id, self.start(claimed.id)

    def _sweep(self) -> None:
        """Remove jobs that ended a week ago, folders that belong to none, and uploads that were
        left lying."""
        oldest = self._ms() - KEPT_MS
        jobs = self.jobs.all()
        old = {job.id for job in jobs if job.ended and job.ended_ms < oldest}
        for job_id in old:
            shutil.rmtree(self.folder / job_id, ignore_errors=True)
            self.jobs.remove(job_id)
        known = {job.id for job in jobs} - old
        for path in self.folder.iterdir() if self.folder.exists() else ():
            if path.name not in known and path.stat().st_mtime * 1000 < oldest:
                shutil.rmtree(path, ignore_errors=True)
        wanted = {Path(job.asked.get("folder", "")).name for job in jobs if not job.ended}
        inbox = self.folder.with_name("inbox")
        for path in inbox.iterdir() if inbox.exists() else ():
            if path.name not in wanted and self.now() - _newest(path) > INBOX_KEPT_S:
                shutil.rmtree(path, ignore_errors=True)

    def _ms(self) -> int:
        return int(self.now() * 1000)


# --- scrutiny -----------------------------------------------------------------------------------


def start_scrutiny() -> subprocess.Popen[bytes]:
    """A process of its own that looks at the whole ledger, once."""
    command = (sys.executable, "-m", "flask", "--app", "app", "inspect")
    return subprocess.Popen(  # noqa: S603 our own command
        command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_modest
    )


@dataclass
class Watchman:
    """Has the ledger scrutinized every few minutes while it grows, and once more when the vote has
    closed; whatever becomes of that process, nobody waits for it. `minutes` 0: never."""

    store: Store
    minutes: int
    start: Callable[[], subprocess.Popen[bytes]] = start_scrutiny
    now: Callable[[], float] = time.time
    missing: Callable[[], Sequence[str]] = missing_for_scrutiny
    at_work: subprocess.Popen[bytes] | None = field(default=None, init=False)
    began: float = field(default=float("-inf"), init=False)
    asked: float = field(default=float("-inf"), init=False)
    told: bool = field(default=False, init=False)

    def look(self) -> None:
        """One round: what hangs is ended, what is due begins."""
        try:
            self._look_after()
            if self.minutes and self.at_work is None and self._is_time():
                self.asked = self.now()
                if self._has_grown() and self._can():
                    self.began = self.now()
                    self.at_work = self.start()
        except (StoreDown, OSError) as error:
            log.warning("scrutiny: %s", error)

    def _look_after(self) -> None:
        if self.at_work is None:
            return
        code = self.at_work.poll()
        if code is None and self.now() - self.began <= SCRUTINY_S:
            return
        _kill_group(self.at_work)
        if code is None:
            log.warning("scrutiny: no end after %.0f s, so it was ended", SCRUTINY_S)
        elif code:
            log.warning("scrutiny: ended with %d; the vote goes on without it", code)
        self.at_work.wait()
        self.at_work = None

    def _is_time(self) -> bool:
        """Every few minutes; and at once when nobody can vote any more."""
        if self.now() - self.asked >= self.minutes * 60:
            return True
        if self.now() - self.asked < EVERY_S:  # what fails doesn't begin again and again
            return False
        closes_s = self.store.boards.current().rules.closes_ms / 1000
        return self.asked < closes_s <= self.now()

    def _has_grown(self) -> bool:
        """Whether there are rows that the newest run hasn't looked at."""
        rows = self.store.ledger.size()
        run = self.store.cases.latest() if rows else None
        return rows > 0 and (run is None or run.rows != rows)

    def _can(self) -> bool:
        missing = self.missing()
        if missing and not self.told:
            log.warning("scrutiny: not installed: %s (requirements-scrutiny.txt); the vote goes on "
                        "without it", ", ".join(missing))  # fmt: skip
        self.told = bool(missing)
        return not missing


def _how_it_died(job: Job, code: int) -> tuple[JobState, str]:
    if job.state is JobState.STOPPING:
        return JobState.STOPPED, "已停止"
    if code == -signal.SIGALRM:
        return JobState.FAILED, "做得太久，停下了，没有做完"
    if code == -signal.SIGKILL:
        return JobState.FAILED, "做到一半被系统结束了，多半是内存不够"
    how = f"信号 {-code}" if code < 0 else f"退出码 {code}"
    return JobState.FAILED, f"做到一半停了（{how}），详情在服务器的日志里"


def _remove_unfinished(folder: Path) -> None:
    """Files are written as `.<name>.part` and get their names when they are whole."""
    for path in folder.glob(".*.part"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _newest(folder: Path) -> float:
    """When something last came into it, in seconds."""
    return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
