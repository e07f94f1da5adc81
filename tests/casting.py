"""A contest in a store, and ballots to cast in it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from works import an_entry

from voting.case import Case, Run
from voting.contest import SHANGHAI, Ballot, Counts, Identity, Law, Outcome, Period, Signals, Tie
from voting.store import Store, keys, open_store

SIGNALS = Signals(Identity.DEVICE, b"addres", b"networ", b"agnt", b"shar", 4_000, 12)
NOW = datetime.now(SHANGHAI)
OPEN_LAW = Law(
    opens=NOW - timedelta(days=1),
    closes=NOW + timedelta(days=13),
    votes_per_voter=3,
    votes_per_entry=1,
    period=Period.DAY,
    winners=10,
    tie=Tie.ALL_AWARDED,
    counts=Counts.LIVE,
    votes_per_device=3,
)


def now_ms() -> int:
    return int(time.time() * 1000)


def a_ballot(entry: int = 1, voter: bytes = b"alice...", **fields: Any) -> Ballot:
    return Ballot(
        **{
            "id": secrets.token_bytes(8),
            "voter": voter,
            "entry": entry,
            "issued_ms": now_ms(),
            **fields,
        }
    )


@dataclass
class Contest:
    """A store with an open contest in it, and what a test does to it."""

    store: Store
    law: Law = field(default=OPEN_LAW)

    def change(self, **fields: Any) -> None:
        """What devices may is what all may, unless a test says otherwise."""
        if "votes_per_voter" in fields:
            fields.setdefault("votes_per_device", fields["votes_per_voter"])
        self.law = replace(self.law, **fields)
        self.store.rules.apply(self.law, "试验", now_ms())

    def cast(self, ballot: Ballot, identity: Identity = Identity.DEVICE) -> Outcome:
        return self.store.ballots.cast(ballot, replace(SIGNALS, identity=identity))

    def next_day(self, days: int = 1) -> None:
        """The store's clock is its own; but where midnight falls follows from the time zone."""
        for shard in range(self.store.ledger.shards):
            key = keys.RULES(shard=shard)
            self.store.law.hincrby(key, "utc_offset_s", days * 86_400)

    def tally(self) -> dict[int, int]:
        return dict(self.store.ledger.tally())


def looked_at(store: Store, *cases: Case, **votes: list[str]) -> None:
    """Scrutiny has looked at every row, and found these cases; `votes` by the case's id."""
    store.cases.put(Run(now_ms(), store.ledger.size(), 0.1, cases), votes)


def a_contest(law_url: str, throttle_url: str, folder: Path, shards: int = 1) -> Contest:
    store = open_store(
        "test", law_url, throttle_url, shards, folder, accept_unknown=False, sealing=b"sealing"
    )
    store.rules.open("test", OPEN_LAW, now_ms())
    for number in (1, 2, 3, 4):
        store.entries.add(an_entry(number))
    for number in (1, 2, 3):
        store.entries.approve(number, "审核通过", ai_labelled=True)
    return Contest(store)
