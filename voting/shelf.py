"""The media of entries: everything in `media/`, and links to the approved ones' in `public/`.

Only `public/` is served, so a pending or withdrawn entry has no public address at all.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

#: What is put out. What the contestant sent and the reviewer's frames stay inside.
PUBLIC = ("web*.mp4", "cover-*")


@dataclass(frozen=True, slots=True)
class Shelf:
    media: Path
    public: Path

    def put_out(self, name: str) -> None:
        """Make an entry's copies and covers reachable. Doing it again is harmless."""
        files = list((self.media / name).iterdir())
        (self.public / name).mkdir(parents=True, exist_ok=True)
        for file in files:
            link = self.public / name / file.name
            if any(map(file.match, PUBLIC)) and not link.exists():
                _link(file, link)

    def take_away(self, name: str) -> None:
        """Make them unreachable again; `media/` keeps them."""
        shutil.rmtree(self.public / name, ignore_errors=True)

    def kept(self) -> set[str]:
        """Names of all media there are."""
        return {folder.name for folder in _folders(self.media)}

    def out(self, for_s: float = 0) -> set[str]:
        """Names of the media that are reachable, and have been for so many seconds."""
        latest = time.time() - for_s
        return {one.name for one in _folders(self.public) if one.stat().st_mtime <= latest}


def _folders(place: Path) -> list[Path]:
    return [path for path in place.iterdir() if path.is_dir()] if place.exists() else []


def _link(file: Path, link: Path) -> None:
    try:
        os.link(file, link)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        shutil.copyfile(file, link)
