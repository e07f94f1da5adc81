"""An entry's QR code and poster: plain cookie-free pictures.

Drawing takes processor time that votes need, so it happens in one thread beside them, for a short
queue, and what was drawn is kept in a folder of bounded size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response, request
from gevent.threadpool import ThreadPool

from voting import share
from voting.contest import Entry
from voting.web.errors import Problem
from voting.web.gallery import find
from voting.web.site import Site, this_site

blueprint = Blueprint("share", __name__)

KEPT_BYTES = 256 * 1024 * 1024
QUEUE = 32
MAX_AGE_S = 600

_thread = ThreadPool(1)


@dataclass(frozen=True)
class Drawings:
    """Drawn pictures by name in a folder; when it grows over `limit` bytes, the oldest go."""

    folder: Path
    limit: int = KEPT_BYTES

    def get(self, name: str, draw: Callable[[], bytes]) -> bytes:
        path = self.folder / name
        with suppress(FileNotFoundError):
            return path.read_bytes()
        if _thread.task_queue.qsize() >= QUEUE:
            raise Problem(503, "busy", "现在画海报的人太多了", "请稍等一会儿再试", 10)
        picture: bytes = _thread.spawn(draw).get()
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{id(picture)}.new")
        fresh.write_bytes(picture)
        fresh.replace(path)
        self._prune()
        return picture

    def _prune(self) -> None:
        kept = sorted(self._ages())
        excess = sum(size for _, size, _ in kept) - self.limit
        for _, size, path in kept:
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size

    def _ages(self) -> Iterator[tuple[float, int, Path]]:
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another process prunes too
                found = path.stat()
                yield found.st_mtime, found.st_size, path


@blueprint.get("/e/<int:number>/qr.png")
def qr_png(number: int) -> Response:
    return _picture(number, "image/png", "qr.png", lambda _, url: share.qr_png(url))


@blueprint.get("/e/<int:number>/qr.svg")
def qr_svg(number: int) -> Response:
    return _picture(number, "image/svg+xml", "qr.svg", lambda _, url: share.qr_svg(url))


@blueprint.get("/e/<int:number>/poster.jpg")
def poster(number: int) -> Response:
    site = this_site()
    return _picture(number, "image/jpeg", "poster.jpg", lambda e, url: _poster(site, e, url))


def _picture(
    number: int, mimetype: str, kind: str, draw: Callable[[Entry, str], bytes]
) -> Response:
    site = this_site()
    entry = find(site.board(), number)
    url = f"{site.origin()}/e/{entry.number}"
    content = repr((url, entry, site.contest.name, site.contest.organizers)).encode()
    name = f"{number}-{hashlib.sha256(content).hexdigest()[:20]}-{kind}"
    drawings = Drawings(site.settings.data_dir / "cache")
    response = Response(drawings.get(name, lambda: draw(entry, url)), mimetype=mimetype)
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
    response.set_etag(name)
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
