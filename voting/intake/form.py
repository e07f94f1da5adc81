"""The registration form (报名表, .docx) → the few fields that may become public.

Labels are looked for wherever they stand, because layouts differ from sender to sender. Contact
name, phone and postal address are read only to be left out; `read_contact` is for those who have
won, and its answer goes to whoever asked and nowhere else.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from voting.intake.docx_file import FormRefused, read_rows
from voting.intake.text import CONTACT, line, paragraphs, visible

CITIES: Final = (
    *("济南", "青岛", "淄博", "枣庄", "东营", "烟台", "潍坊", "济宁"),
    *("泰安", "威海", "日照", "临沂", "德州", "聊城", "滨州", "菏泽"),
)

CategoryKey = Literal["live", "ai"]


@dataclass(frozen=True, slots=True)
class Form:
    """What of a form may become public. Texts are clean but not escaped; absent ones are ''.

    Without a category, `unclear` says in one sentence why none could be made out.
    """

    title: str
    author: str
    seconds: int | None
    category: CategoryKey | None
    unclear: str
    unit: str
    instructor: str
    introduction: str
    city: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach a winner; never stored, logged or shown. Kept out of the repr."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    address: str = field(repr=False)


def read_form(data: bytes) -> Form:
    """Read the bytes of a .docx. Raises FormRefused."""
    fields = _read(data)
    category, unclear = _category(fields.get("category", ""))
    return Form(
        title=_title(fields.get("title", "")),
        author=_optional(fields.get("author", "")),
        seconds=_seconds(fields.get("seconds", "")),
        category=category,
        unclear=unclear,
        unit=_optional(fields.get("unit", "")),
        instructor=_optional(fields.get("instructor", "")),
        introduction=paragraphs(fields.get("introduction", "")),
        city=_city(fields.get("address", "")) or _city(fields.get("unit", "")),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def read_contact(data: bytes) -> Contact:
    """The contact that a form names, as written. Raises FormRefused."""
    fields = _read(data)
    written = {key: " ".join(visible(fields.get(key, "")).split()) for key in fields}
    phone = written.get("phone", "")
    if not phone and (found := CONTACT.search(" ".join(written.values()))):
        phone = found[0]
    return Contact(written.get("contact", ""), phone, written.get("address", ""))


def _read(data: bytes) -> dict[str, str]:
    fields = _fields(read_rows(data))
    if not {"title", "category"} & fields.keys():
        raise FormRefused("这份文件里没有“作品名称”“作品类型”等栏目，请使用通知所附的报名表")
    return fields


# --- labels and values --------------------------------------------------------------------------

_LABELS: Final = {
    "title": "作品名称 作品标题 作品题目 作品名 视频名称",
    "seconds": "作品时长 视频时长 作品长度 影片时长",
    "category": "作品类型 作品类别 作品分类 参赛类别 参赛类型 参赛组别 参赛单元",
    "unit": "推荐单位 选送单位 报送单位",
    "instructor": "指导教师 指导老师",
    "introduction": "作品简介 内容简介 作品介绍 作品说明",
    "author": "作者姓名 作品作者 参赛作者",
    "contact": "联系人姓名 联系人",
    "phone": "联系人电话 联系电话 联系方式 联系手机 手机号码 电话号码 手机号",
    "private": "电子邮箱 电子邮件 身份证号码 身份证号",
    "address": "联系地址 通讯地址 通信地址 邮寄地址 收件地址",
    "pledge": "承诺内容 原创承诺 承诺书",
}
#: Words that are labels only when nothing else stands in their cell.
_SHORT: Final = {
    "seconds": "时长",
    "category": "类型 类别 组别",
    "introduction": "简介",
    "author": "作者",
    "phone": "电话 手机",
    "address": "地址",
}
_KEYS: Final = {
    word: key
    for table in (_LABELS, _SHORT)
    for key, words in table.items()
    for word in words.split()
}


def _any_of(table: dict[str, str]) -> str:
    words = sorted((word for words in table.values() for word in words.split()), key=len)
    return "|".join(r"\s*".join(word) for word in reversed(words))


#: Forms number their rows, and star what must be filled in.
_LEAD: Final = r"(?:[*＊★]|[(（]?(?:\d{1,2}|[一二三四五六七八九十]{1,2})[)）.．、])?\s*"
_TAIL: Final = r"(?P<hint>\s*(?:[*＊]|[(（][^()（）]*[)）]))?"
_LABEL: Final = f"{_LEAD}(?P<label>{_any_of(_LABELS)}){_TAIL}"
#: A cell that is a label and nothing else.
_BARE = re.compile(f"{_LEAD}(?P<label>{_any_of(_LABELS)}|{_any_of(_SHORT)}){_TAIL}" + r"\s*[:：]?")
#: A label that a value follows: anywhere if a colon says so, at the start also after a gap.
_MARKED = re.compile(r"(?:^|(?<=[\s;；,，。]))" + _LABEL + r"\s*[:：]")
_LEADING = re.compile(_LABEL + r"(?:(?<=[)）])|(?=\s))")


def _fields(rows: Iterable[list[str]]) -> dict[str, str]:
    """Find each label and what belongs to it: the rest of its cell and the cells that follow it
    in its row, or, when it is the last of its row, the next row. The first value found stays."""
    runs: list[tuple[str, list[str]]] = []
    run: list[str] | None = None
    heads: list[str] = []
    for cells in rows:
        if not any(cells):
            continue
        if heads and len(cells) == len(heads) and not any(map(_BARE.fullmatch, cells)):
            runs += [(head, [cell]) for head, cell in zip(heads, cells, strict=True)]
            heads, run = [], None
            continue
        heads = _heads(cells)
        fresh: list[str] | None = None
        for cell in cells:
            fresh = None
            for key, text in _split(cell, awaited=run is not None):
                if key:
                    run = fresh = []
                    runs.append((key, run))
                if text and run is not None:
                    run.append(text)
        if run or run is not fresh:
            run = None
    fields: dict[str, str] = {}
    for key, texts in runs:
        fields[key] = fields.get(key) or "\n".join(texts)
    return fields


def _heads(cells: list[str]) -> list[str]:
    """The keys of a row that is nothing but labels: its values stand below, column by column."""
    labels = [_BARE.fullmatch(cell) for cell in cells]
    return [_key(label) for label in labels if label] if all(labels) and len(labels) > 1 else []


def _split(cell: str, *, awaited: bool) -> Iterator[tuple[str, str]]:
    """The cell's text as (label's key or '', text after it) pairs, in order."""
    if bare := _BARE.fullmatch(cell):
        yield _key(bare), ""
        return
    marks = list(_MARKED.finditer(cell))
    leading = None if awaited or (marks and marks[0].start() == 0) else _LEADING.match(cell)
    if leading:
        marks.insert(0, leading)
    ends = [mark.start() for mark in marks] + [len(cell)]
    if head := cell[: ends[0]].strip():
        yield "", head
    for mark, end in zip(marks, ends[1:], strict=True):
        yield _key(mark), cell[mark.end() : end].strip()


def _key(mark: re.Match[str]) -> str:
    return _KEYS["".join(mark["label"].split())]


# --- values -------------------------------------------------------------------------------------

_NOTHING: Final = frozenset({"", "无", "没有", "暂无", "/", "-", "—", "——", "N/A", "n/a"})


def _title(text: str) -> str:
    """The title alone: pages set it into 《》 themselves, and forms draw lines to write on."""
    title = line(text).strip("_＿ ")
    inner = title[1:-1] if title[:1] + title[-1:] == "《》" else ""
    return inner.strip() if inner and not set("《》") & set(inner) else title


def _optional(text: str) -> str:
    value = line(text)
    return "" if value.rstrip("。.") in _NOTHING else value


_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):(\d{2})(?!\d)")
_SPOKEN = re.compile(
    r"(\d{1,3}(?:\.\d{1,2})?)(?:分钟?|min|')(?:(\d{1,2})(?!\d))?"
    r"|(?<!\d)()(\d{1,4})(?:\.\d+)?(?:秒|s|\")",
    re.I,
)


def _seconds(text: str) -> int | None:
    """`0分04秒`, `90秒`, `3分钟`, `2:05`, `00:02:05`, in any width; None for anything else."""
    plain = re.sub("[″”]", '"', re.sub("[′’]", "'", text))
    plain = "".join(unicodedata.normalize("NFKC", plain).split())
    if clock := _CLOCK.search(plain):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return hours * 3600 + minutes * 60 + seconds
    spoken = _SPOKEN.search(plain)
    if not spoken:
        return None
    return round(float(spoken[1] or 0) * 60) + int(spoken[2] or spoken[4] or 0)


def _city(text: str) -> str:
    """The first of the sixteen cities in `text`; a street called after one doesn't count."""
    names = "|".join(CITIES)
    found = re.search(f"({names})市", text) or re.search(
        f"({names})(?![东西南北中]?[一二三四五六七八九]?[路街道巷])", text
    )
    return found[1] if found else ""


_NAMES: Final[dict[str, CategoryKey]] = {"L": "live", "A": "ai"}
_TICKS: Final = "☑☒√✓✔■●◉⊠✅🗹🗸▣"
_TOKENS = re.compile(
    r"(?P<L>实\s*景\s*拍\s*摄|实\s*拍)|(?P<A>(?:A\s*I|人\s*工\s*智\s*能)\s*创\s*作)"
    rf"|(?P<T>[{_TICKS}])|(?P<E>[□☐○◯▢◻⬜×✗✘]|[(\[][\s]*[)\]])|(?P<_>\s+)",
    re.I,
)


def _category(text: str) -> tuple[CategoryKey | None, str]:
    """The ticked category, or None and why not, in one sentence.

    The tick may stand before its name or after it. Both ways of reading are tried: by layout (all
    marks before, or all after) and by closeness (what touches a name is its own). They must agree,
    for a wrong category is worse than a question.
    """
    plain = unicodedata.normalize("NFKC", text)
    plain = re.sub(rf"[(\[]\s*[{_TICKS}vVxX*]\s*[)\]]", "√", plain)
    # A remark such as (不超过3分钟) would part a mark from its name; ( ) is a mark.
    plain = re.sub(r"\([^()]*[^\s()][^()]*\)", "", plain)
    tokens = "".join(found.lastgroup or "" for found in _TOKENS.finditer(plain)).replace("_", " ")
    parts = re.split("([LA])", tokens)
    if len(parts) == 3 and ("T" in tokens or "E" not in tokens):
        return _NAMES[parts[1]], ""
    asked = "要求在“实景拍摄”和“AI 创作”中勾选一项"
    if len(parts) < 5:
        return None, f"没有勾选作品类型，{asked}"
    choices = {frozenset(choice) for choice in _readings(*parts)} if len(parts) == 5 else set()
    if len(choices) != 1:
        return None, "看不出勾选的是哪一种作品类型，请把勾紧挨着写在所选类型前面"
    chosen = choices.pop()
    if len(chosen) != 1:
        found = "两种作品类型都勾选了" if chosen else "没有勾选作品类型"
        return None, f"{found}，{asked}"
    return _NAMES[next(iter(chosen))], ""


def _readings(before: str, one: str, between: str, other: str, after: str) -> Iterator[set[str]]:
    def ticked(marks_of_one: str, marks_of_other: str) -> set[str]:
        marks = ((one, before + marks_of_one), (other, marks_of_other + after))
        return {name for name, own in marks if "T" in own}

    left, gap, right = between.partition(" ")
    if "T" not in between:
        yield ticked("", "")
    elif left and right.strip():
        yield ticked(left, right)
    else:
        if before.strip() and not after.strip():
            yield ticked("", between)
        if after.strip() and not before.strip():
            yield ticked(between, "")
        if left and gap:
            yield ticked(left, "")
        elif gap and not between.endswith(" "):
            yield ticked("", right)
