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

from voting.voter import NO_SHARE, View
from voting.web import share
from voting.web.errors import Problem
from voting.web.share import QUEUE, QUEUE_OF_VISITORS, Drawings
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


def test_an_entry_whose_cover_is_missing_is_no_error_of_ours(
    visitor: Visitor, capfd: pytest.CaptureFixture[str]
):
    answer = get(visitor, "/e/3/poster.jpg")
    assert answer.status_code == 404
    assert "封面不见了" in answer.text
    assert capfd.readouterr().err == ""


def code_of(site: Site, n: int = 1) -> str:
    """A share code that the site made, another one for each n."""
    return site.voters.share_code(View(n.to_bytes(8, "big"), 1, 0))


def kept(site: Site) -> dict[str, int]:
    """How many pictures lie in each folder of the cache."""
    folders = (site.settings.data_dir / "cache").glob("*")
    return {folder.name: len(list(folder.iterdir())) for folder in folders}


@pytest.mark.parametrize("kind", ["qr.png", "poster.jpg"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_visitor_s_code_is_in_the_link(site: Site, visitor: Visitor, kind: str, number: int):
    share_code = code_of(site)
    answer = get(visitor, f"/e/{number}/{kind}?s={share_code}")
    assert links_in(answer.data) == [f"http://localhost/e/{number}?s={share_code}"]
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "public, max-age=600"
    again = get(
        visitor,
        f"/e/{number}/{kind}?s={share_code}",
        headers={"If-None-Match": answer.headers["ETag"]},
    )
    assert (again.status_code, again.data) == (304, b"")


def test_the_svg_takes_the_code_too(site: Site, visitor: Visitor):
    plain = get(visitor, "/e/1/qr.svg").data
    assert get(visitor, f"/e/1/qr.svg?s={code_of(site)}").data != plain


@EVERY_KIND
@pytest.mark.parametrize(
    "text",
    ["", "AAAAAAAAAA", "AAAAAAAAAQ", "k3f9a2-_Qw", "0a0b0c0d", "x" * 3000, "%00", "<script>",
     "票票票票票票票票票票", "../../../a"],
)  # fmt: skip
def test_a_code_that_the_site_didn_t_make_gives_the_plain_picture(
    site: Site, visitor: Visitor, kind: str, text: str
):
    assert site.voters.read_share_code(text) == NO_SHARE
    plain = get(visitor, f"/e/1/{kind}")
    forged = get(visitor, f"/e/1/{kind}", query_string={"s": text})
    assert (forged.status_code, forged.data) == (200, plain.data)
    assert forged.headers["ETag"] == plain.headers["ETag"]
    assert "visitors" not in kept(site)


def test_a_code_s_every_other_spelling_gives_the_plain_picture(site: Site, visitor: Visitor):
    share_code, plain = code_of(site), get(visitor, "/e/1/qr.png").data
    changed = [share_code[:n] + ("A" if share_code[n] != "A" else "B") + share_code[n + 1 :]
               for n in range(10)]  # fmt: skip
    for text in [*changed, share_code + "=", share_code + "==", share_code + "A", share_code[:-1]]:
        assert get(visitor, "/e/1/qr.png", query_string={"s": text}).data == plain, text


def test_a_poster_is_drawn_once_and_its_picture_once_for_everybody(site: Site, visitor: Visitor):
    first = get(visitor, "/e/1/poster.jpg")
    assert kept(site) == {"pictures": 1, "plain": 1}
    picture = next((site.settings.data_dir / "cache" / "pictures").iterdir())
    inode = picture.stat().st_ino
    assert get(visitor, "/e/1/poster.jpg").data == first.data
    coded = [get(visitor, f"/e/1/poster.jpg?s={code_of(site, n)}").data for n in (1, 2, 1)]
    assert coded[0] == coded[2] != coded[1]
    assert kept(site) == {"pictures": 1, "plain": 1, "visitors": 2}
    assert picture.stat().st_ino == inode


def test_no_file_s_name_tells_a_visitor_s_code(site: Site, visitor: Visitor):
    share_code = code_of(site)
    get(visitor, f"/e/1/poster.jpg?s={share_code}")
    for path in (site.settings.data_dir / "cache").rglob("*.jpg"):
        assert share_code not in path.name
        assert site.voters.read_share_code(share_code).hex() not in path.name


def test_a_flood_of_codes_leaves_the_plain_posters_and_the_pictures(
    site: Site, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(share, "VISITORS", 200_000)
    monkeypatch.setattr(share, "PLAIN", 200_000)
    monkeypatch.setattr(share, "PICTURES", 200_000)
    plain = [get(visitor, f"/e/{number}/poster.jpg").data for number in (1, 2)]
    before = kept(site)
    for n in range(30):
        get(visitor, f"/e/{1 + n % 2}/poster.jpg?s={code_of(site, n)}")
    after = kept(site)
    assert 0 < after.pop("visitors") < 30
    assert after == before == {"pictures": 2, "plain": 2}
    visitors = site.settings.data_dir / "cache" / "visitors"
    assert sum(path.stat().st_size for path in visitors.iterdir()) <= 200_000
    assert [get(visitor, f"/e/{number}/poster.jpg").data for number in (1, 2)] == plain


def test_when_too_many_wait_a_visitor_gets_the_plain_poster(
    site: Site, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    plain = get(visitor, "/e/1/poster.jpg").data
    monkeypatch.setattr(share, "QUEUE_OF_VISITORS", 0)
    assert get(visitor, f"/e/1/poster.jpg?s={code_of(site)}").data == plain


def test_posters_drawn_by_another_edition_are_drawn_again(
    site: Site, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    get(visitor, "/e/1/poster.jpg")
    monkeypatch.setattr(share, "_edition", lambda: "another")
    get(visitor, "/e/1/poster.jpg")
    assert kept(site)["pictures"] == 2


def test_codes_are_kept_in_memory_and_not_in_files(site: Site, visitor: Visitor):
    assert get(visitor, "/e/1/qr.png").data == get(visitor, "/e/1/qr.png").data
    assert not (site.settings.data_dir / "cache").exists()


def test_what_can_t_be_read_as_a_number_is_not_found(visitor: Visitor):
    for path in ("/e/x/qr.png", "/e/-1/qr.png", "/e/1/qr.gif", "/e/1/../../qr.png", "/e//qr.png"):
        assert get(visitor, path).status_code == 404, path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_when_the_cache_is_full_those_go_that_nobody_asked_for_longest(tmp_path: Path):
    drawings = Drawings(tmp_path / "cache", 300)
    for age, name in enumerate("abc"):
        drawings.get(name, lambda: b"x" * 100)
        os.utime(tmp_path / "cache" / name, (1_000 + age, 1_000 + age))
    drawings.get("a", lambda: b"not drawn again")
    for name in "de":
        drawings.get(name, lambda: b"x" * 100)
    assert len(names(tmp_path / "cache")) == 3
    assert "a" in names(tmp_path / "cache")
    assert not {"b", "c"} & set(names(tmp_path / "cache"))


def test_a_picture_that_went_is_drawn_again(tmp_path: Path):
    drawings = Drawings(tmp_path / "cache", 100)
    for name in ("a", "b", "a"):
        picture = drawings.get(name, lambda name=name: name.encode() * 100)
        assert picture == name.encode() * 100
        os.utime(tmp_path / "cache" / name, (1_000, 1_000))
    assert names(tmp_path / "cache") == ["a"]


def test_a_picture_that_can_t_be_drawn_leaves_nothing_behind(tmp_path: Path):
    def draw() -> bytes:
        raise ValueError("no picture")

    drawings = Drawings(tmp_path / "cache", 1000)
    with pytest.raises(ValueError, match="no picture"):
        drawings.get("a", draw)
    assert not (tmp_path / "cache").exists() or names(tmp_path / "cache") == []


def test_another_process_that_prunes_at_the_same_time_does_no_harm(tmp_path: Path):
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "vanishing").symlink_to(tmp_path / "nowhere")  # listed, and gone when looked at
    assert Drawings(folder, 300).get("a", lambda: b"x") == b"x"


def test_a_picture_that_many_ask_for_at_the_same_time_is_drawn_once(tmp_path: Path):
    drawn = []

    def draw() -> bytes:
        drawn.append("a")
        time.sleep(0.05)
        return b"x"

    drawings = Drawings(tmp_path / "cache", 1000)
    asking = [gevent.spawn(drawings.get, "a", draw) for _ in range(100)]
    assert [one.get() for one in asking] == [b"x"] * 100
    assert drawn == ["a"]


def test_when_too_many_pictures_wait_the_next_is_refused(tmp_path: Path):
    def draw() -> bytes:
        time.sleep(0.005)
        return b"x"

    drawings = Drawings(tmp_path / "cache", 1000)
    asking = [gevent.spawn(drawings.get, str(n), draw) for n in range(QUEUE + 1)]
    gevent.joinall(asking)
    assert [one.value for one in asking[:QUEUE]] == [b"x"] * QUEUE
    assert isinstance(asking[QUEUE].exception, Problem)
    assert asking[QUEUE].exception.status == 503
    assert drawings.get(str(QUEUE), draw) == b"x"


def test_visitors_drawings_leave_room_in_the_queue(tmp_path: Path):
    def draw() -> bytes:
        time.sleep(0.005)
        return b"x"

    visitors = Drawings(tmp_path / "visitors", 1000, QUEUE_OF_VISITORS)
    asking = [gevent.spawn(visitors.get, str(n), draw) for n in range(QUEUE)]
    gevent.sleep(0)
    assert Drawings(tmp_path / "plain", 1000).get("a", draw) == b"x"
    gevent.joinall(asking)
    assert sum(isinstance(one.exception, Problem) for one in asking) == QUEUE - QUEUE_OF_VISITORS


def test_a_full_disk_costs_the_keeping_and_not_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(path: Path, data: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert Drawings(tmp_path / "cache", 1000).get("a", lambda: b"x") == b"x"
    assert names(tmp_path / "cache") == []
