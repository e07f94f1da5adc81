"""Cast a ballot: name the keys, make one round trip, turn the reply into an Outcome."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

from redis.commands.core import Script

from voting.contest import Ballot, Identity, Outcome, Period, Rules, Signals, Verdict, day_of
from voting.store import keys
from voting.store.client import Client, Durability, StoreDown, durability, reachable
from voting.store.ledger import pack, vote_id

_HERE = resources.files("voting.store")
SCRIPT = _HERE.joinpath("voting.lua").read_text(encoding="utf-8")
ADOPTING = _HERE.joinpath("adopting.lua").read_text(encoding="utf-8")

#: Each class of voter as voting.lua knows it.
CLASSES = {identity: identity.name.lower() for identity in Identity}


@dataclass(frozen=True, slots=True)
class Record:
    """What a voter did in the current period: the entries voted for, in order."""

    voted: tuple[int, ...]

    def votes_left(self, rules: Rules, identity: Identity) -> int:
        return max(0, rules.votes_of(identity) - len(self.voted))


class Ballots:
    def __init__(
        self, client: Client, contest_id: str, shards: int, *, accept_unknown: bool
    ) -> None:
        self.client, self.contest_id, self.shards = client, contest_id, shards
        self.accept_unknown = accept_unknown
        self._fit_until = 0.0

    @cached_property
    def script(self) -> Script:
        script: Script = self.client.register_script(SCRIPT)
        return script

    @cached_property
    def adopting(self) -> Script:
        script: Script = self.client.register_script(ADOPTING)
        return script

    def cast(self, ballot: Ballot, signals: Signals) -> Outcome:
        """Decide one ballot, atomically and on the store's clock. Casting it again is harmless.

        Raises StoreDown when it isn't known what became of it, or when the store would lose it.
        """
        self._require_fit()
        with reachable():
            reply = self.script(*self._call(ballot, signals))
        return self._outcome(ballot, reply)

    def cast_all(self, ballots: Sequence[tuple[Ballot, Signals]]) -> list[Outcome]:
        """Cast many in one round trip; each is decided by itself."""
        self._require_fit()
        with reachable():
            pipeline = self.client.pipeline(transaction=False)
            for ballot, signals in ballots:
                self.script(*self._call(ballot, signals), client=pipeline)
            replies = pipeline.execute()
        return [
            self._outcome(ballot, reply)
            for (ballot, _), reply in zip(ballots, replies, strict=True)
        ]

    def record(self, voter: bytes, rules: Rules, now_ms: int) -> Record:
        """What this voter did in the period that `now_ms` falls in."""
        if not (packed := self._packed(voter)):
            return Record(())
        period, *voted = struct.unpack(f">{len(packed) // 2}H", packed)
        now = day_of(now_ms) if rules.period is Period.DAY else 0
        return Record(tuple(voted) if period == now else ())

    def adopt(self, device: bytes, account: bytes) -> None:
        """Count what this device's voter cast in its last period against the account's quota.

        Once, however often it is called. Nothing is taken from the device. Raises StoreDown.
        """
        if not (packed := self._packed(device)):
            return
        shard = keys.shard_of(account, self.shards)
        names = [keys.VOTERS(shard=shard), keys.ADOPTED(shard=shard)]
        with reachable():
            self.adopting(names, [account, device, packed])

    def _packed(self, voter: bytes) -> bytes:
        """A voter's record as the scripts write it, empty if there is none."""
        shard = keys.shard_of(voter, self.shards)
        with reachable():
            return self.client.hget(keys.VOTERS(shard=shard), voter) or b""

    def require_fit(self) -> None:
        """Raises StoreDown unless the store is this contest's and keeps what it accepts."""
        with reachable():
            found = self.client.hmget(keys.CONTEST(), "id", "shards")
        if found != [self.contest_id.encode(), str(self.shards).encode()]:
            raise StoreDown("the law store holds another contest, or none: no contest was opened")
        kept = durability(self.client)
        if kept is Durability.WRONG or (kept is Durability.UNKNOWN and not self.accept_unknown):
            raise StoreDown(f"the law store's durability is {kept.value}: no vote is accepted")

    def _require_fit(self) -> None:
        """A vote that could be lost, or go astray, must not be accepted; asked once a minute."""
        if time.monotonic() >= self._fit_until:
            self.require_fit()
            self._fit_until = time.monotonic() + 60

    def _call(self, ballot: Ballot, signals: Signals) -> tuple[list[str], list[bytes | int | str]]:
        shard = keys.shard_of(ballot.voter, self.shards)
        names = [
            keys.RULES(shard=shard),
            keys.seen_key(shard, ballot.id, ballot.issued_ms),
            keys.VOTERS(shard=shard),
            keys.TALLY(shard=shard),
            keys.LEDGER(shard=shard),
        ]
        row, whose = pack(ballot, signals), CLASSES[signals.identity]
        return names, [ballot.id, ballot.issued_ms, ballot.voter, ballot.entry, row, whose]

    def _outcome(self, ballot: Ballot, reply: tuple[bytes, bytes, int]) -> Outcome:
        tag, stream_id, left = reply
        if tag == b"no_rules":
            raise StoreDown("the store holds no rules: no contest was opened in it")
        verdict = Verdict(tag.decode())
        if verdict is not Verdict.ACCEPTED:
            return Outcome(verdict, votes_left=left)
        return Outcome(verdict, vote_id(keys.shard_of(ballot.voter, self.shards), stream_id), left)
