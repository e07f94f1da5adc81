"""What official accounts of WeChat can do for us: sign visitors in, and sign pages for the JS-SDK.

https://developers.weixin.qq.com/doc/service/ has the pages: 网页授权 (authorize, access_token),
getStableAccessToken, JS-SDK 使用权限签名算法 (getticket, signature), 全局返回码 (errors).
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError

from voting.settings import WeChat

TIMEOUT: Final = urllib3.Timeout(connect=2.0, read=5.0)
#: One answer, from the first byte to the last; it has a few hundred.
LONGEST_S: Final = 7.0
LONGEST: Final = 64 * 1024
#: WeChat names two hours; whatever it says, no ticket is used for longer.
LONGEST_LIFE_S: Final = 7200
BUSY: Final = -1
USED: Final = 40163
BUSY_PAUSE_S: Final = 0.3
#: How many of a process may wait for WeChat at once: a slow one must leave room for the votes.
PLACES: Final = 200

# Its debug lines hold whole URLs, and with them the AppSecret and openids.
logging.getLogger("urllib3").setLevel(logging.INFO)


class Trouble(Exception):  # noqa: N818 the plain word
    """WeChat didn't give what was asked for; `code` is its errcode, 0 where there was none.

    Where it is neither of the two below, only somebody who reads the log can mend it, or time.
    """

    def __init__(self, what: str, code: int = 0) -> None:
        super().__init__(what)
        self.code = code


class CodeWorthless(Trouble):
    """The visitor's code was used already, is too old, or never was one."""


class TokenWorthless(Trouble):
    """The access token isn't valid any more."""


KINDS: Final[dict[int, type[Trouble]]] = {
    40029: CodeWorthless,  # invalid code
    USED: CodeWorthless,  # code been used
    41008: CodeWorthless,  # missing code
    42003: CodeWorthless,  # code expired
    40001: TokenWorthless,  # invalid credential, or not the latest token
    40014: TokenWorthless,  # invalid access_token
    42001: TokenWorthless,  # access_token expired
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who came back from WeChat. `snapshot` means that the page was shown as a still picture of
    itself to somebody with a made-up openid (网页快照).
    """

    openid: str = field(repr=False)
    snapshot: bool


@dataclass(frozen=True, slots=True)
class Lent:
    """A token or ticket, and for how many seconds it is good."""

    value: str = field(repr=False)
    lives_s: int


def in_wechat(user_agent: str) -> bool:
    """Whether a page is open in WeChat; 企业微信 calls itself so too, but knows no openid of ours.
    """
    return "MicroMessenger/" in user_agent and "wxwork" not in user_agent


def signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """What `wx.config` is checked by: 40 hex digits. `url` as the page has it, without fragment."""
    given = {"jsapi_ticket": ticket, "noncestr": nonce, "timestamp": timestamp, "url": url}
    text = "&".join(f"{name}={given[name]}" for name in sorted(given))
    return hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 the documented one


class Api:
    """The calls of one official account. They work with threads as with greenlets, and raise
    Trouble and nothing else.
    """

    def __init__(self, account: WeChat) -> None:
        self.account = account
        self._pool = urllib3.PoolManager(maxsize=PLACES, retries=False, timeout=TIMEOUT)
        self._places = threading.BoundedSemaphore(PLACES)

    def authorize_url(self, return_to: str, state: str) -> str:
        """Where the visitor is sent; WeChat compares it as text, so the order is the documented."""
        return (
            f"{self.account.open_url}/connect/oauth2/authorize?appid={self.account.app_id}"
            f"&redirect_uri={quote(return_to, safe='')}&response_type=code&scope=snsapi_base"
            f"&state={state}#wechat_redirect"
        )

    def exchange(self, code: str) -> Person:
        """Who the code stands for; it is good once, for five minutes."""
        query = urlencode({
            "appid": self.account.app_id,
            "secret": self.account.app_secret,
            "code": code,
            "grant_type": "authorization_code",
        })  # fmt: skip
        answer = self._call("GET", f"/sns/oauth2/access_token?{query}")
        openid = answer.get("openid")
        if not isinstance(openid, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", openid):
            raise Trouble("WeChat's answer names no openid")
        return Person(openid, snapshot=str(answer.get("is_snapshotuser", 0)) == "1")

    def token(self, *, force: bool = False) -> Lent:
        """The account's access token, the same one as long as it is valid. With `force` a new one:
        allowed twenty times a day.
        """
        fields = {
            "grant_type": "client_credential",
            "appid": self.account.app_id,
            "secret": self.account.app_secret,
            "force_refresh": force,
        }
        answer = self._call("POST", "/cgi-bin/stable_token", fields)
        return _lent(answer, "access_token")

    def ticket(self, token: str) -> Lent:
        """The ticket that pages are signed with; raises TokenWorthless where the token isn't."""
        query = urlencode({"access_token": token, "type": "jsapi"})
        return _lent(self._call("GET", f"/cgi-bin/ticket/getticket?{query}"), "ticket")

    def _call(self, method: str, path: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            return self._ask(method, path, fields)
        except Trouble as trouble:
            if trouble.code != BUSY:
                raise
        time.sleep(BUSY_PAUSE_S)
        return self._ask(method, path, fields)

    def _ask(self, method: str, path: str, fields: dict[str, Any] | None) -> dict[str, Any]:
        """One request → its JSON object, or the Trouble that its errcode stands for."""
        if not self._places.acquire(blocking=False):
            raise Trouble("too many wait for WeChat already")
        try:
            response = self._pool.request(
                method, self.account.api_url + path, json=fields, redirect=False,
                preload_content=False,
            )  # fmt: skip
            body = _body(response)
        except (HTTPError, OSError) as error:
            # Without its cause, whose text may hold the URL and with it the AppSecret.
            raise Trouble(f"WeChat can't be reached ({type(error).__name__})") from None
        finally:
            self._places.release()
        answer = _object(body, response.status)
        code = answer.get("errcode", 0)
        if not isinstance(code, int) or code == 0:
            return answer
        raise KINDS.get(code, Trouble)(f"WeChat says {code}: {_short(answer.get('errmsg'))}", code)


def _body(response: urllib3.BaseHTTPResponse) -> bytes:
    """Read to the end, unless that is too far or takes too long: each piece may take a while."""
    body, until = b"", time.monotonic() + LONGEST_S
    while piece := response.read1(4096):
        body += piece
        if len(body) > LONGEST or time.monotonic() > until:
            response.close()
            raise Trouble(f"WeChat doesn't come to an end ({len(body)} bytes)")
    response.release_conn()
    return body


def _object(body: bytes, status: int) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if status != 200 or not isinstance(answer, dict):
        raise Trouble(f"WeChat answers nonsense (HTTP {status}, {len(body)} bytes)")
    return answer


def _lent(answer: dict[str, Any], name: str) -> Lent:
    value, lives_s = answer.get(name), answer.get("expires_in")
    if not isinstance(value, str) or not value or not isinstance(lives_s, int) or lives_s < 1:
        raise Trouble(f"WeChat's answer has no {name}")
    return Lent(value, min(lives_s, LONGEST_LIFE_S))


def _short(text: object) -> str:
    return " ".join(str(text).split())[:200]
