"""What becomes of a ballot: one test a verdict, then each rule's edge, then who wrote what."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from casting import NOW, OPEN_LAW, SIGNALS, Contest, a_ballot, now_ms

from voting.contest import Identity, Period, Verdict
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


def test_a_device_has_a_quota_of_its_own_and_an_account_the_whole(contest: Contest):
    contest.change(votes_per_device=1)
    assert contest.cast(a_ballot(entry=1)).votes_left == 0
    assert contest.cast(a_ballot(entry=2)).verdict is Verdict.QUOTA_USED
    account = [a_ballot(entry=n, voter=b"account.") for n in (1, 2, 3)]
    left = [contest.cast(ballot, Identity.OPENID).votes_left for ballot in account]
    assert left == [2, 1, 0]


def test_where_only_accounts_may_vote_a_device_is_sent_to_wechat(contest: Contest):
    contest.change(votes_per_device=0)
    outcome = contest.cast(a_ballot())
    assert (outcome.verdict, outcome.votes_left) == (Verdict.WECHAT_REQUIRED, 0)
    assert contest.cast(a_ballot(), Identity.OPENID).verdict is Verdict.ACCEPTED
    assert contest.tally() == {1: 1}


def test_rules_from_before_devices_had_a_quota_give_them_the_whole(contest: Contest):
    store = contest.store.law
    store.hdel(keys.RULES(shard=0), "votes_per_device")
    version = json.loads(store.lindex(keys.VERSIONS(), 0))
    del version["votes_per_device"]
    store.lset(keys.VERSIONS(), 0, json.dumps(version))
    assert contest.cast(a_ballot()).votes_left == 2
    assert contest.store.rules.versions()[0].votes_per_device == 3
    contest.store.rules.open("test", contest.law, now_ms())  # and it is still the same law


def adopted_entries(contest: Contest, voter: bytes = b"account.") -> tuple[int, ...]:
    rules = contest.store.rules.versions()[-1]
    return contest.store.ballots.record(voter, rules, now_ms()).voted


def test_what_a_device_cast_today_counts_against_the_account_that_signs_in(contest: Contest):
    contest.cast(a_ballot(entry=2))
    contest.store.ballots.adopt(b"alice...", b"account.")
    assert adopted_entries(contest) == (2,)
    again = contest.cast(a_ballot(entry=2, voter=b"account."), Identity.OPENID)
    assert again.verdict is Verdict.ALREADY_VOTED
    other = contest.cast(a_ballot(entry=1, voter=b"account."), Identity.OPENID)
    assert (other.verdict, other.votes_left) == (Verdict.ACCEPTED, 1)
    assert contest.tally() == {1: 1, 2: 1}


def test_signing_in_again_counts_only_what_is_new(contest: Contest):
    contest.cast(a_ballot(entry=2))
    for _ in range(3):
        contest.store.ballots.adopt(b"alice...", b"account.")
    assert adopted_entries(contest) == (2,)
    contest.cast(a_ballot(entry=3))
    contest.store.ballots.adopt(b"alice...", b"account.")
    assert adopted_entries(contest) == (2, 3)
    contest.store.ballots.adopt(b"alice...", b"another.")
    assert adopted_entries(contest, b"another.") == (2, 3)


def test_votes_of_an_account_and_of_its_devices_add_up(contest: Contest):
    contest.cast(a_ballot(entry=1, voter=b"account."), Identity.OPENID)
    contest.cast(a_ballot(entry=2, voter=b"phone..."))
    contest.cast(a_ballot(entry=3, voter=b"laptop.."))
    contest.store.ballots.adopt(b"phone...", b"account.")
    contest.store.ballots.adopt(b"laptop..", b"account.")
    assert adopted_entries(contest) == (1, 2, 3)
    refused = contest.cast(a_ballot(entry=1, voter=b"account."), Identity.OPENID)
    assert (refused.verdict, refused.votes_left) == (Verdict.ALREADY_VOTED, 0)


def test_a_device_that_cast_nothing_has_nothing_to_adopt(contest: Contest):
    contest.store.ballots.adopt(b"nobody..", b"account.")
    assert contest.store.law.hlen(keys.VOTERS(shard=0)) == 0
    assert not contest.store.law.exists(keys.ADOPTED(shard=0))


def test_yesterday_s_votes_count_for_yesterday(contest: Contest):
    contest.cast(a_ballot(entry=1))
    contest.store.ballots.adopt(b"alice...", b"account.")
    contest.next_day()
    contest.store.ballots.adopt(b"alice...", b"account.")
    first = contest.cast(a_ballot(entry=1, voter=b"account."), Identity.OPENID)
    assert (first.verdict, first.votes_left) == (Verdict.ACCEPTED, 2)
    contest.store.ballots.adopt(b"alice...", b"account.")  # a record of yesterday changes nothing
    assert contest.cast(a_ballot(entry=2, voter=b"account."), Identity.OPENID).votes_left == 1
    contest.cast(a_ballot(entry=3))
    contest.store.ballots.adopt(b"alice...", b"account.")
    assert contest.cast(a_ballot(entry=3, voter=b"account."), Identity.OPENID).votes_left == 0


def test_a_device_s_votes_of_yesterday_are_not_counted_today(contest: Contest):
    contest.cast(a_ballot(entry=1))
    contest.next_day()
    contest.cast(a_ballot(entry=2, voter=b"account."), Identity.OPENID)
    contest.store.ballots.adopt(b"alice...", b"account.")
    assert contest.cast(a_ballot(entry=3, voter=b"account."), Identity.OPENID).votes_left == 1


def test_an_account_s_votes_of_yesterday_make_no_room_today(contest: Contest):
    contest.cast(a_ballot(entry=1, voter=b"account."), Identity.OPENID)
    contest.next_day()
    contest.cast(a_ballot(entry=1))
    contest.store.ballots.adopt(b"alice...", b"account.")
    again = contest.cast(a_ballot(entry=1, voter=b"account."), Identity.OPENID)
    assert (again.verdict, again.votes_left) == (Verdict.ALREADY_VOTED, 2)


def test_a_late_look_at_a_device_s_record_takes_nothing_back(contest: Contest):
    """Two sign-ins at once: the one that read less comes last."""
    ballots = contest.store.ballots
    names = [keys.VOTERS(shard=0), keys.ADOPTED(shard=0)]
    contest.cast(a_ballot(entry=1))
    less = contest.store.law.hget(keys.VOTERS(shard=0), b"alice...")
    contest.cast(a_ballot(entry=2))
    ballots.adopt(b"alice...", b"account.")
    ballots.adopting(names, [b"account.", b"alice...", less])
    ballots.adopt(b"alice...", b"account.")
    assert adopted_entries(contest) == (1, 2)


def test_accounts_and_devices_may_lie_in_different_shards(sharded: Contest):
    device, account = bytes([0, 0, 0, 1, 1, 1, 1, 1]), bytes([0, 0, 0, 2, 2, 2, 2, 2])
    sharded.cast(a_ballot(entry=2, voter=device))
    for _ in range(2):
        sharded.store.ballots.adopt(device, account)
    assert sharded.cast(a_ballot(entry=1, voter=account), Identity.OPENID).votes_left == 1


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
    assert record.votes_left(rules, Identity.DEVICE) == 1
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
