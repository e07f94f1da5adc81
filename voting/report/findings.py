"""What scrutiny has found, as one page to read, to print and to hand on; and as a list of votes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from jinja2 import Environment

from voting import phrases
from voting.case import PATTERN_WORDS, SIGN_WORDS, Case, Effect, Finding, Run, effect
from voting.charts import Timeline, seconds, span, timeline
from voting.contest import moment, ranks
from voting.disk import whole
from voting.phrases import chance, entry, observed, when
from voting.sheet import Sheet

FLAGS: Final = ("vote_id", "score", "reason")
#: A ranking is shown a little beyond its last winner.
BELOW: Final = 5


@dataclass(frozen=True, slots=True)
class Findings:
    """A run with all that its page tells. `tally`: the ledger's entries, all of them, with their
    votes; `about`: what ledger this is, in a few words; `notes`: what a reader should know."""

    about: str
    run: Run
    winners: int
    tally: Mapping[str, int]
    sheets: Mapping[str, Sheet]
    first_ms: int
    last_ms: int
    notes: tuple[str, ...] = ()

    @property
    def flagged(self) -> int:
        return sum(case.votes for case in self.run.cases if case.finding is Finding.VOTES)


@dataclass(frozen=True, slots=True)
class Place:
    """A row of the ranking: an entry's place and votes in the ledger, and without the cases."""

    name: str
    before: int
    votes: int
    after: int
    left: int

    @property
    def rises(self) -> int:
        return self.before - self.after


def places(found: Findings) -> list[Place]:
    """The whole ranking, as it would be without all votes that a case names."""
    less = _left(found)
    before, after = ranks(found.tally), ranks(less)
    rows = [Place(name, before[name], votes, after[name], less[name])
            for name, votes in found.tally.items()]  # fmt: skip
    return sorted(rows, key=lambda row: (row.after, row.before, row.name))


def without_all(found: Findings) -> Effect:
    """What becomes of the winning places without all votes that cases name."""
    return effect(found.tally, _left(found), found.winners)


def _left(found: Findings) -> dict[str, int]:
    """The entries' votes without all that a case names."""
    less = dict(found.tally)
    for case in found.run.cases:
        if case.finding is Finding.VOTES:
            for name, votes in case.entries:
                less[name] -= votes
    return less


@dataclass(frozen=True, slots=True)
class _Chapter:
    """A case as the page tells of it."""

    case: Case
    sheet: Sheet | None
    whole: Timeline | None
    close: Timeline | None


def page(found: Findings) -> str:
    """A single file without scripts or links, for the screen and for paper."""
    text = (files("voting") / "report" / "findings.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["count"] = lambda number: f"{number:,}"
    rows, change = places(found), without_all(found)
    return environment.from_string(text).render(
        found=found,
        run=found.run,
        at=moment(found.run.at_ms),
        first=moment(found.first_ms),
        last=moment(found.last_ms),
        chapters=[_chapter(case, found.sheets.get(case.id)) for case in found.run.cases],
        places=[row for row in rows if min(row.before, row.after) <= found.winners + BELOW],
        leave=[entry(name) for name in change.leave],
        enter=[entry(name) for name in change.enter],
        patterns=PATTERN_WORDS,
        signs=SIGN_WORDS,
        observed=observed,
        when=when,
        chance=chance,
        entry=entry,
        effect=lambda case: phrases.effect(case.effect, found.winners),
        span=span,
        seconds=seconds,
    )


def _chapter(case: Case, sheet: Sheet | None) -> _Chapter:
    if sheet is None:
        return _Chapter(case, None, None, None)
    return _Chapter(
        case, sheet, timeline(sheet.whole), timeline(sheet.close) if sheet.case else None
    )


def write_page(found: Findings, path: Path) -> None:
    with whole(path) as part:
        part.write_text(page(found), encoding="utf-8")


def write_flags(flags: Iterable[tuple[str, float, str]], path: Path) -> int:
    """Vote, score (0.5 and over is a flag), reason; a vote that isn't listed scores 0. The names
    stay as the ledger has them, because whoever reads the file looks them up there. Returns how
    many there are."""
    listed = 0
    with whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FLAGS)
        for vote, score, reason in flags:
            writer.writerow((vote, f"{score:.4g}", reason))
            listed += 1
    return listed


# --- the terminal -------------------------------------------------------------------------------


def lines(found: Findings) -> Iterator[str]:
    """The same in short, as a table and what stands behind each of its rows."""
    run = found.run
    yield summary(found)
    if not run.cases:
        return
    header = ("", "类型", "作品", "票数", "平常约", "证据的种类")
    rows = [header, *(_row(n, case) for n, case in enumerate(run.cases, start=1))]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    yield ""
    for n, row in enumerate(rows):
        right = (0, 3, 4)
        yield "  ".join(
            _padded(cell, width, right=place in right)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        if n:
            case, lead = run.cases[n - 1], " " * (widths[0] + 2)
            yield f"{lead}{_without(case, found.winners)}"
            if case.explanation:
                yield f"{lead}最像的正当情形：{case.explanation.removeprefix('最像的正当情形：')}"
    yield ""
    yield f"被点名的票都移除的话，{_winners(found.winners, without_all(found))}"


def summary(found: Findings) -> str:
    run = found.run
    looked = f"核查了 {run.rows:,} 票、{len(found.tally):,} 件作品，用了 {run.seconds:.1f} 秒。"
    if not run.cases:
        return f"{looked}没有可疑的票。"
    return f"{looked}找到 {len(run.cases)} 组可疑的票，点了名的有 {found.flagged:,} 票。"


def _row(n: int, case: Case) -> tuple[str, ...]:
    names = "、".join(entry(name) for name, _ in case.entries[:3])
    more = f" 等 {len(case.entries)} 件" if len(case.entries) > 3 else ""
    signs = "、".join(SIGN_WORDS[one] for one in dict.fromkeys(e.sign for e in case.evidence))
    expected = f"{case.expected:,.0f}"
    if case.finding is Finding.EXCESS:
        signs += f"（大约多出 {case.low:,.0f} 到 {case.high:,.0f} 票，指不出是哪些）"
    return str(n), PATTERN_WORDS[case.pattern], names + more, f"{case.votes:,}", expected, signs


def _without(case: Case, winners: int) -> str:
    if case.finding is Finding.SURGE:
        return "只是提示：票来得比平常快，不是证据"
    lead = f"按最多算少 {case.high:,.0f} 票" if case.finding is Finding.EXCESS else "移除后"
    return f"{lead}：{phrases.effect(case.effect, winners)}"


def _winners(winners: int, change: Effect) -> str:
    if not change.changes_winners:
        return f"前 {winners} 名不变。"
    parts = [f"{'、'.join(map(entry, some))} {word}" for some, word in
             ((change.leave, "退出"), (change.enter, "进入")) if some]  # fmt: skip
    return f"前 {winners} 名里 {'，'.join(parts)}。"


def _width(text: str) -> int:
    """Chinese letters are as wide as two of the others."""
    return sum(2 if char >= "\u2e80" else 1 for char in text)


def _padded(text: str, width: int, *, right: bool) -> str:
    room = " " * (width - _width(text))
    return room + text if right else text + room
