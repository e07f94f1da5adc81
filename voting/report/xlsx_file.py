"""A table as XLSX, row by row: memory doesn't grow with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, TypeAlias

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from voting.contest import moment
from voting.disk import need_room, whole
from voting.report.table import Kind, Row, Table, clean

#: Excel holds 1,048,576 rows a sheet.
ROWS: Final = 1_000_000
LONGEST: Final = 32_767  # characters of a cell
LOOK_EVERY: Final = 5_000
NOTES: Final = "说明"
#: Nothing that was written as text is to become anything else.
OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}

Book: TypeAlias = Any
Sheet: TypeAlias = Any


def write_xlsx(
    tables: Sequence[Table],
    path: Path,
    tell: Callable[[int], None],
    *,
    at_ms: int,
    rows_a_sheet: int = ROWS,
) -> int:
    """Write the tables to `path`: a sheet each or as many as it takes, and one that explains them.

    `at_ms` is when the file says it was made; all else being equal it is the same bytes. `tell`
    hears how many rows there are now and then. Returns them. Raises as `write_csv` does.
    """
    with _book(path, at_ms) as book:
        split = any(table.expected > rows_a_sheet for table in tables)
        notes = book.add_worksheet(NOTES) if split else None  # first, so that nobody misses it
        writer = _Writer(book, rows_a_sheet, path.parent, tell)
        lines = [line for table in tables for line in writer.write(table)]
        writer.explain(notes or book.add_worksheet(NOTES), lines)
    return writer.count


@contextmanager
def _book(path: Path, at_ms: int) -> Iterator[Book]:
    """A workbook whose temporary files lie beside it, because /tmp may be memory."""
    scratch = path.with_name(f".{path.name}.sheets.part")
    scratch.mkdir(exist_ok=True)
    try:
        with whole(path) as part:
            book = xlsxwriter.Workbook(str(part), {**OPTIONS, "tmpdir": str(scratch)})
            book.use_zip64()
            book.set_properties({"created": moment(at_ms)})
            try:
                yield book
                # Every sheet is copied once more before it is compressed to a fifth or so.
                need_room(path.parent, 5 * _bytes(scratch) // 4)
                book.close()
            except FileCreateError as error:
                raise error.args[0] from error  # the OSError that it hides
            finally:
                _let_go(book)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _let_go(book: Book) -> None:
    """Close what a workbook that couldn't be finished holds open."""
    for sheet in book.worksheets():
        for file in filter(None, (sheet.row_data_fh, sheet.fh)):
            file.close()


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


class _Writer:
    def __init__(
        self, book: Book, rows_a_sheet: int, folder: Path, tell: Callable[[int], None]
    ) -> None:
        self.book, self.rows_a_sheet, self.folder, self.tell = book, rows_a_sheet, folder, tell
        self.count = 0
        head = {"bold": True, "bg_color": "#E6EEEB", "bottom": 1}
        right = book.add_format({**head, "align": "right"})  # over what is set right itself
        self.heads = {Kind.TEXT: book.add_format(head), Kind.NUMBER: right, Kind.TIME: right}
        self.formats = {
            Kind.TEXT: book.add_format({"num_format": "@"}),  # stays text when somebody edits it
            Kind.NUMBER: book.add_format(),
            Kind.TIME: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        }

    def write(self, table: Table) -> Iterator[str]:
        """Fill as many sheets as it takes; gives the lines that explain them."""
        rows, before, part = iter(table.rows), self.count, 0
        yield from table.about
        while (first := next(rows, None)) is not None or not part:
            part += 1
            name = table.name if part == 1 else f"{table.name}（{part}）"
            on_this = islice(chain([first], rows), self.rows_a_sheet) if first is not None else ()
            self._fill(self.book.add_worksheet(name), table, on_this)
        if part > 1:
            yield (
                f"“{table.name}”共 {self.count - before:,} 行，一张工作表放不下，"
                f"分在 {part} 张工作表里，每张最多 {self.rows_a_sheet:,} 行，先后接续。"
            )

    def _fill(self, sheet: Sheet, table: Table, rows: Iterator[Row] | tuple[()]) -> None:
        kinds = [column.kind for column in table.columns]
        for place, column in enumerate(table.columns):
            sheet.set_column(place, place, column.width, self.formats[column.kind])
        sheet.freeze_panes(1, 0)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        for place, column in enumerate(table.columns):
            sheet.write_string(0, place, column.header, self.heads[column.kind])
        for line, row in enumerate(rows, start=1):
            self._write_row(sheet, line, row, kinds)
            self.count += 1
            if self.count % LOOK_EVERY == 0:
                need_room(self.folder)
                self.tell(self.count)

    def _write_row(self, sheet: Sheet, line: int, row: Row, kinds: list[Kind]) -> None:
        for place, (cell, kind) in enumerate(zip(row, kinds, strict=True)):
            if cell is None or cell == "":
                continue
            if isinstance(cell, str):
                text = clean(cell)[:LONGEST]
                sheet.write_string(line, place, text, self.formats[Kind.TEXT])
            elif kind is Kind.TIME:
                sheet.write_datetime(line, place, moment(int(cell)), self.formats[kind])
            else:
                sheet.write_number(line, place, cell, self.formats[kind])

    def explain(self, sheet: Sheet, lines: Sequence[str]) -> None:
        """The sheet that tells what the others are."""
        wrapped = self.book.add_format({"text_wrap": True, "valign": "top"})
        sheet.set_column(0, 0, 90)
        for line, text in enumerate(lines):
            sheet.write_string(line, 0, clean(text), wrapped)
