"""The ledger: one row a vote, appended by voting.lua and never changed. It is the truth."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from voting.contest import Ballot, Identity, Signals
from voting.store import keys
from voting.store.client import Client, reachable

SCHEMA = 1
#: schema, identity, entry, voter, address, network, agent, share, dwell ms, watched s
ROW = struct.Struct(">BBH8s6s6s4s4sIH")
#: The row's first fields: schema, identity, entry, voter.
HEAD = struct.Struct(">BBH8s")
PAGE = 5_000
LOOKED_UP = 500


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


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the ledger ends for whoever reads it while the vote goes on: the newest row's stream
    id in each shard, b"" where there is none. `rows` is how many there are, a few more at most."""

    newest: tuple[bytes, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Page:
    """Up to PAGE rows of one shard as they lie in the store: what must be fast begins here."""

    shard: int
    ids: list[bytes]
    packed: bytes

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows' fields in the order of ROW. Raises ValueError for an unknown schema."""
        known = self.packed[:: ROW.size].count(SCHEMA) == len(self.ids)
        if not known or len(self.packed) != ROW.size * len(self.ids):
            raise ValueError(f"the ledger has rows of another schema than {SCHEMA}")
        return ROW.iter_unpack(self.packed)

    def times(self) -> Iterator[int]:
        """When each row was accepted, ms."""
        return (int(stream_id.partition(b"-")[0]) for stream_id in self.ids)


def vote_id(shard: int, stream_id: bytes) -> str:
    return f"{shard:02d}-{stream_id.decode()}"


def _entry(rows: list[tuple[bytes, dict[bytes, bytes]]]) -> int:
    return int(HEAD.unpack_from(rows[0][1][b"v"])[2]) if rows else 0


class Ledger:
    def __init__(self, client: Client, shards: int) -> None:
        self.client, self.shards = client, shards

    def votes(self) -> Iterator[Vote]:
        """Every vote, shard by shard, in the order of acceptance; constant memory."""
        for page in self.pages():
            for place, stream_id in enumerate(page.ids):
                row = page.packed[place * ROW.size : (place + 1) * ROW.size]
                yield unpack(page.shard, stream_id, row)

    def cut(self) -> Cut:
        """The ledger as it is now."""
        newest, rows = [], 0
        with reachable():
            for shard in range(self.shards):
                last = self.client.xrevrange(keys.LEDGER(shard=shard), "+", "-", count=1)
                newest.append(last[0][0] if last else b"")
                rows += self.client.xlen(keys.LEDGER(shard=shard))
        return Cut(tuple(newest), rows)

    def pages(self, cut: Cut | None = None) -> Iterator[Page]:
        """Every row up to the cut (or whatever is newest then), shard by shard, in the order of
        acceptance; constant memory."""
        for shard in range(self.shards):
            after, last = "-", cut.newest[shard] if cut else b"+"
            while last:
                with reachable():
                    found = self.client.xrange(keys.LEDGER(shard=shard), after, last, count=PAGE)
                if found:
                    packed = b"".join([fields[b"v"] for _, fields in found])
                    yield Page(shard, [stream_id for stream_id, _ in found], packed)
                if len(found) < PAGE:
                    break
                after = f"({found[-1][0].decode()}"

    def length(self, shard: int) -> int:
        """How many rows a shard has."""
        with reachable():
            return int(self.client.xlen(keys.LEDGER(shard=shard)))

    def rows_after(self, shard: int, after: bytes, count: int) -> list[tuple[bytes, bytes]]:
        """A shard's next rows, unread: (stream id, packed row). `after` is the last id seen, or
        empty for the first rows."""
        start = f"({after.decode()}" if after else "-"
        with reachable():
            page = self.client.xrange(keys.LEDGER(shard=shard), start, "+", count=count)
        return [(stream_id, fields[b"v"]) for stream_id, fields in page]

    def entries_of(self, vote_ids: Sequence[str]) -> list[int]:
        """The entry of each vote, 0 for what isn't in the ledger; a few hundred in one round trip,
        so that votes don't wait behind it."""
        found: list[int] = []
        for start in range(0, len(vote_ids), LOOKED_UP):
            with reachable():
                pipeline = self.client.pipeline(transaction=False)
                for vote_id in vote_ids[start : start + LOOKED_UP]:
                    shard, _, stream_id = vote_id.partition("-")
                    pipeline.xrange(keys.LEDGER(shard=int(shard)), stream_id, stream_id)
                found += [_entry(rows) for rows in pipeline.execute()]
        return found

    def size(self) -> int:
        """How many rows there are in all shards."""
        return sum(self.length(shard) for shard in range(self.shards))

    def recount(self, void: Sequence[Container[bytes]] = ()) -> Counter[int]:
        """The tally as the ledger alone gives it: entry → votes. `void` holds the stream ids, shard
        by shard, that are left out."""
        counted: Counter[int] = Counter()
        for page in self.pages():
            out = void[page.shard] if void else ()
            entries = (row[2] for row in page.rows())
            counted.update(n for i, n in zip(page.ids, entries, strict=True) if i not in out)
        return counted

    def tally(self) -> Counter[int]:
        """The tally that voting.lua keeps: entry → votes."""
        tally: Counter[int] = Counter()
        with reachable():
            for shard in range(self.shards):
                counts = self.client.hgetall(keys.TALLY(shard=shard))
                tally.update({int(number): int(votes) for number, votes in counts.items()})
        return tally
