"""申诉: read, answered for everybody or for one, marked as abuse; never over another's answer."""

from __future__ import annotations

import pytest
from people import Operator

from voting.appeal import About, State
from voting.store import appeals as room
from voting.store.log import Kind
from voting.web.organizer import appeals as page_of
from voting.web.site import Site

TEXT = "为什么少了 <b>30</b> 票？"


@pytest.fixture
def tickets(site: Site) -> list[str]:
    return [site.store.appeals.add(About(n), f"{TEXT} {n}", n) for n in (1, 2, 3)]


@pytest.mark.usefixtures("tickets")
def test_the_newest_is_first_and_markup_is_text(organizer: Operator):
    page = organizer.get("/organizer/appeals").text
    found = [page.index(f"/organizer/appeals/{n}\"") for n in (3, 2, 1)]
    assert found == sorted(found)
    assert "&lt;b&gt;30" in page
    assert "待答复 <span class=\"num\">3</span>" in page
    one = organizer.get("/organizer/appeals/2").text
    assert "&lt;b&gt;30&lt;/b&gt; 票？ 2" in one
    assert "002 号作品《" in one


@pytest.mark.usefixtures("tickets")
def test_pages_lead_on(organizer: Operator, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(page_of, "PER_PAGE", 2)
    page = organizer.get("/organizer/appeals?all=yes").text
    assert "/organizer/appeals/1\"" not in page
    assert "/organizer/appeals?all=yes&amp;before=2" in page
    assert "/organizer/appeals/1\"" in organizer.get("/organizer/appeals?all=yes&before=2").text
    assert organizer.get("/organizer/appeals?before=x").status_code == 200


def test_an_answer_goes_to_everybody_or_to_one(
    site: Site, organizer: Operator, tickets: list[str]
):
    for number, published in ((1, "yes"), (2, "no")):
        answer = organizer.post(
            f"/organizer/appeals/{number}/answer", answer=f" 查过了 {number}\r\n\u202e。",
            published=published, seen_ms="0",
        )  # fmt: skip
        assert answer.status_code == 303
    assert [one.answer for one in site.store.appeals.published()] == ["查过了 1\n。"]
    found = site.store.appeals.by_ticket(tickets[1])
    assert (found.state, found.answer, found.published) == (State.ANSWERED, "查过了 2\n。", False)
    act = site.store.log.last()
    assert (act.kind, act.subject, act.by) == (Kind.ANSWER_APPEAL, "2", "王组织")
    page = organizer.get("/organizer/appeals?all=yes").text
    assert page.count(">已答复<") == 2
    assert "第 2 号申诉" in organizer.get("/organizer/log").text


@pytest.mark.usefixtures("tickets")
def test_an_answer_isn_t_given_over_one_that_wasn_t_seen(site: Site, organizer: Operator):
    site.store.appeals.answer(1, "我先答了", 99, "李组织", published=False)
    answer = organizer.post("/organizer/appeals/1/answer", answer="我也答", published="yes",
                            seen_ms="0")  # fmt: skip
    assert answer.status_code == 409
    assert "刚才有人处理过" in answer.text
    assert "我也答" in answer.text, "what was written isn't lost"
    assert "aria-invalid" not in answer.text, "nor is it wrong"
    assert site.store.appeals.of(1).answer == "我先答了"
    changed = organizer.post("/organizer/appeals/1/answer", answer="改", published="yes",
                             seen_ms="99")  # fmt: skip
    assert changed.status_code == 303
    assert site.store.appeals.of(1).published


@pytest.mark.usefixtures("tickets")
@pytest.mark.parametrize("text", ["", " \u200b", "长" * 1_001])
def test_an_answer_needs_words_and_not_too_many(site: Site, organizer: Operator, text: str):
    answer = organizer.post("/organizer/appeals/1/answer", answer=text, published="yes")
    assert answer.status_code == 422
    assert "不超过 1,000 字" in answer.text
    assert "aria-invalid" in answer.text
    assert site.store.appeals.of(1).state is State.WAITING


@pytest.mark.usefixtures("tickets")
def test_abuse_is_marked_with_a_reason_several_at_once(site: Site, organizer: Operator):
    organizer.post("/organizer/appeals/refuse", number=["1", "3"], reason="")
    assert site.store.appeals.waiting() == 3
    organizer.post("/organizer/appeals/refuse", reason="广告")
    assert site.store.appeals.waiting() == 3
    organizer.post("/organizer/appeals/refuse", number=["1", "3", "77", "x"], reason="广告")
    assert [site.store.appeals.of(n).state for n in (1, 2, 3)] == [
        State.ABUSE, State.WAITING, State.ABUSE,
    ]  # fmt: skip
    assert site.store.log.last().reason == "广告"


def test_others_read_and_answer_nothing(
    site: Site, reviewer: Operator, supervisor: Operator, tickets: list[str]
):
    for one in (reviewer, supervisor):
        assert one.get("/organizer/appeals").status_code == 200
        page = one.get("/organizer/appeals/1").text
        assert "您的账号可以看，不能答复" in page
        assert "<textarea" not in page
        assert one.post("/organizer/appeals/1/answer", answer="x").status_code == 403
    assert not any(ticket in page for ticket in tickets)
    assert site.store.appeals.of(1).state is State.WAITING


@pytest.mark.usefixtures("tickets")
def test_a_full_box_is_an_alarm(organizer: Operator, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "MOST_WAITING", 3)
    monkeypatch.setattr(page_of, "MOST_WAITING", 3)
    assert "新的收不下了" in organizer.get("/organizer/appeals").text


def test_an_empty_box_says_so(organizer: Operator):
    assert "还没有申诉" in organizer.get("/organizer/appeals").text
    assert organizer.get("/organizer/appeals/1").status_code == 404
