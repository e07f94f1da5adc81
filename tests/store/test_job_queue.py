"""Jobs are done in the order they were asked for, one at a time; nobody overwrites what another
has just said; what was cut off is begun anew, but not for ever.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from casting import Contest, a_contest

from voting.store import keys
from voting.store.jobs import SILENT_MS, TRIES, Job, JobKind, Jobs, JobState, NoSuchJob

EXPORT = JobKind.EXPORT


@pytest.fixture
def contest(law_url, throttle_url, tmp_path) -> Contest:
    return a_contest(law_url, throttle_url, tmp_path)


@pytest.fixture
def jobs(contest: Contest) -> Jobs:
    return contest.store.jobs


def begun(jobs: Jobs, now_ms: int = 10) -> Job:
    jobs.add(EXPORT, "王组织", now_ms)
    job = jobs.claim(now_ms)
    assert job
    return job


def test_what_was_asked_for_is_read_back(jobs: Jobs):
    job = jobs.add(EXPORT, "王组织", 5, table="ledger", format="csv")
    assert jobs.of(job.id) == job
    assert (job.state, job.asked) == (JobState.WAITING, {"table": "ledger", "format": "csv"})


def test_newest_is_listed_first_and_oldest_is_begun_first(jobs: Jobs):
    made = [jobs.add(EXPORT, "王组织", ms, table=str(ms)).id for ms in (30, 10, 20)]
    assert [job.id for job in jobs.all()] == [made[0], made[2], made[1]]
    claimed = jobs.claim(40)
    assert claimed
    assert claimed.id == made[1]


def test_one_is_at_work_at_a_time(jobs: Jobs):
    first = begun(jobs)
    jobs.add(EXPORT, "王组织", 11, table="other")
    assert jobs.claim(12) is None
    jobs.end(first.id, JobState.DONE, "好了", 13)
    assert jobs.claim(14)


def test_two_workers_never_begin_the_same(jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    job = jobs.add(EXPORT, "王组织", 1)
    listed = jobs.all()
    monkeypatch.setattr(Jobs, "all", lambda self: listed)  # both look before either begins
    assert [one.id for one in (jobs.claim(2), jobs.claim(2)) if one] == [job.id]


def test_a_stop_that_comes_while_progress_is_told_is_not_lost(jobs: Jobs):
    job = begun(jobs)
    assert jobs.tell(job.id, 1, 3, "第一步")
    jobs.stop(job.id, 20)
    assert not jobs.tell(job.id, 2, 3, "第二步")
    found = jobs.of(job.id)
    assert (found.state, found.done, found.sentence) == (JobState.STOPPING, 2, "第二步")


def test_a_waiting_job_that_is_stopped_is_never_begun(jobs: Jobs):
    job = jobs.add(EXPORT, "王组织", 1)
    assert jobs.stop(job.id, 2).state is JobState.STOPPED
    assert jobs.claim(3) is None
    assert jobs.of(job.id).ended_ms == 2


def test_what_has_ended_stays_so(jobs: Jobs):
    job = begun(jobs)
    jobs.end(job.id, JobState.DONE, "好了", 20, ("票数.csv",))
    assert jobs.stop(job.id, 21).state is JobState.DONE
    assert jobs.of(job.id).files == ("票数.csv",)


def test_a_silent_job_waits_again_and_is_given_up_at_last(jobs: Jobs):
    now = 10
    job = begun(jobs, now)
    for _ in range(TRIES - 1):
        assert jobs.silent(now + SILENT_MS) == []
        now += SILENT_MS + 1
        assert [jobs.put_back(one, now).state for one in jobs.silent(now)] == [JobState.WAITING]
        assert jobs.claim(now)
    now += SILENT_MS + 1
    assert [jobs.put_back(one, now).state for one in jobs.silent(now)] == [JobState.FAILED]
    assert jobs.of(job.id).sentence == "做到一半被打断了两次，没有再试"


def test_a_job_that_beats_is_left_alone(jobs: Jobs):
    job = begun(jobs)
    jobs.beat(job.id, 10 + SILENT_MS)
    assert jobs.silent(10 + 2 * SILENT_MS) == []


def test_a_silent_job_that_should_stop_has_stopped(jobs: Jobs):
    job = begun(jobs)
    jobs.stop(job.id, 11)
    (silent,) = jobs.silent(12 + SILENT_MS)
    assert jobs.put_back(silent, 20).state is JobState.STOPPED


def test_a_worker_that_died_between_claiming_and_beginning_blocks_nobody(jobs: Jobs):
    job = jobs.add(EXPORT, "王组织", 1)
    jobs.client.hset(keys.JOBS(), f"{job.id} beat", 1)
    assert jobs.claim(2) is None
    for one in jobs.silent(2 + SILENT_MS):
        jobs.put_back(one, 3 + SILENT_MS)
    assert jobs.claim(4 + SILENT_MS)


def test_a_removed_job_leaves_nothing(jobs: Jobs):
    job = begun(jobs)
    jobs.tell(job.id, 1, 2, "半路")
    jobs.stop(job.id, 3)
    jobs.remove(job.id)
    assert jobs.client.hgetall(keys.JOBS()) == {}
    with pytest.raises(NoSuchJob):
        jobs.of(job.id)


@pytest.mark.parametrize("job_id", ["", "nobody", "nobody told", "*"])
def test_there_is_no_such_job(jobs: Jobs, job_id: str):
    jobs.add(EXPORT, "王组织", 1)
    with pytest.raises(NoSuchJob):
        jobs.of(job_id)


def test_progress_is_no_job(jobs: Jobs):
    job = begun(jobs)
    with pytest.raises(NoSuchJob):
        jobs.of(f"{job.id} told")


def test_the_very_same_is_not_asked_for_twice(jobs: Jobs):
    with ThreadPoolExecutor(8) as hands:
        asked = list(hands.map(lambda n: jobs.add(JobKind.INTAKE, "李", n, batch="7"), range(8)))
    assert len({job.id for job in asked}) == len(jobs.all()) == 1
    jobs.end(asked[0].id, JobState.DONE, "好了", 9)
    assert jobs.add(JobKind.INTAKE, "李", 10, batch="7").id != asked[0].id
