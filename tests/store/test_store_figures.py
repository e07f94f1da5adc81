"""The worker keeps the figures up with the ledger, in small steps; the web reads what is there."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import pytest
from casting import SIGNALS, Contest, a_ballot

from voting.contest import Identity, Verdict
from voting.store import figures as room
from voting.store import keys
from voting.store.client import StoreDown, open_client
from voting.store.figures import Kept, KeptFigures

KEY = keys.FIGURES(contest="test")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch):
    """Every round writes what changed."""
    monkeypatch.setattr(room, "WRITE_EVERY_S", 0.0)


def vote(contest: Contest, entry: int = 1, times: int = 1, **signals: object) -> None:
    for _ in range(times):
        ballot = a_ballot(entry, voter=os.urandom(8))
        outcome = contest.store.ballots.cast(ballot, replace(SIGNALS, **signals))
        assert outcome.verdict is Verdict.ACCEPTED


def keep_up(contest: Contest) -> Kept:
    """One round of the worker, and what the web finds then."""
    contest.store.figures.keep_up(contest.store.boards.current())
    return contest.store.figures.read(1)


def test_before_the_worker_has_run_there_is_nothing(contest: Contest):
    assert contest.store.figures.read() == Kept()


def test_votes_are_drawn_in_the_next_round(contest: Contest):
    vote(contest, 1, 3)
    vote(contest, 2, 2, identity=Identity.DEMO)
    kept = keep_up(contest)
    assert (kept.overview.rows, kept.total) == (5, 5)
    assert kept.overview.identities == {Identity.DEVICE: 3, Identity.DEMO: 2}
    assert kept.overview.voters == kept.overview.days[-1].voters == 3
    assert sum(votes for _, votes, _ in kept.hours) == 3
    assert [runner.number for runner in kept.race.runners] == [1, 2]
    vote(contest, 1)
    assert keep_up(contest).overview.rows == 6


def test_shards_are_counted_together(sharded: Contest):
    for entry in (1, 2, 3):
        vote(sharded, entry, 7)
    kept = keep_up(sharded)
    assert kept.overview.rows == sharded.store.ledger.recount().total() == 21
    assert sum(votes for _, votes, _ in kept.hours) == 7


def test_many_rows_are_read_in_steps_and_the_page_knows(
    contest: Contest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(room, "PAGE", 10)
    monkeypatch.setattr(room, "LONGEST_S", 0.0)
    vote(contest, 1, 35)
    seen = [keep_up(contest) for _ in range(4)]
    assert [kept.overview.rows for kept in seen] == [10, 20, 30, 35]
    assert {kept.total for kept in seen} == {35}


def test_only_entries_with_new_votes_are_written(contest: Contest):
    vote(contest, 1)
    vote(contest, 2)
    keep_up(contest)
    contest.store.throttle.hdel(KEY, "entry:1")
    vote(contest, 2)
    keep_up(contest)
    assert contest.store.throttle.hkeys(KEY).count(b"entry:1") == 0


def test_without_news_nothing_is_written_but_the_beat(contest: Contest):
    vote(contest, 1)
    before = keep_up(contest)
    contest.store.figures.clock = lambda: before.beat_ms / 1000 + 100
    after = keep_up(contest)
    assert (after.as_of_ms, after.beat_ms) == (before.as_of_ms, before.beat_ms + 100_000)


def test_news_wait_until_it_is_time(contest: Contest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "WRITE_EVERY_S", 1000.0)
    vote(contest, 1)
    assert keep_up(contest).overview.rows == 1
    vote(contest, 1)
    assert keep_up(contest).overview.rows == 1


def test_when_the_throttle_store_was_emptied_all_is_written_again(
    contest: Contest, monkeypatch: pytest.MonkeyPatch
):
    vote(contest, 1)
    vote(contest, 2)
    whole = keep_up(contest)
    monkeypatch.setattr(room, "WRITE_EVERY_S", 1000.0)
    contest.store.throttle.delete(KEY)
    again = keep_up(contest)
    assert (again.overview, again.race, again.hours) == (whole.overview, whole.race, whole.hours)
    assert again.flaw == ""


def test_a_worker_that_starts_anew_counts_the_same(contest: Contest):
    vote(contest, 1, 4)
    whole = keep_up(contest)
    store = contest.store
    store.throttle.delete(KEY)
    fresh = KeptFigures(store.throttle, "test", store.ledger, store.log)
    fresh.keep_up(store.boards.current())
    assert fresh.read(1).overview == whole.overview


def test_a_ledger_restored_from_a_backup_is_counted_from_its_beginning(contest: Contest):
    vote(contest, 1, 5)
    keep_up(contest)
    contest.store.law.delete(keys.LEDGER(shard=0))
    vote(contest, 2, 2)
    kept = keep_up(contest)
    assert (kept.overview.rows, kept.total, sum(votes for _, votes, _ in kept.hours)) == (2, 2, 0)


def test_a_withdrawn_entry_leaves_the_race(contest: Contest):
    vote(contest, 1, 2)
    vote(contest, 2)
    assert [runner.number for runner in keep_up(contest).race.runners] == [1, 2]
    contest.store.entries.withdraw(1, "争议")
    board = contest.store.boards.current()
    entries = {number: entry for number, entry in board.entries.items() if number != 1}
    catalogue = replace(board.catalogue, version=board.catalogue.version + 1, entries=entries)
    contest.store.figures.keep_up(replace(board, catalogue=catalogue))
    kept = contest.store.figures.read()
    assert [(runner.number, set(runner.ranks)) for runner in kept.race.runners] == [(2, {1})]
    assert kept.overview.rows == 3


def test_a_row_put_into_the_operators_log_is_noticed(contest: Contest):
    assert keep_up(contest).flaw == ""
    contest.store.law.xadd(keys.OPERATORS_LOG(), {"by": "somebody"}, id="99-1")
    contest.store.throttle.delete(KEY)
    assert keep_up(contest).flaw


def test_pieces_of_another_release_are_no_pieces(contest: Contest):
    contest.store.throttle.hset(KEY, mapping={"overview": '{"rows": 3}', "beat": 7})
    assert contest.store.figures.read() == Kept(beat_ms=7)
    vote(contest, 1)
    assert keep_up(contest).overview.rows == 1


def test_without_the_throttle_store_nothing_is_known_and_no_row_is_lost(contest: Contest):
    store = contest.store
    nowhere = open_client("unix:///tmp/nobody-listens-here.sock", timeout_s=0.5, retries=0)
    figures = KeptFigures(nowhere, "test", store.ledger, store.log)
    vote(contest, 1, 3)
    with pytest.raises(StoreDown):
        figures.keep_up(store.boards.current())
    assert figures.read() == Kept(reachable=False)
    figures.throttle = store.throttle
    vote(contest, 1)
    figures.keep_up(store.boards.current())
    assert figures.read().overview.rows == 4


def test_it_agrees_with_the_tally(contest: Contest):
    for entry, times in ((1, 4), (2, 9), (3, 1)):
        vote(contest, entry, times)
    keep_up(contest)
    drawn = Counter(
        {n: sum(h[1] for h in contest.store.figures.read(n).hours) for n in (1, 2, 3)}
    )
    assert drawn == contest.store.ledger.tally()
