"""A table as CSV: RFC 4180, UTF-8 with the mark by which Excel knows it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from voting.contest import moment
from voting.disk import need_room, whole
from voting.report.table import Cell, Kind, Row, Table, clean, neutral

MARK: Final = "\ufeff"
LOOK_EVERY: Final = 5_000


def write_csv(table: Table, path: Path, tell: Callable[[int], None]) -> int:
    """Write the table to `path`; `tell` hears how many rows there are now and then. Returns them.

    Raises OSError when the disk is full, and whatever `tell` and the rows raise; then there is no
    file.
    """
    kinds = [column.kind for column in table.columns]
    count = 0
    with whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        file.write(MARK)
        writer = csv.writer(file)  # its line ends are CR LF
        writer.writerow([column.header for column in table.columns])
        for count, row in enumerate(table.rows, start=1):
            writer.writerow(list(_cells(row, kinds)))
            if count % LOOK_EVERY == 0:
                need_room(path.parent)
                tell(count)
    return count


def _cells(row: Row, kinds: list[Kind]) -> Iterator[Cell]:
    for cell, kind in zip(row, kinds, strict=True):
        if kind is Kind.TIME and isinstance(cell, int):
            yield moment(cell).isoformat(" ")
        elif isinstance(cell, str):
            yield neutral(clean(cell))
        else:
            yield cell
