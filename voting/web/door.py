"""What comes before Flask: strange requests are turned away, and votes are let in.

`POST …/votes` is the one request that comes in crowds. Flask's contexts, session and hooks, which
it has no use for, would cost a fifth of its rate (docs/decisions.md). The function that answers is
the view's own, so that it makes no difference by which door a vote came in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Request, Response

from voting.web.ballot import cast_ballot
from voting.web.errors import as_problem, document
from voting.web.site import BODY_LIMIT, Site, is_host

VOTES = re.compile(r"/api/v1/entries/(\d{1,9})/votes")


WRONG_HOST = Response("请求的网址不对，请检查后再试\n", 400, mimetype="text/plain")


class Door:
    """WSGI: takes the votes, and leaves everything else to the app behind it.

    It stands behind ProxyFix, so what proxies say of scheme and host is looked at too.
    """

    def __init__(self, app: WSGIApplication, site: Site) -> None:
        self.app, self.site = app, site

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not is_host(environ.get("HTTP_HOST", environ["SERVER_NAME"])):
            return WRONG_HOST(environ, start_response)
        if environ["wsgi.url_scheme"] not in ("http", "https"):
            environ["wsgi.url_scheme"] = "http"
        found = VOTES.fullmatch(environ.get("PATH_INFO", ""))
        if not found or environ["REQUEST_METHOD"] != "POST":
            return self.app(environ, start_response)
        request = Request(environ)
        request.max_content_length = BODY_LIMIT
        try:
            response = cast_ballot(self.site, request, int(found[1]))
        except Exception as error:
            problem = as_problem(error, request.path)
            self.site.store.refusals.count(problem.code, self.site.now_ms())
            response = document(problem)
        return response(environ, start_response)
