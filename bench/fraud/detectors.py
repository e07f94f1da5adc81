"""Detectors as the bench runs them: a ledger's path → Verdict. Scrutiny, and what it must beat."""

from __future__ import annotations

import csv
import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from bench.fraud.scoring import Verdict

Detector = Callable[[Path], Verdict]


def scrutiny(ledger: Path) -> Verdict:
    """The house's own engine; timed from the file to the cases."""
    # Imported here, because the bench's own tests need no polars and no scipy.
    engine = importlib.import_module("voting.scrutiny")
    begun = time.perf_counter()
    found = engine.scrutinize(ledger)
    seconds = time.perf_counter() - begun
    flags = found.flags
    return Verdict(np.asarray(flags.score, float), flags.reason, found.run, seconds)


def nothing(ledger: Path) -> Verdict:
    """No detector."""
    return Verdict(np.zeros(len(_column(ledger, "ts_ms"))))


def busy_address(ledger: Path) -> Verdict:
    """Votes of an address that has 20 or more on a day: what most sites do."""
    day = np.array(_column(ledger, "ts_ms"), np.int64) // 86_400_000
    _, address = np.unique(_column(ledger, "ip"), return_inverse=True)
    _, which, count = np.unique(address * 10_000 + day % 10_000, return_inverse=True,
                                return_counts=True)  # fmt: skip
    return Verdict(np.clip(count[which] / 40, 0, 1))


def busy_minute(ledger: Path) -> Verdict:
    """Votes of an entry's minute far above that entry's usual one (z ≥ 6)."""
    minute = np.array(_column(ledger, "ts_ms"), np.int64) // 60_000
    _, entry = np.unique(_column(ledger, "entry_id"), return_inverse=True)
    minute -= minute.min()
    _, which, count = np.unique(entry * (minute.max() + 1) + minute, return_inverse=True,
                                return_counts=True)  # fmt: skip
    usual = (np.bincount(entry) / (minute.max() + 1))[entry]
    return Verdict(np.clip((count[which] - usual) / np.sqrt(usual + 1) / 12, 0, 1))


def _column(ledger: Path, name: str) -> list[str]:
    with ledger.open(encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        at = next(rows).index(name)
        return [row[at] for row in rows]


BASELINES: Final[dict[str, Detector]] = {
    "nothing": nothing,
    "votes per address and day ≥ 20": busy_address,
    "entry-minute z ≥ 6": busy_minute,
}


def named(name: str) -> Detector:
    """`scrutiny`, a baseline's name, or `module:function`."""
    if name == "scrutiny":
        return scrutiny
    if name in BASELINES:
        return BASELINES[name]
    module, _, function = name.partition(":")
    found: Detector = getattr(importlib.import_module(module), function)
    return found
