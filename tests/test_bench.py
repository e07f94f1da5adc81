"""The bench's own tools: the load generator counts right, the table prints. No figure is held."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import intake, load
from bench.lighthouse import __main__ as lighthouse
from bench.table import SCENARIOS, TO_REACH, intake_line, table
from bench.visitors import Crowd
from voting.contest import Notice
from voting.intake.copies import MOBILE, WEB
from voting.intake.stills import COVERS
from voting.intake.video import Video


class Site(BaseHTTPRequestHandler):
    """A site of three calls that remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    asked: Counter[str]

    def do_GET(self) -> None:
        self._answer(200, {"view": f"view-of-{self.headers['X-Forwarded-For']}"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/v1/passes":
            right = body["view"] == f"view-of-{self.headers['X-Forwarded-For']}"
            self._answer(201 if right else 403, {"ballot": "a ballot"}, "pass=mine; HttpOnly")
        else:
            right = body["ballot"] == "a ballot" and self.headers["Cookie"] == "pass=mine"
            self._answer(201 if right else 403, {"code": "accepted" if right else "foreign"})

    def _answer(self, status: int, fields: dict[str, str], cookie: str = "") -> None:
        self.asked[self.path.partition("?")[0].rstrip("0123456789")] += 1
        body = json.dumps(fields).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body[:5])
        self.wfile.flush()  # a reply may come in pieces
        self.wfile.write(body[5:])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[ThreadingHTTPServer]:
    Site.asked = Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_conversation_counts_once_and_every_request_arrives(site):
    people = Crowd().visitors(50)
    load.run(site.server_port, (one.look() for one in people), seconds=30, connections=4)
    result = load.run(
        site.server_port, (one.rest() for one in people), seconds=30, connections=4
    )
    assert result.done == 50
    assert sum(Site.asked.values()) == 3 * 50
    assert result.rate == pytest.approx(50 / result.seconds)
    assert 0 < result.percentile_ms(50) <= result.percentile_ms(99)


def test_more_connections_than_conversations_end_well(site):
    people = Crowd().visitors(3)
    result = load.run(site.server_port, (one.look() for one in people), seconds=30, connections=8)
    assert result.done == 3


def test_the_same_request_is_repeated_until_the_time_is_up(site):
    request = Crowd().visitors(1)[0].look_request
    result = load.run(site.server_port, load.again(request), seconds=0.1, connections=2)
    assert result.done == sum(Site.asked.values()) > 2


def test_a_wrong_status_ends_the_run_with_the_replys_body(site):
    one = Crowd().visitors(1)[0]
    forged = one.post("/api/v1/entries/1/votes", {"ballot": "forged"}, "pass=mine")
    with pytest.raises(load.WrongReply, match=r"201 was expected, 403 came:\n.*foreign"):
        load.run(site.server_port, load.again(forged), seconds=30, connections=1)


def test_a_conversation_on_a_line_of_its_own_is_checked_too(site):
    one = Crowd().visitors(1)[0]
    with load.connect(site.server_port) as line:
        load.hold(line, one.look())
        load.hold(line, one.rest())
        forged = one.post("/api/v1/entries/1/votes", {"ballot": "forged"}, "pass=mine")
        with pytest.raises(load.WrongReply):
            load.hold(line, load.once(forged))


def test_a_reply_is_read_when_all_of_it_has_come():
    whole = b"HTTP/1.1 201 CREATED\r\nCONTENT-length: 4\r\nX: y\r\n\r\nbody"
    assert all(load.read(whole[:length]) is None for length in range(len(whole)))
    reply = load.read(whole)
    assert reply is not None
    assert (reply.status, reply.header(b"x"), reply.body) == (201, b"y", b"body")
    assert reply.header(b"absent") == b""
    with pytest.raises(load.WrongReply):
        load.read(whole + b"H")


def test_ten_thousand_visitors_come_from_ten_thousand_networks():
    crowd = Crowd()
    people = crowd.visitors(10_000)
    assert len({one.address.rpartition(".")[0] for one in people}) == 10_000 == crowd.networks


def test_the_table_shows_every_figure_and_what_was_missed():
    ratio = {"median": 0.7, "lowest": 0.6, "highest": 0.8, "by_cpu": 0.71}
    scenario = {"rate": 1234, "p50_ms": 1.5, "p99_ms": 9.5, "server_us": 200, "store_us": 30}
    printed = table(
        {
            "at": "2025-11-23T18:05:00+08:00",
            "machine": {
                "cpu": "a CPU", "cpus": 2, "python": "3.11", "load": [1.0], "load_after": [2.0],
                "store": "valkey 9.1.2", "allocator": "libc", "fsync_ms": 0.4,
            },
            "how": {"rounds": 7, "connections": 32, "workers": 2, "networks": 10_000},
            "scenarios": dict.fromkeys(SCENARIOS, scenario),
            "ratios": {name: ratio for name in TO_REACH if name.endswith(("floor", "bare"))},
            "memory": {
                "votes": 1_000_000, "voters": 300_000, "seconds": 60.0, "bytes_per_vote": 90.5,
                "rss_bytes_per_vote": 99.0, "store_us_per_vote": 17.0,
            },
            "export": {
                "rows": 1_000_000, "rows_per_s": 250_000, "lowest": 240_000, "highest": 260_000,
                "masked_rows_per_s": 200_000, "few_rows": 200_000, "peak_mb_few": 50.0,
                "peak_mb": 51.0,
            },
            "intake": {
                "mailbox": "given", "submissions": 30, "video_s": 159.0, "ours_s": 44.0,
                "ffmpeg_s": 40.0, "ratio": {**ratio, "median": 1.1},
            },
        }
    )  # fmt: skip
    assert all(title in printed for title in SCENARIOS.values())
    assert all(name in printed for name in TO_REACH)
    assert printed.count("MISSED") == 1  # 0.70 is short of the vote's 0.80 alone
    assert "≤ 96 reached" in printed
    assert "≤ 1.5 reached; 30 submissions (given), 159 s of video: 44.0 s, FFmpeg 40.0 s" in printed


def test_without_ffmpeg_the_comparison_is_left_out_in_words(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = intake.compare(tmp_path, Notice({}, (), 300), 1, 1, print)
    assert intake_line(found).endswith("skipped: no ffmpeg and no ffprobe on the PATH")


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_ffmpegs_command_makes_what_intake_makes(codec):
    """Every file that make_media promises is an output of the one command it is compared with."""
    video = Video("mp4", codec, "aac", 1080, 1920, 4.0, True, "yuv420p", frames=100, frame_rate=25)
    words = intake.command(video, "in.mp4", Path("/out"))
    made = {Path(word).name for word in words if word.startswith("/out/")}
    covers = {f"cover-{width}.{suffix}" for width, suffixes in COVERS for suffix in suffixes}
    assert made == {WEB, MOBILE, "frame-%d.jpg", *covers}
    assert words.count("libx264") == (2 if codec == "hevc" else 1)
    assert "720:-2" in " ".join(words)


def lighthouse_report(performance: float, lcp_ms: float) -> dict[str, object]:
    """As much of Lighthouse's JSON as is read."""
    times = ("first-contentful-paint", "total-blocking-time", "cumulative-layout-shift")
    audits = {name: {"numericValue": 0.4} for name in (*times, "total-byte-weight")}
    audits["largest-contentful-paint"] = {"numericValue": lcp_ms}
    categories = {name: {"score": 1.0} for name in lighthouse.POINTS}
    return {"audits": audits, "categories": {**categories, "performance": {"score": performance}}}


@pytest.mark.parametrize(
    ("runs", "missed"),
    [
        ([(0.98, 1500.0)] * 3, []),
        ([(0.5, 4000.0), (1.0, 1400.0), (0.99, 1300.0)], []),
        ([(0.97, 1400.0)] * 3, ["performance"]),
        ([(1.0, 1501.0)] * 3, ["lcp_ms"]),
        ([(None, 1400.0)] * 3, ["performance"]),
    ],
    ids=["just reached", "one odd run", "slow", "late", "no score"],
)
def test_lighthouse_s_medians_are_held_to_the_goals(runs, missed):
    found = [lighthouse.figures(lighthouse_report(*run)) for run in runs]
    median = lighthouse.median(found)
    assert lighthouse.missed(median) == missed
    assert ("MISSED" in lighthouse.table({"/": median})) is bool(missed)
