"""Phases, ranks, orders and days: the nouns by themselves."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from works import an_entry

from voting.contest import (
    ORDERS,
    SHANGHAI,
    CloseCall,
    Closing,
    Counts,
    Identity,
    Law,
    Neighbours,
    Period,
    Phase,
    Quiet,
    Rules,
    Shown,
    Standing,
    Standings,
    Tie,
    as_shown,
    day_of,
    moment,
    neighbours,
    order_at,
    rank,
    shuffled,
    what_may_be_shown,
)

LAW = Law(
    opens=datetime(2025, 8, 1, 9, tzinfo=SHANGHAI),
    closes=datetime(2025, 8, 15, 18, tzinfo=SHANGHAI),
    votes_per_voter=5,
    votes_per_entry=1,
    period=Period.DAY,
    winners=10,
    tie=Tie.ALL_AWARDED,
    counts=Counts.LIVE,
    votes_per_device=5,
)
HOUR = 3_600_000
#: LAW's before a law could say anything of the vote's end.
SOURCE_OF_BEFORE = "abf93a33005f7351"


def ms(*moment: int) -> int:
    """A moment in Shanghai, in milliseconds."""
    return int(datetime(*moment, tzinfo=SHANGHAI).timestamp() * 1000)


def rules(**changes: object) -> Rules:
    return replace(LAW.rules(1, "首次", 0), **{"opens_ms": 1000, "closes_ms": 2000} | changes)


@pytest.mark.parametrize(
    ("now_ms", "paused", "phase"),
    [
        (0, False, Phase.BEFORE),
        (999, False, Phase.BEFORE),
        (1000, False, Phase.OPEN),
        (1999, False, Phase.OPEN),
        (2000, False, Phase.CLOSED),
        (9999, False, Phase.CLOSED),
        (999, True, Phase.BEFORE),
        (1000, True, Phase.PAUSED),
        (1999, True, Phase.PAUSED),
        (2000, True, Phase.CLOSED),
    ],
)
def test_the_vote_is_open_from_the_first_moment_of_its_window_to_before_the_last(
    now_ms: int, paused: bool, phase: Phase
):
    assert rules().phase(now_ms, paused=paused) is phase


@pytest.mark.parametrize(
    ("counts", "now_ms", "shown"),
    [
        (Counts.LIVE, 999, False),
        (Counts.LIVE, 1000, True),
        (Counts.LIVE, 1999, True),
        (Counts.LIVE, 2000, True),
        (Counts.AFTER_CLOSE, 999, False),
        (Counts.AFTER_CLOSE, 1000, False),
        (Counts.AFTER_CLOSE, 1999, False),
        (Counts.AFTER_CLOSE, 2000, True),
    ],
)
def test_counts_are_shown_when_the_rules_say_so_and_never_before_the_vote_opens(
    counts: Counts, now_ms: int, shown: bool
):
    assert what_may_be_shown(rules(counts=counts), now_ms) == Shown(counts=shown)


QUIET = Closing(quiet_hours=1, quiet=Quiet.HIDDEN)
ROUNDED = Closing(quiet_hours=1, quiet=Quiet.ROUNDED, round_to=50)


@pytest.mark.parametrize(
    ("closing", "now_ms", "shown"),
    [
        (QUIET, HOUR - 1, Shown(counts=False)),
        (QUIET, HOUR, Shown(counts=True)),
        (QUIET, 4 * HOUR - 1, Shown(counts=True)),
        (QUIET, 4 * HOUR, Shown(counts=False, quiet=True)),
        (QUIET, 5 * HOUR - 1, Shown(counts=False, quiet=True)),
        (QUIET, 5 * HOUR, Shown(counts=True)),
        (ROUNDED, 4 * HOUR - 1, Shown(counts=True)),
        (ROUNDED, 4 * HOUR, Shown(counts=True, step=50, quiet=True)),
        (ROUNDED, 5 * HOUR, Shown(counts=True)),
        (replace(QUIET, quiet_hours=0), 5 * HOUR - 1, Shown(counts=True)),
        (replace(QUIET, quiet_hours=9), HOUR - 1, Shown(counts=False)),
        (replace(QUIET, quiet_hours=9), HOUR, Shown(counts=False, quiet=True)),
    ],
)
def test_in_the_quiet_hours_counts_are_hidden_or_rounded(
    closing: Closing, now_ms: int, shown: Shown
):
    live = rules(opens_ms=HOUR, closes_ms=5 * HOUR, closing=closing)
    assert what_may_be_shown(live, now_ms) == shown
    hidden = replace(live, counts=Counts.AFTER_CLOSE)
    assert hidden.quiet_ms is None, "counts that are never shown need no quiet"
    assert what_may_be_shown(hidden, now_ms) == Shown(counts=now_ms >= 5 * HOUR)


def test_an_extension_moves_the_quiet_hours_with_the_close():
    closing = rules(opens_ms=0, closes_ms=5 * HOUR, closing=QUIET)
    assert not what_may_be_shown(closing, 4 * HOUR).counts
    later = replace(closing, closes_ms=7 * HOUR)
    assert what_may_be_shown(later, 4 * HOUR).counts
    assert later.quiet_ms == 6 * HOUR


@given(
    st.dictionaries(st.integers(1, 30), st.integers(0, 500), max_size=30),
    st.dictionaries(st.integers(1, 30), st.integers(0, 500), max_size=30),
    st.integers(2, 200),
)
def test_whatever_happens_within_a_step_rounded_standings_are_the_same(
    tally: dict[int, int], more: dict[int, int], step: int
):
    """The same order, places and total, too: else the order would tell who is ahead."""

    def shown(votes: dict[int, int]) -> Standings:
        exact = Standings(1, False, rank(votes, votes))
        return as_shown(exact, Shown(counts=True, step=step, quiet=True))

    within = {n: v // step * step + more.get(n, 0) % step for n, v in tally.items()}
    assert shown(within) == shown(tally)
    assert all(row.votes % step == 0 for row in shown(tally).rows)
    assert all(0 <= tally[row.number] - row.votes < step for row in shown(tally).rows)


def test_hidden_standings_have_no_rows_and_exact_ones_are_the_same():
    exact = Standings(7, True, rank({1: 5, 2: 3}, [1, 2]))
    assert as_shown(exact, Shown(counts=True)) is exact
    assert as_shown(exact, Shown(counts=False, quiet=True)) == Standings(7, True, ())
    assert as_shown(exact, Shown(counts=False)).total_votes == 0


def test_a_law_that_makes_nothing_of_its_end_has_the_source_of_before():
    """Else every contest that is running would be refused at its next start."""
    assert LAW.source == SOURCE_OF_BEFORE
    off = Closing(quiet_hours=0, quiet=Quiet.ROUNDED, round_to=7, review_hours=0)
    assert replace(LAW, closing=off).source == SOURCE_OF_BEFORE


@pytest.mark.parametrize(
    "change",
    [
        {"quiet_hours": 2},
        {"quiet": Quiet.HIDDEN},
        {"round_to": 51},
        {"review_hours": 48},
        {"close_call": CloseCall.JURY},
        {"close_call": CloseCall.ALL_AWARDED},
    ],
)
def test_the_source_changes_with_every_part_of_the_end_that_makes_a_difference(change: dict):
    law = replace(LAW, closing=ROUNDED)
    assert replace(law, closing=replace(ROUNDED, **change)).source != law.source


def test_a_step_that_nobody_rounds_to_makes_no_difference():
    law = replace(LAW, closing=QUIET)
    assert replace(law, closing=replace(QUIET, round_to=7)).source == law.source


def test_the_end_comes_with_each_version():
    law = replace(LAW, closing=replace(QUIET, review_hours=48))
    made = law.rules(1, "", 0)
    assert made.closing == law.closing
    assert made.quiet_ms == made.closes_ms - HOUR
    assert made.review_until_ms == made.closes_ms + 48 * HOUR
    assert LAW.rules(1, "", 0).review_until_ms is None


@pytest.mark.parametrize(
    ("tally", "numbers", "expected"),
    [
        ({}, [], []),
        ({}, [2, 1], [(1, 1, 0), (1, 2, 0)]),
        ({1: 5, 2: 7, 3: 7, 4: 1}, [1, 2, 3, 4], [(1, 2, 7), (1, 3, 7), (3, 1, 5), (4, 4, 1)]),
        ({1: 9, 2: 4, 3: 4, 4: 4, 5: 1}, [5, 4, 3, 2, 1],
         [(1, 1, 9), (2, 2, 4), (2, 3, 4), (2, 4, 4), (5, 5, 1)]),
        ({1: 3, 2: 8}, [1], [(1, 1, 3)]),
        ({1: 3}, [1, 9], [(1, 1, 3), (2, 9, 0)]),
    ],
)  # fmt: skip
def test_equal_counts_share_a_place_and_the_places_after_it_are_skipped(
    tally: dict[int, int], numbers: list[int], expected: list[tuple[int, int, int]]
):
    assert rank(tally, numbers) == tuple(Standing(*row) for row in expected)


@given(st.dictionaries(st.integers(1, 40), st.integers(0, 6), max_size=40))
def test_a_rank_is_one_more_than_the_number_of_better_entries(tally: dict[int, int]):
    rows = rank(tally, tally)
    assert {row.number: row.votes for row in rows} == tally
    for row in rows:
        assert row.rank == 1 + sum(votes > row.votes for votes in tally.values())
    assert list(rows) == sorted(rows, key=lambda row: (-row.votes, row.number))


@pytest.mark.parametrize(
    ("number", "winners", "expected"),
    [
        (1, 2, Neighbours(above=None, below=2, to_win=0)),
        (2, 2, Neighbours(above=2, below=3, to_win=0)),
        (3, 2, Neighbours(above=2, below=3, to_win=0)),
        (4, 2, Neighbours(above=3, below=4, to_win=3)),
        (5, 2, Neighbours(above=4, below=None, to_win=7)),
        (4, 1, Neighbours(above=3, below=4, to_win=5)),
        (5, 5, Neighbours(above=4, below=None, to_win=1)),
        (5, 99, Neighbours(above=4, below=None, to_win=1)),
        (4, 99, Neighbours(above=3, below=4, to_win=0)),
    ],
)
def test_neighbours_are_the_nearest_other_counts_and_the_last_winning_place(
    number: int, winners: int, expected: Neighbours
):
    rows = rank({1: 9, 2: 7, 3: 7, 4: 4}, [1, 2, 3, 4, 5])
    mine = next(row for row in rows if row.number == number)
    assert neighbours(rows, mine, winners) == expected


def test_an_entry_alone_has_no_neighbours_and_is_in_with_its_first_vote():
    rows = rank({1: 1}, [1])
    assert neighbours(rows, rows[0], 10) == Neighbours(above=None, below=None, to_win=0)


@pytest.mark.parametrize(
    ("tally", "winning"),
    [
        ({}, []),
        ({1: 5}, [1]),
        ({1: 5, 2: 3, 3: 1}, [1, 2]),
        ({1: 5, 2: 3, 3: 3}, [1, 2, 3]),
        ({1: 5, 2: 5, 3: 3}, [1, 2]),
        ({1: 5, 2: 5, 3: 5}, [1, 2, 3]),
    ],
)
def test_who_shares_the_last_place_wins_and_nobody_wins_without_a_vote(
    tally: dict[int, int], winning: list[int]
):
    standings = Standings(0, False, rank(tally, [1, 2, 3, 4]))
    assert [row.number for row in standings.winning(2)] == winning


def test_without_a_vote_one_is_missing_to_win():
    rows = rank({1: 9}, [1, 2, 3])
    assert neighbours(rows, rows[1], 2) == Neighbours(above=9, below=None, to_win=1)


def test_standings_add_up_and_find_an_entry():
    standings = Standings(0, False, rank({1: 2, 2: 3}, [1, 2]))
    assert standings.total_votes == 5
    assert standings.of(1) == Standing(2, 1, 2)
    assert standings.of(7) is None


@pytest.mark.parametrize("size", [1, 2, 7, 12, 24, 60, 255, 256, 300])
@pytest.mark.parametrize("shuffle", [0, 1, 255])
def test_over_the_starts_of_a_shuffle_each_entry_comes_first_equally_often(
    size: int, shuffle: int
):
    entries = [an_entry(number) for number in range(1, size + 1)]
    firsts = Counter(shuffled(entries, shuffle << 8 | start)[0].number for start in range(256))
    often = [firsts[entry.number] for entry in entries]
    assert max(often) - min(often) <= 1
    assert sum(often) == 256


def test_the_same_order_gives_everybody_the_same_list_with_every_entry_once():
    entries = [an_entry(number) for number in range(1, 31)]
    other_way_round = list(reversed(entries))
    for order in (0, 1, 0x1F3A, ORDERS - 1):
        mixed = shuffled(entries, order)
        assert mixed == shuffled(other_way_round, order)
        assert sorted(mixed, key=lambda e: e.number) == entries
    assert shuffled([], 0x1F3A) == []


def test_another_shuffle_gives_an_entry_other_neighbours():
    entries = [an_entry(number) for number in range(1, 31)]
    assert shuffled(entries, 0x0100) != shuffled(entries, 0x0200)


def test_a_page_rendered_every_four_seconds_runs_through_all_starts():
    hour = 480_000 * HOUR
    orders = [order_at(hour + step * 4_000) for step in range(256)]
    assert {order & 255 for order in orders} == set(range(256))
    assert len({order >> 8 for order in orders}) == 1
    assert order_at(hour) == order_at(hour + 3_999)
    assert all(0 <= order < ORDERS for order in orders)


def test_every_hour_brings_another_shuffle_and_a_start_is_far_from_the_one_before():
    hour = 480_000 * HOUR
    assert len({order_at(hour + n * HOUR) >> 8 for n in range(256)}) == 256
    apart = (order_at(hour + 4_000) - order_at(hour)) & 255
    assert 32 < apart < 224


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (0, 0),
        (ms(1970, 1, 1, 23, 59, 59), 0),
        (ms(1970, 1, 2), 1),
        (ms(2025, 8, 1), 20301),
        (ms(2025, 8, 1) - 1, 20300),
        (ms(2025, 8, 1, 23, 59, 59) + 999, 20301),
        (ms(2025, 8, 2), 20302),
    ],
)
def test_a_day_begins_at_midnight_in_shanghai(at: int, day: int):
    assert day_of(at) == day


@given(st.integers(0, 4_000_000_000_000))
def test_the_day_is_the_one_that_voting_lua_computes(now_ms: int):
    assert day_of(now_ms) == (now_ms // 1000 + 28_800) // 86_400


def test_the_demo_s_window_is_from_yesterday_s_midnight_for_two_weeks():
    law = replace(LAW, opens="yesterday", closes="in two weeks")
    found = law.rules(1, "首次", ms(2025, 8, 20, 0, 30))
    assert found.opens_ms == ms(2025, 8, 19)
    assert found.closes_ms == ms(2025, 9, 2)


def test_yesterday_is_shanghai_s_yesterday():
    law = replace(LAW, opens="yesterday", closes="in two weeks")
    late_in_london = int(datetime(2025, 8, 19, 23, tzinfo=UTC).timestamp() * 1000)
    assert law.rules(1, "首次", late_in_london).opens_ms == ms(2025, 8, 19)


def test_a_written_window_is_what_was_written_and_may_end_by_the_demo_s_word():
    assert LAW.window(ms(2030, 1, 1)) == (LAW.opens, LAW.closes)
    opens, closes = replace(LAW, closes="in two weeks").window(0)
    assert closes - opens == timedelta(days=14)


@pytest.mark.parametrize("name", [field.name for field in fields(Law)])
def test_the_source_of_the_rules_changes_with_every_part_of_the_law(name: str):
    other = {
        "opens": "yesterday",
        "closes": "in two weeks",
        "votes_per_voter": 6,
        "votes_per_entry": 2,
        "period": Period.CONTEST,
        "winners": 11,
        "tie": Tie.JURY,
        "counts": Counts.AFTER_CLOSE,
        "votes_per_device": 3,
        "closing": Closing(quiet_hours=1),
    }
    assert replace(LAW, **{name: other[name]}).source != LAW.source


def test_only_a_device_has_the_quota_of_devices():
    rules = replace(LAW, votes_per_device=2).rules(1, "", 0)
    assert {one.name: rules.votes_of(one) for one in Identity} == {
        "DEMO": 5, "DEVICE": 2, "OPENID": 5,
    }  # fmt: skip


def test_the_source_is_the_same_whenever_it_is_asked_and_comes_with_each_version():
    relative = replace(LAW, opens="yesterday", closes="in two weeks")
    first, later = relative.rules(1, "", 0), relative.rules(2, "改", ms(2025, 8, 1))
    assert first.source == later.source == replace(relative).source
    assert (later.version, later.reason, later.since_ms) == (2, "改", ms(2025, 8, 1))


def test_an_entry_says_its_number_in_three_digits_and_whether_it_stands():
    assert an_entry(7).label == "007"
    assert an_entry(1234).label == "1234"
    assert an_entry(1, width=1080, height=1920).upright
    assert not an_entry(1, width=1080, height=1080).upright


def test_a_moment_is_what_shanghai_s_clocks_show():
    assert moment(1_754_965_805_999).isoformat(" ") == "2025-08-12 10:30:05"
