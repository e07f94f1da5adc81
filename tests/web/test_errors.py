"""Every failure in one shape: a document for programs, a page for people, no trace in either."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from flask import Flask
from people import Town, Visitor
from staging import build

from voting.store.client import StoreDown
from voting.web.errors import HTTP_REFUSALS, Problem

NOWHERE = "unix:///tmp/nobody-listens-here.sock"
TRACES = ("Traceback", "File \"", ".py", "RuntimeError", "voting.", "werkzeug", "secret words")


@pytest.fixture
def broken(app: Flask) -> Flask:
    """Routes that fail in every way, one for people and one for programs each."""

    def fail(error: Exception):
        def view() -> str:
            raise error

        return view

    failures = {
        "bug": RuntimeError("secret words"),
        "store": StoreDown("secret words"),
        "problem": Problem(409, "some_code", "一句话", "做什么", 7),
    }
    for name, error in failures.items():
        app.add_url_rule(f"/broken/{name}", f"page_{name}", fail(error))
        app.add_url_rule(f"/api/v1/broken/{name}", f"api_{name}", fail(error))
    return app


@pytest.fixture
def carol(broken: Flask) -> Visitor:
    return Town(broken).visitor()


@pytest.mark.parametrize(
    ("name", "status", "code", "retry"),
    [
        ("bug", 500, "internal_error", None),
        ("store", 503, "store_unavailable", "5"),
        ("problem", 409, "some_code", "7"),
    ],
)
def test_a_failure_is_a_document_for_programs_and_a_page_for_people_with_one_sentence(
    carol: Visitor, name: str, status: int, code: str, retry: str | None
):
    document = carol.get(f"/api/v1/broken/{name}")
    page = carol.get(f"/broken/{name}")
    assert document.status_code == page.status_code == status
    assert document.mimetype == "application/problem+json"
    assert set(document.json) == {"type", "title", "status", "code", "detail", "next"}
    assert (document.json["status"], document.json["code"]) == (status, code)
    assert page.mimetype == "text/html"
    assert document.json["detail"] in page.text
    assert document.json["next"] in page.text
    for answer in (document, page):
        assert answer.headers.get("Retry-After") == retry
        assert answer.headers["Cache-Control"] == "no-store"
        for trace in TRACES:
            assert trace not in answer.text


def test_a_bug_is_in_the_log_with_its_trace(carol: Visitor, caplog: pytest.LogCaptureFixture):
    carol.get("/broken/bug")
    (record,) = [r for r in caplog.records if r.name == "voting.web.errors"]
    assert record.exc_info
    assert "secret words" in str(record.exc_info[1])


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere", "/e", "/e/", "/e/x", "/e/1.5", "/e/-1", "/e/1/x", "/top/", "/rules/x",
        "/static/nothing.css", "/static/../app.py", "/static/%2e%2e/app.py", "/favicon.ico",
        "/.env", "/wp-login.php", "/%00", "/%ff", "/" + "x" * 3000, "/e/" + "9" * 30,
    ],
)  # fmt: skip
def test_an_unknown_page_says_what_to_do(alice: Visitor, path: str):
    page = alice.get(path)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert re.search(r'href="/"[^>]*>回到首页', page.text)
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1", "/api/v1/nowhere", "/api/v2/me", "/api/v1/entries/x/votes"]
)
def test_an_unknown_address_of_the_api_is_a_problem(alice: Visitor, path: str):
    answer = alice.get(path)
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert answer.mimetype == "application/problem+json"


def test_a_wrong_method_on_a_page_is_a_page_that_names_the_right_ones(alice: Visitor):
    page = alice.post("/top")
    assert (page.status_code, page.mimetype) == (405, "text/html")
    assert "GET" in page.headers["Allow"]
    assert HTTP_REFUSALS[405][1] in page.text


@pytest.mark.parametrize(
    "host", ["evil<x>", "a b", "a/b", "a@b", "", "x" * 300, "a:99999999", "[::1", "a?b", "票.cn"]
)
@pytest.mark.parametrize("path", ["/", "/e/1", "/nowhere", "/api/v1/standings", "/api/v1/nowhere"])
def test_what_can_be_no_host_is_refused_and_never_echoed(alice: Visitor, host: str, path: str):
    header = host.encode().decode("latin-1")
    answer = alice.get(path, headers={"Host": header})
    if host == "":  # the test's client then says localhost, as HTTP/1.0 might say nothing
        return
    assert answer.status_code == 400
    assert header not in answer.text


@pytest.mark.parametrize("path", ["/", "/e/1", "/top", "/rules", "/mine", "/nowhere", "/e/1/vote"])
def test_every_page_carries_the_headers_that_protect_it(alice: Visitor, path: str):
    headers = alice.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert policy["media-src"] == "http://localhost:8001"
    assert policy["img-src"] == "'self' http://localhost:8001"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("url", ["https://cdn.example.cn", "https://vote.example.cn/media"])
def test_the_policy_lets_the_media_in_wherever_they_are(
    raise_site: Callable[..., Flask], url: str
):
    answer = Town(raise_site(MEDIA_URL=url)).visitor().get("/e/1")
    assert f'src="{url}/{1:020x}/web.mp4"' in answer.text
    policy = dict(
        part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
    )
    for name in ("media-src", "img-src"):
        source = policy[name].split()[-1]
        # A source with a path matches that path alone, unless it ends in a slash.
        assert source.endswith("/") or urlsplit(source).path == "", policy[name]
        assert f"{url}/x.mp4".startswith(source)


@pytest.mark.parametrize("path", ["/", "/e/1", "/top", "/rules", "/mine", "/nowhere", "/e/1/vote"])
def test_no_page_holds_what_its_policy_forbids(alice: Visitor, path: str):
    page = alice.get(path).text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page), "a script inside the page"
    assert not re.search(r"<[^>]*\sstyle=", page)
    assert "<style" not in page
    assert not re.search(r"<[^>]*\son[a-z]+=", page)
    assert "javascript:" not in page


def test_static_files_with_a_version_may_be_kept_for_ever(alice: Visitor):
    page = alice.get("/").text
    link = re.search(r'href="(/static/site\.css\?v=[0-9a-f]+)"', page)[1]
    answer = alice.get(link, buffered=True)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    unversioned = alice.get("/static/site.css", buffered=True)
    assert "immutable" not in unversioned.headers.get("Cache-Control", "")


@pytest.mark.parametrize("path", ["/", "/e/1", "/top", "/rules", "/api/v1/standings", "/nowhere"])
def test_without_any_store_and_without_a_kept_board_there_is_still_an_answer(
    environ: dict[str, str], path: str
):
    app = build(environ | {"REDIS_URL": NOWHERE, "THROTTLE_URL": NOWHERE})
    answer = Town(app).visitor().get(path)
    assert answer.status_code == (404 if path == "/nowhere" else 503)
    if answer.status_code == 503:
        assert int(answer.headers["Retry-After"]) > 0
    for trace in TRACES:
        assert trace not in answer.text
