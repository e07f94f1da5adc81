"""Numbers, states, and who may be voted for, also when two organizers act at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from casting import Contest, a_ballot
from works import an_entry

from voting.contest import EntryState, Verdict
from voting.store import keys
from voting.store.entries import (
    LAST_NUMBER,
    AlreadyThere,
    NoSuchEntry,
    read_entry,
    write_entry,
)
from voting.store.log import Kind


def votable(contest: Contest, number: int) -> list[bool]:
    """Whether voting.lua takes votes for it, shard by shard."""
    shards = range(contest.store.entries.shards)
    law = contest.store.law
    return [bool(law.hexists(keys.RULES(shard=shard), str(number))) for shard in shards]


def catalogue_version(contest: Contest) -> int:
    return int(contest.store.law.hget(keys.CONTEST(), "catalogue"))


def test_numbers_are_given_in_order_and_pending_whatever_the_entry_says(contest: Contest):
    added = contest.store.entries.add(an_entry(77, state=EntryState.APPROVED))
    assert (added.number, added.state) == (5, EntryState.PENDING)
    assert contest.store.entries.add(an_entry(78)).number == 6
    assert not any(votable(contest, 5))


def test_an_entry_comes_back_as_it_was_stored(contest: Contest):
    entry = an_entry(9, title='“引号” "and" \\ 䶮', introduction="一\n二\t三", seconds=12.345)
    added = contest.store.entries.add(entry)
    assert contest.store.entries.all()[added.number] == replace(entry, number=added.number)
    assert read_entry(write_entry(added)) == added


def test_all_entries_come_in_the_order_of_their_numbers(contest: Contest):
    for number in range(28, 20, -1):
        contest.store.entries.add(an_entry(number))
    assert list(contest.store.entries.all()) == list(range(1, 13))


def test_there_are_no_more_entries_than_a_ledger_row_can_name(contest: Contest):
    contest.store.law.hset(keys.CONTEST(), "last_number", LAST_NUMBER)
    with pytest.raises(ValueError, match=str(LAST_NUMBER)):
        contest.store.entries.add(an_entry(9))
    assert LAST_NUMBER + 1 not in contest.store.entries.all()


def test_twenty_entries_added_by_five_hands_at_once_have_twenty_numbers(contest: Contest):
    with ThreadPoolExecutor(5) as hands:
        works = [an_entry(number) for number in range(31, 51)]
        added = list(hands.map(lambda work: contest.store.entries.add(work).number, works))
    assert sorted(added) == list(range(5, 25))


def test_the_same_video_added_by_five_hands_at_once_is_one_entry(contest: Contest):
    def add(form: int) -> int:
        try:
            return contest.store.entries.add(an_entry(9, form_sha256=f"{form:064x}")).number
        except AlreadyThere as there:
            return -there.entry.number

    with ThreadPoolExecutor(5) as hands:
        assert sorted(hands.map(add, range(5))) == [-5, -5, -5, -5, 5]
    assert contest.store.entries.add(an_entry(10)).number == 6


def test_the_same_pictures_in_another_file_are_the_same_video(contest: Contest):
    added = contest.store.entries.add(an_entry(9, content_sha256="c" * 64))
    with pytest.raises(AlreadyThere) as caught:
        contest.store.entries.add(an_entry(10, content_sha256="c" * 64))
    assert caught.value.entry == added


def test_only_an_approved_entry_is_votable_in_every_shard(sharded: Contest):
    entries = sharded.store.entries
    assert votable(sharded, 4) == [False] * 3
    assert entries.approve(4, "审核通过").state is EntryState.APPROVED
    assert votable(sharded, 4) == [True] * 3
    assert entries.withdraw(4, "争议").state is EntryState.WITHDRAWN
    assert votable(sharded, 4) == [False] * 3
    entries.approve(4, "争议已解决")
    assert votable(sharded, 4) == [True] * 3


def test_a_withdrawn_entry_that_returns_has_kept_its_votes(contest: Contest):
    contest.cast(a_ballot())
    contest.store.entries.withdraw(1, "争议")
    contest.store.entries.approve(1, "争议已解决")
    assert contest.cast(a_ballot(voter=b"bob.....")).verdict is Verdict.ACCEPTED
    assert contest.tally() == {1: 2}


def test_every_change_of_state_is_a_decision_and_moves_the_catalogue_on(contest: Contest):
    before = catalogue_version(contest)
    contest.store.entries.approve(4, "第一批")
    contest.store.entries.withdraw(4, "争议")
    assert catalogue_version(contest) == before + 2
    last = [(d.kind, d.subject, d.reason) for d in contest.store.log.decisions()][-2:]
    assert last == [(Kind.APPROVE, "4", "第一批"), (Kind.WITHDRAW, "4", "争议")]


@pytest.mark.parametrize("action", ["approve", "withdraw"])
def test_an_unknown_number_is_refused_and_nothing_is_written(contest: Contest, action: str):
    law = contest.store.law
    before = {key: law.dump(key) for key in law.keys("*")}
    with pytest.raises(NoSuchEntry, match="77"):
        getattr(contest.store.entries, action)(77, "理由")
    assert {key: law.dump(key) for key in law.keys("*")} == before


def test_organizers_at_cross_purposes_never_leave_a_withdrawn_entry_votable(sharded: Contest):
    entries = sharded.store.entries

    def act(turn: int) -> None:
        change = entries.withdraw if turn % 2 else partial(entries.approve, ai_labelled=True)
        change(1 + turn % 3, f"第 {turn} 次")

    with ThreadPoolExecutor(4) as hands:
        for _ in hands.map(act, range(24)):
            pass
    for number, entry in entries.all().items():
        approved = entry.state is EntryState.APPROVED
        assert votable(sharded, number) == [approved] * 3, number
    decided = [d for d in sharded.store.log.decisions() if d.reason.startswith("第 ")]
    assert len(decided) == 24
    last = {d.subject: d.kind for d in decided}
    for number, kind in last.items():
        approved = entries.of(int(number)).state is EntryState.APPROVED
        assert approved is (kind in (Kind.APPROVE, Kind.RESTORE))


def test_after_withdraw_has_returned_no_vote_is_accepted_though_voters_never_pause(
    contest: Contest,
):
    with ThreadPoolExecutor(4) as hands:
        cast = hands.submit
        before = [cast(contest.cast, a_ballot(voter=b"%08d" % n)) for n in range(40)]
        contest.store.entries.withdraw(1, "争议")
        counted = contest.tally().get(1, 0)
        after = [cast(contest.cast, a_ballot(voter=b"%08d" % n)) for n in range(50, 90)]
        verdicts = {one.result().verdict for one in after}
    assert verdicts == {Verdict.ENTRY_NOT_VOTABLE}
    accepted = sum(one.result().verdict is Verdict.ACCEPTED for one in before)
    assert contest.tally().get(1, 0) == accepted == counted
