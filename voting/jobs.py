"""What the jobs do, and how one is run: in a process of its own, which `flask job ID` starts."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from typing import Final

from voting.desk import CannotDo as CannotDo
from voting.desk import Desk as Desk
from voting.desk import Done as Done
from voting.desk import Stopped as Stopped
from voting.desk import Teller
from voting.settings import Contest, Keys, Settings
from voting.store import Store
from voting.store.client import StoreDown
from voting.store.jobs import Job, JobKind, JobState

log = logging.getLogger(__name__)

FULL: Final = "磁盘满了，没有做完。请腾出空间再来一次"


def run(store: Store, settings: Settings, contest: Contest, keys: Keys, job: Job) -> Job:
    """Do a job that has begun, and say how it ended. Raises StoreDown if it can't be said."""
    folder = settings.data_dir / "jobs" / job.id
    tell = Teller(store.jobs, job.id)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        desk = Desk(store, settings, contest, keys, job, folder, tell, _now_ms)
        done = WORK[job.kind](desk)
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
    except Exception:
        log.exception("job %s", job.id)
        state, done = JobState.FAILED, Done("程序出了错，没有做完。详情在服务器的日志里")
    else:
        state = JobState.DONE
    return store.jobs.end(job.id, state, done.sentence, _now_ms(), done.files)


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FULL
    return f"读写文件失败（{error.strerror or type(error).__name__}），没有做完"


def _now_ms() -> int:
    return int(time.time() * 1000)


# Each is imported when it is done, because no job needs the libraries of all.


def _intake(desk: Desk) -> Done:
    from voting import mailroom

    return mailroom.work(desk)


def _result(desk: Desk) -> Done:
    from voting import draft

    return draft.work(desk)


def _export(desk: Desk) -> Done:
    from voting.report import export

    return export.work(desk)


def _result_pack(desk: Desk) -> Done:
    from voting.report import pack

    return pack.work(desk)


def _qr_pack(desk: Desk) -> Done:
    from voting.report import qr_pack

    return qr_pack.work(desk)


WORK: Final[dict[JobKind, Callable[[Desk], Done]]] = {
    JobKind.INTAKE: _intake,
    JobKind.RESULT: _result,
    JobKind.EXPORT: _export,
    JobKind.RESULT_PACK: _result_pack,
    JobKind.QR_PACK: _qr_pack,
}
