"""Paper: a Typst template and data become a PDF, the same bytes each time.

Data reach the template as JSON, never as markup, so a title can't typeset anything.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import typst

from voting.share.glyphs import PLACEHOLDER, missing_glyphs


def pdf(template: str, data: dict[str, Any], at_ms: int, root: Path | None = None) -> bytes:
    """`template` is a file of this room. `at_ms` is when the PDF says it was made; pictures that
    `data` names are paths under `root`."""
    source = (files("voting") / "report" / template).read_bytes()
    where: dict[str, Any] = {"root": str(root)} if root else {}
    with as_file(files("voting") / "fonts") as fonts:
        made: bytes = typst.compile(
            source,
            font_paths=[str(fonts)],
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
            format="pdf",
            pdf_standards="a-2u",  # what archives take
            timestamp=at_ms // 1000,
            **where,
        )
    return made


class Printable:
    """Turns text into what our fonts can print, and remembers what they can't.

    A character without a glyph becomes 〓, and the page says below which one it is: on a page that
    people sign nothing may vanish.
    """

    def __init__(self) -> None:
        self.replaced: dict[str, list[str]] = {}

    def __call__(self, text: str, where: str = "") -> str:
        shown = " ".join(unicodedata.normalize("NFC", text).split())
        missing = missing_glyphs(shown)
        for character in sorted(set(shown) & missing):
            if not _unseen(character):
                self.replaced.setdefault(character, []).append(where)
        return "".join(self._one(character, missing) for character in shown)

    def _one(self, character: str, missing: set[str]) -> str:
        if character not in missing:
            return character
        return "" if _unseen(character) else PLACEHOLDER

    def notes(self) -> list[str]:
        """What each 〓 stands for."""
        return list(self._notes())

    def _notes(self) -> Iterator[str]:
        for character, places in sorted(self.replaced.items()):
            where = "、".join(dict.fromkeys(filter(None, places)))
            what = f"{where} 的{PLACEHOLDER}" if where else PLACEHOLDER
            yield f"{what} 是字符 U+{ord(character):04X}，打印字体里没有它的字形"


def _unseen(character: str) -> bool:
    """Joiners, variation selectors and the like have nothing to print."""
    return unicodedata.category(character) in ("Cf", "Cc", "Mn", "Me")
