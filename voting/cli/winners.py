"""`winners`: the published result joined with the forms, for those who send out the prizes.

The site keeps no contact details. They are read from the mailbox, written to one place outside of
the site's own folders, and nowhere else: not to the terminal, not to a log.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voting.cli.command import told
from voting.result import Row
from voting.settings import ROOT, Settings
from voting.store.log import Kind
from voting.web.site import Site

if TYPE_CHECKING:
    from voting.intake.form import Contact
    from voting.report.table import Table

NAME = "获奖者联系名单"
COLUMNS = (
    ("名次", 6), ("编号", 8), ("作品名称", 30), ("作者", 16), ("推荐单位", 24), ("指导教师", 12),
    ("联系人", 14), ("联系电话", 18), ("联系地址", 50),
)  # fmt: skip


@click.command()
@click.option(
    "--mailbox",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="存有报名表的邮箱文件夹",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help=f"写到哪里；不写就放在邮箱文件夹旁边，名为“{NAME}”。.csv 和 .xlsx 各一份",
)
@told
def winners(site: Site, mailbox: Path, out: Path | None) -> None:
    """获奖者联系名单：按已公布的结果，从报名表里取出获奖者的联系方式。

    按报名表的校验码（SHA-256）对应，不靠文件名。名单只有本用户能读，请用完删除。
    """
    result = site.store.results.latest()
    if result is None:
        raise click.ClickException("结果还没有公布，没有获奖者")
    files = _files(out or mailbox.absolute().parent / NAME, site.settings)
    contacts = _contacts(mailbox, {row.form_sha256 for row in result.awarded} - {""})
    site.store.log.append(Kind.EXPORT, "", f"获奖者联系名单，{len(contacts)} 件作品")
    _write(_table(result.awarded, contacts), files, result.at_ms)
    for row in result.awarded:
        if row.form_sha256 not in contacts:
            click.echo(
                f"没有找到报名表：第 {row.place} 名 {row.label} 号《{row.title}》{row.author}"
            )
    click.echo(f"获奖 {len(result.awarded)} 件，找到联系方式 {len(contacts)} 件。")
    if len(contacts) < len(result.awarded):
        click.echo("没有找到的：报名表可能在别的文件夹里，放进来再运行一次；演示作品本来没有报名表。")
    click.echo(f"名单：{files[0]}")
    click.echo(f"      {files[1]}")
    click.echo("里面有个人信息：只发给需要的人，用完请删除。")


def _files(out: Path, settings: Settings) -> tuple[Path, Path]:
    """The XLSX and the CSV: where backups of the site and commits of its code don't go."""
    out = out.absolute()
    stem = out.with_suffix("") if out.suffix.lower() in (".csv", ".xlsx") else out
    place = stem.parent.resolve()
    for ours, name in ((settings.data_dir, "DATA_DIR"), (ROOT, "程序所在的文件夹")):
        if place.is_relative_to(ours.resolve()):
            raise click.ClickException(
                f"名单里有个人信息，不能写在 {name} 里面，请用 --out 换个地方"
            )
    if not place.is_dir():
        raise click.ClickException(f"没有 {place} 这个文件夹")
    files = stem.with_name(f"{stem.name}.xlsx"), stem.with_name(f"{stem.name}.csv")
    for file in files:
        if file.exists():
            raise click.ClickException(f"{file} 已经有了，请先删除，或用 --out 换个名字")
    return files


def _contacts(mailbox: Path, wanted: set[str]) -> dict[str, Contact]:
    """The contact in each form that was taken in, by the form's SHA-256."""
    from voting.intake.docx_file import MAX_FORM_BYTES, FormRefused
    from voting.intake.folder import FolderRefused, open_forms
    from voting.intake.form import read_contact

    try:
        found = list(open_forms(mailbox))
    except FolderRefused as refusal:
        raise click.ClickException(str(refusal)) from refusal
    contacts = {}
    for path in found:
        with path.open("rb") as file:
            data = file.read(MAX_FORM_BYTES + 1)
        digest = hashlib.sha256(data).hexdigest()
        if digest in wanted:  # so it was read before, in a process of its own, and did no harm
            try:
                contacts[digest] = read_contact(data)
            except FormRefused:
                continue
    return contacts


def _table(awarded: Sequence[Row], contacts: dict[str, Contact]) -> Table:
    from voting.report.table import Column, Kind, Table

    def rows() -> Iterator[tuple[str | int, ...]]:
        for row in awarded:
            contact = contacts.get(row.form_sha256)
            reached = ("没有找到报名表", "", "")
            if contact:
                reached = (contact.name, contact.phone, contact.address)
            yield (row.place, row.label, row.title, row.author, row.unit, row.instructor, *reached)

    columns = tuple(Column(header, Kind.TEXT, width) for header, width in COLUMNS)
    return Table(NAME, columns, list(rows()))


def _write(table: Table, files: tuple[Path, Path], at_ms: int) -> None:
    from voting.report.csv_file import write_csv
    from voting.report.xlsx_file import write_xlsx

    xlsx, csv = files
    with _for_this_user_only():
        write_xlsx([table], xlsx, lambda _: None, at_ms=at_ms)
        write_csv(table, csv, lambda _: None)


@contextmanager
def _for_this_user_only() -> Iterator[None]:
    """Files made meanwhile have mode 0600 from their first byte on."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
