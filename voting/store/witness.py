"""What was once at the end of the operators' log, kept outside the store: `log-head.json`.

A chain can't show that its last rows were cut off. Whoever appends or checks notes the furthest row
that it has seen, and a log that is shorter than that, or has another row there, was tampered with
(or lost, or brought back from a backup).
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """Row `n` had this digest."""

    n: int
    digest: str


class Witness:
    """`file` may not exist yet. Several processes note at once; the furthest row stays."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def seen(self) -> Head | None:
        """The furthest row that anybody here has seen."""
        try:
            fields = json.loads(self.file.read_text(encoding="utf-8"))
            return Head(int(fields["n"]), str(fields["digest"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s: %s", self.file, error)
            return None

    def note(self, head: Head, still: Callable[[Head], bool]) -> None:
        """Remember `head`, if it is further than what was seen, and if that is `still` there: a log
        that was cut off and has grown again must not make us forget that it was.

        A disk that is full is no reason not to do what the log tells of.
        """
        try:
            while True:
                seen = self.seen()
                if seen is not None and (seen.n >= head.n or not still(seen)):
                    return
                # Nothing waits for the store in here: the lock would hold up the whole process.
                with self._alone():
                    if self.seen() == seen:
                        self._write(head)
                        return
        except OSError as error:
            log.warning("%s: %s", self.file, error)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _write(self, head: Head) -> None:
        new = self.file.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps({"n": head.n, "digest": head.digest}), encoding="utf-8")
        new.replace(self.file)
