"""A submission, from its files to what is published, and what must never be."""

from __future__ import annotations

import errno
import hashlib
import logging
import shutil
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from forms import ADDRESS, PHONE, official_form
from mails import NOTICE, STEM, mail
from videos import encode
from works import an_entry

from voting.contest import Category, Entry
from voting.intake import copies
from voting.intake.copies import lay_out
from voting.intake.folder import Submission, open_folder
from voting.intake.mailbox import Looked, judge, look
from voting.intake.text import HIDDEN
from voting.intake.verdict import (
    Doubtful,
    Draft,
    Finding,
    Refused,
    Remedy,
    Taken,
    TakenBefore,
    Verdict,
)
from voting.intake.video import Video


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    folder = tmp_path / "mailbox"
    folder.mkdir()
    return folder


def only(folder: Path) -> Submission:
    (submission,) = open_folder(folder).submissions
    return submission


def take_in(submission: Submission, media: Path, known: Sequence[Entry] = ()) -> Verdict:
    """What workshop.py does with one submission, here and now."""
    seen = look(submission, NOTICE)
    seen = judge(seen, (), known) if isinstance(seen, Looked) else seen
    if not isinstance(seen, Looked):
        return seen
    assert submission.video
    lay_out(submission.video, seen.video, media / seen.draft.media)
    return seen.verdict


def taken(folder: Path, media: Path) -> Taken:
    result = take_in(only(folder), media)
    assert isinstance(result, Taken), result
    return result


def allowed(folder: Path) -> Looked:
    """The only submission, which the notice allows; nothing is made of it."""
    seen = look(only(folder), NOTICE)
    assert isinstance(seen, Looked), seen
    return seen


def reasons(folder: Path, media: Path, known: Sequence[Entry] = ()) -> str:
    """Why the only submission is refused; whatever is refused leaves nothing behind."""
    result = take_in(only(folder), media, known)
    assert isinstance(result, Refused), result
    assert PHONE not in repr(result)
    assert not media.exists() or not list(media.iterdir())
    return "\n".join(reason.sentence for reason in result.reasons)


def looked(**fields: Any) -> Looked:
    """A submission that the notice allows; `fields` are its draft's."""
    entry = an_entry(1)
    draft = {name: getattr(entry, name) for name in Draft.__slots__}
    video = Video("mp4", "h264", "aac", 1920, 1080, 8.0, True, "yuv420p")
    return Looked("沂河两岸-王小样", Draft(**(draft | fields)), video)


# --- taking in ----------------------------------------------------------------------------------


def test_a_submission_is_taken_in(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, video=lying)
    digest = hashlib.sha256(lying.read_bytes()).hexdigest()
    result = taken(mailbox, media)
    assert result.notes == ()
    draft = result.draft
    assert draft == Draft(
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
        seconds=draft.seconds,
        form_sha256=hashlib.sha256(official_form()).hexdigest(),
        video_sha256=digest,
        content_sha256=draft.content_sha256,
    )
    assert len(draft.content_sha256) == 64
    folder = media / draft.media
    assert {"original.mp4", "web.mp4", "cover-480.webp"} <= {one.name for one in folder.iterdir()}
    assert (folder / "original.mp4").read_bytes() == lying.read_bytes()
    assert [path.name for path in media.iterdir()] == [draft.media]


def test_taking_in_again_is_harmless(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, video=lying)
    first = taken(mailbox, media)
    before = {path: path.stat().st_mtime_ns for path in media.rglob("*")}
    assert taken(mailbox, media) == first
    assert {path: path.stat().st_mtime_ns for path in media.rglob("*")} == before


def test_a_phone_s_upright_video_is_taken_in_upright(mailbox: Path, phone_upright: Path) -> None:
    mail(mailbox, video=phone_upright)
    seen = allowed(mailbox)
    assert (seen.draft.width, seen.draft.height) == (1080, 1920)


def test_what_phones_can_t_play_is_taken_in_with_a_note(mailbox: Path) -> None:
    mail(mailbox, video=Path(__file__).parent / "unplayable" / "hevc.mp4")
    found = look(only(mailbox), replace(NOTICE, sizes=((320, 180), (640, 360))))
    assert isinstance(found, Looked), found
    assert "HEVC" in found.notes[0]


def test_the_same_video_with_another_form_is_refused(
    mailbox: Path, media: Path, lying: Path
) -> None:
    mail(mailbox, video=lying)
    digest = hashlib.sha256(lying.read_bytes()).hexdigest()
    known = an_entry(7, video_sha256=digest)
    said = "和已收的 007 号作品是同一段视频，每段视频只收一次"
    assert reasons(mailbox, media, [known]) == said


def test_the_same_form_and_video_were_taken_in_before(mailbox: Path, lying: Path) -> None:
    mail(mailbox, video=lying)
    files = official_form(), lying.read_bytes()
    form, video = (hashlib.sha256(data).hexdigest() for data in files)
    before = TakenBefore("沂河两岸-王小样", 7)
    opened: list[str] = []
    assert look(only(mailbox), NOTICE, {(form, video): 7}, opened.append) == before
    assert opened == []  # nothing is done again
    assert judge(looked(form_sha256=form, video_sha256=video), (), [
        an_entry(7, form_sha256=form, video_sha256=video)
    ]) == before  # fmt: skip


def test_the_same_pictures_in_another_file_are_the_same_video() -> None:
    first, second = looked(content_sha256="c"), looked(content_sha256="c", video_sha256="v")
    refused = judge(second, [first], ())
    assert isinstance(refused, Refused)
    assert refused.reasons[0].sentence.startswith("和同一批里的“沂河两岸-王小样”是同一段视频")
    assert isinstance(judge(second, (), [an_entry(2, content_sha256="c")]), Refused)


def test_nothing_known_of_the_pictures_makes_no_two_videos_the_same() -> None:
    one = looked(content_sha256="", video_sha256="v", title="另一件")
    assert judge(one, [looked(content_sha256="")], [an_entry(2)]) == one


def test_the_same_title_and_author_with_another_video_is_a_doubt() -> None:
    first, second = (
        looked(),
        looked(video_sha256="v", content_sha256="c", title="一件事·一次办的早晨"),
    )
    for earlier, known, where in (
        ((first,), (), "同一批里的另一件投稿"),
        ((), (an_entry(1),), "已收的 001 号作品"),
    ):
        judged = judge(second, earlier, known)
        assert isinstance(judged, Looked)
        (doubt,) = judged.doubts
        assert doubt == Finding(
            f"{where}也叫这个名称、也是这位作者，视频却不同：可能是改过后重投的", Remedy.WHICH_WORK
        )


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


def test_a_scan_beside_the_form_does_no_harm(mailbox: Path, lying: Path) -> None:
    mail(mailbox, video=lying)
    (mailbox / f"{STEM}.pdf").touch()
    assert isinstance(allowed(mailbox).verdict, Taken)


def test_a_pair_of_different_names_is_a_doubt(mailbox: Path, lying: Path) -> None:
    folder = mailbox / "邮件"
    folder.mkdir()
    mail(folder, video=lying)
    (folder / f"{STEM}.docx").rename(folder / "报名表.docx")
    assert "不同名" in allowed(mailbox).doubts[0].sentence


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


def test_three_hundred_characters_are_not_too_many(mailbox: Path, lying: Path) -> None:
    mail(mailbox, video=lying, form=official_form(作品简介="长\n" * 300))
    assert isinstance(allowed(mailbox).verdict, Taken)


def test_the_longest_length_is_the_category_s(mailbox: Path, lying: Path) -> None:
    mail(mailbox, video=lying, form=official_form(作品类型="AI创作"))
    tight = replace(NOTICE, categories={"ai": Category("ai", "AI创作类", -1, ai=True)})
    result = look(only(mailbox), tight)
    assert isinstance(result, Refused)
    assert result.reasons[0].sentence.startswith("时长 1 秒，AI创作类要求不超过 ")
    tolerated = replace(NOTICE, categories={"ai": Category("ai", "AI创作类", 1, ai=True)})
    assert isinstance(look(only(mailbox), tolerated), Looked)


def test_a_category_the_contest_lacks_is_refused(mailbox: Path, lying: Path) -> None:
    mail(mailbox, video=lying, form=official_form(作品类型="AI创作"))
    live = replace(NOTICE, categories={"live": NOTICE.categories["live"]})
    result = look(only(mailbox), live)
    said = Finding("本次大赛没有报名表上勾选的作品类型", Remedy.FORM)
    assert result == Refused("沂河两岸-王小样", (said,))


def test_broken_files_are_refused(mailbox: Path, media: Path) -> None:
    mail(mailbox, form=b"PK\x03\x04 broken")
    (mailbox / f"{STEM}.mp4").write_bytes(b"")
    told = reasons(mailbox, media)
    assert "报名表已损坏" in told
    assert "空文件" in told


# --- titles -------------------------------------------------------------------------------------


def test_a_title_that_no_file_name_can_hold_comes_from_the_form(mailbox: Path, lying: Path) -> None:
    title = "<b>沂河/两岸</b>: 夜"
    mail(mailbox, f"＜b＞沂河／两岸＜／b＞：夜-王小样-{PHONE}", video=lying)
    (mailbox / f"＜b＞沂河／两岸＜／b＞：夜-王小样-{PHONE}.docx").write_bytes(
        official_form(作品名称=title)
    )
    assert isinstance(allowed(mailbox).verdict, Taken)
    assert allowed(mailbox).draft.title == title


def test_a_different_title_is_a_doubt(mailbox: Path, lying: Path) -> None:
    mail(mailbox, video=lying, form=official_form(作品名称="汶河两岸"))
    result = allowed(mailbox)
    assert isinstance(result.verdict, Doubtful)
    assert result.draft.title == "汶河两岸"
    assert [doubt.sentence for doubt in result.doubts] == [
        "报名表上的作品名称是“汶河两岸”，文件名是“沂河两岸”，已采用报名表的"
    ]


@pytest.mark.parametrize(("title", "author"), [("泉城-夜", "Jean-Paul"), ("泉城", "夜-Jean-Paul")])
def test_the_form_tells_where_the_title_ends(
    mailbox: Path, lying: Path, title: str, author: str
) -> None:
    mail(mailbox, f"泉城-夜-Jean-Paul-{PHONE}", video=lying, form=official_form(作品名称=title))
    result = allowed(mailbox).verdict
    assert isinstance(result, Taken)
    assert (result.draft.title, result.draft.author) == (title, author)


def test_a_title_taken_apart_is_no_author(mailbox: Path, media: Path, lying: Path) -> None:
    mail(mailbox, "泉城-夜-王小样", video=lying, form=official_form(作品名称="泉城-夜"))
    assert "没有作者姓名" in reasons(mailbox, media)


def test_what_needs_a_person(mailbox: Path, upright: Path) -> None:
    form = official_form(作品时长="1分30秒", 作品简介=f"加微信 {PHONE}")
    mail(mailbox, video=upright, form=form)
    result = allowed(mailbox).verdict
    assert isinstance(result, Doubtful)
    assert result.draft.introduction == f"加微信 {HIDDEN}"
    assert [doubt.sentence for doubt in result.doubts] == [
        "报名表写 1 分 30 秒，视频是 1 秒",
        "视频没有声音",
        "报名表的公开文字里有联系方式，已隐去",
    ]


def test_an_unreadable_length_is_a_doubt(mailbox: Path, lying: Path) -> None:
    mail(mailbox, video=lying, form=official_form(作品时长="四分钟"))
    seen = allowed(mailbox)
    assert [doubt.sentence for doubt in seen.doubts] == ["报名表上的时长看不懂，视频是 1 秒"]


@pytest.mark.parametrize(("category", "doubts", "notes"), [("实景拍摄", 1, 0), ("AI创作", 0, 1)])
def test_a_mark_of_ai_is_a_doubt_for_live_action(
    mailbox: Path, shelf: Path, category: str, doubts: int, notes: int
) -> None:
    marked = shelf / "marked.mp4"
    if not marked.exists():
        encode(marked, metadata={"AIGC": '{"Label": "1"}'})
    mail(mailbox, video=marked, form=official_form(作品类型=category))
    seen = allowed(mailbox)
    assert (len(seen.doubts), len(seen.notes)) == (doubts, notes)
    assert "AI 生成标识" in (*(doubt.sentence for doubt in seen.doubts), *seen.notes)[0]


def test_a_refusal_needs_a_reason_and_a_doubtful_one_a_doubt() -> None:
    with pytest.raises(ValueError, match="reason"):
        Refused("名称", ())
    with pytest.raises(ValueError, match="doubt"):
        Doubtful("名称", looked().draft, ())


# --- whole or not at all ------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing_and_tells_no_name(
    mailbox: Path, media: Path, lying: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(source))

    mail(mailbox, video=lying)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left") as caught:
        take_in(only(mailbox), media)
    assert caught.value.errno == errno.ENOSPC
    assert PHONE not in "".join(traceback.format_exception(caught.value))
    assert list(media.iterdir()) == []


def test_a_crash_leaves_nothing_that_looks_finished(
    mailbox: Path, media: Path, lying: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        assert all(path.name.startswith(".") for path in media.iterdir())
        raise KeyboardInterrupt

    mail(mailbox, video=lying)
    with monkeypatch.context() as patch:
        patch.setattr(copies, "make_media", killed)
        with pytest.raises(KeyboardInterrupt):
            take_in(only(mailbox), media)
    assert (media / taken(mailbox, media).draft.media / "web.mp4").exists()


def test_two_who_take_in_the_same_video_both_succeed(
    mailbox: Path, media: Path, lying: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail(mailbox, video=lying)
    real = copies.make_media

    def meanwhile(*args: Any, **words: Any) -> None:
        monkeypatch.setattr(copies, "make_media", real)
        taken(mailbox, media)
        real(*args, **words)

    monkeypatch.setattr(copies, "make_media", meanwhile)
    result = taken(mailbox, media)
    assert [path.name for path in media.iterdir()] == [result.draft.media]


def test_a_file_that_cannot_be_read_is_refused(mailbox: Path, media: Path) -> None:
    mail(mailbox)
    submission = only(mailbox)
    gone = Submission("沂河两岸", "王小样", submission.form, mailbox / f"gone-{PHONE}.mp4")
    said = Finding("文件读不出来，请检查磁盘和权限", Remedy.SEND_AGAIN)
    assert take_in(gone, media) == Refused("沂河两岸-王小样", (said,))


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
    found = open_folder(mailbox).submissions
    results = [take_in(submission, media) for submission in found]
    assert sorted(type(result).__name__ for result in results) == ["Refused", "Refused", "Taken"]
    told = repr(found) + repr(results) + caplog.text + "".join(capfd.readouterr())
    stored = list(media.rglob("*"))
    names = "\n".join(str(path.relative_to(media)) for path in stored)
    for private in (PHONE, ADDRESS, "沂蒙路"):
        assert private not in told + names
        for path in stored:
            assert path.is_dir() or private.encode() not in path.read_bytes()
