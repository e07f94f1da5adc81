"""The process in which strangers' files are opened: one task a line in, one answer a line out.

It is started by workshop.py, confines itself before it reads anything, and knows neither secrets
nor the store. Whatever goes wrong in it is an answer, or its death; both concern one submission.
"""

from __future__ import annotations

import json
import math
import os
import queue
import resource
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TextIO

from voting.contest import Category, Notice
from voting.disk import BROKEN
from voting.intake.copies import lay_out
from voting.intake.folder import Submission
from voting.intake.mailbox import look
from voting.intake.verdict import Finding, Remedy
from voting.intake.video import Video, VideoRefused

NICE: Final = 10

Answer = dict[str, Any]


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
    order = json.loads(sys.stdin.readline())
    _confine(int(order["address_space"]))
    notice = _notice(order["notice"])
    known = {(form, video): number for form, video, number in order["known"]}
    tasks: queue.Queue[Answer] = queue.Queue()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()
    _say(answers, {"ready": True})
    while True:
        task = tasks.get()
        _allow(float(task["cpu_s"]))

        def tell(fields: Answer) -> None:
            _say(answers, fields)

        _say(answers, _answer(task, notice, known, tell) | {"over": True})


def _confine(address_space: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    os.nice(NICE)


def _allow(cpu_s: float) -> None:
    """Let the kernel end this process after so many more seconds of processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(used.ru_utime + used.ru_stime + cpu_s)
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def _listen(tasks: queue.Queue[Answer]) -> None:
    for line in sys.stdin:
        tasks.put(json.loads(line))
    os._exit(0)  # whoever gave the tasks is gone, so nobody wants what is being made


def _say(answers: TextIO, fields: Answer) -> None:
    answers.write(json.dumps(fields) + "\n")
    answers.flush()


def _answer(
    task: Answer,
    notice: Notice,
    known: dict[tuple[str, str], int],
    tell: Callable[[Answer], None],
) -> Answer:
    try:
        if task["do"] == "look":
            submission = _submission(task["submission"])
            seen = look(submission, notice, known, lambda part: tell({"at": part}))
            return {"kind": type(seen).__name__, "seen": asdict(seen)}
        lay_out(
            Path(task["source"]),
            Video(**task["video"]),
            Path(task["media"]),
            lambda share: tell({"share": share}),
            Path(task["work"]),
            threads=int(task["threads"]),
        )
    except VideoRefused as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"memory": True}
    except OSError as error:
        # Our disk's fault: everybody's work stops. Other errors are that one file's.
        return {"disk": error.errno} if error.errno in BROKEN else {"failed": type(error).__name__}
    except Exception as error:  # a stranger's file may fail in any way its parsers know
        return {"failed": type(error).__name__}
    return {"made": True}


def _submission(fields: Answer) -> Submission:
    paths = {name: Path(fields[name]) if fields[name] else None for name in ("form", "video")}
    flaws = tuple(Finding(sentence, Remedy(remedy)) for sentence, remedy in fields["flaws"])
    return Submission(**(fields | paths | {"flaws": flaws}))


def _notice(fields: Answer) -> Notice:
    return Notice(
        categories={key: Category(**one) for key, one in fields["categories"].items()},
        sizes=tuple((width, height) for width, height in fields["sizes"]),
        introduction_chars=fields["introduction_chars"],
    )


if __name__ == "__main__":
    main()
