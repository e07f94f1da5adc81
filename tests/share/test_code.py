"""QR codes as PNG and SVG."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image, ImageChops, ImageDraw

from share.chat import EVERY_WAY, read, squeezed
from voting.share.code import coarse, drawn, qr_png, qr_svg

SHORT = "https://v.cn/e/7"
LINK = "https://vote.example.cn/e/7?s=k3f9a2-_Qw"
LONG = "https://renqi-toupiao.dsj.shandong.gov.cn/e/1234?s=k3f9a2-_Qw"
LINKS = pytest.mark.parametrize("link", [SHORT, LINK, LONG])
SVG = "{http://www.w3.org/2000/svg}"


def png(link: str, box: int = 10) -> Image.Image:
    return Image.open(io.BytesIO(qr_png(link, box=box)))


def svg(link: str) -> Image.Image:
    """The SVG as a browser would show it, ten pixels a module."""
    root = ElementTree.fromstring(qr_svg(link))  # noqa: S314 our own document
    side = int(root.attrib["viewBox"].split()[2])
    image = Image.new("L", (side * 10, side * 10), 255)
    draw = ImageDraw.Draw(image)
    for module in root.findall(f"{SVG}path")[1].attrib["d"].split("M")[1:]:
        x, y = (10 * int(part) for part in module.split("h")[0].split())
        draw.rectangle((x, y, x + 9, y + 9), 0)
    return image


@LINKS
@EVERY_WAY
def test_a_code_reads_back_as_its_link(
    link: str, factor: float, quality: int | None, turn: float
) -> None:
    for image in (png(link), svg(link)):
        assert read(squeezed(image, factor, quality, turn)) == [link]


def test_a_png_is_one_bit_deep_and_has_a_quiet_zone_of_four_modules() -> None:
    image = png(LINK, box=6)
    assert image.mode == "1"
    dark = ImageChops.invert(image.convert("L")).getbbox()
    assert dark == (24, 24, image.width - 24, image.height - 24)


def test_an_svg_has_a_quiet_zone_of_four_modules_and_the_same_modules() -> None:
    root = ElementTree.fromstring(qr_svg(LINK))  # noqa: S314 our own document
    assert root.tag == f"{SVG}svg"
    assert [path.attrib["fill"] for path in root.findall(f"{SVG}path")] == ["#fff", "#000"]
    image = svg(LINK)
    assert ImageChops.invert(image).getbbox() == (40, 40, image.width - 40, image.height - 40)
    assert image.tobytes() == png(LINK).convert("L").tobytes()


@pytest.mark.parametrize(("length", "level"), [(60, "Q"), (74, "Q"), (75, "M"), (300, "M")])
def test_on_paper_a_link_is_protected_at_level_q_until_the_code_would_outgrow_version_6(
    length: int, level: str
) -> None:
    url = "https://vote.example.cn/".ljust(length, "x")
    (code,) = zxingcpp.read_barcodes(png(url))
    assert (code.text, code.ec_level) == (url, level)


@pytest.mark.parametrize(
    ("length", "modules", "level"),
    [(14, 25, "H"), (20, 25, "Q"), (32, 25, "L"), (42, 29, "M"), (53, 29, "L"), (54, 33, "M"),
     (78, 33, "L"), (79, 37, "M")],
)  # fmt: skip
def test_on_screens_modules_are_as_large_as_can_be_and_then_as_well_protected(
    length: int, modules: int, level: str
) -> None:
    url = "http://a.b/e/1".ljust(length, "x")
    rows = coarse(url)
    image = drawn(rows, 8).convert("L")
    (code,) = zxingcpp.read_barcodes(image)
    assert (code.text, len(rows), code.ec_level) == (url, modules, level)


def test_a_link_that_no_code_holds_is_refused() -> None:
    for make in (qr_png, qr_svg, coarse):
        with pytest.raises(ValueError, match="41"):
            make("https://vote.example.cn/".ljust(3000, "x"))


def test_markup_in_a_link_stays_in_the_code() -> None:
    link = 'https://vote.example.cn/?"><script>&'
    assert b"script" not in qr_svg(link)
    assert read(png(link)) == [link]
