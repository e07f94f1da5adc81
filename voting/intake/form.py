"""The registration form (报名表, .docx) → the few fields that may become public.

A form is data from a stranger. The package is measured before anything in it is parsed, DTDs are
refused, and labels are looked for wherever they stand: layouts differ from sender to sender.
Contact name, phone and postal address are read only to be left out; `read_contact` is for those
who have won, and its answer goes to whoever asked and nowhere else.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final, Literal

import docx
from defusedxml.ElementTree import DefusedXMLParser

MAX_FORM_BYTES: Final = 20 << 20
MAX_PARTS: Final = 500
MAX_UNZIPPED_BYTES: Final = 64 << 20
MAX_XML_BYTES: Final = 16 << 20

CITIES: Final = (
    *("济南", "青岛", "淄博", "枣庄", "东营", "烟台", "潍坊", "济宁"),
    *("泰安", "威海", "日照", "临沂", "德州", "聊城", "滨州", "菏泽"),
)

CategoryKey = Literal["live", "ai"]


class FormRefused(Exception):  # noqa: N818 a refusal, not an error
    """The form can't be read; `reason` is a plain Chinese sentence without personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
        introduction=_paragraphs(fields.get("introduction", "")),
        city=_city(fields.get("address", "")) or _city(fields.get("unit", "")),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def read_contact(data: bytes) -> Contact:
    """The contact that a form names, as written. Raises FormRefused."""
    fields = _read(data)
    written = {key: " ".join(_visible(fields.get(key, "")).split()) for key in fields}
    phone = written.get("phone", "")
    if not phone and (found := _CONTACT.search(" ".join(written.values()))):
        phone = found[0]
    return Contact(written.get("contact", ""), phone, written.get("address", ""))


def _read(data: bytes) -> dict[str, str]:
    _check_package(data)
    try:
        fields = _fields(_rows(docx.Document(BytesIO(data)).element.body))
    except Exception:  # a stranger's file may fail in any way its parsers know
        fields = None
    if fields is None:
        raise FormRefused("报名表打不开，请用 Word 或 WPS 另存为 .docx 后重新提交")
    if not {"title", "category"} & fields.keys():
        raise FormRefused("这份文件里没有“作品名称”“作品类型”等栏目，请使用通知所附的报名表")
    return fields


# --- text ---------------------------------------------------------------------------------------

#: Stands where contact details stood.
HIDDEN: Final = "〔已隐去〕"

#: Mobile numbers, landlines with area code, e-mail addresses. Not any long number: titles hold
#: dates and introductions hold sums of money.
_CONTACT = re.compile(
    r"(?<!\d)(?:\+?86[\s-]?)?[1１][3-9３-９]\d(?:[\s.·-]?\d){8}(?!\d)"
    r"|(?<!\d)[(（]?[0０]\d{2,3}[)）]?[\s-]?\d{7,8}(?!\d)"
    r"|[a-z0-9._+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+",
    re.I,
)
#: Joiners that emoji and some scripts need; every other format character (bidi overrides,
#: zero-width spaces) would let a title disguise itself.
_JOINERS: Final = "\u200c\u200d"
_NOTHING: Final = frozenset({"", "无", "没有", "暂无", "/", "-", "—", "——", "N/A", "n/a"})


def has_contact(text: str) -> bool:
    """Whether a phone number or an e-mail address stands in `text`."""
    return _CONTACT.search(text) is not None


def without_contact(text: str) -> str:
    """`text` with phone numbers and e-mail addresses replaced by a visible mark."""
    return _CONTACT.sub(HIDDEN, text)


def line(text: str) -> str:
    """One clean line: NFC, single spaces, no control or disguising characters, no contact."""
    return without_contact(" ".join(_visible(text).split()))


def _visible(text: str) -> str:
    def keep(char: str) -> bool:
        return char in _JOINERS or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"}

    spaced = re.sub(r"[\r\v\f]", "\n", text.replace("\t", " "))
    return unicodedata.normalize("NFC", "".join(c for c in spaced if c == "\n" or keep(c)))


def _title(text: str) -> str:
    """The title alone: pages set it into 《》 themselves, and forms draw lines to write on."""
    title = line(text).strip("_＿ ")
    inner = title[1:-1] if title[:1] + title[-1:] == "《》" else ""
    return inner.strip() if inner and not set("《》") & set(inner) else title


def _paragraphs(text: str) -> str:
    return "\n".join(filter(None, (line(part) for part in text.splitlines())))


def _optional(text: str) -> str:
    value = line(text)
    return "" if value.rstrip("。.") in _NOTHING else value


# --- the package --------------------------------------------------------------------------------


def _check_package(data: bytes) -> None:
    """Measure the zip, declared and real, and refuse DTDs, before python-docx may look at it."""
    if len(data) > MAX_FORM_BYTES:
        raise FormRefused(f"报名表超过 {MAX_FORM_BYTES >> 20} MB，请删去表中的大图片")
    if not data:
        raise FormRefused("报名表是空文件")
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise FormRefused("报名表是旧版 .doc 格式或设了打开密码，要求不加密的 .docx")
    try:
        reason = _package_fault(data)
    except Exception:  # as in read_form
        reason = "报名表已损坏，不是完整的 .docx 文件"
    if reason:
        raise FormRefused(reason)


def _package_fault(data: bytes) -> str:
    with zipfile.ZipFile(BytesIO(data)) as package:
        parts = package.infolist()
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNZIPPED_BYTES:
            return "报名表解压后过大，不是正常的 Word 文档"
        unzipped = xml = 0
        for part in parts:
            # The other methods decompress a whole block before anybody can count it.
            if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                return "报名表的压缩方式不是 Word 文档所用的"
            with package.open(part) as file:
                content = file.read(MAX_UNZIPPED_BYTES - unzipped + 1)
            unzipped += len(content)
            # By content: a part's name says nothing about whether python-docx parses it.
            is_xml = content.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<")
            xml += len(content) if is_xml else 0
            if unzipped > MAX_UNZIPPED_BYTES or xml > MAX_XML_BYTES:
                return "报名表解压后过大，不是正常的 Word 文档"
            if is_xml:
                _check_prolog(content)
    return ""


class _PrologOver(Exception):  # noqa: N818 a signal, not an error
    pass


class _Prolog:
    """A parser target that builds nothing and stops at the first element: no DTD comes later."""

    def start(self, _tag: str, _attributes: object) -> None:
        raise _PrologOver


def _check_prolog(content: bytes) -> None:
    """Raise for a DTD, and with it for every entity bomb and external entity."""
    with contextlib.suppress(_PrologOver):
        DefusedXMLParser(target=_Prolog(), forbid_dtd=True).feed(content)


# --- rows of cells ------------------------------------------------------------------------------

_W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_P, _TBL, _TR, _TC = (_W + tag for tag in ("p", "tbl", "tr", "tc"))
_W14: Final = "{http://schemas.microsoft.com/office/word/2010/wordml}"
_CHECKBOX: Final = _W14 + "checkbox"
_SKIPPED: Final = {
    _TBL,  # a nested table has rows of its own
    _W + "moveFrom",
    _W + "rPr",
    _W + "pPr",
    _W + "sdtPr",
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
}
#: What the symbol fonts draw for the low byte of a character. Typing R in Wingdings 2 is the
#: customary way to tick a box.
_SYMBOLS: Final = {
    "Wingdings": dict.fromkeys((0x6E, 0xFC, 0xFD, 0xFE), "☑") | dict.fromkeys((0x6F, 0xA8), "□"),
    "Wingdings 2": dict.fromkeys(range(0x50, 0x55), "☑") | {0xA3: "□"},
}


def _rows(node: Any) -> Iterator[list[str]]:
    """The body's text as rows of cells; a paragraph outside of tables is a row of one cell.

    python-docx's own `table.rows` and `cell.text` don't see content controls (w:sdt), inserted
    symbols (w:sym) and form check boxes, which is how many a tick is made; so the tree is walked.
    """
    for child in node:
        if child.tag == _P:
            yield [_text(child)]
        elif child.tag == _TR:
            cells = list(_cells(child))
            yield [_text(cell) for cell in cells]
            for cell in cells:
                yield from (row for table in cell.iterchildren(_TBL) for row in _rows(table))
        else:
            yield from _rows(child)


def _cells(row: Any) -> Iterator[Any]:
    for child in row:
        if child.tag != _TC:
            yield from _cells(child)
            continue
        merged = child.find(f"{_W}tcPr/{_W}vMerge")
        if merged is None or merged.get(_W + "val") == "restart":
            yield child


def _text(node: Any) -> str:
    return "".join(_pieces(node)).strip()


def _pieces(node: Any) -> Iterator[str]:
    for child in node:
        if child.tag in _SKIPPED:
            continue
        if child.tag == _W + "t":
            yield _drawn(child)
        elif child.tag in (_W + "br", _W + "cr"):
            yield "\n"
        elif child.tag == _W + "tab":
            yield " "
        elif child.tag == _W + "sym":
            code = int(child.get(_W + "char", "0"), 16)
            yield _SYMBOLS.get(child.get(_W + "font"), {}).get(code & 0xFF, "")
        elif child.tag == _W + "checkBox":
            yield "☑" if _is_checked(child) else "□"
        elif (box := child.find(f"{_W}sdtPr/{_CHECKBOX}")) is not None:
            # Which characters it draws, and in which font, is its author's choice.
            state = box.find(_CHECKBOX.replace("checkbox", "checked"))
            on = state is not None and state.get(_W14 + "val", "1") in ("1", "true", "on")
            yield "☑" if on else "□"
        else:
            yield from _pieces(child)
            if child.tag == _P:
                yield "\n"


def _drawn(run_text: Any) -> str:
    """The text of a w:t as its font draws it."""
    fonts = run_text.getparent().find(f"{_W}rPr/{_W}rFonts")
    symbols = _SYMBOLS.get(fonts.get(_W + "ascii"), {}) if fonts is not None else {}
    text: str = run_text.text or ""
    return "".join(symbols.get(ord(char) & 0xFF, char) for char in text) if symbols else text


def _is_checked(box: Any) -> bool:
    state = box.find(_W + "checked")
    if state is None:
        state = box.find(_W + "default")
    return state is not None and state.get(_W + "val", "1") in ("1", "true", "on")


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
