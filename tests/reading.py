"""What a person reads off a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from werkzeug.test import TestResponse


def cards(page: TestResponse) -> list[int]:
    """The numbers of the entries that the gallery shows, in order."""
    assert page.status_code == 200
    return [int(n) for n in re.findall(r'<li class="card[^>]*data-number="(\d+)"', page.text)]


def places(page: str) -> list[tuple[int, int]]:
    """The (rank, number) pairs of the ranking."""
    rows = re.findall(
        r'<li class="row[^>]*data-number="(\d+)".*?</span>(\d+)<span', page, re.DOTALL
    )
    return [(int(rank), int(number)) for number, rank in rows]


def fields(page: TestResponse) -> dict[str, str]:
    """The form on the page as a browser would send it."""
    found: dict[str, str] = {}

    class Inputs(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            one = dict(attrs)
            if tag == "input" and one.get("name"):
                found[one["name"] or ""] = one.get("value") or ""

    assert page.status_code == 200
    Inputs().feed(page.text)
    return found
