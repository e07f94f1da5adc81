"""What every public page says: in its head, of which shared links' cards are made, and of time."""

from __future__ import annotations

import re
from datetime import datetime
from io import BytesIO

import pytest
from people import Visitor
from PIL import Image

from voting.contest import SHANGHAI
from voting.web.pages import deadline


def graph(page: str) -> dict[str, str]:
    """The Open Graph tags, by name."""
    return dict(re.findall(r'<meta property="og:([\w:]+)" content="([^"]*)">', page))


@pytest.mark.parametrize("path", ["/", "/?q=山东", "/e/1", "/top", "/rules", "/mine", "/results"])
def test_a_public_page_tells_who_links_to_it_a_title_a_text_and_a_picture(
    alice: Visitor, path: str
):
    tags = graph(alice.get(path).text)
    assert tags["title"]
    assert tags["description"]
    assert tags["url"].startswith("http://localhost/")
    assert re.fullmatch(r"https?://.+\.(jpg|png)(\?.*)?", tags["image"])
    assert int(tags["image:width"]) >= 300
    assert int(tags["image:height"]) >= 300


def test_the_picture_beside_a_link_is_there_and_as_large_as_said(alice: Visitor):
    tags = graph(alice.get("/").text)
    answer = alice.get(tags["image"].removeprefix("http://localhost"), buffered=True)
    assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
    assert len(answer.data) < 60_000
    with Image.open(BytesIO(answer.data)) as picture:
        assert picture.size == (int(tags["image:width"]), int(tags["image:height"]))


@pytest.mark.parametrize("path", ["/", "/e/1", "/top", "/rules", "/mine", "/results", "/nowhere"])
def test_a_page_has_one_first_heading(alice: Visitor, path: str):
    assert alice.get(path).text.count("<h1") == 1


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (datetime(2025, 12, 6, 0, 0, tzinfo=SHANGHAI), "12月5日 24:00"),
        (datetime(2026, 1, 1, 0, 0, tzinfo=SHANGHAI), "12月31日 24:00"),
        (datetime(2025, 12, 6, 0, 1, tzinfo=SHANGHAI), "12月6日 00:01"),
        (datetime(2025, 12, 5, 18, 0, tzinfo=SHANGHAI), "12月5日 18:00"),
    ],
)
def test_a_vote_that_ends_at_midnight_ends_on_the_day_before(end: datetime, words: str):
    assert deadline(int(end.timestamp() * 1000)) == words
