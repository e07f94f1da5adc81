"""A submission → looked at against the notice, and judged beside the others.

Looking tells all faults at once. Judging compares a submission with the others, of this mailbox
and of the catalogue. Contact details stay outside: results, messages and stored names are made of
the title, the author and the video's digest only.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, TypeVar

from voting.contest import Entry, Notice
from voting.intake.copies import media_name
from voting.intake.docx_file import MAX_FORM_BYTES, FormRefused
from voting.intake.folder import DASH, FORM_SUFFIXES, VIDEO_SUFFIXES, Submission
from voting.intake.form import Form, read_form
from voting.intake.text import HIDDEN
from voting.intake.verdict import Doubtful, Draft, Finding, Refused, Remedy, Taken, TakenBefore
from voting.intake.video import Video, VideoRefused, probe, why_web_copy

#: Encoders round up to whole frames and sound packets.
SECONDS_TOLERANCE: Final = 1.0
#: A form states whole seconds, and people round.
LENGTH_DIFFERENCE: Final = 2.0
#: For the other texts: no real one comes near, and a page must not break.
MAX_TEXT: Final = 100
NOBODY: Final[Mapping[tuple[str, str], int]] = {}


@dataclass(frozen=True, slots=True)
class Looked:
    """A submission that the notice allows; nothing is made of it yet."""

    name: str
    draft: Draft
    video: Video
    doubts: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Taken | Doubtful:
        if self.doubts:
            return Doubtful(self.name, self.draft, self.doubts, self.notes)
        return Taken(self.name, self.draft, self.notes)


def look(
    submission: Submission,
    notice: Notice,
    known: Mapping[tuple[str, str], int] = NOBODY,
    tell: Callable[[str], None] = lambda _: None,
) -> Looked | Refused | TakenBefore:
    """Read both files and hold them against the notice.

    `known` gives the number of an entry by the SHA-256 of its form and of its video; `tell` hears
    which file is about to be opened, "form" or "video".
    """
    reasons = list(submission.flaws)
    data = _tried(reasons, Remedy.FORM_FILE, lambda: _form_s(submission.form))
    digest = _tried(reasons, Remedy.VIDEO_FILE, lambda: _digest(submission.video))
    if number := known.get((hashlib.sha256(data or b"").hexdigest(), digest or "")):
        return TakenBefore(submission.name, number)
    tell("form")
    form = _tried(reasons, Remedy.FORM_FILE, lambda: read_form(data)) if data is not None else None
    tell("video")
    source = submission.video
    video = _tried(reasons, Remedy.VIDEO_FILE, lambda: probe(source)) if digest and source else None
    title, author = _named(submission, form)
    if not (author or (form and form.author)):
        sentence = "文件名里没有作者姓名，文件名要求“作品名称-作者姓名-联系方式”"
        reasons.append(Finding(sentence, Remedy.NAMES))
    if form:
        reasons += _form_faults(form, author, notice)
    if video:
        reasons += _video_faults(video, notice)
    if form and video:
        reasons += _length_faults(form, video, notice)
    if reasons or not (form and form.category and digest and video):
        return Refused(submission.name, tuple(dict.fromkeys(reasons)))
    doubts = _doubts(submission, form, video, title, author)
    draft = _draft(form, video, form.author or author, digest)
    return Looked(submission.name, draft, video, tuple(doubts), tuple(_notes(form, video)))


def judge(
    looked: Looked, earlier: Sequence[Looked], known: Collection[Entry]
) -> Looked | Refused | TakenBefore:
    """Hold a submission against the `known` entries and those `earlier` in the same mailbox."""
    draft, rule = looked.draft, "每段视频只收一次"
    for entry in known:
        if _same_video(draft, entry):
            if draft.form_sha256 == entry.form_sha256:
                return TakenBefore(looked.name, entry.number)
            sentence = f"和已收的 {entry.label} 号作品是同一段视频，{rule}"
            return Refused(looked.name, (Finding(sentence, Remedy.SAME_VIDEO),))
    for other in earlier:
        if _same_video(draft, other.draft):
            sentence = f"和同一批里的“{other.name}”是同一段视频，{rule}"
            return Refused(looked.name, (Finding(sentence, Remedy.SAME_VIDEO),))
    twins = [f"已收的 {entry.label} 号作品" for entry in known if _same_work(draft, entry)]
    if any(_same_work(draft, other.draft) for other in earlier):
        twins.append("同一批里的另一件投稿")
    doubts = [
        Finding(
            f"{twin}也叫这个名称、也是这位作者，视频却不同：可能是改过后重投的", Remedy.WHICH_WORK
        )
        for twin in twins
    ]
    return replace(looked, doubts=(*looked.doubts, *doubts))


# --- names --------------------------------------------------------------------------------------


def _named(submission: Submission, form: Form | None) -> tuple[str, str]:
    """Title and author by the file name. The title on the form says which dash parts them when
    there are several: 泉城-夜-Jean-Paul is 泉城-夜 by Jean-Paul, or 泉城 by 夜-Jean-Paul."""
    whole = submission.name
    if form and submission.title and _bare(whole) == _bare(form.title):
        return whole, ""
    for dash in re.finditer(f"[{DASH}]", whole):
        title, author = whole[: dash.start()], whole[dash.end() :]
        if form and author and _bare(title) and _bare(title) == _bare(form.title):
            return title.strip(), author.strip()
    return submission.title, submission.author


def _bare(text: str) -> str:
    """Letters and digits only, of one width: how titles compare."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text))).casefold()


class _Known(Protocol):
    @property
    def title(self) -> str: ...
    @property
    def author(self) -> str: ...
    @property
    def video_sha256(self) -> str: ...
    @property
    def content_sha256(self) -> str: ...


def _same_video(one: Draft, other: _Known) -> bool:
    """The same file, or the same picture packets in another container."""
    content = one.content_sha256
    return one.video_sha256 == other.video_sha256 or content == other.content_sha256 != ""


def _same_work(one: Draft, other: _Known) -> bool:
    return bool(_bare(one.title)) and (_bare(one.title), _bare(one.author)) == (
        _bare(other.title),
        _bare(other.author),
    )


# --- rules --------------------------------------------------------------------------------------

_Got = TypeVar("_Got")


def _tried(reasons: list[Finding], remedy: Remedy, step: Callable[[], _Got]) -> _Got | None:
    """The step's result, or None and its reason added, so that all faults are told at once."""
    try:
        return step()
    except _Asked as asked:
        reasons.append(asked.finding)
    except (FormRefused, VideoRefused) as refusal:
        reasons.append(Finding(str(refusal), remedy))
    except OSError:
        reasons.append(Finding("文件读不出来，请检查磁盘和权限", Remedy.SEND_AGAIN))
    return None


class _Asked(Exception):  # noqa: N818 a refusal, not an error
    """A refusal with a remedy of its own."""

    def __init__(self, sentence: str, remedy: Remedy) -> None:
        super().__init__(sentence)
        self.finding = Finding(sentence, remedy)


def _form_s(path: Path | None) -> bytes:
    if path is None:
        raise _Asked("没有找到与视频同名的报名表（.docx）", Remedy.SEND_FORM)
    if path.suffix.lower() != FORM_SUFFIXES[0]:
        raise FormRefused(f"报名表是 {path.suffix.lower()} 文件，要求 .docx")
    with path.open("rb") as file:
        return file.read(MAX_FORM_BYTES + 1)


def _digest(path: Path | None) -> str:
    """The SHA-256 of a video that is worth looking into."""
    if path is None:
        raise _Asked("没有找到与报名表同名的视频（.mp4）", Remedy.SEND_VIDEO)
    if path.suffix.lower() != VIDEO_SUFFIXES[0]:
        raise _Asked(f"视频是 {path.suffix[1:].upper()} 文件，要求 MP4", Remedy.MP4)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _form_faults(form: Form, author: str, notice: Notice) -> Iterator[Finding]:
    if not form.title:
        yield Finding("报名表没有填写作品名称", Remedy.FORM)
    if form.unclear:
        yield Finding(form.unclear, Remedy.FORM)
    texts = {"作品名称": form.title, "作者姓名": form.author or author}
    texts |= {"推荐单位": form.unit, "指导教师": form.instructor}
    for label, text in texts.items():
        if len(text) > MAX_TEXT:
            yield Finding(f"{label}有 {len(text)} 字，最多 {MAX_TEXT} 字", Remedy.FORM)
    words, most = len("".join(form.introduction.split())), notice.introduction_chars
    if words > most:
        yield Finding(f"作品简介 {words} 字，要求 {most} 字以内", Remedy.FORM)


def _video_faults(video: Video, notice: Notice) -> Iterator[Finding]:
    if video.container != "mp4":
        yield Finding(f"视频是 {video.container.upper()} 格式，要求 MP4", Remedy.MP4)
    if (video.width, video.height) not in notice.sizes:
        asked = " 或 ".join(f"{width}×{height}" for width, height in notice.sizes)
        yield Finding(f"分辨率 {video.width}×{video.height}，要求 {asked}", Remedy.SIZE)


def _length_faults(form: Form, video: Video, notice: Notice) -> Iterator[Finding]:
    if form.category is None:
        return
    category = notice.categories.get(form.category)
    if category is None:
        yield Finding("本次大赛没有报名表上勾选的作品类型", Remedy.FORM)
    elif video.seconds > category.max_seconds + SECONDS_TOLERANCE:
        found, longest = _length(video.seconds), _length(category.max_seconds)
        yield Finding(f"时长 {found}，{category.name}要求不超过 {longest}", Remedy.LENGTH)


def _doubts(
    submission: Submission, form: Form, video: Video, title: str, author: str
) -> Iterator[Finding]:
    if submission.paired:
        sentence = "报名表和视频不同名，因为在同一个文件夹里，按一件收下"
        yield Finding(sentence, Remedy.NOTHING)
    if _bare(form.title) != _bare(title):
        sentence = f"报名表上的作品名称是“{form.title}”，文件名是“{title}”，已采用报名表的"
        yield Finding(sentence, Remedy.WHICH_TITLE)
    if form.author and author and _bare(form.author) != _bare(author):
        sentence = f"报名表上的作者是“{form.author}”，文件名是“{author}”，已采用报名表的"
        yield Finding(sentence, Remedy.WHICH_AUTHOR)
    if form.seconds is None:
        sentence = f"报名表上的时长看不懂，视频是 {_length(video.seconds)}"
        yield Finding(sentence, Remedy.WHICH_LENGTH)
    elif abs(form.seconds - video.seconds) > LENGTH_DIFFERENCE:
        sentence = f"报名表写 {_length(form.seconds)}，视频是 {_length(video.seconds)}"
        yield Finding(sentence, Remedy.WHICH_LENGTH)
    if video.audio is None:
        yield Finding("视频没有声音", Remedy.SILENT)
    if form.category == "live" and video.ai_mark:
        sentence = "报名表勾选“实景拍摄”，视频文件里却带有 AI 生成标识"
        yield Finding(sentence, Remedy.WHICH_CATEGORY)
    if any(HIDDEN in text for text in (form.title, form.unit, form.instructor, form.introduction)):
        yield Finding("报名表的公开文字里有联系方式，已隐去", Remedy.NOTHING)


def _notes(form: Form, video: Video) -> Iterator[str]:
    if why := why_web_copy(video):
        yield why
    if form.category == "ai" and video.ai_mark:
        yield "视频文件里带有 AI 生成标识"


def _length(seconds: float) -> str:
    """`8 秒`, `3 分钟`, `1 分 35 秒`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes and not rest:
        return f"{minutes} 分钟"
    words = (f"{minutes} 分" if minutes else "", f"{rest} 秒" if rest or not minutes else "")
    return " ".join(filter(None, words))


def _draft(form: Form, video: Video, author: str, digest: str) -> Draft:
    return Draft(
        title=form.title,
        author=author,
        unit=form.unit,
        instructor=form.instructor,
        city=form.city,
        category=form.category or "",
        introduction=form.introduction,
        media=media_name(digest),
        width=video.width,
        height=video.height,
        seconds=video.seconds,
        form_sha256=form.sha256,
        video_sha256=digest,
        content_sha256=video.content_sha256,
    )
