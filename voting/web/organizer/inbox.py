"""Where uploaded submissions wait for their intake: DATA_DIR/inbox/<batch>/, one folder an upload.

What lies here carries phone numbers and addresses, so it is for this user only (0700) and goes as
soon as it has been taken in. A file has a hidden name until it is whole.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from voting.web.pages import weight

#: What intake knows what to do with; of what it doesn't take it says why, by name.
FORMS: Final = (".docx", ".doc", ".docm", ".wps", ".pdf")
VIDEOS: Final = (
    *(".mp4", ".mov", ".m4v", ".avi", ".mkv", ".wmv", ".flv", ".webm"),
    *(".mpg", ".mpeg", ".ts", ".3gp", ".rmvb"),
)
MOST_BYTES: Final = 2 * 1024**3
MOST_FILES: Final = 1_000
#: What stays free whatever is uploaded: the votes need the disk too.
KEEP_FREE: Final = 1024**3
CHUNK: Final = 256 * 1024

#: As file systems have it, in bytes.
LONGEST_NAME: Final = 255
LONGEST_SUFFIX: Final = 8
#: The end of a stem says author and contact, by which a form and its video find each other.
KEPT_END: Final = 100
#: A body that stalls is dropped sooner.
HALF_KEPT_S: Final = 60.0
#: Folders within a batch; a mailbox may hold a folder a mail.
DEPTH: Final = 3

BATCH = re.compile(r"[0-9a-f]{12}")
_HALF: Final = ".coming-"


class NotTaken(Exception):  # noqa: N818 a refusal, not an error
    """The file isn't kept; the text is one sentence in Chinese, `status` HTTP's word for it."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True, slots=True)
class Batch:
    """What has been uploaded together; `at_s` is when something last came."""

    id: str
    folder: Path
    files: int
    size: int
    at_s: float


def new_batch() -> str:
    return secrets.token_hex(6)


def place_of(name: str) -> Path:
    """A file's place within its batch, from the name or path that a browser gave it.

    Every part is a plain visible name of at most 255 bytes in NFC; the words in it stay, because
    title and author are read from them. Raises NotTaken for what intake doesn't know.
    """
    *folders, file = [_plain(part) for part in re.split(r"[/\\]", name)]
    if file.startswith((".", "~$")):
        raise NotTaken(415, "是系统的临时文件，没有传")
    stem, dot, suffix = file.rpartition(".")
    if not stem or f"{dot}{suffix}".lower() not in FORMS + VIDEOS:
        raise NotTaken(415, "既不是报名表（.docx），也不是视频（.mp4），没有传")
    places = [folder.lstrip(".~$ ") for folder in folders]
    places = [_shortened(place, LONGEST_NAME) for place in places if place]
    short = _shortened(stem, LONGEST_NAME - LONGEST_SUFFIX)
    return Path(*places[-DEPTH:], f"{short}{dot}{suffix}")


@dataclass(frozen=True, slots=True)
class Inbox:
    """`aside(do, *with_)` does what may wait for the disk where nobody else waits with it."""

    root: Path
    aside: Callable[..., Any]

    def receive(self, batch: str, name: str, stream: IO[bytes], size: int) -> Path:
        """Keep a file of `size` bytes: whole under its name, or not at all. An older one of the
        same name is replaced.

        Raises NotTaken, or OSError.
        """
        if size > MOST_BYTES:
            raise NotTaken(413, f"超过 {MOST_BYTES // 1024**3} GB，没有传")
        path = self._folder(batch) / place_of(name)
        if not path.exists() and self.aside(self._count, batch) >= MOST_FILES:
            raise NotTaken(409, f"这一批已有 {MOST_FILES} 个文件，请先收件，再传下一批")
        if self.room() < size:
            raise NotTaken(507, f"服务器的磁盘放不下了（还能放 {weight(self.room())}），没有传")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = path.with_name(f"{_HALF}{secrets.token_hex(4)}")
        try:
            with half.open("xb") as file:
                half.chmod(0o600)
                came = self._pour(stream, file, size)
            if came != size:
                raise NotTaken(400, "传到一半断了，请再试一次")
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)
        return path

    def room(self) -> int:
        """How many bytes may still come."""
        place = self.root if self.root.exists() else self.root.parent
        return max(0, shutil.disk_usage(place).free - KEEP_FREE)

    def batches(self) -> list[Batch]:
        """What lies here, newest first."""
        if not self.root.exists():
            return []
        found = [self._batch(path) for path in self.root.iterdir() if BATCH.fullmatch(path.name)]
        return sorted((batch for batch in found if batch.files), key=lambda batch: -batch.at_s)

    def batch(self, batch: str) -> Batch:
        return self._batch(self._folder(batch))

    def is_coming(self, batch: str) -> bool:
        """Whether a file is on its way. One that was cut off with the server isn't any more."""
        now, coming = time.time(), self._folder(batch).rglob(f"{_HALF}*")
        with suppress(FileNotFoundError):
            return any(now - path.stat().st_mtime < HALF_KEPT_S for path in coming)
        return True  # it has just come

    def remove(self, batch: str) -> None:
        shutil.rmtree(self._folder(batch), ignore_errors=True)

    def _folder(self, batch: str) -> Path:
        if not BATCH.fullmatch(batch):
            raise NotTaken(404, "没有这一批文件")
        folder = self.root / batch
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _batch(self, folder: Path) -> Batch:
        sizes, latest = [], 0.0
        for path in _whole(folder):
            with suppress(FileNotFoundError):  # intake removes a batch when it is done
                found = path.stat()
                sizes.append(found.st_size)
                latest = max(latest, found.st_mtime)
        return Batch(folder.name, folder, len(sizes), sum(sizes), latest)

    def _count(self, batch: str) -> int:
        return sum(1 for _ in _whole(self._folder(batch)))

    def _pour(self, stream: IO[bytes], file: IO[bytes], size: int) -> int:
        came = 0
        while came < size and (chunk := stream.read(min(CHUNK, size - came))):
            self.aside(file.write, chunk)
            came += len(chunk)
        self.aside(_settle, file)
        return came


def _settle(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _whole(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if not path.name.startswith(".") and path.is_file())


def _plain(part: str) -> str:
    """A name in NFC without what a name can't hold."""
    text = unicodedata.normalize("NFC", part)
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs")).strip()


def _shortened(name: str, most: int) -> str:
    """At most so many bytes of it, cut out of the middle."""
    raw = name.encode()
    if len(raw) <= most:
        return name
    start = raw[: most - KEPT_END].decode(errors="ignore")
    return start + raw[-KEPT_END:].decode(errors="ignore")
