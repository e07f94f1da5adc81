"""The disk guard pauses in time, and ends its own pause only; what is public is what is approved;
nothing ends the worker.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from casting import Contest, a_ballot, a_contest
from staging import wait_until
from wechat.stand_in import StandIn

from voting import worker
from voting.contest import Verdict
from voting.settings import load_settings
from voting.shelf import Shelf
from voting.store import keys, open_store
from voting.store.client import StoreDown
from voting.store.log import Kind
from voting.store.rules import Pauser
from voting.worker import DISK_ENOUGH, DISK_FLOOR, guard_disk, reconcile

VOTERS = iter(range(1000, 9000))


@pytest.fixture
def contest(law_url: str, throttle_url: str, tmp_path: Path) -> Contest:
    return a_contest(law_url, throttle_url, tmp_path)


def verdict(contest: Contest) -> Verdict:
    return contest.cast(a_ballot(voter=b"%08d" % next(VOTERS))).verdict


def pauses(contest: Contest) -> list[Kind]:
    made = [decision.kind for decision in contest.store.log.decisions()]
    return [kind for kind in made if kind in (Kind.PAUSE, Kind.RESUME)]


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (0, Verdict.PAUSED),
        (DISK_FLOOR - 1, Verdict.PAUSED),
        (DISK_FLOOR, Verdict.ACCEPTED),
        (DISK_ENOUGH + 1, Verdict.ACCEPTED),
    ],
)
def test_below_the_floor_the_vote_is_paused(contest: Contest, free: int, expected: Verdict):
    guard_disk(contest.store, free)
    assert verdict(contest) is expected


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (DISK_FLOOR, Verdict.PAUSED),
        (DISK_ENOUGH, Verdict.PAUSED),
        (DISK_ENOUGH + 1, Verdict.ACCEPTED),
    ],
)
def test_it_goes_on_when_there_is_clearly_more_room(
    contest: Contest, free: int, expected: Verdict
):
    guard_disk(contest.store, 0)
    guard_disk(contest.store, free)
    assert verdict(contest) is expected


def test_looking_again_and_again_is_decided_once(contest: Contest):
    for free in (0, 0, 0, DISK_ENOUGH + 1, DISK_ENOUGH + 1, 0):
        guard_disk(contest.store, free)
    assert pauses(contest) == [Kind.PAUSE, Kind.RESUME, Kind.PAUSE]


def test_an_organizer_s_pause_is_not_the_guard_s_to_end(contest: Contest):
    contest.store.rules.pause("核查")
    guard_disk(contest.store, DISK_ENOUGH + 1)
    assert verdict(contest) is Verdict.PAUSED


def test_an_organizer_s_pause_stays_when_the_disk_fills_and_empties_meanwhile(contest: Contest):
    contest.store.rules.pause("核查")
    guard_disk(contest.store, 0)
    guard_disk(contest.store, DISK_ENOUGH + 1)
    assert verdict(contest) is Verdict.PAUSED


def test_an_organizer_who_pauses_during_the_guard_s_pause_is_obeyed_after_it(contest: Contest):
    guard_disk(contest.store, 0)
    contest.store.rules.pause("核查")
    guard_disk(contest.store, DISK_ENOUGH + 1)
    assert verdict(contest) is Verdict.PAUSED
    contest.store.rules.resume("核查完毕")
    assert verdict(contest) is Verdict.ACCEPTED


def test_an_organizer_may_end_the_guard_s_pause(contest: Contest):
    guard_disk(contest.store, 0)
    contest.store.rules.resume("已腾出空间")
    assert verdict(contest) is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("paused_by", "free"),
    [
        (None, DISK_ENOUGH + 1),
        (Pauser.ORGANIZER, DISK_ENOUGH + 1),
        (Pauser.ORGANIZER, 0),
        (Pauser.DISK_GUARD, 0),
    ],
)
def test_where_nothing_is_to_be_changed_no_lock_is_taken(
    contest: Contest, paused_by: Pauser | None, free: int
):
    if paused_by:
        contest.store.rules.pause("停", paused_by)
    contest.store.law.set(keys.ENTRIES_LOCK(), "somebody else's")
    guard_disk(contest.store, free)


@pytest.fixture
def shelf(contest: Contest, tmp_path: Path) -> Shelf:
    """The media of the four entries; those of 1 to 3, which are approved, have long been out."""
    shelf = Shelf(tmp_path / "media", tmp_path / "public")
    for number in (1, 2, 3, 4):
        (shelf.media / media(contest, number)).mkdir(parents=True)
        (shelf.media / media(contest, number) / "web.mp4").touch()
    for number in (1, 2, 3):
        shelf.put_out(media(contest, number))
        os.utime(shelf.public / media(contest, number), (0, 0))
    return shelf


def media(contest: Contest, number: int) -> str:
    return contest.store.entries.all()[number].media


def reconciled(contest: Contest, shelf: Shelf, **changes: Any) -> set[int]:
    """The numbers whose media are out, after a worker that starts now has looked at them."""
    contest.store.throttle.flushall()
    board = replace(contest.store.boards, _board=None).current()
    reconcile(contest.store, replace(board, **changes), shelf)
    return out(contest, shelf)


def out(contest: Contest, shelf: Shelf) -> set[int]:
    return {n for n, entry in contest.store.entries.all().items() if entry.media in shelf.out()}


def test_the_media_of_a_withdrawal_that_was_killed_half_way_are_taken_away(
    contest: Contest, shelf: Shelf
):
    contest.store.entries.withdraw(2, "争议")
    assert reconciled(contest, shelf) == {1, 3}
    assert media(contest, 2) in shelf.kept()


def test_the_media_of_no_entry_are_taken_away(contest: Contest, shelf: Shelf):
    (shelf.public / "stranger").mkdir()
    os.utime(shelf.public / "stranger", (0, 0))
    assert reconciled(contest, shelf) == {1, 2, 3}
    assert "stranger" not in shelf.out()


def test_approved_media_that_are_missing_are_put_out(contest: Contest, shelf: Shelf):
    shelf.take_away(media(contest, 1))
    assert reconciled(contest, shelf) == {1, 2, 3}


def test_an_approved_entry_without_any_media_holds_up_nobody(contest: Contest, shelf: Shelf):
    shutil.rmtree(shelf.media / media(contest, 1))
    for number in (1, 2):
        shelf.take_away(media(contest, number))
    assert reconciled(contest, shelf) == {2, 3}


def test_media_that_were_put_out_just_now_may_be_about_to_be_approved(
    contest: Contest, shelf: Shelf
):
    shelf.put_out(media(contest, 4))
    assert reconciled(contest, shelf) == {1, 2, 3, 4}


def test_a_stale_board_changes_nothing(contest: Contest, shelf: Shelf):
    contest.store.entries.withdraw(2, "争议")
    assert reconciled(contest, shelf, stale=True) == {1, 2, 3}


def test_a_board_of_a_moment_ago_changes_nothing(contest: Contest, shelf: Shelf):
    before = contest.store.boards.current()
    contest.store.entries.withdraw(2, "争议")
    shelf.take_away(media(contest, 2))
    reconcile(contest.store, before, shelf)
    assert out(contest, shelf) == {1, 3}


def test_an_entry_that_is_withdrawn_meanwhile_does_not_stay_out(
    contest: Contest, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
):
    name = media(contest, 2)
    shelf.take_away(name)
    put_out = Shelf.put_out

    def too_late(shelf: Shelf, name: str) -> None:
        contest.store.entries.withdraw(2, "争议")
        shelf.take_away(name)
        put_out(shelf, name)

    monkeypatch.setattr(Shelf, "put_out", too_late)
    assert reconciled(contest, shelf) == {1, 3}


def test_a_store_that_has_lost_its_entries_changes_nothing(contest: Contest, shelf: Shelf):
    before = shelf.out()
    contest.store.law.delete(keys.ENTRIES())
    with pytest.raises(StoreDown):
        reconciled(contest, shelf)
    assert shelf.out() == before


class Enough(Exception):  # noqa: N818 the plain word
    """The test has seen enough of the worker."""


def three_rounds():
    rounds = iter(range(2))

    def sleep(seconds: float) -> None:
        assert seconds > 0
        if next(rounds, None) is None:
            raise Enough

    return sleep


def test_the_worker_keeps_the_board_and_watches_the_disk(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: list[int] = []
    monkeypatch.setattr(worker, "guard_disk", lambda store, free: seen.append(free))
    with pytest.raises(Enough):
        worker.work(contest.store, load_settings({"DATA_DIR": str(tmp_path)}), three_rounds())
    assert len(seen) == 3
    assert all(free > 0 for free in seen)
    assert (contest.store.boards.folder / "standings.json").exists()


def test_the_worker_finishes_what_a_killed_withdrawal_left(
    contest: Contest, shelf: Shelf, tmp_path: Path
):
    contest.store.entries.withdraw(2, "争议")
    with pytest.raises(Enough):
        worker.work(contest.store, load_settings({"DATA_DIR": str(tmp_path)}), three_rounds())
    assert out(contest, shelf) == {1, 3}


def test_the_worker_has_a_ticket_ready_and_waits_for_no_wechat(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with StandIn() as wechat:
        wechat.next_answers.append(2.0)
        settings = load_settings({"DATA_DIR": str(tmp_path)} | wechat.environ)
        with pytest.raises(Enough):
            worker.work(contest.store, settings, three_rounds())
        assert contest.store.tickets.ticket(wechat.app_id) is None  # three rounds, and still asking
        wait_until(lambda: contest.store.tickets.ticket(wechat.app_id) is not None)
        assert contest.store.tickets.ticket(wechat.app_id) == wechat.ticket


def test_a_wechat_that_refuses_is_told_once_and_left_alone_for_a_while(
    contest: Contest, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with StandIn(every_answer=45009) as wechat:
        settings = load_settings({"DATA_DIR": str(tmp_path)} | wechat.environ)
        with pytest.raises(Enough):
            worker.work(contest.store, settings, three_rounds())
        wait_until(lambda: "share cards: WeChat says 45009" in caplog.text)
        assert wechat.calls == ["stable_token"]


def test_the_worker_outlives_its_stores_and_its_folder(tmp_path: Path):
    nowhere = "unix:///tmp/nobody-listens-here.sock"
    board = tmp_path / "board"
    store = open_store(
        "test", nowhere, nowhere, 1, board, accept_unknown=False, sealing=b"sealing"
    )
    account = {"WECHAT_APP_ID": "wx0123456789abcdef", "WECHAT_APP_SECRET": "s" * 32}
    settings = load_settings({"DATA_DIR": str(tmp_path / "no folder")} | account)
    with pytest.raises(Enough):
        worker.work(store, settings, three_rounds())
