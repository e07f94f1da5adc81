"""A folder of mails, from the files to what is published, and what must never be."""

from __future__ import annotations

import errno
import hashlib
import logging
import shutil
import traceback
import unicodedata
from pathlib import Path

import pytest
from forms import ADDRESS, PHONE, official_form

from voting.contest import Category
from voting.intake import mailbox as rules
from voting.intake.form import HIDDEN
from voting.intake.mailbox import Refused, Submission, Taken, submissions, take_in

CATEGORIES = {
    "live": Category("live", "实景拍摄类", 180, ai=False),
    "ai": Category("ai", "AI创作类", 120, ai=True),
}
STEM = f"沂河两岸-王小样-{PHONE}"
MEDIA = {f"cover-{width}.{suffix}" for width in (480, 720, 1080) for suffix in ("webp", "jpg")}


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    folder = tmp_path / "mailbox"
    folder.mkdir()
    return folder


@pytest.fixture
def media(tmp_path: Path) -> Path:
    return tmp_path / "media"


def mail(
    folder: Path, stem: str = STEM, *, video: Path | None = None, form: bytes | None = None
) -> None:
    (folder / f"{stem}.docx").write_bytes(official_form() if form is None else form)
    if video:
        shutil.copyfile(video, folder / f"{stem}.mp4")


def only(folder: Path) -> Submission:
    (submission,) = submissions(folder)
    return submission


def taken(folder: Path, media: Path, known: frozenset[str] = frozenset()) -> Taken:
    result = take_in(only(folder), CATEGORIES, media, known)
    assert isinstance(result, Taken), result
    return result


def reasons(folder: Path, media: Path, known: frozenset[str] = frozenset()) -> str:
    """Why the only submission is refused; whatever is refused leaves nothing behind."""
    result = take_in(only(folder), CATEGORIES, media, known)
    assert isinstance(result, Refused), result
    assert PHONE not in repr(result)
    assert not media.exists() or not list(media.iterdir())
    return "\n".join(result.reasons)


# --- pairing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stem", "title", "author"),
    [
        (STEM, "沂河两岸", "王小样"),
        (f"泉城-夜-王小样-{PHONE}", "泉城-夜", "王小样"),
        (f"果园·日记-买买提·艾力-{PHONE}", "果园·日记", "买买提·艾力"),
        ("沂河两岸-王小样-138-1234-5678", "沂河两岸", "王小样"),
        ("沂河两岸-王小样-138-1234-5678-", "沂河两岸", "王小样"),
        ("沂河两岸-王小样-+86 138 1234 5678", "沂河两岸", "王小样"),
        ("沂河两岸-王小样-0539-8123456", "沂河两岸", "王小样"),
        ("2025-07-15的早晨-王小样-wx_abc", "2025-07-15的早晨", "王小样"),
        (f"沂河两岸－王小样－{PHONE}", "沂河两岸", "王小样"),
        (f"沂河——两岸—王小样—{PHONE}", "沂河——两岸", "王小样"),
        (f" 沂河两岸 - 王小样 - {PHONE} ", "沂河两岸", "王小样"),
        (f"{STEM}(1)", "沂河两岸", "王小样"),
        (f"{STEM} - 副本", "沂河两岸", "王小样"),
        (f"v1.0 沂河.两岸-王小样-{PHONE}", "v1.0 沂河.两岸", "王小样"),
    ],
)
def test_title_and_author_are_read_from_the_right(
    mailbox: Path, stem: str, title: str, author: str
) -> None:
    mail(mailbox, stem)
    submission = only(mailbox)
    assert (submission.title, submission.author) == (title, author)
    assert submission.flaws == ()
    assert "138" not in submission.name + repr(submission)


@pytest.mark.parametrize(
    "stem",
    [
        f"沂河两岸-{PHONE}-王小样",
        f"{PHONE}-沂河两岸-王小样",
        f"沂河两岸_王小样_{PHONE}",
        f"沂河两岸{PHONE}",
        PHONE,
        f"-{PHONE}",
        f"-王小样-{PHONE}",
        f"--{PHONE}",
    ],
)
def test_a_misplaced_number_is_refused_and_not_told(mailbox: Path, media: Path, stem: str) -> None:
    mail(mailbox, stem)
    submission = only(mailbox)
    assert "文件名要求“作品名称-作者姓名-联系方式”" in reasons(mailbox, media)
    told = submission.name + repr(submission)
    assert not any(digits in told for digits in (PHONE, "5678", "1234"))
    assert submission.name


def test_pairs_ignore_letter_case_unicode_form_and_bystanders(mailbox: Path, lying: Path) -> None:
    accented = "Café-王小样-wx"
    (mailbox / (unicodedata.normalize("NFC", accented) + ".DOCX")).write_bytes(b"form")
    (mailbox / (unicodedata.normalize("NFD", accented) + ".Mp4")).write_bytes(b"video")
    (mailbox / f"~${STEM}.docx").write_bytes(b"lock")
    (mailbox / f".{STEM}.docx").write_bytes(b"hidden")
    (mailbox / "说明.txt").write_text("hello")
    (mailbox / "旧邮件.mp4").mkdir()
    submission = only(mailbox)
    assert submission.title == "Café"
    assert submission.form is not None
    assert submission.video is not None


def test_submissions_are_in_order(mailbox: Path) -> None:
    for stem in ("乙-王小样-1", "甲-王小样-1", "丙-王小样-1"):
        (mailbox / f"{stem}.docx").touch()
        (mailbox / f"{stem}.mp4").touch()
    assert [submission.title for submission in submissions(mailbox)] == ["丙", "乙", "甲"]


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        submissions(tmp_path / "nowhere")


# --- taking in ----------------------------------------------------------------------------------


def test_a_submission_is_taken_in(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, video=lying)
    digest = hashlib.sha256(lying.read_bytes()).hexdigest()
    result = taken(mailbox, media)
    assert result == Taken(
        title="沂河两岸",
        author="王小样",
        unit="示例大学",
        instructor="李老师",
        city="临沂",
        category="live",
        introduction="沿着沂河走一天。",
        media=digest[:20],
        width=1920,
        height=1080,
        seconds=result.seconds,
        form_sha256=hashlib.sha256(official_form()).hexdigest(),
        video_sha256=digest,
        notes=(),
    )
    folder = media / result.media
    assert {path.name for path in folder.iterdir()} == MEDIA | {"original.mp4", "web.mp4"}
    assert (folder / "original.mp4").read_bytes() == lying.read_bytes()
    assert [path.name for path in media.iterdir()] == [result.media]


def test_taking_in_again_is_harmless(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, video=lying)
    first = taken(mailbox, media)
    before = {path: path.stat().st_mtime_ns for path in media.rglob("*")}
    assert taken(mailbox, media) == first
    assert {path: path.stat().st_mtime_ns for path in media.rglob("*")} == before


def test_a_phone_s_upright_video_is_taken_in_upright(
    mailbox: Path, media: Path, phone_upright: Path
) -> None:
    mail(mailbox, video=phone_upright)
    result = taken(mailbox, media)
    assert (result.width, result.height) == (1080, 1920)


def test_the_same_video_is_taken_in_once(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, video=lying)
    known = frozenset({hashlib.sha256(lying.read_bytes()).hexdigest()})
    assert "同一段视频已经收过" in reasons(mailbox, media, known)


def test_a_missing_partner_is_named(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox)
    assert "没有找到与报名表同名的视频" in reasons(mailbox, media)
    (mailbox / f"{STEM}.docx").unlink()
    shutil.copyfile(lying, mailbox / f"{STEM}.mp4")
    assert "没有找到与视频同名的报名表" in reasons(mailbox, media)


def test_other_kinds_of_files_are_named(mailbox: Path, media: Path) -> None:
    (mailbox / f"{STEM}.doc").touch()
    (mailbox / f"{STEM}.AVI").touch()
    told = reasons(mailbox, media)
    assert "报名表是 .doc 文件，要求 .docx" in told
    assert "视频是 AVI 文件，要求 MP4" in told


def test_a_scan_beside_the_form_does_no_harm(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, video=lying)
    (mailbox / f"{STEM}.pdf").touch()
    taken(mailbox, media)


def test_two_videos_of_one_name_are_refused(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, video=lying)
    (mailbox / f"{STEM}(1).mp4").write_bytes(b"another")
    assert "同名的视频不止一个" in reasons(mailbox, media)


def test_all_faults_are_told_at_once(mailbox: Path, media: Path, swift: Path) -> None:
    form = official_form(作品名称="", 作品简介="长" * 301, 推荐单位="大" * 101)
    mail(mailbox, f"-王小样-{PHONE}", video=swift, form=form)
    told = reasons(mailbox, media)
    assert "文件名里没有作品名称" in told
    assert "报名表没有填写作品名称" in told
    assert "作品简介 301 字，要求 300 字以内" in told
    assert "推荐单位有 101 字，最多 100 字" in told
    assert "分辨率 320×180，要求 1920×1080 或 1080×1920" in told


def test_three_hundred_characters_are_not_too_many(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, video=lying, form=official_form(作品简介="长\n" * 300))
    taken(mailbox, media)


def test_the_longest_length_is_the_category_s(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, video=lying, form=official_form(作品类型="AI创作"))
    tight = {"ai": Category("ai", "AI创作类", -1, ai=True)}
    result = take_in(only(mailbox), tight, media, frozenset())
    assert isinstance(result, Refused)
    assert result.reasons == ("时长 1 秒，AI创作类要求不超过 -1 秒",)
    tolerated = {"ai": Category("ai", "AI创作类", 1, ai=True)}
    assert isinstance(take_in(only(mailbox), tolerated, media, frozenset()), Taken)


def test_a_category_the_contest_lacks_is_refused(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, video=lying, form=official_form(作品类型="AI创作"))
    result = take_in(only(mailbox), {"live": CATEGORIES["live"]}, media, frozenset())
    assert result == Refused("沂河两岸-王小样", ("本次大赛没有报名表上勾选的作品类型",))


def test_broken_files_are_refused(mailbox: Path, media: Path) -> None:
    mail(mailbox, form=b"PK\x03\x04 broken")
    (mailbox / f"{STEM}.mp4").write_bytes(b"")
    told = reasons(mailbox, media)
    assert "报名表已损坏" in told
    assert "空文件" in told


# --- titles -------------------------------------------------------------------------------------


def test_a_title_that_no_file_name_can_hold_comes_from_the_form(
    mailbox: Path, media: Path, lying: Path
) -> None:
    title = "<b>沂河/两岸</b>: 夜"
    mail(mailbox, f"＜b＞沂河／两岸＜／b＞：夜-王小样-{PHONE}", video=lying)
    (mailbox / f"＜b＞沂河／两岸＜／b＞：夜-王小样-{PHONE}.docx").write_bytes(
        official_form(作品名称=title)
    )
    result = taken(mailbox, media)
    assert (result.title, result.notes) == (title, ())


def test_a_different_title_is_a_note(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, video=lying, form=official_form(作品名称="汶河两岸"))
    result = taken(mailbox, media)
    assert result.title == "汶河两岸"
    assert result.notes == ("报名表上的作品名称是“汶河两岸”，文件名是“沂河两岸”，已采用报名表的",)


@pytest.mark.parametrize(("title", "author"), [("泉城-夜", "Jean-Paul"), ("泉城", "夜-Jean-Paul")])
def test_the_form_tells_where_the_title_ends(
    mailbox: Path, media: Path, lying: Path, title: str, author: str
) -> None:
    mail(mailbox, f"泉城-夜-Jean-Paul-{PHONE}", video=lying, form=official_form(作品名称=title))
    result = taken(mailbox, media)
    assert (result.title, result.author, result.notes) == (title, author, ())


def test_a_title_taken_apart_is_no_author(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, "泉城-夜-王小样", video=lying, form=official_form(作品名称="泉城-夜"))
    assert "没有作者姓名" in reasons(mailbox, media)


def test_notes_for_the_reviewer(mailbox: Path, media: Path, upright: Path) -> None:
    form = official_form(作品时长="1分30秒", 作品简介=f"加微信 {PHONE}")
    mail(mailbox, video=upright, form=form)
    result = taken(mailbox, media)
    assert result.introduction == f"加微信 {HIDDEN}"
    assert result.notes == (
        "报名表写 90 秒，视频是 1 秒",
        "视频没有声音",
        "报名表的公开文字里有联系方式，已隐去",
    )


# --- whole or not at all ------------------------------------------------------------------------


def test_what_phones_may_not_play_leaves_nothing(
    mailbox: Path, media: Path, lying: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail(mailbox, video=lying)
    monkeypatch.setattr(rules, "unplayable", lambda video: "视频编码为 HEVC，需转码")
    assert reasons(mailbox, media) == "视频编码为 HEVC，需转码"


def test_a_full_disk_leaves_nothing_and_tells_no_name(
    mailbox: Path, media: Path, lying: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(source))

    mail(mailbox, video=lying)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left") as caught:
        take_in(only(mailbox), CATEGORIES, media, frozenset())
    assert caught.value.errno == errno.ENOSPC
    assert PHONE not in "".join(traceback.format_exception(caught.value))
    assert list(media.iterdir()) == []


def test_a_crash_leaves_nothing_that_looks_finished(
    mailbox: Path, media: Path, lying: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        assert all(path.name.startswith(".") for path in media.iterdir())
        raise KeyboardInterrupt

    mail(mailbox, video=lying)
    with monkeypatch.context() as patch:
        patch.setattr(rules, "make_web_copy", killed)
        with pytest.raises(KeyboardInterrupt):
            take_in(only(mailbox), CATEGORIES, media, frozenset())
    assert len(list((media / taken(mailbox, media).media).iterdir())) == 8


def test_two_who_take_in_the_same_video_both_succeed(
    mailbox: Path, media: Path, lying: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail(mailbox, video=lying)
    real = rules.make_web_copy

    def meanwhile(*args: object) -> None:
        monkeypatch.setattr(rules, "make_web_copy", real)
        taken(mailbox, media)
        real(*args)

    monkeypatch.setattr(rules, "make_web_copy", meanwhile)
    result = taken(mailbox, media)
    assert [path.name for path in media.iterdir()] == [result.media]


def test_a_file_that_cannot_be_read_is_refused(mailbox: Path, media: Path) -> None:
    mail(mailbox)
    submission = only(mailbox)
    gone = Submission("沂河两岸", "王小样", submission.form, mailbox / f"gone-{PHONE}.mp4")
    result = take_in(gone, CATEGORIES, media, frozenset())
    assert result == Refused("沂河两岸-王小样", ("文件读不出来，请检查磁盘和权限",))


# --- privacy ------------------------------------------------------------------------------------


def test_contact_details_are_found_nowhere_afterwards(
    mailbox: Path,
    media: Path,
    lying: Path,
    upright: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    mail(mailbox, f"沂河两岸-王小样-{PHONE}", video=lying)
    mail(mailbox, f"{PHONE}-王小样-沂河", video=upright)
    mail(mailbox, f"汶河-王小样-{PHONE}", form=b"PK broken")
    (mailbox / f"汶河-王小样-{PHONE}.mp4").write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + bytes(40))
    found = submissions(mailbox)
    results = [take_in(submission, CATEGORIES, media, frozenset()) for submission in found]
    assert [type(result) for result in results] == [Refused, Refused, Taken]
    told = repr(found) + repr(results) + caplog.text + "".join(capfd.readouterr())
    stored = list(media.rglob("*"))
    names = "\n".join(str(path.relative_to(media)) for path in stored)
    for private in (PHONE, ADDRESS, "沂蒙路"):
        assert private not in told + names
        for path in stored:
            assert path.is_dir() or private.encode() not in path.read_bytes()
