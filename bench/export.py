"""The ledger as CSV: rows a second, and the memory that it takes, with a few rows and with many.

Each export is a process of its own, as a job is, on a store of its own.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.stage import Stage, end, start_store
from bench.visitors import ENTRIES
from voting.report.ledger import Mask, write_ledger_csv
from voting.settings import ROOT
from voting.store import keys
from voting.store.client import open_client
from voting.store.ledger import ROW, SCHEMA, Ledger
from voting.supervisor.stores import law_command, runtime_dir

ROWS, FEW = 1_000_000, 200_000
ROUNDS = 3
AT_ONCE = 10_000


def weigh_export(stage: Stage, rows: int = ROWS) -> dict[str, Any]:
    """Rows a second (median, lowest and highest of the rounds), and peak memory in MB."""
    folder = stage.settings.data_dir / "export"
    folder.mkdir()
    path = runtime_dir(stage.settings) / "export.sock"
    processes: list[subprocess.Popen[bytes]] = []
    try:
        start_store(law_command(folder, path), processes)
        few = min(FEW, rows // 5)
        _fill(path, few)
        small = _export(path, folder, "full")
        _fill(path, rows - few)
        full = [_export(path, folder, "full") for _ in range(ROUNDS)]
        masked = _export(path, folder, "masked")
    finally:
        for process in processes:
            end(process)
    rates = [one["rows"] / one["seconds"] for one in full]
    return {
        "rows": full[0]["rows"],
        "rows_per_s": round(statistics.median(rates)),
        "lowest": round(min(rates)),
        "highest": round(max(rates)),
        "masked_rows_per_s": round(masked["rows"] / masked["seconds"]),
        "few_rows": small["rows"],
        "peak_mb_few": round(small["peak_kb"] / 1024, 1),
        "peak_mb": round(max(one["peak_kb"] for one in full) / 1024, 1),
    }


def _fill(socket: Path, rows: int) -> None:
    """Rows as voting.lua appends them, without the votes around them."""
    client = open_client(f"unix://{socket}", timeout_s=30.0, retries=0)
    for first in range(0, rows, AT_ONCE):
        pipeline = client.pipeline(transaction=False)
        for n in range(first, min(first + AT_ONCE, rows)):
            row = ROW.pack(
                SCHEMA, 1 + n % 2, 1 + n % ENTRIES, os.urandom(8), os.urandom(6), os.urandom(6),
                os.urandom(4), os.urandom(4), 4_000, 23,
            )  # fmt: skip
            pipeline.xadd(keys.LEDGER(shard=0), {"v": row})
        pipeline.execute()
    client.close()


def _export(socket: Path, folder: Path, kind: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.export", str(socket), str(folder / "ledger.csv"), kind]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(socket: str, file: str, kind: str) -> None:
    """One export in this process."""
    ledger = Ledger(open_client(f"unix://{socket}", timeout_s=5.0, retries=1), 1)
    mask = Mask(os.urandom(32)) if kind == "masked" else None
    began = time.perf_counter()
    rows = write_ledger_csv(ledger, ledger.cut(), Path(file), lambda _: None, mask)
    seconds = time.perf_counter() - began
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_kb": peak_kb}))


if __name__ == "__main__":
    main(*sys.argv[1:])
