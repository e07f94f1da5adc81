"""Small videos, as phones and editors make them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw


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
    pixels: str = "yuv420p",
    audio: str | None = "aac",
    faststart: bool = False,
    metadata: dict[str, str] | None = None,
    frames: Callable[[int], Image.Image] | None = None,
    count: int = 10,
    options: dict[str, str] | None = None,
) -> Path:
    """A real video at 10 frames a second, its index (moov) at the end unless `faststart`."""
    fast = {"preset": "ultrafast"}
    flags = "use_metadata_tags" + ("+faststart" if faststart else "")
    with av.open(str(path), "w", container_options={"movflags": flags}) as out:
        out.metadata.update(metadata or {})
        picture = out.add_stream("libx264", rate=10, options={**fast, **(options or {})})
        picture.width, picture.height, picture.pix_fmt = *size, pixels
        sound = out.add_stream(audio, rate=44100, layout="mono") if audio else None
        for step in range(count):
            image = frames(step) if frames else scene(size, step)
            out.mux(picture.encode(VideoFrame.from_image(image)))
        out.mux(picture.encode(None))
        for start in range(0, 4410 * count if sound else 0, 1152):
            out.mux(sound.encode(silence(start)))
        if sound:
            out.mux(sound.encode(None))
    return path


def silence(start: int) -> AudioFrame:
    frame = AudioFrame(format="fltp", layout="mono", samples=1152)
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    frame.sample_rate, frame.pts = 44100, start
    return frame


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
