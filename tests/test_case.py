"""A run is read as it was written."""

from __future__ import annotations

import json

import pytest
from cases import a_world

from voting.case import PATTERN_WORDS, SIGN_WORDS, Case, Effect, Pattern, Sign, read, write

NOW = 1_763_000_000_000


def test_a_run_is_read_as_it_was_written():
    run = a_world(NOW).run
    assert read(write(run)) == run
    assert read(write(run).encode()) == run


def test_every_pattern_and_every_sign_has_its_words():
    assert set(PATTERN_WORDS) == set(Pattern)
    assert set(SIGN_WORDS) == set(Sign)


@pytest.mark.parametrize("field", ["pattern", "finding"])
def test_an_unknown_word_is_refused(field):
    told = json.loads(write(a_world(NOW).run))
    told["cases"][0][field] = "astrology"
    with pytest.raises(ValueError, match="astrology"):
        read(json.dumps(told))


def test_an_unknown_sign_is_refused():
    told = json.loads(write(a_world(NOW).run))
    told["cases"][0]["evidence"][0]["sign"] = "astrology"
    with pytest.raises(ValueError, match="astrology"):
        read(json.dumps(told))


@pytest.mark.parametrize("which", ["run", "case"])
def test_a_field_too_many_is_refused(which):
    told = json.loads(write(a_world(NOW).run))
    (told if which == "run" else told["cases"][0])["mood"] = 1
    with pytest.raises(TypeError, match="mood"):
        read(json.dumps(told))


def test_an_effect_changes_the_winners_if_somebody_leaves_or_enters():
    assert not Effect(places=(("3", 2, 5),)).changes_winners
    assert Effect(leave=("3",)).changes_winners
    assert Effect(enter=("7",)).changes_winners


def test_the_signs_of_a_case_are_those_of_its_evidence():
    case: Case = a_world(NOW).run.cases[0]
    assert case.signs == {one.sign for one in case.evidence}
