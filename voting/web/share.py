"""An entry's QR code and poster: plain cookie-free pictures.

Drawing takes processor time that votes need, so it happens in one thread beside them, for a short
queue, and what was drawn is kept in a folder of bounded size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response, make_response, send_file
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

    def get(self, name: str, draw: Callable[[], bytes]) -> Path:
        path = self.folder / name
        if not path.exists():
            if _thread.task_queue.qsize() >= QUEUE:
                raise Problem(503, "busy", "现在画海报的人太多了", "请稍等一会儿再试", 10)
            picture = _thread.spawn(draw).get()
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(f".{id(picture)}.new")
            fresh.write_bytes(picture)
            fresh.replace(path)
            self._prune()
        return path

    def _prune(self) -> None:
        kept = sorted((p.stat().st_mtime, p.stat().st_size, p) for p in self.folder.iterdir())
        excess = sum(size for _, size, _ in kept) - self.limit
        for _, size, path in kept:
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size


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
    path = Drawings(site.settings.data_dir / "cache").get(name, lambda: draw(entry, url))
    response = make_response(send_file(path, mimetype=mimetype, etag=name))
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
    return response


def _poster(site: Site, entry: Entry, url: str) -> bytes:
    contest = site.contest
    cover = site.settings.public_dir / entry.media / "cover-1080.jpg"
    return share.poster(
        entry,
        contest.categories[entry.category],
        f"{contest.name} {contest.subtitle}",
        contest.organizers,
        url,
        cover.read_bytes(),
    )
