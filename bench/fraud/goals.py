"""What is to be reached, in the words of numbers, and whether it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

Result = Mapping[str, Any]
Results = Sequence[Result]
SIMULATOR: Final = "simulator"

#: Attack and skill → recall to be reached on the simulator: half of the gap to its ceiling, at
#: least, where the README tells one.
FLOORS: Final[Mapping[tuple[str, str], float]] = {
    ("script", "naive"): 0.95, ("script", "careful"): 0.95, ("smear", "naive"): 0.95,
    ("farm", "naive"): 0.95, ("farm", "careful"): 0.95, ("proxy", "naive"): 0.95,
    ("paid", "naive"): 0.95, ("proxy", "careful"): 0.645, ("paid", "careful"): 0.725,
    ("snipe", "careful"): 0.40, ("drip", "careful"): 0.225,
}  # fmt: skip
#: Honest populations → the largest mean share of them that may be flagged on the simulator.
CEILINGS: Final[Mapping[str, float]] = {
    **dict.fromkeys(("campus", "office", "viral", "livestream", "family", "cgnat"), 0.001),
    "club": 0.01,
}
#: Populations of which dozens share an address and a browser within minutes, elsewhere.
ONE_DEVICE: Final = ("kiosk", "pupils", "old-home", "family")
KNOWN: Final = frozenset({"base", "finalrush", *CEILINGS})
DROPS: Final[Mapping[str, float]] = {"paid": 0.25, "snipe": 0.25}


def goals_met(results: Results) -> Iterator[str]:
    """A Markdown table of the goals that these results can tell of."""
    yield "| goal | | reached | |"
    yield "| --- | --- | --- | --- |"
    worlds = by(results, lambda one: one["job"]["world"])
    near = worlds.pop(SIMULATOR, [])
    for name, found, limit, sign in (*_simulator(near), *_elsewhere(worlds, recalls(near))):
        reached = found <= limit + 1e-12 if sign == "≤" else found >= limit - 1e-12
        yield f"| {name} | {sign} {limit:g} | {found:.4g} | {'' if reached else 'MISSED'} |"


Line = tuple[str, float, float, str]


def _simulator(results: Results) -> Iterator[Line]:
    if not results:
        return
    scores = [one["score"] for one in results]
    flagged = [one["flagged"] for one in scores]
    yield "simulator: honest votes flagged, mean", _mean(flagged), 0.0005, "≤"
    yield "simulator: honest votes flagged, worst ledger", max(flagged), 0.005, "≤"
    for kind, most in CEILINGS.items():
        shares = [one["honest"][kind] for one in scores if kind in one["honest"]]
        if shares:
            yield f"simulator: {kind} flagged, mean", _mean(shares), most, "≤"
    attacked = [one["on_attacked"] for one in scores if one["on_attacked"] is not None]
    if attacked:
        yield "simulator: honest votes on attacked entries, mean", _mean(attacked), 0.005, "≤"
    yield from _tops("simulator", results)
    cases = [one["cases"] for one in scores if one["cases"] is not None]
    if cases:
        yield "simulator: most cases", max(cases), 30, "≤"
    reasons = [one["reasoned"] for one in scores if one["reasoned"] is not None]
    if reasons:
        yield "simulator: flagged votes with a reason, least", min(reasons), 1, "≥"
    found = recalls(results)
    for key, floor in FLOORS.items():
        if key in found:
            yield f"simulator: recall of {key[0]}, {key[1]}", found[key], floor, "≥"
    right = _mean([one["top_ok"] for one in scores])
    yield "simulator: top 10 right", right, 0.85, "≥"
    if drips := drip_errors(scores):
        share = _mean([abs(error) <= 0.3 for error in drips])
        yield "simulator: drip excess within 30 %, share of entries", share, 1, "≥"


def _elsewhere(worlds: Mapping[str, Results], near: Mapping[Any, float]) -> Iterator[Line]:
    for world, results in worlds.items():
        yield from _tops(world, results)
        kinds = {kind for one in results for kind in one["score"]["honest"]} - KNOWN
        flagged = [one["score"]["flagged"] for one in results]
        yield f"{world}: honest votes flagged, mean", _mean(flagged), 0.002, "≤"
        for kind in sorted(kinds):
            shares = [one["score"]["honest"].get(kind, 0.0) for one in results]
            most = 0.05 if kind in ONE_DEVICE else 0.02
            yield f"{world}: {kind} flagged, mean", _mean(shares), most, "≤"
        for key, recall in recalls(results).items():
            if key in near:
                drop, most = near[key] - recall, DROPS.get(key[0], 0.15)
                yield f"{world}: recall of {key[0]}, {key[1]}: drop", drop, most, "≤"


def _tops(world: str, results: Results) -> Iterator[Line]:
    clean = [one["score"] for one in results if one["job"]["scenario"] == "clean"]
    if clean:
        yield f"{world}: clean top 10 changed, ledgers", sum(o["wrong"] > 0 for o in clean), 0, "≤"
    worse = sum(one["score"]["wrong"] > one["score"]["wrong_without"] for one in results)
    yield f"{world}: top 10 worse than without, ledgers", worse, 0, "≤"


def by(results: Iterable[Result], key: Callable[[Result], str]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for one in results:
        groups.setdefault(key(one), []).append(one)
    return groups


def recalls(results: Results) -> dict[tuple[str, str], float]:
    """(attack, skill) → mean recall over all ledgers that hold the attack."""
    found: dict[tuple[str, str], list[float]] = {}
    for one in results:
        for attack, recall in one["score"]["recall"].items():
            found.setdefault((attack, one["job"]["skill"]), []).append(recall)
    return {key: float(np.mean(values)) for key, values in found.items()}


def drip_errors(scores: Iterable[Mapping[str, Any]]) -> list[float]:
    """Relative errors of the estimated number of votes at entries with drip."""
    return [found / true - 1 for one in scores for kind, true, found in one["excess"].values()
            if kind == "drip"]  # fmt: skip


def within(scores: Sequence[Mapping[str, Any]]) -> str:
    """Of the entries with drip: how many have an estimate within 30 %, and the median error."""
    errors = drip_errors(scores)
    if not errors:
        return "–"
    near = _mean([abs(error) <= 0.3 for error in errors])
    return f"{100 * near:.0f} % (median {100 * np.median(errors):+.0f} %)"


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
