"""A job is run, and however it ends somebody reads a sentence."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable

import pytest
from casting import now_ms

from voting import jobs
from voting.jobs import EVERY_S, CannotDo, Desk, Done, Stopped, Teller
from voting.store.client import StoreDown
from voting.store.jobs import Job, JobKind, JobState
from voting.web.site import Site


@pytest.fixture
def run(site: Site) -> Callable[[Callable[[Desk], Done]], Job]:
    def do(work: Callable[[Desk], Done]) -> Job:
        site.store.jobs.add(JobKind.EXPORT, "王组织", now_ms())
        job = site.store.jobs.claim(now_ms())
        assert job
        return jobs.run(work, site.store, site.settings, site.contest, site.keys, job)

    return do


def test_what_is_done_leaves_its_sentence_and_files(run):
    def work(desk: Desk) -> Done:
        assert desk.folder.is_dir()
        assert desk.folder.stat().st_mode & 0o777 == 0o700
        desk.tell(1, 2, "一半")
        return Done("好了", ("票数.csv",))

    job = run(work)
    assert (job.state, job.sentence, job.files) == (JobState.DONE, "好了", ("票数.csv",))
    assert job.ended_ms >= job.started_ms


@pytest.mark.parametrize(
    ("error", "state", "sentence"),
    [
        (Stopped(), JobState.STOPPED, "已停止，没有留下做了一半的文件"),
        (CannotDo("还没有公开的作品"), JobState.FAILED, "还没有公开的作品"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), JobState.FAILED, jobs.DISK_FULL),
        (OSError(errno.EDQUOT, "quota"), JobState.FAILED, jobs.DISK_FULL),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            JobState.FAILED,
            "读写文件失败（Permission denied），没有做完",
        ),
        (StoreDown("away"), JobState.FAILED, "数据库连不上，没有做完。请过一会儿再来一次"),
        (ZeroDivisionError(), JobState.FAILED, "程序出了错，没有做完。详情在服务器的日志里"),
        (MemoryError(), JobState.FAILED, "程序出了错，没有做完。详情在服务器的日志里"),
    ],
)
def test_however_it_ends_there_is_a_sentence(
    run, caplog: pytest.LogCaptureFixture, error: Exception, state: JobState, sentence: str
):
    def work(_: Desk) -> Done:
        raise error

    caplog.set_level(logging.CRITICAL)
    job = run(work)
    assert (job.state, job.sentence) == (state, sentence)


def test_a_stop_reaches_the_work(run, site: Site):
    def work(desk: Desk) -> Done:
        site.store.jobs.stop(desk.job.id, now_ms())
        desk.tell(1, 2, "一半")
        return Done("不会到这里")

    assert run(work).state is JobState.STOPPED


def test_a_job_that_tells_all_the_time_writes_now_and_then(site: Site):
    jobs, clock = site.store.jobs, iter([0.0, EVERY_S / 3, EVERY_S / 2, EVERY_S + 0.01])
    job = jobs.add(JobKind.EXPORT, "王组织", 1)
    tell, seen = Teller(jobs, job.id, clock=lambda: next(clock)), []
    for done in (1, 2, 3, 4):
        tell(done, 9, f"第 {done} 步")
        seen.append(jobs.of(job.id).done)
    assert seen == [1, 1, 1, 4]
