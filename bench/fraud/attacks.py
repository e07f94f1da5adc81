"""Attacks that the shared simulator knows too, in our own make: naive and careful.

Each casts about `plan.votes` votes for `plan.targets`. All obey the contest's rules. A careful
attacker knows what scrutiny could look at and copies the town's habits as far as money goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from bench.fraud.town import MINUTE, Access, Floats, Ints, People, Town
from bench.fraud.world import DAY, HOUR, ZONE


@dataclass(frozen=True, slots=True)
class Plan:
    """An order: under which name, how many votes, for which entries, how carefully; `ends_ms`:
    everything in the last hour before it."""

    kind: str
    votes: int
    targets: tuple[int, ...]
    careful: bool
    ends_ms: int | None = None


def script(town: Town, plan: Plan) -> None:
    """One program clears its cookie after each vote. Naive: one to three addresses, an even beat
    for hours, one browser string, one dwell, no film. Careful: a dozen addresses of a hoster, of
    its own lines or of a mobile stick, uneven waits, some browser strings, long pauses."""
    r, n, careful = town.rng, plan.votes, plan.careful
    count = max(1, n // 900) * int(r.integers(2, 5) if careful else 1)
    if r.random() < 0.5:
        ip, net = town.clouds(count, count if careful else 1, 0.3 * careful)
    else:
        how = Access.MOBILE if careful and r.random() < 0.4 else Access.HOME
        ip, net = town.addresses(town.people(count, 0, 0.0, access=how))
    which = np.arange(n) % count
    each = r.uniform(18, 70) if careful else r.uniform(4.5, 14)
    beat = r.lognormal(np.log(each), 0.7, n) if careful else r.normal(each, 0.12 * each, n)
    a_day = int(r.uniform(2, 10) * 3600 / each) * count
    nth_day = np.arange(n) // a_day
    days = int(nth_day[-1]) + 1
    first, hour = town.date(min(days, town.dates - 1)), r.uniform(0, 24)
    start = np.array([town.at((first + day) % town.dates, hour, hour + 1) for day in range(days)])
    run = np.cumsum(np.maximum(beat, 1.0)) * 1000 / count
    run -= run[np.minimum(nth_day * a_day, n - 1)]
    at = start[nth_day] + run
    who = town.people(n, openid=0.0)
    strings = town.agents(np.zeros(int(r.integers(4, 15)) if careful else 1, bool))
    who.agent = r.choice(strings, n)
    if careful:
        stayed = town.stays(n, r.uniform(4, 12), r.uniform(0.3, 0.6))
        seen = town.watched(stayed, plan.targets[0], r.uniform(0.4, 0.8))
    else:
        stayed = np.maximum(r.normal(r.uniform(1000, 2500), 140, n), town.world.habits.least_ms)
        stayed, seen = stayed.astype(np.int64), np.zeros(n)
    town.cast(plan.kind, who, at.astype(np.int64), plan.targets[0], stayed, seen, -1,
              (ip[which], net[which]))  # fmt: skip


def proxy(town: Town, plan: Plan) -> None:
    """Rotating proxies. Naive: hosters' networks, a list of browsers off the internet of which a
    third occurs among honest rare ones, day and night alike, no film. Careful: mostly residential
    exits, many of them the very addresses of honest homes, usual browsers, the town's hours in
    part, half of the time the entrant's own link."""
    r, n, careful = town.rng, plan.votes, plan.careful
    count = max(50, int(n / (r.uniform(1.1, 3) if careful else r.uniform(4, 10))))
    ip, net = town.clouds(count, max(5, count // 25), 0.4 * careful)
    if careful:
        homes = town.people(count, access=Access.HOME)
        lived_in, near = town.addresses(homes)
        home = r.random(count) < r.uniform(0.6, 1.0)
        ip, net = np.where(home, lived_in, ip), np.where(home, near, net)
    which = r.integers(0, count, n)
    at = _spread(town, plan, n, follow=r.uniform(0.3, 0.8) if careful else 0.0)
    who = town.people(n, openid=0.0)
    strings = town.world.agents.strings
    if careful:
        flat = np.cumsum(town.agent_p ** r.uniform(0.0, 0.7))
        who.agent = np.searchsorted(flat, r.random(n) * flat[-1] * (1 - 1e-12))
        stayed = town.stays(n, r.uniform(5, 12), r.uniform(0.35, 0.7))
        seen = town.watched(stayed, plan.targets[0], r.uniform(0.4, 0.7))
        linked = r.random() < 0.5
        link = town.own_links(plan.targets[0], n) if linked else np.full(n, -1)
    else:
        listed = np.r_[strings + r.integers(0, 4 * strings, 150), 5_000_000 + np.arange(300)]
        who.agent = r.choice(listed, n)
        stayed = np.maximum(r.uniform(900, 4500, n), town.world.habits.least_ms).astype(np.int64)
        seen, link = np.zeros(n), np.full(n, -1)
    town.cast(plan.kind, who, at, plan.targets[0], stayed, seen, link, (ip[which], net[which]))


def farm(town: Town, plan: Plan) -> None:
    """A room of real phones goes round every day. Naive: one line, the same order, an even beat,
    some few models. Careful: SIM cards of one carrier (and the neighbours' wifi), shuffled, uneven,
    over hours, with the entrant's link. Some votes for popular entries as camouflage."""
    r, careful = town.rng, plan.careful
    days = int(np.clip(r.integers(4, 11), 1, max(1, town.dates - 1)))
    phones = max(15, int(plan.votes / (days * len(plan.targets) * 1.1)))
    region = int(r.integers(town.world.networks.regions))
    how = (0.85, 0, 0.15) if careful else Access.HOME
    who = town.people(phones, region, 1.0, openid=0.9, access=how)
    who.carrier[:] = who.carrier[0]
    models = town.agents(np.ones(int(r.integers(5, 12)), bool))
    who.agent = models[(r.random(phones) ** 1.7 * len(models)).astype(int)]
    if not careful:
        lines = max(1, phones // int(r.integers(60, 160)))
        who.home = who.home[np.arange(phones) % lines]
    first, hour = town.date(days), r.uniform(8, 18)
    each = r.uniform(4, 11) if careful else r.uniform(2, 5)
    for day in range(days):
        order = r.permutation(phones) if careful else np.arange(phones)
        order = order[r.random(phones) < 0.96]
        clock = float(town.at(first + day, hour, hour + (4 if careful else 1)))
        ip, net = town.addresses(who)
        for entry in plan.targets:
            noise = r.lognormal(0, 0.5 if careful else 0.18, len(order))
            at = clock + np.cumsum(noise * each * 1000)
            clock = float(at[-1]) + r.uniform(30, 600) * 1000
            _phones_vote(town, plan, who.take(order), at, entry, (ip[order], net[order]))
        decoys = order[r.random(len(order)) < 0.12]
        at = clock + np.cumsum(r.exponential(6000, len(decoys)))
        _phones_vote(town, replace(plan, careful=False), who.take(decoys), at,
                     town.entries(len(decoys)), (ip[decoys], net[decoys]))  # fmt: skip


def _phones_vote(
    town: Town, plan: Plan, who: People, at: Floats, entry: int | Ints, place: tuple[Ints, Ints]
) -> None:
    n = len(who)
    stayed = town.stays(n, 5.5 if plan.careful else 3.0, 0.5 if plan.careful else 0.25)
    seen = town.watched(stayed, entry, 0.65 if plan.careful else 0.95)
    linked = plan.careful and isinstance(entry, int)
    link = town.own_links(int(entry), n) if linked else -1
    town.cast(plan.kind, who, at.astype(np.int64), entry, stayed, seen, link,
              town.stay_put(who, place))  # fmt: skip


def paid(town: Town, plan: Plan) -> None:
    """A vote group: real WeChat accounts all over the country, in jobs until a quota is met; an
    account takes many jobs, for whoever pays. Naive: short jobs, hardly any film. Careful: hours,
    changing accounts, told to linger, camouflage votes, the entrant's own links."""
    r, careful = town.rng, plan.careful
    part = r.uniform(0.25, 0.45) if careful else r.uniform(0.5, 0.8)
    jobs = max(len(plan.targets), int(np.clip(plan.votes / 350, 1, 18)))
    if plan.ends_ms is not None:
        jobs, part = 1, 1.0
    who = town.people(max(40, int(plan.votes / (jobs * part))), openid=0.97)
    pace, spread = r.uniform(0.7, 1.1), r.uniform(0.6, 0.9)
    links = {entry: town.own_links(entry, 40) if careful and r.random() < 0.5
             else town.new_codes(3 if careful else 1) for entry in plan.targets}  # fmt: skip
    linked = careful or r.random() < 0.5
    for job in range(jobs):
        entry = plan.targets[job % len(plan.targets)]
        takers = np.flatnonzero(r.random(len(who)) < part)
        n = len(takers)
        lasts = MINUTE * (r.uniform(90, 360) if careful else r.uniform(20, 90))
        start = town.at(town.date(1), 9, 22)
        if plan.ends_ms is not None:
            lasts = MINUTE * r.uniform(25, 58)
            start = plan.ends_ms - int(lasts)
        at = start + r.beta(1.0, 1.3, n) * lasts
        median = town.world.habits.friend_s * pace if careful else 4.5
        stayed = town.stays(n, median, spread if careful else 0.5)
        seen = town.watched(stayed, entry, 0.55 if careful else 0.85)
        link = r.choice(links[entry], n) if linked else -1
        at, place = at.astype(np.int64), town.addresses(who.take(takers))
        town.cast(plan.kind, who.take(takers), at, entry, stayed, seen, link, place)
        on = np.flatnonzero(r.random(n) < (0.12 if careful else 0.04))
        decoys = who.take(takers[on])
        also, stays = town.entries(len(on)), town.stays(len(on), 12)
        town.cast(plan.kind, decoys, at[on] + stays + 3000, also, stays,
                  town.watched(stays, also, 0.4), -1,
                  town.stay_put(decoys, (place[0][on], place[1][on])))  # fmt: skip


def drip(town: Town, plan: Plan) -> None:
    """Few votes an hour for most of the window, through homes and mobile networks, with usual
    browsers and dwell. Naive: day and night alike, mostly devices. Careful: the town's hours,
    stolen openids that come again on other days, the entrant's link."""
    r, careful, n = town.rng, plan.careful, plan.votes
    days = town.world.clock.days * r.uniform(0.5, 0.92)
    at = _spread(town, plan, n, follow=1.0 if careful else 0.0, days=days)
    who = town.people(n, openid=0.6 if careful else 0.15, access=(0.3, 0.1, 0.6))
    stolen = np.flatnonzero(who.wechat)
    if len(stolen):
        again = stolen[r.integers(0, min(len(stolen), max(30, n // 5)), len(stolen))]
        who.voter[stolen], who.agent[stolen] = who.voter[again], who.agent[again]
    habits = town.world.habits
    stayed = town.stays(n, habits.friend_s * r.uniform(0.8, 1.4), 0.8 if careful else 0.5)
    seen = town.watched(stayed, plan.targets[0], habits.friend_unwatched * r.uniform(0.9, 1.3))
    linked = careful & (r.random(n) < 0.7)
    link = np.where(linked, town.own_links(plan.targets[0], n), -1)
    place = town.addresses(who, at)
    town.cast(plan.kind, who, at, plan.targets[0], stayed, seen, link, place)


def smear(town: Town, plan: Plan) -> None:
    """A rival buys loud votes for an honest favourite and hopes that it is struck out."""
    loud = replace(plan, careful=False)
    (proxy if town.rng.random() < 0.5 else script)(town, loud)


def snipe(town: Town, plan: Plan) -> None:
    """Everything within the last hour, amid the honest rush: a vote group or proxies."""
    last = replace(plan, ends_ms=town.world.clock.closes_ms - 15_000)
    (paid if town.rng.random() < 0.6 else proxy)(town, last)


def _spread(town: Town, plan: Plan, n: int, follow: float, days: float | None = None) -> Ints:
    """Moments of a slow attack; `follow`: the share of them that keeps the town's hours."""
    r, clock = town.rng, town.world.clock
    if plan.ends_ms is not None:
        return r.integers(plan.ends_ms - HOUR + MINUTE, plan.ends_ms, n)
    lasts = min(days or r.uniform(1.5, 7), 0.95 * clock.days) * DAY
    begin = clock.opens_ms + int(r.uniform(0, clock.days * DAY - lasts))
    at = r.integers(begin, begin + int(lasts), n)
    hours = np.array(clock.hours)
    accept = hours[(at + ZONE) % DAY // HOUR] / hours.max()
    for _ in range(12):
        wrong = (r.random(n) < follow) & (r.random(n) > accept)
        at[wrong] = r.integers(begin, begin + int(lasts), int(wrong.sum()))
        accept = hours[(at + ZONE) % DAY // HOUR] / hours.max()
    return at


CLASSIC_ATTACKS: Final[Mapping[str, Callable[[Town, Plan], None]]] = {
    "script": script,
    "proxy": proxy,
    "farm": farm,
    "paid": paid,
    "drip": drip,
    "smear": smear,
    "snipe": snipe,
}
