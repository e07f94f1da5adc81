"""Which attack, on whom, how large: from the name of a world and of a scenario to a ledger.

Scenarios: `clean`, `<attack>-<size>`, `mixed` (every classic attack at once, sizes drawn). The size
is relative to the votes of the honest tenth place.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.fraud import ledger
from bench.fraud.attacks import CLASSIC_ATTACKS, Plan
from bench.fraud.held_out import HELD_OUT_ATTACKS, HELD_OUT_CROWDS, held_out
from bench.fraud.honest import CLASSIC_CROWDS, everyday
from bench.fraud.strangers import STRANGE_ATTACKS, STRANGE_CROWDS, strangers
from bench.fraud.town import Town
from bench.fraud.world import CLASSIC_WORLDS, Rng, World

SIZES: Final[Mapping[str, float]] = {"small": 0.25, "medium": 1.0, "large": 2.5}
SKILLS: Final = ("naive", "careful")

Crowd = Callable[[Town, int], None]
Attack = Callable[[Town, Plan], None]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a named world is made of: its parameters, crowds and attacks."""

    world: Callable[[Rng], World]
    crowds: Mapping[str, Crowd]
    attacks: Mapping[str, Attack]


SETTINGS: dict[str, Setting] = {
    name: Setting(world, CLASSIC_CROWDS, CLASSIC_ATTACKS) for name, world in CLASSIC_WORLDS.items()
} | {
    "strangers": Setting(strangers, {**CLASSIC_CROWDS, **STRANGE_CROWDS}, STRANGE_ATTACKS),
    "held-out": Setting(
        held_out,
        {**CLASSIC_CROWDS, **STRANGE_CROWDS, **HELD_OUT_CROWDS},
        {**CLASSIC_ATTACKS, **STRANGE_ATTACKS, **HELD_OUT_ATTACKS},
    ),
}


def scenarios(world: str) -> list[str]:
    """The scenarios that a world knows."""
    attacks = SETTINGS[world].attacks
    return ["clean", *(f"{kind}-{size}" for kind in attacks for size in SIZES), "mixed"]


def draw(world: str, seed: int) -> World:
    """The parameters of a world by its seed alone: its scenarios stay comparable."""
    return SETTINGS[world].world(np.random.default_rng([zlib.crc32(world.encode()), seed]))


def make(world: str, scenario: str, skill: str, seed: int, votes: int, folder: Path) -> None:
    """Write the labelled ledger of about `votes` votes; the same arguments, the same bytes.

    Raises ValueError for a scenario that the world doesn't know.
    """
    if scenario not in scenarios(world):
        raise ValueError(f"{world} has no scenario {scenario!r}")
    setting, drawn = SETTINGS[world], draw(world, seed)
    names = [zlib.crc32(name.encode()) for name in (world, scenario, skill)]
    town = Town(drawn, np.random.default_rng([*names, seed]), votes)
    orders = _orders(town, setting, scenario)
    tenth = float(np.sort(town.popularity)[-10]) * 0.95
    extra = tenth * sum(SIZES[size] for _, size in orders)
    _people_vote(town, setting, int(votes / (1 + extra)))
    counts = _counts(town)
    plans = list(_plans(town, orders, counts, skill))
    for plan in plans:
        setting.attacks[plan.kind](town, plan)
    meta = {
        "world": world, "scenario": scenario, "skill": skill, "seed": seed,
        "tenth": int(np.sort(counts)[-10]), "entries": drawn.entries, "days": drawn.clock.days,
        "openid": drawn.public.openid,
        "attacks": [
            {"kind": plan.kind, "votes": plan.votes, "careful": plan.careful,
             "targets": [drawn.format.entry.format(entry + 1) for entry in plan.targets]}
            for plan in plans
        ],
    }  # fmt: skip
    ledger.write(town, frozenset(setting.attacks), meta, folder)


def _orders(town: Town, setting: Setting, scenario: str) -> list[tuple[str, str]]:
    if scenario == "clean":
        return []
    if scenario == "mixed":
        sizes = town.rng.choice(list(SIZES), len(setting.attacks), p=[0.4, 0.45, 0.15])
        return list(zip(setting.attacks, sizes.tolist(), strict=True))
    kind, _, size = scenario.rpartition("-")
    return [(kind, size)]


def _people_vote(town: Town, setting: Setting, votes: int) -> None:
    shares = {name: share for name, share in town.world.crowds.items() if name in setting.crowds}
    everyday(town, int(votes * (1 - sum(shares.values()))))
    for name, share in shares.items():
        setting.crowds[name](town, max(20, int(votes * share)))


def _counts(town: Town) -> Any:
    votes = np.concatenate([chunk["entry"] for chunk in town.chunks])
    return np.bincount(votes, minlength=town.world.entries)


def _plans(town: Town, orders: list[tuple[str, str]], counts: Any, skill: str) -> Any:
    """Who gets the votes: entries of the places 11 to 30; a favourite is smeared; a snipe lifts
    those just below the tenth place."""
    r = town.rng
    order = np.argsort(-counts)
    below = r.permutation(order[10:30]).tolist()
    for kind, size in orders:
        votes = max(30, int(SIZES[size] * counts[order[9]]))
        wanted = {"medium": 2, "large": 3}.get(size, 1) if kind in ("farm", "paid") else 1
        if kind == "smear":
            targets = (int(order[r.integers(0, 6)]),)
        elif kind == "snipe":
            targets = (int(order[r.integers(10, 13)]),)
        else:
            targets = tuple(below.pop() for _ in range(min(wanted, len(below))))
        careful = skill == "careful" if skill in SKILLS else bool(r.random() < 0.5)
        yield Plan(kind, votes, targets, careful and kind != "smear")
