"""Appeals over HTTP: whoever writes one is nobody, and only the ticket leads back to it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import pytest
from flask import Flask, Response
from markupsafe import escape
from people import Town, Visitor
from staging import refresh

from voting.appeal import LONGEST, About, State, new_ticket
from voting.batch import Removal
from voting.case import Pattern
from voting.contest import day_of
from voting.store import appeals as room
from voting.store.client import StoreDown
from voting.store.standings import Board
from voting.web.site import Site

WHY = "10月3日我们班投的票少了 30 张，为什么？"


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    return found[1]


def appeal(visitor: Visitor, text: str = WHY, **fields: str):
    """Fill in the form as a person does."""
    token = token_of(visitor.get("/appeals/new").text)
    sent = {"csrf_token": token, "about": "entry", "entry": "7", "text": text} | fields
    return visitor.post("/appeals/new", data=sent)


def ticket_of(answer) -> str:
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].removeprefix("/appeals/")


def test_an_appeal_is_answered_with_a_ticket_that_leads_to_it(alice: Visitor, bob: Visitor):
    answer = appeal(alice)
    ticket = ticket_of(answer)
    assert re.fullmatch(r"(\w{4}-){4}\w{4}", ticket)
    assert answer.headers["Cache-Control"] == "no-store"
    page = bob.get(f"/appeals/{ticket}")
    assert page.status_code == 200
    assert "已经收到，等待答复" in page.text
    assert WHY in page.text
    assert "007 号作品《" in page.text
    assert all(group in page.text for group in ticket.split("-"))
    assert bob.get(f"/appeals/{ticket.lower().replace('-', '')}").status_code == 200


def test_a_ticket_s_page_is_kept_nowhere_and_passed_on_nowhere(alice: Visitor, bob: Visitor):
    ticket = ticket_of(appeal(alice))
    page = bob.get(f"/appeals/{ticket}")
    assert page.headers["Cache-Control"] == "no-store"
    assert "noindex" in page.headers["X-Robots-Tag"]
    assert page.headers.getlist("Referrer-Policy") == ["strict-origin"], "nor to an access log"
    assert '<meta name="robots" content="noindex">' in page.text
    assert "ETag" not in page.headers
    assert "Set-Cookie" not in page.headers
    head = page.text.partition("</head>")[0]
    assert ticket not in head, "what is shared in WeChat is the head's address"
    assert "Disallow: /appeals/" in bob.get("/robots.txt").text


def test_the_public_page_carries_no_cookie_and_may_be_kept(alice: Visitor):
    page = alice.get("/appeals")
    assert page.headers["Cache-Control"] == "public, max-age=2"
    assert "Set-Cookie" not in page.headers
    assert "还没有公布的答复" in page.text
    assert "丢了找不回来" in page.text


def test_only_answers_for_everybody_are_public_and_never_what_was_asked(
    site: Site, alice: Visitor, bob: Visitor
):
    tickets = [ticket_of(appeal(alice, f"我叫王小明，问题 {n}")) for n in (1, 2)]
    now_ms = site.now_ms()
    site.store.appeals.answer(1, "有人问：票为什么少了？\n查过：<b>是</b>同一台设备。", now_ms,
                              published=True)  # fmt: skip
    site.store.appeals.answer(2, "这是给您的", now_ms, published=False)
    refresh(site)
    public = bob.get("/appeals").text
    assert "查过：&lt;b&gt;是&lt;/b&gt;同一台设备。" in public
    assert "007 号作品《" in public
    assert "王小明" not in public
    assert "这是给您的" not in public
    assert not any(ticket in public for ticket in tickets)
    assert "也公布在" in bob.get(f"/appeals/{tickets[0]}").text
    mine = bob.get(f"/appeals/{tickets[1]}").text
    assert "这是给您的" in mine
    assert "也公布在" not in mine


def test_what_wasn_t_taken_is_told_so(site: Site, alice: Visitor):
    ticket = ticket_of(appeal(alice, "买票找我"))
    site.store.appeals.refuse([1], "广告", site.now_ms())
    assert "没有受理" in alice.get(f"/appeals/{ticket}").text


@pytest.mark.parametrize(
    "ticket",
    ["AAAA-AAAA-AAAA-AAAA-AAAA", "nothing", "1", "..%2f..%2fetc", "%00", "A" * 5_000, "票号", "%ff",
     "0000-0000-0000-0000-0000", "*", "new%20"],
)  # fmt: skip
def test_another_ticket_leads_nowhere(alice: Visitor, ticket: str):
    appeal(alice)
    answer = alice.get(f"/appeals/{ticket}")
    assert answer.status_code == 404
    assert WHY not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_who_types_the_ticket_in_is_led_there(alice: Visitor):
    ticket = ticket_of(appeal(alice))
    answer = alice.get("/appeals/find", query_string={"ticket": f" {ticket.lower()} "})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/appeals/{ticket}")
    answer = alice.get("/appeals/find?ticket=abc")
    assert (answer.status_code, "没有这个查询码" in answer.text) == (404, True)
    other = alice.get("/appeals/find", query_string={"ticket": new_ticket()})
    assert alice.get(other.headers["Location"]).status_code == 404


@pytest.mark.parametrize("ticket", ["ACDE-FHJK-MNPR-TVWX-Y346", "ACDE\"><b>"])
def test_an_unknown_ticket_is_told_so_and_can_be_looked_at_again(alice: Visitor, ticket: str):
    for answer in (
        alice.get(f"/appeals/{ticket}"),
        alice.get("/appeals/find", query_string={"ticket": ticket}, follow_redirects=True),
    ):
        assert answer.status_code == 404
        assert "没有申诉用这个查询码" in answer.text
        assert f'name="ticket" value="{escape(ticket)}"' in answer.text
        assert 'href="/appeals/new"' in answer.text
        assert "ACDE" not in answer.text.partition("</head>")[0]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"text": ""}, "请写下您的问题"),
        ({"text": " \u200b\u202e\n "}, "请写下您的问题"),
        ({"text": "长" * (LONGEST + 1)}, "最多 1,000 字，现在有 1,001 字"),
        ({"text": "请打 138 1234 5678"}, "好像有手机号"),
        ({"text": "ｗａｎｇ＠example.com"}, "好像有邮箱"),
        ({"text": "加微信：wangxm88"}, "好像有微信号或 QQ 号"),
        ({"text": "37010219900101123X 是我"}, "好像有身份证号"),
        ({"entry": "99"}, "没有这个编号的作品"),
        ({"entry": ""}, "没有这个编号的作品"),
        ({"entry": "99999999999"}, "没有这个编号的作品"),
        ({"entry": "13"}, "没有这个编号的作品"),  # it waits for approval: nobody knows of it
        ({"about": ""}, "请选一下关于什么"),
        ({"about": "<script>"}, "请选一下关于什么"),
        ({"about": "removed", "group": "20000.one_address"}, "现在不在公布的里面"),
        ({"about": "removed", "group": "\"><b>"}, "现在不在公布的里面"),
        ({"website": "http://x"}, "有一格应当空着"),
        ({"csrf_token": "x"}, "放得太久了"),
    ],
)
def test_what_can_t_be_taken_is_said_and_nothing_that_was_written_is_lost(
    site: Site, alice: Visitor, fields: dict[str, str], told: str
):
    answer = appeal(alice, **fields)
    assert answer.status_code == 422
    assert told in answer.text
    assert "还没有提交" in answer.text
    assert site.store.appeals.count() == 0
    kept = fields.get("text", WHY)
    assert kept.replace("<", "&lt;").strip() in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    if "csrf_token" in fields:  # the page that came back can be sent
        again = {"csrf_token": token_of(answer.text), "about": "entry", "entry": "7", "text": WHY}
        assert alice.post("/appeals/new", data=again).status_code == 303


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"text": "请打 138 1234 5678"}, "text"),
        ({"entry": "99"}, "entry"),
        ({"about": "removed", "group": "1.other"}, ""),  # no group is published: no field is there
        ({"website": "http://x"}, ""),
        ({"text": "长" * LONGEST, "entry": "99"}, "entry"),
    ],
)
def test_only_the_field_that_is_wrong_looks_wrong(
    alice: Visitor, fields: dict[str, str], name: str
):
    page = appeal(alice, **fields).text
    looks = re.findall(r'<\w+ [^>]*?name="(\w+)"[^>]* aria-invalid="true"', page)
    assert looks == [name] * bool(name)


def test_a_full_box_leaves_the_text_as_right_as_it_is(
    alice: Visitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(room, "MOST_WAITING", 0)
    answer = appeal(alice, "长" * LONGEST)
    assert (answer.status_code, "aria-invalid" in answer.text) == (503, False)


@pytest.mark.parametrize("entry", ["7", "007", "No.7", "7号", " ０７ ", "14"])
def test_an_entry_is_named_as_people_name_it_withdrawn_or_not(alice: Visitor, entry: str):
    assert appeal(alice, entry=entry).status_code == 303


def test_markup_and_strange_letters_are_only_text(site: Site, alice: Visitor):
    text = "</textarea><script>alert(1)</script>{{ 7*7 }}\u202e倒\x00着 <img src=x onerror=y>"
    page = alice.get(f"/appeals/{ticket_of(appeal(alice, text))}").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}倒着" in page
    answer = appeal(alice, text + "13812345678")
    assert answer.text.count("</textarea>") == 1
    assert "<script>alert" not in answer.text
    assert site.store.appeals.of(1).text.startswith("</textarea>")


def test_a_form_of_another_site_appeals_for_nobody(site: Site, alice: Visitor):
    token = token_of(alice.get("/appeals/new").text)
    sent = {"csrf_token": token, "about": "entry", "entry": "7", "text": WHY}
    answer = alice.post("/appeals/new", data=sent, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    stranger = alice.client.application.test_client()
    assert stranger.post("/appeals/new", data=sent).status_code == 422, "a token without its cookie"
    assert site.store.appeals.count() == 0


@pytest.mark.parametrize("size", [20_000, 1_000_000])
def test_a_body_that_is_too_large_is_refused_unread(site: Site, alice: Visitor, size: int):
    token = token_of(alice.get("/appeals/new").text)
    answer = alice.post("/appeals/new", data={"csrf_token": token, "text": "x" * size})
    assert answer.status_code == 413
    many = "&".join(f"f{n}=" for n in range(3_000)).encode()
    kind = "application/x-www-form-urlencoded"
    answer = alice.post("/appeals/new", data=many, content_type=kind)
    assert answer.status_code in (413, 422)
    assert site.store.appeals.count() == 0


def test_the_longest_appeal_fits_whatever_its_letters(alice: Visitor):
    assert appeal(alice, "𠮷" * LONGEST).status_code == 303


def test_one_address_appeals_a_few_times_an_hour_and_mistakes_don_t_count(
    site: Site, town: Town
):
    alice, bob = town.visitor("198.51.100.7"), town.visitor("203.0.113.9")
    for _ in range(8):
        assert appeal(alice, "").status_code == 422
    for n in range(5):
        assert appeal(alice, f"第 {n} 个问题").status_code == 303
    answer = appeal(alice)
    assert answer.status_code == 429
    assert "这个网络提交的申诉太多了" in answer.text
    assert "分钟再试" in answer.text
    assert WHY in answer.text, "what was written isn't lost"
    assert appeal(bob).status_code == 303
    assert site.store.appeals.count() == 6


def test_a_whole_network_appeals_only_so_often(town: Town):
    answers = [appeal(town.visitor(f"198.51.100.{n}")).status_code for n in range(1, 23)]
    assert answers == [303] * 20 + [429] * 2


def test_when_there_is_no_room_it_is_said(
    alice: Visitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(room, "MOST_WAITING", 1)
    assert appeal(alice).status_code == 303
    answer = appeal(alice)
    assert answer.status_code == 503
    assert "现在收不下新的" in answer.text
    assert WHY in answer.text


def test_while_the_store_is_away_nothing_is_lost_and_nothing_pretended(
    site: Site, alice: Visitor, monkeypatch: pytest.MonkeyPatch
):
    ticket = ticket_of(appeal(alice))

    def gone(*_: object, **__: object) -> None:
        raise StoreDown("gone")

    for name in ("add", "by_ticket", "published"):
        monkeypatch.setattr(room.Appeals, name, gone)
    answer = appeal(alice, "又一个问题")
    assert answer.status_code == 503
    assert "申诉没有提交" in answer.text
    assert "又一个问题" in answer.text
    answer = alice.get(f"/appeals/{ticket}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "已经收下的申诉不会丢" in answer.text
    refresh(site)
    assert "暂时读不出来" in alice.get("/appeals").text


@pytest.fixture
def removed(site: Site, monkeypatch: pytest.MonkeyPatch) -> int:
    """Votes were removed yesterday; gives the day."""
    day = day_of(site.now_ms()) - 1
    found = (
        Removal(day, 1, Pattern.ONE_ADDRESS, 100),
        Removal(day, 3, Pattern.ONE_ADDRESS, 40),
        Removal(day, 2, Pattern.RELAYS, 12),
        Removal(day, 2, Pattern.CROWD, 9),
    )
    monkeypatch.setattr(Board, "removals", found)
    return day


def test_the_panel_is_told_and_leads_to_an_appeal(site: Site, alice: Visitor, removed: int):
    page = alice.get("/top").text
    assert "移除的票" in page
    assert "<b>161</b> 票" in page
    assert "同一地址成批投票" in page
    assert "借用代理地址的票" not in page, "too few to be told by themselves"
    assert "其他" in page
    assert 'href="/appeals"' in page
    told = alice.get("/api/v1/removed").json
    assert (told["complete"], told["smallest"], told["total_votes"]) == (False, 20, 161)
    assert [(g["category"], g["reason"], g["votes"]) for g in told["groups"]] == [
        ("live", "one_address", 100), ("ai", "one_address", 40), (None, None, 21),
    ]  # fmt: skip
    form = alice.get(f"/appeals/new?group={removed}.one_address").text
    assert form.count("同一地址成批投票") == 1, "whatever the category"
    assert re.search(rf'value="{removed}.one_address" selected', form)
    ticket = ticket_of(appeal(alice, about="removed", group=f"{removed}.one_address", entry=""))
    assert site.store.appeals.by_ticket(ticket).about == About(0, removed, "one_address")
    assert "移除的票：同一地址成批投票" in alice.get(f"/appeals/{ticket}").text
    ticket = ticket_of(appeal(alice, about="removed", group=f"{removed}.together"))
    assert "移除的票：其他" in alice.get(f"/appeals/{ticket}").text


def test_when_nothing_was_removed_the_panel_says_something_true(alice: Visitor):
    page = alice.get("/top").text
    assert "没有要公布的移除" in page
    told = alice.get("/api/v1/removed").json
    assert (told["groups"], told["total_votes"]) == ([], 0)
    assert told["through"].endswith("T00:00:00.000+08:00"), "the last midnight"


def test_after_the_close_every_group_is_told(site: Site, alice: Visitor, removed: int):
    site.store.rules.close("到时间了")
    refresh(site)
    told = alice.get("/api/v1/removed").json
    assert (told["complete"], told["smallest"], len(told["groups"])) == (True, 1, 4)
    assert "借用代理地址的票" in alice.get("/top").text


def test_general_questions_about_removed_votes_need_no_day(site: Site, alice: Visitor):
    ticket = ticket_of(appeal(alice, about="removed", entry=""))
    found = site.store.appeals.by_ticket(ticket)
    assert (found.about, found.state) == (About(), State.WAITING)


def test_the_form_works_from_a_link_and_without_scripts(alice: Visitor):
    page = alice.get("/appeals/new?entry=7").text
    assert re.search(r'id="entry" name="entry" value="7"', page)
    assert 'value="entry" checked' in page
    assert alice.get("/appeals/new?about=%00&entry=" + "9" * 5000).status_code == 200


def test_appeals_are_taken_in_every_phase(raise_site: Callable[..., Flask]):
    app = raise_site()
    site: Site = app.extensions["site"]
    alice = Town(app).visitor()
    for step in (site.store.rules.pause, site.store.rules.close, site.store.rules.begin_review):
        step("试")
        refresh(site)
        assert appeal(alice).status_code == 303


@pytest.mark.parametrize("path", ["/rules", "/top", "/"])
def test_the_way_to_appeals_is_on_the_pages(alice: Visitor, path: str):
    assert 'href="/appeals"' in alice.get(path).text


# --- what logs may hold ---------------------------------------------------------------------------


def test_a_ticket_s_page_that_crashes_leaves_no_ticket_in_the_log(
    app: Flask, site: Site, alice: Visitor, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):  # fmt: skip
    ticket = ticket_of(appeal(alice))

    def crash(*_: object) -> None:
        raise RuntimeError("a bug")

    def crash_behind(_: Response) -> Response:
        raise RuntimeError("a bug behind the view")

    monkeypatch.setattr(site.store.appeals, "by_ticket", crash)
    assert alice.get(f"/appeals/{ticket}").status_code == 500
    assert "unexpected error at /appeals/<ticket>" in caplog.text
    app.after_request_funcs.setdefault(None, []).append(crash_behind)
    assert alice.get(f"/appeals/{ticket}").status_code == 500
    assert "Exception on /appeals/… [GET]" in caplog.text
    assert ticket not in caplog.text


@pytest.mark.parametrize(
    "written",
    [
        "/appeals/{ticket} HTTP/1.1",
        "/appeals/find?ticket={ticket} HTTP/1.1",
        "https://vote.example.cn/appeals/{ticket}?from=singlemessage",
    ],
)
@pytest.mark.parametrize("name", ["gunicorn.error", "gunicorn.access", "werkzeug"])
def test_servers_log_no_ticket_either(
    app: Flask, caplog: pytest.LogCaptureFixture, name: str, written: str
):
    ticket = new_ticket()
    caplog.set_level(logging.INFO, name)
    line = written.format(ticket=ticket)
    logging.getLogger(name).info("Error handling request %s %s", "GET", line)
    logging.getLogger(name).info('"%(r)s" %(s)s', {"r": f"GET {line}", "s": "500"})
    assert caplog.text.count("/appeals/…") == 2
    assert ticket not in caplog.text


def test_other_addresses_are_logged_as_they_are(app: Flask, caplog: pytest.LogCaptureFixture):
    logging.getLogger("gunicorn.error").error("Error handling request %s", "/entries/7")
    assert "Error handling request /entries/7" in caplog.text
