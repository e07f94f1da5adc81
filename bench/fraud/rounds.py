"""One job: a ledger is made (or found from before), a detector looks at it, the score comes back.

Ledgers lie in the temporary folder under a name that changes with the generator's code.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.fraud import ledger, scenario
from bench.fraud.detectors import named
from bench.fraud.goals import SIMULATOR
from bench.fraud.scoring import score
from voting.settings import ROOT

#: The shared simulator, where it is at hand; its ledgers are a world of that name.
SIMULATOR_FILE: Final = ROOT.parent / "shared" / "fraudsim" / "sim.py"
SIMULATOR_ATTACKS: Final = ("script", "proxy", "farm", "paid", "drip", "smear", "snipe")
#: Nothing is ever tuned on these seeds, nor on this world, whose seeds are its own.
LAST_LOOK: Final = (90_001, 90_002, 90_003)
HELD_OUT: Final = "held-out"
HELD_OUT_OFFSET: Final = 70_000
#: Columns that are blanked in turn; without an entry there is no vote.
CARRIERS: Final = ("ts_ms", "voter", "identity", "ip", "net", "ua", "share", "dwell_ms",
                   "watched_s")  # fmt: skip
HERE: Final = Path(__file__).parent
#: What is done to a ledger before a detector sees it, or to the labels before the score.
ENTRIES_DEALT, LABELS_DEALT = "entries", "labels"


@dataclass(frozen=True, slots=True)
class Job:
    """`twist`: "" or what to blank, as in ledger.blank, ENTRIES_DEALT, LABELS_DEALT."""

    world: str
    scenario: str
    skill: str
    seed: int
    votes: int
    twist: str = ""
    detector: str = "scrutiny"

    @property
    def ledger(self) -> str:
        """What its ledger is called; other twists and detectors have the same."""
        return f"{self.world}-{self.scenario}-{self.skill}-{self.seed}-{self.votes}"

    @property
    def attack(self) -> str:
        return self.scenario.rpartition("-")[0] or self.scenario


def simulator_at_hand() -> bool:
    return SIMULATOR_FILE.is_file()


def seeds_of(world: str, last_look: bool, chosen: tuple[int, ...]) -> tuple[int, ...]:
    """The reserved ones for the last look; the held-out world never has those of the others."""
    if last_look:
        return LAST_LOOK
    return tuple(HELD_OUT_OFFSET + seed for seed in chosen) if world == HELD_OUT else chosen


def scenarios(world: str) -> list[str]:
    if world == SIMULATOR:
        sized = (f"{kind}-{size}" for kind in SIMULATOR_ATTACKS for size in scenario.SIZES)
        return ["clean", *sized, "mixed"]
    return scenario.scenarios(world)


def cache() -> Path:
    """Where ledgers lie; another folder for another generator."""
    code = [path.read_bytes() for path in sorted(HERE.glob("*.py")) if path.name not in _NO_MATTER]
    if simulator_at_hand():
        code.append(SIMULATOR_FILE.read_bytes())
    digest = hashlib.sha256(b"".join(code)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"fraud-bench-{os.getuid()}" / digest


_NO_MATTER = {"__main__.py", "rounds.py", "scoring.py", "detectors.py", "table.py", "goals.py"}


def sweep() -> None:
    """Remove ledgers that an older generator has left."""
    for folder in cache().parent.glob("*"):
        if folder != cache() and time.time() - folder.stat().st_mtime > 2 * 3600:
            shutil.rmtree(folder, ignore_errors=True)


def ledger_of(job: Job) -> Path:
    """The job's ledger folder, made if it isn't there."""
    name = job.ledger
    folder = cache() / name
    if not (folder / "labels.npz").is_file():
        # Two jobs may want the same ledger at the same time: it appears whole or not at all.
        part = cache() / f".{name}-{os.getpid()}"
        _make(job, part)
        ledger.load(part)
        _appear(part, folder)
    twisted = ledger_folder(job)
    if twisted == folder:
        return folder
    if not (twisted / "labels.npz").is_file():
        part = cache() / f".{name}-{job.twist}-{os.getpid()}"
        if job.twist == ENTRIES_DEALT:
            ledger.permute_entries(folder, part)
        else:
            ledger.blank(folder, job.twist, part)
        _appear(part, twisted)
    return twisted


def ledger_folder(job: Job) -> Path:
    """Where its ledger lies, once it is made."""
    plain = job.twist in ("", LABELS_DEALT)
    return cache() / (job.ledger if plain else f"{job.ledger}-{job.twist}")


def _appear(part: Path, folder: Path) -> None:
    try:
        part.rename(folder)
    except OSError:  # somebody else was quicker
        shutil.rmtree(part, ignore_errors=True)


def _make(job: Job, folder: Path) -> None:
    if job.world != SIMULATOR:
        scenario.make(job.world, job.scenario, job.skill, job.seed, job.votes, folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    words = ["--scenario", job.scenario, "--seed", str(job.seed), "--votes", str(job.votes),
             "--skill", job.skill, "--out", str(folder)]  # fmt: skip
    subprocess.run([sys.executable, str(SIMULATOR_FILE), *words], check=True, capture_output=True)


def play(job: Job) -> dict[str, Any]:
    """The job and its score as plain data."""
    folder = ledger_of(job)
    labels = ledger.load(folder)
    if job.twist == LABELS_DEALT:
        order = np.random.default_rng(17).permutation(len(labels))
        labels = replace(labels, fraud=labels.fraud[order], kind=labels.kind[order])
    begun = time.perf_counter()
    verdict = named(job.detector)(folder / "ledger.csv")
    if not verdict.seconds:
        verdict = replace(verdict, seconds=time.perf_counter() - begun)
    found = asdict(score(labels, verdict))
    del found["counts"]
    return {"job": asdict(job), "score": found}


def play_each(jobs: Sequence[Job], keep: bool) -> list[dict[str, Any] | str]:
    """The results of all jobs with one ledger, or what went wrong with each. `keep`: whether the
    ledger stays in the cache."""
    found: list[dict[str, Any] | str] = []
    for job in jobs:
        try:
            found.append(play(job))
        except Exception as wrong:  # a detector at work may raise anything
            found.append(f"{type(wrong).__name__}: {wrong}")
    if not keep:
        for folder in {cache() / jobs[0].ledger, *(ledger_folder(job) for job in jobs)}:
            shutil.rmtree(folder, ignore_errors=True)
    return found


def play_all(
    jobs: Iterable[Job], workers: int, say: Callable[[str], None], keep: bool = True
) -> Iterator[dict[str, Any]]:
    """Every job's result, as they come; a job that fails is told of and left out."""
    # In one process one after the other, because the last of them removes the ledger.
    groups = [list(some) for _, some in groupby(jobs, lambda job: job.ledger)]
    begun, done, total = time.perf_counter(), 0, sum(map(len, groups))
    os.environ.setdefault("POLARS_MAX_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    # Not forked: polars' threads don't survive it.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        waiting = {pool.submit(play_each, some, keep): some for some in groups}
        for future in as_completed(waiting):
            for job, result in zip(waiting[future], future.result(), strict=True):
                done += 1
                say(f"{done}/{total} {_told(job, result)} ({time.perf_counter() - begun:.0f} s)")
                if not isinstance(result, str):
                    yield result


def _told(job: Job, result: dict[str, Any] | str) -> str:
    name = f"{job.world} {job.scenario} {job.skill} {job.seed} {job.twist}".rstrip()
    if isinstance(result, str):
        return f"{name}: FAILED, {result}"
    found = result["score"]
    recall = "–" if found["recall_all"] is None else f"{found['recall_all']:.2f}"
    honest = f"honest flagged {100 * found['flagged']:.3f} %"
    return f"{name}: recall {recall}, {honest}, {found['seconds']:.1f} s"
