"""The operators' log: who did what, when and why. Rows are appended, numbered, and chained.

A row's digest covers the row and the digest before it, so that anybody can check a copy; its seal
is the digest under a key of the site's, so that nobody who can only write to the store can make
the chain anew. That nothing was cut off at the end is known to the witness (store/witness.py).
Those rows that the ranking depends on are the *decisions*.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from redis.exceptions import ResponseError

from voting.store import keys
from voting.store.client import Client, StoreDown, clock_ms, reachable
from voting.store.witness import Head, Witness

#: Who acts where no account does.
COMMAND_LINE: Final = "命令行"
SITE: Final = "系统"

PAGE: Final = 1_000
TRIES: Final = 200
#: So many rows are looked through for one answer at most.
SEARCHED: Final = 20_000


class Kind(StrEnum):
    """What was done."""

    RULES = "rules"
    PAUSE = "pause"
    RESUME = "resume"
    APPROVE = "approve"
    WITHDRAW = "withdraw"
    RESTORE = "restore"
    CORRECT = "correct"
    UNDER_REVIEW = "under_review"
    TAKE_BACK = "take_back"
    PUBLISH = "publish"
    UNPUBLISH = "unpublish"
    FREEZE = "freeze"
    HOLD = "hold"
    KEEP = "keep"
    ASK_VOID = "ask_void"
    VOID = "void"
    PUT_BACK = "put_back"

    TAKE_IN = "take_in"
    REFUSE = "refuse"
    ACCOUNT_ADD = "account_add"
    ACCOUNT_CHANGE = "account_change"
    ACCOUNT_DISABLE = "account_disable"
    ACCOUNT_ENABLE = "account_enable"
    LOG_IN = "log_in"
    LOG_OUT = "log_out"
    LOG_IN_FAILED = "log_in_failed"
    EXPORT = "export"
    DOWNLOAD = "download"
    INTAKE = "intake"
    DISCARD = "discard"
    COMPUTE = "compute"
    STOP = "stop"
    ANSWER_APPEAL = "answer_appeal"
    REFUSE_APPEAL = "refuse_appeal"
    DECLARE_NETWORK = "declare_network"
    WITHDRAW_NETWORK = "withdraw_network"

    UNKNOWN = "?"  # no row of ours has this: somebody else wrote it


#: How people call it, on the pages and in what is exported.
KIND_WORDS: Final = {
    Kind.RULES: "制定规则",
    Kind.PAUSE: "暂停投票",
    Kind.RESUME: "恢复投票",
    Kind.APPROVE: "公开作品",
    Kind.WITHDRAW: "撤下作品",
    Kind.RESTORE: "恢复作品",
    Kind.CORRECT: "更正作品",
    Kind.UNDER_REVIEW: "开始核对",
    Kind.TAKE_BACK: "撤回核对",
    Kind.PUBLISH: "公布结果",
    Kind.UNPUBLISH: "撤回结果",
    Kind.FREEZE: "圈定一批票",
    Kind.HOLD: "标为核查中",
    Kind.KEEP: "保留这批票",
    Kind.ASK_VOID: "提请移除",
    Kind.VOID: "确认移除",
    Kind.PUT_BACK: "恢复计票",
    Kind.TAKE_IN: "收下作品",
    Kind.REFUSE: "不予通过",
    Kind.ACCOUNT_ADD: "新建账号",
    Kind.ACCOUNT_CHANGE: "更改账号",
    Kind.ACCOUNT_DISABLE: "停用账号",
    Kind.ACCOUNT_ENABLE: "启用账号",
    Kind.LOG_IN: "登录",
    Kind.LOG_OUT: "退出",
    Kind.LOG_IN_FAILED: "多次登录失败",
    Kind.EXPORT: "制作导出文件",
    Kind.DOWNLOAD: "下载文件",
    Kind.INTAKE: "开始收件",
    Kind.DISCARD: "删除上传的文件",
    Kind.COMPUTE: "计算结果",
    Kind.STOP: "停止工作",
    Kind.ANSWER_APPEAL: "答复申诉",
    Kind.REFUSE_APPEAL: "申诉不受理",
    Kind.DECLARE_NETWORK: "登记共用网络",
    Kind.WITHDRAW_NETWORK: "撤销共用网络",
    Kind.UNKNOWN: "来历不明",
}

#: What the ranking, and what is public, depends on.
DECISIONS: Final = frozenset(
    {
        Kind.RULES, Kind.PAUSE, Kind.RESUME, Kind.APPROVE, Kind.WITHDRAW, Kind.RESTORE,
        Kind.CORRECT, Kind.REFUSE, Kind.UNDER_REVIEW, Kind.TAKE_BACK, Kind.PUBLISH,
        Kind.UNPUBLISH, Kind.FREEZE, Kind.HOLD, Kind.KEEP, Kind.ASK_VOID, Kind.VOID,
        Kind.PUT_BACK,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """One row. `subject` is an entry's number, a rules version, a batch, an account's name, or ''.

    `digest` is SHA-256 in hex over the digest before it and the row (see `digest_of`).
    """

    n: int
    at_ms: int
    by: str
    kind: Kind
    subject: str
    reason: str
    digest: str
    seal: str


#: Whose subject is an entry's number, or a version's.
OF_VERSIONS: Final = frozenset({Kind.RULES, Kind.PUBLISH, Kind.UNPUBLISH})
OF_ENTRIES: Final = frozenset(
    {Kind.TAKE_IN, Kind.APPROVE, Kind.REFUSE, Kind.WITHDRAW, Kind.RESTORE, Kind.CORRECT}
)


OF_APPEALS: Final = frozenset({Kind.ANSWER_APPEAL, Kind.REFUSE_APPEAL})
OF_BATCHES: Final = frozenset(
    {Kind.FREEZE, Kind.HOLD, Kind.KEEP, Kind.ASK_VOID, Kind.VOID, Kind.PUT_BACK}
)


def subject_words(act: Act) -> str:
    """`007 号`, `第 2 版`, `批次 3f2a9c0175`, an account's name: what it was done to."""
    if act.kind in OF_APPEALS:
        return f"第 {act.subject} 号申诉"
    if act.kind in OF_BATCHES:
        return f"批次 {act.subject}"
    if act.subject.isdecimal() and act.kind in OF_ENTRIES:
        return f"{int(act.subject):03d} 号"
    if act.subject.isdecimal() and act.kind in OF_VERSIONS:
        return f"第 {act.subject} 版"
    return act.subject


@dataclass(frozen=True, slots=True)
class Flaw:
    """Where the chain is broken: the row's number, and what is wrong with it in one sentence."""

    n: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Rows 1 to `rows` are as they were written, and end in `digest`; `flaw` is what is wrong with
    the next one, if there is anything wrong."""

    rows: int
    digest: str
    flaw: Flaw | None


def digest_of(
    before: str, n: int, at_ms: int, by: str, kind: str, subject: str, reason: str
) -> str:
    """SHA-256 over `before` (hex, '' for the first row) and the row as compact JSON in UTF-8."""
    fields = [n, at_ms, by, kind, subject, reason]
    row = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{before}{row}".encode()).hexdigest()


class Log:
    def __init__(self, client: Client, sealing: bytes, witness: Witness) -> None:
        self.client, self.sealing, self.witness = client, sealing, witness
        self._verified, self._verified_at = Chain(0, "", None), 0.0

    def append(self, kind: Kind, subject: int | str, reason: str, by: str = COMMAND_LINE) -> Act:
        """Add a row under the next number, on the store's clock."""
        given = 0
        for turn in range(TRIES):
            last = self.last()
            act = self._next(last, given, kind, str(subject), reason, by)
            if self._put(act):
                self._noted(last, act)
                return act
            given = self._highest_given(act.n)
            time.sleep(random.uniform(0, 0.001 * min(turn + 1, 20)))  # noqa: S311 no secret
        raise StoreDown("too many write the operators' log at once")

    def last(self) -> Act | None:
        newest = self.latest(1)
        return newest[0] if newest else None

    def latest(self, count: int, before: int = 0) -> list[Act]:
        """The newest rows (older than number `before`, if given), newest first."""
        end = f"({before}-1" if before else "+"
        with reachable():
            rows = self.client.xrevrange(keys.OPERATORS_LOG(), end, "-", count=count)
        return [_read(stream_id, row) for stream_id, row in rows]

    def all(self) -> Iterator[Act]:
        """Every row, oldest first."""
        return (_read(stream_id, row) for stream_id, row in self._pages("-"))

    def _pages(self, after: str) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
        while True:
            with reachable():
                page = self.client.xrange(keys.OPERATORS_LOG(), after, "+", count=PAGE)
            yield from page
            if len(page) < PAGE:
                return
            after = f"({page[-1][0].decode()}"

    def find(
        self, wanted: Callable[[Act], bool], count: int, before: int = 0
    ) -> tuple[list[Act], int]:
        """The newest `count` rows that are `wanted` (older than number `before`, if given), newest
        first, and the number to go on before: 0 when there are no older ones.
        """
        found: list[Act] = []
        for _ in range(SEARCHED // PAGE):
            page = self.latest(PAGE, before)
            for act in page:
                if len(found) == count:
                    return found, before
                before = act.n
                if wanted(act):
                    found.append(act)
            if len(page) < PAGE:
                return found, 0
        return found, before

    def decisions(self) -> Iterator[Act]:
        """The rows that the ranking depends on, oldest first."""
        return (act for act in self.all() if act.kind in DECISIONS)

    def chain(self, trusted_s: float = 0.0) -> Chain:
        """Find the first place where a row was changed, removed or put in from outside.

        Every row is checked; what this process has checked in the last `trusted_s` seconds is
        only counted, because no command of Redis changes a row in its place.
        """
        seen = self.witness.seen()  # before the rows, which only become more
        known = time.monotonic() - self._verified_at < trusted_s
        if not known or self._lacks_rows():
            self._verified, self._verified_at = Chain(0, "", None), time.monotonic()
        found = self._walk(self._verified)
        self._verified = Chain(found.rows, found.digest, None)
        if found.flaw is None and seen is not None:
            found = Chain(found.rows, found.digest, self._contradicted(seen, found.rows))
        if found.flaw is None and found.rows:
            self.witness.note(Head(found.rows, found.digest), self._holds)
        return found

    def _walk(self, start: Chain) -> Chain:
        rows, before = start.rows, start.digest
        for stream_id, row in self._pages(f"({rows}-1" if rows else "-"):
            if flaw := self._flaw_of(rows + 1, before, stream_id, _read(stream_id, row)):
                return Chain(rows, before, flaw)
            rows, before = rows + 1, row[b"digest"].decode()
        return Chain(rows, before, None)

    def _flaw_of(self, n: int, before: str, stream_id: bytes, act: Act) -> Flaw | None:
        if stream_id != b"%d-1" % act.n:
            return Flaw(n, f"第 {act.n} 行前后多出一行，不是本站写的")
        if act.n != n:
            missing = f"第 {n} 行" if act.n == n + 1 else f"第 {n} 到 {act.n - 1} 行"
            return Flaw(n, f"{missing}不见了")
        row = (act.n, act.at_ms, act.by, act.kind.value, act.subject, act.reason)
        if act.digest != digest_of(before, *row):
            return Flaw(n, f"第 {n} 行与它的校验码不符：被改过")
        if not hmac.compare_digest(act.seal.encode(), self._seal(act.digest).encode()):
            return Flaw(n, f"第 {n} 行的封印不是本站的：被改过")
        return None

    def _contradicted(self, seen: Head, rows: int) -> Flaw | None:
        if seen.n > rows:
            missing = f"第 {seen.n} 行" if seen.n == rows + 1 else f"第 {rows + 1} 到 {seen.n} 行"
            return Flaw(rows + 1, f"末尾的{missing}不见了：本机见过它们")
        if not self._holds(seen):
            return Flaw(seen.n, f"第 {seen.n} 行和本机当初见过的不是同一行：整份记录被换过")
        return None

    def _holds(self, head: Head) -> bool:
        """Whether this row is in the log."""
        with reachable():
            found = self.client.xrange(keys.OPERATORS_LOG(), f"{head.n}-1", f"{head.n}-1")
        return bool(found) and found[0][1].get(b"digest") == head.digest.encode()

    def _noted(self, last: Act | None, act: Act) -> None:
        before = Head(last.n, last.digest) if last else None
        self.witness.note(Head(act.n, act.digest), lambda seen: seen == before or self._holds(seen))

    def _lacks_rows(self) -> bool:
        """Whether there are fewer rows than numbers, or fewer than this process has checked; one
        that is added meanwhile is no harm: then all are read again."""
        with reachable():
            count = int(self.client.xlen(keys.OPERATORS_LOG()))
        last = self.last()
        return count != (last.n if last else 0) or count < self._verified.rows

    def _highest_given(self, n: int) -> int:
        """The highest number that the stream has ever given, where row `n` was refused though it
        isn't there: somebody took the last rows away, and the log goes on with a gap that shows.
        """
        with reachable():
            if self.client.xrange(keys.OPERATORS_LOG(), f"{n}-1", "+", count=1):
                return 0
            found = self.client.xinfo_stream(keys.OPERATORS_LOG())
        return int(bytes(found["last-generated-id"]).partition(b"-")[0])

    def _next(
        self, last: Act | None, given: int, kind: Kind, subject: str, reason: str, by: str
    ) -> Act:
        n, at_ms = max(last.n if last else 0, given) + 1, clock_ms(self.client)
        digest = digest_of(last.digest if last else "", n, at_ms, by, kind.value, subject, reason)
        return Act(n, at_ms, by, kind, subject, reason, digest, self._seal(digest))

    def _put(self, act: Act) -> bool:
        """Whether the row got its number; the stream gives each number once."""
        fields = {
            "at_ms": act.at_ms, "by": act.by, "kind": act.kind.value, "subject": act.subject,
            "reason": act.reason, "digest": act.digest, "seal": act.seal,
        }  # fmt: skip
        with reachable():
            try:
                self.client.xadd(keys.OPERATORS_LOG(), fields, id=f"{act.n}-1")
            except ResponseError:  # this number is taken: by another, or by us if a reply was lost
                taken = self.client.xrange(keys.OPERATORS_LOG(), f"{act.n}-1", f"{act.n}-1")
                return bool(taken) and taken[0][1][b"digest"] == act.digest.encode()
        return True

    def _seal(self, digest: str) -> str:
        return hmac.digest(self.sealing, f"operators' log {digest}".encode(), "sha256").hex()


def _read(stream_id: bytes, row: dict[bytes, bytes]) -> Act:
    """A row as it stands there, whoever wrote it."""
    fields = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
              for name, value in row.items()}  # fmt: skip
    at_ms, kind = fields.get("at_ms", ""), fields.get("kind", "")
    return Act(
        n=int(stream_id.partition(b"-")[0]),
        at_ms=int(at_ms) if at_ms.isascii() and at_ms.isdecimal() else 0,
        by=fields.get("by", ""),
        kind=Kind(kind) if kind in set(Kind) else Kind.UNKNOWN,
        subject=fields.get("subject", ""),
        reason=fields.get("reason", ""),
        digest=fields.get("digest", ""),
        seal=fields.get("seal", ""),
    )
