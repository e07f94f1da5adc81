"""The result as the ledger gives it: counted anew, and kept as a draft before it is published."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from voting.contest import Phase
from voting.jobs import CannotDo, Desk, Done
from voting.result import About, LedgerRow, Result, compute
from voting.settings import Contest
from voting.store import Store
from voting.store.batches import Void
from voting.store.ledger import Cut, Ledger
from voting.store.log import Act, Kind
from voting.store.results import Draft
from voting.store.rules import PHASES

#: While one of these lasts there is something to publish.
COUNTED_IN = frozenset({Phase.UNDER_REVIEW, Phase.PUBLISHED})

#: As in Desk.
Tell: TypeAlias = Callable[[int, int, str], None]


def work(desk: Desk) -> Done:
    """The job: compute the draft anew and keep it."""
    result = make(desk.store, desk.contest, desk.now_ms(), desk.tell)
    return Done(f"结果已算好：有效票 {result.totals.votes:,} 张，请看过以后公布")


def make(store: Store, contest: Contest, now_ms: int, tell: Tell) -> Result:
    """Compute the draft and keep it. Raises CannotDo when the vote hasn't ended, when something
    changed meanwhile, or when ledger and tally differ."""
    phase = store.rules.phase()
    if phase not in COUNTED_IN:
        raise CannotDo(f"{PHASES[phase]}，还不能计算结果；请先开始核对")
    catalogue, head = store.results.catalogue(), store.log.last()
    void = store.batches.void(head.n if head else 0)
    rows = rows_of(store.ledger, store.ledger.cut(), void, tell)
    draft = Draft(catalogue, count(store, contest, rows, now_ms, head))
    if not store.results.is_current(draft):
        raise CannotDo("计算的时候作品或规则有改动，请再算一次")
    if not store.results.agrees(draft.result):
        raise CannotDo("票数与账本不一致，不能公布。请运行 recount 核对是哪一件作品")
    store.results.keep(draft)
    return draft.result


def count(
    store: Store, contest: Contest, rows: Iterable[LedgerRow], at_ms: int, head: Act | None
) -> Result:
    """What these rows come to, with the entries and rules as they are now; kept nowhere.

    `head` is the row of the operators' log up to which it holds.
    """
    about = About(
        name=contest.name,
        subtitle=contest.subtitle,
        organizers=contest.organizers,
        award=contest.award,
        demo=contest.demo,
        categories=contest.categories,
    )
    rules = store.rules.versions()[-1]
    unnamed = store.results.unnamed()
    result = compute(rows, store.entries.all(), _reasons(store), about, rules, at_ms, unnamed)
    return replace(result, log_row=head.n, log_digest=head.digest) if head else result


def rows_of(ledger: Ledger, cut: Cut, void: Void, tell: Tell) -> Iterator[LedgerRow]:
    """The ledger's rows up to the cut, as a result counts them; those in `void` say why not."""
    done = 0
    for page in ledger.pages(cut):
        tell(done, cut.rows, f"正在逐票核对账本，共 {cut.rows:,} 票")
        why = map(void[page.shard].get, page.ids)
        for at_ms, (_, identity, entry, voter, *_), pattern in zip(
            page.times(), page.rows(), why, strict=True
        ):
            yield entry, at_ms, voter, identity, pattern
        done += len(page.ids)


def _reasons(store: Store) -> dict[int, str]:
    """Entry → why it was taken out of the vote, as the operators' log last says."""
    out = (Kind.WITHDRAW, Kind.REFUSE)
    return {int(act.subject): act.reason for act in store.log.decisions() if act.kind in out}
