"""How many votes were refused, by reason and day. Counted in the process, written in lumps: a vote
pays nothing for it, and a flood of refusals is one round trip in a few seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from voting.contest import day_of
from voting.store import keys
from voting.store.client import Client, StoreDown, reachable


@dataclass
class Refusals:
    """`count` while answering, `write` now and then and before the process ends, `of` to read."""

    law: Client
    _counts: Counter[tuple[int, str]] = field(default_factory=Counter)

    def count(self, reason: str, now_ms: int) -> None:
        """Remember one refusal; nothing is sent."""
        self._counts[day_of(now_ms), reason] += 1

    def write(self) -> None:
        """Add what was counted to the law store, in one round trip. While the store is away the
        counts wait; if its answer is lost they may be added twice, which statistics can bear.
        """
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            with reachable():
                pipeline = self.law.pipeline(transaction=False)
                for (day, reason), times in counts.items():
                    pipeline.hincrby(keys.REFUSED(day=day), reason, times)
                pipeline.execute()
        except StoreDown:
            self._counts.update(counts)

    def of(self, days: Sequence[int]) -> list[Counter[str]]:
        """Reason → refusals, for each of these days."""
        with reachable():
            pipeline = self.law.pipeline(transaction=False)
            for day in days:
                pipeline.hgetall(keys.REFUSED(day=day))
            found = pipeline.execute()
        return [
            Counter({reason.decode(): int(times) for reason, times in counts.items()})
            for counts in found
        ]
