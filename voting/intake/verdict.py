"""What becomes of a submission: *taken in*, *needs a person* or *refused*, with the findings.

A finding is one Chinese sentence (what was found, what the notice asks) with what whoever sent
the submission can do about it. None of them holds contact details.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class Remedy(StrEnum):
    """What the contestant can do about a finding; replies.py has the words."""

    NOTHING = "nothing"
    NAMES = "names"
    ONE_OF_EACH = "one_of_each"
    SEND_FORM = "send_form"
    SEND_VIDEO = "send_video"
    FORM_FILE = "form_file"
    FORM = "form"
    MP4 = "mp4"
    VIDEO_FILE = "video_file"
    SIZE = "size"
    LENGTH = "length"
    SAME_VIDEO = "same_video"
    SEND_AGAIN = "send_again"
    WHICH_LENGTH = "which_length"
    SILENT = "silent"
    WHICH_TITLE = "which_title"
    WHICH_AUTHOR = "which_author"
    WHICH_CATEGORY = "which_category"
    WHICH_WORK = "which_work"


class Finding(NamedTuple):
    sentence: str
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class Draft:
    """All that an Entry needs besides number, state, time and findings.

    `media` is the folder under the media root: original.mp4, the copies, covers and frames.
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
    content_sha256: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Nothing against it; `notes` are good to know."""

    name: str
    draft: Draft
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Taken in, but a person must look at the doubts; there is at least one."""

    name: str
    draft: Draft
    doubts: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.doubts:
            raise ValueError("a doubtful submission needs a doubt")


@dataclass(frozen=True, slots=True)
class Refused:
    """Not taken in, and nothing of it kept; there is at least one reason."""

    name: str
    reasons: tuple[Finding, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a refusal needs a reason")


@dataclass(frozen=True, slots=True)
class TakenBefore:
    """The same form with the same video is an entry already: nothing was done again."""

    name: str
    number: int


Verdict: TypeAlias = Taken | Doubtful | Refused | TakenBefore
