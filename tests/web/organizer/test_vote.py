"""The vote's page in the console: what may be done in each phase, asked twice where it counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from casting import looked_at
from flask import Flask
from people import Operator, Town
from staging import refresh
from werkzeug.test import TestResponse

from voting.batch import Decision
from voting.case import Case, Effect, Finding, Pattern
from voting.contest import SHANGHAI, STEPS, Phase, Step
from voting.organizer import Role
from voting.report import draft
from voting.store.jobs import JobKind
from voting.store.log import Kind
from voting.store.rules import STEP_WORDS
from voting.web.organizer.vote import DEEDS, LINE, TAKE
from voting.web.site import Site
from web.organizer.conftest import account, logged_in


def compute(site: Site) -> str:
    """What the worker does: scrutiny has looked, the job is done; gives the draft's digest."""
    looked_at(site.store)
    draft.make(site.store, site.contest, site.now_ms(), lambda *_: None)
    return site.store.results.draft().digest


def took(answer: TestResponse, operator: Operator) -> str:
    """The page after a step that led back to it."""
    assert answer.status_code == 303, answer.text
    assert answer.location == "/organizer/vote"
    return operator.get("/organizer/vote").text


def sure(operator: Operator, step: str, **form: Any) -> str:
    """A step that is asked about: the question first, then yes."""
    asked = operator.post(f"/organizer/vote/{step}", **form)
    assert asked.status_code == 200
    assert "确定" in asked.text
    return took(operator.post(f"/organizer/vote/{step}", sure="yes", **form), operator)


@pytest.fixture
def under_review(site: Site, town: Town) -> Site:
    """Three votes for 1, one for 2; the check has begun."""
    for entry in (1, 1, 1, 2):
        assert town.visitor().vote(entry).status_code == 201
    site.store.rules.close("提前")
    site.store.rules.begin_review("核对")
    return site


def test_every_step_and_phase_has_its_words_and_its_call():
    assert set(DEEDS) == set(TAKE) == set(STEP_WORDS) == set(Step)
    assert set(LINE) == set(STEPS) == set(Phase)


def test_the_line_names_all_six_phases_and_where_the_vote_stands(
    site: Site, organizer: Operator
):
    page = organizer.get("/organizer/vote").text
    course = re.search(r'<ol class="course".*?</ol>', page, re.DOTALL)[0]
    assert re.findall(r"<b>(.*?)</b>", course) == list(LINE.values())
    assert re.findall(r'<li class="(\w+) now"', course) == ["open"]
    assert "自动截止，还有" in page
    site.store.rules.close("提前")
    assert '<li class="closed now" aria-current' in organizer.get("/organizer/vote").text


def test_only_what_the_phase_allows_is_offered(under_review: Site, organizer: Operator):
    compute(under_review)
    page = organizer.get("/organizer/vote").text
    offered = set(re.findall(r'action="/organizer/vote/([\w-]+)"', page)) - {"draft"}
    assert offered == {step.value for step in STEPS[Phase.UNDER_REVIEW]}


def test_who_may_only_look_is_offered_nothing_and_can_do_nothing(
    site: Site, reviewer: Operator, supervisor: Operator
):
    for operator in (reviewer, supervisor):
        page = operator.get("/organizer/vote").text
        assert "您的账号可以看，不能改" in page
        assert 'action="/organizer/vote/' not in page
        for step in [*Step, "draft"]:
            answer = operator.post(f"/organizer/vote/{step}", reason="因为", sure="yes")
            assert answer.status_code == 403
    assert site.store.rules.phase() is Phase.OPEN


def test_a_pause_and_its_end_are_one_press_each_with_a_reason(site: Site, organizer: Operator):
    page = took(organizer.post("/organizer/vote/pause", reason="核查"), organizer)
    assert "投票已暂停" in page
    assert site.store.rules.phase() is Phase.PAUSED
    page = took(organizer.post("/organizer/vote/resume", reason="完毕"), organizer)
    assert site.store.rules.phase() is Phase.OPEN
    acts = [(act.kind, act.reason, act.by) for act in site.store.log.latest(10)]
    assert (Kind.RESUME, "完毕", "王组织") in acts
    history = page[page.index("经过") :]
    assert history.index("完毕") < history.index("核查")


@pytest.mark.parametrize("reason", ["", "   ", "长" * 201])
def test_without_a_reason_nothing_is_done(site: Site, organizer: Operator, reason: str):
    page = took(organizer.post("/organizer/vote/pause", reason=reason), organizer)
    assert "请用一句话写明理由" in page
    assert site.store.rules.phase() is Phase.OPEN


def test_closing_is_asked_twice_and_the_rules_page_tells_why(
    site: Site, organizer: Operator, town: Town
):
    asked = organizer.post("/organizer/vote/close", reason="台风")
    assert "确定提前结束吗" in asked.text
    assert "台风" in asked.text
    assert site.store.rules.phase() is Phase.OPEN
    sure(organizer, "close", reason="台风")
    assert site.store.rules.phase() is Phase.CLOSED
    refresh(site)
    assert "提前结束：台风" in town.visitor().get("/rules").text


def test_the_closing_time_is_read_as_beijing_time(site: Site, organizer: Operator):
    at = datetime.now(SHANGHAI).replace(second=0, microsecond=0, tzinfo=None) + timedelta(days=40)
    form = {"reason": "补时", "at": at.isoformat(timespec="minutes")}
    page = took(organizer.post("/organizer/vote/extend", **form), organizer)
    assert "截止时间已延长" in page
    closes_ms = site.store.rules.versions()[-1].closes_ms
    assert closes_ms == int(at.replace(tzinfo=SHANGHAI).timestamp() * 1000)


@pytest.mark.parametrize(
    ("at", "sentence"),
    [
        ("", "请填写日期和时间"),
        ("明天", "请填写日期和时间"),
        ("9999-99-99T00:00", "请填写日期和时间"),
        ("0001-01-01T00:00", "要晚于"),
        ("2020-01-01T00:00", "要晚于"),
    ],
)
def test_a_time_that_is_none_is_refused_in_a_sentence(
    site: Site, organizer: Operator, at: str, sentence: str
):
    page = took(organizer.post("/organizer/vote/extend", reason="补时", at=at), organizer)
    assert sentence in page
    assert len(site.store.rules.versions()) == 1


def test_a_step_that_the_phase_doesn_t_allow_is_told_why(site: Site, organizer: Operator):
    page = took(organizer.post("/organizer/vote/under-review", reason="核对"), organizer)
    assert "投票正在进行，不能开始核对" in page
    assert organizer.post("/organizer/vote/win", reason="x").status_code == 404


def test_the_check_begins_and_the_worker_is_asked_to_count(site: Site, organizer: Operator):
    site.store.rules.close("提前")
    took(organizer.post("/organizer/vote/under-review", reason="投票截止"), organizer)
    (job,) = site.store.jobs.all()
    assert (job.kind, job.by) == (JobKind.RESULT, "王组织")
    took(organizer.post("/organizer/vote/draft"), organizer)
    assert len(site.store.jobs.all()) == 1, "one is enough"
    asked = [act for act in site.store.log.latest(5) if act.kind is Kind.COMPUTE]
    assert [act.by for act in asked] == ["王组织"]


def test_the_draft_is_shown_and_published_after_a_second_look(
    under_review: Site, organizer: Operator, town: Town
):
    under_review.store.entries.withdraw(2, "版权争议")
    seen = compute(under_review)
    page = organizer.get("/organizer/vote").text
    assert "一件事一次办的早晨" in page
    assert "002 号作品（已撤下）" in page
    assert seen in page
    asked = organizer.post("/organizer/vote/publish", reason="组委会确认", seen=seen)
    assert "获网络人气奖的 1 件" in asked.text
    assert under_review.store.results.latest() is None
    page = sure(organizer, "publish", reason="组委会确认", seen=seen)
    assert "结果已公布" in page
    result = under_review.store.results.latest()
    assert (result.version, result.by) == (1, "王组织")


def test_what_changed_meanwhile_must_be_looked_at_again(
    under_review: Site, organizer: Operator
):
    seen = compute(under_review)
    under_review.store.entries.withdraw(2, "争议")
    assert "作品或规则有改动" in organizer.get("/organizer/vote").text
    form = {"reason": "确认", "seen": seen, "sure": "yes"}
    assert "已经过时" in took(organizer.post("/organizer/vote/publish", **form), organizer)
    assert compute(under_review) != seen
    assert "已经重新算过" in took(
        organizer.post("/organizer/vote/publish", reason="确认", seen=seen), organizer
    )
    assert under_review.store.results.latest() is None


def test_the_jury_s_choice_is_asked_for_and_checked(
    raise_site: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("voting.result.SEALING_ROUND_MS", 10**13)  # all in one round
    app = raise_site(('tie = "all_awarded"', 'tie = "jury"'), ("winners = 10", "winners = 1"))
    site: Site = app.extensions["site"]
    for entry in (1, 2):
        Town(app).visitor().vote(entry)
    site.store.rules.close("提前")
    site.store.rules.begin_review("核对")
    site.store.accounts.add(account("王组织", Role.ORGANIZER))
    seen, organizer = compute(site), logged_in(app, "王组织")
    page = organizer.get("/organizer/vote").text
    assert page.count('name="chosen"') == 2
    assert "要由组委会评议决定" in page
    form = {"reason": "确认", "seen": seen, "jury_reason": "表决"}
    both = organizer.post("/organizer/vote/publish", chosen=["1", "2"], **form)
    assert "正好选 1 件" in took(both, organizer)
    sure(organizer, "publish", chosen="2", **form)
    assert [row.number for row in site.store.results.latest().awarded] == [2]


def test_after_a_withdrawal_the_page_asks_for_another_version(
    under_review: Site, organizer: Operator
):
    sure(organizer, "publish", reason="确认", seen=compute(under_review))
    under_review.store.entries.withdraw(1, "争议")
    refresh(under_review)
    page = organizer.get("/organizer/vote").text
    assert "公布的结果里有已撤下的作品（001 号），请另出一版" in page
    sure(organizer, "publish", reason="递补", seen=compute(under_review))
    assert under_review.store.results.latest().version == 2


def test_a_result_is_taken_back_with_a_reason(under_review: Site, organizer: Operator):
    sure(organizer, "publish", reason="确认", seen=compute(under_review))
    page = sure(organizer, "unpublish", reason="再核")
    assert "结果已撤回" in page
    assert under_review.store.results.latest() is None
    assert under_review.store.rules.phase() is Phase.UNDER_REVIEW


def test_no_form_of_the_console_asks_for_a_number_of_votes(
    under_review: Site, organizer: Operator, app: Flask
):
    """Nor does any of its addresses: what can be sent are moments, reasons, numbers of entries."""
    compute(under_review)
    asked = set()
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/organizer/") and "GET" in rule.methods:
            path = re.sub(r"<int:\w+>", "1", rule.rule)
            if "<" not in path:
                asked |= set(re.findall(r'<(?:input|select|textarea)[^>]* name="([^"]+)"',
                                        organizer.get(path).text))  # fmt: skip
    assert {"reason", "seen"} <= asked
    assert not [name for name in asked if re.search(r"vote|tally|count|total|票", name)]
    posts = [r.rule for r in app.url_map.iter_rules() if "POST" in r.methods]
    assert not [path for path in posts if re.search(r"tally|total|/counts?\b", path)]


def test_withdrawing_a_winner_says_that_the_result_wants_another_version(
    under_review: Site, organizer: Operator
):
    entry = "/organizer/entries/1"
    assert "名次由后面的作品递补" in organizer.get(entry).text
    sure(organizer, "publish", reason="确认", seen=compute(under_review))
    refresh(under_review)
    assert "它在已公布的结果里（第 1 名，获奖）" in organizer.get(entry).text
    organizer.post(f"{entry}/withdraw", reason="争议")
    told = organizer.get(entry).text
    assert "公布的结果要更正：请到“投票”页重新计算，另出一版" in told
    refresh(under_review)
    assert "公布的结果里有已撤下的作品（001 号）" in organizer.get("/organizer/").text
    compute(under_review)
    assert "公布第 2 版结果" in organizer.get("/organizer/vote").text


# --- what scrutiny has found --------------------------------------------------------------------


def test_what_scrutiny_hasn_t_looked_at_is_published_with_a_reason_that_all_can_read(
    under_review: Site, organizer: Operator, town: Town
):
    seen, store = compute(under_review), under_review.store
    run = store.cases.latest()
    store.cases.put(replace(run, rows=1), {})
    page = organizer.get("/organizer/vote").text
    assert "最近一次核查只看过 1 票" in page
    assert re.search(r'<input name="without_scrutiny" required', page)
    form = {"reason": "确认", "seen": seen}
    refusal = took(organizer.post("/organizer/vote/publish", **form), organizer)
    assert "没有改动：账本里有 4 票" in refusal
    form["without_scrutiny"] = "服务器坏了，来不及"
    asked = organizer.post("/organizer/vote/publish", **form).text
    assert "不等核查看完的理由" in asked
    assert 'name="without_scrutiny" value="服务器坏了，来不及"' in asked
    assert "结果已公布" in sure(organizer, "publish", **form)
    refresh(under_review)
    shown = town.visitor().get("/results").text
    assert "公布时核查还没有看完全部选票。</b>理由：服务器坏了，来不及" in shown


def test_while_a_case_that_changes_who_wins_is_undecided_nothing_can_be_published(
    under_review: Site, organizer: Operator
):
    seen, store = compute(under_review), under_review.store
    ids = [vote.id for vote in store.ledger.votes() if vote.entry == 1]
    case = Case(
        "c1", Pattern.CROWD, Finding.VOTES, (("1", 3),), 3, 0.0, 0.0, 3.0, 1.0, 0, 0, (), "",
        Effect(leave=("1",), enter=("9",)),
    )  # fmt: skip
    looked_at(store, case, c1=ids)
    page = organizer.get("/organizer/vote").text
    assert "有 1 组可疑的票可能改变获奖名单，还没有决定" in page
    assert 'href="/organizer/cases">去核查页' in page
    assert 'action="/organizer/vote/publish"' not in page
    form = {"reason": "确认", "seen": seen, "without_scrutiny": "硬要", "sure": "yes"}
    refusal = took(organizer.post("/organizer/vote/publish", **form), organizer)
    assert "没有改动：有 1 组可疑的票可能改变获奖名单" in refusal
    assert store.results.latest() is None


def test_a_void_after_the_draft_wants_another_one_which_tells_of_it_by_its_reason(
    under_review: Site, organizer: Operator, town: Town
):
    compute(under_review)
    store = under_review.store
    store.accounts.add(account("赵组织", Role.ORGANIZER))
    ids = [vote.id for vote in store.ledger.votes() if vote.entry == 1][:1]
    case = Case("c1", Pattern.CROWD, Finding.VOTES, (), 1, 0.0, 0.0, 1.0, 1.0, 0, 0, (), "")
    batch = store.batches.freeze(case, ids, "王组织")
    store.batches.decide(batch.id, Decision.ASK_VOID, "不像真人", "王组织")
    store.batches.decide(batch.id, Decision.VOID, "同意", "赵组织")
    assert "或者又决定了选票" in organizer.get("/organizer/vote").text
    seen = compute(under_review)
    page = organizer.get("/organizer/vote").text
    assert "<td class=\"what\">经核查移除的票</td><td class=\"num\">1</td>" in page
    sure(organizer, "publish", reason="确认", seen=seen)
    refresh(under_review)
    shown = town.visitor().get("/results").text
    assert "经核查移除的票</td><td class=\"n\">1</td><td>不像真人的一阵票</td>" in shown
