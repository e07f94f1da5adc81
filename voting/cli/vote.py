"""`rules`, `vote` and `recount`: the law, the phases, the count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import click

from voting.cli.command import minute, reason_option, told
from voting.contest import SHANGHAI, decided_through
from voting.jobs import CannotDo
from voting.report import draft
from voting.result import AWARD_WORDS, Result, digest, tie_words
from voting.settings import refuse_without_voters
from voting.store.results import Doubted
from voting.store.rules import PHASES
from voting.web.site import Site

LOGGED = "理由，记入操作记录"
ON_RULES = "理由，公布在规则页"
ON_RESULTS = "理由，公布在结果页"
at_option = click.option(
    "--at",
    required=True,
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]),
    help="北京时间，例如 2025-08-20T18:00",
)


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
    refuse_without_voters(site.contest, site.settings)
    version = site.store.rules.apply(site.contest.law, reason, site.now_ms())
    click.echo(f"规则第 {version.version} 版已生效。")


@click.group()
def vote() -> None:
    """投票：看进行到哪一步，暂停、恢复、结束、延长、核对、公布。"""


@vote.command()
@told
def status(site: Site) -> None:
    """现在是哪一步，起止时间，公布了哪一版结果。"""
    now = site.store.rules.versions()[-1]
    click.echo(f"{PHASES[site.store.rules.phase()]}。")
    window = f"开始 {minute(now.opens_ms)}，截止 {minute(now.closes_ms)}"
    click.echo(f"{window}（规则第 {now.version} 版）。")
    if published := site.store.results.latest():
        click.echo(f"公布的结果是第 {published.version} 版，{minute(published.at_ms)}。")


@vote.command()
@reason_option(required=True, help=LOGGED)
@told
def pause(site: Site, reason: str) -> None:
    """暂停投票，立即生效。"""
    site.store.rules.pause(reason)
    click.echo("投票已暂停。")


@vote.command()
@reason_option(required=True, help=LOGGED)
@told
def resume(site: Site, reason: str) -> None:
    """恢复投票，立即生效。"""
    site.store.rules.resume(reason)
    click.echo("投票已恢复。")


@vote.command("open")
@reason_option(required=True, help=ON_RULES)
@told
def open_now(site: Site, reason: str) -> None:
    """不等到开始时间，马上开始投票。"""
    site.store.rules.open_now(reason)
    click.echo("投票已开始。")


@vote.command()
@at_option
@reason_option(required=True, help=ON_RULES)
@told
def postpone(site: Site, at: datetime, reason: str) -> None:
    """改开始时间（投票还没开始时）。"""
    version = site.store.rules.postpone(_ms(at), reason)
    click.echo(f"投票改在 {minute(version.opens_ms)} 开始（规则第 {version.version} 版）。")


@vote.command()
@click.confirmation_option(prompt="结束以后不再收票，确定吗？", help="不再问一遍")
@reason_option(required=True, help=ON_RULES)
@told
def close(site: Site, reason: str) -> None:
    """提前结束投票，立即生效。"""
    version = site.store.rules.close(reason)
    click.echo(f"投票已结束（规则第 {version.version} 版）。")


@vote.command()
@at_option
@reason_option(required=True, help=ON_RULES)
@told
def extend(site: Site, at: datetime, reason: str) -> None:
    """延长截止时间；已经结束的投票会重新开放。"""
    version = site.store.rules.extend(_ms(at), reason)
    click.echo(f"投票延长到 {minute(version.closes_ms)}（规则第 {version.version} 版）。")


@vote.command("under-review")
@reason_option(required=True, help=ON_RESULTS)
@told
def under_review(site: Site, reason: str) -> None:
    """投票结束后开始核对结果；公开页面显示“结果核对中”。"""
    site.store.rules.begin_review(reason)
    click.echo("已开始核对。用 vote result 计算并查看结果。")


@vote.command("take-back")
@reason_option(required=True, help=LOGGED)
@told
def take_back(site: Site, reason: str) -> None:
    """撤回核对，回到“投票已结束”。"""
    site.store.rules.take_back(reason)
    click.echo("已撤回核对。")


@vote.command()
@told
def result(site: Site) -> None:
    """逐票计算结果并列出，不公布。"""
    _show(_computed(site))


@vote.command()
@reason_option(required=True, help=ON_RESULTS)
@click.option("--award", "chosen", type=int, multiple=True, help="评议决定获奖的编号，可以写几次")
@click.option("--jury-reason", default="", help="评议的理由，公布在结果页")
@click.option("--without-scrutiny", default="", help="不等核查看完就公布的理由，公布在结果页")
@click.option("--yes", is_flag=True, help="不再问一遍")
@told
def publish(
    site: Site,
    reason: str,
    chosen: Sequence[int],
    jury_reason: str,
    without_scrutiny: str,
    yes: bool,
) -> None:
    """逐票计算结果，列出，确认后公布。

    可能改变获奖名单的可疑票都决定了，核查看过了全部选票，才能公布。
    """
    found = _computed(site)
    _show(found)
    _require_settled(site, without_scrutiny)
    if not yes:
        click.confirm("公布以后名次不再变动，确定公布吗？", abort=True)
    published = site.store.results.publish(
        digest(found),
        reason,
        chosen=chosen,
        jury_reason=jury_reason,
        without_scrutiny=without_scrutiny,
    )
    click.echo(f"结果第 {published.version} 版已公布。")


@vote.command()
@reason_option(required=True, help=ON_RESULTS)
@told
def unpublish(site: Site, reason: str) -> None:
    """撤回公布的结果，回到核对；撤回的这一版保留在记录里。"""
    site.store.results.unpublish(reason)
    click.echo("结果已撤回。")


@click.command()
@told
def recount(site: Site) -> None:
    """重新点票：只凭账本和决定重算每件作品的票数，与现有票数核对。不一致时退出码为 1。"""
    store = site.store
    if store.batches.rebuild():
        click.echo("移除的票数与操作记录不符，已按操作记录重算。")
    void = store.batches.void()
    counted, tally = store.ledger.recount(void), store.ledger.tally()
    removed = sum(len(ids) for ids in void)
    valid = counted.total()
    click.echo(f"账本共 {valid + removed} 票，移除 {removed} 票，其余 {valid} 票。")
    shown = Counter(tally)
    shown.subtract(store.batches.deductions().now.removed())
    differing = {n for n in counted | shown if counted[n] != shown[n]}
    for number in sorted(differing):
        click.echo(f"{number:03d} 号：重算 {counted[number]} 票，现有 {shown[number]} 票")
    if differing:
        raise click.ClickException("票数与账本不一致")
    click.echo("票数与账本一致。")
    _public_so_far(site)


def _public_so_far(site: Site) -> None:
    """While the vote is open the public sees the decisions of the days before."""
    through_ms = decided_through(site.store.rules.versions()[-1], site.now_ms())
    deductions = site.store.batches.deductions()
    told = deductions.through(through_ms).removed().total()
    if through_ms is not None and told != deductions.now.removed().total():
        click.echo(f"公开页面只显示 {minute(through_ms)} 以前的决定：移除 {told} 票。")


def _require_settled(site: Site, without_scrutiny: str) -> None:
    """Say what stands in the way before anybody is asked whether they are sure."""
    try:
        site.store.results.waive(without_scrutiny)
    except Doubted as error:
        how = "（--without-scrutiny 理由）" if error.doubt.waivable else ""
        raise click.ClickException(f"还不能公布：{error}{how}") from error


def _computed(site: Site) -> Result:
    try:
        return draft.make(site.store, site.contest, site.now_ms(), lambda *_: None)
    except CannotDo as error:
        raise click.ClickException(str(error)) from error


def _show(found: Result) -> None:
    notes = tie_words(found)
    for row in found.awarded + found.undecided + found.runners_up:
        parts = (f"{row.place:>3}", row.label, f"{row.votes} 票", row.title, AWARD_WORDS[row.award])
        click.echo("  ".join((*parts, notes.get(row.number, ""))).rstrip())
    click.echo(f"有效票 {found.totals.votes}，投票人 {found.totals.voters}。")
    for one in found.removed:
        click.echo(f"不计入：{one.what} {one.votes} 票，{one.reason}")
    if found.undecided:
        click.echo(f"还有 {found.seats} 个名额由评议决定，公布时用 --award 编号 写明。")


def _ms(at: datetime) -> int:
    return int(at.replace(tzinfo=SHANGHAI).timestamp() * 1000)
