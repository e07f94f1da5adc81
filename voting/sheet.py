"""The evidence sheet of a case: the figures that its page draws, made by whoever looked at the
ledger. Plain data; a Sheet to text and back.

*Case* are the case's votes, *others* the other votes for the same entries, *elsewhere* the votes
for all other entries. Pseudonyms are the ledger's, shortened.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

#: A case's sheet, as text, is kept below this; so nothing in it grows with the number of votes.
MOST_BYTES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Series:
    """Votes over time, in equal steps from `start_ms` on. `usual` is what the case's entries would
    have had in each step if their votes came as everybody's do; () where that can't be said."""

    start_ms: int
    step_ms: int
    case: tuple[int, ...]
    others: tuple[int, ...]
    usual: tuple[int, ...] = ()

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.step_ms * len(self.case)


@dataclass(frozen=True, slots=True)
class Spread:
    """How many votes lie below each of the `edges` (seconds, rising) and not below the one before;
    the last count is what lies above all edges. Medians in seconds, -1 where there is none.

    `unknown_*` are votes of which nothing is known, and which are in no count.
    """

    edges: tuple[float, ...]
    case: tuple[int, ...]
    others: tuple[int, ...]
    median_case: float = -1.0
    median_others: float = -1.0
    unknown_case: int = 0
    unknown_others: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A network, an address, a share link or a browser: how many votes came from it."""

    name: str
    case: int
    others: int
    elsewhere: int


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the case's votes came from: `distinct` sources in all, the largest ones in `rows`.
    `case`, `others`, `elsewhere` count the votes from all of the case's sources; `without` are
    the case's votes that name none."""

    distinct: int = 0
    case: int = 0
    others: int = 0
    elsewhere: int = 0
    without: int = 0
    rows: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Voters:
    """The people behind the votes, as far as they can be told apart.

    `also` of the case's `case` voters voted for other entries, too, with `votes` votes; of the
    entries' `others` voters `others_also` did. `entries`: entry → how many of the case's voters.
    """

    case: int
    also: int
    votes: int
    others: int
    others_also: int
    entries: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Class:
    """A class of identity (voting.contest.Identity), and how many votes are of it."""

    identity: int
    case: int
    others: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that is drawn of a case. `whole` shows the case's entries from their first vote on,
    `close` the time around the case. `watched` is seconds of the film."""

    case: int
    others: int
    whole: Series
    close: Series
    gaps: Spread
    dwell: Spread
    watched: Spread
    networks: Sources
    addresses: Sources
    agents: Sources
    shares: Sources
    voters: Voters
    identities: tuple[Class, ...]


def write(sheet: Sheet) -> str:
    return json.dumps(asdict(sheet), ensure_ascii=False, separators=(",", ":"))


def read(text: bytes | str) -> Sheet:
    """What `write` has written."""
    fields = json.loads(text)
    made: dict[str, Any] = {name: fields[name] for name in ("case", "others")}
    for name in ("whole", "close"):
        made[name] = Series(**_tuples(fields[name]))
    for name in ("gaps", "dwell", "watched"):
        made[name] = Spread(**_tuples(fields[name]))
    for name in ("networks", "addresses", "agents", "shares"):
        rows = tuple(Source(**row) for row in fields[name]["rows"])
        made[name] = Sources(**fields[name] | {"rows": rows})
    made["voters"] = Voters(**_tuples(fields["voters"]))
    made["identities"] = tuple(Class(**one) for one in fields["identities"])
    return Sheet(**made)


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in fields.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(one) for one in value) if isinstance(value, list) else value
