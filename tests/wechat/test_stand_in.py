"""The stand-in refuses what WeChat refuses; else the site would be held to nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3

from wechat.stand_in import ERRORS, StandIn


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn(domain="vote.example.cn") as one:
        yield one


def asked(stand_in: StandIn, **changes: str) -> dict[str, str]:
    """What authorize is asked, in the documented order."""
    return {
        "appid": stand_in.app_id,
        "redirect_uri": "https://vote.example.cn/wechat/return?e=7",
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "3d6be0a4035d839573b04816624a415e",
    } | changes


def get(stand_in: StandIn, path: str, query: dict[str, str]) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", f"{stand_in.url}{path}?{urlencode(query)}", redirect=False)


def exchanged(stand_in: StandIn, **changes: str) -> dict:
    query = {
        "appid": stand_in.app_id, "secret": stand_in.secret, "code": stand_in.new_code(),
        "grant_type": "authorization_code",
    }  # fmt: skip
    return json.loads(get(stand_in, "/sns/oauth2/access_token", query | changes).data)


def test_authorize_leads_back_with_code_and_state(stand_in: StandIn):
    answer = get(stand_in, "/connect/oauth2/authorize", asked(stand_in))
    assert answer.status == 302
    back = urlsplit(answer.headers["Location"])
    assert (back.netloc, back.path) == ("vote.example.cn", "/wechat/return")
    found = parse_qs(back.query)
    assert found["e"] == ["7"]
    assert found["state"] == ["3d6be0a4035d839573b04816624a415e"]
    assert exchanged(stand_in, code=found["code"][0])["openid"] == stand_in.person


@pytest.mark.parametrize(
    "change",
    [
        {"appid": "wx0"}, {"response_type": "token"}, {"scope": "snsapi_login"},
        {"state": "x" * 129}, {"redirect_uri": "https://evil.example/"}, {"redirect_uri": "/x"},
        {"redirect_uri": "https://sub.vote.example.cn/"}, {"more": "1"},
    ],
)  # fmt: skip
def test_authorize_refuses_what_isn_t_as_documented(stand_in: StandIn, change: dict[str, str]):
    assert get(stand_in, "/connect/oauth2/authorize", asked(stand_in, **change)).status == 400


def test_authorize_reads_its_parameters_in_their_order(stand_in: StandIn):
    turned = dict(reversed(asked(stand_in).items()))
    assert get(stand_in, "/connect/oauth2/authorize", turned).status == 400


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"appid": "wx0"}, 40013), ({"secret": "x"}, 40125), ({"code": "x"}, 40029),
        ({"grant_type": "client_credential"}, 40029),
    ],
)  # fmt: skip
def test_an_exchange_is_refused_with_the_recorded_body(
    stand_in: StandIn, change: dict[str, str], code: int
):
    assert exchanged(stand_in, **change) == ERRORS[code]


def test_a_forced_token_may_be_had_twenty_times_a_day(stand_in: StandIn):
    fields = {
        "grant_type": "client_credential", "appid": stand_in.app_id, "secret": stand_in.secret,
        "force_refresh": True,
    }  # fmt: skip
    url = f"{stand_in.url}/cgi-bin/stable_token"
    answers = [urllib3.request("POST", url, json=fields).json() for _ in range(21)]
    assert len({one["access_token"] for one in answers[:20]}) == 20
    assert answers[20] == ERRORS[45009]


def test_the_older_token_call_is_there_too(stand_in: StandIn):
    query = {"grant_type": "client_credential", "appid": stand_in.app_id, "secret": stand_in.secret}
    answer = json.loads(get(stand_in, "/cgi-bin/token", query).data)
    assert answer["expires_in"] == 7200
    assert answer["access_token"]
