"""Politeness, not law: how fast strangers may come in. A vote's quota is law, in voting.lua.

New passes are limited per address in the throttle store. Without it each process counts for
itself, stricter: the door narrows, and everybody who has a pass votes on.
"""

from __future__ import annotations

import time

from flask import Flask, Request, Response, request
from flask_limiter import Limiter, RateLimitExceeded

from voting.store.client import limiter_storage
from voting.voter import Pass, View
from voting.web.errors import Problem, answer
from voting.web.site import Site, this_site

WITHOUT_STORE = "30 per minute; 600 per hour"


def _address() -> str:
    """Whose limit it is: a pseudonym, so that no address becomes a key."""
    return this_site().voters.place(request.remote_addr or "").address.hex()


def _network() -> str:
    return this_site().voters.place(request.remote_addr or "").network.hex()


limiter = Limiter(_address, default_limits=[], headers_enabled=False)


#: What a whole network may do, in multiples of what an address may.
ADDRESSES_OF_A_NETWORK = 10


def _of_a_network() -> str:
    """The limit's last part, for a /24 or /48: an IPv6 host can change its /64 at will."""
    amount, _, per = this_site().contest.new_passes.split(";")[-1].strip().partition(" ")
    return f"{int(amount) * ADDRESSES_OF_A_NETWORK} {per}"


@limiter.shared_limit(lambda: this_site().contest.new_passes, scope="new_passes")
@limiter.shared_limit(_of_a_network, scope="new_passes_of_a_network", key_func=_network)
def new_pass(site: Site, view: View) -> Pass:
    """Make a pass, if there haven't been too many. The limits count passes, not requests."""
    return site.voters.new_pass(view)


def refuse_hammering(site: Site, request: Request) -> None:
    """A coarse limit on votes per address and process; it costs no round trip."""
    if not site.hammering.hit(request.remote_addr or ""):
        raise Problem(
            429, "too_many_requests", "同一网络的投票请求太密集了", "请过几秒再试一次", 2
        )


def _too_many_passes(_: RateLimitExceeded) -> Response:
    limit = limiter.current_limit
    wait_s = max(1, round(limit.reset_at - time.time())) if limit else 60
    when = f"请过 {wait_s} 秒再试" if wait_s < 120 else f"请过 {wait_s // 60 + 1} 分钟再试"
    sentence = "这个网络里一下子来了太多新的投票人"
    next_ = f"{when}；已经投过票的手机不受影响"
    return answer(Problem(429, "too_many_passes", sentence, next_, wait_s))


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
    app.register_error_handler(RateLimitExceeded, _too_many_passes)
