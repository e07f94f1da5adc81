"""What a sheet counts is what the ledger holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from cases import Cast, Maker, World, a_world, votes_of
from hypothesis import given, settings
from hypothesis import strategies as st

from voting.contest import Identity, Signals
from voting.scrutiny.sheets import (
    CLOSE_BARS,
    HOUR_MS,
    LISTED,
    MOST_STEPS,
    NAME_CHARS,
    Names,
    Pen,
)
from voting.sheet import MOST_BYTES, Sheet, write

NOW = 1_763_000_000_000


@pytest.fixture(scope="module")
def world() -> World:
    return a_world(NOW)


def drawn(casts: tuple[Cast, ...], case: str, entries: list[int]) -> Sheet:
    votes, names = votes_of(casts)
    rows = np.array([n for n, one in enumerate(casts) if one.case == case], np.int64)
    codes = [votes.entries.index(str(entry)) for entry in entries]
    return Pen(votes, names).draw(rows, codes)


def test_each_vote_of_the_entry_is_counted_once(world: World):
    per_entry = Counter(one.entry for one in world.casts)
    for case in world.run.cases:
        sheet = world.sheets[case.id]
        total = sum(per_entry[int(entry)] for entry, _ in case.entries)
        assert sheet.case + sheet.others == total
        assert sum(sheet.whole.case) == sheet.case
        assert sum(sheet.whole.others) == sheet.others
        assert sum(sheet.close.case) == sheet.case, "the close look holds the whole case"
        for spread in (sheet.dwell, sheet.watched):
            assert sum(spread.case) + spread.unknown_case == sheet.case
            assert sum(spread.others) + spread.unknown_others == sheet.others
        assert sum(sheet.gaps.others) == max(0, sheet.others - 1)
        assert sum(one.case for one in sheet.identities) == sheet.case
        assert sum(one.others for one in sheet.identities) == sheet.others


def test_the_tells_of_each_case_show_in_its_sheet(world: World):
    one = world.sheets["c-address"]
    assert (one.addresses.distinct, one.addresses.rows[0].case) == (1, 168)
    assert abs(one.gaps.median_case - 41) < 2 < one.gaps.median_others
    assert one.dwell.median_case < 3 < one.dwell.median_others
    network = world.sheets["c-network"].networks
    assert (network.distinct, network.case, network.others, network.elsewhere) == (1, 96, 0, 0)
    phones = world.sheets["c-phones"].voters
    assert (phones.case, phones.also) == (40, 0)
    together = world.sheets["c-lockstep"].voters
    assert together.case == 30
    marker = world.sheets["c-marker"].shares
    assert (marker.distinct, marker.rows[0].case, marker.elsewhere) == (1, 54, 0)
    assert [(c.identity, c.case) for c in world.sheets["c-crowd"].identities] == [
        (Identity.OPENID, 0), (Identity.DEVICE, 80),
    ]  # fmt: skip


def test_where_only_a_number_is_known_the_entry_is_drawn_alone(world: World):
    sheet = world.sheets["c-surge"]
    assert sheet.case == 0 < sheet.others
    assert sheet.close.case == () == sheet.networks.rows
    assert sum(sheet.whole.others) == sheet.others
    assert len(sheet.whole.usual) == len(sheet.whole.others)


def test_the_usual_course_has_as_many_votes_as_the_entry_without_the_case(world: World):
    for sheet in world.sheets.values():
        assert abs(sum(sheet.whole.usual) - sheet.others) < 0.05 * sheet.others + 40


def test_others_at_the_same_place_and_elsewhere_are_told_apart():
    maker = Maker(NOW)
    here = Signals(Identity.DEVICE, b"addr01", b"netw01", b"ua01", bytes(4), 3_000, 0)
    people = [maker.voter() for _ in range(6)]
    casts = tuple(
        Cast(NOW + n, entry, people[who], here, case)
        for n, (entry, who, case) in enumerate(
            [(1, 0, "x"), (1, 1, "x"), (1, 2, ""), (2, 0, ""), (2, 3, ""), (3, 0, "")]
        )
    )
    sheet = drawn(casts, "x", [1])
    assert [(s.case, s.others, s.elsewhere) for s in sheet.networks.rows] == [(2, 1, 3)]
    assert sheet.networks.rows[0].name == b"netw01".hex()[:NAME_CHARS]
    assert (sheet.shares.distinct, sheet.shares.without) == (0, 2)
    voters = sheet.voters
    assert (voters.case, voters.also, voters.votes) == (2, 1, 2)
    assert (voters.others, voters.others_also) == (1, 0)
    assert dict(voters.entries) == {"2": 1, "3": 1}


def test_without_names_nothing_is_named(world: World):
    votes, _ = votes_of(world.casts)
    sheet = Pen(votes).draw(np.array([0, 1, 2]), [0])
    assert {row.name for row in sheet.networks.rows} == {""}


def test_what_is_not_known_is_counted_as_unknown():
    signals = Signals(Identity.OPENID, bytes(6), bytes(6), bytes(4), bytes(4), 0, 0)
    casts = tuple(Cast(NOW + n, 1, bytes([n] * 8), signals, "x" if n else "") for n in range(3))
    sheet = drawn(casts, "x", [1])
    assert (sheet.dwell.unknown_case, sheet.dwell.unknown_others) == (2, 1)
    assert (sheet.dwell.median_case, sheet.gaps.median_others) == (-1, -1)
    assert sheet.watched.case[0] == 2, "a film that wasn't watched was watched for 0 seconds"
    assert sheet.networks == replace(sheet.networks, distinct=0, without=2, rows=())


def test_a_long_contest_and_a_large_case_stay_small():
    maker = Maker(NOW)
    maker.group("big", [1, 2, 3], 20_000, NOW - 60 * 24 * HOUR_MS, 250.0, 0.9, nets=3_000,
                addresses=9_000, agents=500, phones=7_000)  # fmt: skip
    maker.honest()
    casts = tuple(sorted(maker.casts, key=lambda one: one.at_ms))
    sheet = drawn(casts, "big", [1, 2, 3])
    assert len(sheet.whole.case) <= MOST_STEPS + 1
    assert len(sheet.close.case) <= CLOSE_BARS + 2
    assert len(sheet.networks.rows) == LISTED
    assert len(write(sheet).encode()) < MOST_BYTES


def test_the_same_ledger_gives_the_same_sheets(world: World):
    assert a_world(NOW).sheets == world.sheets


MOMENTS = st.integers(0, 40 * 24 * HOUR_MS)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(MOMENTS, st.integers(1, 4), st.booleans()), min_size=1, max_size=30))
def test_any_ledger_can_be_drawn(rows: list[tuple[int, int, bool]]):
    maker = Maker(NOW)
    casts = tuple(
        Cast(NOW + at, entry, maker.voter(), Signals(Identity.DEVICE, maker.bits(6), bytes(6),
             b"ua..", bytes(4), 10, 0), "x" if mine else "")
        for at, entry, mine in sorted(rows)
    )  # fmt: skip
    entries = sorted({one.entry for one in casts})
    sheet = drawn(casts, "x", entries)
    assert sum(sheet.whole.case) == sheet.case == sum(sheet.close.case)
    assert sum(sheet.whole.others) == sheet.others


def test_names_are_asked_for_what_is_listed_only(world: World):
    votes, names = votes_of(world.casts)
    asked: list[int] = []

    def name(code: int) -> str:
        asked.append(code)
        return names.net(code)

    rows = np.flatnonzero(votes.entry == 0)
    Pen(votes, Names(net=name)).draw(rows, [0])
    assert len(asked) == LISTED
