"""The operators' log: rows are appended, chained and sealed, and what was done to them shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from casting import Contest, a_contest
from works import an_entry

from voting.store import keys
from voting.store.client import StoreDown
from voting.store.log import (
    COMMAND_LINE,
    DECISIONS,
    KIND_WORDS,
    PAGE,
    Act,
    Kind,
    Log,
    digest_of,
    subject_words,
)
from voting.store.witness import Head, Witness

KEY = keys.OPERATORS_LOG()
ROWS = 8  # what opening the contest has written
Row = tuple[bytes, dict[bytes, bytes]]


@pytest.fixture
def log(contest: Contest) -> Log:
    return contest.store.log


def rows(log: Log) -> list[Row]:
    found: list[Row] = log.client.xrange(KEY)
    return found


def rewritten(log: Log, change: Callable[[list[Row]], list[Row]]) -> None:
    """What somebody with the store's password may do: read the stream, and write another."""
    new = change(rows(log))
    log.client.delete(KEY)
    for stream_id, row in new:
        log.client.xadd(KEY, row, id=stream_id)


def blind(log: Log) -> Log:
    """A log that nobody has seen before."""
    return Log(log.client, log.sealing, Witness(log.witness.file.with_name("other.json")))


def test_rows_are_numbered_and_chained(log: Log):
    log.append(Kind.CORRECT, 7, "改了错字", "李审核")
    acts = list(log.all())
    assert [act.n for act in acts] == list(range(1, ROWS + 2))
    last = acts[-1]
    assert (last.by, last.kind, last.subject) == ("李审核", Kind.CORRECT, "7")
    assert last.reason == "改了错字"
    assert log.chain().rows == ROWS + 1
    assert log.chain().digest == last.digest
    assert log.chain().flaw is None


def test_anybody_can_check_a_copy_with_nothing_but_sha_256(log: Log):
    before = ""
    for act in log.all():
        fields = [act.n, act.at_ms, act.by, act.kind.value, act.subject, act.reason]
        row = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        before = hashlib.sha256((before + row).encode()).hexdigest()
        assert act.digest == before


def test_many_who_append_at_once_all_get_a_row_of_their_own(log: Log):
    def write(who: int) -> list[int]:
        return [log.append(Kind.LOG_IN, f"号{who}", str(n), f"号{who}").n for n in range(25)]

    with ThreadPoolExecutor(8) as pool:
        numbers = [n for given in pool.map(write, range(8)) for n in given]
    assert sorted(numbers) == list(range(ROWS + 1, ROWS + 201))
    assert log.chain().flaw is None
    assert log.witness.seen() == Head(ROWS + 200, log.chain().digest)


def test_a_row_whose_reply_was_lost_is_written_once(log: Log, monkeypatch: pytest.MonkeyPatch):
    put = log._put

    def twice(act: Act) -> bool:
        put(act)
        return put(act)

    monkeypatch.setattr(log, "_put", twice)
    log.append(Kind.PAUSE, "", "核查")
    assert [act.reason for act in log.latest(2)] == ["核查", "审核通过"]
    assert log.chain().flaw is None


@pytest.mark.parametrize("field", ["by", "reason", "subject", "at_ms", "kind"])
def test_an_edit_is_found(log: Log, field: str):
    def edit(found: list[Row]) -> list[Row]:
        found[3][1][field.encode()] = {"at_ms": b"1", "kind": b"refuse"}.get(field, "别的".encode())
        return found

    rewritten(log, edit)
    flaw = log.chain().flaw
    assert flaw is not None
    assert (flaw.n, flaw.sentence) == (4, "第 4 行与它的校验码不符：被改过")


def test_an_edit_with_a_chain_made_anew_lacks_the_seal(log: Log):
    def forge(found: list[Row]) -> list[Row]:
        before = ""
        for n, (_, row) in enumerate(found, start=1):
            if n == 5:
                row[b"reason"] = "顺水推舟".encode()
            words = [row[name].decode() for name in (b"by", b"kind", b"subject", b"reason")]
            before = digest_of(before, n, int(row[b"at_ms"]), *words)
            row[b"digest"] = before.encode()
        return found

    rewritten(log, forge)
    flaw = log.chain().flaw
    assert flaw is not None
    assert (flaw.n, flaw.sentence) == (5, "第 5 行的封印不是本站的：被改过")


def test_a_removal_in_the_middle_is_found(log: Log):
    log.client.xdel(KEY, "4-1")
    assert log.chain().flaw is not None
    assert log.chain().flaw.sentence == "第 4 行不见了"
    log.client.xdel(KEY, "5-1")
    assert log.chain().flaw.sentence == "第 4 到 5 行不见了"


def test_an_insertion_is_found(log: Log):
    rewritten(log, lambda found: [*found[:4], (b"4-2", found[3][1]), *found[4:]])
    flaw = log.chain().flaw
    assert flaw is not None
    assert flaw.sentence == "第 4 行前后多出一行，不是本站写的"


def test_a_row_from_a_stranger_at_the_end_is_found_and_stops_nobody(log: Log):
    log.client.xadd(KEY, {"what": b"\xff\xfe"}, id=f"{ROWS + 1}-1")
    stranger = log.latest(1)[0]
    assert (stranger.kind, stranger.by, stranger.at_ms) == (Kind.UNKNOWN, "", 0)
    assert log.chain().flaw.n == ROWS + 1
    log.append(Kind.PAUSE, "", "核查")
    assert log.chain().flaw.n == ROWS + 1


def test_swapped_rows_are_found(log: Log):
    def swap(found: list[Row]) -> list[Row]:
        (a, first), (b, second) = found[2], found[3]
        return [*found[:2], (a, second), (b, first), *found[4:]]

    rewritten(log, swap)
    assert log.chain().flaw.n == 3


def test_rows_cut_off_at_the_end_are_missed_by_the_witness(log: Log):
    assert log.chain().flaw is None
    log.client.xdel(KEY, f"{ROWS}-1", f"{ROWS - 1}-1")
    assert blind(log).chain().flaw is None, "the chain alone can't know"
    chain = log.chain()
    assert chain.flaw is not None
    assert chain.flaw.sentence == f"末尾的第 {ROWS - 1} 到 {ROWS} 行不见了：本机见过它们"
    assert chain.rows == ROWS - 2


def test_a_cut_log_goes_on_and_never_looks_whole_again(log: Log):
    log.client.xdel(KEY, f"{ROWS}-1")
    act = log.append(Kind.PAUSE, "", "核查")
    assert act.n == ROWS + 1, "the number is not given twice"
    assert log.chain().flaw.sentence == f"第 {ROWS} 行不见了"
    assert log.witness.seen().n == ROWS, "the witness stays with what it saw"


def test_an_emptied_log_is_missed(log: Log):
    log.client.delete(KEY)
    assert log.chain().flaw is not None
    for _ in range(ROWS + 3):
        log.append(Kind.PAUSE, "", "从头来过")
    assert blind(log).chain().flaw is None
    assert log.chain().flaw.sentence == f"第 {ROWS} 行和本机当初见过的不是同一行：整份记录被换过"


def test_a_log_of_somebody_elses_key_is_found(log: Log):
    other = Log(log.client, b"another", Witness(log.witness.file.with_name("other.json")))
    assert other.chain().flaw.n == 1


def test_the_witness_only_goes_forward(log: Log):
    log.chain()
    seen = log.witness.seen()
    log.witness.note(Head(3, "older"), lambda _: True)
    assert log.witness.seen() == seen


def test_a_witness_that_can_t_write_holds_nothing_up(contest: Contest, tmp_path: Path):
    file = tmp_path / "no folder"
    file.write_text("")
    log = Log(contest.store.law, b"sealing", Witness(file / "log-head.json"))
    assert log.append(Kind.PAUSE, "", "核查").n == ROWS + 1
    assert log.chain().flaw is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"n": "x", "digest": 1}', "null"])
def test_a_witness_that_makes_no_sense_is_none(log: Log, text: str):
    log.witness.file.write_text(text, encoding="utf-8")
    assert log.witness.seen() is None
    assert log.chain().flaw is None
    assert log.witness.seen() is not None


def test_several_processes_may_note_at_once(tmp_path: Path):
    file = tmp_path / "log-head.json"

    def note(n: int) -> None:
        Witness(file).note(Head(n, str(n)), lambda _: True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(note, range(1, 200)))
    assert Witness(file).seen() == Head(199, "199")
    assert not list(tmp_path.glob("*.new"))


def test_what_was_checked_a_moment_ago_is_only_counted(log: Log, monkeypatch: pytest.MonkeyPatch):
    read: list[str] = []
    pages = log._pages
    monkeypatch.setattr(log, "_pages", lambda after: read.append(after) or pages(after))
    log.chain()
    log.append(Kind.PAUSE, "", "核查")
    assert log.chain(trusted_s=60).rows == ROWS + 1
    assert log.chain(trusted_s=60).flaw is None
    assert read == ["-", f"({ROWS}-1", f"({ROWS + 1}-1"]
    log.client.xdel(KEY, "4-1")
    log.append(Kind.RESUME, "", "核查完毕")
    assert log.chain(trusted_s=60).flaw.sentence == "第 4 行不见了"
    assert log.chain(trusted_s=60).rows == 3


def test_long_logs_are_read_in_pages(log: Log):
    pipeline = log.client.pipeline()
    last = log.last()
    for n in range(ROWS + 1, PAGE * 2 + 1):
        act = log._next(last, 0, Kind.LOG_IN, "王", "", "王")
        fields = {name: getattr(act, name) for name in
                  ("at_ms", "by", "subject", "reason", "digest", "seal")}  # fmt: skip
        pipeline.xadd(KEY, fields | {"kind": act.kind.value}, id=f"{n}-1")
        last = act
    pipeline.execute()
    assert log.chain().rows == PAGE * 2
    found, older = log.find(lambda act: act.kind is Kind.RULES, 10)
    assert [act.n for act in found] == [1]
    assert older == 0


def test_rows_are_found_page_by_page_and_none_twice(log: Log):
    for n in range(10):
        log.append(Kind.LOG_IN if n % 2 else Kind.LOG_OUT, "王", str(n), "王")

    def in_only(act: Act) -> bool:
        return act.kind is Kind.LOG_IN

    first, older = log.find(in_only, 3)
    then, end = log.find(in_only, 3, older)
    assert [act.reason for act in first + then] == ["9", "7", "5", "3", "1"]
    assert older > 0
    assert end == 0


def test_decisions_are_those_that_the_ranking_depends_on(log: Log):
    log.append(Kind.LOG_IN, "王", "", "王")
    log.append(Kind.PAUSE, "", "核查", "王")
    assert [act.kind for act in log.decisions()][-1] is Kind.PAUSE
    assert {act.kind for act in log.decisions()} <= DECISIONS


def test_every_kind_has_a_word_of_its_own():
    assert set(KIND_WORDS) == set(Kind)
    assert len(set(KIND_WORDS.values())) == len(Kind)


@pytest.mark.parametrize(
    ("kind", "subject", "words"),
    [
        (Kind.APPROVE, "7", "007 号"), (Kind.RULES, "2", "第 2 版"), (Kind.LOG_IN, "王", "王"),
        (Kind.PUBLISH, "2", "第 2 版"), (Kind.ACCOUNT_ADD, "7", "7"), (Kind.PAUSE, "", ""),
    ],
)  # fmt: skip
def test_a_subject_is_said_in_words(kind: Kind, subject: str, words: str):
    assert subject_words(Act(1, 0, COMMAND_LINE, kind, subject, "", "", "")) == words


def test_a_contest_opened_twice_stays_whole(law_url: str, throttle_url: str, tmp_path: Path):
    one = a_contest(law_url, throttle_url, tmp_path)
    two = replace(one)
    two.store.log.append(Kind.PAUSE, "", "核查")
    assert one.store.log.chain().flaw is None


Deed = Callable[[Contest], object]
DEEDS: dict[str, Deed] = {
    "add": lambda c: c.store.entries.add(an_entry(0, media="new", video_sha256="new")),
    "approve": lambda c: c.store.entries.approve(4, "试"),
    "withdraw": lambda c: c.store.entries.withdraw(1, "试"),
    "refuse": lambda c: c.store.entries.refuse(4, "试"),
    "correct": lambda c: c.store.entries.correct(1, "试", title="新题目"),
    "pause": lambda c: c.store.rules.pause("试"),
    "close": lambda c: c.store.rules.close("试"),
    "apply": lambda c: c.change(votes_per_voter=9),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_what_the_log_couldn_t_tell_hasn_t_happened(
    contest: Contest, deed: Deed, monkeypatch: pytest.MonkeyPatch
):
    def down(*_: object) -> None:
        raise StoreDown

    def standing() -> tuple[object, ...]:
        store = contest.store
        rules = store.law.hgetall(keys.RULES(shard=0))
        return store.entries.all(), store.rules.versions(), store.rules.phase(), rules

    before = standing()
    with monkeypatch.context() as broken:
        broken.setattr(Log, "append", down)
        with pytest.raises(StoreDown):
            deed(contest)
    assert standing() == before
    deed(contest)
    assert standing() != before
