"""A sheet to text and back, and how small it is."""

from __future__ import annotations

import time

import pytest
from cases import World, a_world

from voting.sheet import MOST_BYTES, Series, read, write


@pytest.fixture(scope="module")
def world() -> World:
    return a_world(int(time.time() * 1000))


def test_a_sheet_comes_back_as_it_was(world: World):
    for sheet in world.sheets.values():
        assert read(write(sheet)) == sheet
        assert read(write(sheet).encode()) == sheet


def test_a_sheet_is_small(world: World):
    assert max(len(write(sheet).encode()) for sheet in world.sheets.values()) < MOST_BYTES / 2


def test_a_series_ends_where_its_last_step_does():
    assert Series(1_000, 10, (1, 2, 3), (0, 0, 0)).end_ms == 1_030
