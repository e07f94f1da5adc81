"""The report's figures: places before and after, who leaves and who comes in; and what it says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from cases import World, a_world

from voting.case import Effect, Finding, Run
from voting.report.findings import Findings, lines, page, places, without_all, write_flags

NOW = 1_763_000_000_000


@pytest.fixture(scope="module")
def world() -> World:
    return a_world(NOW)


@pytest.fixture
def found(world: World) -> Findings:
    tally = Counter(str(one.entry) for one in world.casts)
    return Findings("大赛", world.run, 10, tally, world.sheets, world.casts[0].at_ms, NOW)


def test_the_ranking_is_told_before_and_after(world: World, found: Findings):
    rows = {row.name: row for row in places(found)}
    assert len(rows) == len(found.tally)
    named = Counter(str(one.entry) for one in world.casts if one.case)
    for name, row in rows.items():
        assert row.votes - row.left == named[name]
    assert sorted(row.after for row in rows.values())[0] == 1
    (nine,) = (place for case in world.run.cases for place in case.effect.places
               if place[0] == "9")  # fmt: skip
    assert rows["9"].before == nine[1]


def test_who_leaves_and_who_comes_in(found: Findings):
    assert without_all(found) == Effect(leave=("9", "10"), enter=("11", "12"))
    assert "前 10 名里 009 号、010 号 退出，011 号、012 号 进入" in list(lines(found))[-1]


def test_only_votes_that_can_be_named_are_taken_away(world: World, found: Findings):
    assert found.flagged == sum(one.case != "" for one in world.casts)
    assert {c.finding for c in world.run.cases} == set(Finding)


def test_a_line_of_the_table_is_as_wide_as_all_others(found: Findings):
    told = list(lines(found))
    rows = [line for line in told if line[:2].strip().isdecimal()]
    assert len(rows) == len(found.run.cases)
    assert "只是提示" in "".join(told)
    assert "大约多出 48 到 92 票" in "".join(told)


def test_the_page_tells_each_case(world: World, found: Findings):
    text = page(found)
    assert text.count("<article") == len(world.run.cases)
    assert "009 号" in text
    assert "最像的正当情形：" not in text, "its heading says so already"
    assert "{{" not in text


def test_texts_from_outside_stay_texts(world: World, found: Findings):
    bad = Findings("<b>x</b>", found.run, 10, {**found.tally, "<i>": 999}, {}, NOW, NOW)
    text = page(bad)
    assert "<b>x</b>" not in text
    assert "&lt;i&gt;" in text


def test_nothing_found_is_said_in_words():
    nothing = Findings("大赛", Run(NOW, 0, 0.1, ()), 10, {}, {}, 0, 0)
    assert "没有可疑的票" in page(nothing)
    assert list(lines(nothing)) == ["核查了 0 票、0 件作品，用了 0.1 秒。没有可疑的票。"]


def test_names_of_votes_are_written_as_they_are(tmp_path: Path):
    rows = [('a,"1"', 0.9, "甲；乙"), ("=b", 0.123456, "")]
    assert write_flags(rows, tmp_path / "f.csv") == 2
    assert (tmp_path / "f.csv").read_bytes() == (
        'vote_id,score,reason\n"a,""1""",0.9,甲；乙\n=b,0.1235,\n'.encode()
    )
