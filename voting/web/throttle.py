"""Politeness, not law: how fast strangers may come in. A vote's quota is law, in voting.lua.

New passes come in by the gate (voting/store/gate.py). Sign-ins and the console's log-ins are
limited per address in the throttle store; without it each process counts for itself, stricter.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from functools import cache
from typing import Final

from flask import Flask, Request, Response, request
from flask_limiter import Limiter, RateLimitExceeded
from limits import RateLimitItem, parse, parse_many
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from voting.store.client import limiter_storage
from voting.store.gate import Newcomer, Rung
from voting.voter import Pass, View
from voting.web.errors import Problem, answer
from voting.web.site import Site, this_site
from voting.wechat import Api, Person

log = logging.getLogger(__name__)

#: Who comes back from WeChat: made-up codes cost calls, accounts don't come in thousands.
SIGN_INS = "240 per minute; 4000 per hour"
#: A /24 or /48 may send ten addresses as busy: an IPv6 host can change its /64 at will.
SIGN_INS_OF_A_NETWORK = "40000 per hour"
WITHOUT_STORE = "30 per minute; 600 per hour"

#: Tries to log in. One address may try a few accounts, and few passwords of one; a whole network
#: may try few of one account's. What all strangers together may try of one account is more, because
#: it is also what they can lock its owner out with; and whoever has logged in here before is
#: counted for themselves, so that strangers can't lock them out at all. Against a thousand
#: addresses the password itself stands: ten characters at least, and none of the common ones.
TRIES_OF_AN_ADDRESS: Final = parse_many("10 per minute; 60 per hour")
TRIES_OF_A_NETWORK: Final = parse_many("5 per minute; 30 per hour")
TRIES_OF_ALL: Final = parse_many("200 per hour")
TRIES_OF_A_DEVICE: Final = parse_many("10 per minute; 60 per hour")

#: Appeals of one address, and of a network: a campus shares an address, but few of it appeal.
APPEALS_OF_AN_ADDRESS: Final = parse_many("5 per hour; 10 per day")
APPEALS_OF_A_NETWORK: Final = parse_many("20 per hour; 60 per day")

#: More failures of one account than this are worth a line in the operators' log: one an hour.
MANY_FAILURES: Final = parse("5 per hour")
ONE_LINE: Final = parse("1 per hour")


def _address() -> str:
    """Whose limit it is: a pseudonym, so that no address becomes a key."""
    return this_site().voters.place(request.remote_addr or "").address.hex()


def _network() -> str:
    return this_site().voters.place(request.remote_addr or "").network.hex()


# The first that finds the store gone turns to the fallback; those beside it are let in, because to
# them it would be an error of ours.
limiter = Limiter(_address, default_limits=[], headers_enabled=False, swallow_errors=True)


def new_pass(site: Site, request: Request, view: View, solution: str) -> Pass:
    """The pass that this view makes, if its network may send in one more; raises Problem.

    `solution` is that of a challenge, '' if none was solved. Asked last of all, so that junk
    doesn't use up what a campus has.
    """
    address = request.remote_addr or ""
    newcomer = Newcomer(
        view=view.id,
        looked_ms=view.at_ms,
        network=site.voters.place(address).network,
        agent=site.voters.agent(request.headers.get("User-Agent", "")),
        declared=site.board().declared(address),
    )
    solved = bool(solution) and site.challenges.is_solved(solution, view)
    answer = site.store.gate.ask(newcomer, site.contest.new_passes_per_hour, solved=solved)
    if answer.rung is Rung.GRANTED:
        return site.voters.new_pass(view)
    if answer.rung is Rung.CHALLENGE:
        raise _challenge(site, view, "challenge_wrong" if solution else "challenge_required")
    raise _full(site, answer.wait_s)


def _challenge(site: Site, view: View, code: str) -> Problem:
    """Pages solve it by themselves; the words are for whoever can't."""
    signed_in = "，或者用微信打开、登录后投票" if site.wechat else ""
    return Problem(
        403,
        code,
        "这个网络里新来的投票人比较多，要先确认您不是机器",
        f"这一步由浏览器自动完成，要允许网页运行脚本（JavaScript）；请回到作品页再点“投一票”{signed_in}",
        more={"challenge": site.challenges.make(view, site.now_ms())},
    )


def _full(site: Site, wait_s: int) -> Problem:
    places = f"{_minutes(wait_s)} 分钟后会有新的名额，请到时再试"
    return Problem(
        429,
        "too_many_passes",
        "这个网络一小时里新来的投票人太多了",
        (f"请用微信打开、登录后投票，不用等；或者等一等，{places}" if site.wechat else places)
        + "。已经投过票的手机不受影响",
        wait_s,
    )


def _minutes(seconds: int) -> int:
    return -(-seconds // 60)


@limiter.shared_limit(lambda: SIGN_INS, scope="sign_ins")
@limiter.shared_limit(
    lambda: SIGN_INS_OF_A_NETWORK, scope="sign_ins_of_a_network", key_func=_network
)
def sign_in(api: Api, code: str) -> Person:
    """Ask WeChat who came back, if not too many did; raises Trouble. Junk costs WeChat calls."""
    return api.exchange(code)


@cache
def _here() -> FixedWindowRateLimiter:
    """This process's own counts."""
    return FixedWindowRateLimiter(MemoryStorage())


def _hit(limit: RateLimitItem, *key: str) -> float:
    """Count one; how many seconds too early it came, 0 if it didn't."""
    key = (this_site().contest.id, *key)
    try:
        counts = limiter.limiter
        within = counts.hit(limit, *key)
    except Exception as error:  # each storage has its own; without one this process counts
        log.warning("throttle store: %s", error)
        counts = _here()
        within = counts.hit(limit, *key)
    if within:
        return 0.0
    return max(1.0, counts.get_window_stats(limit, *key).reset_time - time.time())


def _too_early(*buckets: tuple[Sequence[RateLimitItem], tuple[str, ...]]) -> int:
    """Count one in each bucket; how many seconds too early it came, 0 if it didn't. The first
    refusal ends it: what is turned away isn't counted any further."""
    for limits, key in buckets:
        for limit in limits:
            if wait_s := round(_hit(limit, *key)):
                return wait_s
    return 0


def refuse_guessing(name: str, device: str) -> None:
    """Count a try to log in; raises Problem when there have been too many. `device` names a browser
    in which this account has logged in before, '' if it hasn't.
    """
    whose = account_key(name)
    buckets = (
        ((TRIES_OF_A_DEVICE, ("log_in_device", whose, device)),)
        if device
        else (
            (TRIES_OF_AN_ADDRESS, ("log_in_address", _address())),
            (TRIES_OF_A_NETWORK, ("log_in_network", whose, _network())),
            (TRIES_OF_ALL, ("log_in_all", whose)),
        )
    )
    if wait_s := _too_early(*buckets):
        next_ = f"请过 {_wait(wait_s)}再试"
        raise Problem(429, "too_many_tries", "登录试得太频繁了", next_, wait_s)


def refuse_flood() -> None:
    """Count an appeal; raises Problem when there have been too many."""
    wait_s = _too_early(
        (APPEALS_OF_AN_ADDRESS, ("appeal_address", _address())),
        (APPEALS_OF_A_NETWORK, ("appeal_network", _network())),
    )
    if wait_s:
        next_ = f"请过 {_wait(wait_s)}再试"
        raise Problem(429, "too_many_appeals", "这个网络提交的申诉太多了", next_, wait_s)


def is_worth_a_line(whose: str) -> bool:
    """Count a failed log-in of this account ('' for all names that nobody has)."""
    key = account_key(whose)
    return _hit(MANY_FAILURES, "log_in_failed", key) > 0 and not _hit(
        ONE_LINE, "log_in_failed_told", key
    )


def account_key(name: str) -> str:
    """An account in a key of the throttle store: strangers may type whatever they want."""
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:24]


def _wait(seconds: int) -> str:
    return f"{seconds} 秒" if seconds < 120 else f"{seconds // 60 + 1} 分钟"


def refuse_hammering(site: Site, request: Request) -> None:
    """A coarse limit on votes per address and process; it costs no round trip."""
    if not site.hammering.hit(request.remote_addr or ""):
        raise Problem(
            429, "too_many_requests", "同一网络的投票请求太密集了", "请过几秒再试一次", 2
        )


def _too_many_sign_ins(_: RateLimitExceeded) -> Response:
    limit = limiter.current_limit
    wait_s = max(1, round(limit.reset_at - time.time())) if limit else 60
    sentence = "这个网络里一下子有太多人用微信登录"
    next_ = f"请过 {_wait(wait_s)}再试；已经投过票的手机不受影响"
    return answer(Problem(429, "too_many_sign_ins", sentence, next_, wait_s))


def mount(app: Flask, site: Site) -> None:
    uri, options = limiter_storage(site.settings.politeness_url)
    app.config.update(
        RATELIMIT_STORAGE_URI=uri,
        RATELIMIT_STORAGE_OPTIONS=options,
        RATELIMIT_STRATEGY="fixed-window",
        RATELIMIT_KEY_PREFIX=site.contest.id,
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_IN_MEMORY_FALLBACK=WITHOUT_STORE,
    )
    # Named as if it were there already, so that it hooks into no request: only the decorated views
    # ask it. Its hooks cost each vote a tenth, and hold every page to the fallback limit when the
    # throttle store is gone.
    app.extensions["limiter"] = {limiter}
    limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, _too_many_sign_ins)
