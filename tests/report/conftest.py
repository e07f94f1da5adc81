"""A contest with votes in it, and a job done on the spot."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from casting import a_ballot, looked_at, now_ms
from flask import Flask

from voting import jobs
from voting.batch import Batch, Decision
from voting.case import Case, Finding, Pattern
from voting.cli.jobs import work_of
from voting.contest import Identity, Signals
from voting.organizer import Account, Role
from voting.store.accounts import AccountExists
from voting.store.jobs import Job, JobKind, JobState
from voting.web.site import Site


@dataclass
class Office:
    """Where the worker's jobs are done, one by one."""

    site: Site

    def cast(self, votes: int = 200, seed: int = 1) -> None:
        luck = random.Random(seed)
        ballots = [
            (
                a_ballot(entry=luck.choice((1, 1, 1, 2, 2, 3, 5, 12)), voter=luck.randbytes(8)),
                Signals(
                    Identity(luck.randint(0, 2)), luck.randbytes(6), luck.randbytes(6),
                    luck.randbytes(4), luck.choice((bytes(4), b"shar")), luck.randint(0, 90_000),
                    luck.randint(0, 180),
                ),
            )
            for _ in range(votes)
        ]  # fmt: skip
        self.site.store.ballots.cast_all(ballots)

    def do(self, kind: JobKind, **asked: str) -> Job:
        site = self.site
        site.store.jobs.add(kind, "王组织", now_ms(), **asked)
        job = site.store.jobs.claim(now_ms())
        assert job
        return jobs.run(work_of(kind), site.store, site.settings, site.contest, site.keys, job)

    def export(self, table: str, wanted: str) -> Path:
        return self.made(self.do(JobKind.EXPORT, table=table, format=wanted))

    def made(self, job: Job) -> Path:
        assert job.state is JobState.DONE, job.sentence
        (name,) = job.files
        return self.folder(job) / name

    def folder(self, job: Job) -> Path:
        return self.site.settings.data_dir / "jobs" / job.id

    def end_the_vote(self) -> None:
        """The clock strikes the end, and somebody begins to check."""
        site = self.site
        site.store.rules.close("试验", "王组织")
        site.store.rules.begin_review("试验", "王组织")
        looked_at(site.store)

    def void(self, entry: int, votes: int, pattern: Pattern) -> Batch:
        """Two organizers remove the first votes of an entry."""
        store, people = self.site.store, ("甲", "乙")
        for name in people:
            with suppress(AccountExists):
                store.accounts.add(Account(name, Role.ORGANIZER, "hash", 0))
        ids = [vote.id for vote in store.ledger.votes() if vote.entry == entry][:votes]
        case = Case(f"c{entry}-{votes}", pattern, Finding.VOTES, (), votes, 0.0, 0.0, 0.0, 1.0, 0,
                    0, (), "")  # fmt: skip
        batch = store.batches.freeze(case, ids, "甲")
        store.batches.decide(batch.id, Decision.ASK_VOID, "不像真人", "甲")
        store.batches.decide(batch.id, Decision.VOID, "同意", "乙")
        return batch

    def publish(self) -> None:
        self.end_the_vote()
        assert self.do(JobKind.RESULT).state is JobState.DONE
        draft = self.site.store.results.draft()
        assert draft
        self.site.store.results.publish(draft.digest, "核对无误", "王组织")


@pytest.fixture
def office(app: Flask, site: Site) -> Office:
    return Office(site)


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[[Path], Path]:
    def unpack(file: Path) -> Path:
        folder = tmp_path / file.stem
        with zipfile.ZipFile(file) as pack:
            pack.extractall(folder)
        return folder

    return unpack
