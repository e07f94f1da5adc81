"""Submissions as they lie in a mailbox folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from forms import PHONE, official_form

from voting.contest import Category, Notice

NOTICE = Notice(
    categories={
        "live": Category("live", "实景拍摄类", 180, ai=False),
        "ai": Category("ai", "AI创作类", 120, ai=True),
    },
    sizes=((1920, 1080), (1080, 1920)),
    introduction_chars=300,
)
STEM = f"沂河两岸-王小样-{PHONE}"


def mail(
    folder: Path, stem: str = STEM, *, video: Path | None = None, form: bytes | None = None
) -> None:
    """Put a form, and if there is one the video, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.docx").write_bytes(official_form() if form is None else form)
    if video:
        shutil.copyfile(video, folder / f"{stem}.mp4")
