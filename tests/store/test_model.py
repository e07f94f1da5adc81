"""voting.lua against the rules written once more, plainly: any sequence of events, same answers."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from casting import NOW, OPEN_LAW, Contest, a_ballot, a_contest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.strategies import integers, sampled_from

from voting.contest import Ballot, Identity, Outcome, Period, Verdict
from voting.store.rules import StepRefused

DEVICES = (b"alice...", b"bob.....")
ACCOUNTS = (b"carol...", b"dan.....")
VOTERS = DEVICES + ACCOUNTS
ENTRIES = (1, 2, 3, 4)


class Vote(RuleBasedStateMachine):
    """The state machine's state is the model; the store must agree with it at every step."""

    urls: tuple[str, str]

    @initialize(shards=sampled_from([1, 3]))
    def open(self, shards: int):
        self.folder = Path(tempfile.mkdtemp())
        for url in self.urls:
            with redis.Redis.from_url(url) as store:
                store.flushall()
        self.contest: Contest = a_contest(*self.urls, self.folder, shards)
        self.law, self.votable, self.paused, self.day = OPEN_LAW, {1, 2, 3}, False, 0
        self.cast_in: dict[tuple[bytes, int], list[int]] = {}
        self.adopted: dict[tuple[bytes, bytes, int], int] = {}
        self.answered: dict[bytes, str] = {}
        self.ballots: list[Ballot] = []
        self.tally: Counter[int] = Counter()

    def teardown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def expected(self, ballot: Ballot) -> Verdict:
        cast = self.cast_in.get((ballot.voter, self.period), [])
        if self.law.opens > NOW:
            return Verdict.NOT_OPEN
        if self.law.closes < NOW:
            return Verdict.CLOSED
        if self.paused:
            return Verdict.PAUSED
        if ballot.entry not in self.votable:
            return Verdict.ENTRY_NOT_VOTABLE
        if not self.quota(ballot.voter):
            return Verdict.WECHAT_REQUIRED
        if cast.count(ballot.entry) >= self.law.votes_per_entry:
            return Verdict.ALREADY_VOTED
        if len(cast) >= self.quota(ballot.voter):
            return Verdict.QUOTA_USED
        return Verdict.ACCEPTED

    def quota(self, voter: bytes) -> int:
        return self.law.votes_per_device if voter in DEVICES else self.law.votes_per_voter

    @property
    def period(self) -> int:
        return self.day if self.law.period is Period.DAY else -1

    @rule(voter=sampled_from(VOTERS), entry=sampled_from(ENTRIES))
    def a_voter_casts(self, voter: bytes, entry: int):
        ballot = a_ballot(entry, voter)
        self.ballots.append(ballot)
        expected = self.expected(ballot)
        outcome = self.cast(ballot)
        assert outcome.verdict is expected
        cast = self.cast_in.setdefault((voter, self.period), [])
        if expected is Verdict.ACCEPTED:
            cast.append(entry)
            self.tally[entry] += 1
            self.answered[ballot.id] = outcome.vote_id
        assert outcome.votes_left == max(0, self.quota(voter) - len(cast))

    def cast(self, ballot: Ballot) -> Outcome:
        device = ballot.voter in DEVICES
        return self.contest.cast(ballot, Identity.DEVICE if device else Identity.OPENID)

    @rule(device=sampled_from(DEVICES), account=sampled_from(ACCOUNTS))
    def somebody_signs_in(self, device: bytes, account: bytes):
        """The device's votes that weren't counted for this account before are now."""
        self.contest.store.ballots.adopt(device, account)
        cast = self.cast_in.get((device, self.period), [])
        counted = self.adopted.get((device, account, self.period), 0)
        self.cast_in.setdefault((account, self.period), []).extend(cast[counted:])
        self.adopted[device, account, self.period] = len(cast)

    @rule(which=integers(0, 50))
    def somebody_repeats_a_ballot(self, which: int):
        if not self.ballots:
            return
        ballot = self.ballots[which % len(self.ballots)]
        if ballot.id in self.answered:
            outcome = self.cast(ballot)
            assert outcome.verdict is Verdict.ACCEPTED
            assert outcome.vote_id == self.answered[ballot.id]

    @rule(number=sampled_from(ENTRIES))
    def an_entry_is_approved(self, number: int):
        self.contest.store.entries.approve(number, "审核通过")
        self.votable.add(number)

    @rule(number=sampled_from(ENTRIES))
    def an_entry_is_withdrawn(self, number: int):
        self.contest.store.entries.withdraw(number, "争议")
        self.votable.discard(number)

    @rule()
    def the_vote_is_paused(self):
        if self.law.opens < NOW < self.law.closes:
            self.contest.store.rules.pause("核查")
            self.paused = True
        elif not self.paused:
            with pytest.raises(StepRefused):
                self.contest.store.rules.pause("核查")

    @rule()
    def the_vote_is_resumed(self):
        self.contest.store.rules.resume("完毕")
        self.paused = False

    @rule()
    def a_day_passes(self):
        # A change of rules sets the time zone again, so days pass between changes only.
        if self.law.period is Period.DAY:
            self.contest.next_day()
            self.day += 1

    @rule(
        per_voter=integers(1, 4),
        per_device=integers(0, 4),
        per_entry=integers(1, 2),
        window=sampled_from(["open", "open", "open", "before", "closed"]),
    )
    def the_rules_change(self, per_voter: int, per_device: int, per_entry: int, window: str):
        self.contest.change(
            winners=self.contest.law.winners % 1000 + 1,  # unchanged rules would be refused
            votes_per_voter=per_voter,
            votes_per_device=min(per_device, per_voter),
            votes_per_entry=min(per_entry, per_voter),
            opens=NOW + timedelta(hours=1) if window == "before" else NOW - timedelta(hours=2),
            closes=NOW - timedelta(hours=1) if window == "closed" else NOW + timedelta(days=9),
        )
        self.law = self.contest.law
        self.contest.next_day(self.day)

    @invariant()
    def totals_follow_from_the_ledger(self):
        if hasattr(self, "tally"):
            assert self.contest.store.ledger.recount() == self.tally
            assert self.contest.store.ledger.tally() == self.tally


def test_the_store_and_the_model_agree(law_url: str, throttle_url: str):
    Vote.urls = (law_url, throttle_url)
    Vote.TestCase.settings = settings(
        max_examples=30,
        stateful_step_count=30,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    Vote.TestCase().runTest()
