"""What needs doing: the strip on top of the dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from voting.contest import EntryState, Phase, minute_words
from voting.organizer import Account, Power
from voting.result import Result
from voting.store import Store
from voting.store.client import StoreDown
from voting.store.log import Act, Kind
from voting.store.standings import Board
from voting.web.organizer.condition import Check, State
from voting.web.organizer.docket import Docket


@dataclass(frozen=True, slots=True)
class Task:
    """`state` is how urgent; `href` is left out for those who may not go there."""

    state: State
    title: str
    sentence: str
    action: str = ""
    href: str = ""
    power: Power = Power.LOOK


@dataclass
class Pending:
    """How many submissions wait; the catalogue is read again only when it changed."""

    version: int = -1
    count: int = 0

    def of(self, store: Store, board: Board) -> int:
        if self.version != board.catalogue.version:
            states = [entry.state for entry in store.entries.all().values()]
            self.count, self.version = states.count(EntryState.PENDING), board.catalogue.version
        return self.count


def tasks(
    store: Store,
    board: Board,
    pending: Pending,
    docket: Docket | None,
    checks: Sequence[Check],
    now_ms: int,
) -> list[Task]:
    """Most urgent first. While the law store is away, that is what needs doing."""
    found = list(_broken(checks))
    with suppress(StoreDown):
        found += [*_of_the_vote(store, board, now_ms), *_of_entries(pending.of(store, board))]
    found += _of_cases(docket, now_ms, over=now_ms >= board.rules.closes_ms)
    order = (State.ALARM, State.WARN, State.UNKNOWN, State.GOOD)
    return sorted(found, key=lambda task: order.index(task.state))


def allowed(found: Sequence[Task], account: Account) -> list[Task]:
    """The same, without what this account may neither see nor do."""
    return [task for task in found if account.may(task.power)]


def _broken(checks: Sequence[Check]) -> Iterator[Task]:
    for check in checks:
        if check.bad:
            yield Task(
                check.state, check.name, f"{check.sentence}{check.todo}", "看详情", check.href
            )


def _of_the_vote(store: Store, board: Board, now_ms: int) -> Iterator[Task]:
    phase = board.phase(now_ms)
    if phase is Phase.PAUSED:
        act = last_pause(store)
        since = "没有找到是谁暂停的"
        if act:
            since = f"{minute_words(act.at_ms)} 起，{act.by}：{act.reason}"
        todo = f"{since}。处理好以后，请恢复投票。"
        yield Task(State.WARN, "投票暂停中", todo, "去恢复", "/organizer/vote")
    elif phase is Phase.CLOSED:
        todo = "请开始核对：核对票数、处理异议，之后公布。"
        yield Task(State.WARN, "投票已经结束，结果还没有公布", todo, "去核对", "/organizer/vote")
    elif phase is Phase.UNDER_REVIEW:
        yield Task(State.WARN, "正在核对结果", "核对完请公布。", "去公布", "/organizer/vote")
    elif phase is Phase.PUBLISHED and (gone := withdrawn_from(board.result, board)):
        title = f"公布的结果里有已撤下的作品（{'、'.join(gone)} 号）"
        todo = "请重新计算，看过以后另出一版。"
        yield Task(State.WARN, title, todo, "去更正", "/organizer/vote")
    if phase in (Phase.BEFORE, Phase.OPEN) and not board.entries:
        todo = "访客现在看到的是一个空的首页。"
        yield Task(
            State.WARN, "还没有一件作品公开", todo, "去收件", "/organizer/intake", Power.REVIEW
        )


def _of_cases(docket: Docket | None, now_ms: int, *, over: bool) -> Iterator[Task]:
    """What waits for a decision about votes; only for who may see cases at all."""
    if docket is None:
        return
    there, power = "/organizer/cases", Power.INSPECT
    if urgent := [one for one in docket.urgent if one.undecided]:
        title = f"{len(urgent)} 组可疑的票会改变前 {docket.together.winners} 名，还没有决定"
        todo = "票数和名次现在都没有变。请看过证据再决定；公布结果以前必须决定完。"
        yield Task(State.WARN, title, todo, "去核查", there, power)
    if waiting := docket.waiting:
        title = f"{len(waiting)} 组票等第二人确认移除"
        yield Task(State.WARN, title, "要另一位组织者看过证据再确认。", "去确认", there, power)
    for one in docket.surges[:1]:
        names = "、".join(f"{n:03d} 号" for n in one.entries)
        title = f"{names}票数涨得比平常快"
        todo = f"{one.case.votes:,} 票，平常约 {one.case.expected:,.0f} 票。只是提示，不影响作品。"
        yield Task(State.UNKNOWN, title, todo, "去看看", f"{there}/{one.case.id}", power)
    if docket.late(now_ms) and not over and docket.run:
        title = f"核查停在 {minute_words(docket.run.at_ms)}"
        todo = "投票不受影响，之后的票还没有人看过。请看后台进程在不在运行。"
        yield Task(State.WARN, title, todo, "看详情", there, power)


def _of_entries(pending: int) -> Iterator[Task]:
    if pending:
        title = f"{pending} 件作品等待审核"
        yield Task(State.UNKNOWN, title, "", "去审核", "/organizer/review", Power.REVIEW)


def withdrawn_from(published: Result | None, board: Board) -> list[str]:
    """The labels of those in the published result that are not in the vote any more."""
    rows = published.rows if published else ()
    return [row.label for row in rows if row.number not in board.entries]


def last_pause(store: Store) -> Act | None:
    """Who paused last, when and why."""
    found, _ = store.log.find(lambda act: act.kind is Kind.PAUSE, 1)
    return found[0] if found else None
