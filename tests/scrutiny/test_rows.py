"""The live ledger in columns: the same as its export, column by column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cases import World, a_world, load
from casting import Contest, a_contest, now_ms

from voting.contest import Ballot, Identity, Signals
from voting.report.ledger import write_ledger_csv
from voting.scrutiny.rows import ROW as DTYPE
from voting.scrutiny.rows import SCHEMA, Reader
from voting.scrutiny.votes import NAMED, Ledger, read_ledger
from voting.store import keys
from voting.store import ledger as kept
from voting.store.ledger import ROW, pack

WORDS = ("ip", "net", "ua", "share")


@pytest.fixture(params=[1, 3])
def contest(
    request: pytest.FixtureRequest, law_url: str, throttle_url: str, tmp_path: Path
) -> Contest:
    return a_contest(law_url, throttle_url, tmp_path, shards=request.param)


@pytest.fixture
def world(contest: Contest) -> World:
    return load(contest.store, a_world(now_ms()))


def live(contest: Contest, room: int | None = None) -> Ledger:
    ledger = contest.store.ledger
    cut = ledger.cut()
    reader = Reader(cut.rows if room is None else room)
    for page in ledger.pages(cut):
        reader.take(page.shard, page.ids, page.packed)
    return reader.ledger()


def exported(contest: Contest, folder: Path) -> Ledger:
    ledger = contest.store.ledger
    write_ledger_csv(ledger, ledger.cut(), folder / "ledger.csv", lambda _: None)
    return read_ledger(folder / "ledger.csv")


def test_a_row_is_the_store_s():
    assert DTYPE.itemsize == ROW.size
    assert SCHEMA == kept.SCHEMA
    signals = Signals(Identity.OPENID, b"ADDRES", b"NETWOR", b"AGNT", b"SHAR", 4_000, 12)
    packed = pack(Ballot(bytes(8), b"VOTER...", 513, 0), signals)
    row = np.frombuffer(packed, DTYPE)[0]
    assert (row["identity"], row["entry"]) == (2, 513)
    assert (row["dwell_ms"], row["watched_s"]) == (4_000, 12)
    assert int(row["voter"]) == int.from_bytes(b"VOTER...", "big")
    assert int(row["ip_high"]) << 32 | int(row["ip"]) == int.from_bytes(b"ADDRES", "big")
    assert int(row["net_high"]) << 32 | int(row["net"]) == int.from_bytes(b"NETWOR", "big")


def test_live_and_exported_are_the_same(contest: Contest, world: World, tmp_path: Path):
    one, other = live(contest), exported(contest, tmp_path)
    assert len(one.votes) == len(world.casts)
    assert one.votes.entries == other.votes.entries
    for name in ("row", "ts_ms", "entry", "voter", "device", "dwell_s", "watched_s", *WORDS):
        assert np.array_equal(getattr(one.votes, name), getattr(other.votes, name)), name
        assert getattr(one.votes, name).dtype == getattr(other.votes, name).dtype, name
    places = range(len(world.casts))
    assert [one.votes.ids[n] for n in places] == [other.votes.ids[n] for n in places]
    for name in NAMED:
        mine, theirs = one.names[name], other.names[name]
        assert len(mine) == len(theirs)
        assert [mine[n] for n in range(len(mine))] == [theirs[n] for n in range(len(theirs))], name


def test_demo_votes_are_left_out_in_both(contest: Contest, tmp_path: Path):
    signals = [Signals(identity, b"addres", b"networ", b"agnt", bytes(4), 100, 1)
               for identity in (Identity.DEMO, Identity.DEVICE, Identity.DEMO)]  # fmt: skip
    for n, one in enumerate(signals):
        row = pack(Ballot(bytes(8), bytes([n] * 8), 1, 0), one)
        contest.store.law.xadd(keys.LEDGER(shard=0), {"v": row})
    for ledger in (live(contest), exported(contest, tmp_path)):
        assert (len(ledger.votes), ledger.demo, ledger.rows) == (1, 2, 3)
        assert ledger.votes.row.tolist() == [0]


def test_an_empty_ledger_is_one(contest: Contest):
    ledger = live(contest)
    assert (len(ledger.votes), ledger.rows, ledger.votes.entries) == (0, 0, ())


def test_what_comes_meanwhile_is_left_for_the_next_time(contest: Contest, world: World):
    ledger = live(contest, room=1_000)
    assert ledger.rows == 1_000


def test_rows_of_another_schema_are_refused():
    with pytest.raises(ValueError, match="schema"):
        Reader(1).take(0, [b"1-0"], bytes(ROW.size))
    with pytest.raises(ValueError, match="bytes"):
        Reader(2).take(0, [b"1-0", b"1-1"], bytes(ROW.size))
