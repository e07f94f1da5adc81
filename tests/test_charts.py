"""Where bars, marks and lines lie: inside the drawing, and true."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voting.charts import FLOOR, ROW, TALLEST, pairs, seconds, slopes, span, timeline
from voting.contest import rank
from voting.sheet import Series, Spread

HOUR_MS = 3_600_000
COUNTS = st.lists(st.integers(0, 100_000), min_size=1, max_size=60)


@given(COUNTS, st.sampled_from([60_000, HOUR_MS, 24 * HOUR_MS]), st.integers(0, 10**12))
def test_what_is_drawn_lies_inside_the_drawing(counts: list[int], step_ms: int, start_ms: int):
    others = counts[::-1]
    drawn = timeline(Series(start_ms, step_ms, tuple(counts), tuple(others), tuple(counts)))
    assert len(drawn.bars) == sum(bool(a or b) for a, b in zip(counts, others, strict=True))
    for bar in drawn.bars:
        assert bar.x >= 0
        assert bar.x + bar.width <= 100.1
        assert FLOOR - TALLEST - 0.2 <= bar.case_y <= bar.others_y <= FLOOR
        assert abs(bar.others_y + bar.others - FLOOR) <= 0.2
        assert bar.usual_y is None or FLOOR - TALLEST - 0.2 <= bar.usual_y <= FLOOR
    for mark in drawn.moments:
        assert 0 <= mark.at <= 100
    heights = [mark.at for mark in drawn.heights]
    assert heights == sorted(heights, reverse=True)
    assert all(FLOOR - TALLEST - 0.2 <= at < FLOOR for at in heights)
    assert len(heights) <= 4


def test_an_empty_series_draws_nothing():
    drawn = timeline(Series(0, HOUR_MS, (), ()))
    assert (drawn.bars, drawn.heights, drawn.moments) == ((), (), ())


def test_moments_are_those_of_shanghai():
    drawn = timeline(Series(0, HOUR_MS, (1,) * 24, (0,) * 24))  # from 8 in the morning on
    assert [mark.words for mark in drawn.moments] == ["12:00", "18:00", "1月2日"]
    assert drawn.bars[0].words == "1月1日 08:00 起 1 小时：这组票 1，其他 0"


def test_shares_are_of_all_and_empty_ends_are_left_out():
    found = pairs(Spread((1.0, 2.0, 4.0, 8.0), (0, 3, 0, 1, 0), (0, 0, 2, 2, 0)))
    assert [(one.words, one.case, one.others) for one in found] == [
        ("1 秒–2 秒", 75.0, 0.0), ("2 秒–4 秒", 0.0, 50.0), ("4 秒–8 秒", 25.0, 50.0),
    ]  # fmt: skip
    assert max(one.case_bar for one in found) == 100
    assert pairs(Spread((1.0,), (0, 0), (0, 0))) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.3, "0.3 秒"), (2.44, "2.4 秒"), (41, "41 秒"), (60, "1 分钟"), (75, "75 秒"),
     (180, "3 分钟"), (1320, "22 分钟"), (7200, "2 小时"), (90_000, "25 小时")],
)  # fmt: skip
def test_times_are_said_as_people_say_them(value: float, words: str):
    assert seconds(value) == words


@pytest.mark.parametrize(
    ("ms", "words"),
    [(1, "1 分钟"), (300_000, "5 分钟"), (HOUR_MS, "1 小时"), (6_900_000, "1 小时 55 分"),
     (30 * HOUR_MS, "30 小时"), (96 * HOUR_MS, "4 天")],
)  # fmt: skip
def test_spans_are_said_as_people_say_them(ms: int, words: str):
    assert span(ms) == words


TALLIES = st.dictionaries(st.integers(1, 40), st.integers(0, 50), min_size=1, max_size=40)


@given(TALLIES, TALLIES, st.integers(1, 12))
def test_each_row_has_its_line_and_none_leaves_the_list(
    tally: dict[int, int], taken: dict[int, int], winners: int
):
    less = {n: max(0, votes - taken.get(n, 0)) for n, votes in tally.items()}
    about = [n for n in tally if taken.get(n)]
    found = slopes(rank(tally, tally), rank(less, tally), winners, about)
    assert len(found.before) == len(found.after) == found.height // ROW
    shown = {row.standing.number for row in (*found.before, *found.after)}
    assert len(found.links) == len(shown)
    assert all(0 < at <= found.height for link in found.links for at in (link.left, link.right))
    assert Counter(link.kind == "about" for link in found.links)[True] == len(shown & set(about))
    for row in found.before:
        assert row.then == next(r.rank for r in rank(less, tally) if
                                r.number == row.standing.number)  # fmt: skip
