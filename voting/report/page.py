"""The result page: to print and sign as PDF, and the same as a page for a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any

from jinja2 import Environment

from voting.contest import IDENTITY_WORDS, moment
from voting.report.outcome import Outcome
from voting.report.typeset import Printable, pdf
from voting.result import Result, Row, tie_words

#: How a text is put on the page; the second word says where it stands.
Shown = Callable[[str, str], str]


def result_pdf(outcome: Outcome) -> bytes:
    printable = Printable()
    data = words(outcome, printable)
    data["notes"] = printable.notes()
    return pdf("result.typ", data, outcome.result.at_ms)


def result_html(outcome: Outcome) -> str:
    """One file that needs no other."""
    text = (files("voting") / "report" / "result.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)
    return template.render(words(outcome, lambda text, _: text))


def words(outcome: Outcome, shown: Shown) -> dict[str, Any]:
    """All that the page says."""
    result = outcome.result
    totals, removed = result.totals, sum(one.votes for one in result.removed)
    return {
        "contest": shown(f"{result.name} {result.subtitle}", "赛名"),
        "title": shown(f"{result.award}投票结果", "标题"),
        "organizers": [shown(name, "主办单位") for name in result.organizers],
        "mark": outcome.mark,
        "demo": result.demo,
        "version": f"结果第 {result.version} 版" if result.version else "没有公布的结果",
        "facts": _facts(outcome),
        "awarded_title": f"获奖作品（前 {result.winners} 名）",
        "awarded": _rows(result, result.awarded, shown),
        "undecided_title": "票差太小，待评议" if result.excess else "并列，待评议",
        "undecided": _rows(result, result.undecided, shown),
        "runners_up": _rows(result, result.runners_up, shown),
        "nobody": "还没有作品得票。",
        "jury": shown(result.jury_reason, "评议理由"),
        "counts": (
            f"账本共 {result.ledger_rows:,} 票，其中有效 {totals.votes:,} 票，"
            f"不计入 {removed:,} 票；{totals.voters:,} 人投过有效票。{_by_kind(outcome)}"
        ),
        "removed": [
            {
                "what": shown(one.what, "不计入的票"),
                "votes": f"{one.votes:,}",
                "reason": shown(one.reason, f"{one.what}的理由"),
            }
            for one in result.removed
        ],
        "unseen": shown(_unseen(result), "不等核查的理由"),
        "proof": (
            "票数由账本逐票点得，没有任何页面或命令可以修改票数。压缩包里有脱敏的账本、"
            "操作记录和核对的办法（README.txt），任何人都可以重新点票。"
        ),
        "digest": outcome.digest,
        "digest_groups": " ".join(outcome.digest[n : n + 8] for n in range(0, 64, 8)),
        "log_row": result.log_row,
        "log_digest": result.log_digest,
        "signatures": [
            *({"name": shown(name, "主办单位"), "role": "主办单位"} for name in result.organizers),
            {"name": "监督人", "role": "监督"},
        ],
        "notes": [],
    }


def _unseen(result: Result) -> str:
    why = result.without_scrutiny
    return f"公布时核查还没有看完全部选票，理由：{why}" if why else ""


def _facts(outcome: Outcome) -> list[tuple[str, str]]:
    result = outcome.result
    return [
        ("投票开始", _time(result.opens_ms)),
        ("投票截止", _time(result.closes_ms)),
        ("公布时间" if result.version else "截至", _time(result.at_ms)),
        ("计票规则", f"第 {result.rules} 版"),
        ("有效票", f"{result.totals.votes:,} 票"),
        ("参评作品", f"{len(result.rows)} 件"),
    ]


def _time(ms: int) -> str:
    at = moment(ms)
    return f"{at.year} 年 {at.month} 月 {at.day} 日 {at:%H:%M}"


def _by_kind(outcome: Outcome) -> str:
    result = outcome.result
    by_identity = [
        f"{word} {result.totals.by_identity[identity.name.lower()]:,} 票"
        for identity, word in IDENTITY_WORDS.items()
        if identity.name.lower() in result.totals.by_identity
    ]
    names = {row.category: row.category_name for row in result.rows}
    by_category = [
        f"{names[key]} {votes:,} 票"
        for key, votes in result.totals.by_category.items()
        if key in names
    ]
    parts = (("按投票身份", by_identity), ("按类别", by_category))
    return "".join(f"{label}：{'，'.join(part)}。" for label, part in parts if part)


def _rows(result: Result, rows: Iterable[Row], shown: Shown) -> list[dict[str, Any]]:
    notes = tie_words(result)
    return [
        {
            "place": row.place,
            "label": row.label,
            "title": shown(row.title, f"{row.label} 号题目"),
            "author": shown(row.author, f"{row.label} 号作者"),
            "city": shown(row.city, f"{row.label} 号地市"),
            "unit": shown(row.unit, f"{row.label} 号推荐单位"),
            "ai": row.ai,
            "votes": f"{row.votes:,}",
            "note": notes.get(row.number, ""),
        }
        for row in rows
    ]
