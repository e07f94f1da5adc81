"""Look-alikes and attacks of kinds that the shared simulator doesn't have, and their world.

All crowds here are honest by definition, whatever they look like; `ordered` too: a school that
votes because it was told to is no case for scrutiny, however one may like it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from bench.fraud.attacks import Plan
from bench.fraud.honest import come, go_round
from bench.fraud.town import MINUTE, Access, Ints, People, Town, network
from bench.fraud.world import (
    CLASSIC,
    DAY,
    HOUR,
    Agents,
    Clock,
    Habits,
    Networks,
    Public,
    Rng,
    World,
    home,
)


def kiosk(town: Town, n: int) -> None:
    """A tablet in an exhibition: dozens of visitors one after the other, one address, one browser,
    a new cookie each; they have just seen the film, most vote for the exhibit beside it."""
    r = town.rng
    while n > 0:
        size = int(r.integers(20, 70))
        n -= size
        who = town.people(size, openid=0.0)
        who.agent[:] = who.agent[0]
        at = town.at(town.date(), 9.5, 16.5) + np.cumsum(12_000 + r.exponential(45_000, size))
        entry, other = town.entry(0.7), r.random(size) < r.uniform(0, 0.4)
        choice = np.where(other, town.entries(size), entry)
        stayed = town.stays(size, town.world.habits.look_s, 0.5)
        seen = town.watched(stayed, choice, 0.15)
        town.cast("kiosk", who, at.astype(np.int64), choice, stayed, seen, -1, town.venue())


def old_home(town: Town, n: int) -> None:
    """An old people's home: twenty to fifty residents with cheap phones of two or three models at
    one wifi, helped by a carer, slowly, one afternoon after the other, for a grandchild's film."""
    r = town.rng
    while n > 0:
        size, days = int(r.integers(20, 50)), int(r.integers(1, 5))
        who = town.people(size, openid=0.6)
        who.agent = r.choice(town.agents(np.ones(3, bool)), size)
        entry, place, first = town.entry(0.7), town.venue(), town.date(days)
        for day in range(min(days, town.dates)):
            there = np.flatnonzero(r.random(size) < 0.8)
            n -= len(there)
            at = town.at(first + day, 14, 15.5) + np.cumsum(r.exponential(70_000, len(there)))
            stayed = town.stays(len(there), 3.5 * town.world.habits.friend_s, 0.6)
            seen = town.watched(stayed, entry, 0.25)
            town.cast("old-home", who.take(there), at.astype(np.int64), entry, stayed, seen, -1,
                      place)  # fmt: skip


def television(town: Town, n: int) -> None:
    """A programme shows an entry: within one minute thousands all over the country search for it
    and vote, without a link; the repeat next morning brings fewer."""
    r, entry = town.rng, town.entry(0.7)
    first = int(n / 1.35)
    start = town.at(town.date(1), 19, 21.5) // MINUTE * MINUTE
    for size, begin in ((first, start), (first // 4, start + 12 * HOUR)):
        at = begin + r.lognormal(np.log(r.uniform(1, 4) * MINUTE), 0.8, size)
        come(town, "television", town.people(size), entry, at, around=0.15)


def pupils(town: Town, n: int) -> None:
    """A class with the school's tablets: one browser, one address, row after row in even gaps, each
    child votes for the entries of several schoolmates in the order on the board."""
    r = town.rng
    while n > 0:
        size, wanted = int(r.integers(22, 48)), int(r.integers(2, min(6, town.world.per_day + 1)))
        n -= size * wanted
        who = town.people(size, openid=0.0)
        who.agent[:] = who.agent[0]
        start, place = town.at(town.date(), 8.5, 15.5), town.venue()
        for nth, entry in enumerate(np.unique(town.entries(wanted, 0.6)).tolist()):
            gaps = r.normal(7_000, 1_500, size).clip(2_000)
            at = start + nth * 6 * MINUTE + np.cumsum(gaps)
            stayed = town.stays(size, town.world.habits.friend_s, 0.35)
            seen = town.watched(stayed, entry, 0.5)
            town.cast("pupils", who, at.astype(np.int64), entry, stayed, seen, -1, place)


def night_shift(town: Town, n: int) -> None:
    """A works: forty to two hundred colleagues on one network vote in the break between two and
    four in the morning, some nights in a row."""
    r = town.rng
    while n > 0:
        size, nights = int(r.integers(40, 200)), int(r.integers(1, 4))
        who = town.people(size, openid=0.85)
        entry, place, first = town.entry(), town.venue(), town.date(nights)
        code = int(town.new_codes(1)[0])
        for night in range(min(nights, town.dates)):
            there = np.flatnonzero(r.random(size) < 0.6)
            n -= len(there)
            at = town.at(first + night, 2, 3.2) + r.exponential(16 * MINUTE, len(there))
            stayed = town.stays(len(there), town.world.habits.friend_s)
            seen = town.watched(stayed, entry, town.world.habits.friend_unwatched)
            own = r.random(len(there)) < 0.3  # on mobile data
            ip, net = town.addresses(replace(who, access=np.zeros(size, int)).take(there))
            town.cast("night-shift", who.take(there), at.astype(np.int64), entry, stayed, seen,
                      np.where(r.random(len(there)) < 0.7, code, -1),
                      (np.where(own, ip, place[0]), np.where(own, net, place[1])))  # fmt: skip


def alumni(town: Town, n: int) -> None:
    """Former pupils abroad: hundreds of foreign networks, their own hours (many of them our night),
    one link, one entry, for days; a third comes again."""
    r = town.rng
    shift = r.choice([-13, -8, -6, 2], n)
    at = town.moments(n)
    at = town.awake(at - shift * HOUR) + shift * HOUR
    late = np.maximum(at, town.at(town.date(2), 0, 23) + 0 * at)
    at = np.where(r.random(n) < 0.5, late + r.exponential(9 * HOUR, n).astype(np.int64), at)
    who = town.people(int(n / 1.5), openid=0.8, access=Access.ABROAD)
    code = int(town.new_codes(1)[0])
    link = np.where(r.random(len(who)) < 0.8, code, -1)
    come(town, "alumni", who, town.entry(0.7), at[: len(who)], link, again=0.3)


def news_app(town: Town, n: int) -> None:
    """A news app carries one entry: its readers come in its built-in browser, a string that occurs
    at this entry only, without openid, for a day."""
    r = town.rng
    who = town.people(int(n / 1.1), openid=0.0)
    town.venues += 1
    who.agent[:] = 20_000_000 + 2 * town.venues
    at = town.awake(town.at(town.date(1), 7, 20) + r.lognormal(np.log(2.5 * HOUR), 1.0, len(who)))
    come(town, "news-app", who, town.entry(0.7), at)


def vpn_firm(town: Town, n: int) -> None:
    """A company whose staff is on the net through one exit at a cloud provider: fifty to three
    hundred colleagues for a colleague's entry, in office hours."""
    r = town.rng
    while n > 0:
        size = int(r.integers(50, 300))
        n -= int(size * 1.4)
        who = town.people(size, openid=0.75)
        ip, net = town.clouds(2, 1)
        which = (r.random(size) < 0.2).astype(int)
        at = town.at(town.date(1), 9, 16) + r.exponential(50 * MINUTE, size)
        come(town, "vpn-firm", who, town.entry(), at, int(town.new_codes(1)[0]), again=0.25,
             fixed=(ip[which], net[which]))  # fmt: skip


def radio(town: Town, n: int) -> None:
    """A dialect show names an entry at the same hour of several days: listeners of one region,
    older, slow, without a link, many of them on home lines."""
    r, entry = town.rng, town.entry(0.7)
    days = min(int(r.integers(2, 6)), town.dates)
    first, hour = town.date(days), float(town.rng.uniform(10, 18))
    for day in range(days):
        size = max(10, int(n / days))
        who = town.people(size, int(town.entry_region[entry]), 0.95, openid=0.7,
                          access=(0.25, 0.15, 0.6))  # fmt: skip
        at = town.at(first + day, hour, hour + 0.02) + r.gamma(2, 6 * MINUTE, size)
        come(town, "radio", who, entry, at, median_s=2 * town.world.habits.friend_s)


def village(town: Town, n: int) -> None:
    """A village behind two carrier addresses votes for its own film, every evening, whoever finds
    the time: the same people, the same addresses, the same entry, for the whole window. Half of
    the villages' addresses lie in a network that others use too."""
    r = town.rng
    while n > 0:
        size = int(r.integers(60, 240))
        who = town.people(size, openid=0.8)
        entry, (ip, net) = town.entry(0.7), town.venue()
        if r.random() < 0.5:
            net = network(Access.MOBILE, int(r.integers(town.world.networks.regions)) * 16)
            ip = net * 256 + 252
        keen = r.beta(1.5, 3, size)
        for date in range(town.dates):
            there = np.flatnonzero(r.random(size) < keen)
            n -= len(there)
            at = town.at(date, 17.5, 18.5) + r.gamma(2, 50 * MINUTE, len(there))
            stayed = town.stays(len(there), 0.8 * town.world.habits.friend_s)
            seen = town.watched(stayed, entry, town.world.habits.friend_unwatched)
            town.cast("village", who.take(there), at.astype(np.int64), entry, stayed, seen, -1,
                      (ip + r.integers(0, 2, len(there)), net))  # fmt: skip


def push(town: Town, n: int) -> None:
    """An official account with many followers sends one article with one link: thousands of WeChat
    accounts at once, then a tail for a day."""
    r, entry = town.rng, town.entry(0.7)
    size = int(n / 1.15)
    wait = np.where(r.random(size) < 0.5, r.exponential(12 * MINUTE, size),
                    r.exponential(6 * HOUR, size))  # fmt: skip
    at = town.awake(town.at(town.date(1), 17, 21) + wait)
    come(town, "push", town.people(size, openid=1.0), entry, at, int(town.new_codes(1)[0]))


def reminder(town: Town, n: int) -> None:
    """Supporters whose phones remind them at eight each morning: the same people within minutes,
    every day, for one entry."""
    r = town.rng
    while n > 0:
        size = int(r.integers(30, 150))
        entry, first = town.entry(), town.date(3)
        who = town.people(size, int(town.entry_region[entry]))
        minute = 8 + float(r.choice([0, 0.5]))
        for date in range(first, town.dates):
            there = np.flatnonzero(r.random(size) < 0.7)
            n -= len(there)
            at = town.at(date, minute, minute) + r.lognormal(np.log(90_000), 1.1, len(there))
            stayed = town.stays(len(there), 0.7 * town.world.habits.friend_s)
            seen = town.watched(stayed, entry, town.world.habits.friend_unwatched)
            town.cast("reminder", who.take(there), at.astype(np.int64), entry, stayed, seen)


def ordered(town: Town, n: int) -> None:
    """A school tells all parents to vote every evening: hundreds of WeChat accounts of one region,
    in haste, nearly nobody watches, with the teacher's link."""
    r = town.rng
    days = min(int(r.integers(2, 6)), town.dates)
    size = max(30, int(n / (0.75 * days)))
    entry, first = town.entry(0.5), town.date(days)
    who = town.people(size, int(town.entry_region[entry]), 0.97, openid=0.97)
    code = int(town.new_codes(1)[0])
    for day in range(days):
        there = np.flatnonzero(r.random(size) < 0.75)
        at = town.awake(town.at(first + day, 18, 19) + r.gamma(1.5, 45 * MINUTE, len(there)))
        stayed = town.stays(len(there), 0.6 * town.world.habits.friend_s, 0.6)
        seen = town.watched(stayed, entry, 0.8)
        town.cast("ordered", who.take(there), at, entry, stayed, seen, code)


# Attacks.


def decoys(town: Town, plan: Plan) -> None:
    """A click farm that hides its customer: each day every phone votes for two to six entries in
    any order, one of them the target's. Naive: one line, an even beat. Careful: SIM cards, over
    hours, half of the phones on a day."""
    r, careful = town.rng, plan.careful
    days = min(int(r.integers(5, 12)), town.dates)
    part, others = 0.5 if careful else 0.95, min(int(r.integers(1, 6)), town.world.per_day - 1)
    phones = max(20, int(plan.votes / (days * part)))
    how = (1.0,) if careful else Access.HOME
    who = town.people(phones, int(r.integers(town.world.networks.regions)), 1.0, 0.9, how)
    who.agent = r.choice(town.agents(np.ones(10, bool)), phones)
    if not careful:
        who.home[:] = who.home[0]
    first, hour = town.date(days), r.uniform(9, 16)
    for day in range(days):
        there = r.permutation(np.flatnonzero(r.random(phones) < part))
        also = town.entries(len(there) * others, 0.6).reshape(len(there), others)
        choice = np.c_[np.full(len(there), plan.targets[0]), also]
        choice = r.permuted(choice, axis=1).ravel()
        of = np.repeat(there, others + 1)
        each = r.uniform(6, 14) if careful else r.uniform(2, 5)
        gaps = r.lognormal(0, 0.6 if careful else 0.2, len(of)) * each * 1000 / (1 + others)
        at = town.at(first + day, hour, hour + 1) + np.cumsum(gaps)
        stayed = town.stays(len(of), 5.5 if careful else 3.2, 0.5 if careful else 0.25)
        seen = town.watched(stayed, choice, 0.6 if careful else 0.95)
        ip, net = town.addresses(who)
        place = town.stay_put(who.take(of), (ip[of], net[of]))
        town.cast(plan.kind, who.take(of), at.astype(np.int64), choice, stayed, seen, -1, place)


def aged(town: Town, plan: Plan) -> None:
    """A slow program behind a VPN with cookies that it made days before: each has voted for others
    once or twice, then comes daily for the target. Naive: few exits, around the clock. Careful:
    many exits that honest people use too, the town's hours, usual dwell."""
    r, careful = town.rng, plan.careful
    days = max(1, min(int(r.integers(4, 9)), town.dates - 2))
    count = max(20, int(plan.votes / (0.8 * days)))
    who = town.people(count, openid=0.0)
    exits = 60 if careful else 6
    ip, net = town.clouds(exits, exits // 3, 0.7 * careful)
    own = r.integers(0, exits, count)
    begin = max(0, town.dates - days - int(r.integers(0, 2)))
    habits = town.world.habits
    for date in range(-1, days):
        there = np.flatnonzero(r.random(count) < (0.8 if date >= 0 else 1.4))
        start = town.at(max(0, begin + date), 8, 9) if careful else town.at(begin + date, 0, 1)
        lasts = 14 * HOUR if careful else 23 * HOUR
        at = start + np.sort(r.uniform(0, lasts, len(there))) + r.normal(0, 20_000, len(there))
        choice = plan.targets[0] if date >= 0 else town.entries(len(there))
        stayed = town.stays(len(there), habits.friend_s if careful else 2.5,
                            0.6 if careful else 0.2)  # fmt: skip
        seen = town.watched(stayed, choice, 0.5 if careful else 1.0)
        which = r.integers(0, exits, len(there)) if careful else own[there]
        town.cast(plan.kind, who.take(there), at.astype(np.int64), choice, stayed, seen, -1,
                  (ip[which], net[which]))  # fmt: skip


def micro_batches(town: Town, plan: Plan) -> None:
    """Bought real WeChat accounts, ten to thirty votes an hour for days, hardly any account twice,
    all over the country. Naive: in haste, like clockwork. Careful: usual stays, the entrant's link,
    only while the town is awake."""
    r, careful, n = town.rng, plan.careful, plan.votes
    clock = town.world.clock
    lasts = min(n / (16 * r.uniform(10, 30)), 0.9 * clock.days) * DAY
    begin = clock.opens_ms + int(r.uniform(0, max(1, clock.days * DAY - lasts)))
    if careful:
        honest = town.moments(int(3 * n * clock.days * DAY / lasts))
        at = honest[(honest >= begin) & (honest < begin + lasts)][:n]
        n = len(at)
    else:
        at = (begin + np.arange(n) * (lasts / n) + r.normal(0, 25_000, n)).astype(np.int64)
    who = town.people(n, openid=1.0)
    habits = town.world.habits
    stayed = town.stays(n, habits.friend_s * r.uniform(0.8, 1.2) if careful else 3.5,
                        0.7 if careful else 0.4)  # fmt: skip
    seen = town.watched(stayed, plan.targets[0], habits.friend_unwatched if careful else 0.9)
    link = town.own_links(plan.targets[0], n) if careful else np.full(n, -1)
    place = town.addresses(who, at)
    town.cast(plan.kind, who, at, plan.targets[0], stayed, seen, link, place)


def hijack(town: Town, plan: Plan) -> None:
    """A page that real visitors open votes behind their back: their own browser, address and pass,
    seconds from their own vote, the shortest stay that is accepted, no film. Naive: every visitor
    for two days. Careful: some of them for longer, after a stay that people have too."""
    r, careful = town.rng, plan.careful
    chunk = max(town.chunks, key=lambda one: len(one["ts"]))  # the everyday voters
    clock = town.world.clock
    lasts = (0.6 * clock.days if careful else min(2.0, 0.5 * clock.days)) * DAY
    begin = clock.opens_ms + int(r.uniform(0, clock.days * DAY - lasts))
    visits = np.flatnonzero((chunk["ts"] >= begin) & (chunk["ts"] < begin + lasts))
    _, first = np.unique(chunk["voter"][visits], return_index=True)
    visits = visits[first]
    visits = r.choice(visits, min(plan.votes, len(visits)), replace=False)
    n = len(visits)
    who = town.people(n)
    who.voter, who.agent = chunk["voter"][visits], chunk["agent"][visits]
    who.wechat = chunk["wechat"][visits]
    least = town.world.habits.least_ms
    stayed = (r.lognormal(8.4, 0.5, n) if careful else least + r.exponential(350, n)).astype(int)
    at = chunk["ts"][visits] + r.integers(1_500, 15_000, n)
    seen = town.watched(stayed, plan.targets[0], 0.9 if careful else 1.0)
    town.cast(plan.kind, who, at, plan.targets[0], np.maximum(stayed, least), seen, -1,
              (chunk["ip"][visits], chunk["net"][visits]))  # fmt: skip


def shadow(town: Town, plan: Plan) -> None:
    """Bought votes in the shadow of an honest viral link: as many again, at the same time, by the
    same codes. Naive: in haste, from everywhere. Careful: told to linger, from the right region."""
    r, careful = town.rng, plan.careful
    target = plan.targets[0]
    times, codes = go_round(town, "viral", plan.votes, target)
    n = len(times)
    pick = r.integers(0, n, n)
    at: Ints = times[pick] + r.normal(0, 4 * MINUTE, n).astype(np.int64)
    near = 0.5 if careful else 0.0
    who: People = town.people(n, int(town.entry_region[target]), near, openid=0.97)
    habits = town.world.habits
    stayed = town.stays(n, habits.friend_s if careful else 4.0, 0.7 if careful else 0.45)
    seen = town.watched(stayed, target, habits.friend_unwatched * 1.2 if careful else 0.9)
    town.cast(plan.kind, who, at, target, stayed, seen, codes[pick])


def strangers(r: Rng) -> World:
    """A usual contest, with crowds and attacks that nobody has thought of before."""
    shares = {**{name: share * 0.5 for name, share in CLASSIC.items()}, **STRANGE_SHARES}
    chosen = home(r)
    return replace(
        chosen,
        name="strangers",
        entries=int(r.integers(90, 200)),
        clock=Clock(days=float(r.choice([7, 10, 14, 21])), outages=int(r.integers(1, 4)),
                    opens_ms=chosen.clock.opens_ms + int(r.integers(-6, 40)) * HOUR),
        habits=Habits(friend_s=r.uniform(6, 12), look_s=r.uniform(18, 35)),
        public=Public(openid=r.uniform(0.6, 0.85), again=r.uniform(0.08, 0.2)),
        networks=replace(Networks(), shared_homes=r.uniform(0.2, 0.6), handover=r.uniform(0, 0.1)),
        agents=Agents(updates=int(r.integers(1, 4)), loudest=r.uniform(0.05, 0.12)),
        crowds={name: share * float(r.uniform(0.4, 1.6)) for name, share in shares.items()},
    )  # fmt: skip


STRANGE_SHARES: Final[Mapping[str, float]] = {
    "kiosk": 0.003, "old-home": 0.003, "television": 0.014, "pupils": 0.005,
    "night-shift": 0.004, "alumni": 0.005, "news-app": 0.008, "vpn-firm": 0.005, "radio": 0.006,
    "village": 0.008, "push": 0.012, "reminder": 0.006, "ordered": 0.010,
}  # fmt: skip

STRANGE_CROWDS: Final[Mapping[str, Callable[[Town, int], None]]] = {
    "kiosk": kiosk,
    "old-home": old_home,
    "television": television,
    "pupils": pupils,
    "night-shift": night_shift,
    "alumni": alumni,
    "news-app": news_app,
    "vpn-firm": vpn_firm,
    "radio": radio,
    "village": village,
    "push": push,
    "reminder": reminder,
    "ordered": ordered,
}
STRANGE_ATTACKS: Final[Mapping[str, Callable[[Town, Plan], None]]] = {
    "decoys": decoys,
    "aged": aged,
    "micro-batches": micro_batches,
    "hijack": hijack,
    "shadow": shadow,
}
