"""The live ledger is looked at whole, by one process at a time, and what it finds is put before the
organizers; a process that is cut off, hangs or has no store leaves everything as it was.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from casting import Contest, a_contest, now_ms
from ledgers import attacked, load
from staging import OwnStore, wait_until

from voting import inspector
from voting.case import Finding
from voting.inspector import LOCK, Busy, alone, collect, inspect, keep, told
from voting.settings import ROOT
from voting.store.client import StoreDown
from voting.store.jobs import JobKind, JobState
from voting.web.site import Site

SCRIPT = """
import sys
from voting import inspector
inspector.be_modest()
print("ready", flush=True)
"""


def nothing(*_: object) -> None:
    pass


@pytest.fixture
def contest(law_url: str, throttle_url: str, tmp_path: Path) -> Contest:
    return a_contest(law_url, throttle_url, tmp_path)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attacked(tmp_path_factory.mktemp("attacked"))


@pytest.fixture
def world(contest: Contest, file: Path) -> int:
    return load(contest.store, file)


def test_what_is_found_stands_in_the_store_with_its_votes_and_drawings(
    contest: Contest, world: int
):
    run = keep(contest.store, nothing, now_ms)
    assert run.rows == contest.store.ledger.size() == world
    assert contest.store.cases.latest() == run
    assert abs(run.at_ms - now_ms()) < 60_000
    assert any(case.finding is Finding.VOTES for case in run.cases)
    there = {vote.id for vote in contest.store.ledger.votes()}
    for case in run.cases:
        ids = contest.store.cases.votes_of(case.id)
        sheet = contest.store.cases.sheet_of(case.id)
        assert set(ids) <= there
        assert sheet is not None
        assert sheet.case == len(ids)
        if ids:
            assert len(ids) == case.votes
            assert sheet.networks.rows[0].name, "a network has its pseudonym for a name"
    assert not contest.store.results.doubts() or run.cases[0].effect.changes_winners


def test_the_same_ledger_gives_the_same_cases(contest: Contest, world: int):
    runs = [keep(contest.store, nothing, now_ms) for _ in range(2)]
    assert runs[0].cases == runs[1].cases


def test_an_empty_ledger_is_a_run_without_cases(contest: Contest):
    run = keep(contest.store, nothing, now_ms)
    assert (run.rows, run.cases) == (0, ())
    assert told(run).endswith("没有可疑的票")


def test_each_step_is_told(contest: Contest, world: int):
    heard: list[str] = []
    inspect(collect(contest.store, lambda *a: heard.append(a[2])), 10,
            lambda *a: heard.append(a[2]))  # fmt: skip
    assert heard[0].startswith("正在读账本")
    assert heard[-2].startswith("正在核查")
    assert heard[-1].endswith("正在画图")


def test_a_store_that_goes_away_in_the_middle_is_told_as_such(
    throttle_url: str, tmp_path: Path, file: Path
):
    own = OwnStore.law(tmp_path)
    own.start()
    try:
        contest = a_contest(own.url, throttle_url, tmp_path)
        load(contest.store, file)
        ledger = collect(contest.store, nothing)
        found = inspect(ledger, 10, nothing)
        own.kill()
        with pytest.raises(StoreDown):
            contest.store.cases.put(found.run, found.votes, found.sheets)
        with pytest.raises(StoreDown):
            keep(contest.store, nothing, now_ms)
    finally:
        own.kill()


def test_there_is_one_at_a_time_and_its_lock_dies_with_it(tmp_path: Path):
    hold = (
        "import sys, time\nfrom pathlib import Path\nfrom voting.inspector import alone\n"
        "with alone(Path(sys.argv[1])):\n    print('in', flush=True)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", hold, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        with pytest.raises(Busy), alone(tmp_path):
            pass
        other.kill()
    with alone(tmp_path):
        pass


def test_the_process_is_the_first_to_go():
    check = SCRIPT + (
        "import os, resource, signal\n"
        "print(os.getpriority(os.PRIO_PROCESS, 0), open('/proc/self/oom_score_adj').read().strip(),"
        " resource.getrlimit(resource.RLIMIT_DATA)[0], signal.alarm(0))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    nice, adjusted, memory, seconds = map(int, said[1:])
    assert (nice, adjusted) == (inspector.GENTLE, 1000)
    assert 0 < memory <= inspector.MOST_MEMORY
    assert 0 < seconds <= inspector.LONGEST_S


def test_memory_beyond_its_share_is_refused():
    greedy = SCRIPT + "import numpy\nnumpy.ones(2**33)\n"
    done = subprocess.run([sys.executable, "-c", greedy], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "MemoryError" in done.stderr


def test_one_that_hangs_ends_by_itself():
    hanging = SCRIPT + "import signal, time\nsignal.alarm(1)\ntime.sleep(60)\n"
    done = subprocess.run([sys.executable, "-c", hanging], cwd=ROOT, capture_output=True)
    assert done.returncode == -signal.SIGALRM


# --- the job and the command --------------------------------------------------------------------


def flask(environ: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", *words], cwd=ROOT,
        env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def lived(site: Site, file: Path) -> int:
    return load(site.store, file)


def test_the_command_looks_once_and_says_what_came_of_it(
    site: Site, lived: int, environ: dict[str, str]
):
    said, complaints = flask(environ, "inspect").communicate()
    assert complaints == ""
    run = site.store.cases.latest()
    assert run is not None
    assert said.strip() == f"核查：{told(run)}"


def test_the_job_looks_and_is_done(site: Site, lived: int, environ: dict[str, str]):
    site.store.jobs.add(JobKind.SCRUTINY, "王组织", now_ms())
    job = site.store.jobs.claim(now_ms())
    assert job
    with flask(environ, "job", job.id) as process:
        assert process.wait() == 0
    job = site.store.jobs.of(job.id)
    assert (job.state, job.files) == (JobState.DONE, ())
    assert job.sentence == told(site.store.cases.latest())


@pytest.fixture
def held(site: Site) -> Iterator[None]:
    """Another process looks at the ledger already."""
    with (site.settings.data_dir / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_the_command_leaves_it_to_the_one_at_work(
    site: Site, held: None, environ: dict[str, str]
):
    said, _ = flask(environ, "inspect").communicate()
    assert said == "核查：另一次核查正在进行\n"
    assert site.store.cases.latest() is None


def test_the_job_waits_for_the_one_at_work_until_somebody_stops_it(
    site: Site, held: None, environ: dict[str, str]
):
    site.store.jobs.add(JobKind.SCRUTINY, "王组织", now_ms())
    job = site.store.jobs.claim(now_ms())
    assert job
    with flask(environ, "job", job.id) as process:
        wait_until(lambda: "另一次核查" in site.store.jobs.of(job.id).sentence)
        site.store.jobs.stop(job.id, now_ms())
        process.wait()
    assert site.store.jobs.of(job.id).state is JobState.STOPPED


def test_one_that_is_killed_in_the_middle_leaves_the_run_before(
    site: Site, lived: int, environ: dict[str, str]
):
    before = keep(site.store, nothing, now_ms)
    slow = (
        "import time\nfrom voting import create_app, inspector\n"
        "site = create_app().extensions['site']\n"
        "def tell(step, *_):\n    print(step, flush=True)\n    if step: time.sleep(60)\n"
        "with inspector.alone(site.settings.data_dir):\n"
        "    inspector.keep(site.store, tell, site.now_ms)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", slow], cwd=ROOT, env={**os.environ, **environ},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    while process.stdout.readline() != "1\n":
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    assert site.store.cases.latest() == before
    with alone(site.settings.data_dir):
        assert keep(site.store, nothing, now_ms).cases == before.cases


def test_the_limits_are_those_of_a_process_of_its_own():
    """Nothing of it in this one: the tests would end after ten minutes."""
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY
