"""An entry's QR code and poster: plain cookie-free pictures.

Drawing takes processor time that votes need, so it happens in one thread beside them, for a short
queue. Codes are kept in memory, posters in a folder of bounded size.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path

from flask import Blueprint, Response, request
from gevent.event import AsyncResult
from gevent.threadpool import ThreadPool

from voting import share
from voting.contest import Entry
from voting.web.errors import Problem
from voting.web.gallery import find
from voting.web.site import Site, this_site

log = logging.getLogger(__name__)
blueprint = Blueprint("share", __name__)

KEPT_CODES = 256
KEPT_POSTERS = 2_000
KEPT_BYTES = 256 * 1024 * 1024
PRUNE_EVERY = 64
QUEUE = 32
MAX_AGE_S = 600

_thread = ThreadPool(1)
_drawing: dict[str, AsyncResult[bytes]] = {}
_kept = count()


def drawn(name: str, draw: Callable[[], bytes]) -> bytes:
    """What `draw` makes in the thread; whoever asks for `name` meanwhile gets the same.

    Raises Problem when too many wait already, and whatever `draw` raises.
    """
    if name in _drawing:
        shared: bytes = _drawing[name].get()
        return shared
    if len(_drawing) >= QUEUE:
        raise Problem(503, "busy", "现在画海报的人太多了", "请稍等一会儿再试", 10)
    result = _drawing[name] = AsyncResult()
    try:
        picture: bytes = _thread.spawn(draw).get()
    except BaseException as error:
        result.set_exception(error)  # whatever ends this request, the others must not wait for ever
        raise
    finally:
        del _drawing[name]
    result.set(picture)
    return picture


@dataclass(frozen=True)
class Drawings:
    """Drawn pictures by name in a folder of at most about `limit` bytes and `most` files.

    After every `every`th new picture the oldest go.
    """

    folder: Path
    limit: int = KEPT_BYTES
    most: int = KEPT_POSTERS
    every: int = PRUNE_EVERY

    def get(self, name: str, draw: Callable[[], bytes]) -> bytes:
        path = self.folder / name
        with suppress(FileNotFoundError):
            return path.read_bytes()
        return drawn(str(path), lambda: self._keep(path, draw()))

    def _keep(self, path: Path, picture: bytes) -> bytes:
        """A full disk costs the keeping, not the picture."""
        fresh = path.with_suffix(f".{os.getpid()}.new")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(picture)
            fresh.replace(path)
            if next(_kept) % self.every == 0:
                self._prune()
        except OSError as error:
            log.warning("%s can't be kept: %s", path.name, error)
            with suppress(OSError):
                fresh.unlink()
        return picture

    def _prune(self) -> None:
        room = self.limit
        for place, (_, size, path) in enumerate(sorted(self._ages(), reverse=True)):
            room -= size
            if room < 0 or place >= self.most:
                path.unlink(missing_ok=True)

    def _ages(self) -> Iterator[tuple[float, int, Path]]:
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process prunes too
                found = path.stat()
                yield found.st_mtime, found.st_size, path


@blueprint.get("/e/<int:number>/qr.png")
def qr_png(number: int) -> Response:
    return _picture(_code(share.qr_png, _link(number)), "image/png")


@blueprint.get("/e/<int:number>/qr.svg")
def qr_svg(number: int) -> Response:
    return _picture(_code(share.qr_svg, _link(number)), "image/svg+xml")


@blueprint.get("/e/<int:number>/poster.jpg")
def poster(number: int) -> Response:
    site = this_site()
    contest, entry, url = site.contest, find(site.board(), number), _link(number)
    category = contest.categories[entry.category]
    shown = (url, entry, category, contest.name, contest.subtitle, contest.organizers)
    name = f"{number}-{hashlib.sha256(repr(shown).encode()).hexdigest()[:20]}.jpg"
    drawings = Drawings(site.settings.data_dir / "cache")
    return _picture(drawings.get(name, lambda: _poster(site, entry, url)), "image/jpeg")


def _link(number: int) -> str:
    site = this_site()
    return f"{site.origin()}/e/{find(site.board(), number).number}"


@lru_cache(maxsize=KEPT_CODES)
def _code(draw: Callable[[str], bytes], url: str) -> bytes:
    return drawn(f"{draw.__name__} {url}", lambda: draw(url))


def _picture(picture: bytes, mimetype: str) -> Response:
    response = Response(picture, mimetype=mimetype)
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
    response.add_etag()
    response.make_conditional(request)
    return response


def _poster(site: Site, entry: Entry, url: str) -> bytes:
    contest = site.contest
    try:
        cover = (site.settings.public_dir / entry.media / "cover-1080.jpg").read_bytes()
    except FileNotFoundError as error:
        raise Problem(404, "no_cover", "这件作品的封面不见了，画不了海报") from error
    return share.poster(
        entry,
        contest.categories[entry.category],
        f"{contest.name} {contest.subtitle}",
        contest.organizers,
        url,
        cover,
    )
