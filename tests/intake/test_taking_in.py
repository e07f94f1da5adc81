"""A mailbox's submissions, worked on in processes of their own: a verdict each, in order."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from forms import PHONE, official_form
from mails import NOTICE, SMALL, mail, quiet, verdicts, why
from videos import encode, turned
from works import an_entry

from voting import disk
from voting.contest import Category
from voting.intake import taking_in
from voting.intake.folder import open_folder
from voting.intake.taking_in import duration, process
from voting.intake.verdict import Doubtful, Refused, Taken, TakenBefore, Verdict

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
    given = process(found, notice, shelf / "media", (), quiet)
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
        given.extend(process(found, SMALL, media, (), tell))
    assert 1 <= len(given) < 3
    kept = {verdict.draft.media for verdict in given if isinstance(verdict, Taken)}
    there = {path.name for path in media.iterdir()}
    # Another worker may just have finished: its media are whole, and found done the next time.
    assert kept <= there
    assert not [name for name in there if name.startswith(".")]
    assert all((media / name / "web.mp4").exists() for name in there)


def test_a_caller_who_goes_away_ends_it_too(mailbox: Path, media: Path, shelf: Path) -> None:
    three(mailbox, shelf)
    given = process(open_folder(mailbox).submissions, SMALL, media, (), quiet)
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
    mailbox: Path, media: Path, swift: Path, lying: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "LEAVE", 1 << 60)
    mail(mailbox, f"不要-样例-{PHONE}", video=lying, form=official_form(作品名称="不要"))
    mail(mailbox, video=swift)
    given: list[Verdict] = []
    found = open_folder(mailbox).submissions
    with pytest.raises(OSError, match="No space left") as caught:
        given.extend(process(found, SMALL, media, (), quiet))
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
    before = time.time() - 2 * taking_in.LEFT_S
    os.utime(old, (before, before))
    taking_in.sweep(media)
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
    pace = taking_in._Pace(30, 20, 400.0, lambda _done, _total, words: told.append(words))
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
