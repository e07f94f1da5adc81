"""Submissions as they lie in a mailbox folder, and what becomes of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from forms import PHONE, official_form

from voting.contest import Category, Entry, Notice
from voting.intake.folder import open_folder
from voting.intake.taking_in import process
from voting.intake.verdict import Refused, Verdict
from voting.intake.workshop import Limits

NOTICE = Notice(
    categories={
        "live": Category("live", "实景拍摄类", 180, ai=False),
        "ai": Category("ai", "AI创作类", 120, ai=True),
    },
    sizes=((1920, 1080), (1080, 1920)),
    introduction_chars=300,
)
#: Where the pictures' size doesn't matter it is a small one.
SMALL = replace(NOTICE, sizes=((320, 180),))
STEM = f"沂河两岸-王小样-{PHONE}"


def mail(
    folder: Path, stem: str = STEM, *, video: Path | None = None, form: bytes | None = None
) -> None:
    """Put a form, and if there is one the video, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.docx").write_bytes(official_form() if form is None else form)
    if video:
        shutil.copyfile(video, folder / f"{stem}.mp4")


def quiet(_done: int, _total: int, _sentence: str) -> None:
    pass


def verdicts(
    mailbox: Path,
    media: Path,
    known: Sequence[Entry] = (),
    limits: Limits | None = None,
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
