"""A mailbox folder → submissions; a submission → taken in or refused, with reasons.

The notice asks for two files a submission, 作品名称-作者姓名-联系方式 as .docx and as .mp4. The
names carry a phone number, so they stay outside: results, messages and stored names are made of
the title, the author and the video's digest only.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from voting.contest import Category
from voting.intake.form import (
    HIDDEN,
    MAX_FORM_BYTES,
    Form,
    FormRefused,
    has_contact,
    line,
    read_form,
)
from voting.intake.video import (
    Video,
    VideoRefused,
    make_covers,
    make_web_copy,
    probe,
    unplayable,
)

#: What the notice asks for first, then what people send instead: better named than not found.
FORM_SUFFIXES: Final = (".docx", ".doc", ".docm", ".wps", ".pdf")
VIDEO_SUFFIXES: Final = (
    *(".mp4", ".mov", ".m4v", ".avi", ".mkv", ".wmv", ".flv", ".webm"),
    *(".mpg", ".mpeg", ".ts", ".3gp", ".rmvb"),
)
SIZES: Final = ((1920, 1080), (1080, 1920))
#: Encoders round up to whole frames and sound packets.
SECONDS_TOLERANCE: Final = 1.0
#: A form states whole seconds, and people round.
LENGTH_DIFFERENCE: Final = 2.0
MAX_INTRODUCTION: Final = 300
#: For the other texts: no real one comes near, and a page must not break.
MAX_TEXT: Final = 100

_NAMING: Final = "文件名要求“作品名称-作者姓名-联系方式”"
_DASH: Final = "-－–—"
#: A phone number may hold dashes of its own, so it isn't simply the part after the last one.
_PHONE_AT_END = re.compile(rf"[{_DASH}]\s*[+\d][\d\s()（）+{re.escape(_DASH)}]{{5,}}\d$")
#: What browsers, mail programs and Windows add to the name of a second download.
_COPY_MARK = re.compile(r"(\s*[（(]\d{1,2}[)）]|\s*-\s*副本)+$")


@dataclass(frozen=True, slots=True)
class Submission:
    """The files of one stem; title and author as the stem has them, '' where it hasn't.

    The paths carry a phone number and so stay out of the repr.
    """

    title: str
    author: str
    form: Path | None = field(repr=False)
    video: Path | None = field(repr=False)
    flaws: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the submission is called in reports; never holds contact details."""
        return "-".join(filter(None, (self.title, self.author))) or "（文件名里没有名称）"


@dataclass(frozen=True, slots=True)
class Taken:
    """All that an Entry needs besides number, state and time; `notes` are for the reviewer.

    `media` is the folder under the media root: original.mp4, web.mp4 and the covers.
    """

    title: str
    author: str
    unit: str
    instructor: str
    city: str
    category: str
    introduction: str
    media: str
    width: int
    height: int
    seconds: float
    form_sha256: str
    video_sha256: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a submission isn't taken in: whole sentences, what was found and what is asked."""

    name: str
    reasons: tuple[str, ...]


def submissions(folder: Path) -> tuple[Submission, ...]:
    """The submissions in `folder` (not below), by name. Raises OSError if it can't be listed."""
    stems: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        hidden = path.name.startswith((".", "~$"))
        known = path.suffix.lower() in FORM_SUFFIXES + VIDEO_SUFFIXES
        if known and not hidden and path.is_file():
            stem = _COPY_MARK.sub("", unicodedata.normalize("NFC", path.stem).strip())
            stems.setdefault(stem.rstrip(f" {_DASH}"), []).append(path)
    return tuple(_submission(stem, paths) for stem, paths in sorted(stems.items()))


def take_in(
    submission: Submission,
    categories: Mapping[str, Category],
    media_root: Path,
    known_videos: Set[str],
) -> Taken | Refused:
    """Check a submission against the notice and lay its media out under `media_root`.

    `known_videos` holds the SHA-256 of the videos of all entries; the caller adds each one taken
    in. Taking in the same submission again finds its media done. Raises OSError, without any
    file's name, when the disk doesn't play along.
    """
    reasons = list(submission.flaws)
    form = _tried(reasons, _read, submission.form)
    digest = _tried(reasons, _digest, submission.video, known_videos)
    video = _tried(reasons, probe, submission.video) if digest and submission.video else None
    title, author = _named(submission, form)
    if not author:
        reasons.append(f"文件名里没有作者姓名，{_NAMING}")
    if form:
        reasons += _form_faults(form, author)
    if video:
        reasons += _video_faults(video)
    if form and video:
        reasons += _length_faults(form, video, categories)
    if reasons or not (form and digest and video and submission.video):
        return Refused(submission.name, tuple(reasons))
    try:
        media = lay_out(submission.video, video, media_root / media_name(digest))
    except VideoRefused as refusal:
        return Refused(submission.name, (refusal.reason,))
    return Taken(
        title=form.title,
        author=author,
        unit=form.unit,
        instructor=form.instructor,
        city=form.city,
        category=form.category,
        introduction=form.introduction,
        media=media.name,
        width=video.width,
        height=video.height,
        seconds=video.seconds,
        form_sha256=form.sha256,
        video_sha256=digest,
        notes=tuple(_notes(form, video, title)),
    )


# --- names --------------------------------------------------------------------------------------


def _submission(stem: str, paths: Sequence[Path]) -> Submission:
    form, many_forms = _chosen(paths, FORM_SUFFIXES)
    video, many_videos = _chosen(paths, VIDEO_SUFFIXES)
    rest = _without_last(stem)
    cut = max(rest.rfind(dash) for dash in _DASH)
    title, author = line(rest[: max(cut, 0)]), line(rest[cut + 1 :])
    if not any(char.isalpha() for char in author):
        author = ""
    flaws = {
        f"文件名里写错了联系方式的位置，{_NAMING}": has_contact(rest),
        f"文件名里没有作品名称，{_NAMING}": not title,
        "同名的报名表不止一份，请只保留一份": many_forms,
        "同名的视频不止一个，请只保留一个": many_videos,
    }
    return Submission(title, author, form, video, tuple(f for f, found in flaws.items() if found))


def _without_last(stem: str) -> str:
    """The stem without its last part, the contact."""
    if phone := _PHONE_AT_END.search(stem):
        return stem[: phone.start()]
    cut = max(stem.rfind(dash) for dash in _DASH)
    if cut < 0 and not re.search(r"\d{5}|@", stem):
        return stem  # no parts, and no contact either: good enough to name it in a report
    return stem[: max(cut, 0)]


def _chosen(paths: Sequence[Path], suffixes: Sequence[str]) -> tuple[Path | None, bool]:
    """The file of the wanted (first) suffix, else any other; and whether the choice was open."""
    found = sorted(
        (path for path in paths if path.suffix.lower() in suffixes),
        key=lambda path: suffixes.index(path.suffix.lower()),
    )
    wanted = [path for path in found if path.suffix.lower() == suffixes[0]]
    return (found[0] if found else None), len(wanted) > 1


def _named(submission: Submission, form: Form | None) -> tuple[str, str]:
    """Title and author by the file name. The title on the form says which dash parts them when
    there are several: 泉城-夜-Jean-Paul is 泉城-夜 by Jean-Paul, or 泉城 by 夜-Jean-Paul."""
    whole = submission.name
    if form and submission.title and _bare(whole) == _bare(form.title):
        return whole, ""
    for dash in re.finditer(f"[{_DASH}]", whole):
        title, author = whole[: dash.start()], whole[dash.end() :]
        if form and author and _bare(title) and _bare(title) == _bare(form.title):
            return title.strip(), author.strip()
    return submission.title, submission.author


def _bare(text: str) -> str:
    """Letters and digits only, of one width: how titles compare."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text))).casefold()


# --- rules --------------------------------------------------------------------------------------

_Asked = ParamSpec("_Asked")
_Got = TypeVar("_Got")


def _tried(
    reasons: list[str], step: Callable[_Asked, _Got], *args: _Asked.args, **kwargs: _Asked.kwargs
) -> _Got | None:
    """The step's result, or None and its reason added, so that all faults are told at once."""
    try:
        return step(*args, **kwargs)
    except (FormRefused, VideoRefused) as refusal:
        reasons.append(refusal.reason)
    except OSError:
        reasons.append("文件读不出来，请检查磁盘和权限")
    return None


def _read(path: Path | None) -> Form:
    if path is None:
        raise FormRefused("没有找到与视频同名的报名表（.docx）")
    if path.suffix.lower() != FORM_SUFFIXES[0]:
        raise FormRefused(f"报名表是 {path.suffix.lower()} 文件，要求 .docx")
    with path.open("rb") as file:
        return read_form(file.read(MAX_FORM_BYTES + 1))


def _digest(path: Path | None, known_videos: Set[str]) -> str:
    """The SHA-256 of a video that is worth looking into."""
    if path is None:
        raise VideoRefused("没有找到与报名表同名的视频（.mp4）")
    if path.suffix.lower() != VIDEO_SUFFIXES[0]:
        raise VideoRefused(f"视频是 {path.suffix[1:].upper()} 文件，要求 MP4")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest in known_videos:
        raise VideoRefused("同一段视频已经收过，每段视频只收一次")
    return digest


def _form_faults(form: Form, author: str) -> Iterator[str]:
    if not form.title:
        yield "报名表没有填写作品名称"
    texts = {"作品名称": form.title, "作者姓名": author}
    texts |= {"推荐单位": form.unit, "指导教师": form.instructor}
    for label, text in texts.items():
        if len(text) > MAX_TEXT:
            yield f"{label}有 {len(text)} 字，最多 {MAX_TEXT} 字"
    words = len("".join(form.introduction.split()))
    if words > MAX_INTRODUCTION:
        yield f"作品简介 {words} 字，要求 {MAX_INTRODUCTION} 字以内"


def _video_faults(video: Video) -> Iterator[str]:
    if video.container != "mp4":
        yield f"视频是 {video.container.upper()} 格式，要求 MP4"
    if (video.width, video.height) not in SIZES:
        asked = " 或 ".join(f"{width}×{height}" for width, height in SIZES)
        yield f"分辨率 {video.width}×{video.height}，要求 {asked}"
    if reason := unplayable(video):
        yield reason


def _length_faults(form: Form, video: Video, categories: Mapping[str, Category]) -> Iterator[str]:
    category = categories.get(form.category)
    if category is None:
        yield "本次大赛没有报名表上勾选的作品类型"
    elif video.seconds > category.max_seconds + SECONDS_TOLERANCE:
        longest = category.max_seconds
        yield f"时长 {video.seconds:.0f} 秒，{category.name}要求不超过 {longest} 秒"


def _notes(form: Form, video: Video, title: str) -> Iterator[str]:
    if _bare(form.title) != _bare(title):
        yield f"报名表上的作品名称是“{form.title}”，文件名是“{title}”，已采用报名表的"
    if form.seconds is None:
        yield f"报名表上的时长看不懂，视频是 {video.seconds:.0f} 秒"
    elif abs(form.seconds - video.seconds) > LENGTH_DIFFERENCE:
        yield f"报名表写 {form.seconds} 秒，视频是 {video.seconds:.0f} 秒"
    if video.audio is None:
        yield "视频没有声音"
    if any(HIDDEN in text for text in (form.title, form.unit, form.instructor, form.introduction)):
        yield "报名表的公开文字里有联系方式，已隐去"


# --- media --------------------------------------------------------------------------------------


def media_name(digest: str) -> str:
    """The folder of a video's media, from its SHA-256 in hex."""
    return digest[:20]


def lay_out(source: Path, video: Video, folder: Path) -> Path:
    """Make `folder` with original.mp4, web.mp4 and the covers: whole, or not at all.

    Raises VideoRefused, or OSError without the source's name, for that carries a phone number.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as work:
                _fill(Path(work) / folder.name, source, video)
                _install(Path(work) / folder.name, folder)
        return folder
    except OSError as error:
        code = error.errno or 0
    raise OSError(code, os.strerror(code))


def _fill(folder: Path, source: Path, video: Video) -> None:
    folder.mkdir()
    original = folder / "original.mp4"
    shutil.copyfile(source, original)
    make_covers(original, video, folder)
    make_web_copy(original, video, folder / "web.mp4")


def _install(made: Path, folder: Path) -> None:
    for path in (*made.iterdir(), made):
        # The name must not outlive a power cut that the content doesn't.
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process has just taken in the same video
            raise
