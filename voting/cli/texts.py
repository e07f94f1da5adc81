"""`check-texts`: what people read on the site, held against what WeChat punishes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from voting.cli.command import told
from voting.settings import ROOT
from voting.web.site import Site
from voting.wording.reading import texts_of
from voting.wording.rules import Flaw, flaws

#: What the public sees; the console is for its organizers only.
SEEN = ("templates/**/*.html", "static/*.js", "voting/web/*.py", "voting/share/**/*.py")
INSIDE = ROOT / "templates" / "organizer"


@click.command("check-texts")
@told
def check_texts(site: Site) -> None:
    """检查配置和页面上的文字，找出微信会处罚的说法（诱导分享、诱导关注等）。有问题时退出码为 1。"""
    files = [site.settings.contest_file, *public_files()]
    found = [(file, line, flaw) for file in files for line, flaw in flaws_in(file)]
    for file, line, flaw in found:
        name = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
        click.echo(f"{name}:{line}  “{flaw.words}”")
        click.echo(f"    {flaw.rule.name}：{flaw.rule.why}。")
        click.echo(f"    {flaw.rule.instead}。\n")
    if found:
        raise click.ClickException(f"查了 {len(files)} 个文件，有 {len(found)} 处要改")
    click.echo(f"查了 {len(files)} 个文件，没有微信会处罚的说法。")


def public_files() -> Iterator[Path]:
    """The files of this site whose words reach the public."""
    for pattern in SEEN:
        for file in sorted(ROOT.glob(pattern)):
            if not file.is_relative_to(INSIDE):
                yield file


def flaws_in(file: Path) -> Iterator[tuple[int, Flaw]]:
    """Each flaw of a file, with its line."""
    for line, text in texts_of(file.name, file.read_text(encoding="utf-8")):
        for flaw in flaws(text):
            yield line + text.count("\n", 0, flaw.at), flaw
