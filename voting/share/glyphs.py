"""The two fonts in `voting/fonts/`: which characters they have, and how wide each is.

Chinese text is set glyph by glyph, because the layout engine that could do more is missing in slim
containers.
"""

from __future__ import annotations

import struct
import unicodedata
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Final

from PIL import ImageFont

LONGEST: Final = 300  # characters of any text that are looked at
PLACEHOLDER: Final = "〓"


@lru_cache(maxsize=64)
def font(weight: str, size: int) -> ImageFont.FreeTypeFont:
    """`weight` is Regular or Bold, `size` in px to the em."""
    with as_file(files("voting") / "fonts" / f"NotoSansSC-{weight}.otf") as path:
        return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=2)
def covered(weight: str) -> frozenset[str]:
    """The characters a font has, read from its `cmap` table (format 12, which ours carry)."""
    data = (files("voting") / "fonts" / f"NotoSansSC-{weight}.otf").read_bytes()
    tables = struct.unpack_from(">4H", data, 4)[0]
    entries = (struct.unpack_from(">4s3I", data, 12 + 16 * n) for n in range(tables))
    cmap = next(offset for tag, _, offset, _ in entries if tag == b"cmap")
    count = struct.unpack_from(">H", data, cmap + 2)[0]
    records = (struct.unpack_from(">2HI", data, cmap + 4 + 8 * n) for n in range(count))
    full = cmap + next(offset for platform, kind, offset in records if (platform, kind) == (3, 10))
    groups = struct.unpack_from(">I", data, full + 12)[0]
    ranges = (struct.unpack_from(">3I", data, full + 16 + 12 * n) for n in range(groups))
    return frozenset(chr(code) for first, last, _ in ranges for code in range(first, last + 1))


def missing_glyphs(text: str) -> set[str]:
    """The characters of `text` that neither font can draw."""
    return set(text) - covered("Regular") - covered("Bold")


def drawable(text: str) -> str:
    """`text` as a poster shows it, in one line: every character left has a glyph.

    Zero-width characters, variation selectors and emoji are dropped, a character that no font
    has becomes 〓.
    """
    composed = " ".join(unicodedata.normalize("NFC", text[:LONGEST]).split())
    missing = missing_glyphs(composed)
    shown = ("" if _unseen(c) else PLACEHOLDER if c in missing else c for c in composed)
    return " ".join("".join(shown).split())


def _unseen(character: str) -> bool:
    if character in covered("Regular"):
        return unicodedata.category(character) in ("Cf", "Cc")
    pictographs = 0x1F000 <= ord(character) <= 0x1FFFF
    return pictographs or unicodedata.category(character) in ("Cf", "Cc", "Mn", "Me", "So", "Sk")


OPENING = "“‘（《〈「『【〔［｛"
CLOSING = "”’）》〉」』】〕］｝，。、：；！？"
#: Punctuation set by its ink, because its full-width form is half empty: space before and after.
_TIGHT = (
    dict.fromkeys(OPENING, (0.1, 0.03))
    | dict.fromkeys(CLOSING, (0.05, 0.2))
    | dict.fromkeys("”’）》〉」』】〕］｝", (0.03, 0.1))
    | dict.fromkeys("·•・", (0.14, 0.14))
    | {"—": (0.0, 0.0)}  # two of them are one long dash
)


@lru_cache(maxsize=8192)
def glyph(character: str, weight: str) -> tuple[str, float, float]:
    """The weight that has the character, where it starts and how far it advances, in em."""
    has = weight if character in covered(weight) else "Regular"
    large = font(has, 1000)  # the fonts have 1000 units to the em
    if character not in _TIGHT:
        return has, 0.0, large.getlength(character) / 1000
    before, after = _TIGHT[character]
    mask, (origin, _) = large.getmask2(character, "L")
    left, _, right, _ = mask.getbbox()
    return has, before - (origin + left) / 1000, before + (right - left) / 1000 + after
