"""A town: one drawn world with its people, networks, browsers and links, and the votes cast in it.

Honest crowds and attacks both take their people, addresses and browsers from here, so that nothing
tells them apart that wouldn't in life. Inside, everything is an integer; names are given at the end
(ledger.py).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.fraud.world import DAY, HOUR, MONDAY, ZONE, World

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MINUTE: Final = 60_000


class Access(enum.IntEnum):
    """How somebody is on the net; also the high digits of a network's number."""

    MOBILE = 0
    MOBILE_V6 = 1
    HOME = 2
    OFFICE = 3
    CAMPUS = 4
    CLOUD = 5
    ABROAD = 6
    SHARED_HOME = 7
    HOME_V6 = 8
    VENUE = 9


V6: Final = (Access.MOBILE_V6, Access.HOME_V6)


def network(access: Access, number: ArrayLike) -> Ints:
    """A /24, or an IPv6 /48, as an integer."""
    return (int(access) << 40) + np.asarray(number, np.int64)


@dataclass(slots=True)
class People:
    """What stays the same about each of some people; arrays of one length."""

    region: Ints
    access: Ints
    carrier: Ints
    home: Ints
    office: Ints
    campus: Ints
    wechat: NDArray[np.bool_]
    agent: Ints
    voter: Ints

    def __len__(self) -> int:
        return len(self.voter)

    def take(self, which: Any) -> People:
        return People(*(getattr(self, one.name)[which] for one in fields(self)))


class Town:
    """A drawn world. `cast` adds votes; the methods above it draw what a vote is made of."""

    def __init__(self, world: World, rng: np.random.Generator, votes: int) -> None:
        self.world, self.rng, self.votes = world, rng, votes
        self.chunks: list[dict[str, Any]] = []
        self.kinds: list[str] = []
        self.voters = self.codes = self.venues = 0
        self.codes_of: dict[int, Ints] = {}
        self._popularity()
        self._hours()
        self._places()
        self._browsers()

    # What the town is made of.

    def _popularity(self) -> None:
        r, law, n = self.rng, self.world.popularity, self.world.entries
        if law.law == "zipf":
            weight = np.arange(1, n + 1) ** -law.skew
        elif law.law == "two-tier":
            few = min(law.favourites, n // 2)
            weight = np.r_[np.full(few, law.their / few), np.full(n - few, (1 - law.their) / n)]
        else:
            weight = np.ones(n)
        self.popularity = r.permutation(weight * r.lognormal(0, law.spread, n))
        self.popularity /= self.popularity.sum()
        self.film_s = r.uniform(*self.world.habits.films_s, n)

    def _hours(self) -> None:
        """Cumulated weights of the window's five-minute steps; how long sleepers sleep on."""
        clock = self.world.clock
        self.steps = np.arange(clock.opens_ms, clock.closes_ms, 5 * MINUTE)
        local = self.steps + ZONE
        hours = np.array(clock.hours)
        day = np.interp((local % DAY) / HOUR, np.arange(25), np.r_[hours, hours[0]])
        since, until = (self.steps - clock.opens_ms) / DAY, (clock.closes_ms - self.steps) / DAY
        level = 1 + clock.launch[0] * np.exp(-since / clock.launch[1])
        level += clock.closing[0] * np.exp(-until / clock.closing[1])
        level += clock.rush[0] * np.exp(-until * 24 / clock.rush[1])
        level *= np.where((local - MONDAY - ZONE) // DAY % 7 >= 5, clock.weekend, 1)
        dates = (local // DAY - local[0] // DAY).astype(int)
        level *= self.rng.lognormal(0, clock.noise, dates[-1] + 1)[dates]
        self.weight = np.cumsum(day * level) / (day * level).sum()
        awake = hours >= 0.55 * hours.mean()
        self.sleep_h = np.array(
            [next((k for k in range(24) if awake[(h + k) % 24]), 0) for h in range(24)]
        )
        self.asleep = hours < 0.3 * hours.mean()

    def _places(self) -> None:
        r, w = self.rng, self.world.networks
        self.region_p = _zipf(w.regions, w.skew)
        pools = w.regions * w.carriers
        self.pool_nets = r.integers(1, w.pool_nets + 1, pools)
        self.pool_ips = np.clip(r.lognormal(*w.pool_ips, pools), 3, 250).astype(int)
        self.home_count = max(300, int(self.votes / w.votes_per_home))
        self.home_region = np.sort(r.choice(w.regions, self.home_count, p=self.region_p))
        self.home_from = np.searchsorted(self.home_region, np.arange(w.regions + 1))
        kind = r.random(self.home_count)
        self.home_access = np.select(
            [kind < w.shared_homes, kind < w.shared_homes + (1 - w.shared_homes) * w.homes_v6],
            [Access.SHARED_HOME, Access.HOME_V6], Access.HOME,
        )  # fmt: skip
        self.offices = max(10, int(self.votes / w.votes_per_office))
        self.campus_region = r.choice(w.regions, w.campuses)
        self.entry_region = r.choice(w.regions, self.world.entries, p=self.region_p)

    def _browsers(self) -> None:
        r, a = self.rng, self.world.agents
        self.inside = max(20, int(a.strings * 0.8))  # strings of WeChat; the rest are browsers
        p = np.r_[0.84 * r.permutation(_zipf(self.inside, a.skew)),
                  0.16 * r.permutation(_zipf(a.strings - self.inside, a.skew))]  # fmt: skip
        loudest = int(np.argmax(p[: self.inside]))
        p *= (1 - a.loudest) / (1 - p[loudest])
        p[loudest] = a.loudest
        self.agent_p = p / p.sum()

    # What a vote is made of.

    def moments(self, n: int) -> Ints:
        """Moments at which this town votes."""
        step = np.searchsorted(self.weight, self.rng.random(n)).clip(max=len(self.steps) - 1)
        at: Ints = self.steps[step] + self.rng.integers(0, 5 * MINUTE, n)
        return at

    def awake(self, at: ArrayLike) -> Ints:
        """The same moments; most of those at which people sleep have moved to the morning."""
        moved = np.array(at, np.int64)
        hour = ((moved + ZONE) % DAY // HOUR).astype(int)
        late = self.asleep[hour] & (self.rng.random(len(moved)) < 0.8)
        wait = self.sleep_h[hour[late]] + self.rng.exponential(1.2, int(late.sum()))
        moved[late] += (wait * HOUR).astype(np.int64)
        return moved

    @property
    def dates(self) -> int:
        """How many calendar days the window touches."""
        clock = self.world.clock
        return int((clock.closes_ms + ZONE - 1) // DAY - (clock.opens_ms + ZONE) // DAY) + 1

    def date(self, last: int = 0) -> int:
        """Any date of the window, `last` dates before its end at the latest."""
        return int(self.rng.integers(0, max(1, self.dates - last)))

    def at(self, date: int, earliest_h: float, latest_h: float) -> int:
        """A moment between two hours of a date; within the window, if need be another day."""
        clock = self.world.clock
        midnight = (clock.opens_ms + ZONE) // DAY * DAY - ZONE
        moment = midnight + date * DAY + int(self.rng.uniform(earliest_h, latest_h) * HOUR)
        if moment < clock.opens_ms:
            moment += DAY
        while moment > clock.closes_ms - HOUR / 2 and moment - DAY >= clock.opens_ms:
            moment -= DAY
        return moment

    def entries(self, n: int, power: float = 1.0) -> Ints:
        """Entries as people like them; `power` under 1 gives the less liked ones a chance."""
        p = np.cumsum(self.popularity**power)
        found: Ints = np.searchsorted(p, self.rng.random(n) * p[-1] * (1 - 1e-12))
        return found

    def entry(self, power: float = 1.0) -> int:
        return int(self.entries(1, power)[0])

    def new_voters(self, n: int) -> Ints:
        self.voters += n
        return np.arange(self.voters - n, self.voters)

    def new_codes(self, n: int) -> Ints:
        self.codes += n
        return np.arange(self.codes - n, self.codes)

    def venue(self) -> tuple[Ints, Ints]:
        """(address, network) of a place that has a line of its own: a hall, a school, a works."""
        self.venues += 1
        net = network(Access.VENUE, self.venues)
        return net * 256 + int(self.rng.integers(1, 250)), net

    def agents(self, wechat: NDArray[np.bool_]) -> Ints:
        """Browser strings for people inside WeChat (True) and those with a device's cookie."""
        r, n = self.rng, len(wechat)
        inside = wechat | (r.random(n) < 0.4)
        p = self.agent_p
        agent = np.empty(n, np.int64)
        for is_inside, part in ((True, slice(0, self.inside)), (False, slice(self.inside, None))):
            which = inside == is_inside
            total = np.cumsum(p[part])
            drawn = np.searchsorted(total, r.random(int(which.sum())) * total[-1] * (1 - 1e-12))
            agent[which] = drawn + (part.start or 0)
        rare = r.random(n) < self.world.agents.rare
        count = self.world.agents.strings
        agent[rare] = count + 2 * r.integers(0, 2 * count, int(rare.sum())) + ~inside[rare]
        return agent

    def people(
        self,
        n: int,
        region: ArrayLike | None = None,
        local: ArrayLike | None = None,
        openid: float | None = None,
        access: tuple[float, ...] | Access | None = None,
    ) -> People:
        """`n` new people; `local` of them live in `region`."""
        r, w = self.rng, self.world
        where = r.choice(w.networks.regions, n, p=self.region_p)
        if region is not None:
            here = r.random(n) < np.asarray(w.public.local if local is None else local, float)
            where = np.where(here, np.broadcast_to(np.asarray(region), n), where)
        wechat = r.random(n) < (w.public.openid if openid is None else openid)
        if isinstance(access, Access):
            how = np.full(n, int(access))
        else:
            p = np.array(w.networks.access if access is None else access)
            how = r.choice(len(p), n, p=p / p.sum())
        first, after = self.home_from[where], self.home_from[where + 1]
        lives = first + (r.random(n) * np.maximum(after - first, 1)).astype(np.int64)
        return People(
            region=where,
            access=how,
            carrier=r.integers(0, w.networks.carriers, n),
            home=np.minimum(lives, self.home_count - 1),
            office=r.integers(0, self.offices, n),
            campus=r.integers(0, w.networks.campuses, n),
            wechat=wechat,
            agent=self.agents(wechat),
            voter=self.new_voters(n),
        )

    def addresses(self, who: People, at: ArrayLike | None = None) -> tuple[Ints, Ints]:
        """(address, network) of each for one session: mobile ones are new each time. `at`: when
        the sessions are, if not all on one day; a home may have another address each day."""
        r, w, n = self.rng, self.world.networks, len(who)
        away = np.isin(who.access, (Access.HOME, Access.OFFICE, Access.CAMPUS))
        how = np.where(away & (r.random(n) < w.away), Access.MOBILE, who.access)
        how = np.where(how == Access.HOME, self.home_access[who.home], how)
        pool = who.region * w.carriers + who.carrier
        sub = (r.random(n) * self.pool_nets[pool]).astype(np.int64)
        number = np.select(
            [how == one for one in (Access.MOBILE, Access.MOBILE_V6, Access.HOME, Access.OFFICE,
                                    Access.CAMPUS, Access.CLOUD, Access.ABROAD,
                                    Access.SHARED_HOME, Access.HOME_V6)],
            [pool * 16 + sub, pool * 2 + sub % 2, who.home // w.neighbours, who.office,
             who.campus, who.office % w.clouds, who.voter % 4000,
             who.region * 8 + who.home % 4, who.region * 4 + who.home % 3],
        )  # fmt: skip
        host = np.select(
            [how == one for one in (Access.MOBILE, Access.HOME, Access.OFFICE, Access.CAMPUS,
                                    Access.CLOUD, Access.ABROAD, Access.SHARED_HOME)],
            [r.random(n) ** 1.4 * self.pool_ips[pool], who.home % w.neighbours, who.office % 3 == 0,
             r.random(n) * w.campus_ips, number % 5, who.voter % 200, who.home % 12],
        ).astype(np.int64)  # fmt: skip
        day = r.integers(1 << 30) if at is None else (np.asarray(at, np.int64) + ZONE) // DAY
        dice = _dice(who.home, day)
        redialled = (how == Access.HOME) & (dice % 1000 < w.redial * 1000)
        host = np.where(redialled, dice // 1000 % 250, host)
        net = (how.astype(np.int64) << 40) + number
        fresh = (1 << 61) + r.integers(0, 1 << 58, n)
        return np.where(np.isin(how, V6), fresh, net * 256 + host), net

    def stay_put(self, who: People, place: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
        """The addresses of a session's later votes: the same, but for some handovers."""
        moved = self.rng.random(len(who)) < self.world.networks.handover
        ip, net = place[0].copy(), place[1].copy()
        if moved.any():
            ip[moved], net[moved] = self.addresses(who.take(moved))
        return ip, net

    def clouds(self, count: int, nets: int, shared: float = 0.0) -> tuple[Ints, Ints]:
        """`count` addresses of hosting providers in `nets` networks, a quarter of which has honest
        people behind VPNs too; `shared`: how many are the very exits that those use."""
        r, used = self.rng, self.world.networks.clouds
        which = r.integers(0, 4 * used, max(1, nets))[np.arange(count) % max(1, nets)]
        usual = r.random(count) < shared
        net = network(Access.CLOUD, np.where(usual, r.integers(0, used, count), which))
        host = np.where(usual, net % 5, r.integers(0, 250, count))
        return net * 256 + host, net

    def stays(self, n: int, median_s: ArrayLike, spread: float | None = None) -> Ints:
        """How long people have the page open before they vote, in ms."""
        r, h = self.rng, self.world.habits
        noise = r.normal(0, h.spread if spread is None else spread, n)
        ms = 1000 * np.asarray(median_s) * np.exp(noise)
        ms = np.where(r.random(n) < h.left_open, ms * r.uniform(5, 60, n), ms)
        stayed: Ints = np.clip(ms, h.least_ms + r.integers(0, 400, n), 4 * HOUR).astype(np.int64)
        return stayed

    def watched(self, stayed: Ints, entry: ArrayLike, unwatched: ArrayLike) -> Floats:
        """Seconds of film that were played during the stay."""
        r, n = self.rng, len(stayed)
        most = np.minimum(stayed / 1000, self.film_s[np.broadcast_to(np.asarray(entry), n)])
        seconds = np.round(most * r.beta(2.2, 1.2, n), 1)
        return np.where(r.random(n) < np.asarray(unwatched, float), 0.0, seconds)

    def own_links(self, entry: int, n: int, most: int = 3) -> Ints:
        """Codes that the entry's supporters have shared, the most used ones; or new ones."""
        known = self.codes_of.get(entry, np.empty(0, np.int64))
        codes = known[: int(self.rng.integers(1, most + 1))]
        given = len(codes) and self.rng.random() < 0.6
        return self.rng.choice(codes if given else self.new_codes(most), n)

    # Votes.

    def cast(
        self,
        kind: str,
        who: People,
        at: ArrayLike,
        entry: ArrayLike,
        stayed: Ints,
        watched: ArrayLike,
        link: ArrayLike = -1,
        address: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> None:
        """Cast a vote of each of `who`. `kind`: the population or the attack it belongs to."""
        if kind not in self.kinds:
            self.kinds.append(kind)
        n = len(who)
        ip, net = self.addresses(who) if address is None else address
        row = {
            "ts": at, "entry": entry, "voter": who.voter, "wechat": who.wechat, "ip": ip,
            "net": net, "agent": who.agent, "share": link, "dwell": stayed, "watch": watched,
            "kind": self.kinds.index(kind),
        }  # fmt: skip
        self.chunks.append({name: np.broadcast_to(np.asarray(v), n) for name, v in row.items()})


def _dice(home: Ints, day: ArrayLike) -> Ints:
    """What chance decides for a home on a day; the same whoever asks."""
    mixed = (home.astype(np.uint64) << np.uint64(20)) + np.asarray(day).astype(np.uint64)
    for factor in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(factor)
    return (mixed >> np.uint64(20)).astype(np.int64)


def _zipf(n: int, skew: float) -> Floats:
    weight: Floats = np.arange(1, n + 1, dtype=np.float64) ** -float(skew)
    weight /= weight.sum()
    return weight
