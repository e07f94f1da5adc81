"""How the vote stands for whoever takes it away: the result, its draft, or the live count.

Whatever is made from an Outcome is the same bytes as long as nothing that matters has happened:
where there is no result yet, its time is that of the newest vote or row of the operators' log, and
rows that only tell of looking and taking away (an export's own among them) don't count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voting.contest import Phase, Rules
from voting.report.draft import Tell, count, rows_of
from voting.result import LedgerRow, Result, digest
from voting.settings import Contest
from voting.store import Store
from voting.store.ledger import Cut
from voting.store.log import Act, Kind, Log

PASSING: Final = frozenset(
    {
        Kind.LOG_IN, Kind.LOG_OUT, Kind.LOG_IN_FAILED, Kind.EXPORT, Kind.DOWNLOAD,
        Kind.INTAKE, Kind.DISCARD, Kind.COMPUTE, Kind.STOP,
    }
)  # fmt: skip
#: What is printed across what is not the published result.
MARKS: Final = {Phase.PUBLISHED: "", Phase.UNDER_REVIEW: "草稿", Phase.CLOSED: "未核对"}
NOT_ENDED: Final = "未结束"

#: (entry, identity class) → votes that weren't removed
ByIdentity = Counter[tuple[int, int]]


@dataclass(frozen=True)
class Outcome:
    """`mark` is empty for the published result; `log_rows` is how far the operators' log goes."""

    result: Result
    mark: str
    versions: tuple[Rules, ...]
    cut: Cut
    by_identity: ByIdentity
    log_rows: int

    @property
    def standing(self) -> str:
        """Whether this is the published result, as a sentence."""
        if self.mark:
            return f"{self.mark}，不是公布的结果。"
        return f"公布的结果第 {self.result.version} 版。"

    @property
    def digest(self) -> str:
        """SHA-256 of the result's public text."""
        return digest(self.result)


def outcome(store: Store, contest: Contest, tell: Tell) -> Outcome:
    """How the vote stands now; reads the whole ledger once. `tell` as in Desk."""
    phase = store.rules.phase()
    cut, by_identity = store.ledger.cut(), ByIdentity()
    found, last = _frozen(store, phase), _last_that_matters(store.log)
    log_rows = _log_rows(store.log, found) if found else last.n if last else 0
    void = store.batches.void(log_rows)
    rows = _tallied(rows_of(store.ledger, cut, void, tell), by_identity)
    if found:
        for _ in rows:
            pass
    else:
        found = _live(store, contest, cut, rows, last)
    return Outcome(
        result=found,
        mark=MARKS.get(phase, NOT_ENDED),
        versions=tuple(store.rules.versions()),
        cut=cut,
        by_identity=by_identity,
        log_rows=log_rows,
    )


def _tallied(rows: Iterator[LedgerRow], by_identity: ByIdentity) -> Iterator[LedgerRow]:
    for row in rows:
        if row[4] is None:
            by_identity[row[0], row[3]] += 1
        yield row


def _frozen(store: Store, phase: Phase) -> Result | None:
    if phase is Phase.PUBLISHED:
        return store.results.latest()
    draft = store.results.draft() if phase is Phase.UNDER_REVIEW else None
    return draft.result if draft and store.results.is_current(draft) else None


def _live(
    store: Store, contest: Contest, cut: Cut, rows: Iterator[LedgerRow], last: Act | None
) -> Result:
    newest_ms = max(
        (int(stream_id.partition(b"-")[0]) for stream_id in cut.newest if stream_id), default=0
    )
    return count(store, contest, rows, max(newest_ms, last.at_ms if last else 0), last)


def _last_that_matters(log: Log) -> Act | None:
    before = 0
    while rows := log.latest(100, before):
        for act in rows:
            if act.kind not in PASSING:
                return act
        before = rows[-1].n
    return None


def _log_rows(log: Log, result: Result) -> int:
    """A published result's log goes up to the row of its publication."""
    if not result.version:
        return result.log_row
    told = (act for act in log.all() if act.kind is Kind.PUBLISH)
    rows = [act.n for act in told if act.subject == str(result.version)]
    return rows[-1] if rows else result.log_row
