"""An evening at the gate, in a moment: crowds that come, and time that passes.

The gate's script takes its time from the store and from nowhere else, so no test can set its clock;
but all it knows of the past is in its buckets, by slots of five minutes. Moving what was taken into
an earlier slot is what the same content looks like five minutes later.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from voting.store import keys
from voting.store.gate import Newcomer, Rung
from voting.web.site import Site

SLOTS_AN_HOUR = 12


def crowd(site: Site, address: str, *, solved: bool = True) -> None:
    """So many newcomers from this address's network that the next one has to wait; or, unless they
    solve what they are asked for, that the next one is asked for a challenge, too."""
    network = site.voters.place(address).network
    rung = Rung.GRANTED
    while rung is Rung.GRANTED:
        view, agent = secrets.token_bytes(8), secrets.token_bytes(4)
        one = Newcomer(view, int(time.time() * 1000), network, agent)
        rung = site.store.gate.ask(one, site.contest.new_passes_per_hour, solved=solved).rung
    assert rung is (Rung.WAIT if solved else Rung.CHALLENGE)


def later(throttle: Any, contest: str, slots: int = 1) -> None:
    """So many times five minutes go by at the gate."""
    for key in throttle.keys(keys.GATE(contest=contest, place="*")):
        fields = throttle.hgetall(key)
        moved = {b"%c%d" % (name[0], int(name[1:]) - slots): n for name, n in fields.items()}
        pipeline = throttle.pipeline()
        pipeline.delete(key)
        pipeline.hset(key, mapping=moved)
        pipeline.execute()


def an_hour_later(throttle: Any, contest: str) -> None:
    """The slot that is running counts for a whole hour after it has ended."""
    later(throttle, contest, SLOTS_AN_HOUR + 1)
