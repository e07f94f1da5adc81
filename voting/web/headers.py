"""The headers that every answer carries."""

from __future__ import annotations

from functools import lru_cache

from flask import Flask, Response, request
from werkzeug.exceptions import BadRequest

from voting.web.site import this_site


def mount(app: Flask) -> None:
    @app.after_request
    def protect(response: Response) -> Response:
        headers = response.headers
        headers["X-Content-Type-Options"] = "nosniff"
        if response.mimetype == "text/html":
            # Same-origin requests keep their Referer: forms over https are checked by it.
            headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
            headers["Content-Security-Policy"] = _policy(_media_origin())
            headers["X-Frame-Options"] = "DENY"
            headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        elif request.path.startswith("/static/") and request.args.get("v"):
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _media_origin() -> str:
    try:
        return this_site().media_origin()
    except BadRequest:
        return ""  # the refusal of a wrong Host has a policy too


@lru_cache(maxsize=256)
def _policy(media: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {media}",
            f"media-src {media or chr(39) + 'none' + chr(39)}",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
