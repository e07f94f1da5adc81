"""The headers that every answer carries."""

from __future__ import annotations

from functools import lru_cache

from flask import Flask, Response, request

from voting.web.site import this_site


def mount(app: Flask) -> None:
    @app.after_request
    def protect(response: Response) -> Response:
        headers = response.headers
        headers["X-Content-Type-Options"] = "nosniff"
        if headers.get("Content-Type", "").startswith("text/html"):
            # Same-origin requests keep their Referer: forms over https are checked by it.
            headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
            headers["Content-Security-Policy"] = _policy(this_site().media_host())
            headers["X-Frame-Options"] = "DENY"
            headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()"
        elif request.path.startswith("/static/") and request.args.get("v"):
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


@lru_cache(maxsize=256)
def _policy(media: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {media}",
            f"media-src {media}",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
