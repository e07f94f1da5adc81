"""Passwords are hashed beside the votes, not before them: in one thread, with a short queue."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, TypeVar

from gevent.threadpool import ThreadPool

from voting.web.errors import Problem

Made = TypeVar("Made")

#: A hash takes 30 ms of a processor and 19 MiB: the last in the queue waits a quarter of a second.
PLACES: Final = 8

BUSY = Problem(503, "too_many_log_ins", "现在登录的人太多了", "请过几秒再试一次", 3)


class Queue:
    """Who waits for the thread; a flood of strangers leaves the second half to those we know."""

    def __init__(self) -> None:
        self.waiting = 0

    def run(self, work: Callable[..., Made], *parts: object, known: bool = True) -> Made:
        """What `work` makes, or BUSY."""
        if self.waiting >= (2 * PLACES if known else PLACES):
            raise BUSY
        self.waiting += 1
        try:
            made: Made = _thread().spawn(work, *parts).get()
        finally:
            self.waiting -= 1
        return made


queue = Queue()


@cache
def _thread() -> ThreadPool:
    return ThreadPool(1)
