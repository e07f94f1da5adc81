"""A job is run, and however it ends somebody reads a sentence."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from casting import now_ms
from flask import Flask
from flask.cli import FlaskGroup

from voting import jobs
from voting.desk import CannotDo, Desk, Done, Stopped
from voting.settings import ROOT
from voting.store.client import StoreDown
from voting.store.jobs import Job, JobKind, JobState
from voting.web.site import Site


def claimed(site: Site, kind: JobKind = JobKind.EXPORT, **asked: str) -> Job:
    site.store.jobs.add(kind, "王组织", now_ms(), **asked)
    job = site.store.jobs.claim(now_ms())
    assert job
    return job


@pytest.fixture
def run(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Desk], Done]], Job]:
    def do(work: Callable[[Desk], Done]) -> Job:
        monkeypatch.setitem(jobs.WORK, JobKind.EXPORT, work)
        job = claimed(site)
        return jobs.run(site.store, site.settings, site.contest, site.keys, job)

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
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), JobState.FAILED, jobs.FULL),
        (OSError(errno.EDQUOT, "quota"), JobState.FAILED, jobs.FULL),
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


def test_a_kind_that_nobody_does_fails_in_a_sentence(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.CRITICAL)
    monkeypatch.delitem(jobs.WORK, JobKind.EXPORT)
    job = jobs.run(site.store, site.settings, site.contest, site.keys, claimed(site))
    assert job.state is JobState.FAILED


def test_every_kind_is_done_by_somebody():
    assert jobs.WORK.keys() == set(JobKind)


def test_a_process_of_its_own_does_it(app: Flask, site: Site, environ: dict[str, str]):
    """As the worker starts it: flask --app app job ID."""
    job = claimed(site, table="decisions", format="csv")
    command = [sys.executable, "-m", "flask", "--app", "app", "job", job.id]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environ}, check=True, capture_output=True
    )
    assert done.stderr == b""
    job = site.store.jobs.of(job.id)
    assert job.state is JobState.DONE
    assert (site.settings.data_dir / "jobs" / job.id / job.files[0]).is_file()


def test_a_job_that_is_not_there_is_refused(app: Flask):
    runner = app.test_cli_runner()
    result = runner.invoke(FlaskGroup(create_app=lambda: app), ["job", "nobody"])
    assert result.exit_code == 1
    assert "没有 nobody 这件工作" in result.output
