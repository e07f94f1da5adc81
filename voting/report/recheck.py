"""核对结果包：python3 核对.py（只用 Python 自带的功能，不联网，不改动任何文件）。"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

REMOVED = "经核查移除的票"
DECISIONS = ("hold", "keep", "ask_void", "void", "put_back")

HERE = Path(__file__).parent


def say(good: bool, sentence: str) -> bool:
    sys.stdout.write(f"{'对得上' if good else '对不上'}  {sentence}\n")
    return good


def sums() -> bool:
    """SHA256SUMS: every file is the one that was packed."""
    wrong = []
    for line in (HERE / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        wanted, _, name = line.partition("  ")
        digest = hashlib.sha256()
        with (HERE / name).open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        if digest.hexdigest() != wanted:
            wrong.append(name)
    return say(not wrong, f"每个文件的校验码{'：' + '、'.join(wrong) if wrong else ''}")


def count(result: dict[str, Any]) -> bool:
    """The ledger without the removed votes: so many rows an entry, so many votes."""
    reasons = {row["vote_id"]: row["reason"] for row in reversed(rows("移除的票.csv"))}
    counted: Counter[str] = Counter()
    void: Counter[str] = Counter()
    with (HERE / "账本（脱敏）.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["vote_id"] in reasons:
                void[reasons[row["vote_id"]]] += 1
            else:
                counted[row["entry_id"]] += 1
    entries, removed = result["entries"], result["removed"]
    right = all(counted[str(one["number"])] == one["votes"] for one in entries)
    good = say(right, f"每件作品的票数等于账本里它没有移除的行数（{len(entries)} 件）")
    told = {one["reason"]: one["votes"] for one in removed if one["what"] == REMOVED}
    right = void == told and void.total() == len(reasons)
    good = say(right, f"移除的 {len(reasons):,} 票都在账本里，各个理由的票数与结果一样") and good
    total = result["total_votes"] + sum(one["votes"] for one in removed)
    lines = counted.total() + void.total()
    sentence = f"账本共 {lines:,} 行，有效票加上不计入的票共 {total:,} 张"
    return say(lines == total, sentence) and good


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def batches() -> bool:
    """The decisions: what was removed is what two organizers have decided, to the vote."""
    ids: dict[str, list[str]] = {}
    for row in rows("移除的票.csv"):
        ids.setdefault(row["batch"], []).append(row["vote_id"])
    digests: dict[str, str] = {}
    last: dict[str, str] = {}
    asked: dict[str, str] = {}
    alone = []
    for line in (HERE / "操作记录.jsonl").open(encoding="utf-8"):
        _, _, by, kind, batch, reason = json.loads(line)[0]
        if kind == "freeze":
            digests.setdefault(batch, reason[-64:])
        elif kind in DECISIONS:
            last[batch] = kind
            if kind == "ask_void":
                asked[batch] = by
            if kind == "void" and asked.get(batch, by) == by:
                alone.append(batch)
    decided = {batch for batch, kind in last.items() if kind == "void"}
    right = decided == set(ids) and not alone
    good = say(right, f"移除的 {len(ids)} 批票都由一人提请、另一人确认，没有恢复")
    lines = {batch: "".join(f"{one}\n" for one in sorted(all_)) for batch, all_ in ids.items()}
    right = all(
        hashlib.sha256(text.encode()).hexdigest() == digests.get(batch)
        for batch, text in lines.items()
    )
    return say(right, "每批移除的票就是决定时圈定的那些") and good


def log(result: dict[str, Any]) -> bool:
    """The operators' log: each row's digest covers the row and the digest before it."""
    before, seen = "", ""
    for number, line in enumerate((HERE / "操作记录.jsonl").open(encoding="utf-8"), start=1):
        row, digest = json.loads(line)
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        if row[0] != number or hashlib.sha256(f"{before}{text}".encode()).hexdigest() != digest:
            return say(False, f"操作记录第 {number} 行")
        before = digest
        seen = digest if number == result["log_row"] else seen
    good = say(True, "操作记录一行接一行，没有改过")
    return say(seen == result["log_digest"], "操作记录的校验码与结果里写的一样") and good


def main() -> int:
    text = (HERE / "结果.json").read_bytes()
    result = json.loads(text)
    good = [sums(), count(result), batches(), log(result)]
    sys.stdout.write(f"结果校验码 {hashlib.sha256(text).hexdigest()}\n")
    sys.stdout.write("请与网站结果页和签过字的纸上的校验码比一比。\n")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
