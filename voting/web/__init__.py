"""Everything that speaks HTTP. A view collects, makes one call, translates."""

from __future__ import annotations

import hmac

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from voting.web import (
    appeals,
    assets,
    ballot,
    errors,
    gallery,
    headers,
    health,
    logs,
    metrics,
    mine,
    openapi,
    organizer,
    pages,
    ranking,
    results,
    rules,
    share,
    throttle,
    wechat,
)
from voting.web.door import Door
from voting.web.forms import FormSession
from voting.web.site import BODY_LIMIT
from voting.web.site import Site as Site


def mount(app: Flask, site: Site) -> None:
    app.extensions["site"] = site
    app.config.update(
        MAX_CONTENT_LENGTH=BODY_LIMIT,
        SECRET_KEY=hmac.digest(site.keys.signing, b"forms", "sha256"),
        SESSION_COOKIE_NAME="form",
        SESSION_COOKIE_SAMESITE="Lax",
        # WeChat may drop the Referer; Origin and Sec-Fetch-Site are checked instead.
        WTF_CSRF_SSL_STRICT=False,
    )
    app.session_interface = FormSession(site)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.wsgi_app = Door(app.wsgi_app, site)  # type: ignore[method-assign]
    if hops := site.settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=0 if site.settings.public_url else hops
        )
    throttle.mount(app, site)
    for module in (
        gallery, ballot, ranking, results, appeals, share, rules, mine, wechat, openapi, health,
        metrics,
    ):  # fmt: skip
        app.register_blueprint(module.blueprint)
    organizer.mount(app)
    pages.mount(app)
    assets.mount(app)
    headers.mount(app)
    errors.mount(app)
    logs.mount(app)
