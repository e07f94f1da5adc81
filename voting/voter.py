"""Who is voting: signed passes, view stamps and ballots, and the pseudonyms that the ledger holds.

A pass is a device's, or that of a WeChat account: the account's openid becomes the pass's id by the
pseudonym key at once, so that the same account always has the same pass and nothing of it is kept.

A *view* is the stamp of one look at an entry's page. A view makes one pass and, with a pass, one
ballot, always the same ones: so a request whose answer was lost can be repeated at every step, and
a view that is used twice still makes only one voter. Nothing here is stored.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache

from voting.contest import Ballot, Identity, Verdict
from voting.network import ip_of
from voting.settings import Keys

VIEW_LIVES_MS = 30 * 60 * 1000
#: Nobody looks at a page and votes within the same second; a script does.
VIEW_RIPENS_MS = 1000
PASS_LIVES_S = 180 * 24 * 3600
#: Whoever comes back with a pass after a day isn't a heap of passes that was made just now.
AGED_S = 24 * 3600

_VIEW = struct.Struct(">8sHQ")
_PASS = struct.Struct(">12sI")
_BALLOT = struct.Struct(">8s8sHQ")
_INTENTION = struct.Struct(">8sHQH4s")
_SHARE = struct.Struct(">4s3s")

#: What an account's pass begins with; a device's begins with nothing.
_ACCOUNT = "w."
NO_SHARE = bytes(4)


class Worthless(Exception):  # noqa: N818 the plain word
    """A token that isn't ours, isn't for this, or is too old; `verdict` says which."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.value)
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class View:
    id: bytes
    entry: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Pass:
    """A device's pass, or an account's.

    `id` never leaves the cookie, `voter` is its pseudonym in the ledger.
    """

    id: bytes
    issued_s: int
    voter: bytes
    identity: Identity


@dataclass(frozen=True, slots=True)
class Intention:
    """What a voter was about to do when WeChat was asked who they are.

    `watched_s` and `share` are what the page knew by then, as in Signals.
    """

    view: View
    watched_s: int
    share: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request came from, as pseudonyms of 6 bytes: the address, and its /24 or /48.

    An IPv6 host owns its /64, so that is its address here.
    """

    address: bytes
    network: bytes


class Voters:
    """Makes and reads every token of one contest. Another contest's tokens are not ours."""

    def __init__(self, keys: Keys, contest_id: str) -> None:
        self._keys = keys
        self._contest = contest_id.encode()
        self._view, self._pass, self._account, self._ballot, self._intention, self._share = (
            hmac.digest(keys.signing, b"%s:%s" % (kind, self._contest), "sha256")
            for kind in (b"view", b"pass", b"account", b"ballot", b"intention", b"share")
        )
        self.place = lru_cache(maxsize=65_536)(self._place)
        self.agent = lru_cache(maxsize=4_096)(self._agent)

    def look(self, entry: int, now_ms: int) -> View:
        return View(secrets.token_bytes(8), entry, now_ms)

    def view_token(self, view: View) -> str:
        return _sign(self._view, _VIEW.pack(view.id, view.entry, view.at_ms))

    def read_view(self, token: str, entry: int, now_ms: int) -> View:
        """Raises Worthless, TOO_EARLY for a page that was opened within this second."""
        view = View(*_VIEW.unpack(_unsign(self._view, token, _VIEW.size)))
        if view.entry != entry:
            raise Worthless(Verdict.FOREIGN_BALLOT)
        if now_ms - view.at_ms >= VIEW_LIVES_MS:
            raise Worthless(Verdict.BALLOT_EXPIRED)
        _refuse_unripe(view.at_ms, now_ms)
        return view

    def new_pass(self, view: View) -> Pass:
        """The device pass that this view makes, each time the same."""
        pass_id = self._derive(b"pass", view.id)[:12]
        return self._pass_of(pass_id, view.at_ms // 1000, Identity.DEVICE)

    def openid_pass(self, openid: str, now_ms: int) -> Pass:
        """The pass of a WeChat account; each time the same voter."""
        pass_id = self._pseudonym(b"openid", openid.encode())[:12]
        return self._pass_of(pass_id, now_ms // 1000, Identity.OPENID)

    def pass_token(self, one: Pass) -> str:
        content = _PASS.pack(one.id, one.issued_s)
        if one.identity is Identity.OPENID:
            return _ACCOUNT + _sign(self._account, content)
        return _sign(self._pass, content)

    def read_pass(self, token: str, now_ms: int) -> Pass:
        if token.startswith(_ACCOUNT):
            identity, key, signed = Identity.OPENID, self._account, token[len(_ACCOUNT) :]
        else:
            identity, key, signed = Identity.DEVICE, self._pass, token
        pass_id, issued_s = _PASS.unpack(_unsign(key, signed, _PASS.size))
        one = self._pass_of(pass_id, issued_s, identity)
        if now_ms // 1000 - one.issued_s >= PASS_LIVES_S:
            raise Worthless(Verdict.PASS_REQUIRED)
        return one

    def set_out(self, view: View, watched_s: int, share: bytes) -> str:
        """The token that a voter leaves with for WeChat, and must come back with."""
        fields = (view.id, view.entry, view.at_ms, watched_s, share)
        return _sign(self._intention, _INTENTION.pack(*fields))

    def state_of(self, intention: str) -> str:
        """OAuth's state, 32 hex digits: fits this token alone, and tells nothing of it."""
        return self._derive(b"state", intention.encode())[:16].hex()

    def read_intention(self, token: str, now_ms: int) -> Intention:
        """Raises Worthless if we didn't make it, or when it is as old as its view may get."""
        content = _unsign(self._intention, token, _INTENTION.size)
        view_id, entry, at_ms, watched_s, share = _INTENTION.unpack(content)
        if now_ms - at_ms >= VIEW_LIVES_MS:
            raise Worthless(Verdict.BALLOT_EXPIRED)
        return Intention(View(view_id, entry, at_ms), watched_s, share)

    def share_code(self, whose: Pass | View) -> str:
        """What a visitor's links carry, 10 characters: tells one visitor's links from another's.

        The pass's, or before there is one this look's. It names nobody; see `read_share_code`.
        """
        return self.written(self._derive(b"share", whose.id)[:4])

    def written(self, code: bytes) -> str:
        """A share code's 4 bytes as links carry them; '' for NO_SHARE."""
        if code == NO_SHARE:
            return ""
        return _text(_SHARE.pack(code, hmac.digest(self._share, code, "sha256")[:3]))

    def read_share_code(self, text: str) -> bytes:
        """The 4 bytes for the ledger; NO_SHARE if the site didn't make this code."""
        try:
            code, _ = _SHARE.unpack(_bytes(text))
        except (ValueError, struct.error):
            return NO_SHARE
        # Compared as text, because base64 can be written in more ways than ours.
        return code if hmac.compare_digest(self.written(code), text) else NO_SHARE

    def ballot(self, one: Pass, view: View) -> str:
        """The ballot that this view and pass make, each time the same."""
        ballot_id = self._derive(b"ballot", view.id + one.id)[:8]
        fields = (ballot_id, self._bound_to(one), view.entry, view.at_ms)
        return _sign(self._ballot, _BALLOT.pack(*fields))

    def read_ballot(self, token: str, one: Pass, entry: int, now_ms: int) -> Ballot:
        """Raises Worthless: BALLOT_INVALID if we didn't make it, FOREIGN_BALLOT if not for this,
        TOO_EARLY as its view. Whether it is too old is for voting.lua to say."""
        content = _unsign(self._ballot, token, _BALLOT.size)
        ballot_id, bound, its_entry, issued_ms = _BALLOT.unpack(content)
        if its_entry != entry or not hmac.compare_digest(bound, self._bound_to(one)):
            raise Worthless(Verdict.FOREIGN_BALLOT)
        _refuse_unripe(issued_ms, now_ms)
        return Ballot(ballot_id, one.voter, entry, issued_ms)

    def receipt(self, vote_id: str) -> str:
        """Proves that a vote is in the ledger, and tells nobody for whom: `7F3A-9C2E-41`."""
        digest = hmac.digest(self._keys.sealing, self._contest + vote_id.encode(), "sha256")
        code = digest.hex()[:10].upper()
        return f"{code[:4]}-{code[4:8]}-{code[8:]}"

    def _agent(self, user_agent: str) -> bytes:
        """A browser kind's pseudonym, 4 bytes."""
        return self._pseudonym(b"agent", user_agent.encode("utf-8", "replace"))[:4]

    def _place(self, address: str) -> Place:
        if (ip := ip_of(address)) is None:
            return Place(bytes(6), bytes(6))
        host, network = (ip.packed, ip.packed[:3]) if ip.version == 4 else (
            ip.packed[:8], ip.packed[:6])
        return Place(self._pseudonym(b"address", host)[:6],
                     self._pseudonym(b"network", network)[:6])

    def _pass_of(self, pass_id: bytes, issued_s: int, identity: Identity) -> Pass:
        return Pass(pass_id, issued_s, self._pseudonym(b"voter", pass_id)[:8], identity)

    def _bound_to(self, one: Pass) -> bytes:
        return self._derive(b"bound", one.id)[:8]

    def _derive(self, kind: bytes, value: bytes) -> bytes:
        return hmac.digest(self._keys.signing, b"%s:%s:%s" % (kind, self._contest, value), "sha256")

    def _pseudonym(self, kind: bytes, value: bytes) -> bytes:
        content = b"%s:%s:%s" % (kind, self._contest, value)
        return hmac.digest(self._keys.pseudonym, content, "sha256")


def _refuse_unripe(at_ms: int, now_ms: int) -> None:
    if now_ms - at_ms < VIEW_RIPENS_MS:
        raise Worthless(Verdict.TOO_EARLY)


def _sign(key: bytes, content: bytes) -> str:
    """Content and its HMAC, each kind of token with a key of its own, as URL-safe text."""
    return _text(content + hmac.digest(key, content, "sha256"))


def _unsign(key: bytes, token: str, size: int) -> bytes:
    try:
        signed = _bytes(token)
    except ValueError as error:
        raise Worthless(Verdict.BALLOT_INVALID) from error
    content, signature = signed[:size], signed[size:]
    if not hmac.compare_digest(signature, hmac.digest(key, content, "sha256")):
        raise Worthless(Verdict.BALLOT_INVALID)
    return content


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Raises ValueError if it isn't URL-safe base64."""
    return b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
