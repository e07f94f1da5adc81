"""Long work asked for in the console: queued here, done by the worker, one after the other.

A job is four fields of one hash, and each has one writer at a time, so that nobody overwrites what
another just said: the job itself (who asked, then the worker, then the job's process), how far it
is (the job's process), the beat (the worker that has the process), the wish to stop (the console).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

from voting.store import keys
from voting.store.client import Client, reachable

#: The worker says of a running job that it lives; one that is silent for longer has died.
SILENT_MS: Final = 30_000
KEPT_MS: Final = 7 * 24 * 3600 * 1000
#: A job that was cut off with its worker is begun anew, but not for ever.
TRIES: Final = 2


class JobKind(StrEnum):
    INTAKE = "intake"
    EXPORT = "export"
    RESULT = "result"
    RESULT_PACK = "result_pack"
    QR_PACK = "qr_pack"
    SCRUTINY = "scrutiny"


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


ENDED: Final = frozenset({JobState.DONE, JobState.FAILED, JobState.STOPPED})
AT_WORK: Final = frozenset({JobState.RUNNING, JobState.STOPPING})


@dataclass(frozen=True, slots=True)
class Job:
    """`done` of `total` steps (0 while unknown); `sentence` says how it stands in plain Chinese.

    `files` are names in the job's folder, DATA_DIR/jobs/<id>; `tries` counts how often it began.
    """

    id: str
    kind: JobKind
    by: str
    asked: dict[str, str]
    state: JobState
    made_ms: int
    started_ms: int = 0
    ended_ms: int = 0
    tries: int = 0
    beat_ms: int = 0
    done: int = 0
    total: int = 0
    sentence: str = ""
    files: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        return self.state in ENDED


class NoSuchJob(Exception):  # noqa: N818 the plain word
    """There is no job of this id; the old ones are removed after a week."""


class Jobs:
    def __init__(self, client: Client) -> None:
        self.client = client

    def add(self, kind: JobKind, by: str, now_ms: int, **asked: str) -> Job:
        """Ask for something; `asked` says what exactly. The very same that is on its way already is
        not asked for twice."""
        with reachable(), self.client.lock(keys.JOBS_LOCK(), timeout=10, blocking_timeout=5):
            for job in self.all():
                if (job.kind, job.asked) == (kind, asked) and not job.ended:
                    return job
            job = Job(secrets.token_hex(6), kind, by, asked, JobState.WAITING, made_ms=now_ms)
            return self._put(job)

    def all(self) -> list[Job]:
        """Newest first."""
        with reachable():
            found = self.client.hgetall(keys.JOBS())
        ids = [name for name in found if b" " not in name]
        jobs = [_read([found.get(field) for field in _fields(name.decode())]) for name in ids]
        return sorted(jobs, key=lambda job: (-job.made_ms, job.id))

    def of(self, job_id: str) -> Job:
        """Raises NoSuchJob."""
        with reachable():
            found = self.client.hmget(keys.JOBS(), _fields(job_id))
        if found[0] is None or " " in job_id:
            raise NoSuchJob(job_id)
        return _read(found)

    def stop(self, job_id: str, now_ms: int) -> Job:
        """Ask for a stop: at once when it waits, at its next step when it runs."""
        if not self.of(job_id).ended:
            self._set(job_id, "stop", now_ms)
        return self.of(job_id)

    def remove(self, job_id: str) -> None:
        with reachable():
            self.client.hdel(keys.JOBS(), *_fields(job_id))

    # --- the worker -----------------------------------------------------------------------------

    def claim(self, now_ms: int) -> Job | None:
        """Begin the job that has waited longest; None if none waits or one is at work."""
        jobs = self.all()
        if any(job.state in AT_WORK for job in jobs):
            return None
        for job in reversed(jobs):
            if job.state is JobState.WAITING and self._is_mine(job.id, now_ms):
                state = JobState.RUNNING
                return self._put(replace(job, state=state, started_ms=now_ms, tries=job.tries + 1))
        return None

    def beat(self, job_id: str, now_ms: int) -> None:
        """Say that the job's process lives."""
        self._set(job_id, "beat", now_ms)

    def silent(self, now_ms: int) -> list[Job]:
        """The jobs that a worker has begun, or was about to, when it died."""
        begun = (job for job in self.all() if job.beat_ms and not job.ended)
        return [job for job in begun if now_ms - job.beat_ms > SILENT_MS]

    def put_back(self, job: Job, now_ms: int) -> Job:
        """What becomes of a job that was cut off: it waits again, or it is given up."""
        if job.state is JobState.STOPPING:
            return self.end(job.id, JobState.STOPPED, "已停止", now_ms)
        if job.tries >= TRIES:
            return self.end(job.id, JobState.FAILED, "做到一半被打断了两次，没有再试", now_ms)
        waiting = replace(job, state=JobState.WAITING, started_ms=0)
        self._put(waiting)
        with reachable():
            self.client.hdel(keys.JOBS(), f"{job.id} beat", f"{job.id} told")
        return self.of(job.id)

    # --- the job's own process ------------------------------------------------------------------

    def tell(self, job_id: str, done: int, total: int, sentence: str) -> bool:
        """Say how it stands. False when somebody wants it stopped."""
        self._set(job_id, "told", json.dumps([done, total, sentence], ensure_ascii=False))
        with reachable():
            return not self.client.hexists(keys.JOBS(), f"{job_id} stop")

    def end(
        self, job_id: str, state: JobState, sentence: str, now_ms: int, files: tuple[str, ...] = ()
    ) -> Job:
        job = self.of(job_id)
        told = json.dumps([job.done, job.total, sentence], ensure_ascii=False)
        self._set(job_id, "told", told)
        self._put(replace(job, state=state, ended_ms=now_ms, files=files))
        return self.of(job_id)

    def _is_mine(self, job_id: str, now_ms: int) -> bool:
        """The first beat claims a job, so that two workers never begin the same."""
        with reachable():
            return bool(self.client.hsetnx(keys.JOBS(), f"{job_id} beat", now_ms))

    def _set(self, job_id: str, part: str, value: int | str) -> None:
        with reachable():
            self.client.hset(keys.JOBS(), f"{job_id} {part}", value)

    def _put(self, job: Job) -> Job:
        fields = asdict(job)
        for name in ("beat_ms", "done", "total", "sentence"):  # these have fields of their own
            del fields[name]
        with reachable():
            self.client.hset(keys.JOBS(), job.id, json.dumps(fields, ensure_ascii=False))
        return job


def _fields(job_id: str) -> list[bytes]:
    return [f"{job_id}{part}".encode() for part in ("", " told", " beat", " stop")]


def _read(found: list[bytes | None]) -> Job:
    text, told, beat, stop = found
    fields: dict[str, Any] = json.loads(text or b"{}")
    done, total, sentence = json.loads(told) if told else (0, 0, "")
    job = Job(
        **(
            fields
            | {
                "kind": JobKind(fields["kind"]),
                "state": JobState(fields["state"]),
                "files": tuple(fields["files"]),
                "beat_ms": int(beat or 0),
                "done": done,
                "total": total,
                "sentence": sentence,
            }
        )
    )
    if stop is None or job.ended:
        return job
    if job.state is JobState.WAITING:
        ended_ms = int(stop)
        return replace(job, state=JobState.STOPPED, ended_ms=ended_ms, sentence="没有开始就取消了")
    return replace(job, state=JobState.STOPPING)
