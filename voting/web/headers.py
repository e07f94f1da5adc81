"""The headers that every answer carries."""

from __future__ import annotations

from functools import lru_cache

from flask import Flask, Response, request

from voting.web.errors import NOSNIFF
from voting.web.site import this_site

SELF = "'self' "


def mount(app: Flask) -> None:
    @app.after_request
    def protect(response: Response) -> Response:
        headers = response.headers
        if headers.get("Content-Type", "").startswith("text/html"):
            media = this_site().media_host()
            # The console plays what isn't public, and serves that itself.
            own = request.path.startswith("/organizer/")
            headers.extend(_of_a_page(f"'self' {media}" if own else media))
        elif "X-Content-Type-Options" not in headers:
            headers.set(*NOSNIFF)
        if request.path.startswith("/static/") and request.args.get("v"):
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


@lru_cache(maxsize=256)
def _of_a_page(media: str) -> tuple[tuple[str, str], ...]:
    policy = "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {media.removeprefix(SELF)}",
            f"media-src {media}",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
    return (
        NOSNIFF,
        # Same-origin requests keep their Referer: forms over https are checked by it.
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
        ("Content-Security-Policy", policy),
        ("X-Frame-Options", "DENY"),
        ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
    )
