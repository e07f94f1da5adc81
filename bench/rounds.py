"""Interleaved rounds: every round measures everything briefly, so that what else the machine does
falls on all of it alike; a ratio is made within its round, and the median of rounds is told."""

from __future__ import annotations

import statistics
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from bench.load import Conversation, Request, Result, again, connect, hold, run
from bench.stage import Server, Stage
from bench.visitors import NOT_YET, Crowd, Visitor
from voting.voter import VIEW_RIPENS_MS

#: Votes a second beside the pages, so that the standings really change.
TRICKLE = 5
#: The site takes nothing within a second of the look; so long nobody does anything.
RIPENS_S = VIEW_RIPENS_MS / 1000
#: A phase that has a number of requests to send doesn't take longer than this.
LONGEST_S = 10.0


@dataclass(frozen=True)
class Measured:
    """One scenario in one round; CPU in microseconds a conversation."""

    result: Result
    server_us: float
    store_us: float


@dataclass(frozen=True)
class Size:
    """How much is done: seconds a scenario without visitors, visitors a round."""

    rounds: int
    seconds: float
    apart: int
    together: int


class Rounds:
    def __init__(self, stage: Stage, size: Size) -> None:
        self.stage, self.size = stage, size
        self.crowd = Crowd()
        self.seen: dict[str, list[Measured]] = defaultdict(list)

    def play(self, say: Callable[[str], None]) -> None:
        """All rounds; before them one that doesn't count, because everything is cold."""
        self._round(Size(1, min(0.5, self.size.seconds), 200, 100), reverse=False)
        self.seen.clear()
        for number in range(self.size.rounds):
            say(f"round {number + 1} of {self.size.rounds} …")
            self._round(self.size, reverse=bool(number % 2))

    def _round(self, size: Size, reverse: bool) -> None:
        """Each denominator runs right beside what is divided by it; every other round backwards."""
        site, floor = self.stage.site, self.stage.floor
        people = self.crowd.visitors(size.apart)
        sample = people[0]
        self._measure("me", site, (one.look() for one in people), LONGEST_S)
        people = [one for one in people if one.pass_request is not NOT_YET]
        time.sleep(RIPENS_S)
        self._measure("passes", site, (one.ask_pass() for one in people), LONGEST_S)
        people = [one for one in people if one.vote_request is not NOT_YET]

        def post(path: str) -> Iterator[Conversation]:
            """The same head, cookie and body as a vote, to a view that doesn't read them."""
            vote = f"/api/v1/entries/{people[0].entry}/votes".encode()
            content = people[0].vote_request.content.replace(vote, path.encode(), 1)
            return again(Request(content, 201))

        votes: list[tuple[str, Server, Iterable[Conversation], float]] = [
            ("bare_post", floor, post("/bare"), size.seconds),
            ("floor", floor, post("/floor"), size.seconds),
            ("vote", site, (one.vote() for one in people), LONGEST_S),
        ]
        pages: list[tuple[str, Server, Iterable[Conversation], float]] = [
            ("bare_get", floor, again(sample.get("/bare")), size.seconds),
            ("gallery", site, again(sample.get("/")), size.seconds),
            ("top", site, again(sample.get("/top")), size.seconds),
            ("standings", site, again(sample.get("/api/v1/standings")), size.seconds),
        ]
        for one in reversed(votes) if reverse else votes:
            self._measure(*one)
        with Trickle(site.port, self.crowd):
            for one in reversed(pages) if reverse else pages:
                self._measure(*one)
        together = self.crowd.visitors(size.together)
        run(site.port, (one.look() for one in together), seconds=LONGEST_S)
        time.sleep(RIPENS_S)
        together = [one for one in together if one.pass_request is not NOT_YET]
        self._measure("together", site, (one.rest() for one in together), LONGEST_S)

    def _measure(
        self, name: str, server: Server, conversations: Iterable[Conversation], seconds: float
    ) -> None:
        before = server.cpu_s(), self.stage.store_cpu_s()
        result = run(server.port, conversations, seconds=seconds)
        after = server.cpu_s(), self.stage.store_cpu_s()
        server_us, store_us = (
            1e6 * (late - early) / result.done for early, late in zip(before, after, strict=True)
        )
        self.seen[name].append(Measured(result, server_us, store_us))

    def scenario(self, name: str) -> dict[str, Any]:
        """Medians over the rounds: rate, latencies, CPU."""
        seen = self.seen[name]

        def median(value: Callable[[Measured], float], digits: int) -> float:
            return round(statistics.median(map(value, seen)), digits)

        return {
            "rate": median(lambda m: m.result.rate, 0),
            "p50_ms": median(lambda m: m.result.percentile_ms(50), 2),
            "p99_ms": median(lambda m: m.result.percentile_ms(99), 2),
            "server_us": median(lambda m: m.server_us, 0),
            "store_us": median(lambda m: m.store_us, 0),
            "requests": sum(m.result.done for m in seen),
        }

    def ratio(self, name: str, base: str) -> dict[str, float]:
        """The rates' ratio: its median, lowest and highest round; and the ratio of server CPU
        a request the other way round, which what else the machine does hardly touches."""
        pairs = list(zip(self.seen[name], self.seen[base], strict=True))
        ratios = [one.result.rate / other.result.rate for one, other in pairs]
        by_cpu = statistics.median(other.server_us / one.server_us for one, other in pairs)
        return {
            "median": round(statistics.median(ratios), 3),
            "lowest": round(min(ratios), 3),
            "highest": round(max(ratios), 3),
            "by_cpu": round(by_cpu, 3),
        }


class Trickle:
    """A few whole votes a second, beside what is measured."""

    def __init__(self, port: int, crowd: Crowd) -> None:
        self.port, self.crowd = port, crowd
        self.enough = threading.Event()
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._flow)

    def __enter__(self) -> Trickle:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.enough.set()
        self.thread.join()
        if self.failure and error is None:
            raise self.failure

    def _flow(self) -> None:
        looking: deque[Visitor] = deque()
        try:
            with connect(self.port) as line:
                for one in self.crowd.for_ever():
                    if self.enough.wait(1 / TRICKLE):
                        return
                    hold(line, one.look())
                    looking.append(one)
                    if len(looking) > TRICKLE * RIPENS_S:
                        hold(line, looking.popleft().rest())
        except BaseException as error:
            self.failure = error
