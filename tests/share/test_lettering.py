"""Titles broken into lines as a typesetter would."""

from __future__ import annotations

import random

import pytest

from voting.share.lettering import fit, width_of, wrap
from voting.share.poster import MEASURE, TITLE

FORTY = "从一张社保卡到一座“数字孪生”城市：我家三代人在济南看病、坐车、逛公园的二十年记录"
CLOSING = "，。、：；！？”’》）」』】…—·%"
OPENING = "“‘《（「『【"


def bare(text: str) -> str:
    return text.replace(" ", "")


@pytest.mark.parametrize("length", range(2, 41))
def test_a_title_of_2_to_40_characters_is_set_whole(length: int) -> None:
    block = fit(FORTY[:length], "Bold", TITLE, MEASURE)
    assert bare("".join(block.lines)) == FORTY[:length]
    assert all(width_of(line, "Bold", block.size) <= MEASURE for line in block.lines)
    assert not [line for line in block.lines if line[0] in CLOSING]
    assert not [line for line in block.lines[:-1] if line[-1] in OPENING]


@pytest.mark.parametrize("seed", range(40))
def test_any_mixture_is_set_whole_and_no_line_starts_with_a_closing_mark(seed: int) -> None:
    chance = random.Random(seed)
    words = ["泉", "水", "数据", "“小哨兵”", "《家》", "AI", "Vlog", "2025年", "5G+", "Shandong",
             "（上）", "100%"]  # fmt: skip
    marks = ["", "", " ", "，", "：", "、", "！", "——", "……", " ·", "，“"]
    parts = [chance.choice(words) + chance.choice(marks) for _ in range(chance.randint(1, 10))]
    text = "".join(parts)[:40].strip()
    for width in (300, MEASURE):
        for size in (34, 46, 58):
            lines, _ = wrap(text, "Bold", size, width)
            assert bare("".join(lines)) == bare(text)
            assert all(width_of(line, "Bold", size) <= width for line in lines)
            assert not [line for line in lines if line[0] in CLOSING]
            assert not [line for line in lines[:-1] if line[-1] in OPENING]


@pytest.mark.parametrize("width", [180, 240, 330, 420, 600])
@pytest.mark.parametrize(
    "text", [FORTY, "《在泰山脚下，当“数字挑山工”！》", "AI山东Vlog 2025，Hello Shandong！30分钟"]
)
def test_lines_fit_lose_nothing_and_never_start_or_end_with_the_wrong_mark(
    text: str, width: int
) -> None:
    lines, _ = wrap(text, "Bold", 40, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        assert width_of(line, "Bold", 40) <= width
        assert line[0] not in "，。、：；！？”》—…·"
        assert line[-1] not in "“《"


@pytest.mark.parametrize("width", [180, 240, 330, 420])
def test_a_word_and_a_number_are_not_broken(width: int) -> None:
    lines, _ = wrap("我的Shandong智慧生活2025年Vlog", "Bold", 34, width)
    for word in ("Shandong", "2025年", "Vlog"):
        assert any(word in line for line in lines)


def test_a_word_wider_than_the_line_is_broken_rather_than_cut_off() -> None:
    lines, _ = wrap("Supercalifragilistic", "Bold", 40, 200)
    assert "".join(lines) == "Supercalifragilistic"
    assert all(width_of(line, "Bold", 40) <= 200 for line in lines)


def test_lines_are_balanced_and_break_after_a_pause_when_they_can() -> None:
    assert wrap("一二三四五六七八", "Bold", 40, 285)[0] == ["一二三四", "五六七八"]
    assert fit("夜里两点，奶奶的智能药盒响了", "Bold", [(56, 2), (42, 2)], 380).lines == [
        "夜里两点，",
        "奶奶的智能药盒响了",
    ]


def test_a_title_that_fits_nowhere_ends_in_an_ellipsis() -> None:
    block = fit("很长 " * 60, "Bold", TITLE, 380)
    assert len(block.lines) == TITLE[-1][1]
    assert block.lines[-1].endswith("…")
    assert all(width_of(line, "Bold", block.size) <= 380 for line in block.lines)
