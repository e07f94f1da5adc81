"""What a job finds on its desk, and what it leaves: the words between the queue and the work."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from voting.settings import Contest, Keys, Settings
from voting.store import Store
from voting.store.jobs import Job, Jobs

#: Progress is written no oftener than somebody looks.
EVERY_S: Final = 0.4


class Stopped(Exception):  # noqa: N818 the plain word
    """Somebody asked the job to stop; it leaves nothing half-done behind."""


class CannotDo(Exception):  # noqa: N818 the plain word
    """The job can't be done; the text is one sentence in Chinese for whoever asked."""


@dataclass(frozen=True)
class Desk:
    """`folder` is DATA_DIR/jobs/<id>, and it exists. `tell(done, total, sentence)` says how it
    stands as often as the job likes, and raises Stopped when somebody asked for a stop."""

    store: Store
    settings: Settings
    contest: Contest
    keys: Keys
    job: Job
    folder: Path
    tell: Callable[[int, int, str], None]
    now_ms: Callable[[], int]


@dataclass(frozen=True)
class Done:
    """What came out: a sentence, and names of files in the desk's folder."""

    sentence: str
    files: tuple[str, ...] = ()


@dataclass
class Teller:
    """Passes on how a job stands, at most every so often."""

    jobs: Jobs
    job_id: str
    clock: Callable[[], float] = field(default=time.monotonic)
    _last: float = field(default=float("-inf"), init=False)

    def __call__(self, done: int, total: int, sentence: str) -> None:
        now = self.clock()
        if now - self._last < EVERY_S:
            return
        self._last = now
        if not self.jobs.tell(self.job_id, done, total, sentence):
            raise Stopped
