"""共用网络: what organizers see, declare and take back, and what they are told when they can't."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from people import Operator
from staging import refresh
from werkzeug.test import TestResponse

from voting.organizer import Role
from voting.store.gate import Gate
from voting.store.log import Kind
from voting.web.site import Site
from web.organizer.conftest import account, logged_in

CAMPUS = "202.194.15.0/24"
PAGE = "/organizer/networks"


def declare(one: Operator, network: str = CAMPUS, **more: Any) -> TestResponse:
    form = {"people": "800", "words": "趵突泉校区", "until": "", "reason": "开学典礼"} | more
    return one.post(PAGE, network=network, **form)


def value(page: str, name: str) -> str:
    found = re.search(rf'<input [^>]*?name="{name}"[^>]*? value="([^"]*)"', page)
    assert found, name
    return unescape(found[1])


def test_a_network_is_declared_and_taken_back(organizer: Operator, site: Site):
    answer = declare(organizer, "202.194.15.77/24")
    assert (answer.status_code, answer.location) == (303, PAGE)
    page = organizer.get(PAGE).text
    assert "已登记 202.194.15.0/24：趵突泉校区，每小时 800 人，到投票结束。马上生效。" in page
    (one,) = site.store.networks.all()
    assert (one.network, one.people, one.by) == (CAMPUS, 800, organizer.name)
    refresh(site)
    assert site.board().declared("202.194.15.9")

    answer = organizer.post(f"{PAGE}/withdraw", network=CAMPUS, seen=one.n, reason="典礼结束")
    assert answer.status_code == 303
    assert "已撤销 202.194.15.0/24" in organizer.get(PAGE).text
    assert site.store.networks.all() == []
    kinds = [act.kind for act in site.store.log.latest(2)]
    assert kinds == [Kind.WITHDRAW_NETWORK, Kind.DECLARE_NETWORK]


def test_the_page_tells_how_much_of_its_allowance_a_network_has_used(
    organizer: Operator, site: Site, monkeypatch: pytest.MonkeyPatch
):
    declare(organizer, people="1")
    assert '已来 <b class="num">0</b> 位' in organizer.get(PAGE).text
    monkeypatch.setattr(Gate, "came_freely", lambda *_: [1])
    page = organizer.get(PAGE).text
    assert '已来 <b class="num">1</b> 位 <span class="badge warn">满了</span>' in page
    monkeypatch.setattr(Gate, "came_freely", lambda *_: None)
    assert "近一小时" not in organizer.get(PAGE).text


def test_the_button_takes_the_network_that_the_request_comes_from(organizer: Operator):
    organizer.address = "202.194.15.77"
    page = organizer.get(PAGE).text
    assert "登记我现在所在的网络" in page
    assert "202.194.15.77" in page
    assert value(page, "network") == ""
    assert value(organizer.get(f"{PAGE}?here=site").text, "network") == CAMPUS
    assert value(organizer.get(f"{PAGE}?here=address").text, "network") == "202.194.15.77/32"


def test_in_ipv6_it_takes_the_site(organizer: Operator):
    organizer.address = "2001:da8:7000:1::9"
    assert value(organizer.get(f"{PAGE}?here=site").text, "network") == "2001:da8:7000::/48"
    assert value(organizer.get(f"{PAGE}?here=address").text, "network") == "2001:da8:7000:1::/64"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "::ffff:192.168.1.1", ""])
def test_an_inside_address_has_no_button_but_says_what_is_wrong(
    organizer: Operator, address: str
):
    organizer.address = address
    page = organizer.get(PAGE).text
    assert "登记我现在所在的网络" not in page
    assert "TRUSTED_PROXIES" in page


def test_behind_a_counted_proxy_it_is_the_visitor_s_network(raise_site, organizer_of):
    organizer = organizer_of(raise_site(TRUSTED_PROXIES="1"))
    header = {"X-Forwarded-For": "1.1.1.1, 202.194.15.77"}
    page = organizer.get(PAGE, headers=header).text
    assert "202.194.15.77" in page
    assert "1.1.1.1" not in page


@pytest.fixture
def organizer_of():
    def make(app: Any) -> Operator:
        app.extensions["site"].store.accounts.add(account("王组织", Role.ORGANIZER))
        return logged_in(app, "王组织")

    return make


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"network": ""}, "请填写网络，例如 202.194.15.0/24。"),
        ({"network": "abc"}, "这不是一个地址，也不是一个网段"),
        ({"network": "<script>alert(1)</script>"}, "这不是一个地址，也不是一个网段"),
        ({"network": "9" * 9_000}, "这不是一个地址，也不是一个网段"),
        ({"network": "0.0.0.0/0"}, "0.0.0.0/0 太宽了"),
        ({"network": "202.0.0.0/8"}, "最宽可以登记到 /16。"),
        ({"network": "127.0.0.1"}, "127.0.0.1/32 是内网地址"),
        ({"network": "192.168.0.0/24"}, "TRUSTED_PROXIES"),
        ({"network": "fd00::1"}, "fd00::/64 是内网地址"),
        ({"people": ""}, "人数要在 1 到 50000 之间。"),
        ({"people": "0"}, "人数要在 1 到 50000 之间。"),
        ({"people": "-3"}, "人数要在 1 到 50000 之间。"),
        ({"people": "9" * 9_000}, "人数要在 1 到 50000 之间。"),
        ({"people": "1e3"}, "人数要在 1 到 50000 之间。"),
        ({"words": ""}, "请写这是哪里的网络"),
        ({"words": "字" * 41}, "不超过 40 个字"),
        ({"reason": " "}, "请用一句话写明理由"),
        ({"reason": "字" * 201}, "请用一句话写明理由"),
        ({"until": "2001-01-01T00:00"}, "截止时间要晚于现在。"),
        ({"until": "9999-12-31T23:59"}, "截止时间在一年以后"),
        ({"until": "0001-01-01T00:00"}, "截止时间"),
        ({"until": "tomorrow"}, "截止时间请写日期和时间"),
    ],
)
def test_what_can_t_be_is_said_in_one_sentence_and_the_form_stays(
    organizer: Operator, site: Site, changed: dict[str, str], told: str
):
    answer = declare(organizer, **changed)
    assert answer.status_code == 422
    wrong = re.search(r'role="alert" id="wrong">(.*?)</p>', answer.text, re.S)
    assert wrong
    assert told in unescape(wrong[1])
    assert site.store.networks.all() == []
    for name, kept in ({"words": "趵突泉校区", "people": "800"} | changed).items():
        assert value(answer.text, name) == kept.strip()[:300]


def test_a_declaration_is_changed_by_whoever_has_seen_it(organizer: Operator, site: Site):
    declare(organizer)
    (one,) = site.store.networks.all()
    page = organizer.get(f"{PAGE}?change={one.n}").text
    assert value(page, "network") == CAMPUS
    assert value(page, "people") == "800"
    assert value(page, "instead_of") == str(one.n)
    assert declare(organizer, people="2000", instead_of=str(one.n)).status_code == 303
    assert [two.people for two in site.store.networks.all()] == [2_000]
    late = declare(organizer, people="5", instead_of=str(one.n))
    assert late.status_code == 422
    assert "已经登记了：趵突泉校区，每小时 2000 人" in late.text


def test_two_organizers_don_t_withdraw_what_they_haven_t_seen(organizer: Operator, site: Site):
    declare(organizer)
    organizer.post(f"{PAGE}/withdraw", network=CAMPUS, seen="1", reason="典礼结束")
    assert "刚才有人改过" in organizer.get(PAGE).text
    organizer.post(f"{PAGE}/withdraw", network=CAMPUS, reason="")
    assert "请用一句话写明理由" in organizer.get(PAGE).text
    organizer.post(f"{PAGE}/withdraw", network="junk" * 99, reason="典礼结束")
    assert "现在没有登记" in organizer.get(PAGE).text
    assert len(site.store.networks.all()) == 1


def test_the_page_says_which_of_two_networks_counts(organizer: Operator):
    declare(organizer, "202.194.0.0/16", words="山东大学")
    declare(organizer)
    page = organizer.get(PAGE).text
    assert "<bdi>山东大学</bdi>”（202.194.0.0/16）里面；这里的地址按这一行算" in page


def test_one_whose_time_is_over_is_last_and_says_so(organizer: Operator, site: Site):
    declare(organizer)
    site.clock = lambda clock=site.clock: clock() + 30 * 24 * 3600
    page = organizer.get(PAGE).text
    assert "已到期" in page
    assert "再次登记" in page


def test_who_may_only_look_sees_no_form(organizer: Operator, supervisor: Operator):
    declare(organizer)
    page = supervisor.get(PAGE).text
    assert "趵突泉校区" in page
    assert 'action="/organizer/networks' not in page
    assert "登记我现在所在的网络" not in page


def test_words_and_reasons_are_escaped(organizer: Operator):
    declare(organizer, words="<b>校区</b>", reason="<i>典礼</i>")
    page = organizer.get(PAGE).text
    assert "&lt;b&gt;校区" in page
    assert "<i>典礼" not in page


def test_the_log_calls_it_by_its_words(organizer: Operator):
    declare(organizer)
    page = organizer.get("/organizer/log").text
    assert "登记共用网络" in page
    assert CAMPUS in page
