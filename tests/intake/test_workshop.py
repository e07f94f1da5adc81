"""What strangers send is worked on in processes of its own: verdicts for all, whatever one does."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from forms import PHONE, official_form
from mails import NOTICE, mail
from videos import encode, turned
from works import an_entry

from voting.contest import Category, Entry
from voting.intake import workshop
from voting.intake.folder import open_folder
from voting.intake.verdict import Doubtful, Refused, Taken, TakenBefore, Verdict
from voting.intake.workshop import Limits, WorkshopBroken, duration, process

#: The tests' machine may have a full disk.
LIMITS = Limits(reserve=0)
#: Where the pictures' size doesn't matter it is a small one.
SMALL = replace(NOTICE, sizes=((320, 180),))


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    return tmp_path / "收件箱 📮"


@pytest.fixture
def media(tmp_path: Path) -> Path:
    return tmp_path / "media"


def quiet(_done: int, _total: int, _sentence: str) -> None:
    pass


def verdicts(
    mailbox: Path,
    media: Path,
    known: Sequence[Entry] = (),
    limits: Limits = LIMITS,
    tell: Callable[[int, int, str], None] = quiet,
) -> dict[str, Verdict]:
    found = open_folder(mailbox).submissions
    given = {one.name: one for one in process(found, SMALL, media, known, tell, limits)}
    assert list(given) == [one.name for one in found]
    assert PHONE not in repr(given)
    assert not [path for path in media.iterdir() if path.name.startswith(".")]
    return given


def why(verdict: Verdict) -> str:
    assert isinstance(verdict, Refused), verdict
    return "；".join(reason.sentence for reason in verdict.reasons)


# --- every fault of the notice ------------------------------------------------------------------


@pytest.fixture(scope="session")
def faults(shelf: Path, lying: Path, swift: Path, upright: Path) -> Path:
    """A mailbox with a submission a fault."""
    folder = shelf / "faults"
    size = shelf / "size.mp4"
    long = encode(shelf / "long.mp4", size=(64, 36), audio=None, count=45)
    named: dict[str, tuple[Path | None, dict[str, str]]] = {
        "超清": (encode(size.with_name("4k.mp4"), size=(3840, 2160), audio=None, count=1), {}),
        "低清": (encode(size.with_name("720.mp4"), size=(1280, 720), count=2), {}),
        "老电视": (encode(size.with_name("43.mp4"), size=(1440, 1080), count=2), {}),
        "实景太长": (long, {}),
        "智能太长": (long, {"作品类型": "AI创作"}),
        "都勾": (swift, {"作品类型": "☑实景拍摄 ☑AI创作"}),
        "没勾": (swift, {"作品类型": "□实景拍摄 □AI创作"}),
        "没有题目": (swift, {"作品名称": ""}),
        "长篇大论": (swift, {"作品简介": "长" * 305}),
        "只有表格": (None, {}),
        "时长不符": (lying, {"作品时长": "1分35秒"}),
        "默片": (upright, {}),
    }
    for title, (video, changes) in named.items():
        form = official_form(**{"作品名称": title, **changes})
        mail(folder, f"{title}-样例-{PHONE}", video=video, form=form)
    for title, data in (
        ("空文件", b""),
        ("改名文本", b"hello " * 2000),
        ("传了一半", lying.read_bytes()[:9000]),
    ):
        mail(folder, f"{title}-样例-{PHONE}", form=official_form(作品名称=title))
        (folder / f"{title}-样例-{PHONE}.mp4").write_bytes(data)
    for title, suffix in (("旧相机", ".avi"), ("苹果手机", ".mov")):
        mail(folder, f"{title}-样例-{PHONE}", form=official_form(作品名称=title))
        shutil.copyfile(swift, folder / f"{title}-样例-{PHONE}{suffix}")
    mail(folder, f"坏掉的表-样例-{PHONE}", video=swift, form=official_form()[:4000])
    shutil.copyfile(swift, folder / f"只有视频-样例-{PHONE}.mp4")
    twice = encode(shelf / "twice.mp4", count=3)
    for title in ("第一次投", "换个名字再投"):
        form = official_form(作品名称=title)
        mail(folder, f"{title}-样例-{PHONE}", video=twice, form=form)
    markup = "<script>alert(1)</script>"
    phone = turned(encode(shelf / "held.mp4", count=2), shelf / "upright-by-flag.mp4")
    mail(folder, f"＜script＞alert(1)＜／script＞-样例-{PHONE}", video=phone,
         form=official_form(作品名称=markup))  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def faulty(faults: Path, shelf: Path) -> dict[str, Verdict]:
    """The verdicts, by title."""
    short = {key: replace(one, max_seconds=3) for key, one in NOTICE.categories.items()}
    notice = replace(NOTICE, categories=short | {"ai": Category("ai", "AI创作类", 2, ai=True)})
    found = open_folder(faults).submissions
    given = process(found, notice, shelf / "media", (), quiet, LIMITS)
    return {one.title: verdict for one, verdict in zip(found, given, strict=True)}


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("超清", "分辨率 3840×2160，要求 1920×1080 或 1080×1920"),
        ("低清", "分辨率 1280×720，要求 1920×1080 或 1080×1920"),
        ("老电视", "分辨率 1440×1080，要求 1920×1080 或 1080×1920"),
        ("智能太长", "AI创作类要求不超过 2 秒"),
        ("实景太长", "实景拍摄类要求不超过 3 秒"),
        ("旧相机", "视频是 AVI 文件，要求 MP4"),
        ("苹果手机", "视频是 MOV 文件，要求 MP4"),
        ("都勾", "两种作品类型都勾选了，要求在“实景拍摄”和“AI 创作”中勾选一项"),
        ("没勾", "没有勾选作品类型，要求在“实景拍摄”和“AI 创作”中勾选一项"),
        ("坏掉的表", "报名表已损坏，不是完整的 .docx 文件"),
        ("没有题目", "报名表没有填写作品名称"),
        ("长篇大论", "作品简介 305 字，要求 300 字以内"),
        ("空文件", "视频是空文件"),
        ("改名文本", "不是 MP4 视频文件"),
        ("传了一半", "视频文件不完整，可能没有传完"),
        ("只有视频", "没有找到与视频同名的报名表（.docx）"),
        ("只有表格", "没有找到与报名表同名的视频（.mp4）"),
        ("换个名字再投", "和同一批里的“第一次投-样例”是同一段视频，每段视频只收一次"),
    ],
)
def test_a_fault_is_refused_with_what_was_found_and_what_is_asked(
    faulty: dict[str, Verdict], title: str, said: str
) -> None:
    assert said in why(faulty[title])


@pytest.mark.parametrize(
    ("title", "said"),
    [("时长不符", "报名表写 1 分 35 秒，视频是 1 秒"), ("默片", "视频没有声音")],
)
def test_a_question_needs_a_person(faulty: dict[str, Verdict], title: str, said: str) -> None:
    verdict = faulty[title]
    assert isinstance(verdict, Doubtful)
    assert said in [doubt.sentence for doubt in verdict.doubts]


@pytest.mark.parametrize("title", ["第一次投", "＜script＞alert(1)＜／script＞"])
def test_what_the_notice_allows_is_taken_in(
    faulty: dict[str, Verdict], shelf: Path, title: str
) -> None:
    verdict = faulty[title]
    assert isinstance(verdict, Taken), verdict
    assert (shelf / "media" / verdict.draft.media / "web.mp4").exists()


def test_only_what_is_taken_in_has_media(faulty: dict[str, Verdict], shelf: Path) -> None:
    taken = {v.draft.media for v in faulty.values() if isinstance(v, Taken | Doubtful)}
    assert {path.name for path in (shelf / "media").iterdir()} == taken


# --- hostile files ------------------------------------------------------------------------------

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
    limits = Limits(resident=400 << 20, look_s=1.0, patience=4.0, reserve=0)
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
        (replace(LIMITS, make_s=0.0, make_per_s=0.0), "处理视频用时过长"),
        (replace(LIMITS, make_s=0.0, make_per_s=0.0, patience=float("inf")), ""),
    ],
)
def test_a_video_that_takes_for_ever_is_refused_and_leaves_nothing(
    mailbox: Path, media: Path, swift: Path, limits: Limits, said: str
) -> None:
    mail(mailbox, video=swift)
    if not said:
        limits = replace(limits, resident=1)
        said = "占用的内存过多"
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


# --- stopping, and again ------------------------------------------------------------------------


class Enough(Exception):  # noqa: N818 the plain word
    pass


def three(mailbox: Path, shelf: Path) -> None:
    for number, title in enumerate(("丙", "甲", "乙"), start=3):
        video = shelf / f"of-{number}.mp4"
        if not video.exists():
            encode(video, size=(320, 180), count=number)
        mail(mailbox, f"{title}-样例-{PHONE}", video=video, form=official_form(作品名称=title))


def test_stopped_it_gives_what_is_ready_and_leaves_nothing_half_done(
    mailbox: Path, media: Path, shelf: Path
) -> None:
    three(mailbox, shelf)

    def tell(done: int, _total: int, _sentence: str) -> None:
        if done:
            raise Enough

    given: list[Verdict] = []
    found = open_folder(mailbox).submissions
    with pytest.raises(Enough):
        given.extend(process(found, SMALL, media, (), tell, LIMITS))
    assert 1 <= len(given) < 3
    kept = {verdict.draft.media for verdict in given if isinstance(verdict, Taken)}
    there = {path.name for path in media.iterdir()}
    # Another worker may just have finished: its media are whole, and found done the next time.
    assert kept <= there
    assert not [name for name in there if name.startswith(".")]
    assert all((media / name / "web.mp4").exists() for name in there)


def test_a_caller_who_goes_away_ends_it_too(mailbox: Path, media: Path, shelf: Path) -> None:
    three(mailbox, shelf)
    given = process(open_folder(mailbox).submissions, SMALL, media, (), quiet, LIMITS)
    next(given)
    given.close()
    assert not [path for path in media.iterdir() if path.name.startswith(".")]


def test_what_was_taken_in_before_is_not_done_again(
    mailbox: Path, media: Path, swift: Path
) -> None:
    mail(mailbox, video=swift)
    (first,) = verdicts(mailbox, media).values()
    assert isinstance(first, Taken)
    digests = {name: getattr(first.draft, name) for name in ("form_sha256", "video_sha256")}
    shutil.rmtree(media)
    (again,) = verdicts(mailbox, media, [an_entry(9, **digests)]).values()
    assert again == TakenBefore("沂河两岸-王小样", 9)
    assert list(media.iterdir()) == []


def test_a_full_disk_stops_before_the_votes_meet_it(
    mailbox: Path, media: Path, swift: Path, lying: Path
) -> None:
    mail(mailbox, f"不要-样例-{PHONE}", video=lying, form=official_form(作品名称="不要"))
    mail(mailbox, video=swift)
    given: list[Verdict] = []
    found = open_folder(mailbox).submissions
    with pytest.raises(OSError, match="No space left") as caught:
        given.extend(process(found, SMALL, media, (), quiet, Limits(reserve=1 << 60)))
    assert caught.value.errno == errno.ENOSPC
    assert [type(verdict) for verdict in given] == [Refused]
    assert list(media.iterdir()) == []


@pytest.fixture
def held(media: Path) -> Iterator[Path]:
    """A folder that a run of somebody else's works in."""
    folder = media / ".intake-theirs"
    folder.mkdir(parents=True)
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    yield folder
    os.close(handle)


def test_leftovers_are_swept_and_what_others_work_on_is_not(media: Path, held: Path) -> None:
    old, fresh = media / f".{'a' * 20}-x", media / f".{'b' * 20}-x"
    dead = media / ".intake-dead"
    for folder in (old, fresh, dead, media / ("c" * 20)):
        folder.mkdir()
        (folder / "half.mp4").write_bytes(b"half")
    before = time.time() - 2 * workshop.LEFT_S
    os.utime(old, (before, before))
    workshop.sweep(media)
    assert {path.name for path in media.iterdir()} == {held.name, fresh.name, "c" * 20}


# --- progress -----------------------------------------------------------------------------------


def test_progress_counts_all_and_ends_with_all(mailbox: Path, media: Path, shelf: Path) -> None:
    three(mailbox, shelf)
    told: list[tuple[int, int, str]] = []

    def tell(*how: Any) -> None:
        told.append(how)

    verdicts(mailbox, media, tell=tell)
    assert told[0] == (0, 3, "正在检查 3 件投稿")
    assert told[-1] == (3, 3, "已完成 3/3")
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_the_time_left_goes_by_the_videos_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    pace = workshop._Pace(30, 20, 400.0, lambda _done, _total, words: told.append(words))
    pace.since = 100.0
    pace.say(0.0)
    monkeypatch.setattr(time, "monotonic", lambda: 120.0)
    pace.finished = 2
    pace.say(80.0)
    assert told == ["已完成 10/30", "已完成 12/30，约还需 1 分 20 秒"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 秒"), (20, "20 秒"), (84, "1 分 20 秒"), (1500, "25 分钟"), (7500, "2 小时 5 分")],
)
def test_a_duration_is_rounded_as_an_estimate_is(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_an_empty_mailbox_has_no_verdicts(mailbox: Path, media: Path) -> None:
    mailbox.mkdir()
    assert verdicts(mailbox, media) == {}
