"""Published results: each one frozen, a correction is a new version; and the draft before them.

A result is computed by the worker and kept as a draft. Publishing freezes exactly the draft that
somebody looked at, and only while nothing it depends on has changed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from voting.contest import Stage, Step
from voting.result import Earlier, JuryRefused, Result, digest, read, settle, write
from voting.store import keys
from voting.store.client import Client, reachable
from voting.store.ledger import Ledger
from voting.store.log import COMMAND_LINE, Kind, Log
from voting.store.rules import LawRefused, RulesInForce


class PublishRefused(LawRefused):
    """This result can't be published; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A result that is not public, and the version of the catalogue it was made from."""

    catalogue: int
    result: Result

    @property
    def digest(self) -> str:
        return digest(self.result)


class Results:
    def __init__(self, client: Client, rules: RulesInForce, ledger: Ledger, log: Log) -> None:
        self.client, self.rules, self.ledger, self.log = client, rules, ledger, log

    def all(self) -> tuple[Result, ...]:
        """Every result that was ever published, oldest first."""
        with reachable():
            count, texts = self._count(), self.client.lrange(keys.RESULTS(), 0, -1)
        return tuple(read(text) for text in texts[:count])

    def latest(self) -> Result | None:
        """The result in force; None while none is published."""
        with reachable():
            stage = self.client.hget(keys.CONTEST(), "stage") or b""
        published = Stage(stage.decode()) is Stage.PUBLISHED and self.all()
        return published[-1] if published else None

    def draft(self) -> Draft | None:
        with reachable():
            text = self.client.get(keys.DRAFT())
        if text is None:
            return None
        fields = json.loads(text)
        return Draft(fields["catalogue"], read(fields["result"]))

    def keep(self, draft: Draft) -> None:
        """Make it the draft; an older one is forgotten."""
        fields = {"catalogue": draft.catalogue, "result": write(draft.result)}
        with reachable():
            self.client.set(keys.DRAFT(), json.dumps(fields, ensure_ascii=False))

    def catalogue(self) -> int:
        """The version of entries, rules and results; each change makes another."""
        with reachable():
            return int(self.client.hget(keys.CONTEST(), "catalogue") or 0)

    def is_current(self, draft: Draft) -> bool:
        """Whether nothing has changed that the draft was made from."""
        same = draft.catalogue == self.catalogue()
        return same and draft.result.ledger_rows == self.ledger.size()

    def agrees(self, result: Result) -> bool:
        """Whether the tally that was shown says the same as the ledger, counted anew."""
        counted = Counter({row.number: row.votes for row in result.rows})
        counted.update({one.number: one.votes for one in result.removed})
        return +counted == +self.ledger.tally()

    def publish(
        self,
        seen: str,
        reason: str,
        by: str = COMMAND_LINE,
        chosen: Sequence[int] = (),
        jury_reason: str = "",
    ) -> Result:
        """Freeze the draft whose digest was `seen`, with the jury's choice where there is one.

        Raises StepRefused, or PublishRefused when the draft is another or no longer true, when
        ledger and tally differ, or when the choice doesn't fill the places.
        """
        with self.rules.step(Step.PUBLISH) as (_, now_ms):
            draft = self.draft()
            if draft is None or draft.digest != seen or not self.is_current(draft):
                raise PublishRefused("这份结果已经过时，没有公布。请重新计算，看过以后再公布")
            if not self.agrees(draft.result):
                raise PublishRefused("票数与账本不一致，不能公布。请先运行 recount 核查")
            result = self._settled(draft.result, chosen, jury_reason)
            earlier = self.all()
            result = replace(
                result,
                version=len(earlier) + 1,
                at_ms=now_ms,
                by=by,
                reason=reason,
                earlier=tuple(Earlier(e.version, e.at_ms, e.reason, digest(e)) for e in earlier),
            )
            self._put(result)
            self.rules.set_stage(
                Stage.PUBLISHED,
                Kind.PUBLISH,
                result.version,
                reason,
                by,
                now_ms,
                published=result.version,
            )
            self.client.delete(keys.DRAFT())
        return result

    def unpublish(self, reason: str, by: str = COMMAND_LINE) -> None:
        """Take the published result back to be checked again; it stays in the list."""
        with self.rules.step(Step.UNPUBLISH) as (_, now_ms):
            self.rules.set_stage(
                Stage.UNDER_REVIEW, Kind.UNPUBLISH, self._count(), reason, by, now_ms
            )

    def _put(self, result: Result) -> None:
        """Write it behind those in force; in the place of one that a crash kept from being so."""
        before = result.version - 1
        self.client.hset(keys.CONTEST(), "published", before)
        if self.client.llen(keys.RESULTS()) > before:
            self.client.lset(keys.RESULTS(), before, write(result))
        else:
            self.client.rpush(keys.RESULTS(), write(result))

    def _count(self) -> int:
        """How many were published; one behind them in the list never was."""
        count = self.client.hget(keys.CONTEST(), "published")
        return int(self.client.llen(keys.RESULTS()) if count is None else count)

    def _settled(self, draft: Result, chosen: Sequence[int], jury_reason: str) -> Result:
        try:
            return settle(draft, chosen, jury_reason)
        except JuryRefused as error:
            raise PublishRefused(str(error)) from error
