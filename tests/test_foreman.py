"""The worker has jobs done by processes of their own, and is never held up by one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from casting import Contest, a_contest
from staging import wait_until

from voting.store.jobs import KEPT_MS, SILENT_MS, JobKind, JobState
from voting.worker import INBOX_KEPT_S, PATIENCE_S, SWEEP_EVERY_S, Foreman

SLEEPER = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Workshop:
    """A foreman whose jobs are whatever Python the test says, on the test's clock."""

    def __init__(self, contest: Contest, folder: Path) -> None:
        self.jobs, self.clock, self.program = contest.store.jobs, Clock(), "pass"
        self.foreman = Foreman(self.jobs, folder, self.start, self.clock)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, _job_id: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", self.program]
        self.processes.append(subprocess.Popen(command, start_new_session=True))
        return self.processes[-1]

    def ask(self) -> str:
        other = str(len(self.jobs.all()))  # the very same would not be asked for twice
        return self.jobs.add(JobKind.EXPORT, "王组织", int(self.clock.now * 1000), table=other).id

    def ended(self, job_id: str) -> JobState:
        def look() -> bool:
            self.foreman.look()
            return self.jobs.of(job_id).ended

        wait_until(look)
        return self.jobs.of(job_id).state


@pytest.fixture
def shop(law_url: str, throttle_url: str, tmp_path: Path) -> Iterator[Workshop]:
    shop = Workshop(a_contest(law_url, throttle_url, tmp_path), tmp_path / "jobs")
    yield shop
    for process in shop.processes:
        process.kill()
        process.wait()


def test_a_job_is_begun_and_beats_while_its_process_lives(shop: Workshop):
    shop.program, job_id = SLEEPER, shop.ask()
    shop.foreman.look()
    shop.clock.now += 20
    shop.foreman.look()
    job = shop.jobs.of(job_id)
    assert (job.state, job.beat_ms) == (JobState.RUNNING, 1_020_000)


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("raise SystemExit(3)", "做到一半停了（退出码 3），详情在服务器的日志里"),
        ("pass", "做到一半停了（退出码 0），详情在服务器的日志里"),
        ("import os; os.kill(os.getpid(), 9)", "做到一半被系统结束了，多半是内存不够"),
        ("import os; os.kill(os.getpid(), 11)", "做到一半停了（信号 11），详情在服务器的日志里"),
    ],
)
def test_a_process_that_dies_is_told_in_a_sentence(shop: Workshop, program: str, sentence: str):
    shop.program, job_id = program, shop.ask()
    assert shop.ended(job_id) is JobState.FAILED
    assert shop.jobs.of(job_id).sentence == sentence


def test_the_next_one_begins_after_it(shop: Workshop):
    first, second = shop.ask(), shop.ask()
    shop.ended(first)
    shop.ended(second)
    assert len(shop.processes) == 2


def test_what_it_left_unfinished_is_removed(shop: Workshop):
    job_id = shop.ask()
    folder = shop.foreman.folder / job_id
    folder.mkdir(parents=True)
    (folder / ".账本.csv.part").write_text("half")
    (folder / ".账本.xlsx.sheets.part").mkdir()
    (folder / ".账本.xlsx.sheets.part" / "sheet").write_text("half")
    (folder / "收件").mkdir()
    shop.ended(job_id)
    assert [path.name for path in folder.iterdir()] == ["收件"]


@pytest.mark.parametrize(("program", "rounds"), [(SLEEPER, 1), (DEAF, 2)])
def test_one_that_does_not_stop_is_ended(shop: Workshop, program: str, rounds: int):
    shop.program, job_id = program, shop.ask()
    shop.foreman.look()
    shop.jobs.stop(job_id, 1)
    shop.foreman.look()
    assert shop.processes[0].poll() is None
    for _ in range(rounds):
        shop.clock.now += PATIENCE_S + 1
        shop.foreman.look()
    assert shop.ended(job_id) is JobState.STOPPED


def test_a_job_of_a_worker_that_died_is_begun_anew(shop: Workshop):
    job_id = shop.ask()
    assert shop.jobs.claim(int(shop.clock.now * 1000))
    shop.foreman.look()
    assert not shop.processes
    shop.clock.now += SILENT_MS / 1000 + 1
    shop.foreman.look()
    assert len(shop.processes) == 1
    assert shop.jobs.of(job_id).tries == 2


def test_a_job_that_was_removed_meanwhile_disturbs_nobody(shop: Workshop):
    shop.program, job_id = "pass", shop.ask()
    shop.foreman.look()
    shop.jobs.remove(job_id)
    shop.processes[0].wait()
    shop.foreman.look()
    assert shop.foreman.at_work is None


def aged(path: Path, seconds: float) -> Path:
    """A folder that was last touched at this time of the test's clock."""
    path.mkdir(parents=True)
    os.utime(path, (seconds, seconds))
    return path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_after_a_week_a_job_and_its_folder_go(shop: Workshop):
    began = shop.clock.now
    old, young = shop.ask(), shop.ask()
    for job_id, ended in ((old, began), (young, began + 3600)):
        shop.jobs.stop(job_id, int(ended * 1000))
        aged(shop.foreman.folder / job_id, began)
    shop.clock.now += KEPT_MS / 1000 + 1
    shop.foreman.look()
    assert left(shop.foreman.folder) == [young]
    assert [job.id for job in shop.jobs.all()] == [young]


def test_folders_of_no_job_go_when_they_are_old(shop: Workshop):
    shop.clock.now += KEPT_MS / 1000
    aged(shop.foreman.folder / "old", 1)
    aged(shop.foreman.folder / "young", shop.clock.now - 60)
    shop.foreman.look()
    assert left(shop.foreman.folder) == ["young"]


def test_uploads_that_nobody_takes_in_go_after_a_day(shop: Workshop):
    shop.clock.now += 2 * INBOX_KEPT_S
    inbox, now = shop.foreman.folder.with_name("inbox"), shop.clock.now
    for name, age in (("left", 1.1), ("fresh", 0.5), ("asked", 1.5), ("growing", 1.5)):
        aged(inbox / name, now - age * INBOX_KEPT_S)
    aged(inbox / "growing" / "今天的", now)
    os.utime(inbox / "growing", (1, 1))
    shop.program = SLEEPER
    shop.jobs.add(JobKind.INTAKE, "李审核", int(now * 1000), folder=str(inbox / "asked"))
    shop.foreman.look()
    assert left(inbox) == ["asked", "fresh", "growing"]


def test_it_sweeps_now_and_then(shop: Workshop):
    shop.foreman.look()
    shop.clock.now += KEPT_MS / 1000
    shop.foreman.look()
    aged(shop.foreman.folder / "old", 1)
    shop.foreman.look()
    assert left(shop.foreman.folder) == ["old"]
    shop.clock.now += SWEEP_EVERY_S + 1
    shop.foreman.look()
    assert left(shop.foreman.folder) == []


def test_a_real_job_ends_with_its_worker(tmp_path: Path):
    """The process asks the kernel for SIGTERM when its parent dies."""
    script = (
        "import subprocess, sys, time\n"
        "import voting.worker as worker\n"
        "process = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],\n"
        "    start_new_session=True, preexec_fn=worker._modest)\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as worker:
        assert worker.stdout
        pid = int(worker.stdout.readline())
        assert os.getpriority(os.PRIO_PROCESS, pid) == 10
        worker.send_signal(signal.SIGKILL)
    wait_until(lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
