"""Refusals are counted without a word to the store, and written in one go."""

from __future__ import annotations

from collections import Counter

import pytest
from casting import Contest

from voting.store import keys
from voting.store.client import StoreDown, open_client
from voting.store.refusals import Refusals

DAY_MS = 86_400_000
NOON = 20_400 * DAY_MS + 4 * 3_600_000  # in Shanghai


def test_nothing_is_sent_before_it_is_written(contest: Contest):
    refusals = Refusals(contest.store.law)
    refusals.count("quota_used", NOON)
    assert refusals.of([20_400]) == [Counter()]
    refusals.write()
    assert refusals.of([20_400]) == [Counter(quota_used=1)]


def test_each_day_counts_for_itself_and_midnight_is_shanghai_s(contest: Contest):
    refusals = Refusals(contest.store.law)
    for at_ms in (NOON, NOON + 12 * 3_600_000 - 1, NOON + 12 * 3_600_000):
        refusals.count("closed", at_ms)
    refusals.count("paused", NOON)
    refusals.write()
    assert refusals.of(range(20_399, 20_402)) == [
        Counter(), Counter(closed=2, paused=1), Counter(closed=1)
    ]  # fmt: skip


def test_writing_twice_counts_once_and_processes_add_up(contest: Contest):
    one, other = Refusals(contest.store.law), Refusals(contest.store.law)
    for refusals in (one, other, one):
        refusals.count("already_voted", NOON)
    for refusals in (one, one, other):
        refusals.write()
    assert one.of([20_400]) == [Counter(already_voted=3)]


def test_while_the_store_is_away_the_counts_wait(contest: Contest):
    refusals = Refusals(open_client("unix:///tmp/nobody.sock", timeout_s=0.5, retries=0))
    refusals.count("store_unavailable", NOON)
    refusals.write()
    refusals.count("store_unavailable", NOON)
    with pytest.raises(StoreDown):
        refusals.of([20_400])
    refusals.law = contest.store.law
    refusals.write()
    assert refusals.of([20_400]) == [Counter(store_unavailable=2)]


def test_without_refusals_no_key_is_made(contest: Contest):
    Refusals(contest.store.law).write()
    assert not contest.store.law.exists(keys.REFUSED(day=20_400))
