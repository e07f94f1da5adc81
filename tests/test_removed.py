"""What everybody is told of removed votes: never of a small group while the vote is open."""

from __future__ import annotations

from collections import Counter
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from voting.batch import Removal
from voting.case import Pattern
from voting.removed import SMALLEST, Group, groups

CATEGORIES = {1: "live", 2: "live", 3: "ai"}
ADDRESS, ROOM = Pattern.ONE_ADDRESS, Pattern.PHONE_ROOM


def told(*removals: Removal, ended: bool = False) -> list[tuple[int, str, Pattern | None, int]]:
    found = groups(removals, CATEGORIES, ended=ended)
    return [(one.day, one.category, one.pattern, one.votes) for one in found]


def test_nothing_removed_is_no_rows():
    assert told() == told(ended=True) == []


def test_votes_of_several_entries_are_one_group_by_day_category_and_reason():
    assert told(
        Removal(10, 1, ADDRESS, 12), Removal(10, 2, ADDRESS, 30), Removal(10, 3, ADDRESS, 25),
        Removal(10, 1, ROOM, 100), Removal(11, 1, ADDRESS, 20),
    ) == [
        (11, "live", ADDRESS, 20), (10, "live", ROOM, 100), (10, "live", ADDRESS, 42),
        (10, "ai", ADDRESS, 25),
    ]  # fmt: skip


def test_small_groups_of_a_day_are_told_together_or_not_at_all():
    small = (Removal(10, 1, ADDRESS, 19), Removal(11, 1, ADDRESS, 12), Removal(11, 3, ROOM, 8))
    assert told(*small) == [(11, "", None, 20)]
    assert told(Removal(10, 1, ROOM, 20), *small) == [
        (11, "", None, 20), (10, "live", ROOM, 20),
    ]  # fmt: skip


def test_once_the_vote_has_ended_everything_is_told():
    assert told(Removal(10, 1, ADDRESS, 1), Removal(9, 3, ROOM, 19), ended=True) == [
        (10, "live", ADDRESS, 1), (9, "ai", ROOM, 19),
    ]  # fmt: skip


def test_an_entry_that_isn_t_public_any_more_has_no_category():
    assert told(Removal(10, 99, ADDRESS, 50)) == [(10, "", ADDRESS, 50)]


def test_a_day_is_a_date():
    assert Group(20_000, "live", ADDRESS, 20).date == date(2024, 10, 4)


REMOVALS = st.lists(
    st.builds(
        Removal,
        day=st.integers(1, 3),
        entry=st.integers(1, 4),
        pattern=st.sampled_from(list(Pattern)),
        votes=st.integers(1, 60),
    ),
    max_size=30,
)


@given(REMOVALS)
def test_no_group_is_smaller_than_it_may_be_and_none_says_more_than_there_is(
    removals: list[Removal],
):
    live = groups(removals, CATEGORIES, ended=False)
    assert all(one.votes >= SMALLEST for one in live)
    everything = groups(removals, CATEGORIES, ended=True)
    assert sum(one.votes for one in everything) == sum(one.votes for one in removals)
    by_day: Counter[int] = Counter()
    for one in removals:
        by_day[one.day] += one.votes
    for day, votes in by_day.items():
        shown = sum(one.votes for one in live if one.day == day)
        assert 0 <= votes - shown < SMALLEST
    assert list(live) == sorted(live, key=lambda one: -one.day)
