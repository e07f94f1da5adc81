"""`batches`: look at what people have decided about votes; they decide at the console only."""

from __future__ import annotations

import click

from voting.batch import DECISION_WORDS, STATE_WORDS, BatchNow
from voting.case import PATTERN_WORDS
from voting.cli.command import minute, told
from voting.store.batches import NoSuchBatch
from voting.web.site import Site


@click.group()
def batches() -> None:
    """批次：查看圈定的票和对它们的决定。决定要登录后台，由人来做。"""


@batches.command("list")
@told
def list_batches(site: Site) -> None:
    """列出全部批次，新的在前。"""
    found = site.store.batches.all()
    for now in found:
        click.echo(_line(now))
    removed = site.store.batches.deductions().now.removed().total()
    click.echo(f"共 {len(found)} 批，移除 {removed} 票（同一张票只算一次）。")


@batches.command("show")
@click.argument("batch_id")
@click.option("--votes", is_flag=True, help="逐行列出票号")
@told
def show_batch(site: Site, batch_id: str, votes: bool) -> None:
    """一个批次的票和每一次决定。"""
    try:
        now = site.store.batches.of(batch_id)
    except NoSuchBatch as error:
        raise click.ClickException(f"没有批次 {batch_id}") from error
    batch = now.batch
    click.echo(_line(now))
    click.echo(f"案 {batch.case}，{minute(batch.first_ms)} 到 {minute(batch.last_ms)}")
    for number, count in batch.entries:
        click.echo(f"  {number:03d} 号 {count} 票")
    click.echo(f"{minute(now.frozen_ms)}  {now.frozen_by}  圈定，票号的校验码 {batch.digest}")
    for one in now.decisions:
        click.echo(f"{minute(one.at_ms)}  {one.by}  {DECISION_WORDS[one.decision]}：{one.reason}")
    if votes:
        for vote_id in site.store.batches.votes_of(batch_id):
            click.echo(vote_id)


def _line(now: BatchNow) -> str:
    batch = now.batch
    held = f"，核查到 {minute(now.held_until_ms)}" if now.held_until_ms else ""
    asked = f"，{now.asked_by} 提请" if now.asked_by else ""
    votes = f"{batch.votes} 票" if batch.entries else "没有具体的票"
    words = PATTERN_WORDS[batch.pattern]
    return f"{batch.id}  {STATE_WORDS[now.state]}{asked}{held}  {votes}  {words}"
