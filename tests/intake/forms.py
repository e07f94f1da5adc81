"""Registration forms, as people send them."""

from __future__ import annotations

from functools import cache
from io import BytesIO

import docx

#: Made up; what must never be found in anything that intake returns, writes or raises.
PHONE = "13812345678"
ADDRESS = "山东省临沂市兰山区沂蒙路九十九号"

OFFICIAL = {
    "作品名称": "沂河两岸",
    "作品时长": "0分01秒",
    "作品类型": "☑实景拍摄    □AI 创作",
    "推荐单位\n(如没有推荐单位，则无需填写)": "示例大学",
    "指导教师\n(如没有指导教师，则无需填写)": "李老师",
    "联系人": "王小样",
    "联系电话": PHONE,
    "联系地址": ADDRESS,
    "作品简介\n(300字以内)": "沿着沂河走一天。",
    "承诺内容": "参赛作品为原创，联系方式真实。签字：王小样",
}


def saved(document: docx.document.Document) -> bytes:
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def table_form(rows: list[list[str]]) -> bytes:
    """A form of one table with these texts in its cells; the last of a row reaches to its end."""
    document = docx.Document()
    document.add_paragraph("Vlog 大赛作品报名表")
    table = document.add_table(rows=0, cols=max(map(len, rows)))
    for texts in rows:
        cells = table.add_row().cells
        cells[len(texts) - 1].merge(cells[-1])
        for cell, text in zip(cells, texts, strict=False):
            cell.text = text
    return saved(document)


def official_form(**changes: str) -> bytes:
    """The notice's own layout: labels left, values in merged cells; `作品名称="…"` changes one."""
    if not changes:
        return _official()
    document = docx.Document(BytesIO(_official()))
    for row in document.tables[0].rows:
        label = row.cells[0].text.split("\n")[0]
        if label in changes:
            row.cells[1].text = changes[label]
    return saved(document)


@cache
def _official() -> bytes:
    document = docx.Document()
    table = document.add_table(rows=0, cols=4)
    for label, value in OFFICIAL.items():
        cells = table.add_row().cells
        cells[0].text = label
        cells[1].merge(cells[3]).text = value
    return saved(document)
