"""The headers that every answer carries."""

from __future__ import annotations

from functools import lru_cache

from flask import Flask, Response, request

from voting.settings import WeChat
from voting.web.errors import NOSNIFF
from voting.web.site import host_of, this_site

SELF = "'self' "


def mount(app: Flask) -> None:
    @app.after_request
    def protect(response: Response) -> Response:
        headers = response.headers
        if headers.get("Content-Type", "").startswith("text/html"):
            media = this_site().media_host()
            # The console plays what isn't public, and serves that itself.
            own = request.path.startswith("/organizer/")
            wechat = None if own else this_site().settings.wechat
            found = _of_a_page(f"'self' {media}" if own else media, wechat)
            headers.extend((name, value) for name, value in found if name not in headers)
        elif "X-Content-Type-Options" not in headers:
            headers.set(*NOSNIFF)
        return response


@lru_cache(maxsize=256)
def _of_a_page(media: str, wechat: WeChat | None) -> tuple[tuple[str, str], ...]:
    # A form that signs in is answered by a redirect to WeChat, which counts as the form's action.
    sdk = f" {host_of(wechat.sdk_url)}" if wechat else ""
    door = f" {host_of(wechat.open_url)}" if wechat else ""
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self'{sdk}",
            "style-src 'self'",
            f"img-src 'self' {media.removeprefix(SELF)}",
            f"media-src {media}",
            "connect-src 'self'",
            # The challenge's solver. Kernels of before 2018, and iPhones of before 2022, look for a
            # worker under its old name.
            "worker-src 'self'",
            "child-src 'self'",
            f"form-action 'self'{door}",
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
