"""收件: submissions come in as files of a browser, and a job takes them in."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from http import HTTPStatus
from typing import IO, Any, Final

from flask import flash, redirect, render_template, request, url_for
from gevent.threadpool import ThreadPool
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Response

from voting.contest import EntryState
from voting.organizer import Power
from voting.store.jobs import JobKind
from voting.store.log import Kind
from voting.web.errors import Problem
from voting.web.organizer.gate import console, may, me
from voting.web.organizer.inbox import (
    BATCH,
    FORMS,
    MOST_BYTES,
    MOST_FILES,
    VIDEOS,
    Inbox,
    NotTaken,
    new_batch,
)
from voting.web.site import this_site

#: A disk may take its time, and votes must not wait for it.
_disk = ThreadPool(2)
#: What comes with the files of a plain form: boundaries, names, the token.
_ELSE: Final = 1024 * 1024
_PAST: Final = 20
_BEGUN: Final = NotTaken(409, "这一批已经开始收件，没有传：请刷新页面，另起一批")
_BROKEN: Final = NotTaken(507, "服务器存不下这个文件：磁盘满了，或者断了线")


def _aside(do: Callable[..., Any], *with_: Any) -> Any:
    return _disk.spawn(do, *with_).get()


@console.url_value_preprocessor
def let_files_in(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Only here may a request be large. This comes before the gate, which reads a form's token
    once it knows who asks."""
    if endpoint == "organizer.receive":
        request.max_content_length = MOST_BYTES
    elif endpoint == "organizer.receive_form":
        request.max_content_length = min(MOST_BYTES, _inbox().room()) + _ELSE
        request.form_data_parser_class = _Landing


@console.get("/intake")
@may(Power.REVIEW)
def intake() -> str:
    site, inbox = this_site(), _inbox()
    jobs = [job for job in site.store.jobs.all() if job.kind is JobKind.INTAKE]
    running = [job for job in reversed(jobs) if not job.ended]
    asked = {job.asked.get("batch") for job in running}
    waiting = [batch for batch in inbox.batches() if batch.id not in asked]
    chosen = request.args.get("batch", "")
    going_on = next((batch for batch in waiting if batch.id == chosen), None)
    entries = site.store.entries.all().values()
    return render_template(
        "organizer/intake.html",
        batch=chosen if going_on else new_batch(),
        going_on=going_on,
        waiting=[batch for batch in waiting if batch != going_on],
        running=running,
        past=[job for job in jobs if job.ended][:_PAST],
        pending=sum(entry.state is EntryState.PENDING for entry in entries),
        room=inbox.room(),
        limits={"bytes": MOST_BYTES, "files": MOST_FILES},
        forms=FORMS,
        videos=VIDEOS,
    )


@console.post("/intake/<batch>/files")
@may(Power.REVIEW)
def receive(batch: str) -> dict[str, str]:
    """One file as the request's body, its name or path in `?name=`."""
    size = request.content_length
    if _is_begun(batch):
        raise _refused(_BEGUN)
    if size is None:
        raise _refused(NotTaken(411, "没有写明文件大小，没有传"))
    try:
        path = _inbox().receive(batch, request.args.get("name", ""), request.stream, size)
    except NotTaken as refusal:
        raise _refused(refusal) from refusal
    except OSError as error:
        raise _refused(_BROKEN) from error
    return {"name": path.name}


@console.post("/intake/files")
@may(Power.REVIEW)
def receive_form() -> Response:
    """Several files of a plain form, for browsers without JavaScript."""
    batch, refused, taken = request.form.get("batch", ""), [], 0
    if _is_begun(batch):
        raise _refused(_BEGUN)
    for file in request.files.getlist("files"):
        if not file.filename:
            continue
        size = file.stream.seek(0, os.SEEK_END)
        file.stream.seek(0)
        try:
            _inbox().receive(batch, file.filename, file.stream, size)
            taken += 1
        except NotTaken as refusal:
            refused.append(f"{file.filename[:60]}：{refusal.sentence}")
        except OSError:
            refused.append(f"{file.filename[:60]}：{_BROKEN.sentence}")
    flash(f"传好 {taken} 个文件", "good" if taken else "warn")
    for sentence in refused[:10]:
        flash(sentence, "warn")
    return redirect(url_for("organizer.intake", batch=batch), HTTPStatus.SEE_OTHER)


@console.post("/intake/<batch>/start")
@may(Power.REVIEW)
def start(batch: str) -> Response:
    site = this_site()
    found = _batch(batch)
    if _is_begun(batch):
        flash("这一批正在收件", "warn")
    elif not found:
        flash("还没有传好的文件，没有开始", "warn")
    elif _aside(_inbox().is_coming, batch):
        flash("还有文件正在传，没有开始：等它们传好再点", "warn")
    else:
        files = _inbox().batch(batch).files
        site.store.log.append(Kind.INTAKE, batch, f"上传的 {files} 个文件", me().name)
        site.store.jobs.add(
            JobKind.INTAKE, me().name, site.now_ms(), folder=str(found), batch=batch
        )
    return redirect(url_for("organizer.intake"), HTTPStatus.SEE_OTHER)


@console.post("/intake/<batch>/remove")
@may(Power.REVIEW)
def remove(batch: str) -> Response:
    """Delete what was uploaded and never taken in."""
    if _is_begun(batch):
        flash("这一批正在收件，请先停止", "warn")
    elif _batch(batch):
        files = _inbox().batch(batch).files
        this_site().store.log.append(Kind.DISCARD, batch, f"{files} 个没有收的文件", me().name)
        _aside(_inbox().remove, batch)
        flash("已删除这一批上传的文件", "good")
    return redirect(url_for("organizer.intake"), HTTPStatus.SEE_OTHER)


class _Landing(FormDataParser):
    """A form's files land on the disk they belong to, nameless: a broken form leaves nothing."""

    def __init__(self, **asked: Any) -> None:
        super().__init__(**asked | {"stream_factory": _landing})


class _Nameless(io.FileIO):
    """A file without a name; what is written waits for the disk where nobody waits with it."""

    def write(self, data: Any, /) -> int:
        written: int = _aside(super().write, bytes(data))
        return written


def _landing(*_: Any, **__: Any) -> IO[bytes]:
    root = _inbox().root
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".form-", dir=root)
    os.unlink(name)  # noqa: PTH108 it has no name from here on
    return _Nameless(handle, "r+b")


def _inbox() -> Inbox:
    return Inbox(this_site().settings.data_dir / "inbox", _aside)


def _batch(batch: str) -> str:
    """The batch's folder if something lies in it, else ''."""
    if not BATCH.fullmatch(batch):
        return ""
    found = _inbox().batch(batch)
    return str(found.folder) if found.files else ""


def _is_begun(batch: str) -> bool:
    """Whether this batch is being taken in: what came now would be deleted with it, unseen."""
    jobs = this_site().store.jobs.all()
    return any(job.asked.get("batch") == batch and not job.ended for job in jobs)


def _refused(refusal: NotTaken) -> Problem:
    return Problem(refusal.status, "not_taken", refusal.sentence)
