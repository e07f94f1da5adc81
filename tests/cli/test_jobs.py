"""`job ID`: the process that the worker starts for a job."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from casting import now_ms
from flask import Flask
from flask.cli import FlaskGroup

from voting.cli.jobs import work_of
from voting.settings import ROOT
from voting.store.jobs import JobKind, JobState
from voting.web.site import Site


@pytest.mark.parametrize("kind", JobKind)
def test_every_kind_is_done_by_somebody(kind: JobKind) -> None:
    assert work_of(kind).__name__ == "work"


def test_a_process_of_its_own_does_it(app: Flask, site: Site, environ: dict[str, str]) -> None:
    """As the worker starts it: flask --app app job ID."""
    site.store.jobs.add(JobKind.EXPORT, "王组织", now_ms(), table="decisions", format="csv")
    job = site.store.jobs.claim(now_ms())
    assert job
    command = [sys.executable, "-m", "flask", "--app", "app", "job", job.id]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environ}, check=True, capture_output=True
    )
    assert done.stderr == b""
    job = site.store.jobs.of(job.id)
    assert job.state is JobState.DONE
    assert (site.settings.data_dir / "jobs" / job.id / job.files[0]).is_file()


def test_a_job_that_is_not_there_is_refused(app: Flask) -> None:
    runner = app.test_cli_runner()
    result = runner.invoke(FlaskGroup(create_app=lambda: app), ["job", "nobody"])
    assert result.exit_code == 1
    assert "没有 nobody 这件工作" in result.output
