"""How good a detector's answer is. Shares of honest votes, recall of each attack, the top 10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.fraud.ledger import Labels
from voting.case import Finding, Run

FLAG: Final = 0.5
PLACES: Final = 10
#: Entries with a larger share of fraud than this are attacked.
ATTACKED: Final = 0.05
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A detector's answer: a score per vote in the ledger's order, ≥ 0.5 is a flag; a reason per
    vote ("" is none) and the run's cases, where the detector gives them."""

    scores: Floats
    reasons: Sequence[str] | None = None
    run: Run | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """All rates are shares of 1; None where there is nothing to take a share of.

    `recall`: of each attack. `honest`: flagged of each honest population; `on_attacked`: of the
    honest votes on attacked entries. `top_ok`, `top_ok_without`: whether the ten first are right
    with and without the flagged votes removed; `wrong`: how many of them aren't.
    `excess`: per attacked entry, (true, estimated) fraudulent votes. `idle_excess`: what cases of
    excess claim at entries that nobody attacked, as a share of all votes.
    """

    rows: int
    fraud: int
    recall_all: float | None
    recall: Mapping[str, float]
    counts: Mapping[str, int]
    flagged: float
    honest: Mapping[str, float]
    on_attacked: float | None
    precision: float | None
    pr_auc: float | None
    wrong: int
    wrong_without: int
    top_ok: bool
    top_ok_without: bool
    winner_ok: bool
    cases: int | None = None
    reasoned: float | None = None
    excess: Mapping[str, tuple[str, int, float]] = field(default_factory=dict)
    idle_excess: float | None = None
    seconds: float = 0.0


def score(labels: Labels, verdict: Verdict) -> Score:
    """Raises ValueError if the verdict isn't about as many votes as the labels."""
    if len(verdict.scores) != len(labels):
        raise ValueError(f"{len(verdict.scores)} scores for {len(labels)} votes")
    flags = verdict.scores >= FLAG
    honest = ~labels.fraud
    share = _rates(labels, flags)
    attacked = honest & (_fraud_share(labels) > ATTACKED)[labels.entry]
    fraud_kinds = set(labels.kind[labels.fraud].tolist())
    number = np.bincount(labels.kind, minlength=len(labels.kinds)).tolist()
    wrong, wrong_without = wrong_places(labels, ~flags), wrong_places(labels, flags | ~flags)
    excess = _excess(labels, flags, verdict.run) if verdict.run else ({}, None)
    return Score(
        rows=len(labels),
        fraud=int(labels.fraud.sum()),
        recall_all=_share(flags, labels.fraud),
        recall={labels.kinds[k]: share[k] for k in sorted(fraud_kinds)},
        counts=dict(zip(labels.kinds, number, strict=True)),
        flagged=_share(flags, honest) or 0.0,
        honest={labels.kinds[k]: share[k] for k in share if k not in fraud_kinds},
        on_attacked=_share(flags, attacked),
        precision=_share(labels.fraud, flags),
        pr_auc=average_precision(labels.fraud, verdict.scores),
        wrong=wrong,
        wrong_without=wrong_without,
        top_ok=wrong == 0,
        top_ok_without=wrong_without == 0,
        winner_ok=_order(labels, honest)[0] == _order(labels, ~flags)[0],
        cases=len(verdict.run.cases) if verdict.run else None,
        reasoned=_reasoned(flags, verdict.reasons),
        excess=excess[0],
        idle_excess=excess[1],
        seconds=verdict.seconds,
    )


def average_precision(truth: Flags, scores: Floats) -> float | None:
    """The area under precision over recall, as steps; equal scores count as one step."""
    if not truth.any():
        return None
    order = np.argsort(-scores, kind="stable")
    steps = np.append(np.diff(scores[order]) != 0, True)
    hits, seen = np.cumsum(truth[order])[steps], np.arange(1, len(scores) + 1)[steps]
    return float(np.sum(np.diff(hits, prepend=0) / truth.sum() * (hits / seen)))


def wrong_places(labels: Labels, keep: Flags) -> int:
    """How many of the ten first by the kept votes don't belong there by the honest votes. Who
    wrongly leaves and who wrongly enters are paired, the closest first: at most 0.5 % or 3 honest
    votes between them are the toss of a coin and no mistake."""
    true = _counts(labels, ~labels.fraud)
    right, got = (set(_order(labels, which)[:PLACES]) for which in (~labels.fraud, keep))
    leave = sorted(right - got, key=lambda entry: (true[entry], labels.entries[entry]))
    enter = sorted(got - right, key=lambda entry: (-true[entry], labels.entries[entry]))
    return sum(bool(true[out] - true[into] > max(3, 0.005 * true[out]))
               for out, into in zip(leave, enter, strict=True))  # fmt: skip


def _counts(labels: Labels, which: Flags) -> NDArray[np.int64]:
    return np.bincount(labels.entry[which], minlength=len(labels.entries))


def _order(labels: Labels, which: Flags) -> list[int]:
    counts = _counts(labels, which)
    return sorted(range(len(counts)), key=lambda entry: (-counts[entry], labels.entries[entry]))


def _share(of: Flags, among: Flags) -> float | None:
    return float(of[among].mean()) if among.any() else None


def _rates(labels: Labels, flags: Flags) -> dict[int, float]:
    n = np.bincount(labels.kind, minlength=len(labels.kinds))
    hit = np.bincount(labels.kind, flags, minlength=len(labels.kinds))
    return {kind: float(hit[kind] / n[kind]) for kind in np.flatnonzero(n).tolist()}


def _fraud_share(labels: Labels) -> Floats:
    every = np.ones(len(labels), bool)
    return _counts(labels, labels.fraud) / np.maximum(_counts(labels, every), 1)


def _reasoned(flags: Flags, reasons: Sequence[str] | None) -> float | None:
    which = np.flatnonzero(flags)
    if reasons is None or not len(which):
        return None
    return float(np.mean([bool(str(reasons[i]).strip()) for i in which.tolist()]))


def _excess(
    labels: Labels, flags: Flags, run: Run
) -> tuple[dict[str, tuple[str, int, float]], float]:
    """Per attacked entry its chief attack, its fraudulent votes, and what is known of their number:
    the flagged votes there and what cases of excess claim beyond them (votes - expected). A case of
    several entries is shared out by its votes. And the share of all votes claimed for nothing."""
    number = {name: at for at, name in enumerate(labels.entries)}
    claimed = np.zeros(len(number))
    for case in run.cases:
        if case.finding is Finding.EXCESS and case.votes:
            for name, votes in case.entries:
                if name in number:
                    claimed[number[name]] += (case.votes - case.expected) * votes / case.votes
    fraud, flagged = _counts(labels, labels.fraud), _counts(labels, flags)
    attacked = np.flatnonzero(_fraud_share(labels) > ATTACKED)
    found = {}
    for entry in attacked.tolist():
        here = labels.fraud & (labels.entry == entry)
        chief = labels.kinds[int(np.bincount(labels.kind[here]).argmax())]
        known = float(flagged[entry] + claimed[entry])
        found[labels.entries[entry]] = (chief, int(fraud[entry]), known)
    idle = float(claimed.sum() - claimed[attacked].sum())
    return found, idle / max(1, len(labels))
