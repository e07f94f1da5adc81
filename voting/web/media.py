"""The media server: files of DATA_DIR/public to anybody, a range answer never above 1 MiB.

An app of its own, in a process of its own, so that a reader who stalls never holds up a vote.
nginx or a CDN can take its place: MEDIA_URL.
"""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask, Response, abort, request, send_file
from werkzeug.datastructures import Range
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_range_header

from voting.settings import Settings, load_settings

MOST = 1024 * 1024  # bytes of one range answer: players then ask piece by piece
MEDIA = re.compile(r"[A-Za-z0-9_-]{1,64}")
FILE = re.compile(r"web(?:-720)?\.mp4|cover-[0-9]{2,4}\.(?:webp|jpg)")
TYPES = {"mp4": "video/mp4", "webp": "image/webp", "jpg": "image/jpeg"}
# A withdrawn entry's media is gone within ten minutes, from shared caches too.
CACHE = "public, max-age=600, must-revalidate"


def create_media(settings: Settings | None = None) -> Flask:
    """The WSGI app; serves /<media>/<file> of settings.public_dir and nothing else."""
    public = (settings or load_settings()).public_dir
    app = Flask("voting.web.media", static_folder=None, template_folder=None)
    app.url_map.merge_slashes = False  # a wrong address is a 404, not a redirect
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False

    @app.get("/<media>/<file>")
    def serve(media: str, file: str) -> Response:
        if not FILE.fullmatch(file) or not MEDIA.fullmatch(media):
            abort(404)
        answer = sent(public / media / file)
        answer.headers["Cache-Control"] = CACHE
        return answer

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Response:
        answer = Response(f"{error.code} {error.name}\n", error.code, mimetype="text/plain")
        for name, value in error.get_headers():
            if name in ("Allow", "Content-Range"):
                answer.headers[name] = value
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @app.after_request
    def protect(answer: Response) -> Response:
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return answer

    return app


def sent(path: Path) -> Response:
    """A media file, or at most MOST bytes of it when a range is asked for; 404 if there is none."""
    if not path.is_file():
        abort(404)
    _narrow_range(path.stat().st_size)
    answer = send_file(path, TYPES[path.suffix[1:]], conditional=True, etag=True)
    answer.headers["Accept-Ranges"] = "bytes"
    return answer


def _narrow_range(size: int) -> None:
    """Cut the request's range to MOST bytes; forget one that RFC 9110 lets a server ignore.

    Those are: another method than GET, another unit, more than one range, a malformed one, and one
    beside If-None-Match or If-Modified-Since, which come first (304 or the whole file).
    """
    asked = request.environ.pop("HTTP_RANGE", None)
    conditional = "If-None-Match" in request.headers or "If-Modified-Since" in request.headers
    parsed = parse_range_header(asked)
    if request.method != "GET" or conditional or parsed is None:
        return
    if parsed.units != "bytes" or len(parsed.ranges) != 1:
        return
    start, stop = parsed.ranges[0]
    if start < 0:  # the last bytes: all of them, when more are asked for than there are
        start = max(0, size + start)
    stop = min(stop or start + MOST, start + MOST)
    request.environ["HTTP_RANGE"] = Range("bytes", [(start, stop)]).to_header()
