"""Appeals in the law store, by number and by their tickets' digests. Nothing tells who wrote one.

Strangers write here, so there is room for so many only. Answers are organizers' acts: the log
comes first, and one that is cut off behind it still waits, and is given again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from voting.appeal import (
    KEPT_OF_ABUSE,
    About,
    Appeal,
    State,
    digest_of,
    new_ticket,
    read,
    write,
)
from voting.store import keys
from voting.store.client import Client, reachable
from voting.store.log import COMMAND_LINE, Kind, Log

#: An appeal is 3.5 KB at most: 7 MB that wait, 35 MB in all. More than people can answer is of no
#: use to anybody; whoever floods the first limit can be cleared away as abuse, 200 letters of each
#: are kept.
MOST_WAITING: Final = 2_000
MOST: Final = 10_000
#: So many answers are shown to everybody, the newest.
MOST_PUBLIC: Final = 100


class Full(Exception):  # noqa: N818 the plain word
    """There is no room for another appeal."""


class AnswerRefused(Exception):  # noqa: N818 the plain word
    """This appeal can't be answered so; the text is one sentence."""


class Appeals:
    def __init__(self, client: Client, log: Log) -> None:
        self.client, self.log = client, log

    # --- whoever appeals ---

    def add(self, about: About, text: str, now_ms: int) -> str:
        """Keep an appeal; gives its ticket, which is told here and never again. Raises Full."""
        ticket = new_ticket()
        with reachable(), self._changing():
            number = int(self.client.hlen(keys.APPEALS())) + 1
            if number > MOST or self.waiting() >= MOST_WAITING:
                raise Full
            one = Appeal(number, now_ms, digest_of(ticket), about, text)
            self.client.hset(keys.APPEALS(), number, write(one))
            self.client.sadd(keys.APPEALS_WAITING(), number)
            # Last: a ticket that is known leads somewhere.
            self.client.hset(keys.APPEAL_TICKETS(), one.ticket, number)
        return ticket

    def by_ticket(self, ticket: str) -> Appeal | None:
        """What this ticket (see read_ticket) was given for."""
        with reachable():
            number = self.client.hget(keys.APPEAL_TICKETS(), digest_of(ticket))
        return self.of(int(number)) if number else None

    def published(self) -> list[Appeal]:
        """Those with answers for everybody, the newest answer first."""
        with reachable():
            numbers = self.client.smembers(keys.APPEALS_PUBLIC())
        newest = sorted(map(int, numbers), reverse=True)[:MOST_PUBLIC]
        found = [one for one in self._read(newest) if one.published]
        return sorted(found, key=lambda one: -one.answered_ms)

    # --- whoever answers ---

    def waiting(self) -> int:
        """How many wait for an answer."""
        with reachable():
            return int(self.client.scard(keys.APPEALS_WAITING()))

    def count(self) -> int:
        with reachable():
            return int(self.client.hlen(keys.APPEALS()))

    def latest(self, count: int, before: int = 0, *, only_waiting: bool = False) -> list[Appeal]:
        """The newest (older than number `before`, if given), newest first."""
        end = before or self.count() + 1
        if not only_waiting:
            return self._read(range(end - 1, max(0, end - 1 - count), -1))
        with reachable():
            numbers = map(int, self.client.smembers(keys.APPEALS_WAITING()))
        return self._read(sorted((n for n in numbers if n < end), reverse=True)[:count])

    def of(self, number: int) -> Appeal | None:
        found = self._read([number])
        return found[0] if found else None

    def answer(
        self,
        number: int,
        text: str,
        now_ms: int,
        by: str = COMMAND_LINE,
        *,
        published: bool,
        seen_ms: int | None = None,
    ) -> Appeal:
        """Answer it, or answer it anew. `seen_ms` is when the answer was given that is replaced (0:
        none was there), so that nobody overwrites what they haven't seen. Raises AnswerRefused."""
        how = "公开答复" if published else "只给申诉人看"
        with reachable(), self._changing():
            one = self._known(number, seen_ms)
            self.log.append(Kind.ANSWER_APPEAL, number, f"{how}：{' '.join(text.split())}", by)
            return self._put(
                replace(
                    one,
                    state=State.ANSWERED,
                    answer=text,
                    answered_ms=now_ms,
                    published=published,
                )
            )

    def refuse(
        self,
        numbers: Sequence[int],
        reason: str,
        now_ms: int,
        by: str = COMMAND_LINE,
    ) -> list[Appeal]:
        """Mark these as abuse, those that wait for an answer; what is kept of their texts is short.
        Each stands in the log, and can still be answered."""
        done = []
        with reachable(), self._changing():
            for one in self._read(numbers):
                if one.state is State.WAITING:
                    self.log.append(Kind.REFUSE_APPEAL, one.number, reason, by)
                    text = one.text[:KEPT_OF_ABUSE] + ("…" if len(one.text) > KEPT_OF_ABUSE else "")
                    abuse = replace(one, state=State.ABUSE, text=text, answered_ms=now_ms)
                    done.append(self._put(abuse))
        return done

    def _known(self, number: int, seen_ms: int | None) -> Appeal:
        one = self.of(number)
        if one is None:
            raise AnswerRefused("没有这个编号的申诉")
        if seen_ms is not None and seen_ms != one.answered_ms:
            raise AnswerRefused("刚才有人处理过这条申诉，请看过再答复")
        return one

    def _put(self, one: Appeal) -> Appeal:
        """Only under the lock."""
        self.client.hset(keys.APPEALS(), one.number, write(one))
        public, waiting = keys.APPEALS_PUBLIC(), keys.APPEALS_WAITING()
        (self.client.sadd if one.published else self.client.srem)(public, one.number)
        (self.client.sadd if one.state is State.WAITING else self.client.srem)(waiting, one.number)
        return one

    def _read(self, numbers: Iterable[int]) -> list[Appeal]:
        """Those of them that are there, in this order."""
        wanted = [str(number) for number in numbers]
        if not wanted:
            return []
        with reachable():
            texts = self.client.hmget(keys.APPEALS(), wanted)
        return [read(text) for text in texts if text is not None]

    def _changing(self) -> Client:
        return self.client.lock(keys.APPEALS_LOCK(), timeout=30, blocking_timeout=5)
