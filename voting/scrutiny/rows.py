"""The live ledger in columns: from the store's packed rows, without a file in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from voting.contest import Identity
from voting.scrutiny.votes import Ints, Ledger, Longs, Reordered, Votes, Words, in_order

#: A row as the store keeps it (store/ledger.py, ROW): 44 bytes, the largest byte first.
ROW: Final = np.dtype([
    ("schema", "u1"), ("identity", "u1"), ("entry", ">u2"), ("voter", ">u8"),
    ("ip_high", ">u2"), ("ip", ">u4"), ("net_high", ">u2"), ("net", ">u4"),
    ("ua", ">u4"), ("share", ">u4"), ("dwell_ms", ">u4"), ("watched_s", ">u2"),
])  # fmt: skip
SCHEMA: Final = 1

Wide = NDArray[np.uint64]
Packed = NDArray[np.void]


@dataclass
class Reader:
    """Takes in the ledger page by page. `room` is how many rows may come, at most."""

    room: int
    count: int = field(default=0, init=False)
    packed: Packed = field(init=False)
    shard: NDArray[np.uint8] = field(init=False)
    ts_ms: Longs = field(init=False)
    nth: NDArray[np.uint16] = field(init=False)

    def __post_init__(self) -> None:
        self.packed = np.empty(self.room, ROW)
        self.shard = np.empty(self.room, np.uint8)
        self.ts_ms = np.empty(self.room, np.int64)
        self.nth = np.empty(self.room, np.uint16)

    def take(self, shard: int, ids: Sequence[bytes], packed: bytes) -> None:
        """Rows of one shard, with their `<ms>-<sequence>`; what exceeds the room is left for the
        next time. Raises ValueError for
        rows of another schema."""
        if len(packed) != ROW.itemsize * len(ids):
            raise ValueError(f"{len(ids)} rows in {len(packed)} bytes")
        here = slice(self.count, min(self.count + len(ids), self.room))
        count = here.stop - here.start
        rows = np.frombuffer(packed, ROW)[:count]
        if (rows["schema"] != SCHEMA).any():
            raise ValueError(f"the ledger has rows of another schema than {SCHEMA}")
        parts = np.fromstring(b"-".join(ids[:count]), np.int64, sep="-").reshape(count, 2)
        self.packed[here], self.shard[here] = rows, shard
        self.ts_ms[here], self.nth[here] = parts[:, 0], parts[:, 1]
        self.count = here.stop

    def ledger(self) -> Ledger:
        """All that was taken in, but what nobody cast. Uses the reader up."""
        rows = self.packed[: self.count]
        cast = rows["identity"] != Identity.DEMO
        ids = Ids(self.shard[: self.count][cast], self.ts_ms[: self.count][cast],
                  self.nth[: self.count][cast])  # fmt: skip
        if not cast.all():
            rows = rows[cast]
        del self.packed, self.shard, self.ts_ms, self.nth
        order = np.argsort(ids.ts_ms, kind="stable")
        entry, numbers = _coded(rows["entry"][order])
        ip, ips = _coded(_joined(rows, "ip")[order], nothing=0)
        net, nets = _coded(_joined(rows, "net")[order], nothing=0)
        ua, agents = _coded(rows["ua"][order], nothing=0)
        share, shares = _coded(rows["share"][order], nothing=0)
        votes = Votes(
            ids=Reordered(ids, order),
            row=order,
            entries=tuple(str(number) for number in numbers.tolist()),
            ts_ms=ids.ts_ms[order],
            entry=entry,
            voter=_coded(rows["voter"][order])[0],
            device=rows["identity"][order] == Identity.DEVICE,
            ip=ip,
            net=net,
            ua=ua,
            share=share,
            dwell_s=rows["dwell_ms"][order] / 1000,
            watched_s=rows["watched_s"][order].astype(np.float64),
            demo=np.zeros(len(order), bool),
        )
        names: dict[str, Words] = {
            "ip": Hex(ips, 6), "net": Hex(nets, 6), "ua": Hex(agents, 4), "share": Hex(shares, 4),
        }  # fmt: skip
        return Ledger(votes, names, demo=self.count - len(order))


def _joined(rows: Packed, name: str) -> Wide:
    """Six bytes as one number."""
    high: Wide = rows[f"{name}_high"].astype(np.uint64)
    return (high << np.uint64(32)) | rows[name].astype(np.uint64)


def _coded(column: NDArray[Any], nothing: int | None = None) -> tuple[Ints, NDArray[Any]]:
    """Codes in the order of first appearance, -1 for `nothing`, and what they stand for."""
    if not len(column):
        return np.empty(0, np.int32), column
    plain = column.astype(column.dtype.newbyteorder("="))
    values, raw = np.unique(plain, return_inverse=True)
    found = in_order(raw, len(values))
    known, codes = plain[found.first], found.codes
    if nothing is not None and len(at := np.flatnonzero(known == nothing)):
        known = np.delete(known, at[0])
        codes = np.where(codes == at[0], -1, codes - (codes > at[0])).astype(np.int32)
    return codes, known


@dataclass(frozen=True)
class Ids:
    """Votes as the ledger's export names them."""

    shard: NDArray[np.uint8]
    ts_ms: Longs
    nth: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.ts_ms)

    def __getitem__(self, place: int) -> str:
        return f"{self.shard[place]:02d}-{self.ts_ms[place]}-{self.nth[place]}"


@dataclass(frozen=True)
class Hex:
    """Pseudonyms of so many bytes."""

    numbers: NDArray[Any]
    size: int

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> str:
        return f"{int(self.numbers[place]):0{2 * self.size}x}"
