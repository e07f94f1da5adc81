"""What the newest run of scrutiny has found: its cases, their votes, and their evidence sheets.

Derived from the ledger, like the tally: each run takes the place of the one before. What people
decide about is a batch (store/batches.py), which lasts whatever the next run finds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from voting.case import Case, Run
from voting.case import read as read_run
from voting.case import write as write_run
from voting.sheet import MOST_BYTES, Sheet
from voting.sheet import read as read_sheet
from voting.sheet import write as write_sheet
from voting.store import keys
from voting.store.client import Client, reachable

#: A page that lists more is read by nobody.
MOST: Final = 30
#: A vote's id: shard, ms, sequence.
PACKED: Final = struct.Struct(">BHIH")


@dataclass(frozen=True, slots=True)
class Kept:
    """A case as it was when somebody first decided about it, and when it had been found."""

    at_ms: int
    case: Case
    sheet: Sheet | None


class Cases:
    """The worker's job calls `put`, the console reads."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def put(
        self,
        run: Run,
        votes: Mapping[str, Sequence[str]],
        sheets: Mapping[str, Sheet] | None = None,
    ) -> None:
        """Put a run in the place of the one before, whole. `votes` is case id → ids of its votes,
        as the ledger's export names them; each vote in one case at most, so that what a case takes
        away is never counted twice. Raises ValueError for what is no such run."""
        if len(run.cases) > MOST:
            raise ValueError(f"a run has {MOST} cases at most, this one {len(run.cases)}")
        fields: dict[str, bytes | str] = {"at_ms": str(run.at_ms), "run": write_run(run)}
        for one in run.cases:
            fields[f"votes {one.id}"] = pack(votes.get(one.id, ()))
            if sheets and one.id in sheets:
                fields[f"sheet {one.id}"] = _small(one.id, write_sheet(sheets[one.id]))
        with reachable():
            # Together, so that nobody reads a case without its votes.
            change = self.client.pipeline(transaction=True)
            change.delete(keys.CASES())
            change.hset(keys.CASES(), mapping=fields)
            change.execute()

    def latest(self) -> Run | None:
        """The newest run; None while there has been none that this release can read."""
        text = self._field("run")
        try:
            return read_run(text) if text else None
        except (ValueError, KeyError, TypeError):
            return None

    def at_ms(self) -> int:
        """When the newest run was made, cheaply; 0 while there has been none."""
        return int(self._field("at_ms") or 0)

    def votes_of(self, case_id: str) -> list[str]:
        """The ids of a case's votes, oldest first; none for a case that isn't in the newest run,
        or of which only a number is known."""
        return list(unpack(self.packed_of(case_id)))

    def packed_of(self, case_id: str) -> bytes:
        """The same, as it is kept: whoever has seen these bytes knows the votes."""
        return self._field(f"votes {case_id}") or b""

    def sheet_of(self, case_id: str) -> Sheet | None:
        """The case's figures; None where there are none, or another release has drawn them."""
        return _read_sheet(self._field(f"sheet {case_id}"))

    # --- what was decided about ------------------------------------------------------------------

    def keep(self, batch_id: str, case: Case) -> None:
        """Keep a case with its sheet, as they are now, beside the batch that was made from it."""
        run = Run(self.at_ms(), 0, 0.0, (case,))
        fields: dict[str, bytes | str] = {f"{batch_id} run": write_run(run)}
        if sheet := self._field(f"sheet {case.id}"):
            fields[f"{batch_id} sheet"] = sheet
        with reachable():
            self.client.hset(keys.CASES_KEPT(), mapping=fields)

    def kept(self, batch_id: str) -> Kept | None:
        """What was kept beside a batch; None if nothing was."""
        with reachable():
            text, sheet = self.client.hmget(
                keys.CASES_KEPT(), f"{batch_id} run", f"{batch_id} sheet"
            )
        if text is None:
            return None
        run = read_run(text)
        return Kept(run.at_ms, run.cases[0], _read_sheet(sheet))

    def _field(self, name: str) -> bytes | None:
        with reachable():
            found: bytes | None = self.client.hget(keys.CASES(), name)
        return found


def _read_sheet(text: bytes | None) -> Sheet | None:
    """None for what isn't one: another release may have drawn it."""
    try:
        return read_sheet(text) if text else None
    except (ValueError, KeyError, TypeError):
        return None


def pack(vote_ids: Iterable[str]) -> bytes:
    """Nine bytes a vote, in rising order. Raises ValueError for what names no vote."""
    rows = sorted({_parts(vote_id) for vote_id in vote_ids})
    return b"".join(PACKED.pack(shard, ms >> 32, ms & 0xFFFFFFFF, n) for shard, ms, n in rows)


def unpack(packed: bytes) -> Iterator[str]:
    for shard, high, low, n in PACKED.iter_unpack(packed):
        yield f"{shard:02d}-{high << 32 | low}-{n}"


def _parts(vote_id: str) -> tuple[int, int, int]:
    parts = [int(part) for part in vote_id.split("-") if part.isdecimal()]
    if len(parts) != 3 or any(part >> bits for part, bits in zip(parts, (8, 48, 16), strict=True)):
        raise ValueError(f"{vote_id!r} names no vote")
    return parts[0], parts[1], parts[2]


def _small(case_id: str, text: str) -> str:
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"the sheet of {case_id} is larger than {MOST_BYTES} bytes")
    return text
