"""The media server: ranges as a table, and what it must never serve."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from voting.settings import ROOT, load_settings
from voting.web.media import MOST, create_media

SIZE = 3 * MOST + 123
VIDEO = bytes(range(256)) * (SIZE // 256 + 1)
VIDEO = VIDEO[:SIZE]


#: There, but never served: what was sent, the reviewer's frames, and what has no business there.
INSIDE = ("original.mp4", "frame-1.jpg", "frame-4.jpg", ".hidden", ".web.mp4.part", "form.docx")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("media")
    media = data_dir / "media" / "m1"
    media.mkdir(parents=True)
    (media / "web.mp4").write_bytes(VIDEO)
    for name in (*INSIDE, "web-720.mp4", "cover-480.webp", "cover-1080.jpg"):
        (media / name).write_bytes(b"x" * 10)
    (data_dir / "public").mkdir()
    (data_dir / "public" / "m1").symlink_to(media)
    (data_dir / "keys").mkdir()
    (data_dir / "keys" / "web.mp4").write_bytes(b"secret")
    return data_dir


class Reader(FlaskClient):
    """Reads every answer to its end, as gunicorn does, so that its file is closed."""

    def open(self, *args: Any, buffered: bool = True, **kwargs: Any) -> TestResponse:
        return super().open(*args, buffered=buffered, **kwargs)


@pytest.fixture(scope="module")
def client(data_dir: Path) -> FlaskClient:
    app = create_media(replace(load_settings({}), data_dir=data_dir))
    app.test_client_class = Reader
    return app.test_client()


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, MOST - 1),
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=0-99999999", 0, MOST - 1),
        (f"bytes={MOST}-", MOST, 2 * MOST - 1),
        (f"bytes=5-{MOST + 4}", 5, MOST + 4),
        (f"bytes=5-{MOST + 5}", 5, MOST + 4),
        (f"bytes={3 * MOST}-", 3 * MOST, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-500", SIZE - 500, SIZE - 1),
        (f"bytes=-{2 * MOST}", SIZE - 2 * MOST, SIZE - MOST - 1),
        ("bytes=-99999999", 0, MOST - 1),
    ],
)
def test_a_range_is_answered_with_at_most_one_mebibyte(
    client: FlaskClient, asked: str, first: int, last: int
) -> None:
    answer = client.get("/m1/web.mp4", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert int(answer.headers["Content-Length"]) == last - first + 1 <= MOST
    assert answer.data == VIDEO[first : last + 1]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=99999999-"])
def test_a_range_outside_the_file_is_refused_with_its_size(client: FlaskClient, asked: str) -> None:
    answer = client.get("/m1/web.mp4", headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    assert answer.mimetype == "text/plain"
    assert len(answer.data) < 100


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "bytes=0-1,5-6",
        "lines=0-5",
        "bytes=",
        "bytes",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=--1",
        "bytes=-0",
        "bytes=0-1-2",
        "=0-1",
        "",
    ],
)
def test_a_range_that_may_be_ignored_gives_the_whole_file(
    client: FlaskClient, asked: str | None
) -> None:
    answer = client.get("/m1/web.mp4", headers={"Range": asked} if asked is not None else {})
    assert answer.status_code == 200
    assert answer.data == VIDEO


def test_the_whole_video_is_streamed_not_read(client: FlaskClient) -> None:
    answer = client.get("/m1/web.mp4", buffered=False)
    assert answer.is_streamed
    assert answer.headers["Content-Length"] == str(SIZE)
    answer.close()


def test_head_has_the_size_and_no_body_whatever_range_it_asks_for(client: FlaskClient) -> None:
    answer = client.head("/m1/web.mp4", headers={"Range": "bytes=0-"})
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.data == b""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("web.mp4", "video/mp4"),
        ("web-720.mp4", "video/mp4"),
        ("cover-480.webp", "image/webp"),
        ("cover-1080.jpg", "image/jpeg"),
    ],
)
def test_every_file_says_what_it_is_and_how_long_it_may_be_kept(
    client: FlaskClient, name: str, kind: str
) -> None:
    answer = client.get(f"/m1/{name}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Cache-Control"] == "public, max-age=600, must-revalidate"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["ETag"]
    assert answer.headers["Last-Modified"]
    assert "Set-Cookie" not in answer.headers
    assert "Vary" not in answer.headers


def test_who_has_the_file_already_is_not_sent_it_again(client: FlaskClient) -> None:
    first = client.get("/m1/web.mp4")
    for name, value in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
        headers = {name: first.headers[value], "Range": "bytes=0-9"}
        answer = client.get("/m1/web.mp4", headers=headers)
        assert answer.status_code == 304
        assert answer.data == b""
        assert answer.headers["Cache-Control"]


def test_if_range_gives_the_piece_of_the_same_file_and_the_whole_of_another(
    client: FlaskClient,
) -> None:
    etag = client.get("/m1/web.mp4").headers["ETag"]
    same = client.get("/m1/web.mp4", headers={"Range": "bytes=0-9", "If-Range": etag})
    other = client.get("/m1/web.mp4", headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)


@pytest.mark.parametrize(
    "path",
    [
        *(f"/m1/{name}" for name in INSIDE),
        "/",
        "/m1",
        "/m1/",
        "/m1/cover-480.png",
        "/m1/cover-480.mp4",
        "/m1/web.jpg",
        "/m1/web-1080.mp4",
        "/m1/web-720.mp4.part",
        "/m2/web.mp4",
        "/../keys/web.mp4",
        "/%2e%2e/keys/web.mp4",
        "/..%2fkeys/web.mp4",
        "/./web.mp4",
        "/m1/web.mp4%00",
        "/m1/web.mp4%0a",
        "/m1/web.mp4/",
        "/m1/../m1/web.mp4x",
        "/keys/web.mp4",
        "/m1//web.mp4x",
        "/" + "m" * 300 + "/web.mp4",
    ],
)
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.data == b"404 Not Found\n"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_media_can_only_be_read(client: FlaskClient, method: str) -> None:
    answer = client.open("/m1/web.mp4", method=method)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_a_withdrawn_entry_is_gone_at_once(client: FlaskClient, data_dir: Path) -> None:
    link = data_dir / "public" / "m9"
    link.symlink_to(data_dir / "media" / "m1")
    assert client.get("/m9/cover-480.webp").status_code == 200
    link.unlink()
    assert client.get("/m9/cover-480.webp").status_code == 404


def test_two_hundred_stalled_readers_keep_nobody_from_watching(data_dir: Path) -> None:
    (data_dir / "public" / "m2").symlink_to(data_dir / "media" / "m1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = probe.getsockname()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "config/gunicorn_media.conf.py",
        "voting.web.media:create_media()",
    ]
    variables = {"DATA_DIR": str(data_dir), "HOST": place[0], "MEDIA_PORT": str(place[1])}
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | variables, stderr=subprocess.PIPE)
    try:
        whole = b"GET /m2/web.mp4 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with contextlib.ExitStack() as stalled:
            stalled.enter_context(connected(place)).sendall(whole)
            for _ in range(199):
                reader = stalled.enter_context(socket.create_connection(place))
                reader.sendall(whole)
            with connected(place) as reader:
                more = b"\r\nRange: bytes=0-9\r\nConnection: close\r\n\r\n"
                reader.sendall(whole.replace(b"\r\n\r\n", more))
                with reader.makefile("rb") as lines:
                    answer = lines.read()
        assert answer.startswith(b"HTTP/1.1 206 ")
        assert answer.endswith(VIDEO[:10])
    finally:
        server.terminate()
        errors = server.communicate(timeout=20)[1]
    assert errors == b""


def connected(place: tuple[str, int]) -> socket.socket:
    """A connection to a server that may still be starting."""
    until = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(place, timeout=20)
        except ConnectionRefusedError:
            assert time.monotonic() < until
            time.sleep(0.05)
