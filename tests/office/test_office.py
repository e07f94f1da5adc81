"""LibreOffice opens what we write: Chinese intact, text as text, numbers and times as they are.

Run by `make check`, because an office suite takes seconds to start.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from casting import SIGNALS, a_ballot, now_ms
from flask import Flask
from works import an_entry

from voting import jobs
from voting.report import pack as result_pack
from voting.report.csv_file import write_csv
from voting.report.table import Column, Kind, Table
from voting.report.xlsx_file import write_xlsx
from voting.store.jobs import JobKind, JobState
from voting.web.site import Site

GOLDEN = Path(__file__).with_name("golden.csv")
#: Comma, quotes, UTF-8, cells as they are shown; -1: every sheet, each as a file.
AS_SHOWN = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
#: What the import dialog finds out by itself where there is somebody to see it.
UTF8 = "--infilter=CSV:44,34,76,1"
AT = 1_754_965_805_000

COLUMNS = (
    Column("编号", Kind.NUMBER, 8),
    Column("题目", Kind.TEXT, 40),
    Column("票数", Kind.NUMBER, 20),
    Column("时间", Kind.TIME, 22),
)
ROWS = (
    (1, "一件事一次办的早晨", 1234, AT),
    (2, "=SUM(A1:A9)", -7, AT + 86_400_000),
    (3, '=HYPERLINK("http://evil.example","点我")', -0.5, None),
    (4, "+86 531 0000", 0, AT),
    (5, "-1℃的温暖", 999_999_999_999_999, AT),
    (6, "@SUM(1+1)*cmd|' /C calc'!A0", 3, AT),
    (7, "0012", 12, AT),
    (8, "123456789012345678", 18, AT),
    (9, "2025-08-12", 1, AT),
    (10, "1e5", 100_000, AT),
    (11, "＝全角等号", 1, AT),
    (12, "王䶮、李𬴃、𠮷野", 1, AT),
    (13, '引号"逗号,分号;\n换行', 1, AT),
    (14, "渔村😀👩‍💻", 1, AT),
    (15, "_x0041_", 1, AT),
    (16, "TRUE", 1, AT),
    (17, "http://example.cn/不是链接", 1, AT),
    (18, "'单引号", 1, AT),
)

Office = Callable[..., Path]


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Converts a file; gives the folder in which the outcome lies."""
    program = shutil.which("soffice")
    assert program, "make check needs LibreOffice: apt install libreoffice-calc-nogui"
    profile = tmp_path_factory.mktemp("profile")

    def convert(file: Path, into: str, *more: str) -> Path:
        folder = tmp_path_factory.mktemp("converted")
        command = [
            program, f"-env:UserInstallation=file://{profile}", "--headless", "--norestore", *more,
            "--convert-to", into, "--outdir", str(folder), str(file),
        ]  # fmt: skip
        home = {**os.environ, "HOME": str(profile), "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        subprocess.run(command, check=True, capture_output=True, timeout=120, env=home)
        return folder

    return convert


def nobody(_: int) -> None:
    pass


def cells(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.reader(opened))


def test_a_spreadsheet_reads_as_the_golden_one(office: Office, tmp_path: Path):
    file = tmp_path / "作品.xlsx"
    write_xlsx([Table("作品", COLUMNS, ROWS)], file, nobody, at_ms=AT)
    found = cells(office(file, AS_SHOWN) / "作品-作品.csv")
    assert found == cells(GOLDEN)


def test_no_cell_of_it_is_a_formula(office: Office, tmp_path: Path):
    """Also after LibreOffice has saved it again."""
    file = tmp_path / "作品.xlsx"
    write_xlsx([Table("作品", COLUMNS, ROWS)], file, nobody, at_ms=AT)
    sheet = openpyxl.load_workbook(office(file, "xlsx") / "作品.xlsx")["作品"]
    kinds = [[cell.data_type for cell in row[:3]] for row in sheet.iter_rows(min_row=2)]
    assert kinds == [["n", "s", "n"]] * len(ROWS)
    assert [cell.hyperlink for row in sheet.iter_rows() for cell in row if cell.hyperlink] == []


def test_csv_is_opened_with_its_chinese_and_runs_nothing(office: Office, tmp_path: Path):
    file = tmp_path / "作品.csv"
    write_csv(Table("作品", COLUMNS, ROWS), file, nobody)
    sheet = openpyxl.load_workbook(office(file, "xlsx", UTF8) / "作品.xlsx").worksheets[0]
    found = list(sheet.iter_rows(values_only=True))
    assert found[0] == ("编号", "题目", "票数", "时间")
    assert [row[0] for row in found[1:]] == [row[0] for row in ROWS]
    assert found[12][1] == "王䶮、李𬴃、𠮷野"
    assert [row[2] for row in found[1:4]] == [1234, -7, -0.5]
    formulas = [cell.value for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    assert formulas == []


def test_the_result_pack_opens_with_its_chinese_and_its_sums_check(
    office: Office, app: Flask, site: Site, tmp_path: Path
):
    title = "=1+1，“数”字䶮龘的早晨"
    entry = site.store.entries.add(an_entry(15, title=title))
    site.store.entries.approve(entry.number, "审核通过", ai_labelled=True)
    for n in range(20):
        ballot = a_ballot(entry=15 if n % 2 else 1 + n % 5, voter=b"%08d" % n)
        site.store.ballots.cast(ballot, SIGNALS)
    folder = _packed(site, tmp_path)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True,
                   capture_output=True)  # fmt: skip
    shown = cells(office(folder / "票数.xlsx", AS_SHOWN) / "票数-票数.csv")
    place = shown[0].index("题目")
    assert shown[1][place] == title
    assert shown[1][shown[0].index("票数")] == "10"
    for name in ("账本（脱敏）.csv", "决定.csv", "操作记录.csv"):
        made = office(folder / name, "xlsx", UTF8) / f"{Path(name).stem}.xlsx"
        sheet = openpyxl.load_workbook(made).worksheets[0]
        assert [cell.value for cell in sheet[1]] == cells(folder / name)[0]
        assert sheet.max_row == len(cells(folder / name))
        assert not [1 for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


def _packed(site: Site, tmp_path: Path) -> Path:
    site.store.jobs.add(JobKind.RESULT_PACK, "王组织", now_ms())
    job = site.store.jobs.claim(now_ms())
    assert job
    job = jobs.run(result_pack.work, site.store, site.settings, site.contest, site.keys, job)
    assert job.state is JobState.DONE, job.sentence
    pack = site.settings.data_dir / "jobs" / job.id / job.files[0]
    shutil.unpack_archive(pack, tmp_path / "pack", "zip")
    return tmp_path / "pack"
