"""All entries, one entry, and what may be done with it."""

from __future__ import annotations

import re

import pytest
from people import Operator, Town
from staging import refresh
from works import an_entry, lay_media

from voting.contest import EntryState
from voting.store.log import Kind
from voting.web.organizer.entries import PER_PAGE
from voting.web.site import Site


@pytest.fixture
def laid(site: Site) -> Site:
    """Entries 2 (public), 13 (pending) and 14 (withdrawn) have their media."""
    for number in (2, 13, 14):
        lay_media(site, an_entry(number))
    site.curator().shelf.put_out(an_entry(2).media)
    return site


def numbers(page: str) -> list[int]:
    """The entries that a page lists."""
    return [int(n) for n in re.findall(r'<a href="/organizer/entries/(\d+)">', page)]


def state(site: Site, number: int) -> EntryState:
    return site.store.entries.of(number).state


# --- the list -----------------------------------------------------------------------------------


def test_all_entries_in_all_states_with_how_many_there_are_of_each(supervisor: Operator):
    page = supervisor.get("/organizer/entries").text
    assert numbers(page) == list(range(1, 15))
    counts = dict(re.findall(r'>(\S+) <span class="num">(\d+)</span></a>', page))
    assert counts == {"全部": "14", "待审核": "1", "已公开": "12", "未通过": "0", "已撤下": "1"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=7", [7]),
        ("q=013", [13]),
        ("q=济南", [12]),
        ("q=作者11", [11]),
        ("q=青年志愿队", [1, 3, 5, 7, 9, 11, 13]),
        ("state=withdrawn", [14]),
        ("state=approved&category=ai", [3, 6, 9, 12]),
        ("city=烟台&category=ai", []),
        ("city=青岛", [1, 4, 7, 10, 13]),
        ("q=没有这样的作品", []),
        ("state=nonsense", []),
        ("page=99&q=7", [7]),
        ("page=-1&q=7", [7]),
        ("page=x&q=7", [7]),
    ],
)
def test_entries_are_found(supervisor: Operator, query: str, found: list[int]):
    assert numbers(supervisor.get(f"/organizer/entries?{query}").text) == found


def test_many_entries_make_pages(supervisor: Operator, site: Site):
    for number in range(15, PER_PAGE + 10):
        site.store.entries.add(an_entry(number))
    first = supervisor.get("/organizer/entries").text
    assert numbers(first) == list(range(1, PER_PAGE + 1))
    assert "/organizer/entries?page=2" in first
    second = supervisor.get("/organizer/entries?page=2").text
    assert numbers(second)[0] == PER_PAGE + 1


# --- one entry ----------------------------------------------------------------------------------


def test_an_entrys_page_tells_its_facts_votes_rank_and_history(
    supervisor: Operator, laid: Site, town: Town
):
    for _ in range(3):
        town.visitor().vote(2)
    refresh(laid)
    page = supervisor.get("/organizer/entries/2").text
    for words in (an_entry(2).title, an_entry(2).author, "<dd>3</dd>", "<dd>1</dd>", "公开作品"):
        assert words in page


def test_whoever_only_looks_on_is_offered_nothing_to_do(supervisor: Operator, laid: Site):
    for number in (2, 13, 14):
        page = supervisor.get(f"/organizer/entries/{number}").text
        assert "能做的" not in page
        assert page.count("<form") == 1, "only the one to log out"


def test_an_entry_that_isnt_there_is_a_404(supervisor: Operator):
    answer = supervisor.get("/organizer/entries/999")
    assert answer.status_code == 404
    assert "没有 999 号作品" in answer.text


# --- withdrawing and restoring ------------------------------------------------------------------


def test_withdrawing_says_before_what_will_happen_and_does_it(
    organizer: Operator, laid: Site, town: Town
):
    town.visitor().vote(2)
    page = organizer.get("/organizer/entries/2").text
    for words in ("留在账本里", "递补", "马上不能再投票"):
        assert words in page
    answer = organizer.post("/organizer/entries/2/withdraw", reason="版权争议，等待核实")
    assert state(laid, 2) is EntryState.WITHDRAWN
    assert an_entry(2).media not in laid.curator().shelf.out()
    refresh(laid)
    told = organizer.get(answer.location).text
    for words in ("已撤下", "版权争议，等待核实", organizer.name, "恢复公开", "<dd>1</dd>"):
        assert words in told
    assert town.visitor().get("/e/2").status_code == 404


def test_restoring_brings_it_back_with_its_votes(organizer: Operator, laid: Site, town: Town):
    town.visitor().vote(2)
    organizer.post("/organizer/entries/2/withdraw", reason="版权争议")
    organizer.post("/organizer/entries/2/restore", reason="争议已核实")
    refresh(laid)
    assert town.visitor().get("/e/2").status_code == 200
    standing = laid.board().standings.of(2)
    assert standing is not None
    assert standing.votes == 1
    assert [act.kind for act in laid.curator().history(2)][-2:] == [Kind.WITHDRAW, Kind.RESTORE]


@pytest.mark.parametrize("reason", ["", "   ", "长" * 201])
@pytest.mark.parametrize(("number", "do"), [(2, "withdraw"), (14, "restore")])
def test_each_needs_a_reason(organizer: Operator, laid: Site, number: int, do: str, reason: str):
    before = state(laid, number)
    answer = organizer.post(f"/organizer/entries/{number}/{do}", reason=reason)
    assert "写明理由" in organizer.get(answer.location).text
    assert state(laid, number) is before


@pytest.mark.parametrize(
    ("number", "do"), [(13, "withdraw"), (14, "withdraw"), (2, "restore"), (13, "restore"),
                       (2, "approve"), (14, "approve")]
)  # fmt: skip
def test_what_doesnt_fit_the_state_changes_nothing(
    organizer: Operator, laid: Site, number: int, do: str
):
    before = state(laid, number)
    answer = organizer.post(f"/organizer/entries/{number}/{do}", reason="试试")
    assert "没有改动" in organizer.get(answer.location).text
    assert state(laid, number) is before


def test_a_refused_submission_may_be_approved_after_all(reviewer: Operator, laid: Site):
    laid.curator().refuse(13, "没有中文字幕", "王组织")
    reviewer.post("/organizer/entries/13/approve", reason="复核后没有问题")
    assert state(laid, 13) is EntryState.APPROVED
    assert an_entry(13).media in laid.curator().shelf.out()


def test_an_ai_entry_whose_label_nobody_saw_isnt_approved_this_way(
    reviewer: Operator, site: Site
):
    entry = site.store.entries.add(an_entry(15))
    lay_media(site, entry)
    site.curator().refuse(15, "没有中文字幕", "王组织")
    answer = reviewer.post("/organizer/entries/15/approve", reason="复核后没有问题")
    assert "AI 创作要带标识" in reviewer.get(answer.location).text
    assert state(site, 15) is EntryState.REFUSED
    reviewer.post("/organizer/entries/15/approve", reason="复核后没有问题", labelled="yes")
    assert state(site, 15) is EntryState.APPROVED


def test_a_reviewer_takes_nothing_from_the_public(reviewer: Operator, laid: Site):
    assert "撤下…" not in reviewer.get("/organizer/entries/2").text
    for number, do in ((2, "withdraw"), (14, "restore")):
        before = state(laid, number)
        answer = reviewer.post(f"/organizer/entries/{number}/{do}", reason="试试")
        assert answer.status_code == 403
        assert state(laid, number) is before


# --- several at once ----------------------------------------------------------------------------


@pytest.fixture
def several(site: Site) -> list[int]:
    """Pending: 15 and 16 without doubts, 17 with one, 18 an AI work."""
    for number in range(15, 19):
        doubts = ("时长对不上",) if number == 17 else ()
        category = "ai" if number == 18 else "live"
        entry = site.store.entries.add(an_entry(number, doubts=doubts, category=category))
        lay_media(site, entry)
    return [15, 16, 17, 18]


def test_only_what_needs_no_second_look_can_be_chosen(reviewer: Operator, several: list[int]):
    page = reviewer.get("/organizer/entries?state=pending").text
    boxes = re.findall(r'type="checkbox" name="number" value="(\d+)"', page)
    assert boxes == ["13", "15", "16"]


def test_several_are_approved_together_after_a_second_question(
    reviewer: Operator, several: list[int], site: Site
):
    page = reviewer.post("/organizer/entries/together", number=several)
    assert "一起通过 2 件？" in page.text
    assert "另外 2 件没有算进来" in page.text
    assert {state(site, n) for n in several} == {EntryState.PENDING}
    answer = reviewer.post("/organizer/entries/together", number=several, sure="yes")
    assert "已通过 2 件" in reviewer.get(answer.location).text
    assert [state(site, n).value for n in several] == ["approved", "approved", "pending", "pending"]


def test_what_was_decided_meanwhile_is_told(reviewer: Operator, several: list[int], site: Site):
    site.store.entries.correct(13, "", category="live")  # its media were never laid
    answer = reviewer.post("/organizer/entries/together", number=[13, 15], sure="yes")
    told = reviewer.get(answer.location).text
    assert "已通过 1 件" in told
    assert "013 号没有通过" in told


@pytest.mark.parametrize("numbers", [[], [17, 18], [2, 999], ["x"]])
def test_nothing_to_approve_is_told(reviewer: Operator, several: list[int], numbers: list[object]):
    answer = reviewer.post("/organizer/entries/together", number=numbers, sure="yes")
    assert "没有选中可以一起通过的作品" in reviewer.get(answer.location).text
