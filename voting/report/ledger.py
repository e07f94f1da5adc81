"""The ledger as rows: whole for whoever must look for fraud, masked for whoever recounts.

The header and the words are those of the fraud simulator's ledger, so that the same programs read
both. CSV is made from the store's pages at once, because a million rows shall take seconds.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from voting.contest import Identity
from voting.disk import need_room, whole
from voting.report.csv_file import MARK
from voting.report.table import Column, Kind, Row, Table
from voting.settings import Keys
from voting.store.ledger import Cut, Ledger, Page

IDENTITIES: Final = tuple(identity.name.lower() for identity in Identity)
NOTHING: Final = bytes(6)

_TEXT, _NUMBER = Kind.TEXT, Kind.NUMBER
COLUMNS: Final = (
    Column("vote_id", _TEXT, 24),
    Column("ts_ms", _NUMBER, 16),
    Column("entry_id", _NUMBER, 9),
    Column("voter", _TEXT, 18),
    Column("identity", _TEXT, 9),
    Column("ip", _TEXT, 14),
    Column("net", _TEXT, 14),
    Column("ua", _TEXT, 10),
    Column("share", _TEXT, 10),
    Column("dwell_ms", _NUMBER, 10),
    Column("watched_s", _NUMBER, 10),
)
HIDDEN: Final = ("ip", "net", "ua", "share")
MASKED_COLUMNS: Final = tuple(column for column in COLUMNS if column.header not in HIDDEN)


def masking_key(keys: Keys) -> bytes:
    """What the voters of a masked ledger are named under: nobody can make it from the ledger."""
    return hmac.digest(keys.sealing, b"masked ledger", "sha256")


class Mask:
    """Gives each voter another name, always the same; only who has the key can tell whose."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def __call__(self, voter: bytes) -> str:
        return hashlib.blake2b(voter, key=self.key, digest_size=8).hexdigest()


def full_rows(page: Page) -> Iterator[tuple[str | int, ...]]:
    """The page's rows in the order of COLUMNS; a pseudonym that isn't known is empty."""
    lead = f"{page.shard:02d}-"
    for stream_id, (_, identity, entry, voter, ip, net, ua, share, dwell, watched) in zip(
        page.ids, page.rows(), strict=True
    ):
        at = stream_id.decode()
        yield (
            lead + at, int(at.partition("-")[0]), entry, voter.hex(), IDENTITIES[identity],
            _hex(ip), _hex(net), _hex(ua), _hex(share), dwell, watched,
        )  # fmt: skip


def masked_rows(page: Page, mask: Mask) -> Iterator[tuple[str | int, ...]]:
    """The page's rows in the order of MASKED_COLUMNS."""
    lead = f"{page.shard:02d}-"
    for stream_id, (_, identity, entry, voter, _, _, _, _, dwell, watched) in zip(
        page.ids, page.rows(), strict=True
    ):
        at = stream_id.decode()
        yield (
            lead + at, int(at.partition("-")[0]), entry, mask(voter), IDENTITIES[identity],
            dwell, watched,
        )  # fmt: skip


def _hex(pseudonym: bytes) -> str:
    return "" if pseudonym == NOTHING[: len(pseudonym)] else pseudonym.hex()


def write_ledger_csv(
    ledger: Ledger, cut: Cut, path: Path, tell: Callable[[int], None], mask: Mask | None = None
) -> int:
    """Write the ledger up to the cut; with `mask` the masked one. As `write_csv` otherwise.

    Nothing here needs quotes or an apostrophe: numbers, hex and our own words.
    """
    columns = MASKED_COLUMNS if mask else COLUMNS
    line = ",".join(["%s"] * len(columns)) + "\r\n"
    count = 0
    with whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        file.write(MARK + ",".join(column.header for column in columns) + "\r\n")
        for page in ledger.pages(cut):
            rows = masked_rows(page, mask) if mask else full_rows(page)
            need_room(path.parent)
            file.write("".join([line % row for row in rows]))
            count += len(page.ids)
            tell(count)
    return count


def ledger_table(ledger: Ledger, cut: Cut, mask: Mask | None, about: tuple[str, ...]) -> Table:
    """The same for a spreadsheet."""

    def rows() -> Iterator[Row]:
        for page in ledger.pages(cut):
            yield from masked_rows(page, mask) if mask else full_rows(page)

    columns = MASKED_COLUMNS if mask else COLUMNS
    return Table("账本", columns, rows(), about, expected=cut.rows)
