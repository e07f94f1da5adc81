"""python -m bench.fraud.speed: how long scrutiny takes, and how much memory, reading included.

The ledgers are a mixed world's, tiled: each tile has voters, networks, addresses and links of
its own (one city of twenty), and its votes lie some minutes off. What is measured is the command
`scrutinize --ledger` from its start to its end; the ledgers (120 MB a million votes) are removed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from bench.fraud import scenario
from bench.fraud.world import HOUR
from voting.settings import ROOT

TILE: Final = 500_000
#: What each row count is held to: seconds, GB, and how often it is run.
GOALS: Final = {200_000: (3.0, 4.0, 3), 10_000_000: (60.0, 4.0, 1)}
BYTES_A_ROW: Final = 120
SLICE_MS: Final = 6 * HOUR
#: A tile's votes lie so far from the world's.
OFF_MS: Final = 180_000.0
#: What belongs to one tile alone.
OWN: Final = ("voter", "ip", "net", "share")
LOOK: Final = ("-m", "flask", "--app", "app", "scrutinize", "--ledger")


@dataclass(frozen=True, slots=True)
class Look:
    """One process from its start to its end."""

    seconds: float
    cpu_s: float
    peak_gb: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fraud.speed", description=__doc__)
    parser.add_argument("--rows", default=",".join(map(str, GOALS)), help="for example 200000")
    parser.add_argument("--world", default="home")
    options = parser.parse_args()
    missed = False
    for rows in map(int, options.rows.split(",")):
        most_s, most_gb, times = GOALS.get(rows, (float("inf"), float("inf"), 1))
        with tempfile.TemporaryDirectory(prefix="scrutiny-speed-") as folder:
            if shutil.disk_usage(folder).free < 2 * rows * BYTES_A_ROW:
                print(f"{rows:,} rows: no room for the ledger")
                return 1
            path = Path(folder) / "ledger.csv"
            write(path, options.world, rows)
            looks = [look(path) for _ in range(times)]
        seconds = statistics.median(one.seconds for one in looks)
        cpu_s = statistics.median(one.cpu_s for one in looks)
        peak = max(one.peak_gb for one in looks)
        reached = seconds <= most_s and peak <= most_gb
        missed |= not reached
        print(
            f"{rows:,} rows: {seconds:.1f} s (goal {most_s:g}), {cpu_s:.1f} s CPU, "
            f"{peak:.2f} GB (goal {most_gb:g}), {times} looks, "
            f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
            f"{'' if reached else ': MISSED'}",
            flush=True,
        )
    return int(missed)


def look(ledger: Path) -> Look:
    """Look at a ledger in a process of its own. Raises RuntimeError if that fails."""
    quiet = subprocess.DEVNULL
    words = [sys.executable, *LOOK, str(ledger)]
    begun = time.perf_counter()
    with subprocess.Popen(words, cwd=ROOT, stdout=quiet, stderr=quiet) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"scrutiny ended with {child.returncode}")
    cpu_s = used.ru_utime + used.ru_stime
    return Look(time.perf_counter() - begun, cpu_s, used.ru_maxrss / 2**20)


def write(path: Path, world: str, rows: int) -> None:
    """A ledger of about so many rows in time's order; the same arguments, the same bytes."""
    tile = min(rows, TILE)
    scenario.make(world, "mixed", "auto", 1, tile, path.parent)
    base = pl.read_csv(path, schema_overrides={"share": pl.String, "entry_id": pl.String})
    tiles, r = round(rows / tile), np.random.default_rng(1)
    if tiles == 1:
        return
    with path.open("wb") as file:
        at = base["ts_ms"].to_numpy()
        for number, low in enumerate(range(int(at[0]), int(at[-1]) + 1, SLICE_MS)):
            part = base.filter(pl.col("ts_ms").is_between(low, low + SLICE_MS, closed="left"))
            _tiled(part, tiles, r, (low, low + SLICE_MS)).write_csv(file, include_header=not number)


def _tiled(
    part: pl.DataFrame, tiles: int, r: np.random.Generator, within: tuple[int, int]
) -> pl.DataFrame:
    copies = [
        part.with_columns(
            (pl.col("vote_id") + f"-{tile}").alias("vote_id"),
            *((pl.col(name) + f"{tile:02x}").alias(name) for name in OWN),
            (pl.col("ts_ms") + r.normal(0, OFF_MS, len(part)).astype(np.int64))
            .clip(within[0], within[1] - 1)
            .alias("ts_ms"),
        )
        for tile in range(tiles)
    ]
    return pl.concat(copies).sort("ts_ms", maintain_order=True)


if __name__ == "__main__":
    sys.exit(main())
