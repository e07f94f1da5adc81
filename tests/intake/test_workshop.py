"""What strangers send is opened in processes of its own: whatever a file does, the rest goes on."""

from __future__ import annotations

import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from forms import PHONE, official_form
from mails import SMALL, mail, quiet, verdicts, why

from voting.intake import workshop
from voting.intake.folder import open_folder
from voting.intake.taking_in import process
from voting.intake.verdict import Doubtful, Taken, Verdict
from voting.intake.workshop import Limits, WorkshopBroken

#: The workbench as it is, but for those who look at a file of a certain title.
MISBEHAVING = """
import ctypes, os, sys, time
import voting.intake.workbench as bench
real = bench.look
def look(submission, *rest):
    if submission.title == "崩溃":
        os.kill(os.getpid(), 11)
    elif submission.title == "空转":
        while True: pass
    elif submission.title == "装睡":
        time.sleep(600)
    elif submission.title == "贪吃":
        eaten = []
        while True: eaten.append(bytearray(os.urandom(1 << 16)) * 160)
    elif submission.title == "贪婪":
        ctypes.create_string_buffer(1 << 45)
    elif submission.title == "胡说":
        rest[2]("x" * (2 << 20))
    elif submission.title == "出错":
        raise RecursionError("a bug of a library's")
    return real(submission, *rest)
bench.look = look
bench.main()
"""


@pytest.fixture(scope="session")
def survived(shelf: Path, swift: Path) -> dict[str, Verdict]:
    """Verdicts of a mailbox in which all but the last take a process down, by title."""
    folder = shelf / "hostile"
    for title in ("崩溃", "空转", "装睡", "贪吃", "贪婪", "胡说", "出错", "老实"):
        form = official_form(作品名称=title)
        mail(folder, f"{title}-样例-{PHONE}", video=swift, form=form)
    patch = pytest.MonkeyPatch()
    patch.setattr(workshop, "COMMAND", (sys.executable, "-c", MISBEHAVING))
    limits = Limits(resident=400 << 20, look_s=1.0, patience=4.0)
    try:
        found = open_folder(folder).submissions
        given = process(found, SMALL, shelf / "survived", (), quiet, limits)
        return {one.title: verdict for one, verdict in zip(found, given, strict=True)}
    finally:
        patch.undo()


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("崩溃", "这件投稿无法处理，文件可能已损坏"),
        ("空转", "处理这件投稿用时过长，已经停止；正常的文件不会这样"),
        ("装睡", "处理这件投稿用时过长，已经停止；正常的文件不会这样"),
        ("贪吃", "处理这件投稿占用的内存过多，已经停止；正常的文件不会这样"),
        ("贪婪", "处理这件投稿占用的内存过多，已经停止；正常的文件不会这样"),
        ("胡说", "这件投稿无法处理，文件可能已损坏"),
        ("出错", "这件投稿无法处理，文件可能已损坏"),
    ],
)
def test_what_takes_its_process_down_is_refused(
    survived: dict[str, Verdict], title: str, said: str
) -> None:
    assert why(survived[title]) == said


def test_the_rest_is_taken_in(survived: dict[str, Verdict]) -> None:
    assert isinstance(survived["老实"], Taken)


def hostile_form(name: str) -> bytes:
    if name == "zip":
        buffer = BytesIO(official_form())
        with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as package:
            package.writestr("word/media/bomb.png", bytes(70 << 20))
        return buffer.getvalue()
    if name == "path":
        return official_form(作品名称="../../../etc/passwd")
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    buffer = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(official_form())) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for part in old.namelist():
            data = old.read(part)
            new.writestr(part, data.replace(b"<w:document", bomb + b"<w:document"))
    return buffer.getvalue()


def test_bombs_are_refused_and_a_path_in_a_title_is_only_a_title(
    mailbox: Path, media: Path, swift: Path
) -> None:
    for title in ("zip", "xml", "path"):
        mail(mailbox, f"{title}-样例-{PHONE}", video=swift, form=hostile_form(title))
    given = verdicts(mailbox, media)
    assert why(given["zip-样例"]) == "报名表解压后过大，不是正常的 Word 文档"
    assert why(given["xml-样例"]) == "报名表已损坏，不是完整的 .docx 文件"
    path = given["path-样例"]
    assert isinstance(path, Doubtful)
    assert path.draft.title == "../../../etc/passwd"
    assert [folder.name for folder in media.iterdir()] == [path.draft.media]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(make_s=0.0, make_per_s=0.0), "处理视频用时过长"),
        (Limits(make_s=0.0, make_per_s=0.0, patience=float("inf"), resident=1), "占用的内存过多"),
    ],
)
def test_a_video_that_takes_for_ever_is_refused_and_leaves_nothing(
    mailbox: Path, media: Path, swift: Path, limits: Limits, said: str
) -> None:
    mail(mailbox, video=swift)
    (verdict,) = verdicts(mailbox, media, limits=limits).values()
    assert said in why(verdict)
    assert list(media.iterdir()) == []


def test_a_machine_on_which_no_process_starts_says_so(
    mailbox: Path, media: Path, swift: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail(mailbox, video=swift)
    monkeypatch.setattr(workshop, "COMMAND", (sys.executable, "-c", "raise SystemExit(1)"))
    with pytest.raises(WorkshopBroken):
        verdicts(mailbox, media)
    assert list(media.iterdir()) == []


def test_the_process_knows_no_secrets(
    mailbox: Path, media: Path, swift: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNING_KEY", "secret")
    monkeypatch.setattr(workshop, "COMMAND", (
        sys.executable, "-c", "import os\nassert 'SIGNING_KEY' not in os.environ\n"
        "from voting.intake.workbench import main; main()",
    ))  # fmt: skip
    mail(mailbox, video=swift)
    assert isinstance(verdicts(mailbox, media)["沂河两岸-王小样"], Taken)
