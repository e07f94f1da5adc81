"""Static files and robots.txt: small, kept, never confused with another version."""

from __future__ import annotations

import gzip
import re

import pytest
from people import Visitor
from staging import refresh

from voting.settings import ROOT
from voting.web.assets import TYPES
from voting.web.site import Site

FOR_EVER = "public, max-age=31536000, immutable"
STATIC = ROOT / "static"


def test_every_static_file_has_a_type():
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= set(TYPES)


@pytest.mark.parametrize("name", ["site.css", "site.js", "organizer/console.css", "favicon.svg"])
def test_a_static_file_is_compressed_for_who_can_read_that(alice: Visitor, name: str):
    plain = alice.get(f"/static/{name}")
    zipped = alice.get(f"/static/{name}", headers={"Accept-Encoding": "gzip, deflate, br"})
    if name.endswith(".svg"):
        assert plain.data == (STATIC / name).read_bytes()
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert int(zipped.headers["Content-Length"]) == len(zipped.data) < 0.7 * len(plain.data)
    for answer in (plain, zipped):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.mimetype == TYPES["." + name.partition(".")[2]]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_pictures_are_sent_as_they_are(alice: Visitor):
    answer = alice.get("/static/favicon.png", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert (answer.mimetype, answer.data) == ("image/png", (STATIC / "favicon.png").read_bytes())


def test_what_is_named_by_its_content_may_be_kept_for_ever(alice: Visitor):
    page = alice.get("/").text
    links = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(links) >= 5
    for link in links:
        assert "?v=" in link
        assert alice.get(link).headers["Cache-Control"] == FOR_EVER, link


def test_all_scripts_of_the_public_together_weigh_at_most_12_kb(alice: Visitor):
    """WeChat's own SDK is not among them: it comes from WeChat, after everything else; nor is the
    challenge, which comes only when the site asks for it, and is small itself."""
    names = {path.name for path in STATIC.glob("*.js")} - {"challenge.js"}
    asked = alice.get("/static/challenge.js", headers={"Accept-Encoding": "gzip"})
    assert len(asked.data) <= 2 * 1024
    zipped = [alice.get(f"/static/{one}", headers={"Accept-Encoding": "gzip"}) for one in names]
    assert sum(len(answer.data) for answer in zipped) <= 12 * 1024


def test_a_script_comes_without_its_comments_and_what_is_small_already_as_it_is(alice: Visitor):
    source = (STATIC / "site.js").read_text(encoding="utf-8")
    served = alice.get("/static/site.js").text
    assert "/** One JSON call" in source
    assert "/*" not in served
    assert "网络不通" in served
    (library,) = (STATIC / "vendor").glob("*.min.js")
    assert alice.get(f"/static/vendor/{library.name}").data == library.read_bytes()


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789", "?w=1"])
def test_under_another_name_a_file_is_kept_briefly(alice: Visitor, query: str):
    """A page of a newer process must not make an older one's file stay for a year."""
    answer = alice.get("/static/site.css" + query)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"


def test_who_has_a_file_already_is_not_sent_it_again(alice: Visitor):
    first = alice.get("/static/site.css")
    for extra in ({}, {"Accept-Encoding": "gzip"}):
        asked = {"If-None-Match": first.headers["ETag"], **extra}
        same = alice.get("/static/site.css", headers=asked)
        assert (same.status_code, same.data) == (304, b"")
        assert same.headers["Cache-Control"] == first.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/static/", "/static", "/static/organizer", "/static/../app.py", "/static/site.css/"]
)
def test_nothing_but_static_files_is_given_out(alice: Visitor, path: str):
    assert alice.get(path).status_code == 404


def test_robots_may_see_what_everybody_sees(alice: Visitor):
    answer = alice.get("/robots.txt")
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    barred = re.findall(r"^Disallow: (.*)$", answer.text, re.MULTILINE)
    assert barred == ["/api/", "/organizer/", "/wechat/", "/e/*/vote", "/appeals/"]
    assert answer.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize("path", ["/", "/e/1", "/top", "/rules", "/mine"])
def test_every_page_describes_itself(alice: Visitor, path: str):
    (words,) = re.findall(r'<meta name="description" content="([^"]+)">', alice.get(path).text)
    assert len(words) > 10


def covers(page: str) -> set[str]:
    return {f"{width}" for width in re.findall(r"cover-(\d+)\.webp \d+w", page)}


def test_a_page_names_only_covers_that_are_there(site: Site, alice: Visitor):
    """What was taken in by an earlier version has none of the small ones."""
    assert alice.vote(1).status_code == 201
    refresh(site)
    assert covers(alice.get("/?o=0001").text) == {"480", "720"}
    assert covers(alice.get("/top").text) == {"480"}
    for entry in site.board().entries.values():
        folder = site.settings.public_dir / entry.media
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cover-360.webp").touch()
    refresh(site)
    assert covers(alice.get("/?o=0001").text) == {"360", "480", "720"}
    assert covers(alice.get("/top").text) == {"240", "360", "480"}


def test_only_what_is_seen_at_once_is_fetched_at_once(alice: Visitor):
    pictures = re.findall(r"<img[^>]*>", alice.get("/?o=0001").text)
    assert len(pictures) == 12
    assert all('fetchpriority="high"' in one for one in pictures[:4])
    assert all('loading="lazy"' in one for one in pictures[4:])
    assert all(re.search(r'width="480" height="\d+"', one) for one in pictures)
