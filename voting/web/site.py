"""What every view has at hand: the settings, the contest, the voters, the store, the clock."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from flask import Request, current_app, request
from werkzeug.sansio.http import parse_cookie

from voting.challenge import Challenges
from voting.contest import Entry
from voting.curator import Curator
from voting.settings import Contest, Keys, Settings
from voting.shelf import Shelf
from voting.store import Store
from voting.store.standings import Board
from voting.voter import Pass, Voters, Worthless
from voting.wechat import Api

#: No request of ours is larger; a longer body is refused unread.
BODY_LIMIT = 16 * 1024
PASS_COOKIE = "pass"  # noqa: S105 a cookie's name
#: Carries an intention to WeChat and back.
SIGN_IN_COOKIE = "sign-in"


@dataclass
class Second:
    """Counts hits per address within the current second, and forgets them with it."""

    limit: int
    second: int = 0
    hits: Counter[str] = field(default_factory=Counter)

    def hit(self, address: str) -> bool:
        """Whether this hit is still within the limit."""
        if self.second != (now := int(time.monotonic())):
            self.second, self.hits = now, Counter()
        self.hits[address] += 1
        return self.hits[address] <= self.limit


@dataclass
class Site:
    settings: Settings
    contest: Contest
    keys: Keys
    store: Store
    clock: Callable[[], float] = time.time
    wechat: Api | None = None
    voters: Voters = field(init=False)
    challenges: Challenges = field(init=False)
    hammering: Second = field(init=False)

    def __post_init__(self) -> None:
        self.voters = Voters(self.keys, self.contest.id)
        work = self.contest.challenge_work
        self.challenges = Challenges(self.keys.signing, self.contest.id, work)
        self.hammering = Second(self.contest.votes_per_second)

    def now_ms(self) -> int:
        return int(self.clock() * 1000)

    def board(self) -> Board:
        return self.store.boards.current()

    def curator(self) -> Curator:
        shelf = Shelf(self.settings.media_dir, self.settings.public_dir)
        return Curator(self.store, shelf, self.settings.data_dir / "cache")

    def origin(self) -> str:
        """Where the public reaches the site: `https://vote.example.cn`."""
        return self.settings.public_url or f"{request.scheme}://{request.host}"

    def is_secure(self) -> bool:
        """Whether browsers reach the site by TLS: then cookies must never go without."""
        return self.origin().startswith("https://")

    def media_origin(self) -> str:
        if self.settings.media_url:
            return self.settings.media_url
        return f"{_without_port(self.origin())}:{self.settings.media_port}"

    def media_host(self) -> str:
        """Scheme and host of the media, without a path: what a Content-Security-Policy names."""
        return host_of(self.media_origin())

    def media(self, entry: Entry, file: str) -> str:
        return f"{self.media_origin()}/{entry.media}/{file}"


def this_site() -> Site:
    site: Site = current_app.extensions["site"]
    return site


def is_foreign(site: Site, request: Request) -> bool:
    """Whether another site's page has sent this: none must act in a visitor's name. What a browser
    doesn't say is neutral."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin", "")
    ours = (request.host, site.settings.public_url.partition("://")[2])
    return bool(origin) and (origin.partition("://")[2] or "null") not in ours


def visitors_pass(site: Site, request: Request) -> Pass | None:
    """The pass that this request carries; one that isn't ours counts as none."""
    # Read here, because werkzeug walks through all headers for its cookies, and votes come often;
    # and a cookie that isn't UTF-8 may well be another site's under the same domain.
    header = request.environ.get("HTTP_COOKIE", "").encode("latin-1").decode("utf-8", "replace")
    for token in parse_cookie(header).getlist(PASS_COOKIE):
        try:
            return site.voters.read_pass(token, site.now_ms())
        except Worthless:
            continue
    return None


@lru_cache(maxsize=1024)
def is_host(value: str) -> bool:
    """Whether a Host header can be one: it goes into links, so nothing else is let through."""
    name = r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63}){0,20}"
    return bool(re.fullmatch(rf"({name}|\[[0-9a-fA-F:.]{{2,45}}\])(:\d{{1,5}})?", value))


def host_of(url: str) -> str:
    """`https://cdn.example.cn/a/b` → `https://cdn.example.cn`"""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


@lru_cache(maxsize=1024)
def _without_port(origin: str) -> str:
    return re.sub(r":\d+$", "", origin)
