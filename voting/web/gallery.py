"""The gallery `/`, an entry's page `/e/<number>`, and `/api/v1/entries`."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from voting.contest import Entry, neighbours, order_at, shuffled, what_may_be_shown
from voting.store.standings import Board
from voting.web.errors import Problem
from voting.web.pages import public
from voting.web.site import Site, this_site

blueprint = Blueprint("gallery", __name__)

PER_PAGE = 24
MOBILE = "web-720.mp4"
SORTS = ("shuffle", "newest", "votes")

#: How people write an entry's number, in plain letters.
NUMBER = re.compile(r"(?:no\.?|#|第|编号:?|作品)?(\d{1,9})(?:号(?:作品)?)?")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a visitor chose to see; `order` is the shuffle's, 4 hex digits."""

    q: str
    category: str
    city: str
    sort: str
    order: str
    page: int

    def link(self, **changes: str | int) -> str:
        """The gallery with this choice changed; a new choice starts at page 1, same order."""
        chosen = replace(self, **({"page": 1} | changes))  # type: ignore[arg-type]
        defaults = {"q": "", "category": "", "city": "", "sort": "shuffle", "page": 1}
        fields = {k: v for k, v in asdict(chosen).items() if v != defaults.get(k)}
        order = fields.pop("order")
        if chosen.sort == "shuffle":
            fields["o"] = order
        return "/?" + urlencode(fields) if fields else "/"


def choice_of(board: Board) -> Choice:
    """The query string as a choice; whatever isn't one falls back to its default."""
    site, args = this_site(), request.args
    counts = what_may_be_shown(board.rules, site.now_ms()).counts
    sorts = SORTS if counts else SORTS[:2]
    page = args.get("page", "1")
    return Choice(
        q=args.get("q", "")[:50].strip(),
        category=_one_of(args.get("category", ""), site.contest.categories),
        city=_one_of(args.get("city", ""), site.contest.cities),
        sort=_one_of(args.get("sort", ""), sorts) or "shuffle",
        order=_order(args.get("o", ""), site.now_ms()),
        page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 6 else 1,
    )


def _one_of(value: str, allowed: Iterable[str]) -> str:
    return value if value in allowed else ""


def _order(value: str, now_ms: int) -> str:
    try:
        order = int(value, 16) if len(value) == 4 else -1
    except ValueError:
        order = -1
    return f"{order if order >= 0 else order_at(now_ms):04x}"


@blueprint.get("/")
@public(choose=choice_of)
def index(board: Board, choice: Choice) -> str:
    entries = chosen(choice, board)
    pages = max(1, -(-len(entries) // PER_PAGE))
    page = min(choice.page, pages)
    first = (page - 1) * PER_PAGE
    with_votes = choice.sort == "votes"
    return render_template(
        "gallery/index.html",
        entries=entries[first : first + PER_PAGE],
        total=len(entries),
        page=page,
        pages=pages,
        choice=choice,
        link=choice.link,
        votes=_votes(board) if with_votes else None,
    )


def _votes(board: Board) -> dict[int, int]:
    return {row.number: row.votes for row in board.shown(this_site().now_ms()).rows}


@blueprint.get("/e/<int:number>")
@public()
def entry(board: Board, number: int) -> str:
    site = this_site()
    one = find(board, number)
    standings = board.shown(site.now_ms())
    standing = standings.of(number)
    beside = neighbours(standings.rows, standing, board.rules.winners) if standing else None
    return render_template(
        "gallery/entry.html",
        entry=one,
        category=site.contest.categories[one.category],
        standing=standing,
        neighbours=beside,
        final=board.result.of(number) if board.result else None,
        entries_total=len(board.entries),
        mobile=(site.settings.public_dir / one.media / MOBILE).is_file(),
        upcoming=_upcoming(board, number, site.now_ms()),
    )


def _upcoming(board: Board, number: int, now_ms: int) -> int:
    """Which entry to go on to: the next one in this hour's shuffle, so that each is one's next."""
    ring = [one.number for one in shuffled(list(board.entries.values()), order_at(now_ms) & ~255)]
    return ring[(ring.index(number) + 1) % len(ring)]


@blueprint.get("/api/v1/entries")
@public("application/json", choose=choice_of)
def entries(board: Board, choice: Choice) -> str:
    site = this_site()
    found = chosen(replace(choice, sort="newest" if choice.sort == "shuffle" else choice.sort),
                   board)
    first = (choice.page - 1) * PER_PAGE
    page = found[first : first + PER_PAGE]
    fields = {
        "total": len(found),
        "page": choice.page,
        "pages": max(1, -(-len(found) // PER_PAGE)),
        "entries": [_public_fields(site, one) for one in page],
    }
    return json.dumps(fields, ensure_ascii=False)


def find(board: Board, number: int) -> Entry:
    """The approved entry with this number, or a refusal that says what became of it."""
    if found := board.entries.get(number):
        return found
    if number in board.catalogue.withdrawn:
        raise Problem(404, "withdrawn", "这件作品已经撤下", "去看看其他作品吧")
    raise Problem(404, "unknown_entry", "没有这个编号的作品", "请核对编号，或从首页再找一次")


def chosen(choice: Choice, board: Board) -> list[Entry]:
    """The entries that a choice selects, in its order."""
    found: Iterable[Entry]
    if choice.sort == "votes":
        rows = board.shown(this_site().now_ms()).rows
        found = (board.entries[row.number] for row in rows)
    elif choice.sort == "newest":
        found = reversed(board.entries.values())
    else:
        found = shuffled(list(board.entries.values()), int(choice.order, 16))
    selected = [
        one
        for one in found
        if choice.category in ("", one.category)
        and choice.city in ("", one.city)
        and matches(one, choice.q)
    ]
    named = number_in(_dense(choice.q))
    return sorted(selected, key=lambda one: one.number != named)  # the one meant comes first


def matches(entry: Entry, query: str) -> bool:
    """Whether a search finds it: by number (`7`, `007`, `No.7`, `7号`, `0 0 7`), or by words of
    title, author and unit in any order, whatever the spaces.
    """
    text = searchable(entry)
    words, whole = plain(query).split(), _dense(query)
    return (
        number_in(whole) == entry.number
        or whole in _dense(text)
        or all(word in text or number_in(word) == entry.number for word in words)
    )


def searchable(entry: Entry) -> str:
    return plain(f"{entry.title}\n{entry.author}\n{entry.unit}")


def number_in(words: str) -> int | None:
    """The entry that a plain text without spaces names: `007`, `no.7`, `#7`, `第7号作品`."""
    named = NUMBER.fullmatch(words)
    return int(named[1]) if named else None


@lru_cache(maxsize=8_192)
def plain(text: str) -> str:
    """Full-width and upper-case letters count as the plain ones."""
    return unicodedata.normalize("NFKC", text).casefold()


@lru_cache(maxsize=8_192)
def _dense(text: str) -> str:
    """Without spaces; lines stay apart, so that an author's name doesn't run into the title."""
    return re.sub(r"[^\S\n]+", "", plain(text)).strip()


def _public_fields(site: Site, one: Entry) -> dict[str, object]:
    return {
        "number": one.number,
        "title": one.title,
        "author": one.author,
        "unit": one.unit,
        "instructor": one.instructor,
        "city": one.city,
        "category": one.category,
        "ai": site.contest.categories[one.category].ai,
        "introduction": one.introduction,
        "seconds": one.seconds,
        "width": one.width,
        "height": one.height,
        "url": f"{site.origin()}/e/{one.number}",
        "video": site.media(one, "web.mp4"),
        "cover": site.media(one, "cover-720.jpg"),
    }
