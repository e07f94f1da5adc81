"""核查: what the pages say of a case, and what comes of decisions about it."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from cases import World, a_world, load
from people import Operator
from staging import refresh

from voting.batch import Decision, State
from voting.case import PATTERN_WORDS, SIGN_WORDS, Effect, Finding, Run
from voting.organizer import Role
from voting.phrases import chance, observed
from voting.store import keys
from voting.store.jobs import JobKind, JobState
from voting.web.organizer.deciding import DEEDS
from voting.web.organizer.docket import Clerk
from voting.web.organizer.telling import ago, badges
from voting.web.site import Site

CASE = "c-address"


@pytest.fixture
def world(site: Site) -> World:
    loaded = load(site.store, a_world(int(time.time() * 1000)))
    refresh(site)
    return loaded


@pytest.fixture
def second(enter: Callable[[str, Role], Operator]) -> Operator:
    return enter("赵组织", Role.ORGANIZER)


def page_of(operator: Operator, case: str = CASE) -> str:
    answer = operator.get(f"/organizer/cases/{case}")
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def forms_of(page: str) -> dict[str, dict[str, str]]:
    """Decision → the hidden fields of its form, the last one on the page."""
    found = {}
    for decision, inside in re.findall(
        r'action="/organizer/cases/[^"]+/(\w+)">(.*?)</form>', page, re.DOTALL
    ):
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', inside))
        found[decision] = {k: v for k, v in fields.items() if k != "csrf_token"}
    return found


def decide(
    operator: Operator, decision: str, reason: str = "查过了", case: str = CASE, **changed: str
) -> str:
    """Press the button as the page has it; the page after it."""
    fields = forms_of(page_of(operator, case)).get(decision, {}) | changed
    answer = operator.post(f"/organizer/cases/{case}/{decision}", reason=reason, **fields)
    assert answer.status_code == 303, answer.text
    return html.unescape(operator.get(answer.location).text)


def state_of(site: Site) -> State:
    (now,) = site.store.batches.all()
    return now.state


# --- reading ------------------------------------------------------------------------------------


def test_before_the_first_run_the_page_says_so(organizer: Operator):
    page = organizer.get("/organizer/cases").text
    assert "还没有核查过账本" in page
    assert "每隔 5 分钟" in page
    assert "requirements-scrutiny.txt" not in page


def test_where_its_software_is_missing_the_page_says_which(
    site: Site, organizer: Operator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("voting.web.organizer.cases.missing_for_scrutiny", lambda: ("polars",))
    page = organizer.get("/organizer/cases").text
    assert "没有装核查要用的软件：polars。" in page
    assert "pip install -r requirements-scrutiny.txt" in page
    assert "现在核查一次" not in page
    assert organizer.post("/organizer/cases").status_code == 303
    assert site.store.jobs.all() == []


def test_one_look_at_a_time_is_asked_for(site: Site, organizer: Operator, supervisor: Operator):
    assert "现在核查一次" in organizer.get("/organizer/cases").text
    for person in (organizer, organizer, supervisor):
        assert person.post("/organizer/cases").location == "/organizer/cases"
    (job,) = site.store.jobs.all()
    assert (job.kind, job.by) == (JobKind.SCRUTINY, organizer.name)
    page = supervisor.get("/organizer/cases").text
    assert f'data-job="/organizer/jobs/{job.id}.json"' in page
    assert "现在核查一次" not in page


def test_a_look_that_failed_is_told_until_there_is_a_newer_one(
    site: Site, organizer: Operator
):
    organizer.post("/organizer/cases")
    job = site.store.jobs.claim(site.now_ms())
    site.store.jobs.end(job.id, JobState.FAILED, "内存不够，没有核查完", site.now_ms())
    page = organizer.get("/organizer/cases").text
    assert "内存不够，没有核查完" in page
    assert "现在核查一次" in page
    site.store.cases.put(Run(site.now_ms() + 1, 0, 2.0, ()), {})
    assert "内存不够" not in organizer.get("/organizer/cases").text


def test_a_run_without_cases_says_so(site: Site, organizer: Operator):
    site.store.cases.put(Run(int(time.time() * 1000), 21_430, 2.0, ()), {})
    page = organizer.get("/organizer/cases").text
    assert "没有可疑的票" in page
    assert "21,430" in page


def test_each_case_is_listed_with_what_it_is(world: World, organizer: Operator):
    page = html.unescape(organizer.get("/organizer/cases").text)
    for case in world.run.cases:
        assert f"/organizer/cases/{case.id}" in page
        assert PATTERN_WORDS[case.pattern] in page
        assert observed(case) in page
        for sign in case.signs:
            assert SIGN_WORDS[sign] in page
    assert "3 分钟前核查了" in page


def test_the_largest_effect_on_the_winners_comes_first(world: World, organizer: Operator):
    page = organizer.get("/organizer/cases").text
    order = re.findall(r'<h3><a href="/organizer/cases/([\w-]+)"', page)
    assert order[:2] == ["c-address", "c-network"], "these two change the winners"
    assert order[-2:] == ["c-excess", "c-surge"], "these are no votes that anybody can name"
    assert "移除后：009 号从第 6 名到第 12 名，011 号进入前 10 名" in page


def test_the_ranking_without_all_that_is_open_is_drawn(world: World, organizer: Operator):
    page = organizer.get("/organizer/cases").text
    together = page[page.index('id="together"') :]
    assert "前 10 名里会换 2 件：009 号、010 号出去，011 号、012 号进来" in together
    assert together.count('<li class="about') == 2 * 4, "each on the left and on the right"


def test_scrutiny_that_has_stopped_is_told(site: Site, world: World, organizer: Operator):
    old = replace(world.run, at_ms=world.run.at_ms - 3 * 3600 * 1000)
    site.store.cases.put(old, world.vote_ids, world.sheets)
    assert "核查停住了" in organizer.get("/organizer/cases").text
    assert "核查停在" in organizer.get("/organizer/").text
    site.store.rules.close("提前")
    refresh(site)
    assert "核查停住了" not in organizer.get("/organizer/cases").text


@pytest.mark.parametrize(
    "case",
    ["c-address", "c-network", "c-phones", "c-crowd", "c-lockstep", "c-marker", "c-relays"],
)
def test_a_sheet_says_its_evidence_and_the_honest_explanation_before_the_buttons(
    world: World, organizer: Operator, case: str
):
    page = page_of(organizer, case)
    (one,) = (c for c in world.run.cases if c.id == case)
    buttons = page.index('id="decide"')
    assert page.index(one.explanation) < buttons
    for evidence in one.evidence:
        assert page.index(evidence.sentence) < buttons
    assert page.count('class="timeline"') == 2
    for question in ("什么时候来的？", "隔多久？", "停留多久", "哪些网络来？", "还投了谁？"):
        assert question in page
    assert set(forms_of(page)) == {"hold", "keep", "ask_void"}


@pytest.mark.parametrize("case", ["c-excess", "c-surge"])
def test_what_only_has_a_number_can_be_seen_but_neither_held_nor_voided(
    site: Site, world: World, organizer: Operator, case: str
):
    page = page_of(organizer, case)
    assert ("没有人说得出是哪些票" in page) or ("这不是证据" in page)
    assert set(forms_of(page)) == {"keep"}
    for decision in ("hold", "ask_void", "void", "put_back"):
        fields = forms_of(page)["keep"]
        assert "没有改动" in decide(organizer, decision, case=case, **fields)
    assert site.store.batches.all() == []
    assert "看过了" in decide(organizer, "keep", "是电视台转发", case)
    assert "是电视台转发" in page_of(organizer, case)


def test_without_a_sheet_the_page_still_says_all_in_words(
    site: Site, world: World, organizer: Operator
):
    site.store.cases.put(world.run, world.vote_ids)
    page = page_of(organizer)
    assert "随下一次核查画出来" in page
    assert "同一个地址投了 168 票" in page


def test_texts_are_shown_as_they_are_written(site: Site, world: World, organizer: Operator):
    bad = "<script>alert(1)</script>"
    evil = replace(world.run.cases[0], explanation=bad)
    site.store.cases.put(replace(world.run, cases=(evil,)), world.vote_ids)
    decide(organizer, "keep", bad)
    for path in (f"/organizer/cases/{CASE}", "/organizer/cases", "/organizer/"):
        assert bad not in organizer.get(path).text


def test_how_long_ago_it_was_is_told_in_words():
    assert ago(1_000) == "刚刚"
    assert ago(3 * 60_000) == "3 分钟前"


def test_every_decision_has_its_deed():
    assert set(DEEDS) == set(Decision)


def test_chances_are_said_in_words(world: World):
    one = world.run.cases[0].evidence[0]
    words = [chance(replace(one, log10_p=p)) for p in (0, -2, -3, -5, -7, float("-inf"))]
    assert len(set(words)) == 6
    assert words[0] == "偶然也会有"


# --- deciding -----------------------------------------------------------------------------------


def test_a_void_takes_two_organizers_and_the_ranking_follows(
    site: Site, world: World, organizer: Operator, second: Operator
):
    page = decide(organizer, "ask_void", "整夜每隔 41 秒一票")
    assert "已提请移除" in page
    assert "要另一位组织者用自己的账号确认" in page
    assert set(forms_of(page)) & {"void"} == set(), "not the one who asked"
    assert state_of(site) is State.ASKED
    assert "没有改动" in decide(organizer, "void", batch=site.store.batches.all()[0].batch.id,
                             seen="asked")  # fmt: skip
    assert "请您看过证据再确认" in page_of(second)
    page = decide(second, "void", "看过了，同意")
    assert "已移除：这些票不再计入票数" in page
    assert state_of(site) is State.VOID
    assert "<dt>已移除</dt><dd>009 号从第 6 名到第 12 名" in page
    assert "009 号从第 6 名到第 12 名" in organizer.get("/organizer/cases").text
    history = page[page.index(">经过<") :]
    assert history.index("看过了，同意") < history.index("整夜每隔 41 秒一票")
    page = decide(second, "put_back", "弄错了")
    assert state_of(site) is State.KEPT
    assert "已恢复" in page


def test_a_hold_says_until_when_and_changes_no_place(
    site: Site, world: World, organizer: Operator
):
    before = organizer.get("/organizer/cases").text.count("从第 6 名到第 12 名")
    page = decide(organizer, "hold", "请学校核实")
    assert "核查中，到" in page
    assert "hold" not in forms_of(page)
    assert state_of(site) is State.HELD
    assert organizer.get("/organizer/cases").text.count("从第 6 名到第 12 名") == before


def test_one_vote_in_the_place_of_another_is_not_what_was_seen(
    site: Site, world: World, organizer: Operator
):
    """As many votes, and the last one is the same; but one of them nobody has looked at."""
    ids, other = list(world.vote_ids[CASE]), world.vote_ids["c-network"][0]
    put(site, world, case_of(world), ids[1:])
    seen = forms_of(page_of(organizer))["keep"]
    put(site, world, case_of(world), [other, *ids[2:]])
    assert "请看过现在的再决定" in decide(organizer, "keep", **seen)
    assert site.store.batches.all() == []


def test_what_is_decided_leaves_the_list_of_what_is_to_decide(
    world: World, organizer: Operator
):
    decide(organizer, "keep")
    page = organizer.get("/organizer/cases").text
    assert page.index("决定过的") < page.index(f"/organizer/cases/{CASE}")


@pytest.mark.parametrize("reason", ["", "  ", "长" * 201])
def test_without_a_reason_nothing_is_decided(
    site: Site, world: World, organizer: Operator, reason: str
):
    assert "请用一句话写明理由" in decide(organizer, "keep", reason)
    assert site.store.batches.all() == []


def test_a_case_that_has_grown_freezes_what_was_seen_and_leaves_the_rest(
    site: Site, world: World, organizer: Operator
):
    seen = forms_of(page_of(organizer))["keep"]
    ids = list(world.vote_ids[CASE])
    shown, later = ids[:100], ids[100:]
    first = replace(case_of(world), votes=100, entries=(("9", 100),), last_ms=ms_of(shown[-1]))
    put(site, world, first, shown)
    seen = forms_of(page_of(organizer))["keep"]
    put(site, world, case_of(world), ids)  # a run came between looking and pressing
    page = decide(organizer, "keep", **seen)
    (now,) = site.store.batches.all()
    assert now.batch.votes == 100
    assert f"又有 {len(later)} 票没有决定" in page
    assert "100 票：已保留" in page
    assert f"{len(later)} 票" in page
    assert decide(organizer, "ask_void").count("没有改动") == 0
    assert {one.batch.votes for one in site.store.batches.all()} == {100, len(later)}


def test_a_case_that_has_changed_must_be_looked_at_again(
    site: Site, world: World, organizer: Operator
):
    seen = forms_of(page_of(organizer))["keep"]
    ids = list(world.vote_ids[CASE])
    put(site, world, replace(case_of(world), votes=160, entries=(("9", 160),)), ids[8:])
    assert "请看过现在的再决定" in decide(organizer, "keep", **seen)
    assert site.store.batches.all() == []


def test_a_case_that_vanished_while_somebody_decides_is_told(
    site: Site, world: World, organizer: Operator
):
    fields = forms_of(page_of(organizer))["keep"]
    others = tuple(one for one in world.run.cases if one.id != CASE)
    site.store.cases.put(replace(world.run, at_ms=world.run.at_ms + 1, cases=others), {})
    answer = organizer.post(f"/organizer/cases/{CASE}/keep", reason="x", **fields)
    page = organizer.get(answer.location).text if answer.status_code == 303 else ""
    assert "没有改动" in organizer.get("/organizer/cases").text or "没有改动" in page
    assert site.store.batches.all() == []
    answer = organizer.get(f"/organizer/cases/{CASE}")
    assert (answer.status_code, answer.location) == (302, "/organizer/cases")


def test_what_was_decided_stays_when_the_case_is_gone(
    site: Site, world: World, organizer: Operator, second: Operator
):
    decide(organizer, "ask_void")
    decide(second, "void", "同意")
    site.store.cases.put(Run(world.run.at_ms + 1, world.run.rows, 1.0, ()), {})
    assert "最近一次核查里没有了" in organizer.get("/organizer/cases").text
    page = page_of(organizer)
    assert "同一个地址投了 168 票" in page
    assert page.count('class="timeline"') == 2
    decide(organizer, "put_back", "重新计票")
    assert state_of(site) is State.KEPT


def test_a_batch_without_what_was_kept_of_it_is_shown_all_the_same(
    site: Site, world: World, organizer: Operator
):
    decide(organizer, "keep")
    site.store.law.delete(keys.CASES_KEPT())
    site.store.cases.put(Run(world.run.at_ms + 1, world.run.rows, 1.0, ()), {})
    page = page_of(organizer)
    assert "当时没有留下图" in page
    assert "168" in page


def test_two_at_once_the_second_is_told(
    site: Site, world: World, organizer: Operator, second: Operator
):
    fields = forms_of(page_of(second))["ask_void"]
    decide(organizer, "keep", "我先")
    assert "没有改动" in decide(second, "ask_void", **fields)
    fields = forms_of(page_of(second))["ask_void"]
    decide(organizer, "ask_void", "又想了想")
    assert "没有改动" in decide(second, "ask_void", **fields)
    assert state_of(site) is State.ASKED


@pytest.mark.parametrize(
    "fields",
    [
        {"seen": ""},
        {"seen": "1.1"},
        {"seen": "99999999999999.168.7"},
        {"seen": "x.y"},
        {"seen": "-1.-1"},
        {"seen": f"{'9' * 5_000}.{'9' * 5_000}"},
        {"batch": "nobody", "seen": "open"},
        {"batch": "nobody", "seen": "zzz"},
    ],
)
def test_what_nobody_was_shown_decides_nothing(
    site: Site, world: World, organizer: Operator, fields: dict[str, str]
):
    assert "没有改动" in decide(organizer, "ask_void", **fields)
    assert site.store.batches.all() == []


def test_a_batch_of_another_case_isn_t_decided_here(
    site: Site, world: World, organizer: Operator
):
    decide(organizer, "keep", case="c-network")
    other = site.store.batches.all()[0].batch.id
    assert "没有改动" in decide(organizer, "ask_void", batch=other, seen="kept")
    assert state_of(site) is State.KEPT


@pytest.mark.parametrize("case", ["nobody", "run", "at_ms", "%2e%2e", "c-address%00", "案"])
def test_forged_names_of_cases_lead_nowhere(
    site: Site, world: World, organizer: Operator, case: str
):
    answer = organizer.get(f"/organizer/cases/{case}")
    assert answer.status_code in (302, 404), case
    answer = organizer.post(f"/organizer/cases/{case}/keep", reason="x", seen="1.1")
    assert answer.status_code in (303, 404)
    assert organizer.post(f"/organizer/cases/{CASE}/win", reason="x").status_code == 404
    assert site.store.batches.all() == []


def test_who_only_looks_is_offered_nothing(world: World, supervisor: Operator):
    page = page_of(supervisor)
    assert "您的账号可以看，不能决定" in page
    assert forms_of(page) == {}


def test_an_entry_that_was_withdrawn_is_named_by_its_number(
    site: Site, world: World, organizer: Operator
):
    site.store.entries.withdraw(9, "版权争议")
    refresh(site)
    page = organizer.get("/organizer/cases").text
    assert "009 号（已撤下）" in page
    assert "009 号（已撤下）" in page_of(organizer)
    assert "名次不变" in page_of(organizer)
    assert "已提请移除" in decide(organizer, "ask_void")


def test_a_large_case_is_decided_in_one_go(site: Site, world: World, organizer: Operator):
    """As many votes as the ledger has, in one case."""
    law = site.store.law
    rows = law.xrange(keys.LEDGER(shard=0))
    ids = [f"00-{stream_id.decode()}" for stream_id, _ in rows]
    entries = tuple((str(n), int(v)) for n, v in sorted(
        site.store.ledger.tally().items(), key=lambda one: -one[1]))  # fmt: skip
    case = replace(case_of(world), votes=len(ids), entries=entries, last_ms=ms_of(ids[-1]))
    put(site, world, case, ids)
    assert "已提请移除" in decide(organizer, "ask_void")
    assert site.store.batches.all()[0].batch.votes == len(ids)


# --- telling ------------------------------------------------------------------------------------


def test_the_navigation_counts_what_presses(
    world: World, organizer: Operator, supervisor: Operator, reviewer: Operator
):
    pressing = re.compile(r'class="pressing num"[^>]*>(\d+)')
    for one in (organizer, supervisor):
        assert pressing.search(one.get("/organizer/entries").text)[1] == "2"
    page = reviewer.get("/organizer/entries").text
    assert not pressing.search(page)
    assert "/organizer/cases" not in page


def test_the_overview_tells_what_waits(
    world: World, organizer: Operator, second: Operator, reviewer: Operator
):
    page = organizer.get("/organizer/").text
    assert "2 组可疑的票会改变前 10 名，还没有决定" in page
    assert "012 号票数涨得比平常快" in page
    decide(organizer, "ask_void")
    page = second.get("/organizer/").text
    assert "1 组票等第二人确认移除" in page
    page = reviewer.get("/organizer/").text
    assert "可疑的票" not in page
    assert "涨得比平常快" not in page


def test_a_run_that_nobody_can_read_takes_nothing_else_away(
    site: Site, world: World, organizer: Operator
):
    site.store.law.hset(keys.CASES(), mapping={"at_ms": "1", "run": '{"cases": 7}'})
    assert organizer.get("/organizer/entries").status_code == 200
    assert "还没有核查过账本" in organizer.get("/organizer/cases").text


def test_badges_say_each_thing_once(site: Site, world: World):
    docket = Clerk().docket(site.store, site.board())
    for matter in docket.matters:
        words = [badge.words for badge in badges(matter)]
        assert len(words) == len(set(words)) > 0
        assert (matter.case.finding is Finding.VOTES) == matter.named
    assert docket.pressing == 2
    assert all(isinstance(one.case.effect, Effect) for one in docket.matters)


def case_of(world: World):
    return next(one for one in world.run.cases if one.id == CASE)


def ms_of(vote_id: str) -> int:
    return int(vote_id.split("-")[1])


def put(site: Site, world: World, case, ids: list[str]) -> None:
    """The next run: this case in place of the one it was."""
    rest = tuple(one for one in world.run.cases if one.id != case.id)
    at_ms = site.store.cases.at_ms() + 1
    run = replace(world.run, at_ms=at_ms, cases=(case, *rest))
    site.store.cases.put(run, {**world.vote_ids, case.id: ids}, world.sheets)


def test_numbers_that_don_t_agree_don_t_keep_anybody_from_deciding(
    site: Site, world: World, organizer: Operator
):
    """What counts are the votes that a run names, whatever else it says of them."""
    odd = replace(case_of(world), votes=1, entries=(("9", 3),), last_ms=5)
    put(site, world, odd, list(world.vote_ids[CASE]))
    assert "已保留" in decide(organizer, "keep")
    assert site.store.batches.all()[0].batch.votes == 168
