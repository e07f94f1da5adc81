"""A hundred hands at once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from people import Town, Visitor

from voting.web.site import Site


def at_once(work, arguments) -> list:
    with ThreadPoolExecutor(max_workers=50) as hands:
        return list(hands.map(work, arguments))


def copies(town: Town, one: Visitor, number: int) -> list[Visitor]:
    """The same browser in so many hands."""
    cookie = one.client.get_cookie("pass")
    hands = [town.visitor(one.address) for _ in range(number)]
    for hand in hands:
        hand.client.set_cookie("pass", cookie.value)
    return hands


def test_of_a_hundred_different_ballots_of_one_voter_exactly_one_counts(
    town: Town, site: Site, alice: Visitor
):
    alice.ballot(1)
    hands = copies(town, alice, 100)
    ballots = [alice.ballot(1) for _ in hands]
    replies = at_once(lambda pair: pair[0].cast(1, pair[1]), zip(hands, ballots, strict=True))
    codes = Counter(reply.json["code"] for reply in replies)
    assert codes == {"accepted": 1, "already_voted": 99}
    assert site.store.ledger.recount() == {1: 1}


def test_the_same_ballot_a_hundred_times_counts_once_and_has_one_receipt(
    town: Town, site: Site, alice: Visitor
):
    ballot = alice.ballot(1)
    replies = at_once(lambda hand: hand.cast(1, ballot), copies(town, alice, 100))
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.json["receipt"] for reply in replies}) == 1
    assert site.store.ledger.recount() == {1: 1}


def test_the_quota_holds_when_all_entries_are_voted_for_at_once(
    town: Town, site: Site, alice: Visitor
):
    alice.ballot(1)
    hands = copies(town, alice, 12)
    ballots = [alice.ballot(entry) for entry in range(1, 13)]
    calls = list(zip(range(1, 13), hands, ballots, strict=True))
    replies = at_once(lambda call: call[1].cast(call[0], call[2]), calls)
    codes = Counter(reply.json["code"] for reply in replies)
    assert codes == {"accepted": 5, "quota_used": 7}
    assert site.store.ledger.recount().total() == 5


def test_three_hundred_voters_at_once_all_count(town: Town, site: Site):
    voters = [town.visitor() for _ in range(300)]
    replies = at_once(lambda voter: voter.vote(1), voters)
    assert Counter(reply.status_code for reply in replies) == {201: 300}
    assert site.store.ledger.recount() == {1: 300}
    assert len({reply.json["receipt"] for reply in replies}) == 300
