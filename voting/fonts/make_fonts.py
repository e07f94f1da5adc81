"""Make the two fonts of this folder from Noto Sans CJK: the glyphs we may need, nothing else.

    python voting/fonts/make_fonts.py <folder with NotoSansCJK-Regular.ttc and -Bold.ttc>

Needs fontTools (a development dependency). The source is Noto Sans CJK 2.004, Debian package
`fonts-noto-cjk` or https://github.com/notofonts/noto-cjk, under the SIL Open Font License 1.1.
Bold holds GB 2312 and the table of general standard Chinese characters (通用规范汉字表, State
Council, 2013); Regular adds GBK, the whole basic CJK block and as much of Extension A as the
8 MB for both allow. `beyond_gb2312.txt` lists what that table has and GB 2312 lacks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

HERE = Path(__file__).parent
SIMPLIFIED_CHINESE = 2  # the face's place in the collection
EXTENSION_A = 4500  # how many of its 6,582 characters fit into the 8 MB
ALSO = "𠮷"  # met in names, and in none of these sets
BUDGET = 8_000_000


def repertoire(codec: str) -> set[int]:
    """All characters of a two-byte codec."""
    pairs = (bytes((high, low)) for high in range(0x81, 0xFF) for low in range(0x40, 0xFF))
    return {ord(text) for pair in pairs if len(text := pair.decode(codec, "ignore")) == 1}


def block(first: int, last: int) -> set[int]:
    return set(range(first, last + 1))


def plain() -> set[int]:
    """Latin, general and CJK punctuation, kana, full-width forms."""
    latin = block(0x20, 0x7E) | block(0xA0, 0x17F)
    return latin | block(0x2010, 0x205E) | block(0x3000, 0x30FF) | block(0xFF00, 0xFFEF)


def simplest(font: TTFont, characters: set[int], count: int) -> set[int]:
    """The `count` characters drawn with the fewest bytes: cheap, and likelier in a name."""
    glyphs, outlines = font.getBestCmap(), font["CFF "].cff.topDictIndex[0].CharStrings
    cost = {code: len(outlines[glyphs[code]].bytecode) for code in characters & glyphs.keys()}
    return set(sorted(cost, key=lambda code: (cost[code], code))[:count])


def subset(font: TTFont, characters: set[int], target: Path, weight: str) -> int:
    """Write `target` with what `font` has of `characters`; returns its size in bytes.

    Layout tables go: the posters set horizontal lines glyph by glyph.
    """
    options = Options(hinting=False, layout_features=[], glyph_names=False, notdef_outline=True)
    options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 7, 13, 14]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters & font.getBestCmap().keys())
    subsetter.subset(font)
    name = font["name"]
    name.setName("Noto Sans SC", 1, 3, 1, 0x409)
    name.setName(f"Noto Sans SC {weight}", 4, 3, 1, 0x409)
    name.setName(f"NotoSansSC-{weight}", 6, 3, 1, 0x409)
    font.save(target)
    return target.stat().st_size


def main(source: Path) -> None:
    table = {ord(c) for c in (HERE / "beyond_gb2312.txt").read_text("utf-8") + ALSO if c != "\n"}
    size = 0
    for weight in ("Bold", "Regular"):
        font = TTFont(
            source / f"NotoSansCJK-{weight}.ttc",
            fontNumber=SIMPLIFIED_CHINESE,
            recalcTimestamp=False,
        )
        characters = plain() | repertoire("gb2312") | table
        if weight == "Regular":
            characters |= repertoire("gbk") | block(0x4E00, 0x9FFF)
            characters |= simplest(font, block(0x3400, 0x4DBF), EXTENSION_A)
        size += subset(font, characters, HERE / f"NotoSansSC-{weight}.otf", weight)
    if size > BUDGET:
        sys.exit(f"{size:,} bytes are more than {BUDGET:,}: lower EXTENSION_A")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
