"""`/metrics`: how the site is, for Prometheus. Everything is derived from the stores as they are
when it asks, so each process says the same, and none keeps files for it.

It holds no word about anybody: no address, no name, no network. What it says of votes is what
everybody may see.
"""

from __future__ import annotations

import hmac
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from flask import Blueprint, Response, current_app, request
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from werkzeug.exceptions import NotFound

from voting.contest import Phase, day_of, what_may_be_shown
from voting.store.client import Client, StoreDown
from voting.store.jobs import JobState
from voting.store.pulse import Pulse, pulse
from voting.store.standings import Board
from voting.web.organizer.docket import Clerk
from voting.web.organizer.gate import PROXIED, is_at_the_machine
from voting.web.site import Site, this_site

blueprint = Blueprint("metrics", __name__)

MOST_DAYS = 400


@blueprint.get("/metrics")
def metrics() -> Response:
    """For whoever has the token; without one in the settings, for this machine itself."""
    site = this_site()
    if not _may_read(site.settings.metrics_token):
        raise NotFound
    registry = CollectorRegistry(auto_describe=False)
    clerk = current_app.extensions.setdefault("metrics", Clerk())
    registry.register(Condition(site, clerk, site.now_ms()))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    headers = {"Cache-Control": "no-store"}
    return Response(encode(registry), headers=headers, content_type=content_type)


def _may_read(token: str) -> bool:
    if not token:
        # A proxy that nobody told us of (TRUSTED_PROXIES) makes strangers look like this machine.
        return is_at_the_machine() and not any(name in request.headers for name in PROXIED)
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    return same and scheme.lower() == "bearer"


@dataclass(frozen=True, eq=False)  # a registry keeps its collectors by identity
class Condition:
    """A collector. A store that is away takes its figures along, and says so itself."""

    site: Site
    clerk: Clerk
    now_ms: int

    def collect(self) -> Iterator[Metric]:
        store = self.site.store
        pulses = {"law": _pulse(store.law), "throttle": _pulse(store.throttle)}
        yield from self._stores(pulses)
        yield from self._disk()
        yield from self._worker()
        with suppress(StoreDown):  # in the middle of it, or there has never been a board
            board = self.site.board()
            yield from self._vote(board)
            if pulses["law"]:
                yield from self._refusals(board)
                yield from self._jobs()
                yield from self._cases(board)

    def _stores(self, pulses: Mapping[str, Pulse | None]) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "voting_store_up", "Whether the store answers: law keeps the votes.", labels=["store"]
        )
        latency = GaugeMetricFamily(
            "voting_store_latency_seconds", "How long a ping takes.", labels=["store"]
        )
        for name, found in pulses.items():
            up.add_metric([name], int(found is not None))
            if found:
                latency.add_metric([name], found.latency_ms / 1000)
        yield up
        yield latency

    def _disk(self) -> Iterator[Metric]:
        try:
            free = shutil.disk_usage(self.site.settings.data_dir).free
        except OSError:
            return
        yield GaugeMetricFamily("voting_disk_free_bytes", "Free where DATA_DIR is.", value=free)

    def _worker(self) -> Iterator[Metric]:
        beat_ms = self.site.store.figures.read().beat_ms
        if beat_ms:
            yield _moment("voting_worker_beat", "When the worker last gave a sign.", beat_ms)

    def _vote(self, board: Board) -> Iterator[Metric]:
        phase = board.phase(self.now_ms)
        states = {one.value: one is phase for one in Phase}
        yield StateSetMetricFamily("voting_phase", "Where the vote stands.", value=states)
        as_of_ms = board.snapshot.as_of_ms
        yield _moment("voting_standings", "When the standings were counted.", as_of_ms)
        stale = int(board.stale)
        yield GaugeMetricFamily(
            "voting_standings_stale", "Whether pages live on what was kept.", value=stale
        )
        # Asked here as by every output: in quiet hours there is none, or a rounded one.
        if what_may_be_shown(board.rules, self.now_ms).counts:
            total = board.shown(self.now_ms).total_votes
            yield GaugeMetricFamily("voting_votes", "Votes as everybody may see them.", value=total)
        yield GaugeMetricFamily("voting_entries", "Public entries.", value=len(board.entries))
        declared = sum(
            self.now_ms < (one.until_ms or board.rules.closes_ms)
            for one in board.catalogue.declared
        )
        yield GaugeMetricFamily(
            "voting_declared_networks", "Declared networks in force.", value=declared
        )

    def _refusals(self, board: Board) -> Iterator[Metric]:
        today = day_of(self.now_ms)
        first = max(day_of(board.catalogue.versions[0].since_ms), today - MOST_DAYS)
        days = self.site.store.refusals.of(range(first, today + 1))
        ever: Counter[str] = Counter()
        for one in days:
            ever.update(one)
        total = CounterMetricFamily(
            "voting_refusals", "Requests to vote that were refused, ever.", labels=["reason"]
        )
        lately = GaugeMetricFamily(
            "voting_refusals_today", "The same since midnight in Shanghai.", labels=["reason"]
        )
        for reason in sorted(ever):
            total.add_metric([reason], ever[reason])
            lately.add_metric([reason], days[-1][reason])
        yield total
        yield lately

    def _jobs(self) -> Iterator[Metric]:
        counts = Counter(job.state for job in self.site.store.jobs.all())
        jobs = GaugeMetricFamily(
            "voting_jobs", "Long work of the last seven days.", labels=["state"]
        )
        for state in JobState:
            jobs.add_metric([state.value], counts[state])
        yield jobs

    def _cases(self, board: Board) -> Iterator[Metric]:
        """Nothing while scrutiny has never run."""
        docket = self.clerk.lately(self.site.store, board)
        if docket is None or docket.run is None:
            return
        yield _moment("voting_scrutiny", "When scrutiny last looked.", docket.run.at_ms)
        cases = GaugeMetricFamily(
            "voting_cases", "Cases that wait for people; urgent: winners hang on it.",
            labels=["state"],
        )  # fmt: skip
        cases.add_metric(["open"], sum(bool(one.open) for one in docket.matters))
        cases.add_metric(["urgent"], len(docket.urgent))
        yield cases


def _moment(name: str, what: str, at_ms: int) -> Metric:
    """A moment as the conventions want it: its age is `time()` minus this."""
    return GaugeMetricFamily(f"{name}_timestamp_seconds", what, value=at_ms / 1000)


def _pulse(client: Client) -> Pulse | None:
    try:
        return pulse(client)
    except StoreDown:
        return None
