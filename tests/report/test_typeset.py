"""Paper: nothing vanishes silently, nothing that somebody wrote is markup, the same bytes again."""

from __future__ import annotations

import pytest

from voting.report.typeset import Printable, pdf

DATA = {
    "contest": "大赛", "organizers": ["主办"], "origin": "https://vote.example.cn", "notes": [],
    "entries": [],
}  # fmt: skip


@pytest.mark.parametrize("text", ["王䶮", "李𬴃", "㻏的梦", "𠮷野家", "AI修复老济南", "——“数”"])
def test_what_the_fonts_have_is_printed_as_it_is(text: str):
    printable = Printable()
    assert printable(text) == text
    assert printable.notes() == []


def test_what_they_have_not_is_told_below():
    printable = Printable()
    assert printable("渔村😀的早晨", "005 号题目") == "渔村〓的早晨"
    assert printable("又一个😀", "006 号题目") == "又一个〓"
    assert printable.notes() == [
        "005 号题目、006 号题目 的〓 是字符 U+1F600，打印字体里没有它的字形"
    ]


def test_joiners_and_controls_have_nothing_to_print():
    printable = Printable()
    assert printable("早\u200d晨\ufe0f  又\n一") == "早晨 又 一"
    assert printable.notes() == []


def test_the_same_bytes_again():
    first, second = (pdf("qr_sheet.typ", DATA, 1_754_965_805_000) for _ in range(2))
    assert first == second
    assert first.startswith(b"%PDF-")


def test_data_are_never_markup():
    shown = DATA | {"contest": '#panic("ran") $x$ *b* `c` @d <e> \\ "'}
    assert pdf("qr_sheet.typ", shown, 0).startswith(b"%PDF-")
