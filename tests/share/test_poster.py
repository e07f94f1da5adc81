"""Share posters, read back as a phone would after a chat has squeezed them."""

from __future__ import annotations

import io
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from share.chat import EVERY_WAY, read, squeezed
from voting.contest import Category, Entry, EntryState
from voting.share import lettering
from voting.share.code import coarse
from voting.share.glyphs import drawable
from voting.share.poster import FLOOR, FOOT, MARGIN, MAST, picture, poster, with_code

PLAIN = "https://v.cn/e/7"
LINK = "https://vote.example.cn/e/7?s=k3f9a2-_Qw"
LONG = "https://renqi-toupiao.dsj.shandong.gov.cn/e/1234?s=k3f9a2-_Qw"
LINKS = pytest.mark.parametrize("link", [PLAIN, LINK, LONG])
LIVE = Category("live", "实景拍摄类", 180, ai=False)
AI = replace(LIVE, ai=True)  # the same words, so that only the label can differ
CONTEST = "AI山东·全民共“数”——“智慧生活@你我”Vlog大赛"
ORGANIZERS = ("山东省大数据局", "中国共产主义青年团山东省委员会", "山东省教育厅")
UPRIGHT, WIDE = (720, 1280), (1280, 720)
SIZES = pytest.mark.parametrize("size", [UPRIGHT, WIDE])
FORTY = "从一张社保卡到一座“数字孪生”城市：我家三代人在济南看病、坐车、逛公园的二十年记录"

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
WORDY = replace(
    ENTRY,
    number=12345,
    title=FORTY,
    author="谭青禾、马志远、李䶮",
    unit="中国共产主义青年团山东省济南市历下区委员会 济南市历下区大数据局 济南市教育局",
)
BARE = replace(ENTRY, author="", unit="", title="泉")


@lru_cache(maxsize=32)
def cover(size: tuple[int, int], ground: str = "#e8eef0", form: str = "JPEG") -> bytes:
    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    draw.ellipse((200, 200, 520, 520), fill="#3b8f6a")
    out = io.BytesIO()
    image.save(out, form, quality=90)
    return out.getvalue()


def flat(size: tuple[int, int], colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def noise(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", size, random.Random(1).randbytes(3 * size[0] * size[1])).save(out, "PNG")
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size, image.mode) == ("JPEG", (750, 1334), "RGB")
    return image


@lru_cache(maxsize=32)
def made(
    *, entry: Entry = ENTRY, category: Category = LIVE, link: str = LINK, still: bytes = b""
) -> Image.Image:
    still = still or cover(UPRIGHT)
    data = poster(entry, category, CONTEST, ORGANIZERS, link, still)
    assert len(data) < 200_000
    return opened(data)


def changed(one: Image.Image, other: Image.Image, by: int) -> tuple[int, int, int, int]:
    """Where two pictures differ by more than so many grey levels: left, top, right, bottom."""
    difference = ImageChops.difference(one.convert("L"), other.convert("L"))
    return difference.point(lambda level: 255 * (level > by)).getbbox() or (0, 0, 0, 0)


# --- The code ---


@SIZES
@LINKS
@EVERY_WAY
def test_a_poster_reads_back_as_its_link_and_has_one_code(
    size: tuple[int, int], link: str, factor: float, quality: int | None, turn: float
) -> None:
    image = made(category=AI, link=link, still=cover(size))
    assert read(squeezed(image, factor, quality, turn)) == [link]


@SIZES
@pytest.mark.parametrize("entry", [BARE, WORDY])
def test_whatever_a_poster_says_its_code_reads(size: tuple[int, int], entry: Entry) -> None:
    image = made(entry=entry, category=AI, still=cover(size))
    assert read(squeezed(image, 0.33, 40, 7)) == [LINK]


@SIZES
@pytest.mark.parametrize("length", [14, 22, 34, 48, 62, 70, 100])
def test_the_code_is_240_px_or_more_of_whole_modules_in_a_quiet_zone_of_four(
    size: tuple[int, int], length: int
) -> None:
    link = "http://a.b/e/7".ljust(length, "x")
    without = picture(WORDY, LIVE, CONTEST, ORGANIZERS, cover(size))
    data = with_code(without, link)
    assert len(data) < 200_000
    left, top, right, bottom = changed(opened(without), opened(data), 128)
    module, rest = divmod(right - left, len(coarse(link)))
    assert (bottom - top, rest) == (right - left, 0)
    assert right - left >= 240
    quiet = 4 * module
    assert right + quiet <= 750
    zone = (left - quiet, top - quiet, right + quiet, bottom + quiet)
    darkest, lightest = ImageStat.Stat(opened(without).crop(zone).convert("L")).extrema[0]
    assert lightest - darkest <= 20  # a tint and the hairlines; no text
    assert darkest > 210


@SIZES
def test_nothing_of_the_visitor_is_in_the_poster_but_the_code(size: tuple[int, int]) -> None:
    without = picture(ENTRY, AI, CONTEST, ORGANIZERS, cover(size))
    one, other = (with_code(without, LINK.replace("k3f", part)) for part in ("k3f", "Zx_"))
    assert b"k3f9a2" not in one
    assert not {"exif", "comment", "xmp", "icc_profile"} & opened(one).info.keys()
    code = changed(opened(without), opened(one), 128)
    left, top, right, bottom = changed(opened(one), opened(other), 0)
    assert left >= code[0] - 16
    assert top >= code[1] - 16
    assert right <= code[2] + 16
    assert bottom <= code[3] + 16


def test_the_same_link_makes_the_same_bytes() -> None:
    without = picture(ENTRY, AI, CONTEST, ORGANIZERS, cover(WIDE))
    assert with_code(without, LINK) == with_code(without, LINK)
    assert with_code(without, LINK) == poster(ENTRY, AI, CONTEST, ORGANIZERS, LINK, cover(WIDE))


@SIZES
@pytest.mark.parametrize("length", [22, 68, 300])
def test_noise_itself_stays_below_200_kilobytes_and_its_code_still_reads(
    size: tuple[int, int], length: int
) -> None:
    link = "https://v.cn/e/7?s=".ljust(length, "x")
    assert read(made(link=link, still=noise(size))) == [link]


# --- The picture ---


@SIZES
@pytest.mark.parametrize("entry", [ENTRY, BARE, WORDY])
@pytest.mark.parametrize("colour", ["#ffffff", "#000000", "#b5261d"])
def test_an_ai_entry_carries_the_label_well_inside_its_picture_and_a_live_one_does_not(
    size: tuple[int, int], entry: Entry, colour: str
) -> None:
    still = flat(size, colour)
    live, labelled = (made(entry=entry, category=c, still=still) for c in (LIVE, AI))
    left, top, right, bottom = changed(live, labelled, 24)
    assert 90 < right - left < 160
    assert 36 < bottom - top < 64
    assert left >= 40
    # A square thumbnail shows the middle: 292 to 1042. A wide picture ends where its title begins.
    assert top > 292
    assert bottom < (FLOOR if size is UPRIGHT else MAST + 422)
    inside = (left + 10, top + 8, right - 10, bottom - 8)
    darkest, lightest = ImageStat.Stat(labelled.crop(inside).convert("L")).extrema[0]
    assert darkest < 70
    assert lightest > 240


def test_a_wide_picture_stays_whole_and_an_upright_one_fills_two_thirds() -> None:
    wide = Image.new("RGB", WIDE, "#0000ff")
    wide.paste("#00ff00", (8, 8, 1272, 712))
    out = io.BytesIO()
    wide.save(out, "PNG")
    image = made(still=out.getvalue())
    corners = [(2, MAST + 2), (747, MAST + 2), (2, MAST + 419), (747, MAST + 419)]
    assert all(image.getpixel(point)[2] > 128 for point in corners)

    image = made(entry=BARE, still=flat(UPRIGHT, "#0000ff"))
    assert all(image.getpixel((x, y))[2] > 200 for x in (2, 747) for y in (2, 500))
    assert image.getpixel((2, FLOOR - 4))[2] < image.getpixel((2, FLOOR + 4))[2]
    assert FLOOR > 0.65 * 1334


@pytest.mark.parametrize("entry", [ENTRY, BARE, WORDY])
@pytest.mark.parametrize("colour", ["#ffffff", "#ffff00", "#808080"])
def test_white_text_can_be_read_on_the_lightest_picture(entry: Entry, colour: str) -> None:
    image = made(entry=entry, still=flat(UPRIGHT, colour)).convert("L")
    rows = [image.crop((0, y, 750, y + 1)).tobytes() for y in range(FLOOR - 2)]
    written = [(max(row[MARGIN:]), row[8]) for row in rows if max(row[MARGIN:]) - row[8] > 60]
    assert len(written) > 60
    assert all(ground < 120 for _, ground in written)  # 4.5 to 1


def test_an_upright_picture_is_cropped_to_where_there_is_most_to_see() -> None:
    for y, seen in ((60, True), (560, True), (1150, False)):
        tall = Image.new("RGB", UPRIGHT, "#d0d0d0")
        draw = ImageDraw.Draw(tall)
        for n in range(12):
            draw.ellipse((100 + 45 * n, y, 130 + 45 * n, y + 90), "#ffffff", "#000000", 6)
        out = io.BytesIO()
        tall.save(out, "PNG")
        image = made(entry=BARE, still=out.getvalue()).crop((0, 0, 750, 560))
        assert (ImageStat.Stat(image.convert("L")).extrema[0][0] < 60) is seen


def test_an_ai_film_s_own_label_at_the_top_is_not_cropped_off() -> None:
    tall = Image.new("RGB", UPRIGHT, "#d0d0d0")
    draw = ImageDraw.Draw(tall)
    draw.rectangle((40, 60, 200, 120), "#000000")
    for n in range(40):
        draw.line((0, 800 + 10 * n, 720, 800 + 10 * n), "#000000", 2)
    out = io.BytesIO()
    tall.save(out, "PNG")
    image = made(category=AI, still=out.getvalue())
    assert max(image.getpixel((120, 75))) < 60


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_cover_may_be_jpeg_png_or_webp(form: str) -> None:
    assert read(made(still=cover(WIDE, form=form))) == [LINK]


@pytest.mark.parametrize("size", [(10, 4000), (4000, 10), (900, 900), (1000, 750), (750, 1000)])
def test_a_cover_of_any_shape_makes_a_poster(size: tuple[int, int]) -> None:
    assert read(made(still=flat(size, "#3b8f6a"), category=AI)) == [LINK]
    assert read(made(still=flat(size, "#3b8f6a"))) == [LINK]


# --- The words ---


@pytest.mark.parametrize(
    "title", ["<b>粗体</b>&amp;<script>", "{{7*7}}%s{0}", "🎉", "", "䶮㛃𠮷\U0003134a", FORTY * 9]
)
@SIZES
def test_any_title_makes_a_poster_and_markup_is_only_text(
    title: str, size: tuple[int, int]
) -> None:
    assert "<" not in title or drawable(title) == title
    assert read(made(entry=replace(ENTRY, title=title), still=cover(size))) == [LINK]


@SIZES
def test_no_text_is_smaller_than_18_px(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    font = lettering.font
    monkeypatch.setattr(
        lettering, "font", lambda weight, size: sizes.append(size) or font(weight, size)
    )
    longer = replace(WORDY, title="长" * 300, author="长" * 300, unit="长" * 300)
    for entry in (ENTRY, BARE, WORDY, longer):
        picture(entry, AI, "长" * 60, ORGANIZERS * 3, cover(size))
    assert len(sizes) > 100
    assert min(sizes) >= 18


@SIZES
def test_seal_red_is_the_vote_s_and_nothing_else_s(size: tuple[int, int]) -> None:
    image = made(entry=WORDY, category=AI, still=flat(size, "#808080"))
    red, green, _ = image.split()
    reddish = ImageChops.subtract(red, green).point(lambda level: 255 * (level > 70))
    left, top, right, bottom = reddish.getbbox()
    assert MARGIN - 2 <= left < right < 380
    assert FOOT - 110 < top < bottom < FOOT - 30


@SIZES
def test_missing_people_and_organizers_leave_no_trace(size: tuple[int, int]) -> None:
    for number in (7, 12345):
        data = poster(replace(BARE, number=number), LIVE, "", (), LINK, cover(size))
        assert read(opened(data)) == [LINK]


def test_something_that_is_no_picture_is_refused() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        poster(ENTRY, LIVE, CONTEST, ORGANIZERS, LINK, b"no picture")


def test_posters_made_at_the_same_time_do_not_disturb_each_other() -> None:
    stills = [cover(UPRIGHT), cover(WIDE)] * 4

    def draw(still: bytes) -> bytes:
        return poster(ENTRY, AI, CONTEST, ORGANIZERS, LINK, still)

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(draw, stills))
    assert together == [draw(still) for still in stills]
