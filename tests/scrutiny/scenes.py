"""Ledgers by hand: a few lines a scene. And worlds of the bench, each made and looked at once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.fraud import ledger, scenario
from voting.scrutiny.look import Findings, look
from voting.scrutiny.votes import COLUMNS, DAY_MS, HOUR_MS, Votes, of_frame, read

#: A Monday's midnight in Shanghai.
BEGIN = 1_780_243_200_000
#: Weights of the hours of a day.
HOURS = np.array([2, 1, 0.4, 0.3, 0.2, 0.3, 0.6, 2, 3, 3, 3, 4, 5, 4, 3, 3, 4, 5, 6, 7, 8, 9, 7, 4])
DAYS = 10


def scene(n: int, *, at: Any = BEGIN + 12 * HOUR_MS, entry: Any = "a", voter: Any = None,
          identity: Any = "device", ip: Any = "1", net: Any = "1", ua: Any = "1", share: Any = "",
          dwell_s: Any = 8.0, watched_s: Any = 0.0, tag: str = "") -> pl.DataFrame:  # fmt: skip
    """`n` votes; each column a value for all or one a vote. Voters are new ones without `voter`."""
    voter = [f"{tag}{number}" for number in range(n)] if voter is None else voter
    values = {
        "ts_ms": np.broadcast_to(np.asarray(at, np.int64), n),
        "dwell_ms": np.broadcast_to(np.asarray(dwell_s, float) * 1000, n).astype(np.int64),
        "watched_s": np.broadcast_to(np.asarray(watched_s, float), n),
    }
    words = {"entry_id": entry, "voter": voter, "identity": identity, "ip": ip, "net": net,
             "ua": ua, "share": share}  # fmt: skip
    for name, value in words.items():
        values[name] = np.broadcast_to(np.asarray(value).astype(str), n)
    return pl.DataFrame(values)


def frame(*scenes: pl.DataFrame) -> pl.DataFrame:
    """The scenes as one table with the ledger's columns, in time's order."""
    rows = pl.concat(scenes).sort("ts_ms", maintain_order=True)
    return rows.with_row_index().select(
        pl.format("00-{}-{}", "ts_ms", "index").alias("vote_id"), *COLUMNS[1:]
    )


def votes(*scenes: pl.DataFrame) -> Votes:
    return of_frame(frame(*scenes))


def moments(r: np.random.Generator, n: int, days: int = DAYS) -> Any:
    """When people come: some hours more than others, on any day."""
    hour = r.choice(24, n, p=HOURS / HOURS.sum())
    return BEGIN + r.integers(0, days, n) * DAY_MS + hour * HOUR_MS + r.integers(0, HOUR_MS, n)


def people(r: np.random.Generator, n: int, tag: str = "p", **other: Any) -> pl.DataFrame:
    """People who each come once, seven in ten with an account, from all over the place: nothing
    about them is strange but what `other` says."""
    net = r.integers(0, 300, n)
    dwell = r.lognormal(np.log(9), 0.9, n)
    usual = {
        "at": moments(r, n),
        "identity": np.where(r.random(n) < 0.7, "wechat", "device"),
        "net": np.char.add("n", net.astype(str)),
        "ip": np.char.add(np.char.add(net.astype(str), "."), r.integers(0, 40, n).astype(str)),
        "ua": np.minimum(r.zipf(1.5, n), 400),
        "share": np.where(r.random(n) < 0.5, r.integers(0, 200, n).astype(str), ""),
        "dwell_s": dwell,
        "watched_s": np.where(r.random(n) < 0.4, 0, dwell * r.random(n)),
        "tag": tag,
    }
    return scene(n, **{**usual, **other})


def public(r: np.random.Generator, n: int = 24_000, entries: int = 24) -> list[pl.DataFrame]:
    """An honest contest: everybody for one entry out of `entries`, e0 the most popular."""
    popular = 1 / np.arange(9, 9 + entries)
    entry = np.char.add("e", r.choice(entries, n, p=popular / popular.sum()).astype(str))
    return [people(r, n, entry=entry, tag="public")]


@cache
def _crowd(seed: int) -> list[pl.DataFrame]:
    return public(np.random.default_rng(seed))


def more_in_public(seed: int, **other: Any) -> pl.DataFrame:
    """A public, and 1,500 people more for e20, who are like anybody but in what `other` says."""
    r = np.random.default_rng([seed, 1])
    given = {name: value(r) if callable(value) else value for name, value in other.items()}
    return frame(*_crowd(seed), people(r, 1500, entry="e20", tag="more", **given))


def in_public(seed: int, **other: Any) -> Votes:
    return of_frame(more_in_public(seed, **other))


def pick(v: Votes, entry: str) -> Any:
    """Which votes are for the entry."""
    return v.entry == v.entries.index(entry)


@dataclass(frozen=True)
class Made:
    """A world of the bench: its ledger's table, its votes, who is who, and what a look finds."""

    table: pl.DataFrame
    votes: Votes
    labels: ledger.Labels
    found: Findings

    @property
    def flags(self) -> Any:
        return self.found.flags.score >= 0.5

    def recall(self, kind: str) -> float:
        of_kind = self.labels.kind == self.labels.kinds.index(kind)
        return float(self.flags[of_kind].mean())

    @property
    def honest_flagged(self) -> float:
        return float(self.flags[~self.labels.fraud].mean())


@cache
def made(world: str, name: str = "mixed", skill: str = "naive", seed: int = 1,
         rows: int = 30_000) -> Made:  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        scenario.make(world, name, skill, seed, rows, path)
        table = pl.read_csv(path / "ledger.csv", schema_overrides=dict.fromkeys(
            ("entry_id", "voter", "ip", "net", "ua", "share"), pl.String))  # fmt: skip
        cast = read(path / "ledger.csv")
        return Made(table, cast, ledger.load(path), look(cast))


def told(found: Findings) -> Any:
    """All that a look says, without how long it took."""
    return replace(found.run, seconds=0.0), found.score.tolist(), found.reason.tolist()


def renamed(table: pl.DataFrame, columns: dict[str, Callable[[str], str]]) -> pl.DataFrame:
    """The table with other names in these columns; what is empty stays so."""
    return table.with_columns(
        pl.col(name).replace({one: to(one) for one in table[name].unique() if one})
        for name, to in columns.items()
    )
