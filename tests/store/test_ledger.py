"""A row holds a vote exactly; nobody's number is too large for it; pages don't lose one."""

from __future__ import annotations

from collections import Counter

import pytest
from casting import SIGNALS, Contest, a_ballot
from hypothesis import given
from hypothesis import strategies as st

from voting.contest import Ballot, Identity, Signals
from voting.store import keys, ledger
from voting.store.ledger import ROW, pack, unpack, vote_id


def of(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


SOME_SIGNALS = st.builds(
    Signals,
    identity=st.sampled_from(Identity),
    address=of(6),
    network=of(6),
    agent=of(4),
    share=of(4),
    dwell_ms=st.integers(0, 0xFFFFFFFF),
    watched_s=st.integers(0, 0xFFFF),
)


@given(
    entry=st.integers(1, 0xFFFF),
    voter=of(8),
    signals=SOME_SIGNALS,
    at_ms=st.integers(1, 9_999_999_999_999),
    sequence=st.integers(0, 99),
    shard=st.integers(0, 63),
)
def test_what_is_packed_is_unpacked(
    entry: int, voter: bytes, signals: Signals, at_ms: int, sequence: int, shard: int
):
    row = pack(Ballot(b"ballotid", voter, entry, 0), signals)
    vote = unpack(shard, b"%d-%d" % (at_ms, sequence), row)
    assert (vote.entry, vote.voter, vote.signals) == (entry, voter, signals)
    assert vote.at_ms == at_ms
    assert vote.id == f"{shard:02d}-{at_ms}-{sequence}"
    assert len(row) == ROW.size == 38


@given(dwell_ms=st.integers(), watched_s=st.integers())
def test_a_number_beyond_its_field_is_held_at_the_field_s_end(dwell_ms: int, watched_s: int):
    signals = Signals(Identity.DEVICE, bytes(6), bytes(6), bytes(4), bytes(4), dwell_ms, watched_s)
    found = unpack(0, b"1-0", pack(a_ballot(), signals)).signals
    assert found.dwell_ms == min(max(dwell_ms, 0), 0xFFFFFFFF)
    assert found.watched_s == min(max(watched_s, 0), 0xFFFF)


def test_the_ballot_s_id_is_not_in_the_row():
    ballot = a_ballot()
    assert ballot.id not in pack(ballot, SIGNALS)


def test_a_row_of_a_schema_not_known_is_refused_and_named():
    row = pack(a_ballot(), SIGNALS)
    with pytest.raises(ValueError, match=r"1-0.*schema 2"):
        unpack(0, b"1-0", b"\x02" + row[1:])


def test_pages_lose_no_vote_and_read_none_twice(
    sharded: Contest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ledger, "PAGE", 4)
    voters = [bytes([0, 0, 0, n % 3, 0, 0, 0, n]) for n in range(27)]
    ballots = [(a_ballot(entry=1 + n % 2, voter=v), SIGNALS) for n, v in enumerate(voters)]
    ids = [outcome.vote_id for outcome in sharded.store.ballots.cast_all(ballots)]
    votes = list(sharded.store.ledger.votes())
    assert sorted(vote.id for vote in votes) == sorted(ids)
    assert Counter(vote.voter for vote in votes) == Counter(voters)
    assert [vote.id[:2] for vote in votes] == ["00"] * 9 + ["01"] * 9 + ["02"] * 9
    assert sharded.store.ledger.recount() == {1: 14, 2: 13}


def test_an_empty_ledger_counts_nothing(contest: Contest):
    assert list(contest.store.ledger.votes()) == []
    assert contest.store.ledger.recount() == contest.store.ledger.tally() == {}


def test_the_recount_believes_the_ledger_and_not_the_tally(contest: Contest):
    contest.cast(a_ballot())
    contest.store.law.hincrby(keys.TALLY(shard=0), 1, 99)
    assert contest.store.ledger.recount() == {1: 1}
    assert contest.store.ledger.tally() == {1: 100}


def test_a_vote_s_id_says_shard_time_and_sequence():
    assert vote_id(7, b"1760000000000-3") == "07-1760000000000-3"
