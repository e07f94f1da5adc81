"""The report of an intake: for the screen, for paper and for a spreadsheet; markup is only text."""

from __future__ import annotations

import re
from functools import partial
from html.parser import HTMLParser

from mails import NOTICE
from works import an_entry

from voting.intake.replies import reply
from voting.intake.report import COLUMNS, Filed, Report, page, rows, summary
from voting.intake.verdict import Doubtful, Draft, Finding, Refused, Remedy, Taken, TakenBefore

EVIL = '<script>alert(1)</script>"&'


def draft(number: int, **fields: object) -> Draft:
    entry = an_entry(number)
    return Draft(**{name: getattr(entry, name) for name in Draft.__slots__} | fields)


FILED = (
    Filed(Taken("甲-样例", draft(1, title=EVIL), ("视频编码为 HEVC，已另存一份",)), 1),
    Filed(Doubtful("乙-样例", draft(2), (Finding("视频没有声音", Remedy.SILENT),)), 2),
    Filed(Refused(f"{EVIL}-样例", (Finding("视频是空文件", Remedy.VIDEO_FILE),))),
    Filed(TakenBefore("丁-样例", 9), 9),
)


def report(filed: tuple[Filed, ...] = FILED, ended: str = "") -> Report:
    words = partial(reply, contest="大赛", organizer="组委会", sizes=NOTICE.sizes)
    return Report("大赛", NOTICE.categories, 1_760_000_000_000, "小王", filed,
                  (f"{EVIL}.zip（压缩包，请先解压）",), words, ended)  # fmt: skip


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_holds_no_script_and_no_address() -> None:
    text = page(report())
    tags = Tags(text)
    assert tags.open == []
    assert not tags.seen & {"script", "img", "link", "a", "iframe", "form"}
    assert "http" not in text.replace("http-equiv", "")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_the_page_shows_first_what_wants_attention() -> None:
    heads = re.findall(r"<h2>(.*?) <small>", page(report()))
    assert heads == ["未收", "待人工确认", "收下", "以前已收", "没有处理的文件"]


def test_the_page_has_the_reply_of_each_refused_and_doubtful_submission() -> None:
    text = page(report())
    assert text.count("<pre") == 2
    assert "感谢您参加大赛" in text


def test_the_page_says_when_and_by_whom_and_how_it_ended() -> None:
    text = page(report(ended="中途停止了"))
    assert "2025 年 10 月 9 日 16:53 · 小王 · 4 件投稿" in text
    assert "中途停止了" in text


def test_an_empty_intake_has_a_page_too() -> None:
    assert Tags(page(report(()))).open == []


def test_the_summary_counts_all() -> None:
    assert summary(FILED) == "共 4 件：收下 1 件，待人工确认 1 件，未收 1 件，以前已收 1 件"
    assert summary(FILED[:1]) == "共 1 件：收下 1 件，待人工确认 0 件，未收 0 件"


def test_a_row_tells_all_of_a_submission() -> None:
    found = list(rows(report()))
    assert {len(row) for row in found} == {len(COLUMNS)}
    assert found[0][:8] == ("收下", "001", EVIL, "作者1", "实景拍摄类", "青岛", "1080×1920", "8 秒")
    assert found[1][8] == "视频没有声音"
    assert found[2][:3] == ("未收", "", f"{EVIL}-样例")
    assert found[2][10].startswith("您好！")
    assert found[3][:3] == ("以前已收", "009", "丁-样例")
