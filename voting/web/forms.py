"""The session behind forms: it holds the CSRF token, and nobody else needs one."""

from __future__ import annotations

from flask import Flask, Response
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask.wrappers import Request

from voting.web.site import Site


class FormSession(SecureCookieSessionInterface):
    """Flask's session, without its cost for requests that have none."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 the interface's signature
        return self.site.is_secure()

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if f"{self.get_cookie_name(app)}=" not in request.environ.get("HTTP_COOKIE", ""):
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session.accessed or session.modified:
            super().save_session(app, session, response)
