"""The scorer on cases counted by hand; its agreement with the shared scorer was checked once."""

from __future__ import annotations

import numpy as np
import pytest

from bench.fraud.ledger import Labels
from bench.fraud.scoring import Verdict, average_precision, score, wrong_places
from voting.case import Case, Finding, Pattern, Run


def labels(*groups: tuple[str, int, str, bool]) -> Labels:
    """From (entry, votes, kind, whether it is fraud)."""
    entries = tuple(sorted({entry for entry, *_ in groups}))
    kinds = tuple(dict.fromkeys(kind for _, _, kind, _ in groups))
    counts = [votes for _, votes, _, _ in groups]
    return Labels(
        np.repeat([entries.index(entry) for entry, *_ in groups], counts),
        entries,
        np.repeat([fraud for *_, fraud in groups], counts),
        np.repeat([kinds.index(kind) for _, _, kind, _ in groups], counts),
        kinds,
    )


def run(*cases: tuple[str, int, float, Finding]) -> Run:
    """From (entry, votes, expected, finding)."""
    made = [
        Case(f"c{n}", Pattern.EXCESS, finding, ((entry, votes),), votes, expected, 0, votes, 0.9,
             0, 1, (), "")
        for n, (entry, votes, expected, finding) in enumerate(cases)
    ]  # fmt: skip
    return Run(0, 0, 0.0, tuple(made))


def twelve(bought: int = 40) -> Labels:
    """Twelve entries with 100, 95, … honest votes; the eleventh has bought some."""
    honest = [(f"e{n:02d}", 100 - 5 * n, "base", False) for n in range(12)]
    return labels(*honest, ("e10", bought, "drip", True))


def test_recall_and_honest_shares_are_counted_by_population():
    truth = labels(("a", 8, "base", False), ("a", 2, "club", False), ("b", 4, "paid", True),
                   ("a", 90, "base", False))  # fmt: skip
    flags = np.zeros(len(truth))
    flags[[0, 8, 10, 11, 12]] = 0.5
    found = score(truth, Verdict(flags))
    assert found.recall == {"paid": 0.75}
    assert found.recall_all == 0.75
    assert found.honest == {"base": pytest.approx(1 / 98), "club": 0.5}
    assert found.flagged == 0.02
    assert found.precision == 0.6
    assert found.counts == {"base": 98, "club": 2, "paid": 4}
    assert found.on_attacked is None  # b has no honest vote, a no fraud
    assert (found.cases, found.reasoned, found.excess) == (None, None, {})


def test_honest_votes_on_attacked_entries_are_those_beside_much_fraud():
    truth = labels(("a", 90, "base", False), ("a", 10, "script", True), ("b", 96, "base", False),
                   ("b", 4, "script", True))  # fmt: skip
    flags = np.zeros(len(truth))
    flags[[0, 1, 100, 101, 102]] = 1
    assert score(truth, Verdict(flags)).on_attacked == pytest.approx(2 / 90)


def test_reasons_are_counted_among_flags():
    truth = labels(("a", 4, "base", False))
    verdict = Verdict(np.array([0.9, 0.9, 0.4, 0.9]), ["why", " ", "", "why"])
    assert score(truth, verdict).reasoned == pytest.approx(2 / 3)


def test_the_top_ten_is_right_only_when_the_bought_votes_go():
    truth = twelve()
    found = score(truth, Verdict(truth.fraud.astype(float)))
    assert (found.wrong, found.wrong_without) == (0, 1)
    assert (found.top_ok, found.top_ok_without, found.winner_ok) == (True, False, True)
    nothing = score(truth, Verdict(np.zeros(len(truth))))
    assert (nothing.wrong, nothing.top_ok) == (1, False)


@pytest.mark.parametrize(("apart", "wrong"), [(3, 0), (4, 1)])
def test_entries_within_three_votes_may_change_places(apart, wrong):
    honest = [(f"e{n:02d}", 200 - 5 * n, "base", False) for n in range(10)]
    truth = labels(*honest, ("f", 155 - apart, "base", False), ("f", 10, "snipe", True))
    assert wrong_places(truth, np.ones(len(truth), bool)) == wrong


@pytest.mark.parametrize(("apart", "wrong"), [(20, 0), (21, 1)])
def test_entries_within_half_a_percent_may_change_places(apart, wrong):
    honest = [(f"e{n:02d}", 4000 + n, "base", False) for n in range(10)]
    truth = labels(*honest, ("f", 4000 - apart, "base", False), ("f", 100, "snipe", True))
    assert wrong_places(truth, np.ones(len(truth), bool)) == wrong


def test_an_entry_without_a_kept_vote_still_has_its_place():
    truth = twelve()
    found = score(truth, Verdict((truth.entry == 0).astype(float)))
    assert not found.winner_ok
    assert found.wrong == 1  # the first has gone, who bought votes is there instead


def test_average_precision_takes_equal_scores_together():
    truth = np.array([True, False, True, False])
    assert average_precision(truth, np.array([0.9, 0.8, 0.7, 0.1])) == pytest.approx(5 / 6)
    assert average_precision(truth, np.full(4, 0.5)) == 0.5
    assert average_precision(truth, truth.astype(float)) == 1.0
    assert average_precision(np.zeros(4, bool), np.ones(4)) is None


def test_excess_is_what_is_flagged_and_what_is_claimed_beyond():
    truth = twelve(40)
    flags = np.zeros(len(truth))
    flags[-10:] = 1
    cases = run(("e10", 55, 30.0, Finding.EXCESS), ("e03", 20, 12.0, Finding.EXCESS),
                ("e10", 10, 0.0, Finding.VOTES))  # fmt: skip
    found = score(truth, Verdict(flags, run=cases))
    assert found.excess == {"e10": ("drip", 40, 35.0)}
    assert found.idle_excess == pytest.approx(8 / len(truth))
    assert found.cases == 3


def test_a_verdict_about_another_ledger_is_refused():
    with pytest.raises(ValueError, match="3 scores for 4 votes"):
        score(labels(("a", 4, "base", False)), Verdict(np.zeros(3)))
