"""The winners' contacts: joined by the forms' digests, for one user, outside of the site."""

from __future__ import annotations

import csv
import hashlib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result as Ran
from flask import Flask
from flask.cli import FlaskGroup
from forms import ADDRESS, PHONE, official_form
from mails import mail

from voting.result import Award, Row
from voting.settings import ROOT
from voting.store.client import StoreDown
from voting.store.log import Kind, Log
from voting.store.results import Results
from voting.web.site import Site


class Published:
    """What `winners` asks of a result."""

    at_ms = 1_760_000_000_000

    def __init__(self, *forms: bytes) -> None:
        self.awarded = tuple(a_row(n, form) for n, form in enumerate(forms, start=1))


def a_row(number: int, form: bytes) -> Row:
    return Row(
        place=number, number=number, votes=10 - number, reached_ms=0, award=Award.WON,
        title="=沂河两岸", author="王小样", unit="", instructor="", city="临沂", category="live",
        category_name="实景拍摄", ai=False, form_sha256=hashlib.sha256(form).hexdigest(),
    )  # fmt: skip


#: Made once: a form that is made again some seconds later has other bytes.
SECOND = official_form(联系人="李小样")


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    folder = tmp_path / "邮箱" / "收件"
    mail(folder, f"沂河两岸-王小样-{PHONE}")
    mail(folder / "邮件 2", "随便叫什么", form=SECOND)
    mail(folder, f"没有获奖-王小样-{PHONE}", form=official_form(联系人="赵小样"))
    return folder


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    forms = official_form(), SECOND, b"lost"
    monkeypatch.setattr(Results, "latest", lambda _: Published(*forms))


def run(app: Flask, *words: Any) -> Ran:
    runner = app.test_cli_runner()
    return runner.invoke(FlaskGroup(create_app=lambda: app), ["winners", *map(str, words)])


@pytest.mark.usefixtures("published")
def test_each_winner_s_contact_is_found_whatever_its_form_is_called(
    app: Flask, site: Site, mailbox: Path, tmp_path: Path
) -> None:
    ran = run(app, "--mailbox", mailbox)
    assert ran.exit_code == 0, ran.output
    assert "获奖 3 件，找到联系方式 2 件" in ran.output
    assert "没有找到报名表：第 3 名 003 号" in ran.output
    file = tmp_path / "邮箱" / "获奖者联系名单.csv"
    lines = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert [line[6:] for line in lines[1:]] == [
        ["王小样", PHONE, ADDRESS], ["李小样", PHONE, ADDRESS], ["没有找到报名表", "", ""],
    ]  # fmt: skip
    assert lines[1][2] == "'=沂河两岸"
    assert "赵小样" not in file.read_text(encoding="utf-8")
    act = site.store.log.last()
    assert act
    assert (act.kind, act.reason) == (Kind.EXPORT, "获奖者联系名单，2 件作品")


@pytest.mark.usefixtures("published")
def test_the_contacts_are_told_nowhere_else_and_only_this_user_reads_them(
    app: Flask, site: Site, mailbox: Path, tmp_path: Path
) -> None:
    ran = run(app, "--mailbox", mailbox, "--out", tmp_path / "名单.xlsx")
    assert ran.exit_code == 0, ran.output
    files = [tmp_path / "名单.xlsx", tmp_path / "名单.csv"]
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}
    with zipfile.ZipFile(files[0]) as book:
        assert PHONE in "".join(book.read(name).decode() for name in book.namelist())
    kept = [path for path in site.settings.data_dir.rglob("*") if path.is_file()]
    told = ran.output + repr(list(site.store.log.all())) + repr(site.store.entries.all())
    for private in (PHONE, ADDRESS):
        assert private not in told
        assert not [path for path in kept if private.encode() in path.read_bytes()]


@pytest.mark.usefixtures("published")
def test_there_is_no_list_that_the_log_doesn_t_tell_of(
    app: Flask, mailbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise StoreDown

    monkeypatch.setattr(Log, "append", down)
    assert run(app, "--mailbox", mailbox).exit_code != 0
    assert list((tmp_path / "邮箱").glob("获奖者*")) == []


@pytest.mark.usefixtures("published")
def test_a_list_is_not_written_where_the_site_keeps_its_own(
    app: Flask, site: Site, mailbox: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(site.settings.data_dir)
    for out, said in (
        (site.settings.data_dir / "名单", "DATA_DIR"),
        (tmp_path / "link" / "名单.csv", "DATA_DIR"),
        (ROOT / "名单", "程序所在的文件夹"),
        (tmp_path / "nowhere" / "名单", "没有"),
    ):
        ran = run(app, "--mailbox", mailbox, "--out", out)
        assert ran.exit_code == 1
        assert said in ran.output
    assert not list(ROOT.glob("名单*"))


@pytest.mark.usefixtures("published")
def test_a_list_that_is_there_is_not_written_over(app: Flask, mailbox: Path) -> None:
    assert run(app, "--mailbox", mailbox).exit_code == 0
    ran = run(app, "--mailbox", mailbox)
    assert ran.exit_code == 1
    assert "已经有了" in ran.output


def test_before_the_result_is_published_there_are_no_winners(app: Flask, mailbox: Path) -> None:
    ran = run(app, "--mailbox", mailbox)
    assert ran.exit_code == 1
    assert ran.output == "Error: 结果还没有公布，没有获奖者\n"
