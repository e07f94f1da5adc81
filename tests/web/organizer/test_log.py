"""The page of the operators' log: what it shows, how it is searched, and what it says of itself."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from people import Operator

from voting.store import keys
from voting.store.log import KIND_WORDS, Kind
from voting.web.organizer.log import GROUPS, ROWS
from voting.web.site import Site


def numbers(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'<tr id="n(\d+)"', page)]


def test_the_newest_is_on_top_in_plain_words(supervisor: Operator, site: Site):
    site.store.log.append(Kind.REFUSE, 13, "画面没有标识", "李审核")
    page = supervisor.get("/organizer/log").text
    found = numbers(page)
    assert found == sorted(found, reverse=True)
    row = page.partition(f'<tr id="n{found[0]}"')[2].partition("</tr>")[0]
    for word in ("李审核", "不予通过", "013 号", "画面没有标识"):
        assert word in row


def test_the_state_of_the_chain_is_on_top(supervisor: Operator, site: Site):
    chain = site.store.log.chain()
    page = supervisor.get("/organizer/log").text
    assert f"第 1–{chain.rows} 行完整" in page
    assert chain.digest[:16] in page


@pytest.mark.parametrize("cut", ["middle", "end"])
def test_a_log_that_was_tampered_with_is_an_alarm(supervisor: Operator, site: Site, cut: str):
    last = site.store.log.chain().rows
    supervisor.get("/organizer/log")
    n = 5 if cut == "middle" else last
    site.store.law.xdel(keys.OPERATORS_LOG(), f"{n}-1")
    page = supervisor.get("/organizer/log")
    assert page.status_code == 200
    assert 'class="note alarm"' in page.text
    assert f"第 {n} 行不见了" in page.text
    assert "行完整</b>" not in page.text


def test_markup_in_a_reason_is_only_text(supervisor: Operator, site: Site):
    site.store.log.append(Kind.REFUSE, "<b>x</b>", "<script>alert(1)</script>", "<i>li</i>")
    page = supervisor.get("/organizer/log").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.fixture
def busy(site: Site) -> Site:
    for n in range(3):
        site.store.log.append(Kind.REFUSE, 20 + n, f"理由{n}", "李审核")
        site.store.log.append(Kind.LOG_IN, "赵", "", "赵")
    return site


@pytest.mark.parametrize(
    ("query", "reasons"),
    [
        ("by=李审核", {"理由0", "理由1", "理由2"}),
        ("kind=refuse", {"理由0", "理由1", "理由2"}),
        ("subject=21", {"理由1"}),
        ("subject=021 号", {"理由1"}),
        ("subject=赵&kind=login", set()),
        ("by=李审核&since=2020-01-01&until=2099-01-01", {"理由0", "理由1", "理由2"}),
        ("until=2020-01-01", set()),
        ("since=2099-01-01", set()),
        ("by=nobody", set()),
    ],
)
def test_it_is_searched_by_who_what_whom_and_when(
    supervisor: Operator, busy: Site, query: str, reasons: set[str]
):
    page = supervisor.get(f"/organizer/log?{quote(query, safe='=&')}")
    assert page.status_code == 200
    assert set(re.findall("理由\\d", page.text)) == reasons
    if not reasons:
        assert "没有符合条件的记录" in page.text


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_kinds_are_searched_in_groups_too(supervisor: Operator, busy: Site, group: str):
    page = supervisor.get(f"/organizer/log?kind={group}").text
    shown = set(re.findall(r'class="kind" data-label="做了什么">([^<]+)<', page))
    assert shown <= {KIND_WORDS[kind] for kind in GROUPS[group][1]}


@pytest.mark.parametrize(
    "query", ["before=x", "before=-5", "before=99999999999999999999999", "since=tomorrow",
              "until=2020-13-45", "until=9999-12-31", "kind=?", "by=%00", "subject=" + "x" * 3000]
)  # fmt: skip
def test_a_strange_question_is_answered_all_the_same(supervisor: Operator, query: str):
    assert supervisor.get(f"/organizer/log?{query}").status_code == 200


def test_a_long_log_is_turned_page_by_page(supervisor: Operator, site: Site):
    for n in range(ROWS + 20):
        site.store.log.append(Kind.REFUSE, n, "试", "李审核")
    path, seen = "/organizer/log?by=李审核", []
    while path:
        page = supervisor.get(path).text
        seen += numbers(page)
        older = re.search(r'<a class="button" href="([^"]+)" rel="next">', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == len(set(seen)) == ROWS + 20
    assert seen == sorted(seen, reverse=True)
