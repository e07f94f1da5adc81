"""`entries`: list, approve, withdraw."""

from __future__ import annotations

import click

from voting.cli.command import reason_option, told
from voting.contest import STATE_WORDS, Entry, EntryState
from voting.curator import MediaMissing
from voting.store.entries import NoSuchEntry
from voting.web.site import Site


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
            words = (entry.label, STATE_WORDS[entry.state], category, entry.city, entry.title)
            click.echo("  ".join((*words, entry.author)))


@entries.command()
@click.argument("numbers", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="所有待审核的作品")
@click.option("--ai-labelled", is_flag=True, help="已看过视频，AI 作品都带有 AI 标识")
@reason_option(default="审核通过", show_default=True, help="理由，记入操作记录")
@told
def approve(
    site: Site, numbers: tuple[int, ...], everything: bool, ai_labelled: bool, reason: str
) -> None:
    """公开作品，从此可以投票。"""
    if bool(numbers) == everything:
        raise click.UsageError("请写明编号，或用 --all 公开所有待审核的作品，二者选一")
    stored = site.store.entries.all()
    if everything:
        numbers = tuple(n for n, e in stored.items() if e.state is EntryState.PENDING)
    for number in _all_known(numbers, stored):
        try:
            entry = site.curator().approve(number, reason, ai_labelled=ai_labelled)
        except MediaMissing as error:
            message = f"{stored[number].label} 号的媒体文件不见了"
            raise click.ClickException(message) from error
        click.echo(f"已公开 {entry.label} 号《{entry.title}》")


@entries.command()
@click.argument("numbers", type=int, nargs=-1, required=True)
@reason_option(required=True, help="理由，记入操作记录")
@told
def withdraw(site: Site, numbers: tuple[int, ...], reason: str) -> None:
    """撤下作品：命令返回后，任何人都不能再投它；已投的票保留在账本里。"""
    for number in _all_known(numbers, site.store.entries.all()):
        entry = site.curator().withdraw(number, reason)
        click.echo(f"已撤下 {entry.label} 号《{entry.title}》")


def _all_known(numbers: tuple[int, ...], stored: dict[int, Entry]) -> tuple[int, ...]:
    for number in numbers:
        if number not in stored:
            raise NoSuchEntry(number)
    return numbers
