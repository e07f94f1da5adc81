"""The load generator: one process, one epoll, keep-alive connections, requests made beforehand.

It shares the machine with what it measures, so it does as little as it can: a reply is a status, a
head and as many bytes as Content-Length says. Each connection holds one conversation after the
other; a reply with another status than the expected one ends the run.
"""

from __future__ import annotations

import gc
import select
import socket
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

CONNECTIONS = 32
STALLED_S = 20.0
#: A phone isn't back within this: a connection that were would have its worker to itself, because
#: gevent goes on to another greenlet only when the next request hasn't come yet.
REST_S = 0.001
CHUNK = 256 * 1024


class WrongReply(Exception):  # noqa: N818 the plain word
    """The server answered something else than what was asked for, or nothing."""


class Request(NamedTuple):
    content: bytes
    status: int


class Reply(NamedTuple):
    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> bytes:
        """Its value, empty if there is none."""
        return _header(self.head, name)


Conversation = Generator[Request, Reply, None]


@dataclass(frozen=True)
class Result:
    """What a run saw: completed conversations, and how long each took from first to last byte."""

    seconds: float
    latencies_s: list[float]

    @property
    def done(self) -> int:
        return len(self.latencies_s)

    @property
    def rate(self) -> float:
        """Conversations a second."""
        return self.done / self.seconds

    def percentile_ms(self, percent: float) -> float:
        ranked = sorted(self.latencies_s)
        return 1000 * ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]


def again(request: Request) -> Iterator[Conversation]:
    """The same request for ever, each a conversation of its own."""
    while True:
        yield once(request)


def once(request: Request) -> Conversation:
    yield request


def run(
    port: int,
    conversations: Iterable[Conversation],
    *,
    seconds: float,
    connections: int = CONNECTIONS,
) -> Result:
    """Hold conversations until there are no more or the time is up; what has begun is finished.

    Raises WrongReply with the first reply that has another status than its request expects.
    """
    lines = {line.socket.fileno(): line for line in (_Line(port) for _ in range(connections))}
    feed = iter(conversations)
    latencies: list[float] = []
    gc.disable()
    try:
        began = time.perf_counter()
        _drive(lines, feed, began + seconds, latencies)
        took = time.perf_counter() - began
    finally:
        gc.enable()
        for line in lines.values():
            line.socket.close()
    if not latencies:
        raise WrongReply("not one conversation was finished")
    return Result(took, latencies)


def _drive(
    lines: dict[int, _Line], feed: Iterator[Conversation], until: float, latencies: list[float]
) -> None:
    clock = time.perf_counter
    poll = select.epoll()
    for number in lines:
        poll.register(number, select.EPOLLIN)
    resting = deque((0.0, line) for line in lines.values())
    waiting = 0
    while waiting or resting:
        wait_s = max(0.0, resting[0][0] - clock()) if resting else STALLED_S
        events = poll.poll(wait_s)
        if not events and not resting:
            raise WrongReply(f"{waiting} requests without an answer for {STALLED_S:g} s")
        for number, _ in events:
            line = lines[number]
            if line.hear():
                now = clock()
                latencies.append(now - line.began)
                waiting -= 1
                resting.append((now + REST_S, line))
        now = clock()
        while resting and resting[0][0] <= now:
            _, line = resting.popleft()
            conversation = next(feed, None) if now < until else None
            if conversation is not None:
                line.begin(conversation)
                waiting += 1
    poll.close()


@dataclass(slots=True)
class _Line:
    """One connection and the conversation on it."""

    port: int
    socket: socket.socket = field(init=False)
    buffer: bytes = b""
    began: float = 0.0
    expected: int = 0
    conversation: Conversation = field(init=False)

    def __post_init__(self) -> None:
        self.socket = connect(self.port)
        self.socket.setblocking(False)

    def begin(self, conversation: Conversation) -> None:
        self.conversation = conversation
        request = next(conversation)
        self.began = time.perf_counter()
        self._say(request)

    def hear(self) -> bool:
        """Read what came, and go on; True when the conversation is over."""
        received = self.socket.recv(CHUNK)
        if not received:
            raise WrongReply(f"the server hung up after {self.buffer[:500]!r}")
        self.buffer = self.buffer + received if self.buffer else received
        reply = read(self.buffer)
        if reply is None:
            return False
        self.buffer = b""
        check(reply, self.expected)
        try:
            request = self.conversation.send(reply)
        except StopIteration:
            return True
        self._say(request)
        return False

    def _say(self, request: Request) -> None:
        self.expected = request.status
        if self.socket.send(request.content) != len(request.content):
            raise WrongReply("the server takes no more requests")


def connect(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=STALLED_S)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return line


def hold(line: socket.socket, conversation: Conversation) -> None:
    """One conversation on a connection that may block: for whatever is not measured."""
    request = next(conversation)
    while True:
        line.sendall(request.content)
        buffer, reply = b"", None
        while reply is None:
            received = line.recv(CHUNK)
            if not received:
                raise WrongReply(f"the server hung up after {buffer[:500]!r}")
            buffer += received
            reply = read(buffer)
        check(reply, request.status)
        try:
            request = conversation.send(reply)
        except StopIteration:
            return


def read(buffer: bytes) -> Reply | None:
    """The reply that the buffer holds, None while it isn't complete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = buffer[: end + 2]
    length = _header(head, b"content-length")
    if not length.isdigit():
        raise WrongReply(f"a reply without Content-Length: {head!r}")
    complete = end + 4 + int(length)
    if len(buffer) < complete:
        return None
    if len(buffer) > complete:
        raise WrongReply(f"more than one reply to a request: {buffer[complete:][:500]!r}")
    return Reply(int(head[9:12]), head, buffer[end + 4 :])


def check(reply: Reply, status: int) -> None:
    if reply.status != status:
        body = reply.body[:2000].decode("utf-8", "replace")
        raise WrongReply(f"{status} was expected, {reply.status} came:\n{body}")


def _header(head: bytes, name: bytes) -> bytes:
    at = head.lower().find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    start = at + len(name) + 3
    return head[start : head.find(b"\r\n", start)].strip()
