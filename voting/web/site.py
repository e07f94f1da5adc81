"""What every view has at hand: the settings, the contest, the voters, the store, the clock."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from flask import Response, current_app, request
from werkzeug.http import parse_cookie

from voting.contest import Entry
from voting.settings import Contest, Keys, Settings
from voting.store import Store
from voting.store.standings import Board
from voting.voter import Pass, Voters, Worthless

PASS_COOKIE = "pass"  # noqa: S105 a cookie's name


@dataclass
class Site:
    settings: Settings
    contest: Contest
    keys: Keys
    store: Store
    clock: Callable[[], float] = time.time
    voters: Voters = field(init=False)

    def __post_init__(self) -> None:
        self.voters = Voters(self.keys, self.contest.id)

    def now_ms(self) -> int:
        return int(self.clock() * 1000)

    def board(self) -> Board:
        return self.store.boards.current()

    def origin(self) -> str:
        """Where the public reaches the site: `https://vote.example.cn`."""
        return self.settings.public_url or f"{request.scheme}://{host()}"

    def media_origin(self) -> str:
        if self.settings.media_url:
            return self.settings.media_url
        return f"{request.scheme}://{_hostname(host())}:{self.settings.media_port}"

    def media_host(self) -> str:
        """Scheme and host of the media, without a path: what a Content-Security-Policy names."""
        scheme, _, rest = self.media_origin().partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"

    def media(self, entry: Entry, file: str) -> str:
        return f"{self.media_origin()}/{entry.media}/{file}"


def this_site() -> Site:
    site: Site = current_app.extensions["site"]
    return site


def visitors_pass() -> Pass | None:
    """The pass that this request carries; one that isn't ours counts as none."""
    # Read here, because werkzeug walks through all headers for its cookies, and votes come often.
    cookies = parse_cookie(request.environ.get("HTTP_COOKIE", ""))
    if not (token := cookies.get(PASS_COOKIE)):
        return None
    try:
        return this_site().voters.read_pass(token)
    except Worthless:
        return None


def host() -> str:
    """The request's host and port; only what can be one ever comes this far."""
    return request.host


def refuse_strange_host() -> Response | None:
    """The Host header goes into links, so nothing but a host may stand in it."""
    return None if _is_host(request.host) else Response("Bad Host header\n", 400)


@lru_cache(maxsize=1024)
def _is_host(value: str) -> bool:
    return bool(re.fullmatch(r"([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(:\d{1,5})?", value))


@lru_cache(maxsize=1024)
def _hostname(value: str) -> str:
    return re.sub(r":\d+$", "", value)
