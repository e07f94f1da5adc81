"""Every failure that a person or a program can meet, in one shape each.

The API answers RFC 9457 problem documents: `type`, `title`, `status`, `code` (stable), `detail`
(the sentence the page shows) and `next` (what to do), and what else the code says that there is.
Pages show the same sentence.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, make_response, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from voting.store.client import StoreDown

log = logging.getLogger(__name__)


NOSNIFF = ("X-Content-Type-Options", "nosniff")


class Problem(Exception):  # noqa: N818 RFC 9457's word
    """A refusal: status, stable code, one sentence, and what to do next; `more` is for programs."""

    def __init__(
        self,
        status: int,
        code: str,
        sentence: str,
        next_: str = "",
        retry_after_s: int = 0,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.sentence, self.next = status, code, sentence, next_
        self.retry_after_s = retry_after_s
        self.more = more or {}


#: HTTP's own refusals: status → code, sentence, what to do.
HTTP_REFUSALS = {
    400: ("bad_request", "这个请求不完整，没法处理", "请回到上一页再试一次"),
    403: ("forbidden", "这个页面没有向您开放", ""),
    404: ("not_found", "没有找到这个页面", "可能是链接不完整，请从首页再找一次"),
    405: ("method_not_allowed", "这个地址不支持这样的操作", ""),
    413: ("too_large", "发送的内容太大了", ""),
    415: ("unsupported_media_type", "请用 application/json 发送", ""),
    429: ("too_many_requests", "操作太频繁了", "请稍等一会儿再试"),
    500: ("internal_error", "我们这边出了点问题，已经记录下来", "请稍后再试"),
}

STORE_DOWN = Problem(
    503,
    "store_unavailable",
    "投票服务暂时连不上，您的票不会丢也不会重复计",
    "请过几秒再试一次",
    retry_after_s=5,
)
#: The same in the console, where nothing is known of what was just asked for.
STORE_DOWN_INSIDE = Problem(
    503,
    "store_unavailable",
    "数据库暂时连不上，刚才的操作可能没有生效",
    "请过几秒刷新，看看再做一次；公开的页面照常显示",
    retry_after_s=5,
)
CONSOLE = "/organizer/"


def mount(app: Flask) -> None:
    app.register_error_handler(Exception, _handle)


def _handle(error: Exception) -> Response:
    if isinstance(error, HTTPException) and (error.response or (error.code or 500) < 400):
        return make_response(error.get_response())
    response = answer(as_problem(error, _place()))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(error.valid_methods)
    return response


def _place() -> str:
    """The rule of the address. Not the address: it may hold a ticket, and this is logged."""
    if request.url_rule:
        return request.url_rule.rule
    return CONSOLE if request.path.startswith(CONSOLE) else "an address that isn't ours"


def as_problem(error: Exception, place: str) -> Problem:
    """Every failure as a problem; one that nobody expected is logged, with its `place`: an
    address, or the rule of one that may hold a secret."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, StoreDown):
        return STORE_DOWN_INSIDE if place.startswith(CONSOLE) else STORE_DOWN
    status = error.code if isinstance(error, HTTPException) else None
    if status is None:
        log.error("unexpected error at %s", place, exc_info=error)
        status = 500
    unnamed = (HTTPStatus(status).name.lower(), "这个请求没法处理", "")
    return Problem(status, *HTTP_REFUSALS.get(status, unnamed))


def answer(problem: Problem) -> Response:
    """The problem for whoever asked; `g.refused` says which one it was to who counts them."""
    g.refused = problem.code
    return document(problem) if is_asked_by_script() else _page(problem)


def is_asked_by_script() -> bool:
    """Whether a program reads the answer: the API's visitors, and the console's own scripts."""
    if not request.path.startswith(CONSOLE):
        return request.path.startswith("/api/")
    accepts = request.headers.get("Accept", "")
    return request.path.endswith(".json") or accepts.startswith("application/json")


def document(problem: Problem) -> Response:
    """The problem as RFC 9457 has it."""
    fields = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.sentence,
        "next": problem.next,
        **problem.more,
    }
    body = json.dumps(fields, ensure_ascii=False)
    response = Response(body, headers=[NOSNIFF], mimetype="application/problem+json")
    return _uncached(problem, response)


def _page(problem: Problem) -> Response:
    inside = request.path.startswith(CONSOLE)
    page = render_template(
        "organizer/error.html" if inside else "errors/error.html",
        status=problem.status,
        title=problem.sentence,
        sentence=problem.next,
        code=problem.code,
        next=("回到首页", "/"),
    )
    return _uncached(problem, make_response(page))


def _uncached(problem: Problem, response: Response) -> Response:
    response.status_code = problem.status
    response.headers["Cache-Control"] = "no-store"
    if problem.retry_after_s:
        response.headers["Retry-After"] = str(problem.retry_after_s)
    return response
