"""Forms and videos as people send them, made here: nothing is read from outside the test."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import av
import docx
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw

from voting.contest import Category

#: Made up; what must never be found in anything that intake returns, writes or raises.
PHONE = "13812345678"
ADDRESS = "山东省临沂市兰山区沂蒙路九十九号"

CATEGORIES = {
    "live": Category("live", "实景拍摄类", 180, ai=False),
    "ai": Category("ai", "AI创作类", 120, ai=True),
}

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
    """A form of one table with these texts in its cells."""
    document = docx.Document()
    document.add_paragraph("Vlog 大赛作品报名表")
    table = document.add_table(rows=0, cols=max(map(len, rows)))
    for texts in rows:
        for cell, text in zip(table.add_row().cells, texts, strict=False):
            cell.text = text
    return saved(document)


def official_form(**changes: str) -> bytes:
    """The notice's own layout: labels left, values in merged cells; `作品名称="…"` changes one."""
    values = {label: changes.get(label.split("\n")[0], value) for label, value in OFFICIAL.items()}
    document = docx.Document()
    table = document.add_table(rows=0, cols=4)
    for label, value in values.items():
        cells = table.add_row().cells
        cells[0].text = label
        cells[1].merge(cells[3]).text = value
    return saved(document)


def scene(size: tuple[int, int], step: int) -> Image.Image:
    """A busy picture with a red top left corner, so that which way is up can be seen."""
    width, height = size
    image = Image.new("RGB", size, (90, 140, 110))
    draw = ImageDraw.Draw(image)
    for x in range(0, width, width // 24):
        draw.line((x, 0, (x + step * 9) % width, height), fill=(230, 230, 210), width=5)
    draw.rectangle((0, 0, width // 4, height // 4), fill=(230, 20, 20))
    return image


def encode(
    path: Path,
    *,
    size: tuple[int, int] = (1920, 1080),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    audio: str | None = "aac",
    faststart: bool = False,
    metadata: dict[str, str] | None = None,
    frames: Callable[[int], Image.Image] | None = None,
    count: int = 10,
) -> Path:
    """A real video at 10 frames a second, its index (moov) at the end unless `faststart`."""
    flags = "use_metadata_tags" + ("+faststart" if faststart else "")
    with av.open(str(path), "w", container_options={"movflags": flags}) as out:
        out.metadata.update(metadata or {})
        picture = out.add_stream(codec, rate=10, options={"preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = *size, pixels
        sound = out.add_stream(audio, rate=44100, layout="mono") if audio else None
        for step in range(count):
            image = frames(step) if frames else scene(size, step)
            out.mux(picture.encode(VideoFrame.from_image(image)))
        out.mux(picture.encode(None))
        for start in range(0, 4410 * count if sound else 0, 1152):
            quiet = AudioFrame(format="fltp", layout="mono", samples=1152)
            quiet.planes[0].update(bytes(quiet.planes[0].buffer_size))
            quiet.sample_rate, quiet.pts = 44100, start
            out.mux(sound.encode(quiet))
        if sound:
            out.mux(sound.encode(None))
    return path


def turned(path: Path, out: Path) -> Path:
    """The video as a phone held upright writes it: stored lying, a matrix turns it clockwise.

    The matrix is the one in QuickTime's file format: x' = a·x + c·y + tx, y' = b·x + d·y + ty.
    """
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    one = 1 << 16
    data[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 1080 * one, 0, 1 << 30)
    out.write_bytes(data)
    return out


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="session")
def lying(shelf: Path) -> Path:
    """1920×1080, H.264 and AAC, moov at the end: what an editor on a PC exports."""
    return encode(shelf / "lying.mp4")


@pytest.fixture(scope="session")
def upright(shelf: Path) -> Path:
    return encode(shelf / "upright.mp4", size=(1080, 1920), audio=None, count=6)


@pytest.fixture(scope="session")
def phone_upright(shelf: Path, lying: Path) -> Path:
    return turned(lying, shelf / "turned.mp4")


@pytest.fixture(scope="session")
def swift(shelf: Path) -> Path:
    """Small, moov at the front."""
    return encode(shelf / "swift.mp4", size=(320, 180), faststart=True)


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "mailbox"
    folder.mkdir()
    yield folder
