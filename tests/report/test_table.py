"""What a spreadsheet would run is made neutral, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voting.report.table import clean, is_formula, neutral, original


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://evil.example","点我")',
        "=1+1",
        "+86 531 0000",
        "-1+1|cmd",
        "@SUM(A1:A9)",
        "\t=1",
        "\r=1",
        "\n文字",
        " =1+1",
        "\u3000＝1",
        "\ufeff=1",
        "＝1+1",
        "＋1",
        "－山水之间",
        "＠数据",
        "-山水之间",
        "-",
    ],
)
def test_what_looks_like_a_formula_is_led_by_an_apostrophe(text: str):
    assert neutral(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    [
        "", "一件事一次办", "AI修复老济南", "-5", "+3", "-12.50", "-3.5%", "0007", "3-4",
        "2025-08-01", "“=”的故事", "a=b", "——远方",
        "•清晨", "'90年代", "1=1", "（-）", "℃", "渔村😀",
    ],
)  # fmt: skip
def test_what_does_not_is_left_alone(text: str):
    assert neutral(text) == text


TEXT = st.text(st.one_of(st.characters(), st.sampled_from("'=+-@＝＋－＠ \t\r\n0123456789.%")))


@given(TEXT)
def test_what_was_made_neutral_is_found_again(text: str):
    assert original(neutral(text)) == text


@given(TEXT)
def test_nothing_that_comes_out_looks_like_a_formula(text: str):
    assert not is_formula(neutral(text))


@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_a_number_is_never_a_formula(number: int):
    assert neutral(str(number)) == str(number)


@given(TEXT)
def test_clean_text_has_nothing_that_xml_can_not_hold(text: str):
    assert not {c for c in clean(text) if c < " "} - {"\t", "\n"}
    clean(text).encode()
