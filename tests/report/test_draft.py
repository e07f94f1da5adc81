"""The draft: computed from the ledger only when the vote has ended, and only if all agree."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from people import Town

from voting.jobs import CannotDo, Desk, Done, Stopped
from voting.report import draft
from voting.result import Result
from voting.store import keys
from voting.store.jobs import JobKind
from voting.web.site import Site


def make(site: Site) -> Result:
    return draft.make(site.store, site.contest, site.now_ms(), lambda *_: None)


@pytest.fixture
def ended(app: Flask, site: Site, town: Town) -> Site:
    """Votes for 1, 1, 2 and 3; the check has begun."""
    for entry in (1, 1, 2, 3):
        assert town.visitor().vote(entry).status_code == 201
    site.store.rules.close("提前")
    site.store.rules.begin_review("核对")
    return site


def test_the_draft_is_what_the_ledger_says_and_is_kept(ended: Site):
    made = make(ended)
    assert [(row.number, row.votes) for row in made.rows[:3]] == [(1, 2), (2, 1), (3, 1)]
    assert (made.version, made.ledger_rows, made.totals.voters) == (0, 4, 4)
    head = ended.store.log.last()
    assert (made.log_row, made.log_digest) == (head.n, head.digest)
    kept = ended.store.results.draft()
    assert kept.result == made
    assert ended.store.results.is_current(kept)
    assert ended.store.results.latest() is None


def test_removed_votes_carry_the_reason_of_the_last_decision(ended: Site):
    ended.store.entries.withdraw(2, "第一次")
    ended.store.entries.approve(2, "恢复")
    ended.store.entries.withdraw(2, "版权争议")
    removed = {one.number: (one.votes, one.reason) for one in make(ended).removed}
    assert removed == {2: (1, "版权争议"), 14: (0, "版权争议")}


@pytest.mark.parametrize("step", ["open", "closed"])
def test_before_the_check_begins_nothing_is_computed(app: Flask, site: Site, step: str):
    if step == "closed":
        site.store.rules.close("提前")
    with pytest.raises(CannotDo, match="请先开始核对"):
        make(site)


def test_a_tally_that_was_tampered_with_makes_no_draft(ended: Site):
    ended.store.law.hincrby(keys.TALLY(shard=0), 3, 1)
    with pytest.raises(CannotDo, match="票数与账本不一致"):
        make(ended)
    assert ended.store.results.draft() is None


def test_a_change_while_computing_makes_no_draft(ended: Site, monkeypatch: pytest.MonkeyPatch):
    rows = draft.rows_of

    def slow(*parts: object) -> Iterator[object]:
        ended.store.entries.withdraw(3, "争议")
        yield from rows(*parts)

    monkeypatch.setattr(draft, "rows_of", slow)
    with pytest.raises(CannotDo, match="请再算一次"):
        make(ended)


def test_as_a_job_it_tells_how_far_it_is_and_can_be_stopped(ended: Site):
    told = []
    job = ended.store.jobs.add(JobKind.RESULT, "王组织", ended.now_ms())
    parts = (ended.settings, ended.contest, ended.keys, job, ended.settings.data_dir)
    desk = Desk(ended.store, *parts, lambda *how: told.append(how), ended.now_ms)
    assert draft.work(desk) == Done("结果已算好：有效票 4 张，请看过以后公布")
    assert told[0] == (0, 4, "正在逐票核对账本，共 4 票")

    def stop(*_: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        draft.work(Desk(ended.store, *parts, stop, ended.now_ms))
