"""The people of the tests: what they hold, and what they do to the site, over HTTP."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import altcha
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse


@dataclass
class Visitor:
    """Somebody with a browser of their own: a cookie jar and an address."""

    client: FlaskClient
    address: str

    def get(self, path: str, **parts: Any) -> TestResponse:
        return self.client.get(path, environ_base=self._from(), **parts)

    def post(self, path: str, **parts: Any) -> TestResponse:
        return self.client.post(path, environ_base=self._from(), **parts)

    def me(self, entry: int | None = None) -> dict[str, Any]:
        return self.get("/api/v1/me" + (f"?entry={entry}" if entry else "")).json

    def ask_pass(self, entry: int, view: str, solution: str | None = None) -> TestResponse:
        body = {"entry": entry, "view": view, "challenge": solution}
        return self.post("/api/v1/passes", json={k: v for k, v in body.items() if v is not None})

    def ballot(self, entry: int) -> str:
        """A ballot for an entry, as the page gets it; makes a pass where there is none."""
        me = self.me(entry)
        return me.get("ballot") or self.ask_pass(entry, me["view"]).json["ballot"]

    def cast(self, entry: int, ballot: str, **more: Any) -> TestResponse:
        return self.post(f"/api/v1/entries/{entry}/votes", json={"ballot": ballot, **more})

    def vote(self, entry: int, **more: Any) -> TestResponse:
        return self.cast(entry, self.ballot(entry), **more)

    def _from(self) -> dict[str, str]:
        return {"REMOTE_ADDR": self.address}


def solve(challenge: dict[str, Any]) -> str:
    """A challenge's solution, as challenge.js sends it."""
    found = altcha.solve_challenge(altcha.Challenge.from_dict(challenge))
    assert found
    return altcha.Payload(altcha.Challenge.from_dict(challenge), found).to_base64()


@dataclass
class Operator:
    """Somebody with an account, at the console; logged in unless a test says otherwise.

    What is posted carries the CSRF token of a page, as a browser's form would.
    """

    client: FlaskClient
    name: str
    address: str = "127.0.0.1"
    token: str = ""

    def get(self, path: str, /, **parts: Any) -> TestResponse:
        return self.client.get(path, environ_base={"REMOTE_ADDR": self.address}, **parts)

    def post(self, path: str, /, **form: Any) -> TestResponse:
        """Send a form; a file is `(BytesIO, name)`, several values of one name are a list."""
        return self.send(path, data={"csrf_token": self.csrf_token()} | form)

    def post_json(self, path: str, /, **body: Any) -> TestResponse:
        return self.send(path, json=body, headers={"X-CSRFToken": self.csrf_token()})

    def send(self, path: str, /, **parts: Any) -> TestResponse:
        """POST exactly this, without a token of its own."""
        return self.client.post(path, environ_base={"REMOTE_ADDR": self.address}, **parts)

    def log_in(self, password: str, to: str = "") -> TestResponse:
        """By the form, as a person does."""
        self.token = self._taken()
        answer = self.post(f"/organizer/log-in{to}", name=self.name, password=password)
        self.token = ""  # logging in begins a new session
        return answer

    def csrf_token(self) -> str:
        self.token = self.token or self._taken()
        return self.token

    def _taken(self) -> str:
        page = self.get("/organizer/log-in")
        found = re.search(r'<meta name="csrf-token" content="([^"]+)">', page.text)
        assert found, page.text
        return found[1]


@dataclass
class Town:
    """Where visitors come from; each has an address of their own unless told otherwise."""

    app: Flask
    visitors: int = 0

    def visitor(self, address: str = "") -> Visitor:
        self.visitors += 1
        mine = f"10.{self.visitors >> 16 & 255}.{self.visitors >> 8 & 255}.{self.visitors & 255}"
        return Visitor(self.app.test_client(), address or mine)
