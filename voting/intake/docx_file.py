"""A .docx from a stranger → its text as rows of cells.

The package is measured before anything in it is parsed, and DTDs are refused.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

import docx
from defusedxml.ElementTree import DefusedXMLParser

MAX_FORM_BYTES: Final = 20 << 20
MAX_PARTS: Final = 500
MAX_UNZIPPED_BYTES: Final = 64 << 20
MAX_XML_BYTES: Final = 16 << 20


class FormRefused(Exception):  # noqa: N818 a refusal, not an error
    """The form can't be read; the text is a plain Chinese sentence without personal data."""


def read_rows(data: bytes) -> list[list[str]]:
    """The document's text, top to bottom; what stands outside of tables is a row of one cell.

    Raises FormRefused for what is too large, broken or no .docx at all.
    """
    _check_package(data)
    with contextlib.suppress(Exception):  # a stranger's file may fail in any way its parsers know
        return list(_rows(docx.Document(BytesIO(data)).element.body))
    raise FormRefused("报名表打不开，请用 Word 或 WPS 另存为 .docx 后重新提交")


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
    except Exception:  # as in read_rows
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
