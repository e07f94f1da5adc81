"""A zip that is the same bytes whenever the same is put in, with the sums of all that is in it."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Final

from voting.disk import need_room

#: The oldest time a zip can hold: when a file was packed is nobody's matter.
WHEN: Final = (1980, 1, 1, 0, 0, 0)
PIECE: Final = 1 << 20
SUMS: Final = "SHA256SUMS"
#: What is compressed already.
STORED: Final = frozenset({".png", ".jpg", ".pdf", ".xlsx"})


class Archive:
    """Open one with `with Archive(path) as archive`; names may be Chinese."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self.sums: list[tuple[str, str]] = []

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.zip.close()

    def add(self, name: str, content: bytes | str) -> None:
        """Text is written as UTF-8."""
        whole = content.encode() if isinstance(content, str) else content
        need_room(self.path.parent, len(whole))
        self.zip.writestr(_entry(name), whole)
        self.sums.append((hashlib.sha256(whole).hexdigest(), name))

    def move_in(self, name: str, file: Path) -> None:
        """Pack a file piece by piece, and remove it."""
        digest = hashlib.sha256()
        with file.open("rb") as source, self.zip.open(_entry(name), "w", force_zip64=True) as place:
            while piece := source.read(PIECE):
                need_room(self.path.parent, len(piece))
                digest.update(piece)
                place.write(piece)
        file.unlink()
        self.sums.append((digest.hexdigest(), name))

    def add_sums(self) -> None:
        """SHA256SUMS as sha256sum -c reads it."""
        self.add(SUMS, "".join(f"{digest}  {name}\n" for digest, name in self.sums))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, WHEN)
    entry.create_system = 3  # also where it isn't Unix
    entry.external_attr = 0o100644 << 16
    stored = Path(name).suffix in STORED
    entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    return entry
