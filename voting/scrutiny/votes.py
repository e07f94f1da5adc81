"""The ledger in columns: what every detector reads. From an exported file, or from rows at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
#: China's clock, on which days begin and people sleep.
CLOCK_MS: Final = 8 * HOUR_MS

COLUMNS: Final = (
    "vote_id", "ts_ms", "entry_id", "voter", "identity", "ip", "net", "ua", "share", "dwell_ms",
    "watched_s",
)  # fmt: skip
#: How a ledger names whoever votes without an account.
DEVICE: Final = "device"
DEMO: Final = "demo"


class LedgerUnreadable(Exception):  # noqa: N818 the plain word
    """The file isn't a ledger; the text is one sentence in Chinese."""


@dataclass(frozen=True)
class Votes:
    """Equally long columns, one element a vote, in the order of `ts_ms`.

    `entry`, `voter`, `ip`, `net`, `ua` and `share` are codes from 0 on (-1: not known; only in the
    last four). `device`: cast without a WeChat account. `dwell_s` and `watched_s` in seconds.
    `ids` and `entries` are the ledger's own names of votes and entries, `row` is where each vote
    stood in the ledger.
    """

    ids: Sequence[str] | NDArray[np.object_]
    row: Longs
    entries: tuple[str, ...]
    ts_ms: Longs
    entry: Ints
    voter: Ints
    device: Mask
    ip: Ints
    net: Ints
    ua: Ints
    share: Ints
    dwell_s: Floats
    watched_s: Floats
    demo: Mask = field(default_factory=lambda: np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.ts_ms)

    @cached_property
    def day(self) -> Ints:
        """The contest's calendar day, from the epoch."""
        return ((self.ts_ms + CLOCK_MS) // DAY_MS).astype(np.int32)

    @cached_property
    def hour(self) -> Floats:
        """The hour of the day, 0 to 24."""
        return ((self.ts_ms + CLOCK_MS) % DAY_MS) / HOUR_MS

    @cached_property
    def per_entry(self) -> Longs:
        return np.bincount(self.entry, minlength=len(self.entries))

    @cached_property
    def votes_of_voter(self) -> Longs:
        """For each vote, how many its voter cast in all."""
        return np.bincount(self.voter)[self.voter]

    @cached_property
    def of_one_entry(self) -> Mask:
        """For each vote, whether its voter voted for no other entry."""
        some = np.zeros(int(self.voter.max(initial=-1)) + 1, np.int32)
        some[self.voter] = self.entry
        strays = np.bincount(self.voter, self.entry != some[self.voter], len(some))
        found: Mask = strays[self.voter] == 0
        return found


def read(path: Path) -> Votes:
    """An exported ledger: CSV with a header that has COLUMNS, in any order. Raises
    LedgerUnreadable."""
    types = dict.fromkeys(COLUMNS, pl.String) | {
        "ts_ms": pl.Int64, "dwell_ms": pl.Int64, "watched_s": pl.Float64,
    }  # fmt: skip
    try:
        frame = pl.read_csv(path, schema_overrides=types, columns=list(COLUMNS))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise LedgerUnreadable(f"{path} 不是一份账本：{_first_line(error)}") from error
    if any(frame[name].null_count() for name in ("vote_id", "ts_ms", "entry_id", "voter")):
        raise LedgerUnreadable(f"{path} 里有不完整的行")
    return of_frame(frame)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def of_frame(frame: pl.DataFrame) -> Votes:
    """The same from a table with COLUMNS."""
    frame = frame.with_row_index("row").sort("ts_ms", maintain_order=True)
    entry, entries = _coded(frame["entry_id"])
    identity = frame["identity"].fill_null("")
    return Votes(
        ids=frame["vote_id"].to_numpy(),
        row=frame["row"].to_numpy().astype(np.int64),
        entries=tuple(entries),
        ts_ms=frame["ts_ms"].to_numpy(),
        entry=entry,
        voter=_coded(frame["voter"])[0],
        device=(identity == DEVICE).to_numpy(),
        ip=_coded(frame["ip"])[0],
        net=_coded(frame["net"])[0],
        ua=_coded(frame["ua"])[0],
        share=_coded(frame["share"])[0],
        dwell_s=frame["dwell_ms"].fill_null(0).to_numpy() / 1000,
        watched_s=frame["watched_s"].fill_null(0.0).to_numpy(),
        demo=(identity == DEMO).to_numpy(),
    )


def _coded(column: pl.Series) -> tuple[Ints, list[str]]:
    """Codes in the order of first appearance, -1 where there is nothing, and the names."""
    names = column.fill_null("")
    raw = names.cast(pl.Categorical).to_physical().to_numpy()
    if not len(raw):
        return np.empty(0, np.int32), []
    first = np.full(int(raw.max()) + 1, len(raw), np.int64)
    first[raw[::-1]] = np.arange(len(raw) - 1, -1, -1)
    known = np.flatnonzero(first < len(raw))
    known = known[np.argsort(first[known])]
    listed = names.gather(first[known]).to_list()
    if "" in listed:
        nothing = listed.index("")
        known = np.delete(known, nothing)
        listed.pop(nothing)
    codes = np.full(len(first), -1, np.int32)
    codes[known] = np.arange(len(known))
    return codes[raw], listed
