"""A made-up ledger with an attack in it that nobody can overlook, as a file and in a store."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from bench.fraud.scenario import SETTINGS, make
from voting.contest import Ballot, Identity, Signals
from voting.store import Store, keys
from voting.store.keys import shard_of
from voting.store.ledger import pack

VOTES: Final = 20_000


def attacked(folder: Path) -> Path:
    """A labelled ledger in which a script casts about a thousand votes from one address; gives
    its ledger.csv."""
    make(next(iter(SETTINGS)), "script-large", "naive", 3, VOTES, folder)
    return folder / "ledger.csv"


def load(store: Store, file: Path) -> int:
    """Write the file's votes into the store's ledger, and their tally; gives their number."""
    with file.open(encoding="utf-8", newline="") as text:
        rows = sorted(csv.DictReader(text), key=lambda row: int(row["ts_ms"]))
    pipeline = store.law.pipeline(transaction=False)
    newest: dict[int, tuple[int, int]] = {}
    for row in rows:
        at_ms, entry = int(row["ts_ms"]), int(row["entry_id"].lstrip("e"))
        voter = bytes.fromhex(row["voter"])
        shard = shard_of(voter, store.ledger.shards)
        last_ms, last_n = newest.get(shard, (0, 0))
        newest[shard] = (at_ms, last_n + 1 if at_ms == last_ms else 0)
        packed = pack(Ballot(bytes(8), voter, entry, at_ms), _signals(row))
        pipeline.xadd(keys.LEDGER(shard=shard), {"v": packed}, id="{}-{}".format(*newest[shard]))
        pipeline.hincrby(keys.TALLY(shard=shard), entry, 1)
    pipeline.execute()
    return len(rows)


def _signals(row: dict[str, str]) -> Signals:
    identity = Identity.DEVICE if row["identity"] == "device" else Identity.OPENID
    agent = row["ua"].rpartition("/")[2]
    address, network, agent_, share = (
        bytes.fromhex(text).ljust(size, b"\0")
        for text, size in ((row["ip"], 6), (row["net"], 6), (agent, 4), (row["share"], 4))
    )
    watched = int(float(row["watched_s"]))
    return Signals(identity, address, network, agent_, share, int(row["dwell_ms"]), watched)
