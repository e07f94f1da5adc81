"""A run is read as it was written."""

from __future__ import annotations

from cases import a_world

from voting.case import PATTERN_WORDS, SIGN_WORDS, Pattern, Sign, read, write

NOW = 1_763_000_000_000


def test_a_run_is_read_as_it_was_written():
    run = a_world(NOW).run
    assert read(write(run)) == run
    assert read(write(run).encode()) == run


def test_every_pattern_and_every_sign_has_its_words():
    assert set(PATTERN_WORDS) == set(Pattern)
    assert set(SIGN_WORDS) == set(Sign)
