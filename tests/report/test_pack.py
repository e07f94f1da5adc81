"""The result pack: everything in it, the same bytes again, and anybody can check it."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from casting import SIGNALS, a_ballot
from works import an_entry

from report.conftest import Office
from voting.case import Pattern
from voting.result import digest
from voting.store.jobs import JobKind, JobState
from voting.store.log import Kind

NAMES = [
    "README.txt", "结果.pdf", "结果.html", "结果.json", "票数.xlsx", "账本（脱敏）.csv",
    "移除的票.csv", "决定.csv", "操作记录.csv", "操作记录.jsonl", "规则.txt", "规则.json",
    "核对.py", "SHA256SUMS",
]  # fmt: skip
Unpack = Callable[[Path], Path]


def packed(office: Office) -> Path:
    return office.made(office.do(JobKind.RESULT_PACK))


def test_what_is_in_it(office: Office):
    office.cast()
    with zipfile.ZipFile(packed(office)) as pack:
        assert pack.namelist() == NAMES
        assert {entry.date_time for entry in pack.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        utf8 = 0x800
        assert all(one.flag_bits & utf8 for one in pack.infolist() if not one.filename.isascii())
        assert pack.testzip() is None


def test_the_sums_check(office: Office, unpacked: Unpack):
    folder = unpacked(packed(office))
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    assert [line.partition("  ")[2] for line in lines] == NAMES[:-1]
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout == b""


def live(_: Office) -> None:
    pass


def under_review(office: Office) -> None:
    office.end_the_vote()
    office.do(JobKind.RESULT)


def published(office: Office) -> None:
    office.publish()


@pytest.mark.parametrize("stage", [live, under_review, published])
def test_made_twice_it_is_the_same_bytes(office: Office, stage: Callable[[Office], None]):
    office.cast()
    stage(office)
    store = office.site.store
    first = packed(office)
    store.log.append(Kind.EXPORT, "result_pack", "结果包", "王组织")
    store.log.append(Kind.DOWNLOAD, "abc", first.name, "王组织")
    store.log.append(Kind.LOG_IN, "张监督", "", "张监督")
    second = packed(office)
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_another_state_is_another_pack(office: Office):
    office.cast(20)
    first = packed(office).read_bytes()
    office.cast(1, seed=2)
    assert packed(office).read_bytes() != first


@pytest.mark.parametrize(
    ("stage", "mark"), [(live, "未结束"), (under_review, "草稿"), (published, "")]
)
def test_what_is_not_the_result_says_so_everywhere(
    office: Office, unpacked: Unpack, stage: Callable[[Office], None], mark: str
):
    office.cast()
    stage(office)
    file = packed(office)
    folder = unpacked(file)
    page = (folder / "结果.html").read_text("utf-8")
    readme = (folder / "README.txt").read_text("utf-8-sig")
    if mark:
        assert mark in file.name
        assert f"{mark}：这不是公布的结果" in page
        assert f"【{mark}】" in readme
    else:
        assert file.name == "结果包-第1版.zip"
        assert "不是公布的结果" not in page + readme


def test_the_published_pack_carries_the_published_digest(office: Office, unpacked: Unpack):
    office.cast()
    office.publish()
    folder = unpacked(packed(office))
    latest = office.site.store.results.latest()
    assert latest
    public = (folder / "结果.json").read_bytes()
    assert hashlib.sha256(public).hexdigest() == digest(latest)
    assert digest(latest) in (folder / "README.txt").read_text("utf-8-sig")
    last = json.loads((folder / "操作记录.jsonl").read_text("utf-8").splitlines()[-1])
    assert last[0][3] == "publish"


def test_the_masked_ledger_recounts_to_the_result(office: Office, unpacked: Unpack):
    office.cast()
    office.site.store.entries.withdraw(2, "争议")
    folder = unpacked(packed(office))
    with (folder / "账本（脱敏）.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert not {"ip", "net", "ua", "share"} & rows[0].keys()
    counted = Counter(int(row["entry_id"]) for row in rows)
    sheet = openpyxl.load_workbook(folder / "票数.xlsx")["票数"]
    header, *places = sheet.iter_rows(values_only=True)
    found = {row[header.index("编号")]: row[header.index("票数")] for row in places}
    assert found == {n: counted[n] for n in range(1, 13) if n != 2}


def test_anybody_can_check_it_with_one_command(office: Office, unpacked: Unpack):
    office.cast()
    office.site.store.entries.withdraw(2, "争议")
    folder = unpacked(packed(office))
    done = subprocess.run(
        [sys.executable, "核对.py"], cwd=folder, check=True, capture_output=True, text=True
    )
    assert done.stdout.count("对得上") == 8
    assert "对不上" not in done.stdout


def test_what_was_removed_is_left_out_and_anybody_can_check_that_too(
    office: Office, unpacked: Unpack
):
    office.cast()
    first, second = office.void(1, 30, Pattern.CROWD), office.void(1, 40, Pattern.PHONE_ROOM)
    office.void(2, 5, Pattern.CROWD)
    office.publish()
    folder = unpacked(packed(office))
    latest = office.site.store.results.latest()
    told = {one.reason: one.votes for one in latest.removed if not one.number}
    assert told == {"不像真人的一阵票": 35, "一批固定的手机轮流投票": 10}
    with (folder / "移除的票.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 75, "a vote in two batches has two rows"
    assert len({row["vote_id"] for row in rows}) == 45
    ids = sorted(row["vote_id"] for row in rows if row["batch"] == second.id)
    lines = "".join(f"{one}\n" for one in ids)
    assert hashlib.sha256(lines.encode()).hexdigest() == second.digest != first.digest
    done = subprocess.run([sys.executable, "核对.py"], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("对得上")) == (0, 8), done.stdout
    assert "移除的 45 票都在账本里" in done.stdout
    sheet = openpyxl.load_workbook(folder / "票数.xlsx")["票数"]
    header, *places = sheet.iter_rows(values_only=True)
    kinds = [place for place, name in enumerate(header) if name.startswith("其中")]
    for row in places:
        assert row[header.index("票数")] == sum(row[place] for place in kinds)
    page = (folder / "结果.html").read_text("utf-8")
    assert "不计入 45 票" in page
    assert "经核查移除的票" in page


@pytest.mark.parametrize("taken", ["row", "decision", "vote"])
def test_whoever_removes_other_votes_than_were_decided_is_found_also_with_new_sums(
    office: Office, unpacked: Unpack, taken: str
):
    office.cast()
    office.void(1, 30, Pattern.CROWD)
    folder = unpacked(packed(office))
    name = "操作记录.jsonl" if taken == "decision" else "移除的票.csv"
    with (folder / name).open(encoding="utf-8", newline="") as file:
        lines = file.read().splitlines(keepends=True)
    if taken == "vote":
        with (folder / "账本（脱敏）.csv").open(encoding="utf-8-sig", newline="") as file:
            ledger = list(csv.DictReader(file))
        out = {line.partition(",")[0].lstrip("\ufeff") for line in lines}
        entry = next(row["entry_id"] for row in ledger if row["vote_id"] in out)
        other = next(row["vote_id"] for row in ledger
                     if row["entry_id"] == entry and row["vote_id"] not in out)  # fmt: skip
        lines[-1] = other + "," + lines[-1].partition(",")[2]
    else:
        lines.pop()
    (folder / name).write_text("".join(lines), encoding="utf-8", newline="")
    sums = folder / "SHA256SUMS"
    files = [line.partition("  ")[2] for line in sums.read_text("utf-8").splitlines()]
    sums.write_text("".join(
        f"{hashlib.sha256((folder / file).read_bytes()).hexdigest()}  {file}\n" for file in files
    ), encoding="utf-8")  # fmt: skip
    done = subprocess.run([sys.executable, "核对.py"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1
    assert "对得上  每个文件的校验码" in done.stdout
    assert "对不上" in done.stdout


def test_what_was_published_without_scrutiny_says_so_on_paper(office: Office, unpacked: Unpack):
    office.cast(20)
    office.end_the_vote()
    office.do(JobKind.RESULT)
    store = office.site.store
    store.cases.put(replace(store.cases.latest(), rows=3), {})
    seen = store.results.draft().digest
    store.results.publish(seen, "确认", "王组织", without_scrutiny="服务器坏了")
    folder = unpacked(packed(office))
    words = "公布时核查还没有看完全部选票，理由：服务器坏了"
    assert words in (folder / "结果.html").read_text("utf-8")
    assert (folder / "结果.pdf").read_bytes().startswith(b"%PDF")


def test_a_pack_with_removed_votes_is_the_same_bytes_twice(office: Office):
    office.cast()
    office.void(1, 30, Pattern.CROWD)
    office.publish()
    first = packed(office).read_bytes()
    assert packed(office).read_bytes() == first


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("账本（脱敏）.csv", r"\n[^\n]+\n$", "\n"),
        ("操作记录.jsonl", "审核通过", "审核没过"),
        ("结果.json", r'"votes":\d+', '"votes":9999'),
        ("规则.txt", "第 1 版", "第 2 版"),
    ],
)
def test_whatever_is_changed_in_it_is_found(
    office: Office, unpacked: Unpack, name: str, old: str, new: str
):
    office.cast()
    folder = unpacked(packed(office))
    with (folder / name).open(encoding="utf-8", newline="") as file:
        text = file.read()
    changed = re.sub(old, new, text, count=1)
    assert changed != text
    (folder / name).write_text(changed, encoding="utf-8", newline="")
    done = subprocess.run([sys.executable, "核对.py"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1
    assert "对不上" in done.stdout


def test_what_contestants_write_is_text_on_every_page(office: Office, unpacked: Unpack):
    store = office.site.store
    title = '<script>alert(1)</script> #sys.inputs $x$ "{{ 7*7 }}" =1+1'
    entry = store.entries.add(an_entry(15, title=title, author="王䶮 *强*"))
    store.entries.approve(entry.number, "审核通过", ai_labelled=True)
    store.ballots.cast_all([(a_ballot(entry=15), SIGNALS)])
    folder = unpacked(packed(office))
    page = (folder / "结果.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7*7 }}" in page


def test_a_pack_of_nothing_can_be_made(office: Office, unpacked: Unpack):
    folder = unpacked(packed(office))
    assert "还没有作品得票" in (folder / "结果.html").read_text("utf-8")


def test_a_stop_leaves_nothing(office: Office, monkeypatch: pytest.MonkeyPatch):
    office.cast(20)
    monkeypatch.setattr("voting.jobs.EVERY_S", 0)
    jobs = office.site.store.jobs
    monkeypatch.setattr(
        "voting.report.pack.result_pdf", lambda _: [jobs.stop(j.id, 1) for j in jobs.all()] and b""
    )
    job = office.do(JobKind.RESULT_PACK)
    assert job.state is JobState.STOPPED
    assert list(office.folder(job).iterdir()) == []
