"""One table as one file: what the exports page asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from voting.contest import moment
from voting.jobs import CannotDo, Desk, Done
from voting.report import tables
from voting.report.csv_file import write_csv
from voting.report.ledger import Mask, ledger_table, masking_key, write_ledger_csv
from voting.report.outcome import Outcome, outcome
from voting.report.table import Table
from voting.report.xlsx_file import write_xlsx

FORMATS: Final = ("csv", "xlsx")
LEDGER: Final = "ledger"
MASKED: Final = "masked"
#: Table → what its file is called.
NAMES: Final = {
    "tallies": "票数",
    "entries": "作品",
    LEDGER: "账本（完整）",
    MASKED: "账本（脱敏）",
    "log": "操作记录",
    "decisions": "决定",
}
LEDGER_WORDS: Final = (
    "一行一票，只增不改。一件作品的行数减去其中经核查移除的票（结果包里的“移除的票.csv”），就是它的票数。",
    "entry_id 是作品编号，ts_ms 是投票时刻（1970 年以来的毫秒数），其余都是代号。",
)
MASKED_WORDS: Final = "脱敏：不含网络、设备和分享来源，投票人换成了另外的代号。"
FULL_WORDS: Final = "含网络、网段、设备和分享来源的代号：只给需要核查刷票的人，用完请删除。"


@dataclass(frozen=True)
class _Export:
    """One export at work, as of the moment its job began."""

    desk: Desk
    table: str
    format: str

    def file(self, mark: str = "") -> str:
        stamp = f"截至{moment(self.desk.job.started_ms):%Y%m%d-%H%M%S}"
        return "-".join(filter(None, (NAMES[self.table], mark, stamp))) + f".{self.format}"

    def about(self, *lines: str) -> tuple[str, ...]:
        """What the sheet of notes says."""
        contest = self.desk.contest
        as_of = f"截至 {moment(self.desk.job.started_ms)}（北京时间）"
        return (f"{contest.name} {contest.subtitle}", f"{NAMES[self.table]}，{as_of}", *lines)

    def tell(self, total: int) -> Callable[[int], None]:
        def say(count: int) -> None:
            of = f"，共 {total:,} 行" if total else ""
            self.desk.tell(count, total, f"正在写“{NAMES[self.table]}”，已写 {count:,} 行{of}")

        return say

    def write(self, table: Table, file: str) -> int:
        path, tell = self.desk.folder / file, self.tell(table.expected)
        if self.format == "csv":
            return write_csv(table, path, tell)
        return write_xlsx([table], path, tell, at_ms=self.desk.job.started_ms)


def work(desk: Desk) -> Done:
    """The job: asked for are `table`, one of NAMES, and `format`, one of FORMATS."""
    export = _Export(desk, desk.job.asked.get("table", ""), desk.job.asked.get("format", ""))
    if export.table not in NAMES or export.format not in FORMATS:
        raise CannotDo("没有这种导出")
    make = {"tallies": _tallies, "entries": _entries, LEDGER: _ledger, MASKED: _ledger}
    file, count = make.get(export.table, _acts)(export)
    return Done(f"已导出“{NAMES[export.table]}”，共 {count:,} 行", (file,))


def _tallies(export: _Export) -> tuple[str, int]:
    found = outcome(export.desk.store, export.desk.contest, export.desk.tell)
    file = export.file(found.mark)
    about = export.about(found.standing, *_removed(found))
    return file, export.write(tables.tallies(found, about), file)


def _removed(found: Outcome) -> tuple[str, ...]:
    votes = sum(one.votes for one in found.result.removed if not one.number)
    return (f"不含经核查移除的 {votes:,} 票。",) if votes else ()


def _entries(export: _Export) -> tuple[str, int]:
    store, file = export.desk.store, export.file()
    about = export.about("全部投稿，包括待审核、未通过和已撤下的。")
    found, tally = store.entries.all().values(), store.ledger.tally()
    table = tables.entries(found, export.desk.contest.categories, tally, about)
    return file, export.write(table, file)


def _acts(export: _Export) -> tuple[str, int]:
    log, file = export.desk.store.log, export.file()
    last = log.last()
    newest = last.n if last else 0
    if export.table == "log":
        rows, line = log.all(), "谁在什么时候做了什么、为什么。每一行的校验码都连着上一行。"
    else:
        rows, line = log.decisions(), "操作记录里影响排名和公开内容的那些行。"
    known = takewhile(lambda act: act.n <= newest, rows)
    return file, export.write(tables.acts(NAMES[export.table], known, export.about(line)), file)


def _ledger(export: _Export) -> tuple[str, int]:
    desk, file = export.desk, export.file()
    ledger, cut = desk.store.ledger, desk.store.ledger.cut()
    mask = Mask(masking_key(desk.keys)) if export.table == MASKED else None
    if export.format == "csv":
        return file, write_ledger_csv(ledger, cut, desk.folder / file, export.tell(cut.rows), mask)
    about = export.about(*LEDGER_WORDS, MASKED_WORDS if mask else FULL_WORDS)
    return file, export.write(ledger_table(ledger, cut, mask, about), file)
