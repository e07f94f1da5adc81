"""A case in words, as pages, reports and the terminal say it."""

from __future__ import annotations

from voting.case import Case, Effect, Evidence, Finding
from voting.charts import span
from voting.contest import DAY_MS, minute_words


def observed(case: Case) -> str:
    """How many votes, and how many there would be without anything wrong, in one line."""
    if case.finding is Finding.EXCESS:
        return f"大约多出 {case.low:,.0f} 到 {case.high:,.0f} 票"
    expected = f"约 {case.expected:,.0f}" if case.expected >= 1 else "不到 1"
    return f"{case.votes:,} 票，平常{expected} 票"


def when(case: Case) -> str:
    """`11月21日 02:00 起 1 小时 55 分`"""
    if case.last_ms - case.first_ms < DAY_MS:
        return f"{minute_words(case.first_ms)} 起 {span(case.last_ms - case.first_ms)}"
    return f"{minute_words(case.first_ms)} 到 {minute_words(case.last_ms)}"


def chance(one: Evidence) -> str:
    """How unlikely the difference is, as people say it; '' where that says nothing."""
    for log10, words in ((-8, "几乎不可能是偶然"), (-6, "偶然如此不到百万分之一"),
                         (-4, "偶然如此不到万分之一"), (-3, "偶然如此不到千分之一"),
                         (-2, "偶然如此不到百分之一")):  # fmt: skip
        if one.log10_p <= log10:
            return words
    return "偶然也会有"


def entry(name: str) -> str:
    """An entry as a ledger names it: `007 号`, and `e017` for what isn't one of ours."""
    return f"{name:0>3} 号" if name.isascii() and name.isdecimal() else name


def effect(found: Effect, winners: int) -> str:
    """What becomes of the places without a case's votes: `e017 从第 4 名到第 12 名，e030 进入前 10
    名`."""
    parts = [f"{entry(name)} 从第 {a} 名到第 {b} 名" for name, a, b in found.places if a != b]
    told = {name for name, _, _ in found.places}
    for names, words in ((found.leave, "退出"), (found.enter, "进入")):
        if some := [entry(name) for name in names if name not in told]:
            parts.append(f"{'、'.join(some)} {words}前 {winners} 名")
    return "，".join(parts) or "名次不变"
