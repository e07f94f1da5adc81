"""QR codes and posters, read back as a phone would."""

from __future__ import annotations

import io
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import zxingcpp
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops, ImageDraw, ImageStat

from voting import share
from voting.contest import Category, Entry, EntryState

FONTS = Path(share.__file__).parent / "fonts"
LINK = "https://vote.example.cn/e/7?s=k3f9a2"
LIVE = Category("live", "实景拍摄类", 180, ai=False)
AI = replace(LIVE, ai=True)  # the same words, so that only the label can differ
CONTEST = "AI山东·全民共“数”——“智慧生活@你我”Vlog大赛"
ORGANIZERS = ("山东省大数据局", "中国共产主义青年团山东省委员会", "山东省教育厅")
UPRIGHT, WIDE = (720, 1280), (1280, 720)
FORTY = "从一张社保卡到一座“数字孪生”城市：我家三代人在济南看病、坐车、逛公园的二十年记录"
LABEL = {UPRIGHT: (28, 792, 150, 844), WIDE: (28, 342, 150, 394)}  # in the picture's lower corner

ENTRY = Entry(
    number=7,
    title="夜里两点，奶奶的智能药盒响了",
    author="李䶮",
    unit="济南市历下区大数据局",
    instructor="",
    city="济南",
    category="live",
    introduction="",
    state=EntryState.APPROVED,
    media="m",
    width=1080,
    height=1920,
    seconds=60.0,
    form_sha256="",
    video_sha256="",
    taken_in_ms=0,
)


def cover(size: tuple[int, int], ground: str = "#e8eef0", form: str = "JPEG") -> bytes:
    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    draw.ellipse((200, 200, 520, 520), fill="#3b8f6a")
    out = io.BytesIO()
    image.save(out, form, quality=90)
    return out.getvalue()


def noise(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", size, random.Random(1).randbytes(3 * size[0] * size[1])).save(out, "PNG")
    return out.getvalue()


def made(
    *, title: str = ENTRY.title, category: Category = LIVE, url: str = LINK, still: bytes = b""
) -> Image.Image:
    still = still or cover(UPRIGHT)
    data = share.poster(replace(ENTRY, title=title), category, CONTEST, ORGANIZERS, url, still)
    assert len(data) <= 200_000
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size, image.mode) == ("JPEG", (750, 1334), "RGB")
    return image


def read(image: Image.Image) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(image)]


def shrunk(image: Image.Image, factor: float, quality: int) -> Image.Image:
    """What a chat makes of a picture."""
    size = (round(image.width * factor), round(image.height * factor))
    out = io.BytesIO()
    image.resize(size, Image.Resampling.BILINEAR).save(out, "JPEG", quality=quality)
    return Image.open(out)


def code_png(url: str, box: int = 10) -> Image.Image:
    return Image.open(io.BytesIO(share.qr_png(url, box=box)))


# --- QR codes ---


@pytest.mark.parametrize("factor", [1, 0.5])
def test_a_qr_code_reads_back_as_its_link(factor: float) -> None:
    image = code_png(LINK).convert("L")
    size = (int(image.width * factor), int(image.height * factor))
    assert read(image.resize(size)) == [LINK]


def test_a_qr_png_is_one_bit_deep_and_has_a_quiet_zone_of_four_modules() -> None:
    image = code_png(LINK, box=6)
    assert image.mode == "1"
    dark = ImageChops.invert(image.convert("L")).getbbox()
    assert dark == (24, 24, image.width - 24, image.height - 24)


def test_a_qr_svg_is_xml_with_a_quiet_zone_of_four_modules_and_the_same_modules() -> None:
    root = ElementTree.fromstring(share.qr_svg(LINK))  # noqa: S314 our own document
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    side = int(root.attrib["viewBox"].split()[2])
    ground, modules = root.findall("{http://www.w3.org/2000/svg}path")
    assert (ground.attrib["fill"], modules.attrib["fill"]) == ("#fff", "#000")
    cells = [tuple(map(int, m.split("h")[0].split())) for m in modules.attrib["d"].split("M")[1:]]
    image = Image.new("L", (side, side), 255)
    for cell in cells:
        image.putpixel((cell[0], cell[1]), 0)
    assert ImageChops.invert(image).getbbox() == (4, 4, side - 4, side - 4)
    assert image.tobytes() == code_png(LINK, box=1).convert("L").tobytes()
    assert read(image.resize((side * 8, side * 8), Image.Resampling.NEAREST)) == [LINK]


@pytest.mark.parametrize(("length", "level"), [(60, "Q"), (74, "Q"), (75, "M"), (300, "M")])
def test_a_link_is_protected_at_level_q_until_the_code_would_outgrow_version_6(
    length: int, level: str
) -> None:
    url = "https://vote.example.cn/".ljust(length, "x")
    (code,) = zxingcpp.read_barcodes(code_png(url))
    assert (code.text, code.ec_level) == (url, level)


def test_markup_in_a_link_stays_in_the_code() -> None:
    link = 'https://vote.example.cn/?"><script>&'
    assert b"script" not in share.qr_svg(link)
    assert read(code_png(link)) == [link]


# --- Glyphs ---


def characters(weight: str) -> set[str]:
    with TTFont(FONTS / f"NotoSansSC-{weight}.otf", lazy=True) as font:
        return {chr(code) for code in font.getBestCmap()}


def decodable(codec: str) -> set[str]:
    pairs = (bytes((high, low)) for high in range(0xB0, 0xFF) for low in range(0xA1, 0xFF))
    return {pair.decode(codec, "ignore") for pair in pairs} - {""}


def test_the_fonts_stay_within_eight_megabytes_and_carry_their_licence() -> None:
    assert sum(path.stat().st_size for path in FONTS.glob("*.otf")) <= 8_000_000
    licence = (FONTS / "OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert "Copyright 2014-2021 Adobe" in licence


@pytest.mark.parametrize("weight", ["Regular", "Bold"])
def test_what_share_believes_a_font_has_is_what_fonttools_finds(weight: str) -> None:
    assert share._covered(weight) == characters(weight)


def test_both_fonts_have_gb2312_and_the_table_of_standard_characters() -> None:
    table = set((FONTS / "beyond_gb2312.txt").read_text("utf-8")) - {"\n"}
    assert len(table) == 1467
    for weight in ("Regular", "Bold"):
        assert not {c for c in decodable("gb2312") if c >= "\u4e00"} - characters(weight)
        assert not table - characters(weight)


def test_regular_has_every_hanzi_of_gbk() -> None:
    hanzi = {chr(code) for code in range(0x4E00, 0x9FA6)}
    assert not hanzi - characters("Regular")


@pytest.mark.parametrize("character", list("䶮㛃喆㐱𠮷𫍯鿍趵突泉Aa09é@《“，—·①℃〓"))
@pytest.mark.parametrize("weight", ["Regular", "Bold"])
def test_a_rare_character_is_drawn_as_itself_and_not_as_the_empty_box(
    character: str, weight: str
) -> None:
    has, _, advance = share._glyph(character, weight)
    assert character in characters(has)
    font = share._font(has, 64)
    drawn, box = font.getmask(character), font.getmask("\U0010fffd")
    assert drawn.getbbox() is not None
    assert (drawn.size, bytes(drawn)) != (box.size, bytes(box))
    assert advance > 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("群众少跑腿🎉🎉", "群众少跑腿"),
        ("一家👨‍👩‍👧人❤️", "一家人"),
        ("1️⃣第一", "1第一"),
        ("葛\U000e0100城", "葛城"),
        ("左\u202e右\u200b中\ufeff", "左右中"),
        ("两\n行\t字　空", "两 行 字 空"),
        ("未\U0003134a知ﷺ", "未〓知〓"),
        ("cafe\u0301", "café"),
        ("", ""),
    ],
)
def test_what_no_font_has_is_dropped_or_shown_as_a_placeholder(text: str, shown: str) -> None:
    assert share.drawable(text) == shown
    assert not share.missing_glyphs(shown)


# --- Lines ---


@pytest.mark.parametrize("width", [180, 240, 330, 420, 600])
@pytest.mark.parametrize(
    "text", [FORTY, "《在泰山脚下，当“数字挑山工”！》", "AI山东Vlog 2025，Hello Shandong！30分钟"]
)
def test_lines_fit_lose_nothing_and_never_start_or_end_with_the_wrong_mark(
    text: str, width: int
) -> None:
    lines, _ = share._wrap(text, "Bold", 40, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        assert share._width(line, "Bold", 40) <= width
        assert line[0] not in "，。、：；！？”》—…·"
        assert line[-1] not in "“《"


@pytest.mark.parametrize("width", [180, 240, 330, 420])
def test_a_word_and_a_number_are_not_broken(width: int) -> None:
    lines, _ = share._wrap("我的Shandong智慧生活2025年Vlog", "Bold", 34, width)
    for word in ("Shandong", "2025年", "Vlog"):
        assert any(word in line for line in lines)


def test_a_word_wider_than_the_line_is_broken_rather_than_cut_off() -> None:
    lines, _ = share._wrap("Supercalifragilistic", "Bold", 40, 200)
    assert "".join(lines) == "Supercalifragilistic"
    assert all(share._width(line, "Bold", 40) <= 200 for line in lines)


def test_lines_are_balanced_and_break_after_a_pause_when_they_can() -> None:
    assert share._wrap("一二三四五六七八", "Bold", 40, 285)[0] == ["一二三四", "五六七八"]
    assert share._fit("夜里两点，奶奶的智能药盒响了", "Bold", [(56, 2), (42, 2)], 380).lines == [
        "夜里两点，",
        "奶奶的智能药盒响了",
    ]


def test_a_title_that_fits_nowhere_ends_in_an_ellipsis() -> None:
    block = share._fit("很长 " * 60, "Bold", share.UPRIGHT_TITLE, 380)
    assert len(block.lines) == share.UPRIGHT_TITLE[-1][1]
    assert block.lines[-1].endswith("…")
    assert all(share._width(line, "Bold", block.size) <= 380 for line in block.lines)


# --- Posters ---


@pytest.mark.parametrize("size", [UPRIGHT, WIDE])
@pytest.mark.parametrize("category", [LIVE, AI])
@pytest.mark.parametrize("title", ["泉声", ENTRY.title, FORTY])
def test_a_poster_reads_back_at_full_and_half_size_and_after_a_chat_has_squeezed_it(
    size: tuple[int, int], category: Category, title: str
) -> None:
    image = made(title=title, category=category, still=cover(size))
    assert read(image) == [LINK]
    assert read(shrunk(image, 0.5, 85)) == [LINK]
    assert read(shrunk(image, 0.33, 40)) == [LINK]


@pytest.mark.parametrize("size", [UPRIGHT, WIDE])
@pytest.mark.parametrize("length", [22, 34, 48, 70, 100])
def test_a_poster_leaves_the_code_a_quiet_zone_of_four_modules(
    size: tuple[int, int], length: int
) -> None:
    url = "https://vote.example.cn/".ljust(length, "x")
    image = made(url=url, still=cover(size))
    (code,) = zxingcpp.read_barcodes(image)
    assert code.text == url
    corner, far = code.position.top_left, code.position.bottom_right
    quiet = -(-4 * (far.x - corner.x) // len(share._modules(url)))
    box = (corner.x - quiet, corner.y - quiet, far.x + quiet, far.y + quiet)
    around = image.convert("L").crop(box)
    inner = (quiet - 3, quiet - 3, around.width - quiet + 3, around.height - quiet + 3)
    around.paste(255, inner)
    assert min(ImageStat.Stat(around).extrema[0]) > 225


@pytest.mark.parametrize("size", [UPRIGHT, WIDE])
def test_noise_itself_stays_below_200_kilobytes_and_its_code_still_reads(
    size: tuple[int, int],
) -> None:
    assert read(made(still=noise(size))) == [LINK]


@pytest.mark.parametrize("size", [UPRIGHT, WIDE])
def test_an_ai_entry_carries_the_label_on_its_picture_and_a_live_one_does_not(
    size: tuple[int, int],
) -> None:
    live, labelled = (made(category=c, still=cover(size, "#ffffff")) for c in (LIVE, AI))
    assert ImageStat.Stat(live.crop(LABEL[size]).convert("L")).mean[0] > 250
    assert ImageStat.Stat(labelled.crop(LABEL[size]).convert("L")).mean[0] < 120
    changed = ImageChops.difference(live, labelled).convert("L").point(lambda v: 255 * (v > 24))
    left, top, right, bottom = changed.getbbox() or (0, 0, 0, 0)
    assert left >= 16
    assert top >= LABEL[size][1] - 12
    assert right <= 176
    assert bottom <= LABEL[size][3] + 16


@pytest.mark.parametrize("size", [UPRIGHT, WIDE])
def test_the_label_can_be_told_from_a_black_picture_too(size: tuple[int, int]) -> None:
    image = made(category=AI, still=cover(size, "#000000"))
    assert ImageStat.Stat(image.crop(LABEL[size]).convert("L")).extrema[0][1] > 240


def test_a_wide_picture_stays_whole_and_an_upright_one_loses_a_fifth_mostly_at_its_foot() -> None:
    tall, wide = Image.new("RGB", UPRIGHT, "#0000ff"), Image.new("RGB", WIDE, "#0000ff")
    tall.paste("#00ff00", (0, 40, 720, 1030))
    wide.paste("#00ff00", (8, 8, 1272, 712))
    for picture, at in ((tall, [(8, 2), (8, 868)]), (wide, [(2, 2), (747, 419)])):
        out = io.BytesIO()
        picture.save(out, "PNG")
        image = made(still=out.getvalue())
        assert all(image.getpixel(point)[2] > 128 for point in at)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_cover_may_be_jpeg_png_or_webp(form: str) -> None:
    assert read(made(still=cover(WIDE, form=form))) == [LINK]


@pytest.mark.parametrize(
    "title", ["<b>粗体</b>&amp;<script>", "{{7*7}}%s{0}", "🎉", "", "䶮㛃𠮷\U0003134a", "长" * 400]
)
def test_any_title_makes_a_poster_and_markup_is_only_text(title: str) -> None:
    assert "<" not in title or share.drawable(title) == title
    assert read(made(title=title)) == [LINK]
    assert read(made(title=title, still=cover(WIDE))) == [LINK]


def test_missing_people_and_organizers_leave_no_trace() -> None:
    bare = replace(ENTRY, author="", unit="", title="泉", number=12345)
    for size in (UPRIGHT, WIDE):
        data = share.poster(bare, LIVE, "", (), LINK, cover(size))
        assert read(Image.open(io.BytesIO(data))) == [LINK]


def test_something_that_is_no_picture_is_refused() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        share.poster(ENTRY, LIVE, CONTEST, ORGANIZERS, LINK, b"no picture")


def test_posters_made_at_the_same_time_do_not_disturb_each_other() -> None:
    stills = [cover(UPRIGHT), cover(WIDE)] * 4

    def draw(still: bytes) -> bytes:
        return share.poster(ENTRY, AI, CONTEST, ORGANIZERS, LINK, still)

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(draw, stills))
    assert together == [draw(still) for still in stills]
