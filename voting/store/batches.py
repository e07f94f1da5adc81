"""Batches: people freeze a set of votes and decide about it; nothing is deleted, ever.

A batch's votes are written first, because they are too many for the operators' log; the row that
names it carries their digest, and a set that no row names is nobody's. From there on the log comes
first: where a batch stands is the fold of the log's rows, and the deductions that readers find are
derived from it, under the lock of all changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from voting.batch import (
    DECISION_WORDS,
    Batch,
    BatchNow,
    Decision,
    Deductions,
    Event,
    Fate,
    State,
    Told,
    Votes,
    by_entry,
    deduct,
    digest_of,
    fold,
    id_of,
    read_batch,
    read_deductions,
    write_batch,
    write_deductions,
)
from voting.case import PATTERN_WORDS, Case, Finding, Pattern
from voting.contest import Phase
from voting.organizer import Power
from voting.store import keys
from voting.store.accounts import Accounts, NoSuchAccount
from voting.store.cases import pack, unpack
from voting.store.client import Client, StoreDown, changing, clock_ms, reachable
from voting.store.ledger import Ledger
from voting.store.log import COMMAND_LINE, SITE, Act, Kind, Log
from voting.store.rules import LawRefused, RulesInForce

#: A vote's id in nine bytes (as store/cases.py packs it), and its entry in two.
ID_BYTES: Final = 9
VOTE_BYTES: Final = 11

#: What the fold listens to.
HEARD: Final = frozenset({*Event, *Decision})
#: What would change a published result, or be ended by it.
NOT_WHILE_PUBLISHED: Final = frozenset({Decision.HOLD, Decision.VOID, Decision.PUT_BACK})

Void = list[dict[bytes, Pattern]]


class DecisionRefused(LawRefused):
    """This can't be decided, or not now, or not by this account; the text is one sentence."""


class NoSuchBatch(Exception):  # noqa: N818 the plain word
    """There is no batch with this id."""


class Batches:
    """The console freezes and decides; `all`, `of` and `votes_of` are for whoever looks."""

    def __init__(
        self, client: Client, ledger: Ledger, accounts: Accounts, rules: RulesInForce, log: Log
    ) -> None:
        self.client, self.ledger, self.accounts = client, ledger, accounts
        self.rules, self.log = rules, log
        self._known: dict[str, Batch] = {}
        self._heard: tuple[str, tuple[Told, ...]] = ("", ())

    # --- looking --------------------------------------------------------------------------------

    def all(self) -> list[BatchNow]:
        """Every batch as it stands at this moment of the store's clock, the newest first."""
        rows, now_ms, ends_ms = self._told(), self._now_ms(), self.rules.review_until_ms()
        fates = fold(rows)
        batches = self._batches(fates)
        found = [_now(batches[name], fate, now_ms, ends_ms) for name, fate in fates.items()]
        return found[::-1]

    def of(self, batch_id: str) -> BatchNow:
        """One batch as it stands now. Raises NoSuchBatch."""
        fate = fold(self._told()).get(batch_id)
        if fate is None:
            raise NoSuchBatch(batch_id)
        batch = self._batches([batch_id])[batch_id]
        return _now(batch, fate, self._now_ms(), self.rules.review_until_ms())

    def votes_of(self, batch_id: str) -> list[str]:
        """The ids of its votes, as the ledger's export names them, oldest first a shard."""
        return _ids(self._packed(batch_id))

    def deductions(self) -> Deductions:
        """What readers find: one field, so that nobody sees half of a decision."""
        with reachable():
            return read_deductions(self.client.hget(keys.CONTEST(), "deductions") or b"")

    def void(self, row: int | None = None) -> Void:
        """For each shard: stream id → why the vote doesn't count. Memory grows with the void votes
        only. Of several batches the one that was voided first says why. `row` as in `voids`."""
        found: Void = [{} for _ in range(self.ledger.shards)]
        for batch in self.voids(row):
            for vote_id in self.votes_of(batch.id):
                shard, _, stream_id = vote_id.partition("-")
                found[int(shard)].setdefault(stream_id.encode(), batch.pattern)
        return found

    def voids(self, row: int | None = None) -> list[Batch]:
        """The batches whose votes don't count, in the order of the voids in force: at this moment,
        or after this row of the operators' log."""
        fates = fold(told for told in self._told() if row is None or told.row <= row)
        void = [name for name, fate in fates.items() if fate.state is State.VOID]
        batches = self._batches(void)
        return [batches[name] for name in sorted(void, key=lambda name: fates[name].void_row)]

    # --- freezing and deciding ------------------------------------------------------------------

    def freeze(self, case: Case, vote_ids: Sequence[str], by: str) -> Batch:
        """Make a batch of a case's votes, or find the one that the same case and votes have made.

        `vote_ids` as the ledger's export names them, in any order; none only where the case knows
        of none. `by` is an account's name. A batch decides nothing. Raises DecisionRefused, also
        when an id isn't in the ledger: then nothing is frozen.
        """
        self._require_power(by)
        packed = self._packed_with_entries(case, vote_ids)
        batch = _batch(case, packed)
        with changing(self.client):
            if batch.id not in fold(self._told()):
                fields = {"about": write_batch(batch), "votes": packed}
                self.client.hset(keys.BATCH(batch=batch.id), mapping=fields)
                self.log.append(Kind.FREEZE, batch.id, _about(batch), by)
                self._derive()
        return batch

    def decide(
        self, batch_id: str, decision: Decision, reason: str, by: str, *, seen: State | None = None
    ) -> BatchNow:
        """Decide about a batch; in force when this returns. `by` is an account's name, `reason` one
        line that is logged. Returns the batch as it stands then.

        `seen`: the state that whoever decides has looked at. Raises NoSuchBatch, and
        DecisionRefused with one plain sentence: the account may not, the state doesn't allow it or
        is no longer the one that was seen, a void isn't asked for by a second active account, the
        votes were held before, or the result is published.
        """
        if not reason.strip():
            raise DecisionRefused("请写明理由，它会记入操作记录")
        with changing(self.client):
            now = self.of(batch_id)
            self._require_power(by)
            self._allow(now, decision, by, seen)
            self.log.append(Kind(decision.value), batch_id, reason, by)
            self._derive()
            return self.of(batch_id)

    def why_not(self, now: BatchNow, decision: Decision, by: str) -> str:
        """Why this account can't decide this now, in one sentence; '' if it can. For pages: what
        counts is what `decide` says."""
        try:
            self._require_power(by)
            self._allow(now, decision, by, None)
        except DecisionRefused as refused:
            return str(refused)
        return ""

    def mend(self) -> None:
        """Only under the lock: make the deductions those of the log, should a process have died
        between the two."""
        rows = self._told()
        if (rows[-1].row if rows else 0) != self.deductions().row:
            self._derive()

    def rebuild(self) -> bool:
        """Work the deductions out anew, whatever they say; whether they were other ones."""
        with changing(self.client):
            before = self.deductions()
            self._derive()
            return replace(self.deductions(), row=0) != replace(before, row=0)

    # --- what a decision needs ------------------------------------------------------------------

    def _require_power(self, name: str) -> None:
        if name in (COMMAND_LINE, SITE):
            raise DecisionRefused("选票由人在后台登录后决定，命令行和系统不能决定")
        if not self._has_power(name):
            raise DecisionRefused("您的账号不能决定选票，请找组织者")

    def _has_power(self, name: str) -> bool:
        try:
            return self.accounts.of(name).may(Power.DECIDE)
        except NoSuchAccount:
            return False

    def _allow(self, now: BatchNow, decision: Decision, by: str, seen: State | None) -> None:
        if seen is not None and now.state is not seen:
            raise DecisionRefused("刚才有人对这批票做了别的决定，请看过以后再决定")
        if now.batch.finding is not Finding.VOTES and decision is not Decision.KEEP:
            raise DecisionRefused("只知道多了多少票，不知道是哪些票，所以只能保留，不能标记或移除")
        if self.rules.phase() is Phase.PUBLISHED and decision in NOT_WHILE_PUBLISHED:
            raise DecisionRefused(f"结果已经公布，不能{DECISION_WORDS[decision]}；请先撤回结果")
        if sentence := _why_not_in(now, decision):
            raise DecisionRefused(sentence)
        if decision is Decision.HOLD:
            self._allow_hold(now)
        if decision is Decision.VOID:
            self._allow_void(now, by)
        asked = decision is Decision.ASK_VOID and now.state is State.ASKED
        if asked and self._has_power(now.asked_by):
            raise DecisionRefused(f"{now.asked_by} 已经提请移除，请另一位组织者确认")

    def _allow_hold(self, now: BatchNow) -> None:
        ends_ms = self.rules.review_until_ms()
        if ends_ms and self._now_ms() >= ends_ms:
            raise DecisionRefused("核查期已过，不能再标为核查中；请保留，或请两位组织者移除")
        before = fold(self._told())
        held = [self._votes(name) for name, fate in before.items() if fate.hold_row]
        if not self._votes(now.batch.id).difference(*held):
            raise DecisionRefused(HELD_BEFORE)

    def _allow_void(self, now: BatchNow, by: str) -> None:
        if by == now.asked_by:
            raise DecisionRefused("移除要两个人：您提请的，请另一位组织者用自己的账号确认")
        if not self._has_power(now.asked_by):
            raise DecisionRefused(f"提请移除的账号“{now.asked_by}”已经不能决定选票，请重新提请")

    # --- the store ------------------------------------------------------------------------------

    def _derive(self) -> None:
        """Only under the lock: write the deductions that follow from the log. Whatever was decided,
        a draft made before is outdated: what was kept may change who decides about a close call."""
        rows, before = self._told(), self.deductions()
        after = deduct(rows, self._batches({told.batch for told in rows} - {""}), self._votes)
        if after == before:
            return
        with reachable():
            change = self.client.pipeline(transaction=True)
            change.hset(keys.CONTEST(), "deductions", write_deductions(after))
            decided = any(told.row > before.row and told.what in set(Decision) for told in rows)
            if decided or replace(after, row=0) != replace(before, row=0):
                change.hincrby(keys.CONTEST(), "catalogue", 1)
            change.execute()

    def _told(self) -> tuple[Told, ...]:
        """The log's rows that the fold listens to; none before the first batch. Kept until the log
        goes on."""
        last = self.log.last()
        head = last.digest if last else ""
        if head != self._heard[0]:
            rows = [_heard(act) for act in self.log.decisions() if act.kind.value in HEARD]
            frozen = any(told.what is Event.FREEZE for told in rows)
            self._heard = head, tuple(rows) if frozen else ()
        return self._heard[1]

    def _batches(self, names: Sequence[str] | set[str] | dict[str, Fate]) -> dict[str, Batch]:
        """What each of these is; it never changes, so it is asked for once."""
        for name in names:
            if name not in self._known:
                with reachable():
                    about = self.client.hget(keys.BATCH(batch=name), "about")
                if about is None:
                    raise StoreDown(f"the store lacks the votes of batch {name}")
                self._known[name] = read_batch(about)
        return {name: self._known[name] for name in names}

    def _packed(self, batch_id: str) -> bytes:
        with reachable():
            packed = self.client.hget(keys.BATCH(batch=batch_id), "votes")
        if packed is None:
            raise NoSuchBatch(batch_id)
        return bytes(packed)

    def _votes(self, batch_id: str) -> Votes:
        return frozenset(_split(self._packed(batch_id)))

    def _packed_with_entries(self, case: Case, vote_ids: Sequence[str]) -> bytes:
        """The votes in rising order. Raises DecisionRefused unless all are in the ledger."""
        try:
            ids = pack(vote_ids)
        except ValueError as error:
            raise DecisionRefused("这一组列出的票号不对，没有圈定任何票") from error
        if not ids and case.finding is Finding.VOTES:
            raise DecisionRefused("这一组没有列出选票，请等下一次核查")
        entries = self.ledger.entries_of(list(unpack(ids)))
        if missing := entries.count(0):
            raise DecisionRefused(f"有 {missing:,} 张票不在账本里，没有圈定任何票；请等下一次核查")
        starts = range(0, len(ids), ID_BYTES)
        return b"".join(
            ids[at : at + ID_BYTES] + entry.to_bytes(2, "big")
            for at, entry in zip(starts, entries, strict=True)
        )

    def _now_ms(self) -> int:
        return clock_ms(self.client)


HELD_BEFORE: Final = (
    "这些票已经核查过一次，不能再标为核查中，否则可以一直拖着不决定；请保留，或请两位组织者移除"
)


def _why_not_in(now: BatchNow, decision: Decision) -> str:
    """Why the batch's state doesn't allow it, in one sentence; '' if it does."""
    match decision, now.state:
        case Decision.PUT_BACK, State.VOID:
            return ""
        case Decision.PUT_BACK, _:
            return "这批票没有移除，不用恢复"
        case _, State.VOID:
            return "这批票已经移除；要让它们重新计票，请用“恢复计票”"
        case Decision.KEEP, State.KEPT:
            return "这批票已经保留"
        case Decision.VOID, State.OPEN | State.HELD | State.KEPT:
            return "还没有人提请移除这批票；请先提请，再由另一位组织者确认"
        case Decision.HOLD, _ if now.held_until_ms:
            return "这批票正在核查中"
        case Decision.HOLD, _ if now.held_before:
            return HELD_BEFORE
    return ""


def _now(batch: Batch, fate: Fate, now_ms: int, review_until_ms: int | None) -> BatchNow:
    state, until_ms = fate.now(now_ms, review_until_ms)
    return BatchNow(
        batch=batch,
        frozen_ms=fate.frozen_ms,
        frozen_by=fate.frozen_by,
        state=state,
        held_until_ms=until_ms,
        asked_by=fate.asked_by,
        held_before=bool(fate.hold_row) and not until_ms,
        decisions=tuple(fate.decisions),
    )


def _heard(act: Act) -> Told:
    what = Decision(act.kind.value) if act.kind.value in set(Decision) else Event(act.kind.value)
    batch = "" if what is Event.PUBLISH else act.subject
    return Told(act.n, act.at_ms, act.by, what, batch, act.reason)


def _split(packed: bytes) -> Iterator[bytes]:
    """A batch's votes one by one, each its id and its entry."""
    return (packed[at : at + VOTE_BYTES] for at in range(0, len(packed), VOTE_BYTES))


def _ids(packed: bytes) -> list[str]:
    return list(unpack(b"".join(vote[:ID_BYTES] for vote in _split(packed))))


def _batch(case: Case, packed: bytes) -> Batch:
    entries, ids = by_entry(_split(packed)), _ids(packed)
    times = [int(vote_id.split("-")[1]) for vote_id in ids]
    digest = digest_of(ids)
    return Batch(
        id=id_of(case.id, case.pattern, digest),
        case=case.id,
        pattern=case.pattern,
        finding=case.finding,
        entries=tuple(sorted(entries.items(), key=lambda one: (-one[1], one[0]))),
        digest=digest,
        first_ms=min(times, default=case.first_ms),
        last_ms=max(times, default=case.last_ms),
    )


def _about(batch: Batch) -> str:
    """What the log says of a batch: the digest binds it to its votes."""
    votes = f"{batch.votes:,} 票" if batch.entries else "没有具体的票"
    return f"{PATTERN_WORDS[batch.pattern]}，{votes}，案 {batch.case}，校验码 {batch.digest}"
