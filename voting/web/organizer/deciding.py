"""Deciding about a case: what can be decided, what each decision does, and doing it.

A case changes with every run; people decide about votes as they have seen them. So a decision says
what was seen, and freezes exactly that; whatever came later stays undecided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from voting.batch import DECISION_WORDS, Decision, State, digest_of
from voting.organizer import Power
from voting.store import Store
from voting.store.batches import DecisionRefused, NoSuchBatch
from voting.web.organizer.docket import Matter, Part, undecided
from voting.web.organizer.gate import me

#: A moment in ms has fewer for the next two hundred centuries.
MOST_DIGITS: Final = 15
ANOTHER: Final = "这组票刚刚又核查过，和您看到的不一样了，没有改动。请看过现在的再决定"


@dataclass(frozen=True, slots=True)
class Deed:
    """What a decision does, said before it is made, and after."""

    effect: str
    done: str
    button: str = ""
    danger: bool = False
    key: str = ""


DEEDS: Final = {
    Decision.HOLD: Deed(
        "票数和名次都不变；排行页的票数里，这些票从明天起显示成浅色的“核查中”。"
        "最多 48 小时，到时还没有决定就自动解除，而且不能再标一次。",
        "已标为核查中，48 小时内请决定",
        key="h",
    ),
    Decision.KEEP: Deed("这些票照常计算。以后有新的情况，还可以改。", "已保留，照常计算", key="b"),
    Decision.ASK_VOID: Deed(
        "现在什么都不变。要另一位组织者用自己的账号确认，这些票才不计入票数。"
        "作品不受处罚，它的其他票照常计算。",
        "已提请移除，等另一位组织者确认",
        danger=True,
        key="v",
    ),
    Decision.VOID: Deed(
        "这些票不再计入票数：后台马上变，投票期间公开的票数从明天起变。票不删除，留在账本里，"
        "随时可以恢复。投票的人不会另得一票。",
        "已移除：这些票不再计入票数",
        danger=True,
        key="v",
    ),
    Decision.PUT_BACK: Deed(
        "这些票重新计入票数：后台马上变，投票期间公开的票数从明天起变。",
        "已恢复，这些票重新计入票数",
        key="b",
    ),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants decided. `batch` '' is the rest that no batch holds; `seen` what the page
    showed of it: a batch's state, or the rest's last moment and digest."""

    decision: Decision
    batch: str
    seen: str
    reason: str


def decide(store: Store, matter: Matter | None, asked: Asked) -> None:
    """Raises DecisionRefused, or NoSuchBatch for one that isn't of this case."""
    if matter is None:
        raise DecisionRefused(ANOTHER)
    if asked.batch:
        if asked.batch not in {one.batch.id for one in matter.batches}:
            raise NoSuchBatch(asked.batch)
        batch_id, seen = asked.batch, State(asked.seen) if asked.seen in set(State) else None
        if seen is None:
            raise DecisionRefused(ANOTHER)
    else:
        batch_id, seen = _freeze(store, matter, asked), State.OPEN
    store.batches.decide(batch_id, asked.decision, asked.reason, me().name, seen=seen)


def _freeze(store: Store, matter: Matter, asked: Asked) -> str:
    """Freeze what was seen of the rest; the batch's id. What came since isn't in it."""
    part = next((part for part in matter.parts if part.batch is None), None)
    if asked.decision not in _of_the_rest(matter):
        raise DecisionRefused("还没有人提请移除这些票；请先提请，再由另一位组织者确认")
    if part is None or not matter.latest:
        raise DecisionRefused("刚刚有人对这些票做了决定，请看过以后再决定")
    votes = undecided(store, matter.case.id, matter.batches) if matter.named else []
    until_ms, _, digest = asked.seen.partition(".")
    if not (until_ms.isdecimal() and len(until_ms) <= MOST_DIGITS):
        raise DecisionRefused(ANOTHER)
    votes = [vote for vote in votes if _ms_of(vote) <= int(until_ms)]
    if digest_of(votes) != digest:
        raise DecisionRefused(ANOTHER)
    batch = store.batches.freeze(matter.case, votes, me().name)
    store.cases.keep(batch.id, matter.case)
    return batch.id


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be decided about a part. `why_not` is '' where this account may."""

    decision: Decision
    word: str
    deed: Deed
    why_not: str


@dataclass(frozen=True, slots=True)
class Choices:
    """All that can be decided about a part, and what of it is seen now."""

    part: Part
    choices: tuple[Choice, ...]
    seen: str


def choices(store: Store, matter: Matter, part: Part) -> Choices:
    by = me().name
    decisions = part.batch.may if part.batch else _of_the_rest(matter)
    found = [
        Choice(
            one,
            _word(matter, one),
            DEEDS[one],
            store.batches.why_not(part.batch, one, by) if part.batch else "",
        )
        for one in decisions
    ]
    may_decide = me().may(Power.DECIDE)
    return Choices(part, tuple(found), _seen(store, matter, part) if may_decide else "")


def _of_the_rest(matter: Matter) -> tuple[Decision, ...]:
    """What can be decided about votes that no batch holds."""
    if not matter.named:
        return (Decision.KEEP,)
    return (Decision.HOLD, Decision.KEEP, Decision.ASK_VOID)


def _word(matter: Matter, decision: Decision) -> str:
    return DECISION_WORDS[decision] if matter.named else "看过了"


def _seen(store: Store, matter: Matter, part: Part) -> str:
    """What a form says that was seen: a batch's state; of the rest its last moment, and the digest
    of its votes."""
    if part.batch:
        return part.state.value
    votes = undecided(store, matter.case.id, matter.batches) if matter.named else []
    return f"{max(map(_ms_of, votes), default=0)}.{digest_of(votes)}"


def _ms_of(vote_id: str) -> int:
    return int(vote_id.split("-")[1])
