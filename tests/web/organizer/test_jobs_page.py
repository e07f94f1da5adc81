"""How a job stands, its files and its stop; only for whoever may have what it makes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from people import Operator

from voting.store.jobs import Job, JobKind, JobState
from voting.store.log import Kind
from voting.web.organizer.jobs import CHUNK
from voting.web.site import Site

FILE = "票数-截至20250812-103005.csv"


def running(site: Site, kind: JobKind = JobKind.EXPORT, **asked: str) -> Job:
    site.store.jobs.add(kind, "王组织", site.now_ms() - 10_000, **(asked or {"table": "tallies"}))
    job = site.store.jobs.claim(site.now_ms() - 10_000)
    assert job
    return job


def done(
    site: Site, content: bytes = b"\xef\xbb\xbf1\r\n", file: str = FILE, **asked: str
) -> Job:
    job = running(site, **asked)
    folder = site.settings.data_dir / "jobs" / job.id
    folder.mkdir(parents=True)
    (folder / file).write_bytes(content)
    return site.store.jobs.end(job.id, JobState.DONE, "好了", site.now_ms(), (file,))


def at(job: Job, file: str = FILE) -> str:
    return f"/organizer/jobs/{job.id}/{quote(file)}"


def test_progress_with_the_time_that_is_left(organizer: Operator, site: Site):
    job = running(site)
    site.store.jobs.tell(job.id, 25, 100, "正在写")
    told = organizer.get(f"/organizer/jobs/{job.id}.json").json
    assert 28 <= told.pop("eta_s") <= 33  # a quarter took ten seconds
    expected = {"state": "running", "done": 25, "total": 100, "standing": "正在写", "files": ""}
    assert told == expected


@pytest.mark.parametrize(("so_far", "total"), [(0, 100), (5, 0), (100, 100)])
def test_nobody_guesses_where_nobody_can_say(
    organizer: Operator, site: Site, so_far: int, total: int
):
    job = running(site)
    site.store.jobs.tell(job.id, so_far, total, "正在写")
    assert organizer.get(f"/organizer/jobs/{job.id}.json").json["eta_s"] is None


def test_what_is_done_names_its_files(organizer: Operator, site: Site):
    job = done(site)
    files = organizer.get(f"/organizer/jobs/{job.id}.json").json["files"]
    assert f'<a href="{at(job)}" download>{FILE}</a> <span class="size">1 KB</span>' in files


def test_a_download_keeps_its_chinese_name_and_is_logged(organizer: Operator, site: Site):
    content = b"\xef\xbb\xbf" + b"1,2\r\n" * CHUNK
    job = done(site, content)
    answer = organizer.get(at(job))
    assert answer.data == content
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="__-__20250812-103005.csv"; '
        f"filename*=UTF-8''{quote(FILE, safe='')}"
    )
    last = site.store.log.last()
    assert last
    assert (last.kind, last.subject, last.reason, last.by) == (
        Kind.DOWNLOAD, job.id, FILE, "王组织",
    )  # fmt: skip


@pytest.mark.parametrize(
    "file", ["keys", "..%2F..%2Fkeys%2Fsigning", ".账本.csv.part", "不在这里.csv"]
)
def test_only_what_the_job_names_is_handed_out(organizer: Operator, site: Site, file: str):
    job = done(site)
    folder = site.settings.data_dir / "jobs" / job.id
    (folder / ".账本.csv.part").write_text("half")
    assert organizer.get(f"/organizer/jobs/{job.id}/{file}").status_code == 404


def test_a_file_that_is_gone_is_not_found(organizer: Operator, site: Site):
    job = done(site)
    (site.settings.data_dir / "jobs" / job.id / FILE).unlink()
    assert organizer.get(at(job)).status_code == 404
    assert organizer.get(f"/organizer/jobs/{job.id}.json").json["files"] == ""


def test_a_running_job_is_asked_to_stop(organizer: Operator, site: Site):
    job = running(site)
    answer = organizer.post(f"/organizer/jobs/{job.id}/stop")
    assert answer.headers["Location"] == "/organizer/exports"
    assert site.store.jobs.of(job.id).state is JobState.STOPPING
    last = site.store.log.last()
    assert last
    assert (last.kind, last.subject, last.reason, last.by) == (
        Kind.STOP, job.id, "导出", "王组织",
    )  # fmt: skip


def test_a_job_that_has_ended_isn_t_stopped(organizer: Operator, site: Site):
    job = done(site)
    organizer.post(f"/organizer/jobs/{job.id}/stop")
    assert site.store.jobs.of(job.id).state is JobState.DONE
    assert Kind.STOP not in {act.kind for act in site.store.log.latest(5)}


def test_there_is_no_such_job(organizer: Operator):
    assert organizer.get("/organizer/jobs/nobody.json").status_code == 404
    assert organizer.get("/organizer/jobs/nobody/a.csv").status_code == 404
    assert organizer.post("/organizer/jobs/nobody/stop").status_code == 404


@pytest.mark.parametrize(
    ("kind", "asked", "who"),
    [
        (JobKind.INTAKE, {}, {"organizer", "reviewer"}),
        (JobKind.EXPORT, {"table": "tallies"}, {"organizer", "supervisor"}),
        (JobKind.EXPORT, {"table": "masked"}, {"organizer", "supervisor"}),
        (JobKind.EXPORT, {"table": "ledger"}, {"organizer", "supervisor"}),
        (JobKind.RESULT_PACK, {}, {"organizer", "supervisor"}),
        (JobKind.QR_PACK, {}, {"organizer", "supervisor"}),
        (JobKind.SCRUTINY, {}, {"organizer", "supervisor"}),
    ],
)
def test_who_may_see_which_job(
    site: Site,
    organizer: Operator,
    reviewer: Operator,
    supervisor: Operator,
    kind: JobKind,
    asked: dict[str, str],
    who: set[str],
):
    job = site.store.jobs.add(kind, "王组织", site.now_ms(), **asked)
    people = {"organizer": organizer, "reviewer": reviewer, "supervisor": supervisor}
    allowed = {
        name
        for name, person in people.items()
        if person.get(f"/organizer/jobs/{job.id}.json").status_code == 200
    }
    assert allowed == who
    refused = people.keys() - who
    for name in refused:
        assert people[name].get(f"/organizer/jobs/{job.id}/x.csv").status_code == 403
        assert people[name].post(f"/organizer/jobs/{job.id}/stop").status_code == 403


def test_everybody_may_see_a_result_computed_but_not_stop_it(
    site: Site, organizer: Operator, reviewer: Operator, supervisor: Operator
):
    job = site.store.jobs.add(JobKind.RESULT, "王组织", site.now_ms())
    for person in (organizer, reviewer, supervisor):
        assert person.get(f"/organizer/jobs/{job.id}.json").status_code == 200
    for person in (reviewer, supervisor):
        assert person.post(f"/organizer/jobs/{job.id}/stop").status_code == 403
    answer = organizer.post(f"/organizer/jobs/{job.id}/stop")
    assert answer.headers["Location"] == "/organizer/vote"


def test_a_stranger_sees_no_job(site: Site, stranger: Operator):
    job = running(site)
    assert stranger.get(f"/organizer/jobs/{job.id}.json").status_code == 403
    assert stranger.get(at(job)).status_code == 302


def test_the_folder_of_jobs_is_nowhere_public(site: Site):
    jobs = site.settings.data_dir / "jobs"
    assert not jobs.is_relative_to(site.settings.public_dir)
    assert not Path(jobs).is_relative_to(site.settings.media_dir)
