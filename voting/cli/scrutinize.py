"""`scrutinize`: the whole ledger, live or exported, looked at for groups of votes that aren't
people's; and the run that the worker starts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import current_app

from voting.cli.command import told
from voting.settings import Refused, missing_for_scrutiny
from voting.web.site import Site

if TYPE_CHECKING:
    from voting.inspector import Inspection
    from voting.report.findings import Findings
    from voting.scrutiny.votes import Ledger

#: A vote that isn't listed scores 0.
LISTED = 0.05
NOT_NAMED = "同类的票多出来一部分，指不出是不是这一票"
WINNERS = 10


def _not_a_file(_context: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    """Said before the work, not after it."""
    if path is not None and not path.absolute().parent.is_dir():
        raise click.ClickException(f"{option.opts[0]}：没有 {path.parent} 这个文件夹")
    return path


@click.command()
@click.option("--ledger", "file", type=click.Path(path_type=Path), help="导出的账本（CSV）")
@click.option("--out", type=click.Path(path_type=Path), callback=_not_a_file,
              help="逐票写出 vote_id,score,reason（CSV）；0.5 分以上是点了名的，没有列出的 0 分")
@click.option("--report", type=click.Path(path_type=Path), callback=_not_a_file,
              help="写一份核查报告（一个 HTML 文件，可以打印）")
@click.option("--winners", type=click.IntRange(1, 1000), help="看前几名；不写就按大赛的规则")
def scrutinize(
    file: Path | None, out: Path | None, report: Path | None, winners: int | None
) -> None:
    """核查：把账本从头到尾看一遍，把不像真人投的票归成组，列出证据。

    不写 --ledger 就看正在用的账本；写了，就只看这个文件，不需要网站在运行。
    只看不改：要放到后台的“核查”页，请在那里点“现在核查一次”。文件读不了时退出码为 1。
    """
    _require()
    _each_its_own(file, out, report)
    found, page = _of_file(file, winners) if file else _of_store(winners=winners)
    from voting.report.findings import lines, write_flags, write_page

    for line in lines(page):
        click.echo(_printable(line))
    for note in page.notes:
        click.echo(note)
    try:
        if out:
            listed = write_flags(_flags(found), out)
            click.echo(f"逐票的分数：{out}（{listed:,} 票，其余 0 分）")
        if report:
            write_page(page, report)
            click.echo(f"报告：{report}")
    except OSError as error:
        raise click.ClickException(f"写不了文件：{error.strerror}") from error


@click.command("inspect", hidden=True)
@told
def inspect_live(site: Site) -> None:
    """核查正在用的账本，结果放到后台的“核查”页。由后台进程启动。"""
    _require()
    from voting import inspector

    inspector.be_modest()
    try:
        with inspector.alone(site.settings.data_dir):
            run = inspector.keep(site.store, lambda *_: None, site.now_ms)
    except inspector.Busy:
        click.echo("核查：另一次核查正在进行")
    else:
        click.echo(f"核查：{inspector.told(run)}")


def _each_its_own(*paths: Path | None) -> None:
    """A slip of the pen must not write over the ledger that was handed in."""
    named = [os.path.realpath(path) for path in paths if path]
    if len(set(named)) < len(named):
        raise click.ClickException("--ledger、--out、--report 写了同一个文件，没有开始")


def _printable(line: str) -> str:
    """Names come from a file: none of them may steer the terminal."""
    return "".join(char if char.isprintable() else "�" for char in line)


def _require() -> None:
    if missing := missing_for_scrutiny():
        raise click.ClickException(
            f"核查要用的软件没有装（{'、'.join(missing)}）："
            "请运行 .venv/bin/python -m pip install -r requirements-scrutiny.txt"
        )


Found = tuple["Inspection", "Findings"]


def _of_file(file: Path, winners: int | None) -> Found:
    from voting.scrutiny.votes import LedgerUnreadable, read_ledger

    say, began = _Clock(), time.perf_counter()
    try:
        say(0, 0, f"正在读 {file.name}（{_size(file)}）")
        ledger = read_ledger(file)
    except LedgerUnreadable as error:
        raise click.ClickException(_printable(str(error))) from error
    return _looked_at(ledger, winners or _usual_winners(), file.name, say, began)


@told
def _of_store(site: Site, winners: int | None) -> Found:
    from voting.inspector import collect

    say, began = _Clock(), time.perf_counter()
    name = f"{site.contest.name}{site.contest.subtitle}"
    ledger = collect(site.store, say)
    wanted = winners or site.store.rules.versions()[-1].winners
    return _looked_at(ledger, wanted, name, say, began)


def _looked_at(
    ledger: Ledger, winners: int, about: str, say: Callable[[int, int, str], None], began: float
) -> Found:
    from voting.inspector import inspect
    from voting.report.findings import Findings

    found = inspect(ledger, winners, say)
    found = replace(found, run=replace(found.run, seconds=time.perf_counter() - began))
    votes = ledger.votes
    page = Findings(
        about=about,
        run=found.run,
        winners=winners,
        tally=dict(zip(votes.entries, votes.per_entry.tolist(), strict=True)),
        sheets=found.sheets,
        first_ms=int(votes.ts_ms[0]) if len(votes) else 0,
        last_ms=int(votes.ts_ms[-1]) if len(votes) else 0,
        notes=tuple(_notes(ledger)),
    )
    return found, page


def _notes(ledger: Ledger) -> Iterator[str]:
    if ledger.demo:
        yield f"另有 {ledger.demo:,} 张演示票，没有核查，也没有计入。"
    if ledger.unknown:
        yield f"有 {ledger.unknown:,} 票的停留或观看时间不是有效的数，按不知道算。"


def _flags(found: Inspection) -> Iterator[tuple[str, float, str]]:
    """In the ledger's order: each flagged vote, and what comes near."""
    findings = found.findings
    votes, flags = findings.votes, findings.flags
    place_of = votes.row.argsort()
    for row in (flags.score >= LISTED).nonzero()[0].tolist():
        score = float(flags.score[row])
        reason = flags.reason[row] or NOT_NAMED
        yield votes.ids[int(place_of[row])], score, reason


def _usual_winners() -> int:
    """Those of the contest's configuration, where there is one."""
    site: Site | Refused = current_app.extensions["site"]
    return WINNERS if isinstance(site, Refused) else site.contest.law.winners


def _size(file: Path) -> str:
    try:
        megabytes = file.stat().st_size / 1e6
    except OSError:
        return "?"
    return f"{megabytes:,.0f} MB" if megabytes >= 1 else "不到 1 MB"


class _Clock:
    """Says how far it is on the terminal's other channel, with the seconds; not too often."""

    def __init__(self) -> None:
        self.began = self.last = time.monotonic()
        self.step = -1

    def __call__(self, done: int, _total: int, sentence: str) -> None:
        now = time.monotonic()
        if done == self.step and now - self.last < 2:
            return
        self.step, self.last = done, now
        click.echo(f"{now - self.began:5.1f} 秒  {sentence} …", err=True)
