"""The people of the bench: each with a phone, a network of their own, and nothing but the API."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from bench.load import Conversation, Request

ENTRIES = 26
WECHAT = (
    "Mozilla/5.0 (Linux; Android 14; {model} Build/UP1A.231005.007; wv) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Version/4.0 Chrome/126.0.6478.188 Mobile Safari/537.36 "
    "XWEB/1260117 MMWEBSDK/20240501 MicroMessenger/8.0.50.2701(0x2800325B) "
    "WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64"
)
PHONES = ("ELS-AN00", "23127PN0CC", "V2309A", "PHY110")
AGENTS = tuple(WECHAT.format(model=model) for model in PHONES)
NOT_YET = Request(b"", 0)


class Visitor:
    """One person: looks at an entry, asks for a pass, votes. Each answer makes the next request.

    Between look and pass a second goes by, as long as the site wants it.
    """

    def __init__(self, position: int) -> None:
        self.entry = 1 + position % ENTRIES
        # 10.0.0.0/8 has 65,536 networks of the size /24.
        self.address = f"10.{position >> 8 & 255}.{position & 255}.{1 + (position >> 16) % 254}"
        self.agent = AGENTS[position % len(AGENTS)]
        self.pass_request = self.vote_request = NOT_YET
        self.look_request = self.get(f"/api/v1/me?entry={self.entry}", "application/json")

    def look(self) -> Conversation:
        reply = yield self.look_request
        body = {"entry": self.entry, "view": json.loads(reply.body)["view"]}
        self.pass_request = self.post("/api/v1/passes", body, "")

    def ask_pass(self) -> Conversation:
        reply = yield self.pass_request
        cookie = reply.header(b"set-cookie").partition(b";")[0].decode()
        body = {"ballot": json.loads(reply.body)["ballot"], "watched_s": 23, "share": ""}
        self.vote_request = self.post(f"/api/v1/entries/{self.entry}/votes", body, cookie)

    def vote(self) -> Conversation:
        yield self.vote_request

    def rest(self) -> Conversation:
        """All that comes after the look."""
        yield from self.ask_pass()
        yield from self.vote()

    def get(self, path: str, accept: str = "text/html,application/xhtml+xml") -> Request:
        return Request(self._head("GET", path, accept).encode() + b"\r\n", 200)

    def post(self, path: str, fields: dict[str, object], cookie: str) -> Request:
        """A POST of JSON that must be answered 201."""
        body = json.dumps(fields).encode()
        head = (
            self._head("POST", path, "application/json")
            + "Content-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n"
            + "Origin: http://bench.example\r\n"
            + "Sec-Fetch-Site: same-origin\r\n"
            + (f"Cookie: {cookie}\r\n" if cookie else "")
        )
        return Request(head.encode() + b"\r\n" + body, 201)

    def _head(self, method: str, path: str, accept: str) -> str:
        return (
            f"{method} {path} HTTP/1.1\r\n"
            "Host: bench.example\r\n"
            f"X-Forwarded-For: {self.address}\r\n"
            f"User-Agent: {self.agent}\r\n"
            f"Accept: {accept}\r\n"
            "Accept-Encoding: gzip, deflate\r\n"
            "Accept-Language: zh-CN,zh;q=0.9\r\n"
            "Connection: keep-alive\r\n"
        )


class Crowd:
    """Hands out visitors, nobody twice."""

    def __init__(self) -> None:
        self._positions = itertools.count()
        self.met = 0

    def visitors(self, number: int) -> list[Visitor]:
        self.met += number
        return [Visitor(position) for position in itertools.islice(self._positions, number)]

    def for_ever(self) -> Iterator[Visitor]:
        while True:
            yield from self.visitors(1)

    @property
    def networks(self) -> int:
        """How many different /24 the visitors came from."""
        return min(self.met, 1 << 16)
