"""Whatever file is given: a ledger is read as it is, and all else is refused in a sentence."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from voting.scrutiny import scrutinize
from voting.scrutiny.votes import COLUMNS, LedgerUnreadable, read, read_ledger

HEADER = ",".join(COLUMNS)
AT = 1_763_000_000_000


def row(n: int = 0, **cells: object) -> str:
    usual: dict[str, object] = {
        "vote_id": f"00-{AT + n}-0", "ts_ms": AT + n, "entry_id": n % 3 + 1, "voter": f"{n:016x}",
        "identity": "device", "ip": "a1", "net": "b1", "ua": "c1", "share": "", "dwell_ms": 3200,
        "watched_s": 12,
    }  # fmt: skip
    return ",".join(str(cell) for cell in (usual | cells).values())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "账本.csv"


def written(file: Path, *lines: str, end: str = "\n", mark: str = "") -> Path:
    file.write_text(mark + end.join([HEADER, *lines]) + end, encoding="utf-8", newline="")
    return file


def why_not(file: Path) -> str:
    with pytest.raises(LedgerUnreadable) as refusal:
        read(file)
    assert "\n" not in str(refusal.value)
    return str(refusal.value).replace(str(file), "账本.csv")


def test_columns_are_codes_in_the_order_of_time(file: Path):
    votes = read(written(
        file,
        row(2, entry_id="e017", ip="x", share="s"),
        row(0, entry_id="e002", ip="", identity="wechat"),
        row(1, entry_id="e017", ip="x", identity="openid", dwell_ms="", watched_s="2.5"),
    ))  # fmt: skip
    assert votes.entries == ("e002", "e017")
    assert votes.entry.tolist() == [0, 1, 1]
    assert votes.ip.tolist() == [-1, 0, 0]
    assert votes.share.tolist() == [-1, -1, 0]
    assert votes.device.tolist() == [False, False, True]
    assert votes.dwell_s.tolist() == [3.2, 0.0, 3.2]
    assert votes.watched_s.tolist() == [12.0, 2.5, 12.0]
    assert votes.row.tolist() == [1, 2, 0]
    assert [votes.ids[n] for n in range(3)] == [f"00-{AT + n}-0" for n in range(3)]


def test_names_are_there_for_those_who_ask(file: Path):
    names = read_ledger(written(file, row(0, net=""), row(1, net="n1"), row(2, net="n2"))).names
    assert [names["net"][code] for code in range(len(names["net"]))] == ["n1", "n2"]


@pytest.mark.parametrize(("end", "mark"), [("\r\n", "\ufeff"), ("\n", ""), ("\n\n", "")])
def test_a_mark_and_any_line_ends_are_read(file: Path, end: str, mark: str):
    votes = read(written(file, row(0), row(1), end=end, mark=mark))
    assert votes.entries == ("1", "2")
    assert len(votes) == 2


def test_columns_may_have_another_order_and_company(file: Path):
    order = [*reversed(COLUMNS), "remark"]
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, order)
        writer.writeheader()
        writer.writerow(dict(zip(COLUMNS, row().split(","), strict=True)) | {"remark": "a, b"})
    assert read(file).entries == ("1",)


def test_names_with_commas_stay_whole(file: Path):
    votes = read(written(file, row(0, vote_id='"a,1"'), row(1, entry_id='"a ""b"""')))
    assert votes.ids[0] == "a,1"
    assert votes.entries == ("1", 'a "b"')


def test_demo_votes_are_nobody_s(file: Path):
    ledger = read_ledger(written(file, row(0, identity="demo"), row(1), row(2)))
    assert (len(ledger.votes), ledger.demo, ledger.rows) == (2, 1, 3)
    assert ledger.votes.row.tolist() == [0, 1]


def test_times_that_are_none_count_as_unknown(file: Path):
    ledger = read_ledger(written(
        file, row(0, watched_s="NaN"), row(1, dwell_ms=-5), row(2, watched_s="inf"), row(3)
    ))  # fmt: skip
    assert ledger.unknown == 3
    assert ledger.votes.watched_s.tolist() == [0.0, 12.0, 0.0, 12.0]
    assert ledger.votes.dwell_s.tolist() == [3.2, 0.0, 3.2, 3.2]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "是空的"),
        ("\n\n", "不是账本"),
        ("PK\x03\x04\0\0", "不是账本"),
        (HEADER.replace(",", ";"), "不是账本"),
        (HEADER.replace(",watched_s", "") + "\n", "缺少这些列：watched_s"),
        (HEADER.replace("ip,net", "IP,Net") + "\n", "缺少这些列：ip、net"),
        (f"{HEADER}\n{row(0)}\n{row(1)[:40]}", "第 3 行不完整：有 4 格，应有 11 格"),
        (f"{HEADER}\n{row(0)[:-4]}\n{row(1)}\n", "第 2 行不完整"),
        (f"{HEADER}\n{row(0)}{row(1)}\n", "第 2 行不完整：有 21 格"),
        (f"{HEADER}\n{row(0, voter='')}\n", "第 2 行不完整：voter 是空的"),
        (f"{HEADER}\n{row(0, ts_ms='昨天')}\n", "第 2 行的 ts_ms 写成了“昨天”，应是整数"),
        (f"{HEADER}\n{row(0, ts_ms='1.76E+12')}\n", "写成了“1.76E+12”，应是整数"),
        (f"{HEADER}\n{row(0, ts_ms=AT // 1000)}\n", "应是 1970 年以来的毫秒数"),
        (f"{HEADER}\n{row(0, dwell_ms='long')}\n", "dwell_ms 写成了“long”，应是数字"),
        (f"{HEADER}\n{row(0)}\n{row(0)}\n", f"重复的选票：00-{AT}-0"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(file: Path, text: str, sentence: str):
    file.write_text(text, encoding="utf-8")
    assert sentence in why_not(file)
    assert why_not(file).startswith("账本.csv ")


def test_other_encodings_and_places_are_refused(file: Path, tmp_path: Path):
    file.write_bytes(f"{HEADER}\n{row(0, entry_id='作品')}\n".encode("gbk"))
    assert "UTF-8" in why_not(file)
    file.write_bytes(f"{HEADER}\n".encode("utf-16"))
    assert "UTF-8" in why_not(file)
    assert "没有" in why_not(tmp_path / "nowhere.csv")
    assert "读不了" in why_not(tmp_path)


def test_any_bytes_are_a_ledger_or_a_sentence(file: Path):
    dice = random.Random(5)
    sentences = set[str]()
    whole = f"{HEADER}\n{row(0)}\n{row(1)}\n".encode()
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            broken[dice.randrange(len(broken))] = dice.choice(b",\n\r\"\0x9\xff;-")
        file.write_bytes(bytes(broken)[: dice.randint(len(HEADER), len(broken))])
        try:
            assert len(read(file)) <= 3
        except LedgerUnreadable as refusal:
            sentences.add(str(refusal))
    assert len(sentences) > 10
    assert not [one for one in sentences if "\n" in one]


#: Where all votes are alike, a share is divided by what is left of it.
ALIKE = pytest.mark.filterwarnings("ignore:invalid value encountered in divide:RuntimeWarning")


@ALIKE
@pytest.mark.parametrize("count", [0, 1, 2, 59, 61])
def test_the_smallest_ledgers_are_looked_at(file: Path, count: int):
    found = scrutinize(written(file, *(row(n) for n in range(count))))
    assert (found.run.rows, len(found.flags.score)) == (count, count)


@ALIKE
@pytest.mark.parametrize(
    "same",
    [{"entry_id": 1}, {"voter": "one"}, {"entry_id": 1, "voter": "one"}, {"ts_ms": AT},
     {"ip": "", "net": "", "ua": "", "share": ""}, {"dwell_ms": 0, "watched_s": 0}],
    ids=str,
)  # fmt: skip
def test_ledgers_without_any_difference_are_looked_at(file: Path, same: dict[str, object]):
    found = scrutinize(written(file, *(row(n, **same) for n in range(300))))
    assert found.run.rows == 300


def test_the_order_of_the_rows_changes_nothing(mixed: Path, file: Path):
    lines = (mixed / "ledger.csv").read_text(encoding="utf-8").splitlines()
    one = scrutinize(mixed / "ledger.csv")
    shuffled = random.Random(1).sample(lines[1:], len(lines) - 1)
    file.write_text("\n".join([lines[0], *shuffled]), encoding="utf-8")
    other = scrutinize(file)
    assert [case.votes for case in other.run.cases] == [case.votes for case in one.run.cases]
    scores = dict(zip([line.partition(",")[0] for line in lines[1:]], one.flags.score, strict=True))
    for line, score in zip(shuffled, other.flags.score, strict=True):
        assert scores[line.partition(",")[0]] == pytest.approx(score)
