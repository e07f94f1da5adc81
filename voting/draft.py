"""The result as it stands, computed from the ledger: the worker's job before publishing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from voting.contest import Phase
from voting.desk import CannotDo, Desk, Done
from voting.result import About, LedgerRow, Result, compute
from voting.settings import Contest
from voting.store import Store
from voting.store.log import Kind
from voting.store.results import Draft
from voting.store.rules import PHASES

#: While one of these lasts there is something to compute.
COUNTED_IN = frozenset({Phase.UNDER_REVIEW, Phase.PUBLISHED})


def work(desk: Desk) -> Done:
    """The job: compute the draft anew and keep it."""
    result = make(desk.store, desk.contest, desk.now_ms(), desk.tell)
    return Done(f"结果已算好：有效票 {result.totals.votes:,} 张，请看过以后公布")


def make(
    store: Store, contest: Contest, now_ms: int, tell: Callable[[int, int, str], None]
) -> Result:
    """Compute the draft and keep it. Raises CannotDo when the vote hasn't ended, when something
    changed meanwhile, or when ledger and tally differ. `tell` as in Desk."""
    phase = store.rules.phase()
    if phase not in COUNTED_IN:
        raise CannotDo(f"{PHASES[phase]}，还不能计算结果；请先开始核对")
    catalogue, head = store.results.catalogue(), store.log.last()
    result = compute(
        _rows(store, tell),
        store.entries.all(),
        reasons(store),
        about(contest),
        store.rules.versions()[-1],
        now_ms,
    )
    result = replace(
        result, log_row=head.n if head else 0, log_digest=head.digest if head else ""
    )
    draft = Draft(catalogue, result)
    if not store.results.is_current(draft):
        raise CannotDo("计算的时候作品或规则有改动，请再算一次")
    if not store.results.agrees(result):
        raise CannotDo("票数与账本不一致，不能公布。请运行 recount 核查是哪一件作品")
    store.results.keep(draft)
    return result


def about(contest: Contest) -> About:
    return About(
        name=contest.name,
        subtitle=contest.subtitle,
        organizers=contest.organizers,
        award=contest.award,
        demo=contest.demo,
        categories=contest.categories,
    )


def _rows(store: Store, tell: Callable[[int, int, str], None]) -> Iterator[LedgerRow]:
    done, total = 0, store.ledger.size()
    for page in store.ledger.pages():
        tell(done, total, f"正在逐票核对账本，共 {total:,} 票")
        for at_ms, (_, identity, entry, voter, *_) in zip(page.times(), page.rows(), strict=True):
            yield entry, at_ms, voter, identity
        done += len(page.ids)


def reasons(store: Store) -> dict[int, str]:
    """Entry → why it was taken out of the vote, as the operators' log last says."""
    out = (Kind.WITHDRAW, Kind.REFUSE)
    return {int(act.subject): act.reason for act in store.log.decisions() if act.kind in out}
