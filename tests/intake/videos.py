"""Small videos, as phones and editors make them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.stream import Disposition
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
    rate: int = 10,
    layout: str = "mono",
) -> Path:
    """A real video, its index (moov) at the end unless `faststart`."""
    fast = {"preset": "ultrafast"}
    flags = "use_metadata_tags" + ("+faststart" if faststart else "")
    with av.open(str(path), "w", container_options={"movflags": flags}) as out:
        out.metadata.update(metadata or {})
        picture = out.add_stream("libx264", rate=rate, options={**fast, **(options or {})})
        picture.width, picture.height, picture.pix_fmt = *size, pixels
        sound = out.add_stream(audio, rate=44100, layout=layout) if audio else None
        for step in range(count):
            image = frames(step) if frames else scene(size, step)
            out.mux(picture.encode(VideoFrame.from_image(image)))
        out.mux(picture.encode(None))
        for start in range(0, 44100 * count // rate if sound else 0, 1152):
            out.mux(sound.encode(silence(start, layout)))
        if sound:
            out.mux(sound.encode(None))
    return path


def silence(start: int, layout: str = "mono") -> AudioFrame:
    frame = AudioFrame(format="fltp", layout=layout, samples=1152)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
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


def remuxed(path: Path, out: Path, **metadata: str) -> Path:
    """The same pictures and sound in a new file."""
    options = {"movflags": "use_metadata_tags+faststart"}
    with av.open(str(path)) as source, av.open(str(out), "w", container_options=options) as target:
        target.metadata.update(metadata)
        twins = {one.index: target.add_stream_from_template(one) for one in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = twins[packet.stream.index]
                target.mux(packet)
    return out


def growing(out: Path) -> Path:
    """A film whose pictures are 320×180 first and 480×360 then, as some screen recorders write."""
    options = {"preset": "ultrafast", "x264-params": "repeat-headers=1:annexb=1", "g": "5"}
    with av.open(str(out), "w") as target:
        film = target.add_stream("libx264", rate=10, options=options)
        film.width, film.height, film.pix_fmt = 320, 180, "yuv420p"
        other = av.CodecContext.create("libx264", "w")
        other.width, other.height, other.pix_fmt = 480, 360, "yuv420p"
        other.time_base, other.options = Fraction(1, 10), options
        packets = [
            *(film.encode(VideoFrame.from_image(scene((320, 180), step))) for step in range(5)),
            film.encode(None),
        ]
        target.mux([packet for some in packets for packet in some])
        frames = [VideoFrame.from_image(scene((480, 360), step)) for step in range(5)]
        for step, frame in enumerate(frames):
            frame.pts, frame.time_base = 5 + step, Fraction(1, 10)
        for packet in [one for frame in (*frames, None) for one in other.encode(frame)]:
            packet.stream, packet.time_base = film, Fraction(1, 10)
            target.mux(packet)
    return out


def patched(path: Path, out: Path, box: bytes, at: int, value: bytes) -> Path:
    """The file with `value` written `at` so many bytes behind the name of its first such box."""
    data = bytearray(path.read_bytes())
    start = data.index(box) + 4 + at
    data[start : start + len(value)] = value
    out.write_bytes(data)
    return out


def stuffed(path: Path, out: Path, box: bytes) -> Path:
    """The file with `box` put into its moov, which must come last."""
    data = path.read_bytes()
    moov = data.rindex(b"moov") - 4
    size = int.from_bytes(data[moov : moov + 4]) + len(box)
    out.write_bytes(data[:moov] + size.to_bytes(4) + data[moov + 4 :] + box)
    return out


def song_with_cover(out: Path) -> Path:
    """Sound, and a picture that only illustrates it."""
    with av.open(str(out), "w", "mp4") as target:
        sound = target.add_stream("aac", rate=44100, layout="mono")
        cover = target.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        target.mux(cover.encode(VideoFrame.from_image(Image.new("RGB", (64, 64), "red"))))
        target.mux([*cover.encode(None), *sound.encode(silence(0)), *sound.encode(None)])
    return out
