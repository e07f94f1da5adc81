"""The red team: who would have the count wrong, over HTTP, with what they really hold.

Each attack ends with the ledger, because that is what counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from evening import later
from flask import Flask
from people import Town, Visitor, solve
from reading import fields
from staging import build_open, refresh, rewritten
from wechat.stand_in import StandIn
from werkzeug.test import TestResponse

from voting.contest import Identity, day_of
from voting.settings import Keys, WeChat
from voting.store.gate import How
from voting.voter import View, Voters
from voting.web.site import Site
from voting.wechat import Api

Raise = Callable[..., Flask]
N = 6
NARROW = ("new_passes_per_hour = 1000000", f"new_passes_per_hour = {N}")
HERE = "203.0.113.7"
AGENT = "Mozilla/5.0 (Linux; Android 14) Chrome/126.0"


@pytest.fixture
def narrow(raise_site: Raise) -> Town:
    """A town whose door lets six newcomers an hour in freely by one network, one vote an entry."""
    return Town(raise_site(NARROW))


@pytest.fixture
def raise_site(environ: dict[str, str], tmp_path: Path) -> Raise:
    def build(*changes: tuple[str, str], **variables: str) -> Flask:
        file = rewritten(tmp_path, *changes)
        return build_open(environ | {"CONTEST_FILE": str(file)} | variables)

    return build


def site_of(town: Town) -> Site:
    site: Site = town.app.extensions["site"]
    return site


def counted(town: Town) -> int:
    return site_of(town).store.ledger.recount().total()


def refused(town: Town) -> Counter[str]:
    site = site_of(town)
    site.store.refusals.write()
    return site.store.refusals.of([day_of(site.now_ms())])[0]


def somebody(town: Town, address: str = HERE, agent: str = AGENT) -> Visitor:
    one = town.visitor(address)
    one.client.environ_base["HTTP_USER_AGENT"] = agent
    return one


def come_and_vote(one: Visitor, entry: int = 1, *, solving: bool = True) -> TestResponse:
    """All that the page does: the last answer that it gets."""
    me = one.me(entry)
    answer = one.ask_pass(entry, me["view"])
    if solving and "challenge" in answer.json:
        answer = one.ask_pass(entry, me["view"], solve(answer.json["challenge"]))
    return one.cast(entry, answer.json["ballot"]) if answer.status_code == 201 else answer


# --- scripts --------------------------------------------------------------------------------------


def test_a_script_that_clears_its_cookies_gets_half_of_what_is_free(narrow: Town):
    """Peers' log: 2,300 votes from one notebook."""
    answers = [come_and_vote(somebody(narrow), solving=False) for _ in range(200)]
    assert Counter(answer.status_code for answer in answers) == {201: N // 2, 403: 200 - N // 2}
    assert counted(narrow) == N // 2
    assert refused(narrow) == {"challenge_required": 200 - N // 2}


def test_a_script_that_changes_its_browser_too_gets_what_is_free(narrow: Town):
    answers = [
        come_and_vote(somebody(narrow, agent=f"Mozilla/{n}"), solving=False) for n in range(200)
    ]
    assert Counter(answer.status_code for answer in answers) == {201: N, 403: 200 - N}
    assert counted(narrow) == N


def test_a_script_that_keeps_its_views_and_clears_its_cookies_is_one_voter(narrow: Town):
    view = somebody(narrow).me(1)["view"]
    for n in range(50):
        one = somebody(narrow, agent=f"Mozilla/{n}")
        one.cast(1, one.ask_pass(1, view).json["ballot"])
    assert counted(narrow) == 1


def test_a_script_that_doesn_t_wait_is_told_so_and_counts_nothing(narrow: Town):
    site = site_of(narrow)
    one = somebody(narrow)
    for n in range(20):
        view = site.voters.view_token(View(b"view%04d" % n, 1, site.now_ms()))  # looked just now
        answer = one.ask_pass(1, view)
        assert (answer.status_code, answer.json["code"]) == (425, "too_early")
        assert answer.headers["Retry-After"] == "1"
        assert "Set-Cookie" not in answer.headers
    assert counted(narrow) == 0
    assert refused(narrow) == {"too_early": 20}


# --- headers --------------------------------------------------------------------------------------

CLAIMS = ("Client-IP", "X-Client-IP", "X-Real-IP", "X-Forwarded-For", "X-Forwarded", "Forwarded",
          "Forwarded-For", "X-Cluster-Client-IP", "True-Client-IP", "CF-Connecting-IP",
          "X-Originating-IP", "X-Remote-Addr", "WL-Proxy-Client-IP")  # fmt: skip


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_whoever_forges_headers_stays_where_they_are(raise_site: Raise, hops: int):
    """Behind so many proxies that really are there: what the last of them saw counts, and what was
    claimed before them doesn't."""
    town = Town(raise_site(NARROW, TRUSTED_PROXIES=str(hops)))
    seen = [HERE, "10.0.0.2"][:hops]
    answers = []
    for n in range(30):
        lie = f"198.{n}.100.9"
        headers = dict.fromkeys(CLAIMS, lie) | {"Forwarded": f"for={lie}"}
        headers["X-Forwarded-For"] = ", ".join([lie, f"192.0.{n}.1", *seen])
        one = somebody(town, HERE if not hops else "10.0.0.9", agent=f"Mozilla/{n}")
        view = one.me(1)["view"]
        answers.append(one.post("/api/v1/passes", json={"entry": 1, "view": view}, headers=headers))
    assert Counter(answer.status_code for answer in answers) == {201: N, 403: 30 - N}


def test_a_vote_s_place_in_the_ledger_is_the_real_one(raise_site: Raise):
    town = Town(raise_site(TRUSTED_PROXIES="1"))
    one = somebody(town, "10.0.0.9")
    headers = dict.fromkeys(CLAIMS, "198.51.100.9") | {"X-Forwarded-For": f"198.51.100.9, {HERE}"}
    body = {"ballot": one.ballot(1)}
    assert one.post("/api/v1/entries/1/votes", json=body, headers=headers).status_code == 201
    (vote,) = site_of(town).store.ledger.votes()
    assert vote.signals.address == site_of(town).voters.place(HERE).address


def test_hammering_is_counted_by_the_real_address(raise_site: Raise):
    town = Town(raise_site(("votes_per_second = 10000", "votes_per_second = 3")))
    one = somebody(town)
    path, body = "/api/v1/entries/1/votes", {"ballot": one.ballot(1)}
    answers = [one.post(path, json=body, headers={"Client-IP": f"1.1.1.{n}"}) for n in range(20)]
    assert 429 in {answer.status_code for answer in answers}


# --- tokens ---------------------------------------------------------------------------------------


def test_tokens_that_are_replayed_count_once(narrow: Town):
    one, thief = somebody(narrow), somebody(narrow, "198.51.100.9")
    view = one.me(1)["view"]
    ballot = one.ask_pass(1, view).json["ballot"]
    cookie = one.client.get_cookie("pass").value
    thief.ballot(1)
    assert thief.cast(1, ballot).json["code"] == "foreign_ballot"
    thief.client.set_cookie("pass", cookie)  # with the cookie the thief is the same voter
    answers = [who.cast(1, ballot) for who in (one, thief, one, thief)]
    assert {answer.json["receipt"] for answer in answers} == {answers[0].json["receipt"]}
    assert counted(narrow) == 1


def test_a_view_or_ballot_of_another_entry_counts_nothing(narrow: Town):
    one = somebody(narrow)
    view, ballot = one.me(1)["view"], one.ballot(1)
    assert one.ask_pass(2, view).json["code"] == "foreign_ballot"
    assert one.cast(2, ballot).json["code"] == "foreign_ballot"
    assert counted(narrow) == 0


@pytest.mark.parametrize("kept", ["signing", "contest", "neither"])
def test_a_pass_or_view_of_a_foreign_contest_is_worthless(narrow: Town, kept: str):
    """Of another contest on the same server, of a site with other keys, or of both."""
    site = site_of(narrow)
    keys = site.keys if kept == "signing" else Keys(b"x" * 32, site.keys.pseudonym, b"z" * 32)
    contest = site.contest.id if kept == "contest" else "another-contest"
    foreign = Voters(keys, contest)
    view = foreign.look(1, site.now_ms() - 5_000)
    theirs = foreign.new_pass(view)
    one = somebody(narrow)
    one.client.set_cookie("pass", foreign.pass_token(theirs))
    assert one.me(1)["voter_class"] is None
    assert one.cast(1, foreign.ballot(theirs, view)).json["code"] == "pass_required"
    assert one.ask_pass(1, foreign.view_token(view)).json["code"] == "ballot_invalid"
    account = foreign.openid_pass("oSomebody", site.now_ms())
    one.client.set_cookie("pass", foreign.pass_token(account))
    assert one.me(1)["voter_class"] is None
    assert counted(narrow) == 0


def test_a_double_clicker_with_fifty_hands_has_one_vote(narrow: Town):
    one = somebody(narrow)
    ballots = [one.ballot(1) for _ in range(50)]
    cookie = one.client.get_cookie("pass").value
    hands = [somebody(narrow) for _ in ballots]
    for hand in hands:
        hand.client.set_cookie("pass", cookie)
    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda hand, ballot: hand.cast(1, ballot), hands, ballots))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}
    assert counted(narrow) == 1


def test_a_double_clicker_without_a_pass_takes_one_place_at_the_gate(narrow: Town):
    view = somebody(narrow).me(1)["view"]
    hands = [somebody(narrow) for _ in range(30)]
    with ThreadPoolExecutor(15) as pool:
        made = list(pool.map(lambda hand: hand.ask_pass(1, view).json["ballot"], hands))
    assert len(set(made)) == 1
    others = [somebody(narrow, agent=f"Mozilla/{n}") for n in range(N)]
    answers = [come_and_vote(other, solving=False) for other in others]
    assert Counter(answer.status_code for answer in answers) == {201: N - 1, 403: 1}


# --- challenges -----------------------------------------------------------------------------------


def full(town: Town) -> None:
    """All that is free here has been taken."""
    for n in range(N):
        assert come_and_vote(somebody(town, agent=f"before {n}")).status_code == 201


def test_a_solution_that_is_replayed_makes_the_same_voter_and_no_other(narrow: Town):
    full(narrow)
    one = somebody(narrow)
    view = one.me(1)["view"]
    solution = solve(one.ask_pass(1, view).json["challenge"])
    before = counted(narrow)
    for n in range(20):
        hand = somebody(narrow, agent=f"Mozilla/{n}")
        hand.cast(1, hand.ask_pass(1, view, solution).json["ballot"])
    assert counted(narrow) == before + 1
    for n in range(20):
        other = somebody(narrow, agent=f"Mozilla/{n}")
        answer = other.ask_pass(1, other.me(1)["view"], solution)
        assert (answer.status_code, answer.json["code"]) == (403, "challenge_wrong")
    assert counted(narrow) == before + 1
    assert refused(narrow)["challenge_wrong"] == 20


def test_a_solution_that_was_laid_in_for_the_last_evening_is_worthless(narrow: Town):
    full(narrow)
    site, one = site_of(narrow), somebody(narrow)
    view = site.voters.look(1, site.now_ms())
    token = site.voters.view_token(view)
    old = site.challenges.make(view, site.now_ms() - 11 * 60 * 1000)
    assert one.ask_pass(1, token, solve(old)).json["code"] == "challenge_wrong"


def test_a_farm_of_solved_challenges_gets_ten_n_an_hour(narrow: Town):
    """It solves everything, and changes address within its network, browser and cookie each time;
    over three hours, a fresh wave every five minutes."""
    let_in = []
    for turn in range(36):
        wave = 0
        while come_and_vote(
            somebody(narrow, f"203.0.113.{turn % 250}", agent=f"Mozilla/{turn}.{wave}")
        ).status_code == 201:
            wave += 1
        let_in.append(wave)
        later(site_of(narrow).store.throttle, site_of(narrow).contest.id)
    assert max(sum(let_in[at : at + 12]) for at in range(25)) == 10 * N
    assert counted(narrow) == sum(let_in) <= 3 * 10 * N


def test_a_farm_has_nothing_solved_while_the_gate_is_shut(narrow: Town):
    agents = (f"Mozilla/{n}" for n in count())
    while come_and_vote(somebody(narrow, agent=next(agents))).status_code == 201:
        pass
    answer = somebody(narrow).ask_pass(1, somebody(narrow).me(1)["view"])
    assert answer.json["code"] == "too_many_passes"
    assert "challenge" not in answer.json


# --- accounts -------------------------------------------------------------------------------------


@pytest.fixture
def wechat() -> Iterator[StandIn]:
    with StandIn() as wechat:
        yield wechat


OPENID = "oABCD-1234_efgh"


@pytest.mark.parametrize("name", ["openid", "OpenID", "open_id", "unionid", "wxid", "code"])
def test_an_openid_that_is_only_claimed_makes_nobody_an_account(narrow: Town, name: str):
    site_of(narrow).wechat = Api(WeChat("wx0000", "secret"))
    one = somebody(narrow, agent="Mozilla/5.0 Chrome/116.0")
    headers = {name: OPENID, f"X-{name}": OPENID, f"X-WX-{name}": OPENID}
    one.client.set_cookie(name, OPENID)
    view = one.get(f"/api/v1/me?entry=1&{name}={OPENID}", headers=headers).json["view"]
    body = {"entry": 1, "view": view, name: OPENID}
    made = one.post(f"/api/v1/passes?{name}={OPENID}", json=body, headers=headers)
    assert made.json["voter_class"] == "device"
    cast = one.post(
        f"/api/v1/entries/1/votes?{name}={OPENID}",
        json={"ballot": made.json["ballot"], name: OPENID, "identity": "openid", "voter": OPENID},
        headers=headers,
    )
    assert cast.status_code == 201
    (vote,) = site_of(narrow).store.ledger.votes()
    assert vote.signals.identity is Identity.DEVICE
    assert vote.voter != site_of(narrow).voters.openid_pass(OPENID, 0).voter
    site_of(narrow).store.gate.write()
    assert not site_of(narrow).store.throttle.keys("*known*"), "nor does it open the gate"


def test_a_made_up_way_back_from_wechat_signs_nobody_in(raise_site: Raise, wechat: StandIn):
    town = Town(raise_site(NARROW, **wechat.environ))
    one = somebody(town, agent=f"{AGENT} MicroMessenger/8.0.49")
    for query in (f"?e=1&code=junk&openid={OPENID}", "?e=1&code=x&state=" + "0" * 32, "?e=1"):
        assert one.get(f"/wechat/return{query}").status_code == 303
        assert one.client.get_cookie("pass") is None
    assert wechat.calls.count("exchange") == 0


# --- other sites ----------------------------------------------------------------------------------

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_site_s_page_votes_for_nobody(narrow: Town, headers: dict[str, str]):
    """With the visitor's own cookies, view and ballot, as if SameSite weren't there."""
    one = somebody(narrow)
    ballot, form = one.ballot(1), fields(one.get("/e/1/vote"))
    tries = [
        one.post("/api/v1/entries/1/votes", json={"ballot": ballot}, headers=headers),
        one.post("/api/v1/passes", json={"entry": 1, "view": form["view"]}, headers=headers),
        one.post("/e/1/vote", data=form, headers=headers),
    ]
    assert {answer.status_code for answer in tries} == {403}
    assert counted(narrow) == 0
    assert refused(narrow) == {"foreign_site": 3}


def test_a_form_of_another_site_can_t_be_sent_as_json(narrow: Town):
    """What a plain <form> can send without asking: three content types, none of them JSON."""
    one = somebody(narrow)
    ballot = one.ballot(1)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        body = f'{{"ballot": "{ballot}", "x": "="}}'
        answer = one.post("/api/v1/entries/1/votes", data=body, content_type=kind)
        assert answer.status_code == 415
    form = fields(one.get("/e/1/vote"))
    stranger = somebody(narrow)
    assert stranger.post("/e/1/vote", data=form).status_code == 400, "its CSRF token is one's own"
    assert counted(narrow) == 0


def test_what_a_browser_doesn_t_say_is_neutral(narrow: Town):
    one = somebody(narrow)
    for headers in ({}, {"Sec-Fetch-Site": "none"}, {"Origin": ""}, {"Referer": "https://x.cn/"}):
        body = {"ballot": one.ballot(1)}
        answer = one.post("/api/v1/entries/1/votes", json=body, headers=headers)
        assert answer.status_code in (201, 409)


def test_a_program_that_fills_in_every_field_is_refused_in_neutral_words(narrow: Town):
    one = somebody(narrow)
    page = one.get("/e/1/vote")
    assert 'name="remark"' in page.text
    form = {name: value or "http://buy.example" for name, value in fields(page).items()}
    answer = one.post("/e/1/vote", data=form)
    assert answer.status_code == 403
    assert "没有被接受" in answer.text
    assert "机器" not in answer.text
    assert counted(narrow) == 0
    assert "Set-Cookie" not in answer.headers
    assert refused(narrow) == {"form_refused": 1}


# --- an evening on a campus -----------------------------------------------------------------------
#
# One address, one evening of five hours. The whole crowd of 5,000 and the real N stand at the gate
# in tests/store/test_gate.py; here is a tenth of both, over HTTP.

STUDENTS, HOURS = 500, 5
TURNS = 12 * HOURS


def spend(town: Town, in_wechat: float = 0) -> tuple[Counter[str], list[TestResponse]]:
    """How it ended for each student who tried once, as the page does, and what those were told who
    would have to wait."""
    site = site_of(town)
    ended: Counter[str] = Counter()
    waiting: list[TestResponse] = []
    for n in range(STUDENTS):
        if n and n % (STUDENTS // TURNS) == 0:
            site.store.gate.write()  # every five seconds in life
            later(site.store.throttle, site.contest.id)
        one = somebody(town, agent=f"Phone {n % 20}")
        if n % 100 < 100 * in_wechat:
            account = site.voters.openid_pass(f"oStudent{n}", site.now_ms())
            one.client.set_cookie("pass", site.voters.pass_token(account))
            assert one.vote(1 + n % 12).status_code == 201
            ended["in WeChat"] += 1
            continue
        answer = come_and_vote(one, 1 + n % 12, solving=False)
        challenges = 0
        if answer.status_code == 403:
            challenges, answer = 1, come_and_vote(one, 1 + n % 12)
        if answer.status_code == 201:
            ended["with a challenge" if challenges else "freely"] += 1
        else:
            waiting.append(answer)
    return ended, waiting


def test_an_evening_on_a_declared_campus_all_vote_without_a_challenge(narrow: Town):
    site = site_of(narrow)
    site.store.networks.declare("203.0.113.0/24", STUDENTS, "校园", "开幕式现场投票")
    refresh(site)
    ended, waiting = spend(narrow)
    assert (ended, waiting) == ({"freely": STUDENTS}, [])
    assert counted(narrow) == STUDENTS


def test_an_evening_with_one_in_twenty_in_wechat_all_vote_with_one_challenge_at_most(narrow: Town):
    ended, waiting = spend(narrow, in_wechat=0.05)
    assert ended["in WeChat"] == STUDENTS // 20
    assert counted(narrow) == sum(ended.values()) >= 0.99 * STUDENTS
    assert len(waiting) <= 0.01 * STUDENTS


def test_an_evening_of_strangers_ten_n_an_hour_vote_and_the_rest_are_told_the_truth(narrow: Town):
    ended, waiting = spend(narrow)
    came = sum(ended.values())
    assert counted(narrow) == came
    assert 0.9 * HOURS * 10 * N <= came <= HOURS * 10 * N
    assert ended["freely"] <= HOURS * N
    assert len(waiting) == STUDENTS - came
    for answer in waiting:
        assert answer.status_code == 429
        minutes = -(-int(answer.headers["Retry-After"]) // 60)
        assert 0 < minutes <= 65
        assert answer.json["detail"] == "这个网络一小时里新来的投票人太多了"
        assert f"{minutes} 分钟后会有新的名额" in answer.json["next"]


def test_whoever_votes_with_an_account_from_there_opens_the_gate_for_the_others(narrow: Town):
    site = site_of(narrow)
    full(narrow)
    assert come_and_vote(somebody(narrow), solving=False).status_code == 403
    account = site.voters.openid_pass("oTeacher", site.now_ms())
    teacher = somebody(narrow)
    teacher.client.set_cookie("pass", site.voters.pass_token(account))
    assert teacher.vote(2).status_code == 201
    site.store.gate.write()
    answers = [come_and_vote(somebody(narrow, agent=f"new {n}"), solving=False) for n in range(10)]
    assert Counter(answer.status_code for answer in answers) == {201: 5, 403: 5}


def test_made_up_voters_don_t_open_the_gate(narrow: Town):
    """Only accepted votes do: an account that was refused, and one that votes for ever, count no
    more than once."""
    site = site_of(narrow)
    account = site.voters.openid_pass("oOne", site.now_ms())
    one = somebody(narrow)
    one.client.set_cookie("pass", site.voters.pass_token(account))
    for entry in (1, 1, 1, 2, 3, 4, 5, 6, 7, 8):
        one.vote(entry)
    site.store.gate.write()
    (key,) = site.store.throttle.keys("*known*")
    assert How.WECHAT.value.encode() in key
    assert site.store.throttle.pfcount(key) == 1
