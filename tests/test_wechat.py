"""The protocol towards WeChat, against the stand-in, published vectors and recorded errors."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from staging import wait_until
from wechat.stand_in import ERRORS, RECORDED, StandIn

from voting import wechat
from voting.settings import ROOT, WeChat
from voting.wechat import (
    Api,
    CodeWorthless,
    TokenWorthless,
    Trouble,
    in_wechat,
    signature,
)

ANDROID = (
    "Mozilla/5.0 (Linux; Android 13; V2203A) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0"
    " Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160117 MMWEBSDK/20240404 MicroMessenger/8.0.49"
)
KINDS = {
    40029: CodeWorthless, 40163: CodeWorthless, 42001: TokenWorthless, 40001: TokenWorthless,
}  # fmt: skip


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as one:
        yield one


def account(stand_in: StandIn, **changes: str) -> WeChat:
    given = {"app_id": stand_in.app_id, "app_secret": stand_in.secret} | changes
    return WeChat(**({"api_url": stand_in.url, "open_url": stand_in.url} | given))


@pytest.fixture
def api(stand_in: StandIn) -> Api:
    return Api(account(stand_in))


@pytest.mark.parametrize(
    ("user_agent", "inside"),
    [
        (ANDROID, True),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) MicroMessenger/8.0.50", True),
        ("Mozilla/5.0 (iPhone) MicroMessenger/7.0.1 wxwork/4.1.20", False),  # 企业微信
        ("Mozilla/5.0 (Linux; Android 13) Chrome/116.0.0.0 Mobile Safari/537.36", False),
        ("", False),
    ],
)
def test_a_browser_says_whether_it_is_wechat(user_agent: str, inside: bool):
    assert in_wechat(user_agent) is inside


VECTOR = {  # of the JS-SDK's documentation, 附录1-JS-SDK使用权限签名算法
    "ticket": "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7"
    "qg",
    "nonce": "Wm3WZYTPz0wzccnW",
    "timestamp": 1414587457,
    "url": "http://mp.weixin.qq.com?params=value",
}
SIGNED = "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


def test_the_published_example_is_signed_as_published():
    assert signature(**VECTOR) == SIGNED


def test_the_stand_in_signs_the_published_example_as_published(stand_in: StandIn):
    stand_in.ticket = VECTOR["ticket"]
    assert stand_in.signs(VECTOR["url"], VECTOR["nonce"], VECTOR["timestamp"]) == SIGNED


def test_the_address_to_sign_in_at_is_as_documented():
    api = Api(WeChat("wx520c15f417810387", "s" * 32))
    back = "https://chong.qq.com/php/index.php?d=&c=wxAdapter&m=mobileDeal&showwxpaytitle=1"
    assert api.authorize_url(back, "123") == (
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx520c15f417810387&redirect_uri="
        "https%3A%2F%2Fchong.qq.com%2Fphp%2Findex.php%3Fd%3D%26c%3DwxAdapter%26m%3DmobileDeal"
        "%26showwxpaytitle%3D1&response_type=code&scope=snsapi_base&state=123#wechat_redirect"
    )


def test_a_code_stands_for_a_person_once(stand_in: StandIn, api: Api):
    code = stand_in.new_code()
    person = api.exchange(code)
    assert (person.openid, person.snapshot) == (stand_in.person, False)
    with pytest.raises(CodeWorthless) as refused:
        api.exchange(code)
    assert refused.value.code == 40163
    with pytest.raises(CodeWorthless) as refused:
        api.exchange("041dtY3b2LZjeQ0")
    assert refused.value.code == 40029


def test_a_snapshot_is_told(stand_in: StandIn, api: Api):
    stand_in.snapshot = True
    assert api.exchange(stand_in.new_code()).snapshot


def test_the_stable_token_is_the_same_until_a_new_one_is_forced(stand_in: StandIn, api: Api):
    first = api.token()
    assert api.token() == first
    assert first.lives_s == 7200
    assert api.token(force=True) != first
    with pytest.raises(TokenWorthless):
        api.ticket(first.value)
    assert api.ticket(api.token().value).value == stand_in.ticket


@pytest.mark.parametrize("code", [one["errcode"] for one in RECORDED])
def test_every_recorded_error_becomes_a_trouble_of_its_kind(
    stand_in: StandIn, api: Api, code: int
):
    stand_in.every_answer = code
    with pytest.raises(Trouble) as refused:
        api.exchange(stand_in.new_code())
    assert type(refused.value) is KINDS.get(code, Trouble)
    assert refused.value.code == code
    assert ERRORS[code]["errmsg"] in str(refused.value)


def test_every_recorded_error_names_its_source():
    for one in RECORDED:
        assert "https://" in one["source"] or one["source"].startswith("documented code"), one


def test_an_error_that_nobody_knows_is_worth_another_try_later(stand_in: StandIn, api: Api):
    stand_in.every_answer = '{"errcode":99999,"errmsg":"something new"}'
    with pytest.raises(Trouble):
        api.token()


def test_a_busy_wechat_is_asked_once_more_and_no_oftener(stand_in: StandIn, api: Api):
    stand_in.next_answers.append(-1)
    assert api.token().value == stand_in.token
    stand_in.every_answer = -1
    with pytest.raises(Trouble):
        api.token()
    assert stand_in.calls == ["stable_token"] * 4


@pytest.mark.parametrize(
    "body",
    [
        "<html>502 Bad Gateway</html>", "", "null", "[]", '"ok"', "{", "[" * 9000,
        '{"errcode":"x"}',
        '{"openid":7}', '{"openid":""}', '{"openid":"a b"}', '{"openid":"' + "o" * 200 + '"}',
        '{"errcode":0,"errmsg":"ok"}', "x" * 100_000,
    ],
)  # fmt: skip
def test_garbage_is_nobody_s_openid(stand_in: StandIn, api: Api, body: str):
    stand_in.every_answer = body
    with pytest.raises(Trouble):
        api.exchange("code")


@pytest.mark.parametrize(
    "body",
    [
        '{"access_token":"t"}', '{"access_token":"t","expires_in":"soon"}', '{"expires_in":7200}',
        '{"access_token":"t","expires_in":0}', '{"access_token":"","expires_in":7200}',
        '{"access_token":7,"expires_in":7200}',
    ],
)  # fmt: skip
def test_garbage_is_no_token(stand_in: StandIn, api: Api, body: str):
    stand_in.every_answer = body
    with pytest.raises(Trouble):
        api.token()


def test_a_token_is_used_for_two_hours_at_most(stand_in: StandIn, api: Api):
    stand_in.lives_s = 10**9
    assert api.token().lives_s == 7200


def test_a_wechat_that_is_too_slow_is_given_up(
    stand_in: StandIn, api: Api, monkeypatch: pytest.MonkeyPatch
):
    assert (wechat.TIMEOUT.connect_timeout, wechat.TIMEOUT.read_timeout) == (2.0, 5.0)
    monkeypatch.setattr(api._pool, "connection_pool_kw", {"timeout": 0.2, "retries": False})
    stand_in.every_answer = 1.0
    with pytest.raises(Trouble):
        api.exchange(stand_in.new_code())


@pytest.fixture
def dripping() -> Iterator[str]:
    """URL of a server whose answer never comes to an end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def drip() -> None:
            one, _ = server.accept()
            with one:
                one.recv(4096)
                one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
                while not over.wait(0.01):
                    one.send(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()
        thread.join()


def test_an_answer_without_an_end_is_given_up(dripping: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wechat, "LONGEST_S", 0.2)
    with pytest.raises(Trouble, match="come to an end"):
        Api(WeChat("wx0", "s" * 32, api_url=dripping)).token()


def test_a_wechat_that_isn_t_there_is_away():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Trouble):
        Api(WeChat("wx0", "s" * 32, api_url=f"http://127.0.0.1:{port}")).token()


def test_a_slow_wechat_keeps_only_so_many_waiting(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(wechat, "PLACES", 1)
    api = Api(account(stand_in))
    stand_in.next_answers.append(0.5)
    slow = threading.Thread(target=api.exchange, args=(stand_in.new_code(),))
    slow.start()
    wait_until(lambda: bool(stand_in.calls))
    with pytest.raises(Trouble, match="too many"):
        api.exchange(stand_in.new_code())
    slow.join()
    stand_in.next_answers.extend([45011, -1])
    with pytest.raises(Trouble):
        api.exchange(stand_in.new_code())
    assert api.exchange(stand_in.new_code()).openid == stand_in.person
    assert len(stand_in.calls) == 4  # whoever found no place hasn't asked


def test_neither_log_nor_error_holds_the_secret_or_an_openid(
    stand_in: StandIn, api: Api, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    code = stand_in.new_code()
    told = [repr(api.account), repr(api), repr(api.exchange(code)), repr(api.token())]
    gone = Api(account(stand_in, api_url="http://127.0.0.1:1"))
    for one, again in ((api, code), (gone, code)):
        with pytest.raises(Trouble) as refused:
            one.exchange(again)
        told += [str(refused.value), repr(refused.value), repr(refused.value.__cause__)]
    said = "\n".join([*told, caplog.text])
    for secret in (stand_in.secret, stand_in.person, stand_in.token, code):
        assert secret not in said


def test_it_works_under_gevent_and_many_wait_at_once(stand_in: StandIn):
    """As in the web processes: everything is patched before it is imported."""
    script = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import gevent, json, sys\n"
        "from voting.settings import WeChat\n"
        "from voting.wechat import Api, Trouble\n"
        f"api = Api(WeChat({stand_in.app_id!r}, {stand_in.secret!r}, api_url={stand_in.url!r}))\n"
        f"codes = {[stand_in.new_code() for _ in range(20)]!r}\n"
        "found = [g.get() for g in [gevent.spawn(api.exchange, code) for code in codes]]\n"
        "json.dump([one.openid for one in found] + [api.token().value], sys.stdout)\n"
    )
    stand_in.next_answers.extend([0.5] * 20)
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(ROOT), capture_output=True, check=True, timeout=60
    )
    *found, token = json.loads(ran.stdout)
    assert found == [stand_in.person] * 20
    assert token == stand_in.token
