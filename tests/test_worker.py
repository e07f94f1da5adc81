"""The disk guard pauses in time, and ends its own pause only; nothing ends the worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from casting import Contest, a_ballot, a_contest

from voting import worker
from voting.contest import Verdict
from voting.settings import load_settings
from voting.store import open_store
from voting.store.decisions import Kind
from voting.worker import DISK_ENOUGH, DISK_FLOOR, guard_disk

VOTERS = iter(range(1000, 9000))


@pytest.fixture
def contest(law_url: str, throttle_url: str, tmp_path: Path) -> Contest:
    return a_contest(law_url, throttle_url, tmp_path)


def verdict(contest: Contest) -> Verdict:
    return contest.cast(a_ballot(voter=b"%08d" % next(VOTERS))).verdict


def pauses(contest: Contest) -> list[Kind]:
    made = [decision.kind for decision in contest.store.decisions.all()]
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


class Enough(Exception):  # noqa: N818
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


def test_the_worker_outlives_its_stores_and_its_folder(tmp_path: Path):
    nowhere = "unix:///tmp/nobody-listens-here.sock"
    store = open_store("test", nowhere, nowhere, 1, tmp_path / "board", accept_unknown=False)
    settings = load_settings({"DATA_DIR": str(tmp_path / "no folder")})
    with pytest.raises(Enough):
        worker.work(store, settings, three_rounds())
