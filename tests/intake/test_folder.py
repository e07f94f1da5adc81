"""A mailbox folder: what belongs together, what it is called, and what is left alone."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from forms import PHONE

from voting.intake import folder as rules
from voting.intake.folder import FolderRefused, Found, Submission, open_folder, open_forms

STEM = f"沂河两岸-王小样-{PHONE}"


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    folder = tmp_path / "收件箱 📮"
    folder.mkdir()
    return folder


def put(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def mail(folder: Path, stem: str = STEM) -> None:
    put(folder, f"{stem}.docx", f"{stem}.mp4")


def only(folder: Path) -> Submission:
    (submission,) = open_folder(folder).submissions
    return submission


def told(found: Found) -> str:
    return repr(found) + "".join(one.name for one in found.submissions)


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
def test_a_misplaced_number_is_a_flaw_and_not_told(mailbox: Path, stem: str) -> None:
    mail(mailbox, stem)
    found = open_folder(mailbox)
    flaws = only(mailbox).flaws
    assert not flaws or "文件名要求“作品名称-作者姓名-联系方式”" in flaws[0].sentence
    assert flaws or not only(mailbox).author
    assert not any(digits in told(found) for digits in (PHONE, "5678", "1234"))
    assert only(mailbox).name


def test_pairs_ignore_letter_case_unicode_form_and_bystanders(mailbox: Path) -> None:
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


def test_submissions_come_as_file_managers_in_china_list_them(mailbox: Path) -> None:
    for stem in ("乙-王小样-1", "A-王小样-1", "甲-王小样-1", "丙-王小样-1", "3-王小样-1"):
        mail(mailbox, stem)
    titles = [submission.title for submission in open_folder(mailbox).submissions]
    assert titles == ["3", "A", "丙", "甲", "乙"]


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_folder(tmp_path / "nowhere")


def test_an_empty_folder_holds_nothing(mailbox: Path) -> None:
    assert open_folder(mailbox) == Found((), ())


# --- folders in it ------------------------------------------------------------------------------


def test_folders_are_looked_into_and_pairs_are_made_in_each(mailbox: Path) -> None:
    mail(mailbox / "7月3日" / "邮件 1")
    mail(mailbox / "7月3日" / "邮件 2", f"汶河两岸-王小样-{PHONE}")
    put(mailbox / "甲", f"{STEM}甲.docx")
    put(mailbox / "乙", f"{STEM}甲.mp4")
    found = open_folder(mailbox).submissions
    assert len(found) == 4
    assert sorted(bool(one.form and one.video) for one in found) == [False, False, True, True]


def test_the_only_form_and_video_of_a_mail_s_folder_belong_together(mailbox: Path) -> None:
    put(mailbox / "邮件", "报名表.docx", f"{STEM}.mp4")
    submission = only(mailbox)
    assert (submission.title, submission.author) == ("沂河两岸", "王小样")
    assert submission.form is not None
    assert submission.paired
    assert submission.flaws == ()


def test_two_of_different_names_in_the_mailbox_itself_do_not(mailbox: Path) -> None:
    put(mailbox, "报名表.docx", f"{STEM}.mp4")
    assert len(open_folder(mailbox).submissions) == 2


def test_what_is_neither_form_nor_video_is_named_and_left_alone(mailbox: Path) -> None:
    mail(mailbox)
    put(mailbox, "照片.jpg", f"{STEM}.zip", "说明.txt", "微信图片_20250715123456.png", ".DS_Store")
    put(mailbox / "__MACOSX", f"._{STEM}.mp4")
    found = open_folder(mailbox)
    assert found.ignored == (
        "微信图片_….png（不是报名表，也不是视频）",
        "沂河两岸-王小样.zip（压缩包，请先解压）",
        "照片.jpg（不是报名表，也不是视频）",
        "说明.txt（不是报名表，也不是视频）",
    )
    assert len(found.submissions) == 1


def test_links_are_not_followed(mailbox: Path, tmp_path: Path) -> None:
    mail(tmp_path / "elsewhere")
    (mailbox / "那边").symlink_to(tmp_path / "elsewhere")
    (mailbox / f"{STEM}.docx").symlink_to(tmp_path / "elsewhere" / f"{STEM}.docx")
    (mailbox / "圈").symlink_to(mailbox)
    found = open_folder(mailbox)
    assert found.submissions == ()
    assert len(found.ignored) == 3
    assert all("是链接" in one for one in found.ignored)
    assert PHONE not in told(found)


def test_folders_too_deep_are_named(mailbox: Path) -> None:
    mail(mailbox / "1" / "2" / "3" / "4")
    assert open_folder(mailbox) == Found((), ("4（文件夹层数太深，没有读取）",))


def test_a_folder_of_too_many_files_is_none(mailbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_FILES", 3)
    put(mailbox, *"abcd")
    with pytest.raises(FolderRefused) as caught:
        open_folder(mailbox)
    assert str(caught.value) == "文件夹里的文件超过 3 个，请确认选对了文件夹"


def test_names_of_odd_bytes_and_emoji_are_no_trouble(mailbox: Path) -> None:
    odd = os.fsencode(mailbox) + f"/🎬沂河\n两岸-王小样-{PHONE}".encode() + b"\xff"
    for suffix in (b".docx", b".mp4"):
        Path(os.fsdecode(odd + suffix)).touch()
    submission = only(mailbox)
    assert (submission.title, submission.author) == ("🎬沂河 两岸", "王小样")
    submission.name.encode()


def test_all_forms_are_found_whatever_they_are_called(mailbox: Path) -> None:
    put(mailbox, f"{STEM}.docx", f"{STEM}(1).DOCX", f"{STEM}.pdf", f"{STEM}.mp4")
    put(mailbox / "邮件", "报名表.docx")
    assert len(list(open_forms(mailbox))) == 3
