"""The worker has the ledger scrutinized every few minutes, and nothing that becomes of it reaches
the vote, the jobs, or the worker's own rounds.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from casting import Contest, a_ballot, a_contest, looked_at
from staging import wait_until

from voting import worker
from voting.contest import Verdict
from voting.settings import load_settings
from voting.store import open_store
from voting.store.jobs import JobKind
from voting.worker import SCRUTINY_S, Foreman, Watchman

SLEEPER = "import time; time.sleep(60)"
VOTERS = iter(range(1000, 9000))


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Lodge:
    """A watchman whose process is whatever Python the test says, on the test's clock."""

    def __init__(self, contest: Contest, minutes: int = 5) -> None:
        self.contest, self.store = contest, contest.store
        closes_s = contest.store.rules.versions()[-1].closes_ms / 1000
        self.clock = Clock(closes_s - 24 * 3600)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.program, self.missing = "pass", ()
        self.watchman = Watchman(
            self.store, minutes, self.start, self.clock, lambda: self.missing
        )

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", self.program]
        self.processes.append(subprocess.Popen(command, start_new_session=True))
        return self.processes[-1]

    def vote(self) -> None:
        ballot = a_ballot(voter=b"%08d" % next(VOTERS))
        assert self.contest.cast(ballot).verdict is Verdict.ACCEPTED

    def looks(self, after_s: float = 0) -> int:
        """How many processes have begun, when the worker looks so much later."""
        self.clock.now += after_s
        self.watchman.look()
        return len(self.processes)

    def ends(self) -> None:
        """The process that is at work ends; the next look knows of it."""
        self.processes[-1].wait()
        self.watchman.look()
        assert self.watchman.at_work is None


@pytest.fixture
def lodge(law_url: str, throttle_url: str, tmp_path: Path) -> Iterator[Lodge]:
    lodge = Lodge(a_contest(law_url, throttle_url, tmp_path))
    yield lodge
    for process in lodge.processes:
        process.kill()
        process.wait()


def test_nothing_is_looked_at_while_there_is_no_vote(lodge: Lodge):
    assert [lodge.looks(400) for _ in range(3)] == [0, 0, 0]


def test_it_is_looked_at_every_few_minutes_while_it_grows(lodge: Lodge):
    lodge.vote()
    assert lodge.looks() == 1
    lodge.ends()
    looked_at(lodge.store)
    lodge.vote()
    assert lodge.looks(299) == 1
    assert lodge.looks(2) == 2


def test_what_was_looked_at_whole_is_left_alone(lodge: Lodge):
    lodge.vote()
    looked_at(lodge.store)
    assert [lodge.looks(400) for _ in range(3)] == [0, 0, 0]


def test_there_are_never_two(lodge: Lodge):
    lodge.program = SLEEPER
    lodge.vote()
    assert [lodge.looks(n) for n in (0, 301)] == [1, 1]
    assert lodge.watchman.at_work is lodge.processes[0]


def test_when_the_vote_has_closed_it_is_looked_at_at_once(lodge: Lodge):
    lodge.vote()
    looked_at(lodge.store)
    assert lodge.looks() == 0
    lodge.vote()
    lodge.clock.now = lodge.store.rules.versions()[-1].closes_ms / 1000 - 10
    lodge.watchman.asked = lodge.clock.now
    assert lodge.looks(8) == 0
    assert lodge.looks(4) == 1
    lodge.ends()
    assert [lodge.looks(2) for _ in range(5)] == [1] * 5, "one that failed waits, as always"
    assert lodge.looks(300) == 2
    lodge.ends()
    looked_at(lodge.store)
    assert lodge.looks(1000) == 2


@pytest.mark.parametrize("program", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 11)"])
def test_one_that_fails_is_told_and_begun_anew_in_its_time(
    lodge: Lodge, program: str, caplog: pytest.LogCaptureFixture
):
    lodge.program = program
    lodge.vote()
    lodge.looks()
    lodge.ends()
    assert "scrutiny: ended with" in caplog.text
    assert lodge.looks(10) == 1
    assert lodge.looks(300) == 2
    lodge.vote()


def test_one_that_hangs_is_ended(lodge: Lodge, caplog: pytest.LogCaptureFixture):
    lodge.program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPER
    lodge.vote()
    lodge.looks()
    lodge.looks(SCRUTINY_S)
    assert lodge.processes[0].poll() is None
    lodge.looks(1)
    assert lodge.processes[0].wait() == -signal.SIGKILL
    assert "no end after 660 s" in caplog.text


def test_without_its_libraries_nothing_begins_and_it_is_said_once(
    lodge: Lodge, caplog: pytest.LogCaptureFixture
):
    lodge.missing = ("numpy", "polars")
    lodge.vote()
    assert [lodge.looks(400) for _ in range(3)] == [0, 0, 0]
    assert caplog.text.count("not installed: numpy, polars (requirements-scrutiny.txt)") == 1
    lodge.missing = ()
    assert lodge.looks(400) == 1


def test_it_can_be_left_to_the_organizers(lodge: Lodge):
    lodge.watchman.minutes = 0
    lodge.vote()
    assert lodge.looks(100_000) == 0


def test_a_machine_that_can_start_nothing_is_no_reason_to_stop(
    lodge: Lodge, caplog: pytest.LogCaptureFixture
):
    def no_memory() -> subprocess.Popen[bytes]:
        raise OSError(12, "Cannot allocate memory")

    lodge.watchman.start = no_memory
    lodge.vote()
    lodge.looks()
    assert "scrutiny: [Errno 12]" in caplog.text
    assert lodge.watchman.at_work is None


def test_a_store_that_is_away_is_no_reason_to_stop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    nowhere = "unix:///tmp/nobody-listens-here.sock"
    store = open_store("t", nowhere, nowhere, 1, tmp_path, accept_unknown=False, sealing=b"s")
    Watchman(store, 5, missing=lambda: ()).look()
    assert "scrutiny: " in caplog.text


def test_jobs_and_votes_go_on_beside_one_that_hangs(lodge: Lodge, tmp_path: Path):
    lodge.program = SLEEPER
    lodge.vote()
    lodge.looks()
    jobs = lodge.store.jobs
    begun: list[str] = []

    def start(job_id: str) -> subprocess.Popen[bytes]:
        begun.append(job_id)
        return subprocess.Popen([sys.executable, "-c", "pass"], start_new_session=True)

    foreman = Foreman(jobs, tmp_path / "jobs", start)
    job = jobs.add(JobKind.EXPORT, "王组织", 1, table="log")
    foreman.look()
    assert begun == [job.id]
    lodge.vote()

    def is_over() -> bool:
        foreman.look()
        return jobs.of(job.id).ended

    wait_until(is_over)


class Enough(Exception):  # noqa: N818 the plain word
    """The test has seen enough of the worker."""


def test_the_worker_has_a_watchman_on_his_rounds(
    lodge: Lodge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As the worker starts it, with a process that fails: there is no site in its DATA_DIR."""
    lodge.vote()
    made: list[subprocess.Popen[bytes]] = []
    start = worker.start_scrutiny

    def started() -> subprocess.Popen[bytes]:
        made.append(start())
        return made[-1]

    monkeypatch.setattr(
        worker, "Watchman", lambda store, minutes: Watchman(store, minutes, started)
    )
    settings = replace(load_settings({"DATA_DIR": str(tmp_path)}), scrutiny_minutes=1)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "nowhere"))
    rounds = iter(range(3))

    def sleep(_: float) -> None:
        if next(rounds, None) is None:
            raise Enough
        if made:
            made[0].wait()

    with pytest.raises(Enough):
        worker.work(lodge.store, settings, sleep)
    assert [process.returncode for process in made] == [1]
