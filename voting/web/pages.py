"""Public pages: rendered once a board and URL, then shared by everybody; and what templates use.

They carry no cookie and no personal byte, so that nginx or a CDN may keep them for seconds too.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any

from flask import Flask, Response, current_app, request

from voting.contest import (
    ENDED,
    SHANGHAI,
    Entry,
    day_of,
    day_words,
    minute_words,
    moment,
    what_may_be_shown,
)
from voting.store.client import StoreDown
from voting.store.standings import Board
from voting.web.site import this_site

#: A burst of different pages within one second must not fill the memory.
KEPT_BYTES = 32 * 1024 * 1024
KEPT_CHOICES = 4_096
CACHE_CONTROL = "public, max-age=2"


@dataclass
class Page:
    """One rendered page."""

    body: bytes
    etag: str
    level: int = 5  # of compression, to 9; 0 for what is compressed already
    _gzipped: bytes | None = field(default=None, repr=False)

    def gzipped(self) -> bytes:
        if self._gzipped is None:
            self._gzipped = gzip.compress(self.body, compresslevel=self.level, mtime=0)
        return self._gzipped


@dataclass
class Pages:
    """The pages rendered from one board; the next board starts anew."""

    board: Board | None = None
    size: int = 0
    pages: dict[Hashable, Page] = field(default_factory=dict)
    choices: dict[Hashable, Hashable] = field(default_factory=dict)

    def choice(
        self, board: Board, asked: Hashable, choose: Callable[[Board], Hashable]
    ) -> Hashable:
        """What `choose` makes of a query string; the same one comes often."""
        self._turn_to(board)
        if asked not in self.choices:
            self.choices[asked] = choose(board)
        return self.choices[asked]

    def get(self, board: Board, key: Hashable, render: Callable[[], str]) -> Page:
        self._turn_to(board)
        page = self.pages.get(key)
        if page is None:
            body = render().encode()
            page = Page(body, hashlib.sha256(body).hexdigest()[:20])
            self.pages[key] = page
            self.size += len(body)
        return page

    def _turn_to(self, board: Board) -> None:
        full = self.size > KEPT_BYTES or len(self.choices) > KEPT_CHOICES
        if self.board is not board or full:
            self.board, self.size, self.pages, self.choices = board, 0, {}, {}


def public(
    mimetype: str = "text/html", choose: Callable[[Board], Hashable] | None = None
) -> Callable[[Callable[..., str]], Callable[..., Response]]:
    """A view that renders text from the board it is given; its page is kept and shared.

    `choose` makes of the query string what the view wants to know of it, and hands that over; the
    rest of the query makes no difference to the page.
    """

    def decorate(view: Callable[..., str]) -> Callable[..., Response]:
        @wraps(view)
        def answer(**parts: Any) -> Response:
            site, kept = this_site(), current_app.extensions["pages"]
            board = site.board()
            asked = (request.endpoint, request.query_string)
            chosen = (kept.choice(board, asked, choose),) if choose else ()
            where = (site.origin(), site.media_origin())
            key = (request.endpoint, *where, *chosen, *parts.values())
            page = kept.get(board, key, lambda: view(board, *chosen, **parts))
            return respond(page, mimetype)

        return answer

    return decorate


def respond(page: Page, mimetype: str, cache_control: str = CACHE_CONTROL) -> Response:
    """The page, compressed for who can read that; 304 for who has it already."""
    body = page.body
    headers = [
        ("Cache-Control", cache_control),
        ("Vary", "Accept-Encoding"),
        ("ETag", f'W/"{page.etag}"'),
    ]
    accepted = request.headers.get("Accept-Encoding", "")
    if page.level and "gzip" in accepted and "gzip;q=0" not in accepted:
        body = page.gzipped()
        headers.append(("Content-Encoding", "gzip"))
    response = Response(body, headers=headers, mimetype=mimetype)
    if "If-None-Match" in request.headers:
        response.make_conditional(request)
    return response


def mount(app: Flask) -> None:
    app.jinja_env.filters.update(
        moment=minute_words,
        deadline=deadline,
        date=date,
        clock=clock,
        count=count,
        length_of=length_of,
        weight=weight,
    )
    app.jinja_env.globals.update(has_small_covers=has_small_covers)
    app.extensions["pages"] = Pages()

    @app.context_processor
    def common() -> dict[str, Any]:
        site = this_site()
        now_ms = site.now_ms()
        try:
            board: Board | None = site.board()
        except StoreDown:
            board = None  # an error page must render all the same
        rules = board.rules if board else None
        return {
            "contest": site.contest,
            "media": site.media,
            "media_host": site.media_host(),
            "here": request.path,
            "wechat": site.settings.wechat,
            "origin": site.origin(),
            "page_url": site.origin() + request.path,
            "rules": rules,
            "phase": (phase := board.phase(now_ms) if board else None),
            "ended": phase in ENDED,
            "shown": what_may_be_shown(rules, now_ms) if rules else None,
            "now_ms": now_ms,
            "stale_since_ms": board.snapshot.as_of_ms if board and board.stale else None,
        }


def has_small_covers(entry: Entry) -> bool:
    """Whether its cover is there 240 and 360 wide; what was taken in long ago has none so small."""
    return (this_site().settings.public_dir / entry.media / "cover-360.webp").is_file()


def deadline(ms: int) -> str:
    """An end, as minute_words tells it; but midnight is `12月5日 24:00`, because 0:00 is taken for
    a day more."""
    if (at := moment(ms)).hour or at.minute:
        return minute_words(ms)
    return f"{day_words(day_of(ms - 1))} 24:00"


def date(ms: int) -> str:
    """`2026年11月23日`, in the contest's time zone."""
    at = moment(ms)
    return f"{at.year}年{at.month}月{at.day}日"


def clock(ms: int) -> str:
    return f"{moment(ms):%H:%M:%S}"


def count(number: int) -> str:
    return f"{number:,}"


def weight(size: float) -> str:
    """`3.4 GB`, `512 MB`, `1.5 KB`: bytes to three figures, a kilobyte at least."""
    size = max(size, 1024)
    for unit in ("KB", "MB", "GB"):
        size /= 1024
        if size < 999.5:
            return f"{size:.3g} {unit}"
    return f"{size / 1024:.3g} TB"


def length_of(seconds: float) -> str:
    """`1:05`"""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, SHANGHAI).isoformat(timespec="milliseconds")
