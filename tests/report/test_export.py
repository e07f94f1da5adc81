"""Each table as each file, made by the job that the exports page asks for."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from works import an_entry

from report.conftest import Office
from voting.report import export
from voting.report.export import FORMATS, NAMES
from voting.store.jobs import JobKind, JobState


def table(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as opened:
            return list(csv.DictReader(opened))
    sheet = openpyxl.load_workbook(file).worksheets[0]
    header, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize("wanted", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_made(office: Office, name: str, wanted: str):
    office.cast(20)
    file = office.export(name, wanted)
    assert file.name.startswith(NAMES[name])
    assert file.suffix == f".{wanted}"
    assert table(file)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("wanted", FORMATS)
def test_the_tallies_are_those_of_the_ledger(office: Office, wanted: str):
    office.cast()
    rows = table(office.export("tallies", wanted))
    tally = office.site.store.ledger.tally()
    assert {int(row["编号"]): int(row["票数"]) for row in rows} == {
        n: tally[n] for n in range(1, 13)
    }
    kinds = ("其中微信账号", "其中设备凭证", "其中演示票")
    assert all(sum(int(row[kind]) for kind in kinds) == int(row["票数"]) for row in rows)
    assert [row["题目"] for row in rows if row["AI标识"]]
    assert [int(row["名次"]) for row in rows] == sorted(int(row["名次"]) for row in rows)


def test_before_the_end_the_file_says_so(office: Office):
    assert office.export("tallies", "csv").name.startswith("票数-未结束-截至")
    office.site.store.rules.close("试验", "王组织")
    assert office.export("tallies", "csv").name.startswith("票数-未核对-截至")
    office.site.store.rules.begin_review("试验", "王组织")
    assert office.export("tallies", "csv").name.startswith("票数-草稿-截至")


def test_a_published_result_s_tallies_carry_no_mark(office: Office):
    office.cast()
    office.publish()
    file = office.export("tallies", "csv")
    assert file.name.startswith("票数-截至")
    latest = office.site.store.results.latest()
    assert latest
    assert [(int(row["名次"]), int(row["编号"])) for row in table(file)] == [
        (row.place, row.number) for row in latest.rows
    ]


@pytest.mark.parametrize("wanted", FORMATS)
def test_entries_come_in_every_state_and_lead_to_no_file(office: Office, wanted: str):
    store = office.site.store
    found = {"doubts": ("时长不符",), "notes": ("转码",), "media": "feed5eed" * 2}
    entry = store.entries.add(an_entry(15, title="=1+1", **found))
    rows = table(office.export("entries", wanted))
    assert {row["状态"] for row in rows} == {"已公开", "待审核", "已撤下"}
    (mine,) = [row for row in rows if int(row["编号"]) == entry.number]
    assert mine["题目"] == ("'=1+1" if wanted == "csv" else "=1+1")
    assert (mine["要人工确认的"], mine["提醒"]) == ("时长不符", "转码")
    assert entry.media not in str(rows)


def test_the_log_is_all_of_it_and_decisions_are_some(office: Office):
    log = table(office.export("log", "csv"))
    assert [int(row["序号"]) for row in log] == list(range(1, len(log) + 1))
    decisions = table(office.export("decisions", "csv"))
    assert {row["代号"] for row in decisions} < {row["代号"] for row in log}
    assert "take_in" not in {row["代号"] for row in decisions}


@pytest.mark.parametrize(
    "asked", [{}, {"table": "accounts", "format": "csv"}, {"table": "log", "format": "../x"}]
)
def test_what_nobody_offers_is_not_made(office: Office, asked: dict[str, str]):
    job = office.do(JobKind.EXPORT, **asked)
    assert (job.state, job.sentence) == (JobState.FAILED, "没有这种导出")


@pytest.mark.parametrize("name", ["tallies", "ledger", "log"])
@pytest.mark.parametrize("wanted", FORMATS)
def test_a_full_disk_is_said_in_a_sentence(
    office: Office, monkeypatch: pytest.MonkeyPatch, name: str, wanted: str
):
    office.cast(20)

    monkeypatch.setattr("voting.disk.LEAVE", 1 << 60)
    monkeypatch.setattr("voting.report.csv_file.LOOK_EVERY", 1)
    job = office.do(JobKind.EXPORT, table=name, format=wanted)
    assert job.state is JobState.FAILED
    assert job.sentence == "磁盘满了，没有做完。请腾出空间再来一次"
    assert list(office.folder(job).iterdir()) == []


def test_a_stop_leaves_no_file(office: Office, monkeypatch: pytest.MonkeyPatch):
    office.cast(20)
    monkeypatch.setattr("voting.jobs.EVERY_S", 0)
    write = export.write_ledger_csv

    def stopped(*parts: Any) -> int:
        for job in office.site.store.jobs.all():
            office.site.store.jobs.stop(job.id, 1)
        return write(*parts)

    monkeypatch.setattr(export, "write_ledger_csv", stopped)
    job = office.do(JobKind.EXPORT, table="ledger", format="csv")
    assert job.state is JobState.STOPPED
    assert list(office.folder(job).iterdir()) == []
