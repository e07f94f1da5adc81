"""Forms in the layouts people send, and files that only pretend to be forms."""

from __future__ import annotations

import hashlib
import struct
import traceback
import zipfile
from collections.abc import Callable
from io import BytesIO

import docx
import pytest
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from forms import ADDRESS, OFFICIAL, PHONE, official_form, saved, table_form

from voting.intake import docx_file as rules
from voting.intake.docx_file import FormRefused
from voting.intake.form import Form, read_contact, read_form
from voting.intake.text import line


def refusal(data: bytes) -> str:
    with pytest.raises(FormRefused) as caught:
        read_form(data)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert PHONE not in told
    return str(caught.value)


def repacked(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    buffer = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(data)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


def in_document(old: bytes, new: bytes) -> bytes:
    def change(name: str, data: bytes) -> bytes:
        if name != "word/document.xml":
            return data
        assert old in data
        return data.replace(old, new)

    return repacked(official_form(), change)


# --- layouts ------------------------------------------------------------------------------------


def test_the_official_form_is_read_and_contact_details_are_left_out() -> None:
    data = official_form()
    form = read_form(data)
    assert form == Form(
        title="沂河两岸",
        author="",
        seconds=1,
        category="live",
        unclear="",
        unit="示例大学",
        instructor="李老师",
        introduction="沿着沂河走一天。",
        city="临沂",
        sha256=hashlib.sha256(data).hexdigest(),
    )
    for private in (PHONE, ADDRESS, "沂蒙路", "王小样"):
        assert private not in repr(form)


def test_labels_and_values_may_share_a_cell() -> None:
    rows = [
        ["作品名称：沂河两岸", "作品时长:１分３０秒"],
        ["作品类型（单选）\n□实景拍摄 ☑AI 创作"],
        [f"联系人：王小样  联系电话：{PHONE}"],
        [f"联系地址：{ADDRESS}"],
        ["作品简介（300字以内）\n第一段。\n第二段。"],
    ]
    form = read_form(table_form(rows))
    assert (form.title, form.seconds, form.category) == ("沂河两岸", 90, "ai")
    assert form.introduction == "第一段。\n第二段。"
    assert form.city == "临沂"
    assert PHONE not in repr(form)


def test_labels_may_hold_spaces_and_stand_upright() -> None:
    rows = [
        ["作 品 名 称：", "沂河两岸"],
        ["作\n品\n类\n型", "√实景拍摄", "□AI创作"],
        ["作品　时长", "2:05"],
    ]
    form = read_form(table_form(rows))
    assert (form.title, form.seconds, form.category) == ("沂河两岸", 125, "live")


def test_a_label_that_ends_its_row_is_answered_by_the_next_row() -> None:
    rows = [["作品名称", "沂河两岸"], ["作品类型", "AI创作"], ["作品简介"], ["走一天。"], ["落款"]]
    form = read_form(table_form(rows))
    assert form.introduction == "走一天。"


def test_the_form_may_be_plain_paragraphs() -> None:
    document = docx.Document()
    for text in ("作品名称：沂河两岸", "作品类型：☑ 实景拍摄  □ AI创作", f"联系电话：{PHONE}"):
        document.add_paragraph(text)
    form = read_form(saved(document))
    assert (form.title, form.category, form.city) == ("沂河两岸", "live", "")


def test_vertically_merged_labels_and_nested_tables_are_read() -> None:
    document = docx.Document()
    outer = document.add_table(rows=1, cols=1)
    inner = outer.cell(0, 0).add_table(rows=3, cols=2)
    inner.cell(0, 0).merge(inner.cell(1, 0)).text = "作品类型"
    inner.cell(0, 1).text = "□实景拍摄 ■AI创作"
    inner.cell(2, 0).text, inner.cell(2, 1).text = "作品名称", "沂河两岸"
    form = read_form(saved(document))
    assert (form.title, form.category) == ("沂河两岸", "ai")


def test_the_first_value_of_a_label_stays() -> None:
    rows = [["作品类型", "AI创作"], ["作品名称", ""], ["作品名称", "真"], ["作品名称", "假"]]
    assert read_form(table_form(rows)).title == "真"


def test_values_may_stand_below_their_labels_column_by_column() -> None:
    rows = [
        ["作品名称", "作者", "时长", "类别"],
        ["沂河两岸", "王小样", "1分30秒", "□实景拍摄 ☑AI创作"],
        ["简介", "走一天。", "", ""],
    ]
    form = read_form(table_form(rows))
    assert (form.title, form.author, form.seconds, form.category) == (
        "沂河两岸", "王小样", 90, "ai",
    )  # fmt: skip
    assert form.introduction == "走一天。"


@pytest.mark.parametrize(
    "label",
    [
        "作品名称",
        "作 品 名 称",
        "作\n品\n名\n称",
        "作品名称：",
        "作品名称:",
        "* 作品名称",
        "作品名称*",
        "1.作品名称",
        "一、作品名称：",
        "（1）作品名称",
        "作品名称（必填）",
        "作品名称\n(与文件名一致)",
        "作品题目",
        "作品标题",
        "视频名称",
    ],
)
def test_a_label_is_known_in_all_its_dress(label: str) -> None:
    rows = [[label, "沂河两岸"], ["作品类型", "AI创作"]]
    assert read_form(table_form(rows)).title == "沂河两岸"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("《沂河两岸》", "沂河两岸"),
        ("__沂河两岸__", "沂河两岸"),
        ("《沂河》与《汶河》", "《沂河》与《汶河》"),
        ("《》", "《》"),
    ],
)
def test_a_title_is_taken_as_written_without_its_marks(text: str, title: str) -> None:
    assert read_form(official_form(作品名称=text)).title == title
    rows = [[f"作品名称：{text}"], ["作品类型：AI创作"]]
    assert read_form(table_form(rows)).title == title


@pytest.mark.parametrize("nothing", ["", "无", "无。", "/", "——", "暂无"])
def test_a_struck_out_unit_is_no_unit(nothing: str) -> None:
    assert read_form(official_form(推荐单位=nothing)).unit == ""


def test_the_city_comes_from_the_unit_when_the_address_has_none() -> None:
    form = read_form(official_form(联系地址="", 推荐单位="烟台市示例中学"))
    assert form.city == "烟台"


@pytest.mark.parametrize(
    ("address", "city"),
    [
        ("山东省济南市历下区青岛路1号", "济南"),
        ("青岛崂山区示例路2号", "青岛"),
        ("北京市海淀区济南路3号", ""),
        ("河北省示例县", ""),
    ],
)
def test_only_the_city_leaves_the_address(address: str, city: str) -> None:
    form = read_form(official_form(联系地址=address, 推荐单位=""))
    assert form.city == city
    assert "路" not in form.city


# --- single values ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0分04秒", 4),
        ("1分30秒", 90),
        ("90秒", 90),
        ("2:05", 125),
        ("２：０５", 125),
        ("００:０２:０５", 125),
        ("３分钟", 180),
        ("1 分 30 秒", 90),
        ("2′05″", 125),
        ("2分05", 125),
        ("2.5分钟", 150),
        ("3'20''", 200),
        ("00:03:20:12", 200),
        ("约 2 分钟", 120),
        ("四分钟", None),
        ("90", None),
        ("", None),
    ],
)
def test_the_length_is_read_in_any_notation(text: str, seconds: int | None) -> None:
    assert read_form(official_form(作品时长=text)).seconds == seconds


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("☑实景拍摄    □AI 创作", "live"),
        ("□实景拍摄    √AI 创作", "ai"),
        ("■实景拍摄□AI创作", "live"),
        ("☐ 实景拍摄 ☒ AI 创作", "ai"),
        ("□实景拍摄 ✓AI创作", "ai"),
        ("实景拍摄☑  AI创作□", "live"),
        ("实景拍摄（√） AI创作（ ）", "live"),
        ("（ ）实景拍摄 （√）AI创作", "ai"),
        ("实景拍摄[√]AI创作[ ]", "live"),
        ("实景拍摄√ AI创作", "live"),
        ("实景拍摄 √AI创作", "ai"),
        ("□实景拍摄√ □AI创作", "live"),
        ("□实景拍摄 □√AI创作", "ai"),
        ("□AI 创作 ☑实景拍摄", "live"),
        ("☑实景拍摄（不超过3分钟） □AI创作（AI占比不低于50%）", "live"),
        ("□实景拍摄\n√ＡＩ创作类", "ai"),
        ("AI创作", "ai"),
        ("[x]实景拍摄 [ ]AI创作", "live"),
        ("( )实景拍摄 (V)AI创作", "ai"),
        ("（×）实景拍摄 （√）AI创作", "ai"),
        ("（●）实景拍摄 （ ）AI创作", "live"),
        ("✔实景拍摄 □AI创作", "live"),
        ("☑️实景拍摄 □AI创作", "live"),
        ("□实拍类 ☑人工智能创作类", "ai"),
        ("☑实景拍摄类（限3分钟，含航拍）\n□AI创作类（AI生成内容≥50%，含混合）", "live"),
    ],
)
def test_the_one_tick_is_found_before_or_after_its_name(text: str, category: str) -> None:
    assert read_form(official_form(作品类型=text)).category == category


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("□实景拍摄 □AI创作", "没有勾选"),
        ("实景拍摄 AI创作", "没有勾选"),
        ("", "没有勾选"),
        ("□实景拍摄", "没有勾选"),
        ("☑实景拍摄 ☑AI创作", "两种"),
        ("实景拍摄√AI创作", "看不出"),
        ("实景拍摄 √ AI创作", "看不出"),
        ("□实景拍摄√ AI创作", "看不出"),
        ("☑实景拍摄 □AI创作 ☑实景拍摄", "看不出"),
    ],
)
def test_no_tick_two_ticks_and_a_doubtful_tick_are_no_category(text: str, found: str) -> None:
    form = read_form(official_form(作品类型=text))
    assert form.category is None
    assert found in form.unclear


def test_ticks_from_symbol_fonts_and_check_boxes_count() -> None:
    symbol = '<w:sym w:font="Wingdings" w:char="F0FE"/>'
    typed = '<w:rPr><w:rFonts w:ascii="Wingdings 2" w:hAnsi="Wingdings 2"/></w:rPr><w:t>R</w:t>'
    box = '<w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox><w:checked/></w:checkBox>'
    for tick in (symbol, typed, box + "</w:ffData></w:fldChar>"):
        document = docx.Document(BytesIO(official_form(作品类型="")))
        cell = document.tables[0].cell(2, 1)
        paragraph = cell.paragraphs[0]
        paragraph.add_run("□实景拍摄 ")
        paragraph._p.append(parse_xml(f"<w:r {nsdecls('w')}>{tick}</w:r>"))
        paragraph.add_run("AI创作")
        assert read_form(saved(document)).category == "ai"


@pytest.mark.parametrize(("checked", "category"), [("1", "ai"), ("0", "live")])
def test_a_check_box_control_counts_whatever_it_draws(checked: str, category: str) -> None:
    document = docx.Document(BytesIO(official_form(作品类型="")))
    paragraph = document.tables[0].cell(2, 1).paragraphs[0]

    def box(on: str) -> None:
        words = 'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"'
        state = f'<w:sdtPr><w14:checkbox><w14:checked w14:val="{on}"/></w14:checkbox></w:sdtPr>'
        drawn = "<w:sdtContent><w:r><w:t>?</w:t></w:r></w:sdtContent>"
        paragraph._p.append(parse_xml(f"<w:sdt {nsdecls('w')} {words}>{state}{drawn}</w:sdt>"))

    box("0" if checked == "1" else "1")
    paragraph.add_run("实景拍摄  ")
    box(checked)
    paragraph.add_run("AI创作")
    assert read_form(saved(document)).category == category


def test_text_in_content_controls_is_read() -> None:
    document = docx.Document(BytesIO(official_form(作品名称="")))
    paragraph = document.tables[0].cell(0, 1).paragraphs[0]
    run = paragraph.add_run("沂河两岸")
    control, content = OxmlElement("w:sdt"), OxmlElement("w:sdtContent")
    content.append(run._r)
    control.append(content)
    paragraph._p.append(control)
    assert document.tables[0].cell(0, 1).text == ""  # python-docx alone would miss it
    assert read_form(saved(document)).title == "沂河两岸"


def test_deleted_text_is_gone() -> None:
    document = docx.Document(BytesIO(official_form()))
    paragraph = document.tables[0].cell(0, 1).paragraphs[0]
    deleted = f"<w:del {nsdecls('w')}><w:r><w:delText>旧</w:delText></w:r></w:del>"
    paragraph._p.append(parse_xml(deleted))
    assert paragraph._p.find(qn("w:del")) is not None
    assert read_form(saved(document)).title == "沂河两岸"


@pytest.mark.parametrize(
    "number",
    [PHONE, "138 1234 5678", "138-1234-5678", "+86 138-1234-5678", "0539-8123456", "a.b@mail.cn"],
)
def test_contact_details_in_public_texts_are_hidden(number: str) -> None:
    form = read_form(official_form(指导教师=f"李老师 {number}", 作品简介=f"请打{number}联系。"))
    assert form.instructor == "李老师 〔已隐去〕"
    assert form.introduction == "请打〔已隐去〕联系。"


def test_numbers_that_are_no_contact_stay() -> None:
    text = "2025年7月15日，投资12345678900000元，编号20250715"
    assert line(text) == text


def test_disguising_and_control_characters_are_dropped() -> None:
    assert line("沂河\u202e两\u200b岸\x00 \n 夜") == "沂河两岸 夜"


def test_markup_in_a_title_is_only_text() -> None:
    title = "<script>alert(1)</script> & ../../etc"
    assert read_form(official_form(作品名称=title)).title == title


# --- contact, for winners only ------------------------------------------------------------------


def test_a_winner_s_contact_is_read_as_written_and_stays_out_of_the_repr() -> None:
    contact = read_contact(official_form())
    assert (contact.name, contact.phone, contact.address) == ("王小样", PHONE, ADDRESS)
    assert not any(private in repr(contact) for private in (PHONE, ADDRESS, "王小样"))


def test_a_phone_is_found_under_any_label() -> None:
    rows = [["作品名称：沂河两岸"], [f"联系人：王小样  电话：{PHONE}"], ["身份证号：370102199"]]
    contact = read_contact(table_form(rows))
    assert contact.phone == PHONE
    assert contact.address == ""


def test_contact_details_may_share_a_row() -> None:
    rows = [["作品名称", "沂河两岸"], ["联系人", "王小样", "联系电话", "0539-8123456"],
            ["通讯地址", ADDRESS]]  # fmt: skip
    contact = read_contact(table_form(rows))
    assert (contact.name, contact.phone, contact.address) == ("王小样", "0539-8123456", ADDRESS)


# --- hostile files ------------------------------------------------------------------------------


def test_what_is_no_docx_is_refused() -> None:
    assert "空文件" in refusal(b"")
    assert "已损坏" in refusal(b"PK\x03\x04 and then nonsense")
    assert ".doc" in refusal(b"\xd0\xcf\x11\xe0" + bytes(600))
    assert "20 MB" in refusal(bytes(rules.MAX_FORM_BYTES + 1))
    whole = official_form()
    assert "已损坏" in refusal(whole[: len(whole) // 2])


def test_another_word_file_is_refused() -> None:
    assert "报名表" in refusal(table_form([["会议纪要", "第一条"]]))


def test_another_office_file_is_refused() -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("hello.txt", "hello")
    assert "打不开" in refusal(buffer.getvalue())


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    buffer = BytesIO(official_form())
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/media/bomb.png", bytes(rules.MAX_UNZIPPED_BYTES + 1))
    assert len(buffer.getvalue()) < 1 << 20
    assert "过大" in refusal(buffer.getvalue())


def test_a_bomb_that_declares_itself_small_is_refused() -> None:
    buffer = BytesIO(official_form())
    size = 5 << 20
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/media/bomb.png", bytes(size))
    data = buffer.getvalue().replace(struct.pack("<I", size), struct.pack("<I", 10))
    assert "已损坏" in refusal(data)


def test_too_many_parts_are_refused() -> None:
    buffer = BytesIO(official_form())
    with zipfile.ZipFile(buffer, "a") as package:
        for number in range(rules.MAX_PARTS):
            package.writestr(f"word/media/{number}.png", b"")
    assert "过大" in refusal(buffer.getvalue())


def test_more_xml_than_any_form_has_is_refused() -> None:
    many = b"<w:p/>" * (rules.MAX_XML_BYTES // 6)
    assert "过大" in refusal(in_document(b"</w:body>", many + b"</w:body>"))


def test_compression_that_cannot_be_measured_is_refused() -> None:
    buffer = BytesIO(official_form())
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_LZMA) as package:
        package.writestr("word/media/bomb.png", bytes(1000))
    assert "压缩方式" in refusal(buffer.getvalue())


@pytest.mark.parametrize(
    "declaration",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE x SYSTEM "http://example.invalid/x.dtd">',
    ],
)
def test_a_dtd_is_refused_wherever_it_stands(declaration: bytes) -> None:
    assert "已损坏" in refusal(in_document(b"<w:document", declaration + b"<w:document"))

    def in_a_picture(name: str, data: bytes) -> bytes:
        return declaration + b"<x/>" if name.endswith(".jpeg") else data

    assert "已损坏" in refusal(repacked(official_form(), in_a_picture))


def test_deeply_nested_xml_is_refused() -> None:
    deep = b"<w:p>" * 5000 + b"</w:p>" * 5000
    assert "打不开" in refusal(in_document(b"</w:body>", deep + b"</w:body>"))


def test_a_refusal_tells_nothing_of_the_form() -> None:
    broken = in_document(b"</w:body>", b"</w:boddy>")
    assert OFFICIAL["联系人"] not in refusal(broken)
