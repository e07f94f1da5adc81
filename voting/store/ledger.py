"""The ledger: one row a vote, appended by voting.lua and never changed. It is the truth."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from voting.contest import Ballot, Identity, Signals
from voting.store import keys
from voting.store.client import Client, reachable

SCHEMA = 1
#: schema, identity, entry, voter, address, network, agent, share, dwell ms, watched s
ROW = struct.Struct(">BBH8s6s6s4s4sIH")
PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Vote:
    """One accepted vote. `id` is `<shard>-<ms>-<sequence>`; everything about people is a pseudonym.

    address 6, network 6, agent 4, share 4 bytes; zero bytes where nothing is known.
    """

    id: str
    at_ms: int
    entry: int
    voter: bytes
    signals: Signals


def pack(ballot: Ballot, signals: Signals) -> bytes:
    """The row's bytes; numbers beyond their field's range are held at its end."""
    return ROW.pack(
        SCHEMA,
        signals.identity,
        ballot.entry,
        ballot.voter,
        signals.address,
        signals.network,
        signals.agent,
        signals.share,
        min(max(signals.dwell_ms, 0), 0xFFFFFFFF),
        min(max(signals.watched_s, 0), 0xFFFF),
    )


def unpack(shard: int, stream_id: bytes, row: bytes) -> Vote:
    schema, identity, entry, voter, address, network, agent, share, dwell, watched = ROW.unpack(row)
    if schema != SCHEMA:
        raise ValueError(f"ledger row {stream_id!r} has schema {schema}, known is {SCHEMA}")
    signals = Signals(Identity(identity), address, network, agent, share, dwell, watched)
    return Vote(
        vote_id(shard, stream_id), int(stream_id.partition(b"-")[0]), entry, voter, signals
    )


def vote_id(shard: int, stream_id: bytes) -> str:
    return f"{shard:02d}-{stream_id.decode()}"


class Ledger:
    def __init__(self, client: Client, shards: int) -> None:
        self.client, self.shards = client, shards

    def votes(self) -> Iterator[Vote]:
        """Every vote, shard by shard, in the order of acceptance; constant memory."""
        for shard in range(self.shards):
            after = "-"
            while True:
                with reachable():
                    page = self.client.xrange(keys.LEDGER(shard=shard), after, "+", count=PAGE)
                for stream_id, fields in page:
                    yield unpack(shard, stream_id, fields[b"v"])
                if len(page) < PAGE:
                    break
                after = f"({page[-1][0].decode()}"

    def recount(self) -> Counter[int]:
        """The tally as the ledger alone gives it: entry → votes."""
        return Counter(vote.entry for vote in self.votes())

    def tally(self) -> Counter[int]:
        """The tally that voting.lua keeps: entry → votes."""
        tally: Counter[int] = Counter()
        with reachable():
            for shard in range(self.shards):
                counts = self.client.hgetall(keys.TALLY(shard=shard))
                tally.update({int(number): int(votes) for number, votes in counts.items()})
        return tally
