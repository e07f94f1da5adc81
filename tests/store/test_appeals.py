"""Appeals as they are kept: found by their tickets, so many and no more, answered on record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from casting import Contest

from voting.appeal import KEPT_OF_ABUSE, About, State, digest_of, new_ticket, read_ticket
from voting.store import appeals as room
from voting.store import keys
from voting.store.appeals import AnswerRefused, Full
from voting.store.log import Kind

WHY = "为什么少了 30 票？"


def test_a_ticket_leads_to_its_appeal_and_another_to_nothing(contest: Contest):
    appeals = contest.store.appeals
    ticket = appeals.add(About(7), WHY, 5)
    assert read_ticket(ticket) == ticket
    one = appeals.by_ticket(ticket)
    assert one is not None
    assert (one.number, one.at_ms, one.about, one.text) == (1, 5, About(7), WHY)
    assert (one.state, one.answer, one.published) == (State.WAITING, "", False)
    assert appeals.by_ticket(new_ticket()) is None
    assert appeals.by_ticket("") is None
    assert appeals.by_ticket(one.ticket) is None, "the digest is no ticket"


def test_the_store_doesn_t_hold_the_ticket(contest: Contest):
    ticket = contest.store.appeals.add(About(7), WHY, 5)
    law = contest.store.law
    kept = b"".join(
        b"".join([key, *law.hgetall(key).keys(), *law.hgetall(key).values()])
        for key in law.keys("appeals*") if law.type(key) == b"hash"
    )  # fmt: skip
    assert digest_of(ticket).encode() in kept
    for form in (ticket, ticket.replace("-", ""), ticket.lower()):
        assert form.encode() not in kept


def test_the_newest_come_first_page_by_page(contest: Contest):
    appeals = contest.store.appeals
    for n in range(7):
        appeals.add(About(), f"第 {n} 个问题", n)
    assert [one.number for one in appeals.latest(3)] == [7, 6, 5]
    assert [one.number for one in appeals.latest(3, before=5)] == [4, 3, 2]
    assert [one.number for one in appeals.latest(3, before=2)] == [1]
    assert appeals.latest(3, before=1) == []
    appeals.answer(6, "因为", 10, published=True)
    appeals.refuse([3, 99], "广告", 11)
    assert [one.number for one in appeals.latest(9, only_waiting=True)] == [7, 5, 4, 2, 1]
    assert [one.number for one in appeals.latest(2, 5, only_waiting=True)] == [4, 2]
    assert (appeals.waiting(), appeals.count()) == (5, 7)


def test_an_answer_stands_in_the_log_first_and_only_public_ones_are_public(contest: Contest):
    appeals, log = contest.store.appeals, contest.store.log
    first, second = (appeals.add(About(n), WHY, n) for n in (1, 2))
    appeals.answer(1, "查过：\n那 30 票来自同一台设备。", 10, "王组织", published=True)
    appeals.answer(2, "请看公告", 11, "王组织", published=False)
    assert [one.number for one in appeals.published()] == [1]
    acts = log.latest(2)
    assert [(act.kind, act.subject, act.by) for act in acts] == [
        (Kind.ANSWER_APPEAL, "2", "王组织"), (Kind.ANSWER_APPEAL, "1", "王组织"),
    ]  # fmt: skip
    assert acts[1].reason == "公开答复：查过： 那 30 票来自同一台设备。"
    assert acts[0].reason == "只给申诉人看：请看公告"
    found = appeals.by_ticket(first)
    assert (found.state, found.answered_ms, found.published) == (State.ANSWERED, 10, True)
    assert appeals.by_ticket(second).answer == "请看公告"


def test_an_answer_can_be_given_anew_but_not_over_one_that_wasn_t_seen(contest: Contest):
    appeals = contest.store.appeals
    appeals.add(About(1), WHY, 1)
    appeals.answer(1, "一", 10, published=True, seen_ms=0)
    with pytest.raises(AnswerRefused, match="刚才有人处理过"):
        appeals.answer(1, "二", 11, published=True, seen_ms=0)
    appeals.answer(1, "三", 12, published=False, seen_ms=10)
    assert appeals.of(1).answer == "三"
    assert appeals.published() == []
    with pytest.raises(AnswerRefused, match="没有这个编号"):
        appeals.answer(9, "?", 12, published=False)
    assert len([act for act in contest.store.log.all() if act.kind is Kind.ANSWER_APPEAL]) == 2


def test_an_abuse_keeps_little_and_can_still_be_answered(contest: Contest):
    appeals = contest.store.appeals
    ticket = appeals.add(About(), "广告" * 400, 1)
    assert [one.number for one in appeals.refuse([1], "广告", 5, "王组织")] == [1]
    found = appeals.by_ticket(ticket)
    assert (found.state, len(found.text)) == (State.ABUSE, KEPT_OF_ABUSE + 1)
    assert appeals.refuse([1], "再来", 6) == [], "nothing to do, nothing in the log"
    kinds = [act.kind for act in contest.store.log.all()]
    assert kinds.count(Kind.REFUSE_APPEAL) == 1
    appeals.answer(1, "误会了", 7, published=False)
    assert appeals.by_ticket(ticket).state is State.ANSWERED


def test_an_answered_appeal_is_not_marked_as_abuse(contest: Contest):
    appeals = contest.store.appeals
    appeals.add(About(1), WHY, 1)
    appeals.answer(1, "因为", 2, published=True)
    assert appeals.refuse([1], "广告", 3) == []
    assert appeals.of(1).state is State.ANSWERED


def test_there_is_room_for_so_many_and_then_it_is_said(
    contest: Contest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(room, "MOST_WAITING", 3)
    monkeypatch.setattr(room, "MOST", 5)
    appeals = contest.store.appeals
    for n in range(3):
        appeals.add(About(), "满", n)
    with pytest.raises(Full):
        appeals.add(About(), "满", 3)
    appeals.refuse([1, 2, 3], "灌水", 4)
    appeals.add(About(), "又有地方", 5)
    appeals.add(About(), "又有地方", 5)
    with pytest.raises(Full):
        appeals.add(About(), "总数", 6)
    assert appeals.count() == 5


def test_two_at_once_get_numbers_of_their_own(contest: Contest):
    appeals = contest.store.appeals
    with ThreadPoolExecutor(8) as pool:
        tickets = list(pool.map(lambda n: appeals.add(About(n), str(n), n), range(1, 25)))
    found = [appeals.by_ticket(ticket) for ticket in tickets]
    assert sorted(one.number for one in found) == list(range(1, 25))
    assert all(one.text == str(one.about.entry) for one in found)


def test_what_was_cut_off_behind_the_log_still_waits(contest: Contest):
    appeals = contest.store.appeals
    appeals.add(About(1), WHY, 1)
    before = contest.store.law.hgetall(keys.APPEALS())
    appeals.answer(1, "因为", 2, published=True)
    contest.store.law.hset(keys.APPEALS(), mapping=before)
    one = appeals.of(1)
    assert one.state is State.WAITING
    assert appeals.published() == [], "the set of public ones alone publishes nothing"
    assert appeals.answer(1, "因为", 3, published=True, seen_ms=0) == replace(
        one, state=State.ANSWERED, answer="因为", answered_ms=3, published=True
    )
