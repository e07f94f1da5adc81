"""The shipped fonts, and what of a text they can show."""

from __future__ import annotations

import pytest
from fontTools.ttLib import TTFont

from voting.settings import ROOT
from voting.share.glyphs import covered, drawable, font, glyph, missing_glyphs

FONTS = ROOT / "voting" / "fonts"


def characters(weight: str) -> set[str]:
    with TTFont(FONTS / f"NotoSansSC-{weight}.otf", lazy=True) as font:
        return {chr(code) for code in font.getBestCmap()}


def decodable(codec: str) -> set[str]:
    pairs = (bytes((high, low)) for high in range(0xB0, 0xFF) for low in range(0xA1, 0xFF))
    return {pair.decode(codec, "ignore") for pair in pairs} - {""}


def test_the_fonts_stay_within_eight_megabytes_and_carry_their_licence() -> None:
    assert sum(path.stat().st_size for path in FONTS.glob("*.otf")) <= 8_000_000
    licence = (FONTS / "OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert "Copyright 2014-2021 Adobe" in licence


@pytest.mark.parametrize("weight", ["Regular", "Bold"])
def test_what_we_believe_a_font_has_is_what_fonttools_finds(weight: str) -> None:
    assert covered(weight) == characters(weight)


def test_both_fonts_have_gb2312_and_the_table_of_standard_characters() -> None:
    table = set((FONTS / "beyond_gb2312.txt").read_text("utf-8")) - {"\n"}
    assert len(table) == 1467
    for weight in ("Regular", "Bold"):
        assert not {c for c in decodable("gb2312") if c >= "\u4e00"} - characters(weight)
        assert not table - characters(weight)


def test_regular_has_every_hanzi_of_gbk() -> None:
    hanzi = {chr(code) for code in range(0x4E00, 0x9FA6)}
    assert not hanzi - characters("Regular")


@pytest.mark.parametrize("character", list("䶮㛃喆㐱𠮷𫍯鿍趵突泉Aa09é@《“，—·①℃〓"))
@pytest.mark.parametrize("weight", ["Regular", "Bold"])
def test_a_rare_character_is_drawn_as_itself_and_not_as_the_empty_box(
    character: str, weight: str
) -> None:
    has, _, advance = glyph(character, weight)
    assert character in characters(has)
    large = font(has, 64)
    drawn, box = large.getmask(character), large.getmask("\U0010fffd")
    assert drawn.getbbox() is not None
    assert (drawn.size, bytes(drawn)) != (box.size, bytes(box))
    assert advance > 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("群众少跑腿🎉🎉", "群众少跑腿"),
        ("一家👨‍👩‍👧人❤️", "一家人"),
        ("1️⃣第一", "1第一"),
        ("葛\U000e0100城", "葛城"),
        ("左\u202e右\u200b中\ufeff", "左右中"),
        ("两\n行\t字　空", "两 行 字 空"),
        ("未\U0003134a知ﷺ", "未〓知〓"),
        ("cafe\u0301", "café"),
        ("", ""),
    ],
)
def test_what_no_font_has_is_dropped_or_shown_as_a_placeholder(text: str, shown: str) -> None:
    assert drawable(text) == shown
    assert not missing_glyphs(shown)
