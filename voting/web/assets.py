"""Static files, `/static/…`, and `/robots.txt`: read once a process, and compressed once.

Scripts and stylesheets lose their comments and indentation, a sixth of what they weigh compressed.
All are kept as rendered pages are. WhiteNoise does that from compressed copies which a build step
must write, in a middleware that every vote would go through (docs/decisions.md).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Flask, Response, abort, request, url_for
from rcssmin import cssmin
from rjsmin import jsmin

from voting.settings import ROOT
from voting.web.pages import Page, respond

STATIC = ROOT / "static"
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".txt": "text/plain",
    ".md": "text/plain",
}
MINIFIERS = {".css": cssmin, ".js": jsmin}
FOR_EVER = "public, max-age=31536000, immutable"
FOR_NOW = "public, max-age=300"


@dataclass(frozen=True, slots=True)
class Asset:
    page: Page
    version: str
    mimetype: str


def mount(app: Flask) -> None:
    app.jinja_env.globals.update(asset=asset)
    app.add_url_rule("/static/<path:filename>", "static", static)
    app.add_url_rule("/robots.txt", "robots", robots)


def asset(name: str) -> str:
    """A static file's URL; it changes when the file does, so browsers may keep it for ever."""
    return url_for("static", filename=name, v=_kept(STATIC / name).version)


def static(filename: str) -> Response:
    if filename not in _names():
        abort(404)
    found = _kept(STATIC / filename)
    # A page and its files may come from two processes of different age: under the name of a
    # content that it hasn't got, nothing is handed out for ever.
    named = request.args.get("v") == found.version
    return respond(found.page, found.mimetype, FOR_EVER if named else FOR_NOW)


def robots() -> Response:
    return respond(_kept(STATIC / "robots.txt").page, "text/plain", FOR_NOW)


@cache
def _names() -> frozenset[str]:
    """Only what lay there at the start is ever read, whatever is asked for."""
    found = STATIC.rglob("*")
    return frozenset(str(one.relative_to(STATIC)) for one in found if one.suffix in TYPES)


@cache
def _kept(path: Path) -> Asset:
    body = path.read_bytes()
    minify = MINIFIERS.get(path.suffix)
    if minify and ".min." not in path.name:
        body = minify(body)
    digest = hashlib.sha256(body).hexdigest()
    level = 0 if path.suffix in (".png", ".jpg") else 9
    return Asset(Page(body, digest[:20], level), digest[:10], TYPES[path.suffix])
