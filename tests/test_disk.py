"""A file is there whole or not at all, and nothing takes the room that the vote needs."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from voting import disk
from voting.disk import FULL, need_room, whole


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path):
    file = tmp_path / "票数.csv"
    file.write_text("old")
    with whole(file) as part:
        part.write_text("new")
        assert file.read_text() == "old"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("票数.csv", "new")]


def test_what_is_broken_off_leaves_what_was_there(tmp_path: Path):
    file = tmp_path / "票数.csv"
    file.write_text("old")

    def broken_off() -> None:
        with whole(file) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("票数.csv", "old")]


def test_what_is_left_for_the_vote_is_nobody_else_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(disk, "LEAVE", 0)
    need_room(tmp_path)
    with pytest.raises(OSError, match="No space") as caught:
        need_room(tmp_path, more=1 << 60)
    assert caught.value.errno == errno.ENOSPC
    assert errno.ENOSPC in FULL
