"""The live ledger, scrutinized: the store joined with scrutiny.

Done by a process of its own, which the worker starts every few minutes and an organizer whenever
they like. It takes nothing from the vote that the vote needs: whoever it hurts, it is the first to
go, and nothing waits for it.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from voting.case import Run
from voting.jobs import CannotDo, Desk, Done
from voting.scrutiny import scrutinize
from voting.scrutiny.look import Findings
from voting.scrutiny.rows import Reader
from voting.scrutiny.sheets import Names, Pen
from voting.scrutiny.votes import NAMED, Ledger
from voting.sheet import Sheet
from voting.store import Store

#: It is over by then, or it hangs: ten million rows take a minute.
LONGEST_S: Final = 600
#: However much the machine has, it needs no more for ten million rows.
MOST_MEMORY: Final = 4 * 2**30
GENTLE: Final = 19
LOCK: Final = "scrutiny.lock"
WAIT_S: Final = 0.5

#: Hears how far it is: steps done, steps in all, a sentence.
Tell = Callable[[int, int, str], None]


class Busy(Exception):  # noqa: N818 the plain word
    """Another process looks at the ledger already."""


@dataclass(frozen=True)
class Inspection:
    """What a look has found, and what its cases' pages draw."""

    findings: Findings
    run: Run
    sheets: dict[str, Sheet]

    @property
    def votes(self) -> dict[str, list[str]]:
        """Case → the ids of its votes, as the ledger's export names them."""
        ids = self.findings.votes.ids
        return {
            case.id: [ids[int(place)] for place in places]
            for case, places in zip(self.run.cases, self.findings.of_case, strict=True)
        }


def inspect(ledger: Ledger, winners: int, tell: Tell) -> Inspection:
    """Look at a ledger, and draw its cases."""
    began = time.perf_counter()
    tell(1, 3, f"正在核查 {ledger.rows:,} 票")
    findings = scrutinize(ledger.votes, winners)
    tell(2, 3, f"找到 {len(findings.run.cases)} 组，正在画图")
    sheets = _sheets(ledger, findings)
    run = replace(findings.run, rows=ledger.rows, seconds=time.perf_counter() - began)
    return Inspection(findings, run, sheets)


def _sheets(ledger: Ledger, findings: Findings) -> dict[str, Sheet]:
    votes = findings.votes
    names = {name: ledger.names[name].__getitem__ for name in NAMED}
    codes = {name: code for code, name in enumerate(votes.entries)}
    pen = Pen(votes, Names(**names), findings.reason >= 0)
    return {
        case.id: pen.draw(places, [codes[name] for name, _ in case.entries])
        for case, places in zip(findings.run.cases, findings.of_case, strict=True)
    }


# --- the live ledger ----------------------------------------------------------------------------


def collect(store: Store, tell: Tell) -> Ledger:
    """The live ledger as it is now. Raises StoreDown, and ValueError for rows of another schema."""
    cut = store.ledger.cut()
    reader = Reader(cut.rows)
    for page in store.ledger.pages(cut):
        reader.take(page.shard, page.ids, page.packed)
        share = reader.count / max(cut.rows, 1)
        tell(0, 3, f"正在读账本，{reader.count:,} 票（{share:.0%}）")
    return reader.ledger()


def keep(store: Store, tell: Tell, now_ms: Callable[[], int]) -> Run:
    """Look at the live ledger, and put what is found before the organizers. Raises StoreDown."""
    began = time.perf_counter()
    winners = store.rules.versions()[-1].winners
    found = inspect(collect(store, tell), winners, tell)
    run = replace(found.run, at_ms=now_ms(), seconds=time.perf_counter() - began)
    store.cases.put(run, found.votes, found.sheets)
    return run


# --- by itself ----------------------------------------------------------------------------------


def be_modest() -> None:
    """This process goes last: it waits for all others, ends when it takes too long, gets no more
    memory than a part of the machine's, and is what the system ends first when there is none."""
    with suppress(OSError):
        os.nice(GENTLE)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = min(MOST_MEMORY, there // 2)
    with suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends a process that hangs in a library, too
    signal.alarm(LONGEST_S)


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Only one process at a time looks at the ledger; the lock ends with its process. Raises Busy
    while there is another one."""
    with (data_dir / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy from None
        yield


def work(desk: Desk) -> Done:
    """The job: look at the ledger now, whether or not it has grown. Its process is a modest one."""
    while True:
        try:
            with alone(desk.settings.data_dir):
                run = keep(desk.store, desk.tell, desk.now_ms)
        except Busy:
            desk.tell(0, 3, "另一次核查正在进行，等它做完")
            time.sleep(WAIT_S)
        except MemoryError:
            raise CannotDo("内存不够，没有核查完。投票不受影响") from None
        else:
            return Done(told(run))


def told(run: Run) -> str:
    """What came of a run, in a sentence."""
    found = f"找到 {len(run.cases)} 组可疑的票" if run.cases else "没有可疑的票"
    return f"核查了 {run.rows:,} 票，用了 {run.seconds:.1f} 秒，{found}"
