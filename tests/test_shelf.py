"""What is put out is public, what is taken away is not, and the original never is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from voting.shelf import Shelf

PUBLIC = ("web.mp4", "web-720.mp4", "cover-480.webp", "cover-1080.jpg")
FILES = (*PUBLIC, "original.mp4", "frame-1.jpg", "frame-4.jpg", ".web.mp4.part", "form.docx")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path / "media", tmp_path / "public")
    for media in ("aa", "bb"):
        (shelf.media / media).mkdir(parents=True)
        for name in FILES:
            (shelf.media / media / name).write_bytes(f"{media} {name}".encode())
    return shelf


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_copies_and_covers_are_put_out_and_nothing_else(shelf: Shelf):
    shelf.put_out("aa")
    assert names(shelf.public) == ["aa"]
    assert names(shelf.public / "aa") == sorted(PUBLIC)
    assert (shelf.public / "aa" / "web.mp4").read_bytes() == b"aa web.mp4"


def test_putting_out_again_adds_only_what_is_missing(shelf: Shelf):
    shelf.put_out("aa")
    (shelf.media / "aa" / "cover-720.webp").write_bytes(b"new")
    shelf.put_out("aa")
    assert "cover-720.webp" in names(shelf.public / "aa")


def test_what_is_put_out_takes_no_room_of_its_own(shelf: Shelf):
    shelf.put_out("aa")
    assert (shelf.public / "aa" / "web.mp4").samefile(shelf.media / "aa" / "web.mp4")


def test_what_is_taken_away_is_gone_from_the_public_and_kept_in_the_media(shelf: Shelf):
    shelf.put_out("aa")
    shelf.put_out("bb")
    shelf.take_away("aa")
    assert names(shelf.public) == ["bb"]
    assert names(shelf.media / "aa") == sorted(FILES)
    shelf.take_away("aa")
    shelf.take_away("never put out")
    shelf.put_out("aa")
    assert names(shelf.public) == ["aa", "bb"]


def test_where_there_are_no_hard_links_a_copy_is_put_out(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
):
    def no_links(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    shelf.put_out("aa")
    assert (shelf.public / "aa" / "web.mp4").read_bytes() == b"aa web.mp4"


def test_somebody_else_who_puts_it_out_at_the_same_time_does_no_harm(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
):
    link = os.link

    def twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", twice)
    shelf.put_out("aa")
    assert len(names(shelf.public / "aa")) == len(PUBLIC)


def test_an_entry_without_media_is_not_put_out(shelf: Shelf):
    with pytest.raises(FileNotFoundError):
        shelf.put_out("nothing")
    assert shelf.out() == set()


def test_the_shelf_knows_what_it_keeps_and_what_is_out(shelf: Shelf):
    assert (shelf.kept(), shelf.out()) == ({"aa", "bb"}, set())
    shelf.put_out("bb")
    (shelf.public / "robots.txt").touch()
    assert (shelf.kept(), shelf.out()) == ({"aa", "bb"}, {"bb"})


def test_the_shelf_knows_what_has_been_out_for_long(shelf: Shelf):
    for name in ("aa", "bb"):
        shelf.put_out(name)
    os.utime(shelf.public / "aa", (0, 0))
    assert shelf.out(for_s=3600) == {"aa"}
