"""The board: one snapshot for all, young, never older than the one before, and there in need."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from casting import Contest, a_ballot

from voting.contest import Stage, Standing
from voting.store import keys
from voting.store.client import StoreDown, open_client
from voting.store.standings import Boards, Catalogue, Snapshot, _read_kept, _read_snapshot


@dataclass
class Clock:
    """A clock that stands until it is moved; the snapshot's lock ends by it, too."""

    now: float
    throttle: Any

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        if seconds >= 1:
            self.throttle.delete(keys.STANDINGS_LOCK(contest="test"))


@pytest.fixture
def clock(contest: Contest, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Rules both kinds of time: the board's age, and the snapshot's."""
    clock = Clock(time.time(), contest.store.throttle)
    monkeypatch.setattr("voting.store.standings.time.monotonic", clock)
    return clock


@pytest.fixture
def process(contest: Contest, clock: Clock) -> Callable[..., Boards]:
    """Another process's boards, with the same stores and the same folder."""

    def start(**changes: object) -> Boards:
        return replace(contest.store.boards, clock=clock, _board=None,
                       _refreshing=threading.Lock(), **changes)  # fmt: skip

    return start


def gone() -> object:
    return open_client("unix:///tmp/nobody-listens-here.sock", timeout_s=0.5, retries=0)


def broken(boards: Boards) -> None:
    """From here on the law store is away."""
    away = gone()
    boards.law = away
    for part in ("ledger", "entries", "rules"):
        room = getattr(boards, part)
        setattr(boards, part, type(room)(away, *list(vars(room).values())[1:]))


def votes(boards: Boards) -> dict[int, int]:
    return {row.number: row.votes for row in boards.current().standings.rows}


def test_a_snapshot_of_a_release_without_stages_can_still_be_read():
    old = b'{"as_of_ms": 5, "catalogue": 2, "paused": true, "tally": {"1": 3}}'
    assert _read_snapshot(old) == Snapshot(5, 2, True, {1: 3}, Stage.NONE)


def test_a_catalogue_kept_by_a_release_without_results_can_still_be_read():
    old = '{"version": 3, "entries": [], "withdrawn": [4], "versions": []}'
    assert _read_kept(old) == Catalogue(3, {}, frozenset({4}), (), ())


def test_a_board_holds_the_approved_entries_the_rules_and_the_ranking(
    contest: Contest, process: Callable[..., Boards]
):
    contest.cast(a_ballot(entry=2))
    contest.store.entries.withdraw(3, "争议")
    board = process().current()
    assert list(board.entries) == [1, 2]
    assert board.catalogue.withdrawn == {3}
    assert board.standings.rows == (Standing(1, 2, 1), Standing(2, 1, 0))
    assert (board.rules.version, board.paused, board.stale) == (1, False, False)


def test_a_vote_is_on_the_board_after_a_second_and_not_before(
    contest: Contest, clock: Clock, process: Callable[..., Boards]
):
    boards = process()
    first = boards.current()
    contest.cast(a_ballot())
    clock.pass_(0.99)
    assert boards.current() is first
    clock.pass_(1)
    assert votes(boards)[1] == 1


def test_two_processes_share_one_snapshot(
    contest: Contest, clock: Clock, process: Callable[..., Boards]
):
    one, other = process(), process()
    made = one.current()
    contest.cast(a_ballot())
    clock.pass_(0.5)
    assert other.current().snapshot == made.snapshot
    clock.pass_(1.01)
    assert votes(other)[1] == 1
    assert one.current().snapshot == other.current().snapshot


def test_many_readers_make_one_snapshot(
    contest: Contest, clock: Clock, process: Callable[..., Boards], monkeypatch: pytest.MonkeyPatch
):
    made: list[int] = []
    own = Boards._own_snapshot
    monkeypatch.setattr(Boards, "_own_snapshot", lambda self: made.append(1) or own(self))
    boards = process()
    readers = [threading.Thread(target=boards.current) for _ in range(20)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(made) == 1


def test_while_one_process_computes_the_others_read_on(
    contest: Contest, clock: Clock, process: Callable[..., Boards]
):
    one = process()
    first = one.current()
    contest.cast(a_ballot())
    clock.pass_(5)
    # somebody is at it
    contest.store.throttle.set(keys.STANDINGS_LOCK(contest="test"), 1, px=60_000)
    assert one.current().snapshot == first.snapshot
    clock.pass_(5)
    assert votes(one)[1] == 1


def test_an_approval_a_withdrawal_a_pause_and_new_rules_are_seen(
    contest: Contest, clock: Clock, process: Callable[..., Boards]
):
    boards = process()
    boards.current()
    contest.store.entries.approve(4, "审核通过")
    contest.store.entries.withdraw(1, "争议")
    contest.store.rules.pause("核查")
    contest.change(winners=3)
    clock.pass_(1.01)
    board = boards.current()
    assert list(board.entries) == [2, 3, 4]
    assert board.paused
    assert board.rules.winners == 3
    assert len(board.catalogue.versions) == 2


def test_the_ranking_never_goes_back_to_an_older_snapshot(
    contest: Contest, clock: Clock, process: Callable[..., Boards]
):
    boards = process()
    boards.current()
    old = contest.store.throttle.get(keys.STANDINGS(contest="test"))
    contest.cast(a_ballot())
    clock.pass_(1.01)
    newer = boards.current()
    clock.pass_(1.01)
    contest.store.throttle.set(keys.STANDINGS(contest="test"), old)
    contest.store.throttle.set(keys.STANDINGS_LOCK(contest="test"), 1)
    assert boards.current().snapshot == newer.snapshot
    assert votes(boards)[1] == 1


def test_without_the_throttle_store_each_process_makes_its_own(
    contest: Contest, clock: Clock, process: Callable[..., Boards]
):
    boards = process(throttle=gone())
    assert votes(boards)[1] == 0
    contest.cast(a_ballot())
    clock.pass_(1.01)
    assert votes(boards)[1] == 1
    assert not boards.current().stale


@pytest.mark.parametrize("rubbish", [b"", b"{}", b"[]", b"null", b"\xff", b'{"as_of_ms": "x"}'])
def test_rubbish_in_the_throttle_store_hurts_nobody(
    contest: Contest, process: Callable[..., Boards], rubbish: bytes
):
    contest.store.throttle.set(keys.STANDINGS(contest="test"), rubbish)
    assert votes(process()) == {1: 0, 2: 0, 3: 0}


def test_when_the_law_store_goes_the_last_board_stays_and_says_that_it_is_stale(
    contest: Contest, clock: Clock, process: Callable[..., Boards]
):
    contest.cast(a_ballot())
    boards = process()
    last = boards.current()
    broken(boards)
    for _ in range(3):
        clock.pass_(70)
        board = boards.current()
        assert board.stale
        assert board.snapshot == last.snapshot
        assert board.catalogue == last.catalogue


def test_a_process_started_during_the_outage_serves_the_board_that_was_kept(
    contest: Contest, clock: Clock, process: Callable[..., Boards]
):
    contest.cast(a_ballot(entry=3))
    contest.store.entries.withdraw(1, "争议")
    contest.store.rules.pause("核查")
    last = process().current()
    for throttle in (contest.store.throttle, gone()):
        late = process(throttle=throttle)
        broken(late)
        board = late.current()
        assert board.stale
        assert board.snapshot == last.snapshot
        assert board.catalogue == last.catalogue
        assert board.standings.rows == last.standings.rows


def test_what_is_kept_is_never_much_older_than_what_is_shown(
    contest: Contest, clock: Clock, process: Callable[..., Boards]
):
    boards = process()
    boards.current()
    for _ in range(12):
        contest.cast(a_ballot(voter=secrets.token_bytes(8)))
        clock.pass_(1.01)
        shown = boards.current().snapshot.as_of_ms
    late = process(throttle=gone())
    broken(late)
    assert 0 <= shown - late.current().snapshot.as_of_ms <= 6_100


def test_when_the_law_store_is_back_the_board_is_fresh_again(
    contest: Contest, clock: Clock, process: Callable[..., Boards]
):
    boards = process()
    boards.current()
    whole = dict(vars(boards))
    broken(boards)
    clock.pass_(2)
    assert boards.current().stale
    for name in ("law", "ledger", "entries", "rules"):
        setattr(boards, name, whole[name])
    contest.cast(a_ballot())
    clock.pass_(2)
    assert not boards.current().stale
    assert votes(boards)[1] == 1


@pytest.mark.parametrize("kept", [None, b"", b"{", b"[]", b"{}", b"null", b"\xff\xfe"])
@pytest.mark.parametrize("name", ["catalogue.json", "standings.json"])
def test_without_store_and_without_a_whole_kept_board_it_is_store_down(
    process: Callable[..., Boards], name: str, kept: bytes | None
):
    boards = process()
    boards.current()
    file = boards.folder / name
    file.unlink() if kept is None else file.write_bytes(kept)
    late = process()
    broken(late)
    with pytest.raises(StoreDown):
        late.current()


def test_a_folder_that_can_t_be_written_takes_no_page_down(
    contest: Contest, process: Callable[..., Boards], tmp_path: Path
):
    file = tmp_path / "in the way"
    file.write_text("")
    assert votes(process(folder=file)) == {1: 0, 2: 0, 3: 0}


def test_a_store_without_a_contest_has_no_board(
    contest: Contest, process: Callable[..., Boards], tmp_path: Path
):
    contest.store.law.flushall()
    with pytest.raises(StoreDown):
        process(folder=tmp_path / "empty").current()


def test_no_board_names_more_than_its_files_leave_no_trace(
    contest: Contest, process: Callable[..., Boards]
):
    boards = process()
    boards.current()
    names = sorted(path.name for path in boards.folder.iterdir() if "log-head" not in path.name)
    assert names == ["catalogue.json", "standings.json"]
