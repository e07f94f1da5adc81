"""The final order, ties under both rules, and a result that comes back as it was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from works import an_entry

from voting.case import Pattern
from voting.contest import Category, Counts, EntryState, Identity, Period, Rules, Tie
from voting.result import (
    REMOVED_WORDS,
    SEALING_ROUND_MS,
    About,
    Award,
    Earlier,
    JuryRefused,
    LedgerRow,
    Removed,
    Result,
    compute,
    digest,
    places,
    public,
    read,
    round_of,
    settle,
    tie_words,
    write,
)

ROUND = SEALING_ROUND_MS
ABOUT = About(
    name="大赛",
    subtitle="“副题”",
    organizers=("甲局", "乙厅"),
    award="网络人气奖",
    demo=False,
    categories={"live": Category("live", "实景拍摄", 180, ai=False),
                "ai": Category("ai", "AI创作", 120, ai=True)},
)  # fmt: skip


def rules(winners: int = 10, tie: Tie = Tie.ALL_AWARDED) -> Rules:
    return Rules(
        3, 0, "改", "source", 1_000, 2_000, 5, 1, Period.DAY, winners, tie, Counts.LIVE, 5
    )


def cast(votes: dict[int, list[int]], identity: Identity = Identity.DEVICE) -> list[LedgerRow]:
    """Entry → when its votes came; each by a voter of its own."""
    moments = [(entry, at) for entry, all_at in votes.items() for at in all_at]
    return [(entry, at, b"voter%03d" % n, identity, None) for n, (entry, at) in enumerate(moments)]


def result(
    votes: dict[int, list[int]],
    winners: int = 10,
    tie: Tie = Tie.ALL_AWARDED,
    withdrawn: tuple[int, ...] = (),
    entries: int = 12,
) -> Result:
    out = dict.fromkeys(withdrawn, EntryState.WITHDRAWN)
    shown = {n: an_entry(n, state=out.get(n, EntryState.APPROVED)) for n in range(1, entries + 1)}
    reasons = dict.fromkeys(withdrawn, "版权争议")
    return compute(cast(votes), shown, reasons, ABOUT, rules(winners, tie), 7_000)


def standing(found: Result) -> list[tuple[int, int, str]]:
    return [(row.place, row.number, row.award.value) for row in found.rows if row.votes]


COUNTS = st.dictionaries(
    st.integers(1, 30), st.tuples(st.integers(0, 4), st.integers(1, 6 * ROUND)), max_size=30
)


@given(COUNTS, st.integers(1, 12), st.sampled_from(Tie))
def test_the_final_order_follows_counts_then_rounds_and_shares_what_is_equal(
    counts: dict[int, tuple[int, int]], winners: int, tie: Tie
):
    votes = {n: count for n, (count, _) in counts.items()}
    reached = {n: at for n, (count, at) in counts.items() if count}
    found = places(votes, reached, counts, winners, tie)
    assert sorted(place.number for place in found) == sorted(counts)

    def key(number: int) -> tuple[int, int]:
        return -votes[number], round_of(reached.get(number, 0))

    for place in found:
        better = [n for n in counts if key(n) < key(place.number)]
        assert place.place == 1 + len(better)
        assert place.votes == votes[place.number]
    for one, other in pairwise(found):
        assert one.place <= other.place
        assert one.votes >= other.votes
        assert (one.place == other.place) == (key(one.number) == key(other.number))


@given(COUNTS, st.integers(1, 12))
def test_who_is_awarded_is_the_same_under_both_rules_but_for_the_tie_across_the_line(
    counts: dict[int, tuple[int, int]], winners: int
):
    votes = {n: count for n, (count, _) in counts.items()}
    reached = {n: at for n, (count, at) in counts.items() if count}
    all_in = places(votes, reached, counts, winners, Tie.ALL_AWARDED)
    jury = places(votes, reached, counts, winners, Tie.JURY)
    with_votes = sum(bool(count) for count in votes.values())
    won = [place for place in all_in if place.award is Award.WON]
    assert len(won) >= min(winners, with_votes)
    assert all(place.votes and place.place <= winners for place in won)
    undecided = [place for place in jury if place.award is Award.OPEN]
    sure = [place for place in jury if place.award is Award.WON]
    assert {p.number for p in sure} | {p.number for p in undecided} == {p.number for p in won}
    if undecided:
        assert len({place.place for place in undecided}) == 1
        assert 0 < winners - len(sure) < len(undecided)
    else:
        assert len(sure) == min(winners, with_votes)


@given(COUNTS, st.randoms())
def test_the_order_of_the_ledger_s_rows_makes_no_difference(
    counts: dict[int, tuple[int, int]], random: Any
):
    rows = cast({n: [at] * count for n, (count, at) in counts.items()})
    mixed = list(rows)
    random.shuffle(mixed)
    entries = {n: an_entry(n, state=EntryState.APPROVED) for n in range(1, 31)}

    def made(ledger: list[LedgerRow]) -> str:
        return write(compute(ledger, entries, {}, ABOUT, rules(), 7_000))

    assert made(rows) == made(mixed)


def test_of_equal_counts_the_earlier_round_stands_higher_whatever_the_minute_in_it():
    found = result({1: [5, 2 * ROUND + 1], 2: [9, 10], 3: [7, 2 * ROUND + 9], 4: [3, ROUND]})
    assert standing(found) == [(1, 2, "won"), (2, 4, "won"), (3, 1, "won"), (3, 3, "won")]


def test_the_round_is_that_of_the_last_vote_even_if_an_earlier_shard_is_read_later():
    found = result({1: [5 * ROUND, 3], 2: [4 * ROUND, 4 * ROUND]})
    assert [row.number for row in found.rows][:2] == [2, 1]
    assert found.rows[1].reached_ms == 5 * ROUND
    assert found.rows[1].reached_before_ms == 6 * ROUND


def test_all_who_share_the_last_winning_place_are_awarded_where_the_rule_says_so():
    found = result({1: [1, 1], 2: [1], 3: [2], 4: [3]}, winners=2)
    assert standing(found) == [(1, 1, "won"), (2, 2, "won"), (2, 3, "won"), (2, 4, "won")]
    assert tie_words(found)[3] == "与 002、004 号同票并列第 2 名，按规则一并获奖"
    assert (found.seats, found.undecided) == (0, ())


def test_where_the_jury_decides_a_tie_across_the_line_is_open_and_others_are_not():
    found = result({1: [1, 1], 2: [1, 1], 3: [2], 4: [3]}, winners=3, tie=Tie.JURY)
    assert standing(found) == [(1, 1, "won"), (1, 2, "won"), (3, 3, "open"), (3, 4, "open")]
    assert found.seats == 1
    assert tie_words(found)[3].endswith("，由评议决定谁获奖")
    assert tie_words(found)[1] == "与 002 号同票并列第 1 名"


def test_the_jury_fills_the_places_and_who_was_chosen_stands_first():
    draft = result({1: [1, 1], 2: [1], 3: [2], 4: [3]}, winners=2, tie=Tie.JURY)
    settled = settle(draft, (4,), "评委会表决")
    assert standing(settled) == [(1, 1, "won"), (2, 4, "won"), (2, 2, "none"), (2, 3, "none")]
    assert settled.jury_reason == "评委会表决"
    assert tie_words(settled)[4].endswith("，经评议获奖")
    assert tie_words(settled)[2].endswith("，经评议未获奖")
    assert [row.number for row in settled.awarded] == [1, 4]
    assert [row.number for row in settled.runners_up] == [2, 3]


@pytest.mark.parametrize(
    ("chosen", "reason", "sentence"),
    [
        ((), "因为", "正好选 1 件"),
        ((2, 3), "因为", "正好选 1 件"),
        ((1,), "因为", "正好选 1 件"),
        ((9,), "因为", "正好选 1 件"),
        ((3,), "", "请写明评议的理由"),
    ],
)
def test_a_choice_that_doesn_t_fill_the_places_is_refused(
    chosen: tuple[int, ...], reason: str, sentence: str
):
    draft = result({1: [1, 1], 2: [1], 3: [2]}, winners=2, tie=Tie.JURY)
    with pytest.raises(JuryRefused, match=sentence):
        settle(draft, chosen, reason)


def test_where_nothing_is_open_nobody_can_be_chosen():
    draft = result({1: [1, 1], 2: [1]}, tie=Tie.JURY)
    assert settle(draft, (), "") == draft
    with pytest.raises(JuryRefused, match="没有需要评议"):
        settle(draft, (2,), "因为")


def test_nobody_wins_without_a_vote_and_without_votes_nothing_ties():
    found = result({})
    assert found.awarded == found.runners_up == ()
    assert {row.place for row in found.rows} == {1}
    assert tie_words(found) == {}


def test_a_tie_settled_by_the_round_is_told_from_both_sides():
    found = result({1: [ROUND], 2: [2 * ROUND]}, winners=1)
    notes = tie_words(found)
    assert notes[1] == "与 002 号同票，先达到这个票数（1月1日 08:20 前），列前"
    assert notes[2] == "与 001 号同票，达到这个票数较晚，列后"


def test_runners_up_are_ten_and_whoever_shares_the_last_of_their_places():
    votes = {n: [1] * (30 - n) for n in range(1, 13)} | {n: [1] for n in range(13, 16)}
    found = result(votes, winners=2, entries=20)
    assert [row.number for row in found.runners_up] == list(range(3, 13))
    found = result(votes, winners=4, entries=20)
    assert [row.number for row in found.runners_up] == [*range(5, 13), 13, 14, 15]


def test_a_withdrawn_entry_s_votes_are_told_and_not_ranked_and_the_next_moves_up():
    found = result({1: [1, 2, 3], 2: [4, 5], 3: [6]}, withdrawn=(1, 7), winners=2)
    assert standing(found) == [(1, 2, "won"), (2, 3, "won")]
    assert found.removed == (
        Removed("001 号作品（已撤下）", 3, "版权争议", 1),
        Removed("007 号作品（已撤下）", 0, "版权争议", 7),
    )
    assert "一件事" not in public(found), "what is in dispute is named by its number only"
    assert (found.totals.votes, found.totals.voters, found.ledger_rows) == (3, 3, 6)


def test_votes_for_an_entry_that_nobody_knows_are_told_too():
    found = compute(cast({99: [1], 1: [2]}), {1: an_entry(1, state=EntryState.APPROVED)}, {},
                    ABOUT, rules(), 0)  # fmt: skip
    assert found.removed == (Removed("099 号作品（已撤下）", 1, "没有写明理由", 99),)


def test_counted_and_removed_votes_make_up_the_ledger_and_kinds_make_up_the_counted():
    rows = [*cast({1: [1, 2], 3: [3]}), (2, 4, b"voter000", Identity.OPENID, None)]
    rows += [(3, 5, b"demovote", Identity.DEMO, None)]
    entries = {n: an_entry(n, state=EntryState.APPROVED) for n in (1, 2, 3)}
    totals = compute(rows, entries, {}, ABOUT, rules(), 0).totals
    assert totals.votes == 5
    assert totals.voters == 4, "one of them voted twice"
    assert totals.by_identity == {"demo": 1, "device": 3, "openid": 1}
    assert totals.by_category == {"live": 3, "ai": 2}


def published() -> Result:
    draft = result({1: [1, 1], 2: [1], 3: [2]}, winners=2, tie=Tie.JURY, withdrawn=(5,))
    earlier = (Earlier(1, 5, "第一次", "ab" * 32),)
    return replace(settle(draft, (2,), "表决"), version=2, by="王组织", reason="更正",
                   log_row=9, log_digest="cd" * 32, earlier=earlier)  # fmt: skip


def test_a_result_comes_back_as_it_was_written():
    made = published()
    assert read(write(made)) == made
    assert write(read(write(made).encode())) == write(made)


def test_the_public_text_is_the_same_bytes_and_names_no_organizer_and_no_form():
    made = published()
    text = public(read(write(made)))
    assert text == public(made)
    assert digest(made) == hashlib.sha256(text.encode()).hexdigest()
    assert "王组织" not in text
    assert made.rows[0].form_sha256 not in text
    fields = json.loads(text)
    assert fields["version"] == 2
    assert [e["version"] for e in fields["earlier"]] == [1]
    assert fields["entries"][1]["awarded"] is True
    assert fields["entries"][1]["note"].endswith("经评议获奖")


@pytest.mark.parametrize(
    "change",
    [
        lambda r: replace(r, reason="别的"),
        lambda r: replace(r, rows=r.rows[1:]),
        lambda r: replace(r, rows=(replace(r.rows[0], votes=9), *r.rows[1:])),
        lambda r: replace(r, removed=()),
        lambda r: replace(r, earlier=()),
    ],
)
def test_the_digest_changes_with_whatever_is_public(change: Callable[[Result], Result]):
    assert digest(change(published())) != digest(published())


def test_a_crowd_that_ties_is_counted_and_not_listed():
    found = result({n: [1] for n in range(1, 13)})
    assert tie_words(found)[1] == "与另外 11 件同票并列第 1 名，按规则一并获奖"


# --- votes that were removed --------------------------------------------------------------------


def removed_from(rows: list[LedgerRow], **out: Pattern) -> list[LedgerRow]:
    """The same rows; those whose place in the ledger is named don't count: `r3=Pattern.CROWD`."""
    why = {int(place[1:]): pattern for place, pattern in out.items()}
    return [(*row[:4], why.get(n)) for n, row in enumerate(rows)]


def test_a_removed_vote_counts_nowhere_and_is_told_by_its_reason():
    rows = removed_from(
        cast({1: [1, 2, ROUND * 9], 2: [ROUND * 3, 5], 7: [8]}),
        r2=Pattern.CROWD, r4=Pattern.CROWD, r5=Pattern.LOCKSTEP,
    )  # fmt: skip
    entries = {n: an_entry(n, state=EntryState.APPROVED) for n in (1, 2)}
    entries[7] = an_entry(7, state=EntryState.WITHDRAWN)
    found = compute(rows, entries, {7: "版权争议"}, ABOUT, rules(), 0)
    assert [(row.number, row.votes, row.reached_ms) for row in found.rows] == [
        (1, 2, 2), (2, 1, ROUND * 3),
    ]  # fmt: skip
    assert found.removed == (
        Removed("007 号作品（已撤下）", 0, "版权争议", 7),
        Removed(REMOVED_WORDS, 2, "不像真人的一阵票"),
        Removed(REMOVED_WORDS, 1, "同一批账号成组行动"),
    )
    assert (found.totals.votes, found.totals.voters, found.ledger_rows) == (3, 3, 6)
    assert read(write(found)) == found


@given(COUNTS, st.data())
def test_a_result_without_removed_votes_is_that_of_a_ledger_without_them(
    counts: dict[int, tuple[int, int]], data: st.DataObject
):
    rows = cast({n: [at] * count for n, (count, at) in counts.items()})
    out = data.draw(st.sets(st.integers(0, max(len(rows) - 1, 0))))
    marked = removed_from(rows, **{f"r{n}": Pattern.CROWD for n in out})
    entries = {n: an_entry(n, state=EntryState.APPROVED) for n in range(1, 31)}
    found = compute(marked, entries, {}, ABOUT, rules(), 7_000)
    left = [row for n, row in enumerate(rows) if n not in out]
    without = compute(left, entries, {}, ABOUT, rules(), 7_000)
    assert (found.rows, found.totals) == (without.rows, without.totals)
    assert found.ledger_rows == len(rows)
    assert sum(one.votes for one in found.removed) == len(rows) - len(left)


def test_a_result_of_before_keeps_its_digest():
    made = published()
    assert "without_scrutiny" not in public(made)
    assert digest(replace(made, without_scrutiny="没有装")) != digest(made)
    fields = json.loads(write(made))
    del fields["without_scrutiny"]
    assert digest(read(json.dumps(fields))) == digest(made)
