"""A job may say how it stands as often as it likes; the store hears it now and then."""

from __future__ import annotations

import pytest
from casting import Contest, a_contest

from voting.desk import EVERY_S, Stopped, Teller
from voting.store.jobs import JobKind


@pytest.fixture
def contest(law_url, throttle_url, tmp_path) -> Contest:
    return a_contest(law_url, throttle_url, tmp_path)


def test_a_job_that_tells_all_the_time_writes_now_and_then(contest: Contest):
    jobs, clock = contest.store.jobs, iter([0.0, EVERY_S / 3, EVERY_S / 2, EVERY_S + 0.01])
    job = jobs.add(JobKind.EXPORT, "王组织", 1)
    tell, seen = Teller(jobs, job.id, clock=lambda: next(clock)), []
    for done in (1, 2, 3, 4):
        tell(done, 9, f"第 {done} 步")
        seen.append(jobs.of(job.id).done)
    assert seen == [1, 1, 1, 4]


def test_whoever_was_asked_to_stop_learns_it_at_the_next_step(contest: Contest):
    jobs = contest.store.jobs
    jobs.add(JobKind.EXPORT, "王组织", 1)
    job = jobs.claim(2)
    assert job
    jobs.stop(job.id, 3)
    with pytest.raises(Stopped):
        Teller(jobs, job.id)(1, 2, "第一步")
