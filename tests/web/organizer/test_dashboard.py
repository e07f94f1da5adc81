"""The dashboard says where the vote stands, and never alarms without saying what to do."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from people import Operator, Town
from staging import refresh
from works import an_entry

from voting.batch import Decision
from voting.case import Case, Finding, Pattern
from voting.contest import SHANGHAI, Counts
from voting.organizer import Role
from voting.settings import ROOT
from voting.store import keys
from voting.store.figures import Kept
from voting.web.organizer import condition
from voting.web.organizer.condition import BEAT_S, Check, Condition, State
from voting.web.organizer.dashboard import PARTS
from voting.web.site import Site
from web.organizer.conftest import account, logged_in


@pytest.fixture(autouse=True)
def looked_at_and_written_each_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(condition, "FRESH_S", 0.0)
    monkeypatch.setattr("voting.store.figures.WRITE_EVERY_S", 0.0)


def text(markup: str) -> str:
    """What a person reads, blanks squeezed."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def ask(one: Operator, entry: str = "") -> dict[str, Any]:
    """figures.json, with its parts as a person reads them."""
    answer = one.get(f"/organizer/figures.json?entry={entry}")
    assert answer.status_code == 200, answer.text
    parts = {name: text(part) for name, part in answer.json["parts"].items()}
    return parts | {"charts": answer.json["charts"]}


def drawn(one: Operator, entry: str = "") -> int:
    """The votes in the chart over time."""
    return sum(hour[1] for hour in ask(one, entry)["charts"]["time"]["hours"])


def work(site: Site) -> None:
    """One round of the worker."""
    refresh(site)
    site.store.figures.keep_up(site.board())


def vote(app: Flask, entry: int, times: int = 1) -> None:
    for _ in range(times):
        assert Town(app).visitor().vote(entry).status_code == 201


def change_rules(site: Site, **changes: object) -> None:
    site.store.rules.apply(replace(site.contest.law, **changes), "试验", site.now_ms())
    refresh(site)


def in_hours(hours: float) -> datetime:
    return datetime.now(SHANGHAI) + timedelta(hours=hours)


def test_votes_and_voters_of_today_and_of_all(app: Flask, site: Site, organizer: Operator):
    town = Town(app)
    alice, bob = town.visitor(), town.visitor()
    for one, entry in ((alice, 1), (alice, 2), (bob, 1)):
        assert one.vote(entry).status_code == 201
    work(site)
    now = ask(organizer)["now"]
    assert "投票进行中" in now
    assert "今天的票 3 " in now
    assert "今天的投票人 2 " in now
    assert "一共的票 3 12 件作品" in now
    assert "一共的投票人 2 平均每人 1.5 票" in now


def test_the_page_and_its_script_say_the_same(app: Flask, site: Site, organizer: Operator):
    vote(app, 1)
    work(site)
    page, parts = organizer.get("/organizer/").text, organizer.get("/organizer/figures.json").json
    assert list(parts["parts"]) == sorted(PARTS)
    for name in ("time", "days", "hours", "race", "categories", "cities", "identity", "refused"):
        assert parts["parts"][name] in page, name


def test_what_is_new_is_in_the_next_answer(app: Flask, site: Site, organizer: Operator):
    vote(app, 3)
    work(site)
    assert drawn(organizer) == 1
    vote(app, 3, 2)
    work(site)
    assert drawn(organizer) == 3
    assert "一共的票 3 " in ask(organizer)["now"]


def test_totals_come_from_the_board_when_the_worker_doesn_t_run(
    app: Flask, site: Site, organizer: Operator
):
    vote(app, 3)
    work(site)
    vote(app, 3)
    refresh(site)
    clock = site.store.figures.clock
    site.store.throttle.hset(
        keys.FIGURES(contest=site.contest.id), "beat", int((clock() - BEAT_S - 1) * 1000)
    )
    seen = ask(organizer)
    assert "一共的票 2 " in seen["now"]
    assert re.search(r"图表停在 \d+月\d+日 \d\d:\d\d，后台进程没有运行。", seen["drawn"])
    assert "后台进程 没有运行" in seen["tasks"]
    assert "请重新启动网站" in seen["tasks"]


def test_without_a_worker_ever_the_page_stands(app: Flask, site: Site, organizer: Operator):
    vote(app, 2)
    refresh(site)
    seen = ask(organizer)
    assert "还没有图表：后台进程没有运行。" in seen["drawn"]
    assert "今天的票 —" in seen["now"]
    assert "一共的票 1 " in seen["now"]
    assert seen["charts"]["time"]["hours"] == []
    assert "002" in seen["race"]


def test_while_the_worker_catches_up_the_page_says_how_far_it_is(
    app: Flask, site: Site, organizer: Operator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("voting.store.figures.PAGE", 1)
    monkeypatch.setattr("voting.store.figures.LONGEST_S", 0.0)
    vote(app, 2, 4)
    work(site)
    assert "数到 1 票，一共 4 票（25%）" in ask(organizer)["drawn"]


def test_one_entry_can_be_looked_at(app: Flask, site: Site, organizer: Operator):
    vote(app, 1, 3)
    vote(app, 2)
    work(site)
    seen = ask(organizer, "2")
    assert drawn(organizer, "2") == 1
    assert "002 社保卡里的一天 ：今天到现在 1 票" in seen["time"]
    assert seen["time"] in text(organizer.get("/organizer/?entry=2").text)
    assert "投票人" not in seen["days"], "who voted isn't known for a single entry"


@pytest.mark.parametrize("entry", ["", "99", "abc", "-1", "14", "99999999999999999999"])
def test_an_entry_that_isn_t_there_is_all_of_them(
    app: Flask, site: Site, organizer: Operator, entry: str
):
    vote(app, 1)
    work(site)
    assert drawn(organizer, entry) == 1


def test_the_race_says_who_is_in_and_by_how_much(app: Flask, site: Site, organizer: Operator):
    for number in range(1, 13):
        vote(app, number, 13 - number)
    work(site)
    seen = ask(organizer)
    assert "010 守在第 10 名， 3 票；011 排第 11，还差 1 票" in seen["race"]
    assert "比线外最近的一件多 1 票 · 从第一票起在线内" in seen["race"]
    assert "距第 10 名还差 2 票 · 从第一票起在线外" in seen["race"]
    listed = re.findall(r'data-label="(\d+)"', organizer.get("/organizer/").text)
    assert listed == ["007", "008", "009", "010", "011", "012"]
    assert seen["race"].index("第 10 名线") > seen["race"].index("010")
    lines = [(one["label"], one["inside"]) for one in seen["charts"]["race"]["runners"]]
    assert lines[3:5] == [("010", True), ("011", False)]


def test_fewer_with_votes_than_can_win_are_all_in(app: Flask, site: Site, organizer: Operator):
    vote(app, 5, 2)
    vote(app, 6)
    work(site)
    seen = ask(organizer)["race"]
    assert "有票的作品只有 2 件，还不到 10 件" in seen
    assert "第 10 名线" not in seen


def test_votes_by_category_and_city(app: Flask, site: Site, organizer: Operator):
    vote(app, 3, 3)  # AI, 济南
    vote(app, 1)  # live, 青岛
    work(site)
    seen = ask(organizer)
    assert "AI创作 3 票 4 件" in seen["categories"]
    assert "实景拍摄 1 票 8 件" in seen["categories"]
    assert seen["cities"].index("济南 3 票") < seen["cities"].index("青岛 1 票")
    assert "还有 13 个市没有公开的作品" in seen["cities"]


def test_identities_are_told_in_words(app: Flask, site: Site, organizer: Operator):
    vote(app, 1)
    work(site)
    assert "设备凭证 100%" in ask(organizer)["identity"]


def test_refusals_of_today_are_counted(app: Flask, site: Site, organizer: Operator):
    alice = Town(app).visitor()
    for _ in range(3):
        alice.vote(1)
    site.store.refusals.write()
    refused = ask(organizer)["refused"]
    assert "今天拒绝 2 次，最多的是“已投过这件作品”" in refused
    assert re.search(r"已投过这件作品 .* 2 2$", refused)


def test_refusals_are_told_by_day_and_what_goes_on_by_itself_is_none(
    site: Site, organizer: Operator
):
    now_ms = site.now_ms()
    for reason, times in (("challenge_required", 50), ("quota_used", 3), ("already_voted", 1)):
        for _ in range(times):
            site.store.refusals.count(reason, now_ms)
    site.store.refusals.write()
    parts = ask(organizer)
    assert "今天拒绝 4 次，最多的是“票已投完”" in parts["refused"]
    assert re.search(r"先做了确认 .* 50 50 ", parts["refused"])
    assert re.search(r"日 4 票已投完 3$", parts["refused_days"])


def test_each_reason_has_a_column_for_each_day(site: Site, organizer: Operator):
    site.store.refusals.count("quota_used", site.now_ms())
    site.store.refusals.write()
    page = organizer.get("/organizer/").text
    drawn = re.findall(r'<td class="trend".*?</td>', page)
    assert len(drawn) == 1
    assert drawn[0].count('class="today"') == 1


def test_with_counts_kept_until_the_end_organizers_see_them(
    raise_site: Callable[..., Flask],
):
    app = raise_site(('counts = "live"', 'counts = "after_close"'))
    site = app.extensions["site"]
    site.store.accounts.add(account("王组织", Role.ORGANIZER))
    assert site.board().rules.counts is Counts.AFTER_CLOSE
    vote(app, 1, 2)
    work(site)
    organizer = logged_in(app, "王组织")
    assert "一共的票 2 " in ask(organizer)["now"]
    assert "001" in ask(organizer)["race"]


# --- phases -------------------------------------------------------------------------------------


def test_before_it_opens_it_counts_down(site: Site, organizer: Operator):
    change_rules(site, opens=in_hours(5), closes=in_hours(50))
    seen = ask(organizer)
    assert "投票还没开始" in seen["now"]
    assert "自动开始" in seen["now"]
    assert "data-until" in organizer.get("/organizer/").text
    assert "还没有人投票" in text(organizer.get("/organizer/").text)


def test_a_pause_is_something_to_do(site: Site, organizer: Operator):
    site.store.rules.pause("核查异常流量", by="王组织")
    refresh(site)
    seen = ask(organizer)
    assert "投票暂停中" in seen["now"]
    assert re.search(r"投票暂停中 \d+月\d+日 \d\d:\d\d 起，王组织：核查异常流量。", seen["tasks"])
    assert 'href="/organizer/vote">去恢复<' in organizer.get("/organizer/").text


def test_after_the_end_the_result_waits_for_people(site: Site, organizer: Operator):
    change_rules(site, opens=in_hours(-50), closes=in_hours(-1))
    seen = ask(organizer)
    assert "投票已结束" in seen["now"]
    assert "结果还没有公布" in seen["tasks"]
    assert "去核对" in seen["tasks"]
    site.store.rules.begin_review("核对", "王组织")
    refresh(site)
    assert "正在核对结果" in ask(organizer)["now"]
    assert "去公布" in ask(organizer)["tasks"]


# --- what needs doing ---------------------------------------------------------------------------


def test_submissions_to_review_are_for_those_who_review(
    site: Site, organizer: Operator, reviewer: Operator, supervisor: Operator
):
    work(site)
    for one in (organizer, reviewer):
        assert "1 件作品等待审核" in ask(one)["tasks"]
    assert "等待审核" not in ask(supervisor)["tasks"]
    site.store.entries.add(an_entry(15))
    refresh(site)
    assert "2 件作品等待审核" in ask(reviewer)["tasks"]


def test_when_there_is_nothing_to_do_it_says_so(
    site: Site, supervisor: Operator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(condition, "_media", lambda settings: Check("视频", State.GOOD, "好。"))
    monkeypatch.setattr(condition, "LITTLE_DISK", 0)
    work(site)
    assert ask(supervisor)["tasks"] == "现在没有要处理的事。"


def test_a_broken_log_leads_to_the_log(site: Site, supervisor: Operator, reviewer: Operator):
    site.store.law.xadd(keys.OPERATORS_LOG(), {"by": "somebody"}, id="999-1")
    work(site)
    assert "记录链断了" in ask(supervisor)["tasks"]
    link = 'href="/organizer/log"'
    assert link in supervisor.get("/organizer/figures.json").json["parts"]["tasks"]
    assert link not in reviewer.get("/organizer/figures.json").json["parts"]["tasks"]


def test_a_law_store_that_could_lose_votes_is_an_alarm(site: Site, organizer: Operator):
    work(site)
    site.store.law.config_set("appendfsync", "everysec")
    try:
        seen = ask(organizer)
    finally:
        site.store.law.config_set("appendfsync", "always")
    assert "票数据库 有问题 连得上，但它的设置可能丢票" in seen["health"]
    assert "请按 config/redis.conf 改回设置" in seen["tasks"]


@pytest.mark.parametrize("free", [50, 150, 900])
def test_a_full_disk_is_told_before_it_pauses_the_vote(
    site: Site, organizer: Operator, monkeypatch: pytest.MonkeyPatch, free: int
):
    usage = type("Usage", (), {"free": free * 2**20, "total": 2**40})
    monkeypatch.setattr(condition.shutil, "disk_usage", lambda folder: usage)
    assert f"磁盘 只剩 {free} MB。" in ask(organizer)["tasks"]


def test_nothing_bad_is_said_without_what_to_do(site: Site, organizer: Operator):
    work(site)
    states = [
        Kept(), Kept(reachable=False), Kept(beat_ms=site.now_ms(), flaw="第 3 行不见了"),
        Kept(beat_ms=1),
    ]  # fmt: skip
    for kept in states:
        checks = Condition().checks(site.store, site.settings, kept, site.now_ms())
        assert all(check.todo for check in checks if check.bad)
        assert all(check.sentence for check in checks)


# --- who, and what gets in ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/organizer/", "/organizer/figures.json"])
def test_everybody_with_an_account_may_look_and_nobody_else(
    organizer: Operator, reviewer: Operator, supervisor: Operator, stranger: Operator, path: str
):
    for one in (organizer, reviewer, supervisor):
        answer = one.get(path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
    assert stranger.get(path).status_code in (302, 403)


def test_a_title_can_t_become_markup(app: Flask, site: Site, organizer: Operator):
    entry = site.store.entries.add(an_entry(15, title="<script>alert(1)</script>", city="济南"))
    site.store.entries.approve(entry.number, "好", ai_labelled=True)
    vote(app, entry.number)
    work(site)
    assert "<script>alert" not in organizer.get(f"/organizer/?entry={entry.number}").text
    parts = organizer.get("/organizer/figures.json").json["parts"]
    assert "<script>" not in "".join(parts.values())


def test_the_chart_library_is_the_one_that_is_named(organizer: Operator):
    told = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    (name,) = re.findall(r"/static/(vendor/[^?]+)", organizer.get("/organizer/").text)
    content = (ROOT / "static" / name).read_bytes()
    assert f"`{hashlib.sha256(content).hexdigest()}`" in told
    assert (ROOT / "static" / name.replace(".umd.min.js", ".LICENSE.md")).exists()


def test_what_is_removed_is_in_no_total_and_the_charts_say_that_they_have_it(
    app: Flask, site: Site, organizer: Operator, reviewer: Operator
):
    town = Town(app)
    for entry in (1, 1, 1, 2, 2):
        assert town.visitor().vote(entry).status_code == 201
    site.store.accounts.add(account("赵组织", Role.ORGANIZER))
    ids = [vote.id for vote in site.store.ledger.votes() if vote.entry == 1][:2]
    case = Case("c1", Pattern.CROWD, Finding.VOTES, (), 2, 0.0, 0.0, 0.0, 1.0, 0, 0, (), "")
    batch = site.store.batches.freeze(case, ids, "王组织")
    site.store.batches.decide(batch.id, Decision.ASK_VOID, "不像真人", "王组织")
    site.store.batches.decide(batch.id, Decision.VOID, "同意", "赵组织")
    work(site)
    refresh(site)
    parts = ask(organizer)
    assert "一共的票 3 不含移除的 2" in parts["now"]
    assert "含移除的 2 票" in parts["drawn"]
    assert re.search(r"1 002 .* 2 .*2 001 .* 1", parts["race"], re.DOTALL)
    public = ask(reviewer)
    assert "一共的票 5 12 件作品" in public["now"], "as the public sees it, until midnight"
    assert "移除" not in public["drawn"]
    page = organizer.get("/organizer/entries/1").text
    assert "<dt>票数</dt><dd>1</dd>" in page
    assert "<dt>票数</dt><dd>3</dd>" in reviewer.get("/organizer/entries/1").text
