"""CSV as RFC 4180 has it, that Excel opens with its Chinese; whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voting import disk
from voting.jobs import Stopped
from voting.report.csv_file import LOOK_EVERY, write_csv
from voting.report.table import Column, Kind, Row, Table, clean, original

COLUMNS = (Column("编号", Kind.NUMBER), Column("题目"), Column("时间", Kind.TIME))


def nobody(_: int) -> None:
    pass


def written(folder: Path, *rows: Row) -> bytes:
    path = folder / "作品.csv"
    assert write_csv(Table("作品", COLUMNS, rows), path, nobody) == len(rows)
    return path.read_bytes()


def test_mark_header_line_ends_and_quotes(tmp_path: Path):
    content = written(tmp_path, (-7, '说"好",就好', 1_754_965_805_000), (1, "两\n行", None))
    assert content == (
        "\ufeff编号,题目,时间\r\n"
        '-7,"说""好"",就好",2025-08-12 10:30:05\r\n'
        '1,"两\n行",\r\n'
    ).encode()


CELLS = st.tuples(st.integers(), st.text(), st.integers(0, 4_000_000_000_000))


@given(st.lists(CELLS, max_size=5))
def test_it_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]):
    content = written(tmp_path_factory.mktemp("csv"), *rows).decode("utf-8-sig")
    _, *read = csv.reader(io.StringIO(content, newline=""), strict=True)
    assert [(number, original(text)) for number, text, _ in read] == [
        (str(number), clean(str(text))) for number, text, _ in rows
    ]


def rows_until(end: Exception, how_many: int) -> Iterator[Row]:
    for number in range(how_many):
        yield number, "题目", 0
    raise end


@pytest.mark.parametrize("end", [Stopped(), OSError(errno.ENOSPC, "full"), ValueError("bad")])
def test_what_is_broken_off_leaves_nothing(tmp_path: Path, end: Exception):
    table = Table("作品", COLUMNS, rows_until(end, 10))
    with pytest.raises(type(end)):
        write_csv(table, tmp_path / "作品.csv", nobody)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_ends_it_before_the_vote_must_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(disk, "LEAVE", 1 << 60)
    table = Table("作品", COLUMNS, ((n, "题目", 0) for n in range(LOOK_EVERY + 1)))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_csv(table, tmp_path / "作品.csv", nobody)
    assert list(tmp_path.iterdir()) == []


def test_it_says_how_far_it_is(tmp_path: Path):
    said: list[int] = []
    rows = ((n, "题目", 0) for n in range(2 * LOOK_EVERY + 1))
    write_csv(Table("作品", COLUMNS, rows), tmp_path / "作品.csv", said.append)
    assert said == [LOOK_EVERY, 2 * LOOK_EVERY]
