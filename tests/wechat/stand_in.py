"""A small WeChat: authorize, exchange, tokens, tickets and the JS-SDK, as the documentation has
them. It hands out what it was told to, refuses as WeChat does, and notes what it was asked.

    with StandIn() as wechat:
        environ |= wechat.environ

Pages: 网页授权 (authorize, /sns/oauth2/access_token), getStableAccessToken, getAccessToken,
JS-SDK 使用权限签名算法, all under https://developers.weixin.qq.com/doc/service/.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, redirect, request
from werkzeug.serving import make_server

RECORDED = json.loads(Path(__file__).with_name("errors.json").read_text(encoding="utf-8"))
#: errcode → body, as WeChat writes it.
ERRORS = {one["errcode"]: {k: one[k] for k in ("errcode", "errmsg")} for one in RECORDED}
SDK = Path(__file__).with_name("jweixin.js").read_text(encoding="utf-8")


@dataclass
class StandIn:
    """One official account and everybody who uses WeChat.

    `person` is whose phone it is; `snapshot` shows them a 网页快照. `next_answers` is what the
    next calls answer instead of what they would, and `every_answer` what all others do: an errcode,
    a body, or seconds (a float) to wait before the answer.
    """

    app_id: str = "wx0123456789abcdef"
    secret: str = "0123456789abcdef0123456789abcdef"
    person: str = "oStandInPerson0000000000Alice"
    snapshot: bool = False
    domain: str = ""  # the account's 网页授权域名; nothing is checked while it is empty
    next_answers: deque[int | str | float | None] = field(default_factory=deque)
    every_answer: int | str | float | None = None
    calls: list[str] = field(default_factory=list)
    codes: dict[str, tuple[str, bool]] = field(default_factory=dict)  # code → person, snapshot
    used: set[str] = field(default_factory=set)
    token: str = ""
    ticket: str = ""
    lives_s: int = 7200
    refused_tokens: dict[str, int] = field(default_factory=dict)  # token → errcode
    forced: int = 0

    def __enter__(self) -> StandIn:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        # Asked often whether to stop: half a second at the end of each test is a minute in all.
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environ(self) -> dict[str, str]:
        """What a site that takes this for WeChat is started with."""
        return {
            "WECHAT_APP_ID": self.app_id,
            "WECHAT_APP_SECRET": self.secret,
            "WECHAT_API_URL": self.url,
            "WECHAT_OPEN_URL": self.url,
            "WECHAT_SDK_URL": f"{self.url}/jweixin.js",
        }

    # --- what the phone does --------------------------------------------------------------------

    def new_code(self) -> str:
        """What authorize sends a visitor back with."""
        code = f"0{secrets.token_hex(15)}w3"
        self.codes[code] = self.person, self.snapshot
        return code

    def signs(self, url: str, nonce: str, timestamp: int | str) -> str:
        """The signature that the SDK wants to see on a page."""
        text = f"jsapi_ticket={self.ticket}&noncestr={nonce}&timestamp={timestamp}&url={url}"
        return hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 the documented one

    # --- what WeChat answers ----------------------------------------------------------------------

    def _app(self) -> Flask:
        app = Flask("wechat_stand_in")
        app.get("/connect/oauth2/authorize")(self._authorize)
        app.get("/sns/oauth2/access_token")(self._exchange)
        app.post("/cgi-bin/stable_token")(self._stable_token)
        app.get("/cgi-bin/token")(self._plain_token)
        app.get("/cgi-bin/ticket/getticket")(self._getticket)
        app.get("/jweixin.js")(self._sdk)
        app.get("/jweixin/check.js")(self._check)
        return app

    def _authorize(self) -> Response:
        """The page that nobody sees: snsapi_base leads back at once."""
        self.calls.append("authorize")
        asked = request.args
        back = urlsplit(asked.get("redirect_uri", ""))
        if list(asked) != ["appid", "redirect_uri", "response_type", "scope", "state"]:
            return Response("参数错误", 400)  # WeChat reads them in this order
        if asked["appid"] != self.app_id or asked["response_type"] != "code":
            return Response("该链接无法访问", 400)
        if asked["scope"] != "snsapi_base" or len(asked["state"].encode()) > 128:
            return Response("Scope 参数错误或没有 Scope 权限", 400)  # 10005 on the real page
        if back.scheme not in ("http", "https") or (self.domain and back.netloc != self.domain):
            return Response("redirect_uri 参数错误", 400)  # 10003 on the real page
        mark = "&" if back.query else "?"
        answer = urlencode({"code": self.new_code(), "state": asked["state"]})
        return redirect(f"{asked['redirect_uri']}{mark}{answer}", 302)  # type: ignore[return-value] werkzeug's

    def _exchange(self) -> Response:
        asked = request.args
        if (odd := self._odd("exchange")) is not None:
            return odd
        if (wrong := self._wrong(asked.get("appid"), asked.get("secret"))) is not None:
            return wrong
        code = asked.get("code", "")
        if asked.get("grant_type") != "authorization_code" or code not in self.codes:
            return self._json(ERRORS[40029], "text/plain")
        if code in self.used:
            return self._json(ERRORS[40163], "text/plain")
        self.used.add(code)
        person, snapshot = self.codes[code]
        answer: dict[str, Any] = {
            "access_token": secrets.token_urlsafe(60),
            "expires_in": 7200,
            "refresh_token": secrets.token_urlsafe(60),
            "openid": person,
            "scope": "snsapi_base",
        }
        return self._json(answer | ({"is_snapshotuser": 1} if snapshot else {}), "text/plain")

    def _stable_token(self) -> Response:
        asked = request.get_json()
        force = asked.get("force_refresh", False)
        if (odd := self._odd("forced_token" if force else "stable_token")) is not None:
            return odd
        if (wrong := self._wrong(asked.get("appid"), asked.get("secret"))) is not None:
            return wrong
        if force and self.forced >= 20:
            return self._json(ERRORS[45009])
        self.forced += force
        if force or not self.token or self.refused_tokens.get(self.token) == 42001:
            if self.token:
                self.refused_tokens.setdefault(self.token, 40001)
            self.token = f"stable_{secrets.token_urlsafe(90)}"
        return self._json({"access_token": self.token, "expires_in": self.lives_s})

    def _plain_token(self) -> Response:
        """The older call; what it gives and what stable_token gives are good side by side."""
        asked = request.args
        if (odd := self._odd("token")) is not None:
            return odd
        if (wrong := self._wrong(asked.get("appid"), asked.get("secret"))) is not None:
            return wrong
        return self._json({"access_token": secrets.token_urlsafe(90), "expires_in": self.lives_s})

    def _getticket(self) -> Response:
        token = request.args.get("access_token", "")
        if (odd := self._odd("getticket")) is not None:
            return odd
        if token in self.refused_tokens:
            return self._json(ERRORS[self.refused_tokens[token]])
        if token != self.token or request.args.get("type") != "jsapi":
            return self._json(ERRORS[40001])
        self.ticket = self.ticket or f"kgt8ON7yVITDhtdwci0qe{secrets.token_urlsafe(48)}"
        answer = {"errcode": 0, "errmsg": "ok", "ticket": self.ticket, "expires_in": self.lives_s}
        return self._json(answer)

    # --- the script in the page -----------------------------------------------------------------

    def _sdk(self) -> Response:
        self.calls.append("sdk")
        return Response(SDK, mimetype="application/javascript")

    def _check(self) -> Response:
        """What the phone asks WeChat about a `wx.config`; an answer as a script, for any policy."""
        asked = request.args
        wanted = self.signs(asked["url"], asked["nonceStr"], asked["timestamp"])
        right = bool(self.ticket) and (asked["appId"], asked["signature"]) == (self.app_id, wanted)
        said = "config:ok" if right else "config:fail,invalid signature"
        self.calls.append(said)
        return Response(f"window.wx._checked({json.dumps(said)});",
                        mimetype="application/javascript")  # fmt: skip

    # --- refusals ---------------------------------------------------------------------------------

    def _odd(self, call: str) -> Response | None:
        """What was ordered for this call, if anything; every call is noted."""
        self.calls.append(call)
        ordered = self.next_answers.popleft() if self.next_answers else self.every_answer
        if isinstance(ordered, float):
            time.sleep(ordered)
        elif isinstance(ordered, int):
            return self._json(ERRORS[ordered])
        elif ordered is not None:
            return Response(ordered, mimetype="text/plain")
        return None

    def _wrong(self, app_id: str | None, secret: str | None) -> Response | None:
        if app_id != self.app_id:
            return self._json(ERRORS[40013])
        return None if secret == self.secret else self._json(ERRORS[40125])

    def _json(self, fields: dict[str, Any], mimetype: str = "application/json") -> Response:
        return Response(json.dumps(fields), mimetype=mimetype)
