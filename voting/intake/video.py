"""A mailed video → what it is, three covers, and a copy that every phone plays.

A video is data from a stranger: it is opened as MP4 and as nothing else (a playlist called .mp4
must not make us fetch), its boxes are measured first, and only a bounded number of frames is
decoded.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Final, Literal

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from av.video.stream import VideoStream
from PIL import Image, ImageFilter, ImageStat

COVER_WIDTHS: Final = (480, 720, 1080)
COVER_SUFFIXES: Final = ("webp", "jpg")

#: Nothing larger is decoded: 4096×4096 is four times what 4K needs.
MAX_PIXELS: Final = 4096 * 4096
#: A cover of 1080 columns must stay a picture.
MAX_ASPECT: Final = 8
MAX_BOXES: Final = 10_000
MAX_DECODED_FRAMES: Final = 1_500
SAMPLES: Final = 8

_NAMES: Final = {"h264": "H.264", "mpeg4": "MPEG-4", "mjpeg": "Motion JPEG"}
#: By quarter turns counter-clockwise, as FFmpeg counts them.
_TURNS: Final = (
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
)
#: What is wrong with our disk, not with the video. (FFmpeg says EINVAL for bad data.)
_DISK_ERRORS: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.ENOENT}
)
_UNNAMED_MATRIX: Final = 2  # AVCOL_SPC_UNSPECIFIED
_PLAYABLE_PIXELS: Final = ("yuv420p", "yuvj420p")


class VideoRefused(Exception):  # noqa: N818 a refusal, not an error
    """The video can't be used as it is; `reason` is a plain Chinese sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Video:
    """What a video file is. Width and height are as displayed: rotated, with square pixels."""

    container: str
    codec: str
    audio: str | None
    width: int
    height: int
    seconds: float
    faststart: bool
    pixel_format: str


def probe(path: Path) -> Video:
    """Look into an MP4 or MOV file. Raises VideoRefused when it is no whole, decodable video."""
    container, faststart = _layout(path)
    with _opened(path) as source:
        stream = _picture_stream(source)
        context = stream.codec_context
        if context.width * context.height > MAX_PIXELS:
            raise VideoRefused(f"分辨率 {context.width}×{context.height} 过大，无法处理")
        frame = next(_decoded(source, stream), None)
        if frame is None:
            raise VideoRefused("视频里没有能解码的画面，文件可能已损坏")
        width, height = _displayed_size(stream, frame)
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise VideoRefused(f"画面比例异常：{width}×{height}")
        sounds = source.streams.audio
        return Video(
            container=container,
            codec=_codec(stream),
            audio=_codec(sounds[0]) if sounds else None,
            width=width,
            height=height,
            seconds=_seconds(source, stream),
            faststart=faststart,
            pixel_format=context.pix_fmt or "",
        )


def unplayable(video: Video) -> str:
    """Why browsers on phones may not play `video`, as a sentence; '' when they all do."""
    if video.codec != "h264":
        name = _NAMES.get(video.codec, video.codec.upper())
        return f"视频编码为 {name}，手机上不一定能播放，需转码"
    if video.pixel_format not in _PLAYABLE_PIXELS:
        return f"像素格式为 {video.pixel_format}，手机上不一定能播放，需转码为 8 位 4:2:0"
    if video.audio not in (None, "aac"):
        return f"音频编码为 {video.audio.upper()}，手机上不一定能播放，需转码"
    return ""


# --- covers -------------------------------------------------------------------------------------


def make_covers(path: Path, video: Video, folder: Path) -> None:
    """Write cover-480, -720 and -1080 (their widths), each as .webp and .jpg, into `folder`.

    The picture is the sharpest of eight between 10 % and 70 % of the video that is neither nearly
    black nor nearly white: fade-ins, title cards and credits lie outside or lose.
    Raises VideoRefused when no picture can be decoded.
    """
    with _opened(path) as source:
        stream = _picture_stream(source)
        best = max(_candidates(source, stream, video.seconds), key=_merit, default=None)
        if best is None:
            raise VideoRefused("视频里没有能解码的画面，文件可能已损坏")
        widest = _upright_image(best, COVER_WIDTHS[-1], _height(video, COVER_WIDTHS[-1]))
    files = {
        f"cover-{width}.{suffix}": _encoded(widest, (width, _height(video, width)), suffix)
        for width in COVER_WIDTHS
        for suffix in COVER_SUFFIXES
    }
    for name, data in files.items():
        with _finished_at_once(folder / name) as part:
            part.write_bytes(data)


def _height(video: Video, width: int) -> int:
    return max(1, round(width * video.height / video.width))


def _candidates(
    source: InputContainer, stream: VideoStream, seconds: float
) -> Iterator[VideoFrame]:
    """About SAMPLES frames from the middle of the video, as cheaply as it allows.

    Key frames decode alone; where an encoder set too few of them, the frames between must be
    decoded as well, but never more than MAX_DECODED_FRAMES.
    """
    base = float(stream.time_base or 1)
    start, end = 0.1 * seconds, 0.7 * seconds
    keys = [
        entry.timestamp
        for entry in stream.index_entries
        if entry.is_keyframe and start <= entry.timestamp * base <= end
    ]
    if len(keys) >= SAMPLES // 2:
        picked = {keys[i * (len(keys) - 1) // (SAMPLES - 1)]: None for i in range(SAMPLES)}
        yield from (frame for key in picked if (frame := _key_frame(source, stream, key)))
        return
    source.seek(int(start / base), stream=stream)
    frame, wanted, step = None, start, (end - start) / (SAMPLES - 1)
    for frame in islice(_decoded(source, stream), MAX_DECODED_FRAMES):
        if (frame.time or 0) > end:
            break
        if (frame.time or 0) >= wanted:
            wanted += step
            yield frame
    if wanted == start and frame is not None:
        yield frame


def _key_frame(source: InputContainer, stream: VideoStream, timestamp: int) -> VideoFrame | None:
    """The key frame at or before `timestamp`, decoded alone."""
    source.seek(timestamp, stream=stream)
    for packet in source.demux(stream):
        if packet.is_keyframe:
            try:
                frames = [*packet.decode(), *stream.codec_context.decode(None)]
            except av.FFmpegError:
                return None
            return next((f for f in frames if isinstance(f, VideoFrame)), None)
    return None


def _merit(frame: VideoFrame) -> tuple[bool, float]:
    """How good a cover the frame makes: not dark or blown out first, then sharpness."""
    grey = _image(frame, (480, 270), "L")
    edges = grey.filter(ImageFilter.FIND_EDGES).crop((2, 2, 478, 268))
    return 32 <= ImageStat.Stat(grey).mean[0] <= 224, ImageStat.Stat(edges).stddev[0]


def _upright_image(frame: VideoFrame, width: int, height: int) -> Image.Image:
    turn = round(frame.rotation / 90) % 4
    image = _image(frame, (height, width) if turn % 2 else (width, height), "RGB")
    return image.transpose(_TURNS[turn - 1]) if turn else image


def _image(frame: VideoFrame, size: tuple[int, int], mode: Literal["L", "RGB"]) -> Image.Image:
    """The frame as it is stored, scaled to `size`, with the colours of its standard."""
    # HD video that doesn't name its colour matrix means BT.709; the scaler would assume BT.601.
    unnamed = frame.colorspace == _UNNAMED_MATRIX and min(frame.width, frame.height) >= 720
    scaled = frame.reformat(
        *size,
        format="rgb24" if mode == "RGB" else "gray",
        src_colorspace=Colorspace.ITU709 if unnamed else None,
        interpolation=Interpolation.AREA,
    )
    plane = scaled.planes[0]
    return Image.frombuffer(mode, size, bytes(plane), "raw", mode, plane.line_size, 1)


def _encoded(image: Image.Image, size: tuple[int, int], suffix: str) -> bytes:
    sized = image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)
    buffer = BytesIO()
    if suffix == "webp":
        sized.save(buffer, "WEBP", quality=78, method=4)
    else:
        sized.save(buffer, "JPEG", quality=82, progressive=True, optimize=True)
    return buffer.getvalue()


# --- the web copy -------------------------------------------------------------------------------


def make_web_copy(path: Path, video: Video, out: Path) -> None:
    """Write a copy that starts to play before it is loaded, without encoding anything anew.

    A file in order is copied as it is; any other has its one picture and one sound track put into
    a new MP4. Raises VideoRefused for what phones may not play (see `unplayable`).
    """
    if reason := unplayable(video):
        raise VideoRefused(reason)
    with _finished_at_once(out) as part:
        if video.faststart and _is_plain(path):
            shutil.copyfile(path, part)
        else:
            _remux(path, part)


def _is_plain(path: Path) -> bool:
    """Whether nothing but picture and sound is in the file: no further tracks, no place."""
    with _opened(path) as source:
        tracks = source.streams
        lone = len(tracks.video) == 1 and len(tracks.audio) <= 1
        known = len(tracks.video) + len(tracks.audio) == len(tracks)
        return lone and known and not any("location" in key.lower() for key in source.metadata)


def _remux(path: Path, out: Path) -> None:
    options = {"movflags": "faststart+use_metadata_tags"}
    with (
        _opened(path) as source,
        av.open(_url(out), "w", "mp4", container_options=options) as target,
    ):
        # Phones write where they were; only the mark of AI-made content is due to the public.
        target.metadata.update({k: v for k, v in source.metadata.items() if k.upper() == "AIGC"})
        kept = [_picture_stream(source), *source.streams.audio[:1]]
        twins = {stream.index: target.add_stream_from_template(stream) for stream in kept}
        for packet in source.demux(kept):
            if packet.dts is not None:
                packet.stream = twins[packet.stream.index]
                target.mux(packet)


@contextmanager
def _finished_at_once(out: Path) -> Iterator[Path]:
    """A name to write to that becomes `out` when all went well, and vanishes when not."""
    part = out.with_name(f".{out.name}.part")
    try:
        yield part
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


# --- reading ------------------------------------------------------------------------------------


def _url(path: Path) -> str:
    return f"file:{path}"  # so that a name with a colon is not taken for a protocol


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    """The file as FFmpeg's MP4 reader sees it; FFmpeg's errors, which hold its name, stay here."""
    code = 0
    try:
        with av.open(
            _url(path), "r", "mp4", {"protocol_whitelist": "file"}, metadata_errors="replace"
        ) as source:
            yield source
            return
    except av.FFmpegError as error:
        code = error.errno or 0
    if code in _DISK_ERRORS:
        raise OSError(code, os.strerror(code)) from None
    raise VideoRefused("视频打不开，文件可能已损坏或没有传完") from None


def _picture_stream(source: InputContainer) -> VideoStream:
    for stream in source.streams.video:
        if stream.codec_context and not stream.disposition & Disposition.attached_pic:
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            stream.thread_type = "AUTO"
            return stream
    raise VideoRefused("文件里没有能识别的视频画面")


def _codec(stream: VideoStream | AudioStream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"


def _decoded(source: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames from where the source stands; damaged packets are passed over."""
    for packet in source.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        yield from (frame for frame in frames if isinstance(frame, VideoFrame))


def _displayed_size(stream: VideoStream, frame: VideoFrame) -> tuple[int, int]:
    width = round(frame.width * float(stream.sample_aspect_ratio or 1))
    return (frame.height, width) if round(frame.rotation / 90) % 2 else (width, frame.height)


def _seconds(source: InputContainer, stream: VideoStream) -> float:
    whole = (source.duration or 0) / av.time_base
    own = float((stream.duration or 0) * (stream.time_base or 0))
    if max(whole, own) <= 0:
        raise VideoRefused("读不出视频的时长，文件可能已损坏")
    return max(whole, own)


def _layout(path: Path) -> tuple[str, bool]:
    """The container's name, and whether its index (moov) lies before its data (mdat).

    Boxes: ISO/IEC 14496-12, 4.2. Raises VideoRefused for a file that is none or is cut short.
    """
    boxes: dict[str, int] = {}
    brand = ""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        at = 0
        while at < end and len(boxes) < MAX_BOXES:
            file.seek(at)
            head = file.read(16).ljust(16, b"\0")
            size, kind = int.from_bytes(head[:4]), head[4:8].decode("latin-1")
            size = {0: end - at, 1: int.from_bytes(head[8:16])}.get(size, size)
            if kind == "ftyp":
                brand = head[8:12].decode("latin-1")
            if "ftyp" not in boxes | {kind: at}:
                raise VideoRefused("不是 MP4 视频文件")
            boxes.setdefault(kind, at)
            if size < 8 or at + size > end:
                raise VideoRefused("视频文件不完整，可能没有传完")
            at += size
    if not boxes:
        raise VideoRefused("视频是空文件")
    if "moov" not in boxes or "mdat" not in boxes:
        raise VideoRefused("视频文件不完整，可能没有传完")
    names = {"qt  ": "mov", "3gp": "3gp"}
    return names.get(brand, names.get(brand[:3], "mp4")), boxes["moov"] < boxes["mdat"]
