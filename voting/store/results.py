"""Published results: each one frozen, a correction is a new version; and the draft before them.

A result is computed by the worker and kept as a draft. Publishing freezes exactly the draft that
somebody looked at, and only while nothing it depends on has changed, and nothing that scrutiny has
found could still change who wins.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from voting.batch import BatchNow, State
from voting.case import Case, Finding
from voting.contest import CloseCall, Stage, Step
from voting.result import Earlier, JuryRefused, Result, digest, read, settle, still_calls, write
from voting.store import keys
from voting.store.batches import Batches
from voting.store.cases import Cases
from voting.store.client import Client, reachable
from voting.store.ledger import Ledger
from voting.store.log import COMMAND_LINE, Kind
from voting.store.mending import Mending
from voting.store.rules import LawRefused, RulesInForce


class PublishRefused(LawRefused):
    """This result can't be published; the text is one sentence."""


class Doubted(PublishRefused):
    """Something stands in the way of publishing."""

    def __init__(self, doubt: Doubt) -> None:
        super().__init__(doubt.sentence)
        self.doubt = doubt


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
        mending: Mending,
    ) -> None:
        self.client, self.rules, self.ledger = client, rules, ledger
        self.cases, self.batches, self.mending = cases, batches, mending

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
        """Whether nothing has changed that the draft was made from, and what it says of votes that
        nobody can name is what scrutiny says now."""
        if draft.catalogue != self.catalogue() or draft.result.ledger_rows != self.ledger.size():
            return False
        rule = self.rules.versions()[-1].closing.close_call
        return still_calls(draft.result, self.unnamed(), rule)

    def unnamed(self) -> dict[int, int]:
        """Entry → how many of its votes at most are too many without anybody being able to say
        which: what the newest run of scrutiny found of that kind and nobody has decided to keep."""
        run = self.cases.latest()
        cases = [case for case in run.cases if case.finding is Finding.EXCESS] if run else []
        batches = self.batches.all() if cases else []
        kept = {now.batch.case for now in batches if now.state is State.KEPT}
        found: Counter[int] = Counter()
        for case in cases:
            for entry, votes in case.entries:
                if case.id not in kept and entry.isdecimal():
                    found[int(entry)] += min(votes, ceil(case.high))
        return dict(found)

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
        run, rows, batches = self.cases.latest(), self.ledger.size(), self.batches.all()
        cases = run.cases if run else ()
        open_votes = self._open_votes(cases, batches)
        open_cases = [
            case
            for case in cases
            if case.effect.changes_winners
            and not self._is_called(case)
            and self._is_open(case, batches, open_votes)
        ]
        found = []
        if open_cases:
            found.append(
                Doubt(
                    f"有 {len(open_cases)} 组可疑的票可能改变获奖名单，还没有决定，"
                    "请先到“核查”页逐组保留或移除"
                )
            )
        elif self._decide_who_wins(open_votes):
            found.append(
                Doubt(
                    f"还有 {len(open_votes):,} 票没有决定，合在一起可能改变获奖名单，"
                    "请先到“核查”页逐组保留或移除"
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

    def _is_open(self, case: Case, batches: Sequence[BatchNow], open_votes: set[str]) -> bool:
        votes = self.cases.votes_of(case.id)
        if not votes:  # only their number is known
            return not any(
                one.batch.case == case.id and one.state is State.KEPT for one in batches
            )
        return not open_votes.isdisjoint(votes)

    def _open_votes(self, cases: Sequence[Case], batches: Sequence[BatchNow]) -> set[str]:
        """The ids of the votes that a case or a batch names and that are neither void, nor kept and
        in no batch that waits."""
        of: dict[State, set[str]] = {state: set() for state in State}
        for one in batches:
            of[one.state].update(self.batches.votes_of(one.batch.id))
        named = of[State.OPEN].union(*(self.cases.votes_of(case.id) for case in cases))
        return (named - of[State.KEPT] | of[State.HELD] | of[State.ASKED]) - of[State.VOID]

    def _decide_who_wins(self, votes: set[str]) -> bool:
        """Whether somebody who wins by the draft could be passed without these votes. The effect of
        a case is its own, and of when it was found: several take away more than each, what is void
        by now has brought the places nearer, and some are named by a batch alone."""
        draft = self.draft() if votes else None
        if draft is None:
            return False
        result, less = draft.result, Counter(self.ledger.entries_of(sorted(votes)))
        winning = [row for row in result.rows if row.votes and row.place <= result.winners]
        best_outside = max((row.votes for row in result.rows[len(winning) :]), default=0)
        return any(
            less[row.number] and row.votes - less[row.number] <= best_outside for row in winning
        )

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
            self.mending.finish()  # what was cut off behind the log is in force
            draft = self.draft()
            if draft is None or draft.digest != seen or not self.is_current(draft):
                raise PublishRefused("这份结果已经过时，没有公布。请重新计算，看过以后再公布")
            if not self.agrees(draft.result):
                raise PublishRefused("票数与账本不一致，不能公布。请先运行 recount 核对")
            waived = self.waive(without_scrutiny)
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

    def waive(self, reason: str) -> str:
        """The reason as it is published: '' where there is no doubt that needs one. Raises Doubted
        for one that the reason doesn't waive."""
        doubts = self.doubts()
        for doubt in doubts:
            if not (doubt.waivable and reason.strip()):
                raise Doubted(doubt)
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
