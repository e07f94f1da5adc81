"""HELD OUT. Whoever tunes a detector doesn't read this file and doesn't run its world.

The world `held-out` has one honest crowd and one attack that occur nowhere else, and its figures
lie in a corner of what is plausible. It has seeds of its own (rounds.py) and is left out of every
run that doesn't ask for it by name or for the last look. Once a detector was changed because of
what it did here, it is a world like any other: make a new one.
"""

from __future__ import annotations

import numpy as np

from bench.fraud.attacks import Plan
from bench.fraud.honest import come
from bench.fraud.strangers import STRANGE_SHARES
from bench.fraud.town import Town
from bench.fraud.world import (
    CLASSIC,
    DAY,
    EVENING,
    HOUR,
    MONDAY,
    Agents,
    Clock,
    Format,
    Habits,
    Links,
    Networks,
    Popularity,
    Public,
    Rng,
    World,
)


def train(town: Town, n: int) -> None:
    """Express trains show one entry's film on board, a code on each table leads to its page: for
    some hours a hundred passengers of a train vote behind its one address, most without playing
    what they have just seen; another train has another address; always the same share code."""
    r, entry, code = town.rng, town.entry(0.6), int(town.new_codes(1)[0])
    while n > 0:
        size = int(r.integers(30, 160))
        n -= int(size * 1.1)
        who = town.people(size, openid=0.5)
        at = town.at(town.date(), 7, 19) + r.uniform(0, 3.5 * HOUR, size)
        come(town, "train", who, entry, at, np.where(r.random(size) < 0.9, code, -1),
             around=0.08, fixed=town.venue())  # fmt: skip


def tasks(town: Town, plan: Plan) -> None:
    """A task app pays cents for a vote and a screenshot: people all over the country, once each,
    by the browsers built into three apps, in waves after each posting. Naive: a timer holds all of
    them for the same seconds. Careful: as long as they like, some in WeChat, some play the film."""
    r, careful, n = town.rng, plan.careful, plan.votes
    waves = int(r.integers(3, 9))
    starts = np.array([town.at(town.date(), 8, 21) for _ in range(waves)])
    lasts = r.uniform(2, 6) if careful else r.uniform(0.6, 2)
    at = starts[r.integers(0, waves, n)] + r.exponential(lasts * HOUR, n)
    who = town.people(n, openid=0.4 if careful else 0.05, access=(0.45, 0.3, 0.25))
    apps = town.agents(np.zeros(3, bool))
    inside = who.wechat
    who.agent = np.where(inside, who.agent, r.choice(apps, n))
    if careful:
        stayed = town.stays(n, town.world.habits.friend_s * r.uniform(0.9, 1.5), 0.6)
    else:
        stayed = (15_000 + r.exponential(1_800, n)).astype(np.int64)
    seen = town.watched(stayed, plan.targets[0], 0.4 if careful else 0.75)
    link = town.own_links(plan.targets[0], n) if careful else int(town.new_codes(1)[0])
    town.cast(plan.kind, who, town.awake(at), plan.targets[0], stayed, seen, link)


def held_out(r: Rng) -> World:
    """A corner: hundreds of entries and few favourites, four days from a Friday evening, few
    openids, few carrier addresses, forgetful devices, slow readers, a very common browser."""
    shares = {name: share * 0.6 for name, share in CLASSIC.items()}
    shares |= {name: share * 0.4 for name, share in STRANGE_SHARES.items()} | {"train": 0.02}
    return World(
        "held-out",
        entries=int(r.integers(300, 400)),
        popularity=Popularity("zipf", r.uniform(1.1, 1.3), 0.5),
        clock=Clock(MONDAY + 4 * DAY + 20 * HOUR, 4, EVENING, r.uniform(1.3, 1.8),
                    (r.uniform(1.5, 3), 0.4), (0.3, 0.5), (r.uniform(0, 1), 0.8), 0.25,
                    outages=2),
        habits=Habits(r.uniform(13, 18), r.uniform(35, 60), r.uniform(0.9, 1.15), 0.6, 0.3,
                      (15, 60), 0.05, 1500),
        links=Links(0.4, 25, 2.2, 0.7),
        networks=Networks(regions=10, skew=1.0, carriers=3, pool_ips=(1.4, 0.4), pool_nets=1,
                          shared_homes=0.75, homes_v6=0.05, neighbours=100, campuses=4,
                          campus_ips=1, handover=0.1, redial=0.6),
        agents=Agents(220, 1.1, 0.2, 0.08, 2),
        public=Public((0.6, 0.05, 0.25, 0.1), 0.08, 0.3, 0.45 + r.uniform(-0.03, 0.03), 0.85),
        format=Format(entry="{}"),
        per_day=3,
        crowds={name: share * float(r.uniform(0.6, 1.5)) for name, share in shares.items()},
    )  # fmt: skip


HELD_OUT_CROWDS = {"train": train}
HELD_OUT_ATTACKS = {"tasks": tasks}
