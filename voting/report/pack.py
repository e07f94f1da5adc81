"""The result pack: one zip for leadership, supervisors and the archive, that anybody can check."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import Final

from voting.batch import Batch
from voting.contest import CloseCall, Counts, Period, Quiet, Rules, Tie, moment
from voting.disk import whole
from voting.jobs import Desk, Done
from voting.report import tables
from voting.report.archive import Archive
from voting.report.csv_file import write_csv
from voting.report.ledger import Mask, masking_key, write_ledger_csv
from voting.report.outcome import Outcome, outcome
from voting.report.page import result_html, result_pdf
from voting.report.table import Table
from voting.report.xlsx_file import write_xlsx
from voting.result import public
from voting.store.log import DECISIONS, Act

CLOSE_CALLS: Final = {
    CloseCall.JURY: "由组委会在这几件中评议决定",
    CloseCall.ALL_AWARDED: "这几件一并获奖",
}
MASKED: Final = "账本（脱敏）.csv"
VOID: Final = "移除的票.csv"


def work(desk: Desk) -> Done:
    """The job."""
    found = outcome(desk.store, desk.contest, lambda n, all_, said: desk.tell(n, 2 * all_, said))
    name = f"{_name(found)}.zip"
    with whole(desk.folder / name) as part, Archive(part) as archive:
        _fill(archive, desk, found)
        desk.tell(2 * found.cut.rows, 2 * found.cut.rows, "正在封包")
    standing = f"（{found.mark}）" if found.mark else ""
    return Done(f"结果包做好了{standing}，校验码 {found.digest[:16]}…", (name,))


def _name(found: Outcome) -> str:
    if not found.mark:
        return f"结果包-第{found.result.version}版"
    return f"结果包-{found.mark}-{moment(found.result.at_ms):%Y%m%d-%H%M%S}"


def _fill(archive: Archive, desk: Desk, found: Outcome) -> None:
    """In this order, so that the same state makes the same bytes."""
    rows, result = found.cut.rows, found.result
    archive.add("README.txt", "\ufeff" + _readme(found).replace("\n", "\r\n"))
    desk.tell(rows, 2 * rows, "正在排结果页")
    archive.add("结果.pdf", result_pdf(found))
    archive.add("结果.html", result_html(found))
    archive.add("结果.json", public(result))
    _add_table(archive, desk, "票数.xlsx", tables.tallies(found, _about(found)), result.at_ms)

    def tell(count: int) -> None:
        desk.tell(rows + count, 2 * rows, f"正在写脱敏账本，已写 {count:,} 行，共 {rows:,} 行")

    ledger = _scratch(desk, MASKED)
    mask = Mask(masking_key(desk.keys))
    write_ledger_csv(desk.store.ledger, found.cut, ledger, tell, mask)
    archive.move_in(MASKED, ledger)
    void = tables.void("移除的票", _void(desk, found))
    _add_table(archive, desk, VOID, void, result.at_ms)
    decisions = (act for act in _acts(desk, found) if act.kind in DECISIONS)
    _add_table(archive, desk, "决定.csv", tables.acts("决定", decisions), result.at_ms)
    acts = tables.acts("操作记录", _acts(desk, found))
    _add_table(archive, desk, "操作记录.csv", acts, result.at_ms)
    archive.add("操作记录.jsonl", "".join(map(_line, _acts(desk, found))))
    archive.add("规则.txt", "\ufeff" + rules_text(found).replace("\n", "\r\n"))
    rules = [asdict(version) for version in found.versions]
    archive.add("规则.json", json.dumps(rules, ensure_ascii=False, indent=2) + "\n")
    recheck = files("voting") / "report" / "recheck.py"
    archive.add("核对.py", recheck.read_text(encoding="utf-8"))
    archive.add_sums()


def _add_table(archive: Archive, desk: Desk, name: str, table: Table, at_ms: int) -> None:
    path = _scratch(desk, name)
    if path.name.endswith(".csv.part"):
        write_csv(table, path, lambda _: None)
    else:
        write_xlsx([table], path, lambda _: None, at_ms=at_ms)
    archive.move_in(name, path)


def _scratch(desk: Desk, name: str) -> Path:
    """What is only there to be packed, and is swept away if it isn't."""
    return desk.folder / f".{name}.part"


def _acts(desk: Desk, found: Outcome) -> Iterator[Act]:
    return takewhile(lambda act: act.n <= found.log_rows, desk.store.log.all())


def _void(desk: Desk, found: Outcome) -> Iterator[tuple[Batch, str]]:
    """Each void batch's votes; one that lies in two batches comes twice, and counts once."""
    batches = desk.store.batches
    for batch in batches.voids(found.log_rows):
        yield from ((batch, vote_id) for vote_id in batches.votes_of(batch.id))


def _line(act: Act) -> str:
    """A row exactly as its digest covers it, and the digest."""
    row = [act.n, act.at_ms, act.by, act.kind.value, act.subject, act.reason]
    return json.dumps([row, act.digest], ensure_ascii=False, separators=(",", ":")) + "\n"


def _about(found: Outcome) -> tuple[str, ...]:
    result = found.result
    return (
        f"{result.name} {result.subtitle}",
        f"{result.award}票数，截至 {moment(result.at_ms)}（北京时间）",
        found.standing,
        f"结果校验码 {found.digest}",
    )


def rules_text(found: Outcome) -> str:
    """Every version of the rules in sentences, the one in force first."""
    parts = [_rules(version) for version in reversed(found.versions)]
    return f"{found.result.name} {found.result.subtitle}：计票规则\n\n" + "\n\n".join(parts) + "\n"


def _rules(rules: Rules) -> str:
    daily = rules.period is Period.DAY
    each, per_day = ("每人每天", "每天") if daily else ("每人一共", "")
    tie = {
        Tie.ALL_AWARDED: "最后一个获奖名次出现并列时，并列的一并获奖",
        Tie.JURY: "最后一个获奖名次出现并列时，由组委会评议决定",
    }[rules.tie]
    counts = {Counts.LIVE: "投票期间实时公布票数", Counts.AFTER_CLOSE: "投票结束后公布票数"}
    return "\n".join(
        (
            f"第 {rules.version} 版，{moment(rules.since_ms)} 起执行",
            f"  为什么：{rules.reason}",
            f"  投票时间：{moment(rules.opens_ms)} 到 {moment(rules.closes_ms)}"
            "（北京时间，不含这一刻）",
            f"  票数：{each}可投 {rules.votes_per_voter} 票{_of_devices(rules)}，"
            f"同一件作品{per_day}最多 {rules.votes_per_entry} 票",
            f"  获奖：前 {rules.winners} 名；{tie}",
            f"  公开：{counts[rules.counts]}",
            *_closing(rules),
        )
    )


def _closing(rules: Rules) -> Iterator[str]:
    closing = rules.closing
    if closing.quiet_hours:
        rounded = closing.quiet is Quiet.ROUNDED
        how = f"票数只公布到 {closing.round_to} 的整数倍" if rounded else "不公布票数和名次"
        yield f"  最后 {closing.quiet_hours} 小时：{how}"
    if closing.review_hours:
        yield f"  核查：截止后 {closing.review_hours} 小时"
    if called := CLOSE_CALLS.get(closing.close_call):
        yield f"  最后一个获奖名次的票差小于说不清的票时：{called}"


def _of_devices(rules: Rules) -> str:
    if rules.votes_per_device == rules.votes_per_voter:
        return ""
    return f"（没有用微信登录的 {rules.votes_per_device} 票）"


def _readme(found: Outcome) -> str:
    result = found.result
    standing = (
        f"【{found.mark}】这不是公布的结果，只能参考。"
        if found.mark
        else f"公布的结果第 {result.version} 版，{moment(result.at_ms)} 公布。"
    )
    demo = "\n【演示】这是演示数据，不是真实的投票。" if result.demo else ""
    text = (files("voting") / "report" / "README.txt").read_text(encoding="utf-8")
    return text.format(
        contest=f"{result.name} {result.subtitle}",
        award=result.award,
        standing=standing + demo,
        digest=found.digest,
        log_row=result.log_row,
    )
