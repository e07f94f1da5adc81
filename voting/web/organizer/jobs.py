"""Long work: how it stands, its files, its stop. Who may see which follows from what it makes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import quote

import gevent
from flask import Response, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from voting.organizer import Power
from voting.store.jobs import Job, JobKind, JobState, NoSuchJob
from voting.store.log import Kind
from voting.web.errors import Problem
from voting.web.organizer.gate import console, may, me
from voting.web.site import this_site

CHUNK: Final = 256 * 1024
#: Where a job of each kind is shown.
PLACES: Final = {
    JobKind.INTAKE: "organizer.intake",
    JobKind.RESULT: "organizer.vote",
    JobKind.SCRUTINY: "organizer.cases",
}
#: What a job of each kind makes, for the operators' log.
WORDS: Final = {
    JobKind.INTAKE: "收件",
    JobKind.EXPORT: "导出",
    JobKind.RESULT: "计算结果",
    JobKind.RESULT_PACK: "结果包",
    JobKind.QR_PACK: "二维码包",
    JobKind.SCRUTINY: "核查",
}
TYPES: Final = {
    ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
    ".pdf": "application/pdf",
}
ELSE: Final = "application/octet-stream"


def needed(job: Job) -> Power:
    """What an account must be allowed to do to see this job and have its files."""
    if job.kind in (JobKind.INTAKE, JobKind.RESULT):
        return Power.REVIEW if job.kind is JobKind.INTAKE else Power.LOOK
    if job.kind is JobKind.SCRUTINY:
        return Power.INSPECT
    full = job.kind is JobKind.EXPORT and job.asked.get("table") == "ledger"
    return Power.EXPORT_SIGNALS if full else Power.EXPORT


@console.get("/jobs/<job_id>.json")
@may(Power.LOOK)
def job_json(job_id: str) -> Response:
    job = _job(job_id)
    now_ms = this_site().now_ms()
    return jsonify(
        state=job.state,
        done=job.done,
        total=job.total,
        standing=standing_of(job),
        eta_s=eta_s(job, now_ms),
        files=render_template("organizer/job_files.html", job=job),
    )


@console.get("/jobs/<job_id>/<file>")
@may(Power.LOOK)
def download(job_id: str, file: str) -> Response:
    job = _job(job_id)
    path = folder_of(job) / file
    if file not in job.files or not path.is_file():
        abort(404)
    if request.method == "GET":
        this_site().store.log.append(Kind.DOWNLOAD, job.id, file, me().name)
    response = Response(_pieces(path.open("rb")), content_type=TYPES.get(path.suffix, ELSE))
    response.content_length = path.stat().st_size
    plain = file.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    name = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file, safe='')}"
    response.headers["Content-Disposition"] = name
    return response


@console.post("/jobs/<job_id>/stop")
@may(Power.LOOK)
def stop(job_id: str) -> AnyResponse:
    site, job = this_site(), _job(job_id)
    if job.kind is JobKind.RESULT and not me().may(Power.RULE):
        raise _not_yours()
    if not job.ended:
        site.store.log.append(Kind.STOP, job.id, WORDS[job.kind], me().name)
        site.store.jobs.stop(job.id, site.now_ms())
    return redirect(url_for(PLACES.get(job.kind, "organizer.exports")))


@console.context_processor
def words() -> dict[str, Any]:
    """What the partial organizer/job.html needs besides `job`."""
    return {"files_of": files_of, "standing_of": standing_of}


def folder_of(job: Job) -> Path:
    return this_site().settings.data_dir / "jobs" / job.id


def files_of(job: Job) -> list[dict[str, Any]]:
    """Name, size in bytes and address of each file that is still there."""
    return [
        {
            "name": name,
            "size": path.stat().st_size,
            "href": url_for("organizer.download", job_id=job.id, file=name),
        }
        for name in job.files
        if (path := folder_of(job) / name).is_file()
    ]


def standing_of(job: Job) -> str:
    """How it stands, in a few words."""
    if job.state is JobState.WAITING:
        return "排队等候"
    if job.state is JobState.STOPPING:
        return "正在停止"
    return job.sentence or "正在开始"


def eta_s(job: Job, now_ms: int) -> int | None:
    """Seconds that are probably left; None where nobody can say."""
    if job.kind is JobKind.INTAKE:
        return None  # its sentence says so itself: it knows which videos take long
    took_ms = now_ms - job.started_ms
    if job.state is not JobState.RUNNING or not 0 < job.done < job.total or took_ms < 2_000:
        return None
    return math.ceil(took_ms * (job.total - job.done) / job.done / 1000)


def _job(job_id: str) -> Job:
    try:
        job = this_site().store.jobs.of(job_id)
    except NoSuchJob as error:
        raise Problem(404, "no_job", "没有这件工作", "做完的工作保留七天") from error
    if not me().may(needed(job)):
        raise _not_yours()
    return job


def _not_yours() -> Problem:
    return Problem(403, "not_allowed", "这件工作不归您的账号管", "需要的话请找组织者")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """A fast reader of a large file doesn't keep votes waiting."""
    with file:
        while piece := file.read(CHUNK):
            yield piece
            gevent.sleep(0)
