"""QR codes and posters through the web: right, cookie-free, kept, and never more than so much."""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest
import zxingcpp
from flask import Flask
from people import Town, Visitor
from PIL import Image
from staging import refresh
from werkzeug.test import TestResponse

from voting.web.errors import Problem
from voting.web.share import QUEUE, Drawings
from voting.web.site import Site

KINDS = {"qr.png": "image/png", "qr.svg": "image/svg+xml", "poster.jpg": "image/jpeg"}
EVERY_KIND = pytest.mark.parametrize("kind", list(KINDS))


def hang_covers(site: Site) -> None:
    """Entries 1 (upright) and 2 (wide) have their covers in public/."""
    for number, size in ((1, (1080, 1920)), (2, (1080, 608))):
        folder = site.settings.public_dir / f"{number:020x}"
        folder.mkdir(parents=True)
        Image.new("RGB", size, "#3b8f6a").save(folder / "cover-1080.jpg", "JPEG")


@pytest.fixture
def visitor(site: Site, alice: Visitor) -> Visitor:
    hang_covers(site)
    return alice


def get(visitor: Visitor, path: str, **parts: object) -> TestResponse:
    return visitor.get(path, buffered=True, **parts)


def links_in(picture: bytes) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))]


@EVERY_KIND
def test_a_picture_is_what_it_says_without_cookie_and_may_be_kept(visitor: Visitor, kind: str):
    visitor.vote(2)  # a visitor with a pass gets the same
    answer = get(visitor, f"/e/1/{kind}")
    assert (answer.status_code, answer.mimetype) == (200, KINDS[kind])
    assert "Set-Cookie" not in answer.headers
    assert "cookie" not in answer.headers.get("Vary", "").lower()
    assert answer.headers["Cache-Control"] == "public, max-age=600"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = get(visitor, f"/e/1/{kind}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("kind", ["qr.png", "poster.jpg"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_picture_s_code_leads_to_the_entry(visitor: Visitor, kind: str, number: int):
    assert links_in(get(visitor, f"/e/{number}/{kind}").data) == [f"http://localhost/e/{number}"]


def test_a_poster_is_750_by_1334(visitor: Visitor):
    poster = Image.open(io.BytesIO(get(visitor, "/e/1/poster.jpg").data))
    assert (poster.format, poster.size) == ("JPEG", (750, 1334))


def test_a_code_leads_where_the_public_reaches_the_site(raise_site: Callable[..., Flask]):
    visitor = Town(raise_site(PUBLIC_URL="https://vote.example.cn")).visitor()
    assert links_in(get(visitor, "/e/1/qr.png").data) == ["https://vote.example.cn/e/1"]


def test_each_host_s_picture_is_its_own(visitor: Visitor):
    for host in ("a.example.cn", "b.example.cn"):
        picture = get(visitor, "/e/1/qr.png", headers={"Host": host}).data
        assert links_in(picture) == [f"http://{host}/e/1"]


@EVERY_KIND
@pytest.mark.parametrize(("number", "words"), [(99, "没有这个编号"), (13, "没有这个编号"),
                                               (14, "已经撤下"), (0, "没有这个编号")])  # fmt: skip
def test_there_is_no_picture_of_what_is_not_public(
    visitor: Visitor, kind: str, number: int, words: str
):
    answer = get(visitor, f"/e/{number}/{kind}")
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"
    assert words in answer.text


def test_a_withdrawn_entry_s_poster_is_gone_though_it_was_drawn(site: Site, visitor: Visitor):
    assert get(visitor, "/e/1/poster.jpg").status_code == 200
    site.store.entries.withdraw(1, "肖像争议")
    refresh(site)
    assert get(visitor, "/e/1/poster.jpg").status_code == 404


def test_an_entry_whose_cover_is_missing_is_no_error_of_ours(visitor: Visitor):
    answer = get(visitor, "/e/3/poster.jpg")
    assert answer.status_code in (200, 404)


def test_a_picture_is_drawn_once(site: Site, visitor: Visitor):
    first = get(visitor, "/e/1/poster.jpg")
    (kept,) = (site.settings.data_dir / "cache").iterdir()
    stamp = kept.stat().st_mtime_ns
    assert get(visitor, "/e/1/poster.jpg").data == first.data
    assert kept.stat().st_mtime_ns == stamp


def test_codes_are_kept_in_memory_and_not_in_files(site: Site, visitor: Visitor):
    assert get(visitor, "/e/1/qr.png").data == get(visitor, "/e/1/qr.png").data
    assert not (site.settings.data_dir / "cache").exists()


def test_what_can_t_be_read_as_a_number_is_not_found(visitor: Visitor):
    for path in ("/e/x/qr.png", "/e/-1/qr.png", "/e/1/qr.gif", "/e/1/../../qr.png", "/e//qr.png"):
        assert get(visitor, path).status_code == 404, path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("bound", [{"limit": 300}, {"most": 3}])
def test_when_the_cache_is_full_the_oldest_pictures_go(tmp_path: Path, bound: dict[str, int]):
    drawings = Drawings(tmp_path / "cache", **bound, every=1)
    for age, name in enumerate("abcdef"):
        drawings.get(name, lambda: b"x" * 100)
        os.utime(tmp_path / "cache" / name, (1_000 + age, 1_000 + age))
    assert names(tmp_path / "cache") == ["d", "e", "f"]


def test_a_picture_that_went_is_drawn_again(tmp_path: Path):
    drawings = Drawings(tmp_path / "cache", limit=100, every=1)
    for name in ("a", "b", "a"):
        picture = drawings.get(name, lambda name=name: name.encode() * 100)
        os.utime(tmp_path / "cache" / name, (1_000, 1_000))
        assert picture == name.encode() * 100
    assert names(tmp_path / "cache") == ["a"]


def test_a_picture_that_can_t_be_drawn_leaves_nothing_behind(tmp_path: Path):
    def draw() -> bytes:
        raise ValueError("no picture")

    drawings = Drawings(tmp_path / "cache")
    with pytest.raises(ValueError, match="no picture"):
        drawings.get("a", draw)
    assert not (tmp_path / "cache").exists() or names(tmp_path / "cache") == []


def test_another_process_that_prunes_at_the_same_time_does_no_harm(tmp_path: Path):
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "vanishing").symlink_to(tmp_path / "nowhere")  # listed, and gone when looked at
    assert Drawings(folder, limit=300, every=1).get("a", lambda: b"x") == b"x"


def test_a_picture_that_many_ask_for_at_the_same_time_is_drawn_once(tmp_path: Path):
    drawn = []

    def draw() -> bytes:
        drawn.append("a")
        time.sleep(0.05)
        return b"x"

    drawings = Drawings(tmp_path / "cache")
    asking = [gevent.spawn(drawings.get, "a", draw) for _ in range(100)]
    assert [one.get() for one in asking] == [b"x"] * 100
    assert drawn == ["a"]


def test_when_too_many_pictures_wait_the_next_is_refused(tmp_path: Path):
    def draw() -> bytes:
        time.sleep(0.005)
        return b"x"

    drawings = Drawings(tmp_path / "cache")
    asking = [gevent.spawn(drawings.get, str(n), draw) for n in range(QUEUE + 1)]
    gevent.joinall(asking)
    assert [one.value for one in asking[:QUEUE]] == [b"x"] * QUEUE
    assert isinstance(asking[QUEUE].exception, Problem)
    assert asking[QUEUE].exception.status == 503
    assert drawings.get(str(QUEUE), draw) == b"x"


def test_a_full_disk_costs_the_keeping_and_not_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(path: Path, data: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert Drawings(tmp_path / "cache").get("a", lambda: b"x") == b"x"
    assert names(tmp_path / "cache") == []
