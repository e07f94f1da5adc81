"""The ledger as a file: every vote of its moment, in the simulator's words; masked, it tells nobody
who voted from where.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import openpyxl
import pytest
from casting import Contest, a_ballot, a_contest

from voting.contest import Identity, Signals
from voting.report import ledger as ledger_file
from voting.report.ledger import Mask, ledger_table, masking_key, write_ledger_csv
from voting.report.xlsx_file import write_xlsx
from voting.settings import Keys
from voting.store import ledger as rows
from voting.store.ledger import Vote

HEADER = "vote_id,ts_ms,entry_id,voter,identity,ip,net,ua,share,dwell_ms,watched_s"
MASK = Mask(bytes(32))


@pytest.fixture(params=[1, 3])
def contest(request, law_url, throttle_url, tmp_path) -> Contest:
    return a_contest(law_url, throttle_url, tmp_path, shards=request.param)


def nobody(_: int) -> None:
    pass


def cast(contest: Contest, votes: int, first: int = 0) -> None:
    for n in range(first, first + votes):
        signals = Signals(
            Identity(n % 3), b"addr%02d" % n, b"netw%02d" % n, b"ua%02d" % n,
            b"sh%02d" % n if n % 2 else bytes(4), n * 1000, n,
        )  # fmt: skip
        voter = (n * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big")
        contest.store.ballots.cast(a_ballot(entry=1 + n % 3, voter=voter), signals)


def exported(contest: Contest, folder: Path, mask: Mask | None = None) -> list[dict[str, str]]:
    path, ledger = folder / "账本.csv", contest.store.ledger
    count = write_ledger_csv(ledger, ledger.cut(), path, nobody, mask)
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == count
    return found


def as_row(vote: Vote) -> dict[str, str]:
    signals = vote.signals
    hidden = "" if signals.share == bytes(4) else signals.share.hex()
    return {
        "vote_id": vote.id,
        "ts_ms": str(vote.at_ms),
        "entry_id": str(vote.entry),
        "voter": vote.voter.hex(),
        "identity": ("demo", "device", "openid")[signals.identity],
        "ip": signals.address.hex(),
        "net": signals.network.hex(),
        "ua": signals.agent.hex(),
        "share": hidden,
        "dwell_ms": str(signals.dwell_ms),
        "watched_s": str(signals.watched_s),
    }


def test_every_vote_is_a_row_as_it_stands_in_the_store(contest: Contest, tmp_path: Path):
    cast(contest, 20)
    assert exported(contest, tmp_path) == [as_row(vote) for vote in contest.store.ledger.votes()]


def test_header_and_line_ends(contest: Contest, tmp_path: Path):
    cast(contest, 1)
    exported(contest, tmp_path)
    content = (tmp_path / "账本.csv").read_bytes()
    assert content.startswith(f"\ufeff{HEADER}\r\n".encode())
    assert content.count(b"\n") == content.count(b"\r\n") == 2


def test_many_pages_are_one_file(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rows, "PAGE", 3)
    cast(contest, 20)
    assert exported(contest, tmp_path) == [as_row(vote) for vote in contest.store.ledger.votes()]


def test_an_empty_ledger_is_a_header(contest: Contest, tmp_path: Path):
    assert exported(contest, tmp_path) == []


def test_the_masked_one_hides_where_from_and_renames_voters(contest: Contest, tmp_path: Path):
    cast(contest, 20)
    for n in (1, 2, 3):
        contest.cast(a_ballot(entry=n, voter=b"the same"))
    full, masked = exported(contest, tmp_path), exported(contest, tmp_path, MASK)
    assert ",".join(masked[0]) == "vote_id,ts_ms,entry_id,voter,identity,dwell_ms,watched_s"
    assert [row["vote_id"] for row in masked] == [row["vote_id"] for row in full]
    assert not {row["voter"] for row in masked} & {row["voter"] for row in full}
    per_voter = [sorted(Counter(row["voter"] for row in some).values()) for some in (full, masked)]
    assert per_voter[0] == per_voter[1]


def test_another_secret_gives_other_names():
    keys = [Keys(b"s" * 32, b"p" * 32, bytes([n]) * 32) for n in (1, 2)]
    names = {Mask(masking_key(one))(b"voter...") for one in keys}
    assert len(names) == 2
    assert keys[0].sealing != masking_key(keys[0])


def test_votes_that_come_meanwhile_are_not_in_it(
    contest: Contest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rows, "PAGE", 2)
    cast(contest, 10)
    before = [as_row(vote) for vote in contest.store.ledger.votes()]
    came = iter(range(100, 110))

    def more(_: int) -> None:
        cast(contest, 1, next(came, 200))

    path, ledger = tmp_path / "账本.csv", contest.store.ledger
    assert write_ledger_csv(ledger, ledger.cut(), path, more) == 10
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.DictReader(file)) == before
    assert sum(1 for _ in ledger.votes()) > 10


def test_the_spreadsheet_says_the_same(contest: Contest, tmp_path: Path):
    cast(contest, 10)
    ledger, path = contest.store.ledger, tmp_path / "账本.xlsx"
    table = ledger_table(ledger, ledger.cut(), None, ("账本",))
    assert write_xlsx([table], path, nobody, at_ms=0) == 10
    sheet = openpyxl.load_workbook(path)["账本"]
    header, *found = sheet.iter_rows(values_only=True)
    read = [
        {name: "" if cell is None else str(cell) for name, cell in zip(header, row, strict=True)}
        for row in found
    ]
    assert read == exported(contest, tmp_path)


def test_a_row_of_another_schema_ends_it(contest: Contest, tmp_path: Path):
    cast(contest, 1)
    row = ledger_file_row(schema=9)
    contest.store.law.xadd("{s00}:ledger", {"v": row})
    with pytest.raises(ValueError, match="another schema"):
        exported(contest, tmp_path)
    assert not (tmp_path / "账本.csv").exists()


def ledger_file_row(schema: int) -> bytes:
    return rows.ROW.pack(
        schema, 1, 1, b"voter...", b"addres", b"networ", b"agnt", b"shar", 1, 1
    )


def test_the_words_are_those_of_the_identities():
    assert ledger_file.IDENTITIES == ("demo", "device", "openid")
