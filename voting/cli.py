"""The organizers' commands, `flask --app app …`: collect, make one call, say what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask import Flask, current_app

from voting import worker
from voting.contest import Entry, EntryState
from voting.settings import ROOT
from voting.shelf import Shelf
from voting.store.client import StoreDown
from voting.store.entries import NoSuchEntry
from voting.store.rules import LawRefused, WrongStore
from voting.web.site import Site

if TYPE_CHECKING:
    from voting.intake.mailbox import Taken

STATES = {
    EntryState.PENDING: "待审核",
    EntryState.APPROVED: "已公开",
    EntryState.WITHDRAWN: "已撤下",
}
LONGEST_REASON = 200


def mount(app: Flask) -> None:
    for command in (intake, entries, rules, vote, recount, run_worker, load_demo):
        app.cli.add_command(command)


def told(command: Callable[..., Any]) -> Callable[..., Any]:
    """Run a command with the site, and say a failure in one sentence."""

    @wraps(command)
    def run(**parts: Any) -> Any:
        site: Site = current_app.extensions["site"]
        try:
            return command(site, **parts)
        except StoreDown as error:
            raise click.ClickException(_why_not(str(error))) from error
        except (WrongStore, LawRefused) as error:
            raise click.ClickException(str(error)) from error
        except NoSuchEntry as error:
            raise click.ClickException(f"没有 {error} 号作品") from error
        except OSError as error:
            file = _named(error, site)
            raise click.ClickException(f"读写文件失败：{file}{error.strerror}") from error

    return run


def _why_not(reason: str) -> str:
    """What an organizer can do about a StoreDown; its text is all that is known."""
    if "acquire lock" in reason:
        return "另一条命令正在修改，请稍后再试"
    if "connect" in reason.lower():
        return f"连不上数据库，网站在运行吗？DATA_DIR、REDIS_URL 对吗？（{reason}）"
    return f"数据库没有办成这件事：{reason}"


def _named(error: OSError, site: Site) -> str:
    """The file if it is one of ours; others are not named, because a mailbox's carry phones."""
    file = Path(str(error.filename))
    ours = site.settings.media_dir, site.settings.public_dir, ROOT / "config"
    return f"{file} " if any(file.is_relative_to(folder) for folder in ours) else ""


def _one_line(_context: click.Context, _option: click.Parameter, reason: str) -> str:
    """Reasons are published, so an empty one won't do."""
    reason = reason.strip()
    if len(reason.splitlines()) != 1 or len(reason) > LONGEST_REASON:
        raise click.BadParameter(f"请用一行话写明理由，不超过 {LONGEST_REASON} 字")
    return reason


reason_option = partial(click.option, "--reason", callback=_one_line)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@told
def intake(site: Site, folder: Path) -> None:
    """收件：读取 FOLDER 里的报名表和视频，存为待审核作品。

    文件按通知的要求命名：作品名称-作者姓名-联系方式.docx 和 .mp4。已收过的不会重复收。
    """
    # Here, because every web process imports this module and none needs the video libraries.
    from voting.intake.mailbox import Taken, submissions, take_in

    known = {entry.video_sha256: entry for entry in site.store.entries.all().values()}
    taken, refused = 0, 0
    found = submissions(folder)
    for position, submission in enumerate(found, start=1):
        result = take_in(submission, site.contest.categories, site.settings.media_dir, set(known))
        click.echo(f"[{position}/{len(found)}] ", nl=False)
        if isinstance(result, Taken):
            entry = _store(site, result)
            known[entry.video_sha256] = entry
            taken += 1
            click.echo(f"收下 {entry.label} 号《{entry.title}》{entry.author}")
            _echo_all(result.notes, "提醒")
        else:
            refused += 1
            click.echo(f"未收 {result.name}")
            _echo_all(result.reasons, "原因")
    click.echo(f"共 {len(found)} 件：收下 {taken} 件，未收 {refused} 件。")
    if taken:
        click.echo("下一步：.venv/bin/flask --app app entries approve 编号…（全部通过可写 --all）")


def _store(site: Site, taken: Taken) -> Entry:
    fields = asdict(taken)
    fields.pop("notes")
    entry = Entry(number=0, state=EntryState.PENDING, taken_in_ms=site.now_ms(), **fields)
    return site.store.entries.add(entry)


def _echo_all(lines: Iterable[str], label: str) -> None:
    for line in lines:
        click.echo(f"      {label}：{line}")


@click.group()
def entries() -> None:
    """作品：列出、公开、撤下。"""


@entries.command("list")
@click.option("--state", type=click.Choice([s.value for s in EntryState]), help="只看某一状态")
@told
def list_entries(site: Site, state: str | None) -> None:
    """列出作品。"""
    for entry in site.store.entries.all().values():
        if state in (None, entry.state.value):
            category = site.contest.categories[entry.category].name
            words = (entry.label, STATES[entry.state], category, entry.city, entry.title)
            click.echo("  ".join((*words, entry.author)))


@entries.command()
@click.argument("numbers", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="所有待审核的作品")
@reason_option(default="审核通过", show_default=True, help="理由，记入决定记录")
@told
def approve(site: Site, numbers: tuple[int, ...], everything: bool, reason: str) -> None:
    """公开作品，从此可以投票。"""
    if bool(numbers) == everything:
        raise click.UsageError("请写明编号，或用 --all 公开所有待审核的作品，二者选一")
    stored = site.store.entries.all()
    if everything:
        numbers = tuple(n for n, e in stored.items() if e.state is EntryState.PENDING)
    for number in _all_known(numbers, stored):
        try:
            shelf_of(site).put_out(stored[number].media)
        except FileNotFoundError as error:
            message = f"{stored[number].label} 号的媒体文件不见了"
            raise click.ClickException(message) from error
        entry = site.store.entries.approve(number, reason)
        click.echo(f"已公开 {entry.label} 号《{entry.title}》")


@entries.command()
@click.argument("numbers", type=int, nargs=-1, required=True)
@reason_option(required=True, help="理由，记入决定记录")
@told
def withdraw(site: Site, numbers: tuple[int, ...], reason: str) -> None:
    """撤下作品：命令返回后，任何人都不能再投它；已投的票保留在账本里。"""
    for number in _all_known(numbers, site.store.entries.all()):
        entry = site.store.entries.withdraw(number, reason)
        shelf_of(site).take_away(entry.media)
        click.echo(f"已撤下 {entry.label} 号《{entry.title}》")


def _all_known(numbers: tuple[int, ...], stored: dict[int, Entry]) -> tuple[int, ...]:
    for number in numbers:
        if number not in stored:
            raise NoSuchEntry(number)
    return numbers


def shelf_of(site: Site) -> Shelf:
    return Shelf(site.settings.media_dir, site.settings.public_dir)


@click.group()
def rules() -> None:
    """规则：查看各版，或按配置文件制定新的一版。"""


@rules.command("show")
@told
def show_rules(site: Site) -> None:
    """列出每一版规则。"""
    for version in site.store.rules.versions():
        click.echo(f"第 {version.version} 版  {version.reason}")


@rules.command("apply")
@reason_option(required=True, help="为什么改规则；公布在 /rules")
@told
def apply_rules(site: Site, reason: str) -> None:
    """按现在的配置文件制定新的一版规则，立即生效。"""
    site.store.rules.check(site.contest.id)
    version = site.store.rules.apply(site.contest.law, reason, site.now_ms())
    click.echo(f"规则第 {version.version} 版已生效。")


@click.group()
def vote() -> None:
    """投票：暂停、恢复。"""


@vote.command()
@reason_option(required=True, help="理由，记入决定记录")
@told
def pause(site: Site, reason: str) -> None:
    """暂停投票，立即生效。"""
    site.store.rules.pause(reason)
    click.echo("投票已暂停。")


@vote.command()
@reason_option(required=True, help="理由，记入决定记录")
@told
def resume(site: Site, reason: str) -> None:
    """恢复投票，立即生效。"""
    site.store.rules.resume(reason)
    click.echo("投票已恢复。")


@click.command()
@told
def recount(site: Site) -> None:
    """重新点票：只凭账本重算每件作品的票数，与现有票数核对。不一致时退出码为 1。"""
    counted, shown = site.store.ledger.recount(), site.store.ledger.tally()
    click.echo(f"账本共 {counted.total()} 票。")
    differing = {n for n in counted | shown if counted[n] != shown[n]}
    for number in sorted(differing):
        click.echo(f"{number:03d} 号：账本 {counted[number]} 票，现有 {shown[number]} 票")
    if differing:
        raise click.ClickException("票数与账本不一致")
    click.echo("票数与账本一致。")


@click.command("worker")
@told
def run_worker(site: Site) -> None:
    """后台进程：定期的和费时的工作。由 make run 启动。"""
    worker.work(site.store, site.settings, time.sleep)


@click.command("demo")
@told
def load_demo(site: Site) -> None:
    """装入演示作品和演示票；已有真实作品，或配置里 demo = false 时什么也不做。"""
    if not site.contest.demo:
        return
    from voting import demo

    click.echo(demo.load(site.store, shelf_of(site), site.now_ms()))
