"""A mailbox folder → submissions, by the names of their files.

The notice asks for two files a submission, 作品名称-作者姓名-联系方式 as .docx and as .mp4. The
names carry a phone number, so they stay outside: whatever is told is made of title and author.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from voting.intake.text import has_contact, line
from voting.intake.verdict import Finding, Remedy

#: What the notice asks for first, then what people send instead: better named than not found.
FORM_SUFFIXES: Final = (".docx", ".doc", ".docm", ".wps", ".pdf")
VIDEO_SUFFIXES: Final = (
    *(".mp4", ".mov", ".m4v", ".avi", ".mkv", ".wmv", ".flv", ".webm"),
    *(".mpg", ".mpeg", ".ts", ".3gp", ".rmvb"),
)
ARCHIVES: Final = (".zip", ".rar", ".7z", ".tar", ".gz")
#: People save one folder a mail, and a batch a day; deeper lies what isn't a mailbox.
DEPTH: Final = 3
MOST_FILES: Final = 10_000

_NAMING: Final = "文件名要求“作品名称-作者姓名-联系方式”"
DASH: Final = "-－–—"
#: A phone number may hold dashes of its own, so it isn't simply the part after the last one.
_PHONE_AT_END = re.compile(rf"[{DASH}]\s*[+\d][\d\s()（）+{re.escape(DASH)}]{{5,}}\d$")
#: What browsers, mail programs and Windows add to the name of a second download.
_COPY_MARK = re.compile(r"(\s*[（(]\d{1,2}[)）]|\s*-\s*副本)+$")
_UNTOLD: Final = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


class FolderRefused(Exception):  # noqa: N818 a refusal, not an error
    """The folder is no mailbox; the text is a plain Chinese sentence."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The files of one stem; title and author as the stem has them, '' where it hasn't.

    `paired`: the files have different names, but are the only two of their folder. The paths
    carry a phone number and so stay out of the repr.
    """

    title: str
    author: str
    form: Path | None = field(repr=False)
    video: Path | None = field(repr=False)
    flaws: tuple[Finding, ...] = ()
    paired: bool = False

    @property
    def name(self) -> str:
        """What the submission is called in reports; never holds contact details."""
        return "-".join(filter(None, (self.title, self.author))) or "（文件名里没有名称）"


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in a mailbox folder; `ignored` names what is neither form nor video, and why."""

    submissions: tuple[Submission, ...]
    ignored: tuple[str, ...]


def open_folder(folder: Path) -> Found:
    """The submissions in `folder` and the folders in it, by name; links are not followed.

    Raises FolderRefused, or OSError if the folder can't be listed.
    """
    ignored: list[str] = []
    submissions: list[Submission] = []
    for depth, files in _places(folder, ignored):
        stems: dict[str, list[Path]] = {}
        for path in files:
            stem = _COPY_MARK.sub("", unicodedata.normalize("NFC", path.stem).strip())
            stems.setdefault(stem.rstrip(f" {DASH}"), []).append(path)
        found = [_submission(stem, paths) for stem, paths in sorted(stems.items())]
        submissions += _paired(found) if depth else found
    submissions.sort(key=lambda one: (_listed(one.title), _listed(one.author)))
    return Found(tuple(submissions), tuple(sorted(ignored)))


def open_forms(folder: Path) -> Iterator[Path]:
    """Every form that intake could have read, whatever its name. Raises as `open_folder` does."""
    for _, files in _places(folder, []):
        yield from (path for path in files if path.suffix.lower() == FORM_SUFFIXES[0])


def _listed(text: str) -> bytes:
    """As file managers in China list names: GB 18030 has the common characters by their sound."""
    return text.encode("gb18030", "replace")


def _places(folder: Path, ignored: list[str]) -> Iterator[tuple[int, list[Path]]]:
    """Each folder's depth, forms and videos; what else lies there goes to `ignored`."""
    count, waiting = 0, [(folder.absolute(), 0)]
    while waiting:
        place, depth = waiting.pop()
        files: list[Path] = []
        for path in sorted(place.iterdir()):
            if path.name.startswith((".", "~$")) or path.name.lower() in _UNTOLD:
                continue
            count += 1
            if count > MOST_FILES:
                raise FolderRefused(f"文件夹里的文件超过 {MOST_FILES} 个，请确认选对了文件夹")
            if why := _why_not(path, depth):
                ignored.append(f"{_told(path)}（{why}）")
            elif path.is_dir():
                waiting.append((path, depth + 1))
            else:
                files.append(path)
        yield depth, files


def _why_not(path: Path, depth: int) -> str:
    """Why a file or folder isn't looked into; '' when it is."""
    if path.is_symlink():
        return "是链接，没有读取"
    if path.is_dir():
        return "" if depth < DEPTH else "文件夹层数太深，没有读取"
    if path.suffix.lower() in ARCHIVES:
        return "压缩包，请先解压"
    known = path.suffix.lower() in FORM_SUFFIXES + VIDEO_SUFFIXES
    return "" if known and path.is_file() else "不是报名表，也不是视频"


def _told(path: Path) -> str:
    """A file's name without the contact that it may carry."""
    stem = _without_last(path.stem) or path.stem
    return (re.sub(r"\d{5,}", "…", line(stem)) or "…") + line(path.suffix)


# --- names --------------------------------------------------------------------------------------


def _submission(stem: str, paths: Sequence[Path]) -> Submission:
    form, many_forms = _chosen(paths, FORM_SUFFIXES)
    video, many_videos = _chosen(paths, VIDEO_SUFFIXES)
    rest = _without_last(stem)
    cut = max(rest.rfind(dash) for dash in DASH)
    title, author = line(rest[: max(cut, 0)]), line(rest[cut + 1 :])
    if not any(char.isalpha() for char in author):
        author = ""
    flaws = {
        Finding(f"文件名里写错了联系方式的位置，{_NAMING}", Remedy.NAMES): has_contact(rest),
        Finding(f"文件名里没有作品名称，{_NAMING}", Remedy.NAMES): not title,
        Finding("同名的报名表不止一份，请只保留一份", Remedy.ONE_OF_EACH): many_forms,
        Finding("同名的视频不止一个，请只保留一个", Remedy.ONE_OF_EACH): many_videos,
    }
    return Submission(title, author, form, video, tuple(f for f, found in flaws.items() if found))


def _without_last(stem: str) -> str:
    """The stem without its last part, the contact."""
    if phone := _PHONE_AT_END.search(stem):
        return stem[: phone.start()]
    cut = max(stem.rfind(dash) for dash in DASH)
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


def _paired(found: list[Submission]) -> list[Submission]:
    """A mail's own folder: its one form and its one video belong together, whatever their names."""
    if len(found) != 2 or any(one.form and one.video for one in found):
        return found
    form = next((one.form for one in found if one.form), None)
    video = next((one.video for one in found if one.video), None)
    if not form or not video:
        return found
    best = min(found, key=lambda one: (bool(one.flaws), not one.author, one.video is None))
    return [replace(best, form=form, video=video, paired=True)]
