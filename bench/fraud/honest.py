"""Honest populations that the shared simulator knows too: everyday voters and six special crowds.

Each function casts about `n` votes. Its docstring says how these people behave, and so what an
honest ledger may look like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from bench.fraud.town import MINUTE, Access, Ints, People, Town
from bench.fraud.world import DAY, HOUR

FAN, LOYAL, AROUND, EXPLORER = range(4)


def everyday(town: Town, n: int) -> None:
    """Fans who vote for a friend's entry once, loyal ones who come daily, some who look around
    afterwards, explorers who watch and choose. Most come by a share code, vote after seconds and
    don't press play. Some come again; devices lose their cookie and look like somebody else."""
    r, public, habits = town.rng, town.world.public, town.world.habits
    count = max(50, int(n / _votes_each(town)))
    kind = r.choice(4, count, p=np.array(public.kinds) / sum(public.kinds))
    entry = town.entries(count)
    local = np.where(kind == EXPLORER, 0.1, public.local)
    who = town.people(count, town.entry_region[entry], local=local)
    begin = town.moments(count)
    link = np.full(count, -1, np.int64)
    by_link = np.flatnonzero((kind != EXPLORER) & (r.random(count) < town.world.links.by_link))
    link[by_link], begin[by_link] = _shared(town, entry[by_link], begin[by_link])

    who_of, later = _sessions(town, kind, begin)
    at = np.where(later > 0, begin[who_of] + later * DAY + r.normal(0, 1.5 * HOUR, len(later)),
                  begin[who_of]).astype(np.int64)  # fmt: skip
    at = np.where(later > 0, town.awake(at), at)
    people = who.take(who_of)
    lost = ~people.wechat & (later > 0) & (r.random(len(later)) < public.cookie_loss)
    people.voter[lost] = town.new_voters(int(lost.sum()))
    ip, net = town.addresses(people, at)

    more = np.zeros(len(who_of), np.int64)
    looks = (kind[who_of] == AROUND) & (later == 0)
    more[looks] = r.geometric(0.45, int(looks.sum()))
    explores = kind[who_of] == EXPLORER
    more[explores] = r.geometric(0.3, int(explores.sum())) - 1
    of = np.repeat(np.arange(len(who_of)), 1 + more.clip(max=town.world.per_day))
    nth = np.arange(len(of)) - np.repeat(np.flatnonzero(np.r_[True, of[1:] != of[:-1]]),
                                         np.bincount(of))  # fmt: skip
    friend = (nth == 0) & (kind[who_of][of] != EXPLORER)
    choice = np.where(friend, entry[who_of][of], town.entries(len(of)))
    loyal = friend & (kind[who_of][of] == LOYAL)
    median = np.where(friend, np.where(loyal, 0.7, 1.0) * habits.friend_s, habits.look_s)
    stayed = town.stays(len(of), median)
    wait = np.where(nth > 0, stayed + r.lognormal(9, 0.9, len(of)), 0).cumsum()
    wait -= np.repeat(wait[nth == 0], np.bincount(of))
    unwatched = np.where(friend, habits.friend_unwatched, habits.look_unwatched)
    ip, net = ip[of].copy(), net[of].copy()
    moved = (nth > 0) & (r.random(len(of)) < town.world.networks.handover)
    if moved.any():
        ip[moved], net[moved] = town.addresses(people.take(of[moved]))
    town.cast("base", people.take(of), at[of] + wait.astype(np.int64), choice, stayed,
              town.watched(stayed, choice, unwatched),
              np.where(nth < 2, link[who_of][of], -1), (ip, net))  # fmt: skip


def _votes_each(town: Town) -> float:
    """About how many votes one everyday person casts in the whole window."""
    fan, loyal, around, explorer = np.array(town.world.public.kinds) / sum(town.world.public.kinds)
    most, days = town.world.per_day, town.world.clock.days
    again = 1 + 1.3 * town.world.public.again * min(1.0, days / 10)
    looks, explores = (1 - 0.55 ** (most - 1)) / 0.45, (1 - 0.7**most) / 0.3
    daily = 1 + 0.75 * min(5.0, 0.4 * days)
    return float(0.97 * (again * (fan + around + explores * explorer) + looks * around
                         + daily * loyal))  # fmt: skip


def _sessions(town: Town, kind: Ints, begin: Ints) -> tuple[Ints, Ints]:
    """(person, days later) of every session; the loyal come nearly every day for a while."""
    r, n = town.rng, len(kind)
    many = np.where(r.random(n) < town.world.public.again, 1 + r.geometric(0.75, n), 1)
    loyal = kind == LOYAL
    many[loyal] = 1 + r.poisson(min(5.0, 0.4 * town.world.clock.days), int(loyal.sum()))
    of = np.repeat(np.arange(n), many)
    first = np.r_[True, of[1:] != of[:-1]]
    step = np.where(loyal[of], r.geometric(0.85, len(of)), r.geometric(0.35, len(of)))
    step[first] = 0
    total = step.cumsum()
    later = total - np.repeat(total[first], many)
    inside = (begin[of] + later * DAY < town.world.clock.closes_ms) | first
    return of[inside], later[inside]


def _shared(town: Town, entry: Ints, begin: Ints) -> tuple[Ints, Ints]:
    """A share code for each, a few carry most of an entry's traffic; part of a code's people come
    in the hours after it was sent."""
    r, links = town.rng, town.world.links
    code = np.empty(len(entry), np.int64)
    order = np.argsort(entry, kind="stable")
    bounds = np.searchsorted(entry[order], np.arange(town.world.entries + 1))
    for one in range(town.world.entries):
        mine = order[bounds[one] : bounds[one + 1]]
        if len(mine):
            codes = town.new_codes(max(1, round(len(mine) / links.per_code)))
            rank = (r.random(len(mine)) ** links.skew * len(codes)).astype(int)
            code[mine] = codes[rank]
            town.codes_of[one] = codes
    born = town.moments(town.codes)[code]
    wave = r.random(len(entry)) < links.cascade
    late = town.awake(born + (np.exp(r.normal(1.0, 1.4, len(entry))) * HOUR).astype(np.int64))
    fits = wave & (late < town.world.clock.closes_ms)
    return code, np.where(fits, late, begin)


def come(
    town: Town,
    kind: str,
    who: People,
    entry: int,
    at: ArrayLike,
    link: ArrayLike = -1,
    median_s: float | None = None,
    again: float = 0.0,
    around: float = 0.1,
    fixed: tuple[ArrayLike, ArrayLike] | None = None,
) -> None:
    """A crowd: `who` vote for one entry at the moments `at`; `again` of them come on one or two
    later days, `around` of them look at something else afterwards. Every crowd has a pace of its
    own. `fixed`: the one address that they all have while they come together."""
    r, habits, n = town.rng, town.world.habits, len(who)
    median_s = (median_s or habits.friend_s) * float(r.lognormal(0, 0.2))
    unwatched = float(np.clip(habits.friend_unwatched * r.lognormal(0, 0.2), 0.05, 0.9))
    stayed = town.stays(n, median_s)
    ip, net = town.addresses(who) if fixed is None else fixed
    ip, net = np.broadcast_to(np.asarray(ip), n), np.broadcast_to(np.asarray(net), n)
    link = np.broadcast_to(np.asarray(link), n)
    at = np.asarray(at, np.int64)
    town.cast(kind, who, at, entry, stayed, town.watched(stayed, entry, unwatched), link, (ip, net))

    on = np.flatnonzero(r.random(n) < around)
    also, stays = town.entries(len(on)), town.stays(len(on), habits.look_s)
    town.cast(kind, who.take(on), at[on] + stays + 4000, also, stays,
              town.watched(stays, also, habits.look_unwatched),
              np.where(r.random(len(on)) < 0.5, link[on], -1), (ip[on], net[on]))  # fmt: skip

    for day in (1, 2):
        back = np.flatnonzero(r.random(n) < again / day)
        if len(back):
            when = at[back] + day * DAY + r.normal(0, 2 * HOUR, len(back))
            stays = town.stays(len(back), median_s)
            town.cast(kind, who.take(back), town.awake(when), entry, stays,
                      town.watched(stays, entry, unwatched), link[back])  # fmt: skip


def campus(town: Town, n: int) -> None:
    """A teacher's message: hundreds to thousands behind a university's few addresses vote for one
    entry, at once, in the next break, and in the evening from the dormitory."""
    r = town.rng
    for part in _parts(town, n, 2, 1.5):
        place = int(r.integers(town.world.networks.campuses))
        who = town.people(part, int(town.campus_region[place]), 0.9,
                          access=(0.14, 0.1, 0, 0, 0.76))  # fmt: skip
        who.campus[:] = place
        start = town.at(town.date(1), 9, 20.5)
        wave = r.choice(3, part, p=r.dirichlet([5, 2.5, 2.5]))
        wait = np.select([wave == 0, wave == 1],
                         [r.exponential(7 * MINUTE, part) + r.gamma(2, MINUTE, part),
                          45 * MINUTE + r.exponential(9 * MINUTE, part)],
                         2 * HOUR + r.exponential(1.5 * HOUR, part))  # fmt: skip
        link = np.where(r.random(part) < r.uniform(0.3, 0.95), town.new_codes(1)[0], -1)
        come(town, "campus", who, town.entry(0.5), town.awake(start + wait), link, again=0.25)


def viral(town: Town, n: int) -> None:
    """A link that goes round for hours: a steep start for one entry, a long tail, a handful of
    codes one after the other, mostly people of the entry's region."""
    for part in _parts(town, n, 4, 1.24):
        go_round(town, "viral", part, town.entry())


def go_round(town: Town, kind: str, n: int, entry: int) -> tuple[Ints, Ints]:
    """One viral link; returns its moments and codes."""
    r = town.rng
    codes = town.new_codes(6)
    which = (r.random(n) ** 2 * 6).astype(int)
    wait = which * 7 * MINUTE + r.lognormal(np.log(r.uniform(8, 25) * MINUTE), 1.1, n)
    at = town.awake(town.at(town.date(), 8, 22) + wait)
    who = town.people(n, int(town.entry_region[entry]), r.uniform(0.2, 0.9))
    come(town, kind, who, entry, at, codes[which], again=0.1)
    return at, codes[which]


def livestream(town: Town, n: int) -> None:
    """A streamer says the entry's name: within a minute a crowd from everywhere, decaying over
    minutes; with one link or by searching."""
    r = town.rng
    for part in _parts(town, n, 2, 1.1):
        start = town.at(town.date(1), 19, 22.5)
        at = start + r.exponential(r.uniform(2, 7) * MINUTE, part)
        link = int(town.new_codes(1)[0]) if r.random() < 0.5 else -1
        come(town, "livestream", town.people(part, access=None), town.entry(), at, link)


def office(town: Town, n: int) -> None:
    """A colleague's child: a dozen to ninety people behind one office address within an hour."""
    r = town.rng
    while n > 0:
        size = min(max(12, n), int(r.integers(12, 90)))
        n -= int(size * 1.4)
        who = town.people(size, access=Access.OFFICE)
        who.office[:] = r.integers(town.offices)
        at = town.at(town.date(1), 9.5, 17) + r.exponential(18 * MINUTE, size)
        come(town, "office", who, town.entry(), at, int(town.new_codes(1)[0]), again=0.3)


def family(town: Town, n: int) -> None:
    """Two to five people around one tablet on the sofa: one address, one browser, within minutes,
    for some evenings."""
    r = town.rng
    while n > 0:
        size, days = int(r.integers(2, 6)), int(r.integers(1, 5))
        n -= size * days
        who = town.people(size, access=Access.HOME, openid=0.35)
        who.home[:], who.agent[:] = who.home[0], who.agent[0]
        entry, first = town.entry(), town.date(days)
        for day in range(min(days, town.dates)):
            start = town.at(first + day, 17, 21.5)
            at = start + np.cumsum(r.exponential(70_000, size) + 9_000)
            stayed = town.stays(size, town.world.habits.friend_s)
            ip, net = town.addresses(who.take(np.zeros(1, int)))
            town.cast("family", who, at.astype(np.int64), entry, stayed,
                      town.watched(stayed, entry, 0.4), -1, (ip, net))  # fmt: skip


def club(town: Town, n: int) -> None:
    """A WeChat group of friends, alumni or a dance club, reminded every day or two: the same forty
    to three hundred and fifty accounts vote within the hour, for one entry or for those of two or
    three friends in turn. Honest lockstep."""
    r = town.rng
    while n > 0:
        size, times = int(r.integers(40, 350)), int(r.integers(3, 9))
        friends = np.unique(town.entries(int(r.choice([1, 2, 3], p=[0.55, 0.35, 0.1]))))
        near = r.uniform(0.5, 0.8) if r.random() < 0.75 else 0.05
        who = town.people(size, int(town.entry_region[friends[0]]), near, openid=0.92)
        codes = town.new_codes(len(friends))
        first, hour, pace = town.date(2), r.uniform(8, 20), float(r.lognormal(0, 0.2))
        link_use, keen = r.uniform(0.2, 0.9), r.uniform(0.25, 0.65)
        for turn in range(min(times, town.dates - first)):
            there = np.flatnonzero(r.random(size) < keen * r.uniform(0.7, 1.2))
            friend = turn % len(friends)
            start = town.at(first + turn, hour, hour + 2)
            at = town.awake(start + r.lognormal(np.log(16 * MINUTE), 1.2, len(there)))
            stayed = town.stays(len(there), pace * town.world.habits.friend_s)
            seen = town.watched(stayed, friends[friend], town.world.habits.friend_unwatched)
            link = np.where(r.random(len(there)) < link_use, codes[friend], -1)
            town.cast("club", who.take(there), at, friends[friend], stayed, seen, link)
            n -= len(there)
        n -= 1


def _parts(town: Town, n: int, events: int, inflation: float) -> list[int]:
    """Sizes of a few events that together bring about `n` votes."""
    shares = town.rng.uniform(0.5, 1.6, events)
    return [max(15, int(n / inflation * share / shares.sum())) for share in shares]


CLASSIC_CROWDS: Final[Mapping[str, Callable[[Town, int], None]]] = {
    "campus": campus,
    "viral": viral,
    "livestream": livestream,
    "office": office,
    "family": family,
    "club": club,
}
