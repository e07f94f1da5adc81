"""Published results: each one frozen, a correction is a new version; and the draft before them.

A result is computed by the worker and kept as a draft. Publishing freezes exactly the draft that
somebody looked at, and only while nothing it depends on has changed, and nothing that scrutiny has
found could still change who wins.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from voting.batch import BatchNow, State
from voting.case import Case, Finding
from voting.contest import CloseCall, Stage, Step
from voting.result import Earlier, JuryRefused, Result, digest, read, settle, write
from voting.store import keys
from voting.store.batches import Batches
from voting.store.cases import Cases
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


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a result can't be published yet, in one sentence. `waivable`: it can, if somebody writes
    a reason that is published with it."""

    sentence: str
    waivable: bool = False


class Results:
    def __init__(
        self,
        client: Client,
        rules: RulesInForce,
        ledger: Ledger,
        cases: Cases,
        batches: Batches,
        log: Log,
    ) -> None:
        self.client, self.rules, self.ledger, self.log = client, rules, ledger, log
        self.cases, self.batches = cases, batches

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
        void = self.batches.deductions().now.removed()
        counted = Counter({row.number: row.votes for row in result.rows})
        counted.update({one.number: one.votes for one in result.removed if one.number})
        counted.update(void)
        told = sum(one.votes for one in result.removed if not one.number)
        return told == void.total() and +counted == +self.ledger.tally()

    def doubts(self) -> list[Doubt]:
        """What stands in the way of publishing; reads each batch's votes once."""
        run, rows = self.cases.latest(), self.ledger.size()
        found = []
        weighty = [
            case
            for case in (run.cases if run else ())
            if case.effect.changes_winners and not self._is_called(case)
        ]
        batches = self.batches.all() if weighty else []
        sets = {now.batch.id: frozenset(self.batches.votes_of(now.batch.id)) for now in batches}
        open_ones = [case for case in weighty if not self._is_decided(case, batches, sets)]
        if open_ones:
            found.append(
                Doubt(
                    f"有 {len(open_ones)} 个可能改变获奖名单的案子还没有决定，"
                    "请先到“核查”页逐个保留或移除"
                )
            )
        if rows and (run is None or run.rows < rows):
            looked = run.rows if run else 0
            found.append(
                Doubt(
                    f"账本里有 {rows:,} 票，最近一次核查只看过 {looked:,} 票；请等核查看完，"
                    "或写明为什么不等核查就公布",
                    waivable=True,
                )
            )
        return found

    def _is_called(self, case: Case) -> bool:
        """Whether the rules say what happens to votes that nobody can name."""
        rule = self.rules.versions()[-1].closing.close_call
        return case.finding is Finding.EXCESS and rule is not CloseCall.COUNT

    def _is_decided(
        self, case: Case, batches: Sequence[BatchNow], sets: Mapping[str, frozenset[str]]
    ) -> bool:
        """Whether each vote of the case is void, or kept and in no batch that waits."""
        votes = frozenset(self.cases.votes_of(case.id))
        if not votes:  # only their number is known
            return any(one.batch.case == case.id and one.state is State.KEPT for one in batches)

        def among(states: set[State]) -> frozenset[str]:
            return frozenset().union(*(sets[b.batch.id] for b in batches if b.state in states))

        rest = votes - among({State.VOID})
        waiting = among({State.HELD, State.ASKED})
        return rest <= among({State.KEPT}) and rest.isdisjoint(waiting)

    def publish(
        self,
        seen: str,
        reason: str,
        by: str = COMMAND_LINE,
        chosen: Sequence[int] = (),
        jury_reason: str = "",
        without_scrutiny: str = "",
    ) -> Result:
        """Freeze the draft whose digest was `seen`, with the jury's choice where there is one.

        `without_scrutiny`: why it is published although scrutiny hasn't looked at every vote; it is
        published with the result, and nowhere if scrutiny has. Raises StepRefused, or
        PublishRefused when the draft is another or no longer true, when ledger and tally differ,
        when a doubt stands in the way, or when the choice doesn't fill the places.
        """
        with self.rules.step(Step.PUBLISH) as (_, now_ms):
            draft = self.draft()
            if draft is None or draft.digest != seen or not self.is_current(draft):
                raise PublishRefused("这份结果已经过时，没有公布。请重新计算，看过以后再公布")
            if not self.agrees(draft.result):
                raise PublishRefused("票数与账本不一致，不能公布。请先运行 recount 核查")
            waived = self._waived(without_scrutiny)
            result = self._settled(draft.result, chosen, jury_reason)
            earlier = self.all()
            result = replace(
                result,
                version=len(earlier) + 1,
                at_ms=now_ms,
                by=by,
                reason=reason,
                without_scrutiny=waived,
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
            self.batches.mend()  # a publication ends the holds
        return result

    def unpublish(self, reason: str, by: str = COMMAND_LINE) -> None:
        """Take the published result back to be checked again; it stays in the list."""
        with self.rules.step(Step.UNPUBLISH) as (_, now_ms):
            self.rules.set_stage(
                Stage.UNDER_REVIEW, Kind.UNPUBLISH, self._count(), reason, by, now_ms
            )

    def _waived(self, reason: str) -> str:
        """The reason if one was needed. Raises PublishRefused for a doubt that none can waive."""
        doubts = self.doubts()
        for doubt in doubts:
            if not (doubt.waivable and reason.strip()):
                raise PublishRefused(f"还不能公布：{doubt.sentence}")
        return reason.strip() if doubts else ""

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
