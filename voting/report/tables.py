"""What can be taken away as a table, and its words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from voting.batch import Batch
from voting.case import PATTERN_WORDS
from voting.contest import AI_LABEL, IDENTITY_WORDS, STATE_WORDS, Category, Entry
from voting.report.outcome import Outcome
from voting.report.table import Column, Kind, Row, Table
from voting.result import AWARD_WORDS, tie_words
from voting.store.log import KIND_WORDS, Act

_TEXT, _NUMBER, _TIME = Kind.TEXT, Kind.NUMBER, Kind.TIME


def tallies(outcome: Outcome, about: tuple[str, ...] = ()) -> Table:
    """Final places with votes, in all and by how well the voter is known."""
    columns = (
        Column("名次", _NUMBER, 6),
        Column("编号", _NUMBER, 6),
        Column("题目", _TEXT, 36),
        Column("作者", _TEXT, 18),
        Column("类别", _TEXT, 12),
        Column("AI标识", _TEXT, 9),
        Column("地市", _TEXT, 8),
        Column("推荐单位", _TEXT, 28),
        Column("指导教师", _TEXT, 12),
        Column("票数", _NUMBER, 10),
        *(Column(f"其中{word}", _NUMBER, 13) for word in IDENTITY_WORDS.values()),
        Column("获奖", _TEXT, 8),
        Column("同票说明", _TEXT, 40),
    )

    def rows() -> Iterator[Row]:
        words = tie_words(outcome.result)
        for row in outcome.result.rows:
            yield (
                row.place, row.number, row.title, row.author, row.category_name,
                AI_LABEL if row.ai else "", row.city, row.unit, row.instructor, row.votes,
                *(outcome.by_identity[row.number, identity] for identity in IDENTITY_WORDS),
                AWARD_WORDS[row.award], words.get(row.number, ""),
            )  # fmt: skip

    return Table("票数", columns, rows(), about, expected=len(outcome.result.rows))


def entries(
    found: Iterable[Entry],
    categories: Mapping[str, Category],
    votes: Mapping[int, int],
    about: tuple[str, ...] = (),
) -> Table:
    """Every submission in every state; nothing that would lead to its files."""
    columns = (
        Column("编号", _NUMBER, 6),
        Column("状态", _TEXT, 8),
        Column("题目", _TEXT, 36),
        Column("作者", _TEXT, 18),
        Column("类别", _TEXT, 12),
        Column("AI标识", _TEXT, 9),
        Column("已确认画面有AI标识", _TEXT, 20),
        Column("地市", _TEXT, 8),
        Column("推荐单位", _TEXT, 28),
        Column("指导教师", _TEXT, 12),
        Column("账本票数（含已移除）", _NUMBER, 20),
        Column("宽", _NUMBER, 7),
        Column("高", _NUMBER, 7),
        Column("时长（秒）", _NUMBER, 11),
        Column("收件时间", _TIME, 20),
        Column("简介", _TEXT, 60),
        Column("要人工确认的", _TEXT, 48),
        Column("提醒", _TEXT, 48),
        Column("报名表校验码", _TEXT, 66),
        Column("视频校验码", _TEXT, 66),
    )

    def rows() -> Iterator[Row]:
        for entry in found:
            category = categories.get(entry.category)
            yield (
                entry.number, STATE_WORDS[entry.state], entry.title, entry.author,
                category.name if category else entry.category, AI_LABEL if entry.ai else "",
                "是" if entry.ai_labelled else "", entry.city, entry.unit, entry.instructor,
                votes.get(entry.number, 0), entry.width, entry.height, round(entry.seconds, 2),
                entry.taken_in_ms, entry.introduction, "；".join(entry.doubts),
                "；".join(entry.notes), entry.form_sha256, entry.video_sha256,
            )  # fmt: skip

    return Table("作品", columns, rows(), about)


def void(name: str, found: Iterable[tuple[Batch, str]]) -> Table:
    """Removed votes with the reason; by them anybody recounts what was counted."""
    columns = (
        Column("vote_id", _TEXT, 24),
        Column("pattern", _TEXT, 14),
        Column("reason", _TEXT, 30),
        Column("batch", _TEXT, 12),
    )
    rows = (
        (vote_id, batch.pattern.value, PATTERN_WORDS[batch.pattern], batch.id)
        for batch, vote_id in found
    )
    return Table(name, columns, rows)


def acts(name: str, found: Iterable[Act], about: tuple[str, ...] = ()) -> Table:
    """Rows of the operators' log."""
    columns = (
        Column("序号", _NUMBER, 8),
        Column("时间", _TIME, 20),
        Column("谁", _TEXT, 14),
        Column("做了什么", _TEXT, 14),
        Column("对象", _TEXT, 14),
        Column("理由", _TEXT, 60),
        Column("时间戳（毫秒）", _NUMBER, 16),
        Column("代号", _TEXT, 16),
        Column("校验码", _TEXT, 66),
        Column("封印", _TEXT, 66),
    )
    rows = (
        (
            act.n, act.at_ms, act.by, KIND_WORDS[act.kind], act.subject, act.reason, act.at_ms,
            act.kind.value, act.digest, act.seal,
        )
        for act in found
    )  # fmt: skip
    return Table(name, columns, rows, about)
