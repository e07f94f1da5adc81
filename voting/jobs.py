"""How a job is done: what it finds on its desk, what it leaves, and a sentence however it ends.

Knows none of the jobs: what there is to do is cli/jobs.py's table.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from voting.disk import FULL
from voting.settings import Contest, Keys, Settings
from voting.store import Store
from voting.store.client import StoreDown
from voting.store.jobs import Job, Jobs, JobState

log = logging.getLogger(__name__)

DISK_FULL: Final = "磁盘满了，没有做完。请腾出空间再来一次"
#: Progress is written no oftener than somebody looks.
EVERY_S: Final = 0.4


class Stopped(Exception):  # noqa: N818 the plain word
    """Somebody asked the job to stop; it leaves nothing half-done behind."""


class CannotDo(Exception):  # noqa: N818 the plain word
    """The job can't be done; the text is one sentence in Chinese for whoever asked."""


@dataclass(frozen=True)
class Desk:
    """`folder` is DATA_DIR/jobs/<id>, and it exists. `tell(done, total, sentence)` says how it
    stands as often as the job likes, and raises Stopped when somebody asked for a stop."""

    store: Store
    settings: Settings
    contest: Contest
    keys: Keys
    job: Job
    folder: Path
    tell: Callable[[int, int, str], None]
    now_ms: Callable[[], int]


@dataclass(frozen=True)
class Done:
    """What came out: a sentence, and names of files in the desk's folder."""

    sentence: str
    files: tuple[str, ...] = ()


def run(
    work: Callable[[Desk], Done],
    store: Store,
    settings: Settings,
    contest: Contest,
    keys: Keys,
    job: Job,
) -> Job:
    """Do a job that has begun, and say how it ended. Raises StoreDown if it can't be said."""
    folder = settings.data_dir / "jobs" / job.id
    tell = Teller(store.jobs, job.id)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        done = work(Desk(store, settings, contest, keys, job, folder, tell, _now_ms))
    except Stopped:
        state, done = JobState.STOPPED, Done("已停止，没有留下做了一半的文件")
    except CannotDo as error:
        state, done = JobState.FAILED, Done(str(error))
    except StoreDown as error:
        log.warning("job %s: %s", job.id, error)
        state, done = JobState.FAILED, Done("数据库连不上，没有做完。请过一会儿再来一次")
    except OSError as error:
        log.exception("job %s", job.id)
        state, done = JobState.FAILED, Done(_why(error))
    except Exception:  # whatever it was, whoever asked must not wait for ever
        log.exception("job %s", job.id)
        state, done = JobState.FAILED, Done("程序出了错，没有做完。详情在服务器的日志里")
    else:
        state = JobState.DONE
    return store.jobs.end(job.id, state, done.sentence, _now_ms(), done.files)


def _why(error: OSError) -> str:
    if error.errno in FULL:
        return DISK_FULL
    return f"读写文件失败（{error.strerror or type(error).__name__}），没有做完"


def _now_ms() -> int:
    return int(time.time() * 1000)


@dataclass
class Teller:
    """Passes on how a job stands, at most every so often."""

    jobs: Jobs
    job_id: str
    clock: Callable[[], float] = field(default=time.monotonic)
    _last: float = field(default=float("-inf"), init=False)

    def __call__(self, done: int, total: int, sentence: str) -> None:
        now = self.clock()
        if now - self._last < EVERY_S:
            return
        self._last = now
        if not self.jobs.tell(self.job_id, done, total, sentence):
            raise Stopped
