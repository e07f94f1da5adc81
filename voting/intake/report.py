"""What came of an intake: a summary, a table, and a page to print, with the replies to send.

Names and titles are as the public will see them; contact details are in none of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final

from voting.contest import SHANGHAI, Category
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
    organizer: str
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


# --- the page -----------------------------------------------------------------------------------


def page(report: Report) -> str:
    """A single file without scripts or links, for the screen and for paper."""
    at = datetime.fromtimestamp(report.at_ms / 1000, SHANGHAI)
    counts = Counter(type(one.verdict) for one in report.filed)
    figures = "".join(
        f'<li class="{kind.__name__}"><b>{counts[kind]}</b> {word}</li>'
        for kind, word in WORDS.items()
        if counts[kind] or kind is not TakenBefore
    )
    ended = f'<p class="ended">{escape(report.ended)}</p>' if report.ended else ""
    sections = "".join(_section(report, kind) for kind in WORDS if counts[kind])
    return (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>收件报告 {at:%Y-%m-%d %H:%M}</title><style>{_STYLE}</style></head><body>"
        f"<header><p>{escape(report.contest)}</p><h1>收件报告</h1>"
        f"<p>{at.year} 年 {at.month} 月 {at.day} 日 {at:%H:%M} · {escape(report.by)} · "
        f"{len(report.filed)} 件投稿</p></header>{ended}"
        f'<ul class="figures">{figures}</ul>{sections}{_left_alone(report.ignored)}</body></html>\n'
    )


def _section(report: Report, kind: type) -> str:
    chosen = [one for one in report.filed if type(one.verdict) is kind]
    body = (
        _table(report, chosen) if kind is Taken else "".join(_item(report, one) for one in chosen)
    )
    if kind is TakenBefore:
        body = f"<ul>{''.join(f'<li>{escape(one.called)}</li>' for one in chosen)}</ul>"
    head = f"<h2>{WORDS[kind]} <small>{len(chosen)} 件</small></h2><p>{_ABOUT[kind]}</p>"
    return f'<section class="{kind.__name__}">{head}{body}</section>'


def _item(report: Report, one: Filed) -> str:
    found = "".join(f"<li>{escape(sentence)}</li>" for sentence in one.findings)
    notes = "".join(f'<li class="note">{escape(note)}</li>' for note in one.notes)
    text = report.reply(one.verdict)
    reply = (
        "<details><summary>给投稿人的回信</summary>"
        f'<pre tabindex="0">{escape(text)}</pre></details>'
        if text
        else ""
    )
    return f"<article><h3>{_heading(one)}</h3><ul>{found}{notes}</ul>{reply}</article>"


def _heading(one: Filed) -> str:
    if not one.draft:
        return escape(one.called)
    number = f'<span class="no">{one.label}</span>'
    return f"{number} 《{escape(one.draft.title)}》 <small>{escape(one.draft.author)}</small>"


def _table(report: Report, chosen: Sequence[Filed]) -> str:
    lines = "".join(
        f'<tr><td class="no">{one.label}</td><td>《{escape(draft.title)}》'
        f"{''.join(f'<small>{escape(note)}</small>' for note in one.notes)}</td>"
        f"<td>{escape(draft.author)}</td><td>{escape(report.categories[draft.category].name)}</td>"
        f'<td>{escape(draft.city)}</td><td class="fig">{draft.width}×{draft.height}</td>'
        f'<td class="fig">{draft.seconds:.0f} 秒</td></tr>'
        for one in chosen
        if (draft := one.draft)
    )
    heads = "".join(
        f"<th>{w}</th>" for w in ("编号", "作品", "作者", "类型", "地市", "画面", "时长")
    )
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead>{lines}</table></div>'


def _left_alone(ignored: Sequence[str]) -> str:
    if not ignored:
        return ""
    names = "".join(f"<li>{escape(name)}</li>" for name in ignored)
    about = "文件夹里的这些文件不是报名表，也不是视频，没有动它们。"
    head = f"<h2>没有处理的文件 <small>{len(ignored)} 个</small></h2><p>{about}</p>"
    return f'<section class="ignored">{head}<ul>{names}</ul></section>'


_STYLE: Final = """
:root { color-scheme: light dark; --stone: #f5f7f4; --slab: #fff; --edge: #d9e0db; --ink: #13211f;
  --ink-2: #4f5f5b; --spring: #0a626a; --reed: #3f6b2b; --ask: #7a5200; --alarm: #8a3b12; }
@media (prefers-color-scheme: dark) { :root { --stone: #0e1514; --slab: #182120; --edge: #2c3836;
  --ink: #e9efec; --ink-2: #a3b1ad; --spring: #86cfd2; --reed: #a6cf84; --ask: #e3bd6c;
  --alarm: #f0a37a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; background: var(--stone);
  color: var(--ink); font: 1rem/1.7 -apple-system, "PingFang SC", "HarmonyOS Sans SC", MiSans,
  "Noto Sans SC", "Source Han Sans SC", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif;
  overflow-wrap: anywhere; }
h1, h2, h3, p, ul { margin: 0; padding: 0; }
h1 { font-size: 1.75rem; line-height: 1.35; margin: .25rem 0; }
h2 { font-size: 1.25rem; line-height: 1.4; }
h3 { font-size: 1.0625rem; line-height: 1.5; }
small { font-size: .875rem; font-weight: 400; color: var(--ink-2); }
header p, section > p { color: var(--ink-2); font-size: .9375rem; }
.no, .fig, .figures b { font-variant-numeric: tabular-nums; font-family: "DIN Alternate",
  Bahnschrift, -apple-system, "PingFang SC", "Noto Sans SC", "Noto Sans CJK SC", sans-serif;
  white-space: nowrap; }
.no { color: var(--spring); }
.ended { margin-top: 1rem; padding: .75rem 1rem; border-left: 4px solid var(--alarm);
  background: var(--slab); }
.figures { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; list-style: none; margin-top: 1.5rem;
  padding: 1rem 0; border-block: 1px solid var(--edge); color: var(--ink-2); }
.figures b { font-size: 2rem; line-height: 1.2; margin-right: .25rem; color: var(--spring); }
.figures .Refused b { color: var(--alarm); } .figures .Doubtful b { color: var(--ask); }
.figures .Taken b { color: var(--reed); }
section { margin-top: 2.5rem; }
section > p { margin-bottom: 1rem; }
article { margin-top: 1rem; padding: 1rem 1.25rem; background: var(--slab);
  border: 1px solid var(--edge); border-left: 4px solid var(--ask); border-radius: .375rem; }
.Refused article { border-left-color: var(--alarm); }
article ul { margin: .25rem 0 0; padding-left: 1.25em; }
article li::marker { color: var(--ink-2); }
.note { color: var(--ink-2); }
details { margin-top: .75rem; }
summary { width: fit-content; padding: .25rem .75rem; border: 1px solid var(--edge);
  border-radius: .375rem; color: var(--spring); font-size: .875rem; cursor: pointer; }
summary:focus-visible { outline: 3px solid var(--spring); outline-offset: 2px; }
details[open] summary::after { content: "：点一下文字就全部选中，再复制"; color: var(--ink-2); }
pre { margin: .5rem 0 0; padding: .875rem 1rem; background: var(--stone); border-radius: .375rem;
  border: 1px solid var(--edge); font: inherit; font-size: .9375rem; white-space: pre-wrap;
  user-select: all; -webkit-user-select: all; }
pre:focus-visible { outline: 3px solid var(--spring); outline-offset: 2px; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
th { text-align: left; font-weight: 400; font-size: .875rem; color: var(--ink-2); }
th, td { padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--edge); vertical-align: top; }
td:nth-child(n+3), th { white-space: nowrap; }
td small { display: block; }
section > ul { padding-left: 1.25em; }
@media (max-width: 40rem) {
  td { display: inline; padding: 0 .5rem 0 0; border: 0; }
  td:nth-child(2) { display: block; }
  thead { display: none; }
  tr { display: block; padding: .625rem 0; border-bottom: 1px solid var(--edge); }
  td:nth-child(n+3) { font-size: .875rem; color: var(--ink-2); }
}
@media print {
  :root { color-scheme: light; --stone: #fff; --slab: #fff; --edge: #c4cdc8; --ink: #000;
    --ink-2: #444; --spring: #000; --reed: #000; --ask: #000; --alarm: #000; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  article, tr { break-inside: avoid; }
  h2 { break-after: avoid; }
  details:not([open]) { display: none; }
  summary { padding: 0; border: 0; list-style: none; }
  details[open] summary::after { content: ""; }
  @page { margin: 18mm 16mm; }
}
"""
