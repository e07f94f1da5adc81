"""Cases: what scrutiny found in the ledger, as people read it and decide about it.

Plain data; a Run to text and back. A case is a group of votes with one reason, never an entry: of
an entry that somebody bought votes for, everybody else's votes go on counting.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from voting.contest import ranks, winning


class Pattern(enum.StrEnum):
    """What a case's votes have in common; also the reason that the public is told."""

    ONE_ADDRESS = "one_address"
    LONE_NETWORK = "lone_network"
    PHONE_ROOM = "phone_room"
    CROWD = "crowd"
    LOCKSTEP = "lockstep"
    MARKER = "marker"
    RELAYS = "relays"
    EXCESS = "excess"
    SURGE = "surge"


PATTERN_WORDS: Final[Mapping[Pattern, str]] = {
    Pattern.ONE_ADDRESS: "同一地址成批投票",
    Pattern.LONE_NETWORK: "只为一件作品出现的网络",
    Pattern.PHONE_ROOM: "一批固定的手机轮流投票",
    Pattern.CROWD: "不像真人的一阵票",
    Pattern.LOCKSTEP: "同一批账号成组行动",
    Pattern.MARKER: "只为一件作品出现的链接或浏览器",
    Pattern.RELAYS: "借用代理地址的票",
    Pattern.EXCESS: "多出来的票",
    Pattern.SURGE: "票数突然上涨",
}


class Finding(enum.StrEnum):
    """What is known: which votes; only about how many; or only that it is worth a look."""

    VOTES = "votes"
    EXCESS = "excess"
    SURGE = "surge"


class Sign(enum.StrEnum):
    """A kind of evidence. Two different ones about the same group, or nothing is flagged."""

    ORIGIN = "origin"
    RHYTHM = "rhythm"
    BEHAVIOUR = "behaviour"
    CLIENT = "client"
    IDENTITY = "identity"
    TOGETHER = "together"
    EXCESS = "excess"


SIGN_WORDS: Final[Mapping[Sign, str]] = {
    Sign.ORIGIN: "来源",
    Sign.RHYTHM: "节奏",
    Sign.BEHAVIOUR: "停留与观看",
    Sign.CLIENT: "浏览器",
    Sign.IDENTITY: "身份",
    Sign.TOGETHER: "同进同退",
    Sign.EXCESS: "超出的票数",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sign: what was observed, what was to be expected, and how unlikely the difference is.

    `sentence` says it to an organizer, with the numbers; `log10_p` is at most 0.
    """

    sign: Sign
    observed: float
    expected: float
    log10_p: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of the winning places without the case's votes: entries as the ledger names
    them. `places`: the case's entries with their place before and after."""

    leave: tuple[str, ...] = ()
    enter: tuple[str, ...] = ()
    places: tuple[tuple[str, int, int], ...] = ()

    @property
    def changes_winners(self) -> bool:
        return bool(self.leave or self.enter)


def effect(
    before: Mapping[str, float], after: Mapping[str, float], winners: int, about: Iterable[str] = ()
) -> Effect:
    """What becomes of the places when the counts `before` become those `after`, which have the same
    entries; the places are told of those that it is `about`."""
    won, wins = winning(before, winners), winning(after, winners)
    old, new = ranks(before), ranks(after)
    return Effect(
        leave=tuple(sorted(won - wins, key=lambda name: (old[name], name))),
        enter=tuple(sorted(wins - won, key=lambda name: (new[name], name))),
        places=tuple((name, old[name], new[name]) for name in about),
    )


@dataclass(frozen=True, slots=True)
class Case:
    """A group of votes with one reason.

    `id` stays the same from run to run while the group grows. `entries`: the entries as the ledger
    names them, with the group's votes, most first. `expected` of the `votes` would be there without
    anything wrong; `low` and `high` bound the excess. `explanation` is the best honest one.
    """

    id: str
    pattern: Pattern
    finding: Finding
    entries: tuple[tuple[str, int], ...]
    votes: int
    expected: float
    low: float
    high: float
    score: float
    first_ms: int
    last_ms: int
    evidence: tuple[Evidence, ...]
    explanation: str
    effect: Effect = Effect()

    @property
    def signs(self) -> frozenset[Sign]:
        return frozenset(one.sign for one in self.evidence)


@dataclass(frozen=True, slots=True)
class Run:
    """One look at the whole ledger: when, how many rows, how long it took, and what it found,
    the largest effect on the winning places first."""

    at_ms: int
    rows: int
    seconds: float
    cases: tuple[Case, ...]


def write(run: Run) -> str:
    return json.dumps(asdict(run), ensure_ascii=False, separators=(",", ":"))


def read(text: bytes | str) -> Run:
    """What `write` has written."""
    fields = json.loads(text)
    return Run(**fields | {"cases": tuple(_case(one) for one in fields["cases"])})


def _case(fields: dict[str, Any]) -> Case:
    evidence = tuple(Evidence(**e | {"sign": Sign(e["sign"])}) for e in fields["evidence"])
    effect = Effect(**{name: _tuples(value) for name, value in fields["effect"].items()})
    return Case(
        **fields
        | {
            "pattern": Pattern(fields["pattern"]),
            "finding": Finding(fields["finding"]),
            "entries": _tuples(fields["entries"]),
            "evidence": evidence,
            "effect": effect,
        }
    )


def _tuples(rows: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(row) if isinstance(row, list) else row for row in rows)
