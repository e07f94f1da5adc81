"""The console's gate: who comes in, and what stays outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from people import Operator
from staging import OwnStore

from voting import create_app
from voting.organizer import Role
from voting.web.organizer.gate import console
from voting.web.site import Site

JSON = {"Accept": "application/json"}
Raise = Callable[..., Flask]


def test_each_role_reaches_the_console(
    organizer: Operator, reviewer: Operator, supervisor: Operator
):
    for one in (organizer, reviewer, supervisor):
        page = one.get("/organizer/password")
        assert page.status_code == 200
        assert one.name in page.text
        assert one.get("/organizer").headers["Location"].endswith("/organizer/")


def test_each_role_sees_its_own_rail(
    organizer: Operator, reviewer: Operator, supervisor: Operator
):
    people = (organizer, reviewer, supervisor)
    rails = {one.name: one.get("/organizer/password").text for one in people}
    for path, names in {
        "/organizer/log": {"王组织", "张监督"},
        "/organizer/accounts": {"王组织"},
        "/organizer/review": {"王组织", "李审核"},
        "/organizer/exports": {"王组织", "张监督"},
    }.items():
        assert {name for name, page in rails.items() if f'<a href="{path}"' in page} == names


def test_nothing_of_the_console_is_kept_anywhere(organizer: Operator, stranger: Operator):
    for one, path in (
        (organizer, "/organizer/accounts"), (stranger, "/organizer/log-in"),
        (stranger, "/organizer/"), (organizer, "/organizer/nowhere"),
    ):  # fmt: skip
        answer = one.get(path)
        assert answer.headers["Cache-Control"] == "no-store", path
        assert "frame-ancestors 'none'" in answer.headers.get("Content-Security-Policy", "")


def test_whoever_isn_t_logged_in_is_asked_to_and_comes_back(stranger: Operator):
    answer = stranger.get("/organizer/log?by=王组织")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/organizer/log-in?to=/organizer/log?by%3D")


@pytest.mark.parametrize("path", ["/organizer/figures.json", "/organizer/"])
def test_a_script_is_told_instead(stranger: Operator, path: str):
    answer = stranger.get(path, headers=JSON)
    assert (answer.status_code, answer.json["code"]) == (403, "logged_out")
    assert answer.mimetype == "application/problem+json"


def test_what_is_posted_after_the_session_ended_is_said_not_to_be_done(organizer: Operator):
    token = organizer.csrf_token()
    organizer.client.delete_cookie("organizer", path="/organizer")
    answer = organizer.send("/organizer/accounts", data={"csrf_token": token, "name": "赵"})
    assert answer.status_code == 403
    assert "登录已经过期" in answer.text
    assert "刚才的操作没有生效" in answer.text
    assert "重新登录" in answer.text


def test_a_view_that_nobody_declared_is_closed_to_all(app: Flask, organizer: Operator):
    app.view_functions["organizer.log"] = lambda: "open"
    for path, headers in (("/organizer/log", {}), ("/organizer/log", JSON)):
        assert organizer.get(path, headers=headers).status_code == 403
    assert organizer.get("/organizer/log", headers=JSON).json["code"] == "closed"


def test_every_view_of_the_console_is_declared(app: Flask):
    views = {name: view for name, view in app.view_functions.items()
             if name.startswith(f"{console.name}.")}  # fmt: skip
    assert len(views) > 20
    assert not [name for name, view in views.items() if not hasattr(view, "power")]
    assert {name for name, view in views.items() if view.power is None} == {
        "organizer.log_in", "organizer.open_session", "organizer.log_out"
    }  # fmt: skip


def test_an_unknown_page_is_said_inside_the_console(organizer: Operator, stranger: Operator):
    page = organizer.get("/organizer/nowhere")
    assert page.status_code == 404
    assert 'class="rail"' in page.text
    assert "没有找到这个页面" in page.text
    assert stranger.get("/organizer/nowhere").status_code == 302


def test_what_a_role_may_not_is_said_inside_the_console(reviewer: Operator):
    page = reviewer.get("/organizer/log")
    assert page.status_code == 403
    assert 'class="rail"' in page.text
    assert "您的账号不能使用这一页" in page.text


# --- before there is an account ------------------------------------------------------------------


@pytest.fixture
def passer_by(app: Flask) -> Operator:
    return Operator(app.test_client(), "", address="203.0.113.9")


@pytest.fixture
def at_home(app: Flask) -> Operator:
    return Operator(app.test_client(), "")


@pytest.mark.parametrize("path", ["/organizer/", "/organizer/log-in", "/organizer/nowhere"])
def test_before_the_first_account_nobody_from_outside_sees_anything(
    passer_by: Operator, path: str
):
    page = passer_by.get(path)
    assert page.status_code == 403
    assert "组织者后台还没有开通" in page.text
    assert "flask" not in page.text


def test_before_the_first_account_who_sits_at_the_machine_reads_the_command(at_home: Operator):
    page = at_home.get("/organizer/", follow_redirects=True)
    assert page.status_code == 200
    assert "flask --app app organizers add" in page.text
    assert 'name="password"' not in page.text
    assert at_home.post("/organizer/log-in", name="x", password="y" * 12).status_code == 403


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_loopback_has_many_addresses(at_home: Operator, address: str):
    at_home.address = address
    assert at_home.get("/organizer/log-in").status_code == 200


@pytest.mark.parametrize("address", ["10.0.0.1", "::", "192.0.2.1", "", "unix:", "::ffff:10.0.0.1"])
def test_others_are_not_loopback(at_home: Operator, address: str):
    at_home.address = address
    assert at_home.get("/organizer/log-in").status_code == 403


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "Via"]
)
def test_behind_a_proxy_that_nobody_told_us_of_nobody_sits_at_the_machine(
    at_home: Operator, header: str
):
    assert at_home.get("/organizer/log-in", headers={header: "127.0.0.1"}).status_code == 403


def test_behind_a_proxy_that_we_know_the_visitor_s_address_counts(
    environ: dict[str, str], app: Flask
):
    behind = create_app(environ | {"TRUSTED_PROXIES": "1"})
    behind.testing = False
    one = Operator(behind.test_client(), "")
    far = {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}
    assert one.get("/organizer/log-in", headers=far).status_code == 403
    near = {"X-Forwarded-For": "203.0.113.9, 127.0.0.1"}
    assert one.get("/organizer/log-in", headers=near).status_code == 200


def test_the_first_account_opens_the_console_to_the_log_in(
    passer_by: Operator, organizer: Operator
):
    assert 'name="password"' in passer_by.get("/organizer/log-in").text


# --- what is written -----------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", "IjEi.x.y"])
def test_a_post_without_a_token_of_ours_does_nothing(
    organizer: Operator, site: Site, token: str
):
    before = site.store.log.last()
    organizer.get("/organizer/accounts")
    answer = organizer.send(
        "/organizer/accounts", data={"csrf_token": token, "name": "赵", "role": "reviewer"}
    )
    assert answer.status_code == 403
    assert "刚才的操作没有生效" in answer.text
    assert site.store.log.last() == before


def test_somebody_else_s_token_is_none(organizer: Operator, reviewer: Operator):
    answer = organizer.send("/organizer/log-out", data={"csrf_token": reviewer.csrf_token()})
    assert answer.status_code == 403


def test_a_token_may_come_in_a_header(organizer: Operator):
    assert organizer.post_json("/organizer/accounts").status_code == 400, "no role was sent"


@pytest.mark.parametrize("site_", ["cross-site", "same-site"])
def test_another_site_s_page_can_post_nothing(organizer: Operator, site_: str):
    form = {"csrf_token": organizer.csrf_token(), "name": "赵", "role": "reviewer"}
    answer = organizer.send("/organizer/accounts", data=form, headers={"Sec-Fetch-Site": site_})
    assert answer.status_code == 403
    assert "不是从后台页面发出的" in answer.text


def test_every_post_route_wants_a_token(app: Flask, organizer: Operator):
    """Over the whole map of addresses, so that a new one is in it."""
    routes = [rule for rule in app.url_map.iter_rules()
              if rule.endpoint.startswith("organizer.") and not {"GET"} & rule.methods]  # fmt: skip
    assert len(routes) > 10
    for rule in routes:
        parts = {name: 1 if rule._converters[name].__class__.__name__ == "IntegerConverter" else "x"
                 for name in rule.arguments}  # fmt: skip
        path = app.url_map.bind("localhost").build(rule.endpoint, parts)
        answer = organizer.send(path, headers=JSON)
        assert (answer.status_code, answer.json["code"]) == (403, "stale_form"), path
        for foreign in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            headers = {"X-CSRFToken": organizer.csrf_token(), **JSON, **foreign}
            answer = organizer.send(path, headers=headers)
            assert (answer.status_code, answer.json["code"]) == (403, "foreign_page"), path


def test_nothing_else_than_get_and_post_is_answered(app: Flask):
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("organizer."):
            assert rule.methods <= {"GET", "POST", "HEAD", "OPTIONS"}


# --- a password that came from somebody else -----------------------------------------------------


def test_who_was_handed_a_password_chooses_another_first(
    site: Site, enter: Callable[[str, Role], Operator]
):
    new = enter("赵新", Role.ORGANIZER)
    accounts = site.store.accounts
    handed = accounts.set_password("赵新", accounts.of("赵新").password, handed_over=True)
    new.client.set_cookie("organizer", accounts.log_in(handed), path="/organizer")
    assert new.get("/organizer/accounts").headers["Location"] == "/organizer/password"
    assert "别人给您的" in new.get("/organizer/password").text
    assert new.post("/organizer/accounts", name="钱", role="reviewer").status_code == 403
    assert new.get("/organizer/accounts", headers=JSON).json["code"] == "handed_over"
    assert list(accounts.all()) == ["赵新"]


# --- the store is away ---------------------------------------------------------------------------


def test_without_the_law_store_the_console_says_so(raise_site: Raise, own_law: OwnStore):
    app = raise_site(REDIS_URL=own_law.url)
    one = Operator(app.test_client(), "")
    assert one.get("/organizer/log-in").status_code == 200
    token = one.csrf_token()
    one.client.set_cookie("organizer", "x" * 43, path="/organizer")
    own_law.kill()
    for answer in (
        one.get("/organizer/"), one.get("/organizer/log-in"),
        one.send("/organizer/log-in", data={"csrf_token": token, "name": "x", "password": "y"}),
    ):  # fmt: skip
        assert answer.status_code == 503
        assert "数据库暂时连不上" in answer.text
        assert "Traceback" not in answer.text
        assert answer.headers["Retry-After"]
    assert one.get("/organizer/", headers=JSON).json["code"] == "store_unavailable"


def test_a_role_that_changes_counts_at_once(site: Site, reviewer: Operator):
    assert reviewer.get("/organizer/password").status_code == 200
    site.store.accounts.set_role("李审核", Role.SUPERVISOR)
    assert reviewer.get("/organizer/password").status_code == 302
