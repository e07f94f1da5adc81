"""What becomes of a ballot: one test a verdict, then each rule's edge, then who wrote what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from casting import NOW, OPEN_LAW, SIGNALS, Contest, a_ballot, now_ms

from voting.contest import Period, Verdict
from voting.store import keys
from voting.store.ballots import Record
from voting.store.client import StoreDown

MINUTE = 60_000


def test_a_first_ballot_is_accepted_and_says_what_is_left(contest: Contest):
    outcome = contest.cast(a_ballot())
    assert outcome.verdict is Verdict.ACCEPTED
    assert outcome.votes_left == 2
    assert contest.tally() == {1: 1}


def test_an_accepted_vote_is_a_row_of_the_ledger_with_all_its_signals(contest: Contest):
    before = now_ms()
    outcome = contest.cast(a_ballot(entry=2, voter=b"somebody"))
    (vote,) = contest.store.ledger.votes()
    assert vote.id == outcome.vote_id
    assert before - 5 <= vote.at_ms <= now_ms() + 5
    assert (vote.entry, vote.voter, vote.signals) == (2, b"somebody", SIGNALS)


def test_a_refused_ballot_writes_nothing(contest: Contest):
    contest.cast(a_ballot(entry=1))
    store = contest.store.law
    before = {key: store.dump(key) for key in store.keys("*")}
    refused = [a_ballot(entry=1), a_ballot(entry=4), a_ballot(issued_ms=now_ms() - 31 * MINUTE)]
    assert all(contest.cast(ballot).verdict is not Verdict.ACCEPTED for ballot in refused)
    assert {key: store.dump(key) for key in store.keys("*")} == before


def test_the_same_ballot_again_gives_the_same_answer_and_no_second_vote(contest: Contest):
    ballot = a_ballot()
    first = contest.cast(ballot)
    assert contest.cast(ballot) == first
    assert contest.tally() == {1: 1}
    assert len(list(contest.store.ledger.votes())) == 1


def test_a_ballot_answered_before_keeps_its_answer_after_the_vote_has_closed(contest: Contest):
    ballot = a_ballot()
    first = contest.cast(ballot)
    contest.change(closes=NOW - timedelta(minutes=1))
    assert contest.cast(ballot) == first


def test_a_ballot_answered_before_keeps_its_answer_past_its_own_life(contest: Contest):
    # 29:59.5 old when cast, so that a moment later its life is over.
    ballot = a_ballot(issued_ms=now_ms() - 30 * MINUTE + 500)
    first = contest.cast(ballot)
    assert first.verdict is Verdict.ACCEPTED
    while now_ms() < ballot.issued_ms + 30 * MINUTE + 5:
        assert contest.cast(ballot) == first
    assert contest.cast(ballot) == first


def test_a_replayed_ballot_does_not_count_again_on_the_next_day(contest: Contest):
    ballot = a_ballot()
    first = contest.cast(ballot)
    contest.next_day()
    again = contest.cast(ballot)
    assert (again.verdict, again.vote_id) == (Verdict.ACCEPTED, first.vote_id)
    assert contest.tally() == {1: 1}


def test_the_memory_of_a_ballot_outlives_the_ballot_and_no_more_than_that(contest: Contest):
    ballot = a_ballot()
    contest.cast(ballot)
    ends = contest.store.law.expiretime(keys.seen_key(0, ballot.id, ballot.issued_ms))
    half_hour = ballot.issued_ms // keys.HALF_HOUR_MS * 1800
    assert ends == half_hour + 3600


def test_what_must_last_as_long_as_the_contest_has_no_lifetime(contest: Contest):
    contest.cast(a_ballot())
    store = contest.store.law
    lasting = [k(shard=0) for k in (keys.RULES, keys.VOTERS, keys.TALLY, keys.LEDGER)]
    lasting += [k() for k in (keys.CONTEST, keys.VERSIONS, keys.ENTRIES, keys.OPERATORS_LOG)]
    assert {key: store.ttl(key) for key in lasting} == dict.fromkeys(lasting, -1)


def test_before_it_opens_nothing_counts(contest: Contest):
    contest.change(opens=NOW + timedelta(hours=1))
    assert contest.cast(a_ballot()).verdict is Verdict.NOT_OPEN


def test_after_it_closed_nothing_counts(contest: Contest):
    contest.change(closes=NOW - timedelta(seconds=1))
    assert contest.cast(a_ballot()).verdict is Verdict.CLOSED


def test_while_paused_nothing_counts_and_afterwards_it_goes_on(contest: Contest):
    contest.store.rules.pause("核查")
    assert contest.cast(a_ballot()).verdict is Verdict.PAUSED
    contest.store.rules.resume("核查完毕")
    assert contest.cast(a_ballot()).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("entry", [4, 5, 999])
def test_only_approved_entries_take_votes(contest: Contest, entry: int):
    assert contest.cast(a_ballot(entry=entry)).verdict is Verdict.ENTRY_NOT_VOTABLE


def test_once_withdraw_has_returned_no_vote_is_accepted(contest: Contest):
    contest.cast(a_ballot())
    contest.store.entries.withdraw(1, "版权争议")
    assert contest.cast(a_ballot(voter=b"bob.....")).verdict is Verdict.ENTRY_NOT_VOTABLE
    assert contest.tally() == {1: 1}, "it keeps its ledger"


def test_a_second_vote_for_the_same_entry_is_refused(contest: Contest):
    contest.cast(a_ballot())
    assert contest.cast(a_ballot()).verdict is Verdict.ALREADY_VOTED


def test_two_votes_an_entry_are_two_and_not_three(contest: Contest):
    contest.change(votes_per_entry=2)
    verdicts = [contest.cast(a_ballot()).verdict for _ in range(3)]
    assert verdicts == [Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.ALREADY_VOTED]


def test_the_quota_is_used_up_by_exactly_so_many_votes(contest: Contest):
    contest.change(votes_per_voter=2)
    outcomes = [contest.cast(a_ballot(entry=entry)) for entry in (1, 2, 3)]
    assert [o.votes_left for o in outcomes] == [1, 0, 0]
    assert outcomes[-1].verdict is Verdict.QUOTA_USED


def test_one_voter_s_quota_is_not_another_s(contest: Contest):
    contest.change(votes_per_voter=1)
    assert contest.cast(a_ballot(voter=b"alice...")).verdict is Verdict.ACCEPTED
    assert contest.cast(a_ballot(voter=b"bob.....")).verdict is Verdict.ACCEPTED


def test_the_next_day_brings_new_votes(contest: Contest):
    contest.cast(a_ballot())
    contest.next_day()
    again = contest.cast(a_ballot())
    assert (again.verdict, again.votes_left) == (Verdict.ACCEPTED, 2)


def test_a_quota_for_the_whole_contest_does_not_come_back(contest: Contest):
    contest.change(period=Period.CONTEST)
    contest.cast(a_ballot())
    contest.next_day()
    assert contest.cast(a_ballot()).verdict is Verdict.ALREADY_VOTED


def test_midnight_is_midnight_in_shanghai(contest: Contest):
    assert contest.store.law.hget(keys.RULES(shard=0), "utc_offset_s") == b"28800"


def test_a_ballot_lives_half_an_hour(contest: Contest):
    old = a_ballot(issued_ms=now_ms() - 30 * MINUTE)
    young = a_ballot(issued_ms=now_ms() - 30 * MINUTE + 5_000)
    assert contest.cast(old).verdict is Verdict.BALLOT_EXPIRED
    assert contest.cast(young).verdict is Verdict.ACCEPTED


def test_a_ballot_from_the_future_is_no_ballot_but_clocks_may_differ_by_a_minute(contest: Contest):
    future = a_ballot(issued_ms=now_ms() + 2 * MINUTE)
    differing = a_ballot(issued_ms=now_ms() + 30_000)
    assert contest.cast(future).verdict is Verdict.BALLOT_INVALID
    assert contest.cast(differing).verdict is Verdict.ACCEPTED


def test_new_rules_are_in_force_as_soon_as_apply_returns(contest: Contest):
    contest.cast(a_ballot(entry=1))
    contest.change(votes_per_voter=1)
    assert contest.cast(a_ballot(entry=2)).verdict is Verdict.QUOTA_USED


def test_a_store_without_a_contest_takes_no_vote(contest: Contest):
    contest.store.law.flushall()
    with pytest.raises(StoreDown, match="holds another contest, or none"):
        contest.cast(a_ballot())


def test_a_store_that_lost_its_rules_takes_no_vote(contest: Contest):
    contest.cast(a_ballot(entry=1))
    contest.store.law.delete(keys.RULES(shard=0))
    with pytest.raises(StoreDown, match="the store holds no rules"):
        contest.cast(a_ballot(entry=2))


def test_a_store_that_forgot_the_script_gets_it_again(contest: Contest):
    contest.cast(a_ballot())
    contest.store.law.script_flush()
    assert contest.cast(a_ballot(entry=2)).verdict is Verdict.ACCEPTED


def test_many_ballots_in_one_round_trip_are_decided_one_by_one(contest: Contest):
    ballots = [a_ballot(entry=1), a_ballot(entry=1), a_ballot(entry=2)]
    outcomes = contest.store.ballots.cast_all([(ballot, SIGNALS) for ballot in ballots])
    verdicts = [outcome.verdict for outcome in outcomes]
    assert verdicts == [Verdict.ACCEPTED, Verdict.ALREADY_VOTED, Verdict.ACCEPTED]


def test_a_voter_s_record_holds_the_current_period_only(contest: Contest):
    contest.cast(a_ballot(entry=3))
    contest.cast(a_ballot(entry=1))
    rules = contest.store.rules.versions()[-1]
    record = contest.store.ballots.record(b"alice...", rules, now_ms())
    assert record == Record((3, 1))
    assert record.votes_left(rules) == 1
    tomorrow = now_ms() + 86_400_000
    assert contest.store.ballots.record(b"alice...", rules, tomorrow) == Record(())
    assert contest.store.ballots.record(b"nobody..", rules, now_ms()) == Record(())


def test_a_store_that_could_lose_votes_takes_none(contest: Contest):
    contest.store.law.config_set("appendfsync", "everysec")
    try:
        with pytest.raises(StoreDown, match="wrong"):
            contest.cast(a_ballot())
    finally:
        contest.store.law.config_set("appendfsync", "always")
    assert contest.cast(a_ballot()).verdict is Verdict.ACCEPTED


def test_on_three_shards_votes_add_up_and_every_rule_holds(sharded: Contest):
    voters = [bytes([0, 0, 0, n, 1, 2, 3, 4]) for n in range(30)]
    for voter in voters:
        assert sharded.cast(a_ballot(voter=voter)).verdict is Verdict.ACCEPTED
        assert sharded.cast(a_ballot(voter=voter)).verdict is Verdict.ALREADY_VOTED
    assert sharded.tally() == {1: 30}
    assert all(sharded.store.law.xlen(keys.LEDGER(shard=shard)) == 10 for shard in range(3))
    assert sharded.store.ledger.recount() == sharded.store.ledger.tally()
    sharded.store.entries.withdraw(1, "版权争议")
    later = [sharded.cast(a_ballot(voter=voter + b"")).verdict for voter in voters]
    assert set(later) == {Verdict.ENTRY_NOT_VOTABLE}


def test_the_law_in_these_tests_is_what_it_says(contest: Contest):
    found = contest.store.rules.versions()[-1]
    assert (found.votes_per_voter, found.votes_per_entry, found.source) == (3, 1, OPEN_LAW.source)
