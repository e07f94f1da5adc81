"""A world: everything about a contest's public that a ledger of votes follows from.

Parameters only, no votes. Each named world is a function of a random generator, so that its figures
differ from seed to seed: whoever fits to one of them is fitted to nothing. All figures are guesses
of what contests look like; none was measured at a real one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
#: Shanghai, where the days of the contest begin at midnight.
ZONE: Final = 8 * HOUR
#: A Monday, 2026-06-01 00:00 in Shanghai.
MONDAY: Final = 1_780_243_200_000

Rng = np.random.Generator

#: Weights of the 24 hours.
OFFICE: Final = (
    1.3, 0.7, 0.4, 0.3, 0.2, 0.4, 1.0, 2.8, 4.4, 4.0, 3.7, 4.3,
    6.0, 4.8, 3.5, 3.5, 3.9, 4.8, 5.6, 7.0, 8.4, 8.8, 6.9, 3.6,
)  # fmt: skip
EVENING: Final = (
    2.2, 1.0, 0.5, 0.3, 0.2, 0.3, 0.6, 1.5, 2.2, 2.3, 2.4, 3.0,
    4.0, 3.2, 2.4, 2.4, 2.8, 4.0, 6.5, 9.0, 11.5, 12.0, 9.5, 5.0,
)  # fmt: skip
STUDENTS: Final = (
    5.0, 3.0, 1.6, 0.8, 0.4, 0.3, 0.6, 2.0, 2.6, 2.8, 3.6, 6.4,
    7.6, 4.6, 3.0, 3.2, 3.6, 5.2, 6.4, 6.6, 7.0, 8.0, 9.4, 8.6,
)  # fmt: skip
EARLY: Final = (
    0.4, 0.2, 0.2, 0.2, 0.4, 1.6, 4.4, 6.6, 7.4, 6.6, 5.6, 5.2,
    4.6, 3.6, 3.8, 4.2, 4.4, 4.6, 5.4, 6.4, 6.2, 4.2, 1.8, 0.8,
)  # fmt: skip
LEVEL: Final = (
    2.6, 2.0, 1.6, 1.4, 1.3, 1.5, 2.2, 3.4, 4.2, 4.4, 4.4, 4.6,
    5.0, 4.8, 4.4, 4.4, 4.6, 4.8, 5.2, 5.6, 5.8, 5.6, 4.8, 3.6,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clock:
    """When people vote. `launch`, `closing` (height, days) and `rush` (height, hours) decay from
    the window's ends; `outages`: minutes in which nothing was accepted, made up for afterwards."""

    opens_ms: int = MONDAY + 10 * HOUR
    days: float = 14
    hours: tuple[float, ...] = OFFICE
    weekend: float = 1.15
    launch: tuple[float, float] = (1.1, 1.2)
    closing: tuple[float, float] = (0.9, 1.0)
    rush: tuple[float, float] = (2.2, 1.5)
    noise: float = 0.12
    outages: int = 0

    @property
    def closes_ms(self) -> int:
        return self.opens_ms + int(self.days * DAY)


@dataclass(frozen=True, slots=True)
class Popularity:
    """`law`: zipf (`skew`), lognormal (`spread`), two-tier (`favourites` with `their` share)."""

    law: str = "zipf"
    skew: float = 0.85
    spread: float = 0.25
    favourites: int = 20
    their: float = 0.65


@dataclass(frozen=True, slots=True)
class Habits:
    """How people use an entry's page: medians of seconds, their spread (of the logarithm), how
    many never press play; `left_open`: pages that lie open for long; nobody is under `least_ms`."""

    friend_s: float = 8.0
    look_s: float = 24.0
    spread: float = 0.8
    friend_unwatched: float = 0.42
    look_unwatched: float = 0.16
    films_s: tuple[float, float] = (45, 240)
    left_open: float = 0.02
    least_ms: int = 800


@dataclass(frozen=True, slots=True)
class Links:
    """How friends ask for votes: share of fans who come by a link, people per share code, and how
    much of an entry's traffic its largest codes carry (the higher `skew`, the more)."""

    by_link: float = 0.75
    per_code: float = 9.0
    skew: float = 1.6
    cascade: float = 0.5


@dataclass(frozen=True, slots=True)
class Networks:
    """`access`: shares of mobile IPv4 (behind CGNAT), mobile IPv6, home, office, campus, cloud
    (VPN), abroad. `shared_homes`, `homes_v6`: of the homes. `handover`: chance that the address
    changes within a session; `redial`: that a home has another address than yesterday."""

    regions: int = 30
    skew: float = 0.6
    carriers: int = 3
    pool_ips: tuple[float, float] = (2.6, 0.6)
    pool_nets: int = 3
    access: tuple[float, ...] = (0.33, 0.24, 0.31, 0.06, 0.04, 0.01, 0.01)
    shared_homes: float = 0.3
    homes_v6: float = 0.15
    votes_per_home: float = 9
    neighbours: int = 40
    votes_per_office: float = 1500
    campuses: int = 8
    campus_ips: int = 3
    clouds: int = 60
    handover: float = 0.03
    redial: float = 0.3
    away: float = 0.2


@dataclass(frozen=True, slots=True)
class Agents:
    """The catalogue of browsers: how many strings, how unequal, the share of the loudest one, the
    share of people whose string hardly anybody else has; `updates`: strings replaced midway."""

    strings: int = 600
    skew: float = 0.9
    loudest: float = 0.06
    rare: float = 0.03
    updates: int = 0


@dataclass(frozen=True, slots=True)
class Public:
    """Who votes: shares of fans (one entry), the loyal (daily), those who look around after a
    friend's entry, and explorers; how many come again; how many devices forget their cookie."""

    kinds: tuple[float, float, float, float] = (0.50, 0.12, 0.20, 0.18)
    again: float = 0.13
    cookie_loss: float = 0.12
    openid: float = 0.72
    local: float = 0.6


@dataclass(frozen=True, slots=True)
class Format:
    """How the ledger is written. The site's own has hex browsers, whole seconds, plain entry
    numbers; the shared simulator's has `family/hex`, tenths of seconds, `e017`."""

    family: bool = False
    tenths: bool = False
    entry: str = "{}"


#: Shares of the honest votes that each special crowd brings, on average.
CLASSIC: Final[Mapping[str, float]] = {
    "campus": 0.024, "viral": 0.026, "livestream": 0.016, "office": 0.010,
    "club": 0.018, "family": 0.006,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    name: str
    entries: int = 120
    popularity: Popularity = Popularity()
    clock: Clock = Clock()
    habits: Habits = Habits()
    links: Links = Links()
    networks: Networks = Networks()
    agents: Agents = Agents()
    public: Public = Public()
    format: Format = Format()
    per_day: int = 10
    crowds: Mapping[str, float] = field(default_factory=lambda: dict(CLASSIC))


def home(r: Rng) -> World:
    """Near the shared simulator's assumptions: two weeks, 120 entries, 72 % openids."""
    return World(
        "home",
        clock=Clock(rush=(r.uniform(1.6, 2.6), 1.5), weekend=r.uniform(1.0, 1.25)),
        habits=Habits(friend_s=r.uniform(7, 9), look_s=r.uniform(21, 27)),
        public=Public(openid=r.uniform(0.68, 0.76)),
        format=Format(family=True, tenths=True, entry="e{:03d}"),
        crowds=_varied(r, CLASSIC),
    )


def laws(r: Rng) -> World:
    """Another popularity law and another number of entries; the rest as at home."""
    law = str(r.choice(["lognormal", "two-tier", "zipf", "flat"]))
    spread = {"lognormal": r.uniform(0.8, 1.4), "zipf": 0.4, "two-tier": 0.3}.get(law, 0.35)
    favourites = int(r.integers(12, 30))
    return replace(
        home(r),
        name="laws",
        entries=int(r.integers(60, 401)),
        popularity=Popularity(law, r.uniform(1.0, 1.35), spread, favourites, r.uniform(0.5, 0.75)),
        links=_links(r),
        format=Format(entry="{}"),
        per_day=int(r.choice([3, 5, 10])),
    )


def rhythm(r: Rng) -> World:
    """Another window, other hours and weekends, other page habits, with outages."""
    return replace(
        home(r),
        name="rhythm",
        clock=_clock(r),
        habits=_habits(r),
        public=_public(r, r.uniform(0.62, 0.82)),
        per_day=int(r.choice([5, 10])),
    )


def identities(r: Rng) -> World:
    """45 or 95 % openids; other networks, other browsers, and the site's own ledger format."""
    return replace(
        home(r),
        name="identities",
        networks=_networks(r),
        agents=_agents(r),
        public=_public(r, float(r.choice([0.45, 0.95])) + r.uniform(-0.02, 0.02)),
        links=_links(r),
        format=Format(entry="{}"),
    )


def _varied(r: Rng, crowds: Mapping[str, float]) -> dict[str, float]:
    return {name: share * float(r.uniform(0.5, 1.6)) for name, share in crowds.items()}


def _clock(r: Rng) -> Clock:
    hours = (OFFICE, EVENING, STUDENTS, EARLY, LEVEL)[int(r.integers(5))]
    return Clock(
        opens_ms=MONDAY + int(r.integers(0, 7 * 24)) * HOUR,
        days=float(r.choice([3, 5, 7, 10, 21, 30])),
        hours=tuple(np.roll(np.array(hours), int(r.integers(-1, 2))).tolist()),
        weekend=r.uniform(0.6, 1.6),
        launch=(r.uniform(0, 2.5), r.uniform(0.3, 1.5)),
        closing=(r.uniform(0, 1.5), r.uniform(0.5, 1.5)),
        rush=(r.uniform(0, 5), r.uniform(0.4, 3)),
        noise=r.uniform(0.05, 0.35),
        outages=int(r.integers(0, 4)),
    )


def _habits(r: Rng) -> Habits:
    shortest = r.uniform(10, 90)
    return Habits(
        friend_s=r.uniform(4.5, 16),
        look_s=r.uniform(14, 50),
        spread=r.uniform(0.55, 1.1),
        friend_unwatched=r.uniform(0.2, 0.7),
        look_unwatched=r.uniform(0.05, 0.4),
        films_s=(shortest, shortest * r.uniform(1.5, 5)),
        left_open=r.uniform(0, 0.06),
        least_ms=int(r.choice([500, 1000, 2000])),
    )


def _links(r: Rng) -> Links:
    return Links(r.uniform(0.3, 0.95), r.uniform(3, 30), r.uniform(1.2, 2.6), r.uniform(0.2, 0.8))


def _networks(r: Rng) -> Networks:
    access = r.dirichlet(np.array([0.33, 0.24, 0.31, 0.06, 0.04, 0.01, 0.01]) * 25)
    return Networks(
        regions=int(r.integers(8, 60)),
        skew=r.uniform(0.2, 1.2),
        carriers=int(r.integers(2, 5)),
        pool_ips=(r.uniform(1.2, 3.6), r.uniform(0.3, 0.9)),
        pool_nets=int(r.integers(1, 6)),
        access=tuple((np.maximum(access, 0.003) / np.maximum(access, 0.003).sum()).tolist()),
        shared_homes=r.uniform(0.05, 0.8),
        homes_v6=r.uniform(0, 0.5),
        votes_per_home=r.uniform(4, 14),
        neighbours=int(r.integers(8, 120)),
        votes_per_office=r.uniform(500, 4000),
        campuses=int(r.integers(3, 25)),
        campus_ips=int(r.integers(1, 16)),
        clouds=int(r.integers(20, 150)),
        handover=r.uniform(0.0, 0.12),
        redial=r.uniform(0.05, 0.7),
        away=r.uniform(0.1, 0.35),
    )


def _agents(r: Rng) -> Agents:
    return Agents(
        strings=int(r.integers(150, 2500)),
        skew=r.uniform(0.6, 1.2),
        loudest=r.uniform(0.03, 0.2),
        rare=r.uniform(0.01, 0.1),
        updates=int(r.integers(0, 4)),
    )


def _public(r: Rng, openid: float) -> Public:
    kinds = r.dirichlet(np.array([0.50, 0.12, 0.20, 0.18]) * 20)
    return Public(
        kinds=(float(kinds[0]), float(kinds[1]), float(kinds[2]), float(kinds[3])),
        again=r.uniform(0.05, 0.3),
        cookie_loss=r.uniform(0.05, 0.3),
        openid=openid,
        local=r.uniform(0.2, 0.85),
    )


CLASSIC_WORLDS: Final[Mapping[str, Callable[[Rng], World]]] = {
    "home": home,
    "laws": laws,
    "rhythm": rhythm,
    "identities": identities,
}
