"""`intake`: a mailbox folder becomes pending entries."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from voting.cli.command import told
from voting.contest import moment
from voting.disk import FULL
from voting.jobs import CannotDo
from voting.store.log import COMMAND_LINE
from voting.web.site import Site

if TYPE_CHECKING:
    from voting.intake.report import Filed

#: Where nobody watches a line change, progress is a line of its own, now and then.
LINE_EVERY_S = 15.0
DISK_FULL = "磁盘空间不够了，收件停在这里；已收的不受影响。腾出空间后再运行一次，会接着做"
STOPPED = "已停止，没有留下做了一半的文件。再运行一次会接着做，已收的不会重复收"


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@told
def intake(site: Site, folder: Path) -> None:
    """收件：读取 FOLDER 里的报名表和视频，符合要求的存为待审核作品。

    文件按通知的要求命名：作品名称-作者姓名-联系方式.docx 和 .mp4；可以放在各自的子文件夹里。
    随时可以按 Ctrl-C 停下；再运行一次会接着做，已收过的不会重复收。
    """
    # Here, because every web process imports this module and none needs the video libraries.
    from voting.mailroom import HTML, Mailroom

    out = site.settings.data_dir / "reports" / f"{moment(site.now_ms()):%Y%m%d-%H%M%S}"
    room = Mailroom(site.store, site.settings, site.contest, site.now_ms, COMMAND_LINE, out)
    screen = Screen(sys.stdout.isatty())
    try:
        with _ended_by_sigterm():
            taken = room.take_in(folder, screen.tell, screen.each)
    except CannotDo as refusal:
        screen.clear()
        raise click.ClickException(str(refusal)) from refusal
    except KeyboardInterrupt as stop:
        screen.clear()
        raise click.ClickException(STOPPED) from stop
    except OSError as error:
        screen.clear()
        if error.errno in FULL:
            raise click.ClickException(DISK_FULL) from error
        raise
    screen.clear()
    for name in taken.ignored:
        click.echo(f"没有处理  {name}")
    click.echo(f"{taken.sentence}。")
    click.echo(f"报告（含给投稿人的回信）：{out / HTML}")
    if any(one.draft for one in taken.filed):
        click.echo("下一步：在后台的审核页逐件审核，")
        click.echo("或用 .venv/bin/flask --app app entries approve 编号…")


@dataclass
class Screen:
    """One line that changes, where somebody looks; else lines."""

    live: bool
    shown: bool = False
    since: float = 0.0

    def tell(self, _done: int, _total: int, sentence: str) -> None:
        if self.live:
            click.echo(f"\r\033[2K{sentence}", nl=False, color=True)
            self.shown = True
        elif time.monotonic() - self.since > LINE_EVERY_S:
            self.since = time.monotonic()
            click.echo(sentence)

    def clear(self) -> None:
        if self.shown:
            click.echo("\r\033[2K", nl=False, color=True)
            self.shown = False

    def each(self, one: Filed) -> None:
        from voting.intake.report import WORDS

        self.clear()
        click.echo(f"{WORDS[type(one.verdict)]}  {one.called}")
        for sentence in one.findings:
            click.echo(f"      {sentence}")
        for note in one.notes:
            click.echo(f"      提醒：{note}")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM is a stop like Ctrl-C: what is half-done goes."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
