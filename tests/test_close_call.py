"""When the last places hang on votes that nobody can name: who is in, who is out, who hangs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from casting import a_ballot, a_contest, now_ms
from hypothesis import given, settings
from hypothesis import strategies as st
from works import an_entry

from voting.batch import Decision
from voting.case import Case, Finding, Pattern, Run
from voting.contest import (
    Category,
    CloseCall,
    Closing,
    Counts,
    EntryState,
    Identity,
    Period,
    Rules,
    Tie,
)
from voting.organizer import Account, Role
from voting.report.outcome import Outcome
from voting.report.page import result_html, result_pdf
from voting.result import (
    About,
    Award,
    Close,
    JuryRefused,
    called,
    close,
    compute,
    digest,
    places,
    public,
    read,
    settle,
    tie_words,
    write,
)
from voting.store.ledger import Cut

#: Entry → votes; reached in the order of the numbers, each in a round of its own.
Votes = Mapping[int, int]


def found(votes: Votes, winners: int, tie: Tie = Tie.ALL_AWARDED):
    reached = {number: number * 600_000 for number in votes}
    return places(votes, reached, votes, winners, tie)


def awards(votes: Votes, excess: Votes, winners: int, rule: CloseCall) -> dict[int, Award]:
    before = found(votes, winners)
    after = called(before, close(before, excess, winners), rule)
    assert [one.number for one in after] == [one.number for one in before], "no place changes"
    return {one.number: one.award for one in after}


W, O, N = Award.WON, Award.OPEN, Award.NONE  # noqa: E741 columns of a table
VOTES = {1: 900, 2: 800, 3: 700, 4: 690, 5: 500}


@pytest.mark.parametrize(
    ("excess", "surely", "hanging"),
    [
        ({}, (), ()),  # nothing is left open
        ({3: 9}, (), ()),  # the margin is larger
        ({3: 10}, (1, 2), (3, 4)),  # they may be equal
        ({3: 11}, (1, 2), (3, 4)),
        ({4: 600}, (), ()),  # who is out stays out
        ({1: 5, 2: 99}, (), ()),  # who is in stays in
        ({2: 150}, (1, 3), (2, 4)),  # 3 is before 4 in any case
        ({1: 10_000}, (2, 3), (1, 4)),  # no more than it has
        ({3: 200}, (1, 2), (3, 4)),  # 5 has as many as 3 at the least, and one fewer than 4
        ({3: 200, 4: 190}, (1, 2), (3, 4, 5)),
        ({9: 50}, (), ()),  # an entry that isn't in the vote
    ],
)
def test_who_is_in_however_it_may_be_and_who_hangs(
    excess: Votes, surely: tuple[int, ...], hanging: tuple[int, ...]
):
    assert close(found(VOTES, 3), excess, 3) == Close(frozenset(surely), frozenset(hanging))


def test_each_rule_gives_its_awards_and_changes_no_place():
    excess = {3: 50}
    assert awards(VOTES, excess, 3, CloseCall.COUNT) == {1: W, 2: W, 3: W, 4: N, 5: N}
    assert awards(VOTES, excess, 3, CloseCall.JURY) == {1: W, 2: W, 3: O, 4: O, 5: N}
    assert awards(VOTES, excess, 3, CloseCall.ALL_AWARDED) == {1: W, 2: W, 3: W, 4: W, 5: N}


def test_a_tie_alone_is_for_the_rule_of_ties():
    tied = places({1: 9, 2: 5, 3: 5}, {}, {1, 2, 3}, 2, Tie.JURY)
    assert close(tied, {1: 3}, 2) == Close()
    assert called(tied, close(tied, {1: 3}, 2), CloseCall.ALL_AWARDED) == tied


def test_where_places_stay_empty_nobody_hangs():
    assert close(found({1: 5, 2: 3}, 10), {1: 5, 2: 3}, 10) == Close()


def in_sets(votes: Votes, excess: Votes, winners: int) -> tuple[set[int], set[int]]:
    """Who is in always, and who sometimes, by trying every true count; among equal ones whose order
    the excess makes unknown, any may be first."""
    order = {one.number: one.place for one in found(votes, winners)}
    exact = {n for n in votes if not min(votes[n], excess.get(n, 0))}
    running = [n for n in votes if votes[n]]
    spans = [range(votes[n] - min(votes[n], excess.get(n, 0)), votes[n] + 1) for n in running]
    always, sometimes = set(running), set()
    for counts in product(*spans):
        true = dict(zip(running, counts, strict=True))
        for one in running:
            above = ties = 0
            for other in running:
                if other == one:
                    continue
                if true[other] > true[one] or (
                    true[other] == true[one]
                    and {one, other} <= exact
                    and order[other] < order[one]
                ):
                    above += 1
                elif true[other] == true[one] and not {one, other} <= exact:
                    ties += 1
            if above < winners:
                sometimes.add(one)
            if above + ties >= winners:
                always.discard(one)
    return always, sometimes


@settings(max_examples=150)
@given(
    st.dictionaries(st.integers(1, 5), st.integers(0, 7), min_size=1, max_size=5),
    st.dictionaries(st.integers(1, 5), st.integers(0, 3), max_size=3),
    st.integers(1, 4),
)
def test_trying_every_true_count_finds_the_same(votes: Votes, excess: Votes, winners: int):
    call = close(found(votes, winners), excess, winners)
    always, sometimes = in_sets(votes, excess, winners)
    if not call.hanging:
        assert always == sometimes
        return
    assert call.surely == always
    assert call.hanging == sometimes - always
    assert len(call.surely) < winners < len(call.surely | call.hanging)


@given(
    st.dictionaries(st.integers(1, 30), st.integers(0, 99), min_size=1),
    st.dictionaries(st.integers(1, 30), st.integers(0, 30)),
    st.integers(1, 12),
)
def test_what_is_published_of_the_excess_is_enough_to_find_the_same(
    votes: Votes, excess: Votes, winners: int
):
    rows = found(votes, winners)
    call = close(rows, excess, winners)
    published = {number: excess.get(number, 0) for number in call.hanging}
    assert close(rows, published, winners) == call


def test_an_excess_of_nothing_is_none():
    assert close(found(VOTES, 3), dict.fromkeys(VOTES, 0), 3) == Close()


ABOUT = About("大赛", "副题", ("甲局",), "人气奖", False,
              {"live": Category("live", "实景", 180, ai=False),
               "ai": Category("ai", "AI", 120, ai=True)})  # fmt: skip


def drafted(votes: Votes, excess: Votes, rule: CloseCall, winners: int = 3):
    rules = Rules(
        1, 0, "", "", 0, 10_000_000, 5, 1, Period.DAY, winners, Tie.ALL_AWARDED, Counts.LIVE, 5,
        Closing(close_call=rule),
    )  # fmt: skip
    ledger = [
        (number, number * 600_000, b"voter%03d" % n, Identity.DEVICE, None)
        for number, many in votes.items()
        for n in range(many)
    ]
    entries = {n: an_entry(n, state=EntryState.APPROVED) for n in votes}
    return compute(ledger, entries, {}, ABOUT, rules, 0, excess)


SMALL = {1: 90, 2: 80, 3: 70, 4: 69, 5: 50}


def test_the_jury_chooses_among_those_whose_award_hangs_and_all_of_it_is_said():
    draft = drafted(SMALL, {3: 5, 1: 2}, CloseCall.JURY)
    assert [row.number for row in draft.awarded] == [1, 2]
    assert ([row.number for row in draft.undecided], draft.seats) == ([3, 4], 1)
    assert draft.excess == ((3, 5), (4, 0)), "of 1 nothing hangs, so nothing is said of it"
    assert tie_words(draft) == {
        3: "最多有 5 票多得不正常，指不出是哪几票；由评议决定",
        4: "与前后作品的票差，比它们说不清的票还小；由评议决定",
    }
    with pytest.raises(JuryRefused, match="003、004 号的名次要由评议决定，还有 1 个名额"):
        settle(draft, [1], "理由")
    settled = settle(draft, [4], "看过全片")
    assert [row.number for row in settled.awarded] == [1, 2, 4]
    assert tie_words(settled)[4].endswith("经评议获奖")
    assert tie_words(settled)[3].endswith("经评议未获奖")
    assert read(write(settled)) == settled


def test_the_printed_result_says_that_a_margin_is_too_small_not_that_anybody_ties():
    hangs = drafted(SMALL, {3: 5}, CloseCall.JURY)
    tied = replace(hangs, excess=(), close_call=CloseCall.COUNT)
    for draft, said, unsaid in ((hangs, "票差太小", "并列"), (tied, "并列", "票差太小")):
        outcome = Outcome(draft, "草稿", (), Cut((), 0), Counter(), 0)
        assert f"<h2>{said}，待评议</h2>" in (page := result_html(outcome))
        assert f"{unsaid}，待评议" not in page
        assert result_pdf(outcome).startswith(b"%PDF-")


def test_or_all_of_them_are_awarded():
    draft = drafted(SMALL, {3: 5}, CloseCall.ALL_AWARDED)
    assert [row.number for row in draft.awarded] == [1, 2, 3, 4]
    assert draft.undecided == ()
    assert tie_words(draft)[4].endswith("按规则一并获奖")


def test_a_stranger_finds_the_awards_again():
    told = json.loads(public(drafted(SMALL, {3: 5, 1: 2}, CloseCall.ALL_AWARDED)))
    assert told["close_call"] == "all_awarded"
    votes = {row["number"]: row["votes"] for row in told["entries"]}
    excess = {one["number"]: one["votes"] for one in told["unnamed_votes_at_most"]}
    call = close(found(votes, told["winners"]), excess, told["winners"])
    awarded = {row["number"] for row in told["entries"] if row["awarded"]}
    assert call.surely | call.hanging == awarded


def test_a_rule_of_before_says_and_changes_nothing():
    plain, counted = (drafted(SMALL, excess, CloseCall.COUNT) for excess in ({}, {3: 5}))
    assert digest(plain) == digest(counted)
    assert "close_call" not in json.loads(public(counted))
    kept = {k: v for k, v in json.loads(write(plain)).items() if k not in ("close_call", "excess")}
    assert read(json.dumps(kept)) == plain, "as results of before were written"


def test_a_case_of_an_excess_bounds_the_votes_of_its_entry_until_it_is_kept(
    law_url: str, throttle_url: str, tmp_path: Path
):
    contest = a_contest(law_url, throttle_url, tmp_path)
    store = contest.store
    for n in range(3):
        contest.cast(a_ballot(1, voter=b"voter..%d" % n))
    case = Case("c1", Pattern.EXCESS, Finding.EXCESS, (("1", 3),), 3, 1.0, 1.0, 2.4, 0.9, 0, 1, (),
                "")  # fmt: skip
    store.cases.put(Run(now_ms(), 3, 0.1, (case,)), {})
    assert store.results.unnamed() == {1: 3}, "2.4 votes at most are 3"
    store.accounts.add(Account("王组织", Role.ORGANIZER, "", 0))
    batch = store.batches.freeze(case, (), "王组织")
    store.batches.decide(batch.id, Decision.KEEP, "查过了", "王组织")
    assert store.results.unnamed() == {}
