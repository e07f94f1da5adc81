"""What everybody is told of removed votes: how many a day, in which category, for which reason.

Groups of fewer than twenty are told only together while the vote is open, because a small group is
as good as a case: whoever sells votes could read in it which of theirs were noticed. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from voting.batch import Removal
from voting.case import Pattern

#: The fewest votes that are told of by themselves while the vote is open.
SMALLEST: Final = 20


@dataclass(frozen=True, slots=True)
class Group:
    """So many votes that were removed on a day (days since the epoch) and still are.

    `category` is '' and `pattern` None where several small groups are told of together; `category`
    alone is '' for entries that aren't public any more.
    """

    day: int
    category: str
    pattern: Pattern | None
    votes: int

    @property
    def date(self) -> date:
        return date(1970, 1, 1) + timedelta(days=self.day)


def groups(
    removals: Iterable[Removal], category_of: Mapping[int, str], *, ended: bool
) -> tuple[Group, ...]:
    """The rows of the panel: the newest day first, within a day the largest group first, what is
    told of together last. All of them once the vote has ended."""
    found: Counter[tuple[int, str, Pattern]] = Counter()
    for one in removals:
        found[one.day, category_of.get(one.entry, ""), one.pattern] += one.votes
    told = [Group(*key, votes) for key, votes in found.items() if ended or votes >= SMALLEST]
    small: Counter[int] = Counter()
    if not ended:
        for (day, _, _), votes in found.items():
            small[day] += votes if votes < SMALLEST else 0
    told += [Group(day, "", None, votes) for day, votes in small.items() if votes >= SMALLEST]
    return tuple(sorted(told, key=_order))


def _order(one: Group) -> tuple[int, bool, int, str, str]:
    return -one.day, one.pattern is None, -one.votes, one.category, one.pattern or ""
