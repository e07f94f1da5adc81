"""The ledger in columns: what every detector reads. From an exported file, or from rows at hand."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

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
#: Empty in none of the rows.
NEEDED: Final = ("vote_id", "ts_ms", "entry_id", "voter")
#: The columns whose names a person may want to see, of networks and the like.
NAMED: Final = ("ip", "net", "ua", "share")
#: How a ledger names whoever votes without an account; all other words are accounts.
DEVICE: Final = "device"
DEMO: Final = "demo"
#: Milliseconds between 2000 and 2100: what is drawn over time would be endless with others.
EARLIEST_MS: Final = 946_684_800_000
LATEST_MS: Final = 4_102_444_800_000


class LedgerUnreadable(Exception):  # noqa: N818 the plain word
    """The file isn't a ledger; the text is one sentence in Chinese."""


class Words(Protocol):
    """Texts by their place, each made when it is asked for: there may be ten million."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> str: ...


@dataclass(frozen=True)
class Reordered:
    """The same texts in another order."""

    words: Words
    order: Longs

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> str:
        return self.words[int(self.order[place])]


@dataclass(frozen=True)
class Votes:
    """Equally long columns, one element a vote, in the order of `ts_ms`.

    `entry`, `voter`, `ip`, `net`, `ua` and `share` are codes from 0 on (-1: not known; only in the
    last four). `device`: cast without a WeChat account. `dwell_s` and `watched_s` in seconds.
    `ids` and `entries` are the ledger's own names of votes and entries, `row` is where each vote
    stood in the ledger.
    """

    ids: Words
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


@dataclass(frozen=True)
class Ledger:
    """Votes, and what is known beside: `names` of the codes in the columns NAMED; `demo`, how many
    votes were left out because nobody cast them; `unknown`, how many had a time on the page or of
    watching that is none (negative, NaN)."""

    votes: Votes
    names: Mapping[str, Words]
    demo: int = 0
    unknown: int = 0

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return len(self.votes) + self.demo


def read(path: Path) -> Votes:
    """The votes of an exported ledger. Raises LedgerUnreadable."""
    return read_ledger(path).votes


def read_ledger(path: Path) -> Ledger:
    """An exported ledger: CSV in UTF-8 with a header that has COLUMNS, in any order, and perhaps
    others. The rows may have any order, too. Raises LedgerUnreadable."""
    try:
        _check_header(path)
        frame = _frame(path)
    except FileNotFoundError as error:
        raise LedgerUnreadable(f"没有 {path} 这个文件") from error
    except OSError as error:
        raise LedgerUnreadable(f"读不了 {path}：{error.strerror}") from error
    demo = (frame["identity"] == DEMO).fill_null(value=False)
    cast = frame.filter(~demo) if demo.any() else frame
    wrong = _nonsense("dwell_ms") | _nonsense("watched_s")
    unknown = int(cast.select(wrong.sum()).item() or 0)
    cast = cast.with_columns(
        pl.when(_nonsense(name)).then(0.0).otherwise(pl.col(name)).alias(name)
        for name in ("dwell_ms", "watched_s")
    )
    left_out = int(demo.sum())
    del frame, demo
    votes, names = _columns(cast)
    return Ledger(votes, names, left_out, unknown)


def of_frame(frame: pl.DataFrame) -> Votes:
    """Votes from a table with COLUMNS."""
    return _columns(frame.clone())[0]


def _columns(frame: pl.DataFrame) -> tuple[Votes, dict[str, Words]]:
    """One column after the other, each taken out of the frame: ten million rows are large."""
    times = frame.drop_in_place("ts_ms").to_numpy()
    order = np.argsort(times, kind="stable")
    codes, names = dict[str, Ints](), dict[str, Words]()
    for name in ("entry_id", "voter", *NAMED):
        codes[name], names[name] = _coded(frame.drop_in_place(name), order)
    identity = frame.drop_in_place("identity").fill_null("")
    votes = Votes(
        ids=Reordered(frame.drop_in_place("vote_id"), order),
        row=order,
        entries=tuple(names["entry_id"][n] for n in range(len(names["entry_id"]))),
        ts_ms=times[order],
        entry=codes["entry_id"],
        voter=codes["voter"],
        device=(identity == DEVICE).to_numpy()[order],
        ip=codes["ip"],
        net=codes["net"],
        ua=codes["ua"],
        share=codes["share"],
        dwell_s=frame.drop_in_place("dwell_ms").fill_null(0).to_numpy()[order] / 1000,
        watched_s=frame.drop_in_place("watched_s").fill_null(0.0).to_numpy()[order],
        demo=(identity == DEMO).to_numpy()[order],
    )
    return votes, {name: names[name] for name in NAMED}


def _coded(column: pl.Series, order: Longs) -> tuple[Ints, Words]:
    """Codes in the order of first appearance, -1 where there is nothing, and their names; of the
    rows in this order."""
    names = column.fill_null("")
    raw = names.cast(pl.Categorical).to_physical().to_numpy()[order]
    if not len(raw):
        return np.empty(0, np.int32), names
    known = in_order(raw, int(raw.max()) + 1)
    listed = names.gather(order[known.first])
    places = known.codes
    if (nothing := (listed == "").arg_max()) is not None and listed[nothing] == "":
        listed = listed.filter(listed != "")
        places = np.where(places == nothing, -1, places - (places > nothing)).astype(np.int32)
    return places, listed


@dataclass(frozen=True)
class Ordered:
    """Codes in the order of first appearance; `first` is where each stands first."""

    codes: Ints
    first: Longs


def in_order(raw: NDArray[np.integer[Any]], size: int) -> Ordered:
    """Number anew what is numbered below `size` in any order."""
    first = np.full(size, len(raw), np.int64)
    first[raw[::-1]] = np.arange(len(raw) - 1, -1, -1)
    known = np.flatnonzero(first < len(raw))
    known = known[np.argsort(first[known])]
    codes = np.full(size, -1, np.int32)
    codes[known] = np.arange(len(known))
    return Ordered(codes[raw], first[known])


# --- what can be wrong with a file ----------------------------------------------------------------


def _check_header(path: Path) -> None:
    """Said before anything long begins. Raises LedgerUnreadable and OSError."""
    with path.open("rb") as file:
        line = file.readline(100_000)
    if not line.strip():
        raise LedgerUnreadable(f"{path.name} 是空的" if not path.stat().st_size else _no_csv(path))
    try:
        found = [name.strip() for name in line.decode("utf-8-sig").strip("\r\n").split(",")]
    except UnicodeDecodeError:
        raise LedgerUnreadable(_no_csv(path)) from None
    missing = [name for name in COLUMNS if name not in [one.strip('"') for one in found]]
    if len(missing) > len(COLUMNS) // 2:
        raise LedgerUnreadable(_no_csv(path))
    if missing:
        raise LedgerUnreadable(f"{path.name} 缺少这些列：{'、'.join(missing)}")


def _no_csv(path: Path) -> str:
    return f"{path.name} 不是账本：要 UTF-8 编码的 CSV，第一行是 {','.join(COLUMNS)}"


def _frame(path: Path) -> pl.DataFrame:
    types = dict.fromkeys(COLUMNS, pl.String) | {
        "ts_ms": pl.Int64, "dwell_ms": pl.Float64, "watched_s": pl.Float64,
    }  # fmt: skip
    try:
        frame = pl.read_csv(path, schema_overrides=types, columns=list(COLUMNS), glob=False)
    except pl.exceptions.PolarsError as error:
        raise LedgerUnreadable(_first_flaw(path) or _no_csv(path)) from error
    if frame["vote_id"].null_count():  # empty lines
        frame = frame.filter(~pl.all_horizontal(pl.col(name).is_null() for name in COLUMNS))
    wrong = pl.any_horizontal(
        *(pl.col(name).is_null() for name in (*NEEDED, "dwell_ms", "watched_s")),
        ~pl.col("ts_ms").is_between(EARLIEST_MS, LATEST_MS),
    )
    if frame.select(wrong.any()).item() and (flaw := _first_flaw(path)):
        raise LedgerUnreadable(flaw)
    ids = frame["vote_id"]
    if ids.n_unique() < len(ids):
        twice = ids.filter(ids.is_duplicated())[0]
        raise LedgerUnreadable(
            f"{path.name} 里有重复的选票：{twice}。每张选票只能有一行，文件可能拼接过"
        )
    return frame


def _nonsense(name: str) -> pl.Expr:
    column = pl.col(name)
    return (column < 0) | column.is_nan() | column.is_infinite()


def _first_flaw(path: Path) -> str:
    """The first line that can't be one of a ledger, in a sentence; read slowly, because something
    is wrong already. '' if there is none."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            header = [name.strip() for name in next(rows)]
            for row in rows:
                if row and (flaw := _flaw(header, row)):
                    return f"{path.name} 第 {rows.line_num} 行{flaw}"
    except (UnicodeDecodeError, csv.Error):
        return _no_csv(path)
    return ""


def _flaw(header: list[str], row: list[str]) -> str:
    if len(row) != len(header):
        return f"不完整：有 {len(row)} 格，应有 {len(header)} 格"
    cells = dict(zip(header, row, strict=True))
    if empty := [name for name in NEEDED if not cells[name]]:
        return f"不完整：{empty[0]} 是空的"
    if not _is_number(cells["ts_ms"], int):
        return f"的 ts_ms 写成了“{cells['ts_ms'][:40]}”，应是整数"
    if not EARLIEST_MS <= int(cells["ts_ms"]) <= LATEST_MS:
        return f"的 ts_ms 写成了“{cells['ts_ms'][:40]}”，应是 1970 年以来的毫秒数（13 位）"
    for name in ("dwell_ms", "watched_s"):
        if cells[name] and not _is_number(cells[name], float):
            return f"的 {name} 写成了“{cells[name][:40]}”，应是数字"
    return ""


def _is_number(text: str, kind: type[int] | type[float]) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text and text == text.strip()
