"""The figures are what a naive count gives, however the rows come in."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from voting.contest import SHANGHAI, Identity, day_of, rank
from voting.figures import (
    ABOVE,
    BELOW,
    DAY_MS,
    HOUR_MS,
    Day,
    Figures,
    Row,
    day_of_hour,
    days_of,
    first_hour_of,
)

START = int(datetime(2025, 8, 1, tzinfo=SHANGHAI).timestamp() * 1000)
ROWS = st.lists(
    st.tuples(
        st.integers(1, 30),
        st.integers(START, START + 3 * DAY_MS),
        st.sampled_from([b"alice...", b"bob.....", b"carol...", b"dave....", b"erin...."]),
        st.sampled_from(list(Identity)),
    ),
    max_size=120,
)


def counted(*portions: list[Row]) -> Figures:
    figures = Figures()
    for rows in portions:
        figures.add(rows)
    return figures


@given(ROWS)
def test_votes_and_voters_are_what_a_naive_count_gives(rows: list[Row]):
    seen = counted(rows).overview()
    assert seen.rows == len(rows)
    hours = Counter(at // HOUR_MS for _, at, _, _ in rows)
    demo = Counter(at // HOUR_MS for _, at, _, who in rows if who == Identity.DEMO)
    assert seen.hours == [(hour, hours[hour], demo[hour]) for hour in sorted(hours)]
    voters = defaultdict(set)
    for _, at, voter, who in rows:
        if who != Identity.DEMO:
            voters[day_of(at)].add(voter)
    days = Counter(day_of(at) for _, at, _, _ in rows)
    assert {one.day: (one.votes, one.voters) for one in seen.days} == {
        day: (votes, len(voters[day])) for day, votes in days.items()
    }
    assert seen.voters == len(set().union(*voters.values()))
    assert seen.identities == Counter(who for _, _, _, who in rows)


@given(ROWS)
def test_an_entry_s_hours_are_its_own(rows: list[Row]):
    figures = counted(rows)
    for entry in range(1, 31):
        mine = counted([row for row in rows if row[0] == entry])
        assert figures.hours(entry) == mine.hours()


@given(ROWS, st.integers(0, 120), st.randoms(use_true_random=False))
def test_in_portions_and_in_any_order_it_is_the_same(rows: list[Row], cut: int, random):
    mixed = random.sample(rows, len(rows))
    one, other = counted(rows), counted(mixed[:cut], mixed[cut:])
    assert one.overview() == other.overview()
    assert one.race(range(1, 31), 10) == other.race(range(1, 31), 10)
    assert one.touched == other.touched == {row[0] for row in rows}


@given(ROWS, st.integers(1, 12))
def test_the_race_s_places_are_those_of_the_ranking(rows: list[Row], winners: int):
    numbers = range(1, 26)  # the others were withdrawn: their votes count for nobody's place
    race = counted(rows).race(numbers, winners)
    for at, hour in enumerate(race.hours):
        until = Counter(row[0] for row in rows if row[1] // HOUR_MS <= hour)
        places = {row.number: row for row in rank(until, numbers)}
        for runner in race.runners:
            place = places[runner.number]
            assert runner.ranks[at] == (place.rank if place.votes else 0)
    final = rank(Counter(row[0] for row in rows), numbers)
    voted = [row.number for row in final if row.votes]
    line = min(winners, len(voted))
    assert [one.number for one in race.runners] == voted[max(0, line - ABOVE) : line + BELOW]


@given(st.integers(START, START + 40 * DAY_MS))
def test_days_are_the_contest_s_own(at_ms: int):
    hour = at_ms // HOUR_MS
    assert day_of_hour(hour) == day_of(at_ms)
    assert day_of_hour(first_hour_of(day_of(at_ms))) == day_of(at_ms)
    assert day_of_hour(first_hour_of(day_of(at_ms)) - 1) == day_of(at_ms) - 1


def votes(entry: int, hour: int, count: int) -> list[Row]:
    at = START + hour * HOUR_MS
    return [(entry, at, b"%08d" % n, Identity.DEVICE) for n in range(count)]


def test_since_is_the_hour_of_the_last_crossing():
    """Entry 2 leads, 1 overtakes it in hour 3, and stays ahead."""
    rows = votes(2, 0, 2) + votes(1, 1, 1) + votes(1, 3, 2) + votes(1, 5, 1)
    first, second = counted(rows).race([1, 2, 3], winners=1).runners
    hour = START // HOUR_MS
    assert (first.number, first.inside, first.since) == (1, True, hour + 3)
    assert first.ranks == [0, 2, 1, 1]
    assert (second.number, second.inside, second.since) == (2, False, hour + 3)


def test_one_who_was_always_in_is_in_since_the_first_vote():
    (runner,) = counted(votes(7, 0, 1) + votes(7, 4, 1)).race([7, 8], winners=10).runners
    assert (runner.inside, runner.since) == (True, START // HOUR_MS)


def test_nothing_counted_is_nothing_drawn():
    assert not Figures().overview().hours
    assert not Figures().race([1, 2], winners=10).runners
    assert Figures().hours(3) == []


def test_hours_without_voters_add_up_to_days_without_them():
    hours = [(first_hour_of(20_000), 3, 1), (first_hour_of(20_000) + 5, 2, 0)]
    assert days_of(hours) == [Day(20_000, 5, 1)]
