"""An entry's QR code and poster: plain cookie-free pictures.

Drawing takes processor time that votes need, so it happens in one thread beside them, for a short
queue. Codes are kept in memory, posters in folders of bounded size: what is the same for everybody
apart from what is one visitor's, so that the many can't push out the few.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, request
from gevent.event import AsyncResult
from gevent.threadpool import ThreadPool

from voting.contest import Entry
from voting.share.code import qr_png, qr_svg
from voting.share.poster import picture, with_code
from voting.web.errors import Problem
from voting.web.gallery import find
from voting.web.site import Site, this_site

log = logging.getLogger(__name__)
blueprint = Blueprint("share", __name__)

MB: Final = 1024 * 1024
#: Bytes of each folder: the posters without code, those with the entry's plain link, and those
#: with a visitor's. A poster is at most 200 KB, so the first two hold a thousand entries together.
PICTURES, PLAIN, VISITORS = 96 * MB, 96 * MB, 64 * MB
KEPT_CODES = 256
QUEUE = 32
#: Visitors' own drawings leave room in the queue for those that everybody sees.
QUEUE_OF_VISITORS = 24
MAX_AGE_S = 600

_thread = ThreadPool(1)
_drawing: dict[str, AsyncResult[bytes]] = {}


def drawn(name: str, draw: Callable[[], bytes], queue: int = QUEUE) -> bytes:
    """What `draw` makes in the thread; whoever asks for `name` meanwhile gets the same.

    Raises Problem when so many wait already, and whatever `draw` raises.
    """
    if name in _drawing:
        shared: bytes = _drawing[name].get()
        return shared
    if len(_drawing) >= queue:
        raise Problem(503, "busy", "现在画海报的人太多了", "请稍等一会儿再试", 10)
    result = _drawing[name] = AsyncResult()
    try:
        made: bytes = _thread.spawn(draw).get()
    except BaseException as error:
        result.set_exception(error)  # whatever ends this request, the others must not wait for ever
        raise
    finally:
        del _drawing[name]
    result.set(made)
    return made


@dataclass(frozen=True)
class Drawings:
    """Drawn pictures by name in a folder of at most `limit` bytes: those not asked for longest go.

    Processes that keep a picture in the same moment may exceed the limit by one picture each.
    """

    folder: Path
    limit: int
    queue: int = QUEUE

    def get(self, name: str, draw: Callable[[], bytes]) -> bytes:
        """The kept picture, or a new one, drawn in the thread; raises what `drawn` does."""
        kept = self._kept(name)
        return kept or drawn(str(self.folder / name), lambda: self.make(name, draw), self.queue)

    def make(self, name: str, draw: Callable[[], bytes]) -> bytes:
        """The same for who is in the thread already."""
        return self._kept(name) or self._keep(self.folder / name, draw())

    def _kept(self, name: str) -> bytes:
        path = self.folder / name
        with suppress(OSError):
            made = path.read_bytes()
            os.utime(path)
            return made
        return b""

    def _keep(self, path: Path, made: bytes) -> bytes:
        """A full disk costs the keeping, not the picture."""
        fresh = path.with_suffix(f".{os.getpid()}.new")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(made)
            fresh.replace(path)
            self._prune()
        except OSError as error:
            log.warning("%s can't be kept: %s", path.name, error)
            with suppress(OSError):
                fresh.unlink()
        return made

    def _prune(self) -> None:
        room = self.limit
        for _, size, path in sorted(self._uses(), reverse=True):
            room -= size
            if room < 0:
                path.unlink(missing_ok=True)

    def _uses(self) -> Iterator[tuple[int, int, Path]]:
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process prunes too
                found = path.stat()
                yield found.st_mtime_ns, found.st_size, path


@blueprint.get("/e/<int:number>/qr.png")
def code_png(number: int) -> Response:
    return _answer(_code(qr_png, _entry(number)), "image/png")


@blueprint.get("/e/<int:number>/qr.svg")
def code_svg(number: int) -> Response:
    return _answer(_code(qr_svg, _entry(number)), "image/svg+xml")


@blueprint.get("/e/<int:number>/poster.jpg")
def poster(number: int) -> Response:
    site, entry = this_site(), _entry(number)
    if share := _share_code(site):
        with suppress(Problem):  # too many wait: the plain poster is better than none
            return _answer(_poster(site, entry, share), "image/jpeg")
    return _answer(_poster(site, entry), "image/jpeg")


def _entry(number: int) -> Entry:
    return find(this_site().board(), number)


def _share_code(site: Site) -> str:
    """The visitor's code in the address, or nothing if the site didn't make it."""
    return site.voters.written(site.voters.read_share_code(request.args.get("s", "")))


def _link(site: Site, entry: Entry, share: str = "") -> str:
    return f"{site.origin()}/e/{entry.number}" + (f"?s={share}" if share else "")


def _code(draw: Callable[[str], bytes], entry: Entry) -> bytes:
    site = this_site()
    share = _share_code(site)
    url = _link(site, entry, share)
    return _visitors_code(draw, url) if share else _plain_code(draw, url)


@lru_cache(maxsize=KEPT_CODES)
def _plain_code(draw: Callable[[str], bytes], url: str) -> bytes:
    return drawn(f"{draw.__name__} {url}", lambda: draw(url))


@lru_cache(maxsize=KEPT_CODES)
def _visitors_code(draw: Callable[[str], bytes], url: str) -> bytes:
    return drawn(f"{draw.__name__} {url}", lambda: draw(url), QUEUE_OF_VISITORS)


def _poster(site: Site, entry: Entry, share: str = "") -> bytes:
    """The poster with the entry's link, or with a visitor's, from the folders or drawn."""
    contest, cache = site.contest, site.settings.data_dir / "cache"
    cover = site.settings.public_dir / entry.media / "cover-1080.jpg"
    if not cover.is_file():  # looked for here, because gevent logs whatever fails in its threads
        raise Problem(404, "no_cover", "这件作品的封面不见了，画不了海报")
    category = contest.categories[entry.category]
    shown = (_edition(), entry, category, contest.name, contest.subtitle, contest.organizers)
    url = _link(site, entry, share)
    pictures = Drawings(cache / "pictures", PICTURES)
    plain = Drawings(cache / "plain", PLAIN)
    visitors = Drawings(cache / "visitors", VISITORS, QUEUE_OF_VISITORS)

    def without_code() -> bytes:
        return picture(
            entry,
            category,
            f"{contest.name} {contest.subtitle}",
            contest.organizers,
            cover.read_bytes(),
        )

    return (visitors if share else plain).get(
        _name(entry, shown, url),
        lambda: with_code(pictures.make(_name(entry, shown), without_code), url),
    )


def _name(entry: Entry, *shown: object) -> str:
    """Of a kept picture: it changes with all that the picture shows."""
    return f"{entry.number}-{hashlib.sha256(repr(shown).encode()).hexdigest()[:20]}.jpg"


@lru_cache(maxsize=1)
def _edition() -> str:
    """Changes with the way that posters are drawn: kept ones are then drawn again."""
    rooms = sorted(files("voting.share").iterdir(), key=lambda file: file.name)
    sources = b"".join(file.read_bytes() for file in rooms if file.name.endswith(".py"))
    return hashlib.sha256(sources).hexdigest()


def _answer(made: bytes, mimetype: str) -> Response:
    response = Response(made, mimetype=mimetype)
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
    response.add_etag()
    response.make_conditional(request)
    return response
