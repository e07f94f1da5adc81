"""From a folder of mails to the catalogue: once each, whoever takes in and however often."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from forms import PHONE, official_form
from mails import mail
from videos import encode

from voting import mailroom
from voting.contest import EntryState
from voting.intake.report import Filed
from voting.intake.verdict import Doubtful, Refused, Taken, TakenBefore, Verdict
from voting.jobs import CannotDo, Desk, Stopped
from voting.mailroom import CSV, HTML, Mailroom, inbox
from voting.store.jobs import JobKind
from voting.store.log import Kind
from voting.web.site import Site


def quiet(_done: int, _total: int, _sentence: str) -> None:
    pass


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    return [encode(folder / f"{count}.mp4", count=count) for count in (2, 3)]


@pytest.fixture
def mailbox(tmp_path: Path, videos: list[Path]) -> Path:
    """One that is fine, one that needs a person, one that is refused, and something else."""
    folder = tmp_path / "收件箱"
    mail(folder, f"沂河两岸-王小样-{PHONE}", video=videos[0])
    mail(folder, f"汶河-王小样-{PHONE}", video=videos[1],
         form=official_form(作品名称="汶河", 作品时长="9分"))  # fmt: skip
    mail(folder, f"没有视频-王小样-{PHONE}", form=official_form(作品名称="没有视频"))
    (folder / "说明.txt").touch()
    return folder


@pytest.fixture
def room(site: Site, tmp_path: Path) -> Mailroom:
    return Mailroom(
        site.store, site.settings, site.contest, site.now_ms, "小王", tmp_path / "report"
    )


def kinds(filed: tuple[Filed, ...]) -> list[type[Verdict]]:
    return [type(one.verdict) for one in filed]


def test_what_is_taken_in_is_pending_with_what_was_found(
    room: Mailroom, site: Site, mailbox: Path
) -> None:
    heard: list[Filed] = []
    taken = room.take_in(mailbox, quiet, heard.append)
    assert tuple(heard) == taken.filed
    assert kinds(taken.filed) == [Refused, Taken, Doubtful]
    assert taken.sentence == "共 3 件：收下 1 件，待人工确认 1 件，未收 1 件"
    assert taken.ignored == ("说明.txt（不是报名表，也不是视频）",)
    entries = site.store.entries.all()
    fine, doubtful = entries[15], entries[16]
    assert (doubtful.title, fine.title) == ("汶河", "沂河两岸")
    assert doubtful.doubts == ("报名表写 9 分钟，视频是 0 秒",)
    assert fine.doubts == ()
    assert fine.state is EntryState.PENDING
    assert len(fine.content_sha256) == 64
    assert {path.name for path in site.settings.media_dir.iterdir()} == {doubtful.media, fine.media}
    acts = [(act.kind, act.subject, act.by) for act in site.store.log.all()][-2:]
    assert acts == [(Kind.TAKE_IN, "15", "小王"), (Kind.TAKE_IN, "16", "小王")]


def test_the_report_is_written_for_people_and_for_spreadsheets(
    room: Mailroom, mailbox: Path
) -> None:
    taken = room.take_in(mailbox, quiet)
    assert taken.files == (HTML, CSV)
    page = (room.out / HTML).read_text(encoding="utf-8")
    assert "没有找到与报名表同名的视频（.mp4）" in page
    data = (room.out / CSV).read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert PHONE not in page + data.decode()
    lines = list(csv.reader(data.decode("utf-8-sig").splitlines()))
    assert lines[0][:3] == ["结论", "编号", "作品名称"]


def test_again_nothing_is_done_twice(room: Mailroom, site: Site, mailbox: Path) -> None:
    room.take_in(mailbox, quiet)
    before = site.store.entries.all()
    again = room.take_in(mailbox, quiet)
    assert kinds(again.filed) == [Refused, TakenBefore, TakenBefore]
    assert [one.number for one in again.filed] == [0, 15, 16]
    assert site.store.entries.all() == before


def test_somebody_who_takes_in_the_same_meanwhile_is_no_trouble(
    room: Mailroom, site: Site, mailbox: Path
) -> None:
    first: list[Filed] = []

    def each(one: Filed) -> None:
        first.append(one)
        if len(first) == 1:  # the refused one: nothing is stored yet
            room.take_in(mailbox, quiet)

    taken = room.take_in(mailbox, quiet, each)
    assert kinds(taken.filed) == [Refused, TakenBefore, TakenBefore]
    assert len(site.store.entries.all()) == 16
    assert len(list(site.settings.media_dir.iterdir())) == 2


def test_stopped_it_keeps_what_is_done_and_reports_it(
    room: Mailroom, site: Site, mailbox: Path
) -> None:
    def tell(done: int, _total: int, _sentence: str) -> None:
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        room.take_in(mailbox, tell)
    assert 14 <= len(site.store.entries.all()) <= 15
    assert "中途停止" in (room.out / HTML).read_text(encoding="utf-8")
    assert not [one for one in site.settings.media_dir.iterdir() if one.name.startswith(".")]
    again = room.take_in(mailbox, quiet)
    assert len(site.store.entries.all()) == 16
    assert Refused in kinds(again.filed)


def test_what_is_no_mailbox_and_a_machine_without_processes_are_said_in_a_sentence(
    room: Mailroom, mailbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("voting.intake.folder.MOST_FILES", 2)
        with pytest.raises(CannotDo, match="超过 2 个"):
            room.take_in(mailbox, quiet)
    monkeypatch.setattr("voting.intake.workshop.COMMAND", ("false",))
    with pytest.raises(CannotDo, match="子进程起不来"):
        room.take_in(mailbox, quiet)


# --- uploads ------------------------------------------------------------------------------------


def desk(site: Site, folder: Path, tmp_path: Path, tell: Any = quiet) -> Desk:
    job = site.store.jobs.add(JobKind.INTAKE, "小王", site.now_ms(), folder=str(folder))
    out = tmp_path / "job"
    out.mkdir(exist_ok=True)
    return Desk(site.store, site.settings, site.contest, site.keys, job, out, tell, site.now_ms)


@pytest.fixture
def uploaded(site: Site, mailbox: Path) -> Path:
    batch = inbox(site.settings) / "0123456789ab"
    batch.parent.mkdir(parents=True)
    mailbox.rename(batch)
    return batch


def test_an_uploaded_batch_is_taken_in_and_deleted(
    site: Site, uploaded: Path, tmp_path: Path
) -> None:
    done = mailroom.work(desk(site, uploaded, tmp_path))
    assert done.sentence == "共 3 件：收下 1 件，待人工确认 1 件，未收 1 件"
    assert done.files == (HTML, CSV)
    assert all((tmp_path / "job" / name).exists() for name in done.files)
    assert not uploaded.exists()


def test_a_job_that_was_stopped_or_failed_keeps_the_batch_to_be_run_again(
    site: Site, uploaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        mailroom.work(desk(site, uploaded, tmp_path, stop))
    assert uploaded.exists()

    def broken(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(mailroom, "process", broken)
        with pytest.raises(OSError, match="No space"):
            mailroom.work(desk(site, uploaded, tmp_path))
    assert uploaded.exists()
    done = mailroom.work(desk(site, uploaded, tmp_path))
    assert done.sentence == "共 3 件：收下 1 件，待人工确认 1 件，未收 1 件"
    assert not uploaded.exists()


@pytest.mark.parametrize("folder", ["/etc", "../keys", "..", "", "nowhere"])
def test_a_job_takes_in_from_the_inbox_only(site: Site, tmp_path: Path, folder: str) -> None:
    inbox(site.settings).mkdir(parents=True)
    with pytest.raises(CannotDo):
        mailroom.work(desk(site, Path(folder), tmp_path))
    assert (site.settings.data_dir / "keys").exists()
