"""What came of an intake: a summary, a table, and a page to print, with the replies to send.

Names and titles are as the public will see them; contact details are in none of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from jinja2 import Environment

from voting.contest import Category, moment
from voting.intake.verdict import Doubtful, Draft, Refused, Taken, TakenBefore, Verdict

#: Each verdict in an organizer's words, in the order in which they want attention.
WORDS: Final[Mapping[type, str]] = {
    Refused: "未收",
    Doubtful: "待人工确认",
    Taken: "收下",
    TakenBefore: "以前已收",
}
_ABOUT: Final[Mapping[type, str]] = {
    Refused: "没有进入网站。把各件的回信粘贴到回复邮件里，请投稿人改好后重新寄来。",
    Doubtful: "已进入审核队列，但有疑问需要您看一眼；需要投稿人答复的，附有回信。",
    Taken: "已进入审核队列，审核通过后公开。",
    TakenBefore: "同一份报名表和视频以前收过，这次没有重复处理。",
}
COLUMNS: Final = (
    ("结论", 12), ("编号", 8), ("作品名称", 30), ("作者", 16), ("类型", 10), ("地市", 8),
    ("画面", 12), ("时长", 10), ("原因或疑问", 60), ("提醒", 40), ("给投稿人的回信", 80),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filed:
    """A verdict, and the number of the entry that the submission is; 0 when it is none."""

    verdict: Verdict
    number: int = 0

    @property
    def label(self) -> str:
        return f"{self.number:03d}" if self.number else ""

    @property
    def draft(self) -> Draft | None:
        return self.verdict.draft if isinstance(self.verdict, Taken | Doubtful) else None

    @property
    def findings(self) -> tuple[str, ...]:
        if isinstance(self.verdict, Refused):
            return tuple(reason.sentence for reason in self.verdict.reasons)
        if isinstance(self.verdict, Doubtful):
            return tuple(doubt.sentence for doubt in self.verdict.doubts)
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        return self.verdict.notes if isinstance(self.verdict, Taken | Doubtful) else ()

    @property
    def called(self) -> str:
        """Number and title, or for what isn't an entry the name of its files."""
        if self.draft:
            return f"{self.label} 号《{self.draft.title}》{self.draft.author}"
        return f"{self.verdict.name}（{self.label} 号）" if self.number else self.verdict.name


@dataclass(frozen=True, slots=True)
class Report:
    """`ended` is '' for an intake that went through, else one sentence why it didn't."""

    contest: str
    categories: Mapping[str, Category]
    at_ms: int
    by: str
    filed: tuple[Filed, ...]
    ignored: tuple[str, ...]
    reply: Callable[[Verdict], str]
    ended: str = ""


def summary(filed: Sequence[Filed]) -> str:
    """`共 30 件：收下 28 件，待人工确认 1 件，未收 1 件`"""
    counts = Counter(type(one.verdict) for one in filed)
    shown = [Taken, Doubtful, Refused, *([TakenBefore] if counts[TakenBefore] else [])]
    parts = "，".join(f"{WORDS[kind]} {counts[kind]} 件" for kind in shown)
    return f"共 {len(filed)} 件：{parts}"


def rows(report: Report) -> Iterator[tuple[str, ...]]:
    """One row a submission, in COLUMNS."""
    for one in report.filed:
        draft = one.draft
        yield (
            WORDS[type(one.verdict)],
            one.label,
            draft.title if draft else one.verdict.name,
            draft.author if draft else "",
            report.categories[draft.category].name if draft else "",
            draft.city if draft else "",
            f"{draft.width}×{draft.height}" if draft else "",
            f"{draft.seconds:.0f} 秒" if draft else "",
            "；".join(one.findings),
            "；".join(one.notes),
            report.reply(one.verdict),
        )


def page(report: Report) -> str:
    """A single file without scripts or links, for the screen and for paper."""
    text = (files("voting") / "intake" / "report.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(text)
    groups = [
        {
            "kind": kind.__name__,
            "word": word,
            "about": _ABOUT[kind],
            "filed": [one for one in report.filed if type(one.verdict) is kind],
        }
        for kind, word in WORDS.items()
    ]
    return template.render(report=report, at=moment(report.at_ms), groups=groups)
