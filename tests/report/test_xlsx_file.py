"""XLSX: text stays text, numbers are numbers; sheets are split and say so; the same bytes again."""

from __future__ import annotations

import errno
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter.worksheet
from hypothesis import given, settings
from hypothesis import strategies as st

from voting import disk
from voting.jobs import Stopped
from voting.report.table import Column, Kind, Row, Table
from voting.report.xlsx_file import LOOK_EVERY, write_xlsx

COLUMNS = (
    Column("编号", Kind.NUMBER, 6),
    Column("题目", Kind.TEXT, 36),
    Column("时间", Kind.TIME, 20),
)
AT = 1_754_965_805_000


def nobody(_: int) -> None:
    pass


def a_table(*rows: Row, **more: Any) -> Table:
    return Table("作品", COLUMNS, rows, **more)


def opened(folder: Path, *rows: Row, **more: Any) -> openpyxl.Workbook:
    path = folder / "作品.xlsx"
    write_xlsx([a_table(*rows, **more)], path, nobody, at_ms=AT)
    return openpyxl.load_workbook(path)


def test_types_header_widths_and_notes(tmp_path: Path):
    book = opened(tmp_path, (7, "0012", AT), (-3.5, "=1+1", None), about=("大赛", "截至今天"))
    sheet = book["作品"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["编号", "题目", "时间"],
        [7, "0012", datetime(2025, 8, 12, 10, 30, 5)],
        [-3.5, "=1+1", None],
    ]
    assert [cell.data_type for cell in sheet[3]] == ["n", "s", "n"]
    assert sheet["B2"].number_format == "@"
    assert sheet.freeze_panes == "A2"
    assert 36 <= sheet.column_dimensions["B"].width <= 38
    assert [row[0].value for row in book["说明"].iter_rows()] == ["大赛", "截至今天"]
    assert book.properties.created == datetime(2025, 8, 12, 10, 30, 5)


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://evil.example")', "http://evil.example", "mailto:a@b.cn", "{=1+1}",
        "123456789012345678", "0012", "1e5", "TRUE", "2025-08-12", "  空格  ", "渔村😀",
    ],
)  # fmt: skip
def test_text_is_only_text(tmp_path: Path, text: str):
    cell = opened(tmp_path, (1, text, AT))["作品"]["B2"]
    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)


#: Control characters and surrogates are taken out before; openpyxl reads _xHHHH_ as it stands.
PRINTED = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), max_size=40)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-(2**50), 2**50), PRINTED), max_size=4))
def test_it_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str]]
):
    book = opened(tmp_path_factory.mktemp("xlsx"), *((n, text, AT) for n, text in rows))
    read = [(row[0], row[1] or "") for row in book["作品"].iter_rows(2, values_only=True)]
    assert read == rows


def test_more_rows_than_a_sheet_holds_go_on_in_the_next_and_it_says_so(tmp_path: Path):
    rows = [(n, f"第{n}", AT) for n in range(25)]
    path = tmp_path / "账本.xlsx"
    write_xlsx([a_table(*rows, expected=25)], path, nobody, at_ms=AT, rows_a_sheet=10)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["说明", "作品", "作品（2）", "作品（3）"]
    found = [row[0] for name in book.sheetnames[1:]
             for row in book[name].iter_rows(2, values_only=True)]  # fmt: skip
    assert found == list(range(25))
    assert book["作品（3）"]["A1"].value == "编号"
    assert book["作品（3）"].freeze_panes == "A2"
    (note,) = [row[0].value for row in book["说明"].iter_rows()]
    assert note == (
        "“作品”共 25 行，一张工作表放不下，分在 3 张工作表里，每张最多 10 行，先后接续。"
    )


def test_an_even_number_of_full_sheets_has_no_empty_one(tmp_path: Path):
    rows = [(n, "", AT) for n in range(20)]
    path = tmp_path / "账本.xlsx"
    write_xlsx([a_table(*rows)], path, nobody, at_ms=AT, rows_a_sheet=10)
    assert openpyxl.load_workbook(path).sheetnames == ["作品", "作品（2）", "说明"]


def test_an_empty_table_has_its_header(tmp_path: Path):
    assert [cell.value for cell in opened(tmp_path)["作品"][1]] == ["编号", "题目", "时间"]


def test_made_twice_it_is_the_same_bytes(tmp_path: Path):
    rows = [(n, "题目", AT) for n in range(5)]
    files = [tmp_path / name for name in ("一.xlsx", "二.xlsx")]
    for file in files:
        write_xlsx([a_table(*rows)], file, nobody, at_ms=AT)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_text_longer_than_a_cell_is_cut_not_lost(tmp_path: Path):
    assert len(opened(tmp_path, (1, "长" * 40_000, AT))["作品"]["B2"].value) == 32_767


def test_a_stop_leaves_nothing(tmp_path: Path):
    def stop(_: int) -> None:
        raise Stopped

    rows = [(n, "", AT) for n in range(LOOK_EVERY)]
    with pytest.raises(Stopped):
        write_xlsx([a_table(*rows)], tmp_path / "作品.xlsx", stop, at_ms=AT)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(disk, "LEAVE", 1 << 60)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_xlsx([a_table((1, "", AT))], tmp_path / "作品.xlsx", nobody, at_ms=AT)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_the_very_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(xlsxwriter.worksheet.Worksheet, "_assemble_xml_file", full)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:
        write_xlsx([a_table((1, "", AT))], tmp_path / "作品.xlsx", nobody, at_ms=AT)
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
