"""What organizers did: appended, never changed. With the ledger it explains every ranking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from voting.store import keys
from voting.store.client import Client, reachable


class Kind(StrEnum):
    RULES = "rules"
    PAUSE = "pause"
    RESUME = "resume"
    APPROVE = "approve"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Decision:
    """`subject` is an entry's number or a rules version; 0 where there is none."""

    at_ms: int
    kind: Kind
    subject: int
    reason: str


class Decisions:
    def __init__(self, client: Client) -> None:
        self.client = client

    def append(self, kind: Kind, subject: int, reason: str) -> None:
        with reachable():
            self.client.xadd(
                keys.DECISIONS(), {"kind": kind.value, "subject": subject, "reason": reason}
            )

    def all(self) -> Iterator[Decision]:
        with reachable():
            rows = self.client.xrange(keys.DECISIONS())
        for stream_id, row in rows:
            yield Decision(
                at_ms=int(stream_id.partition(b"-")[0]),
                kind=Kind(row[b"kind"].decode()),
                subject=int(row[b"subject"]),
                reason=row[b"reason"].decode(),
            )
