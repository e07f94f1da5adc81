"""A mailed video → what it is, and whether every phone plays it.

A video is data from a stranger: it is opened as MP4 and as nothing else (a playlist called .mp4
must not make us fetch), its boxes and its pictures are counted first, and only a bounded number
of pictures is decoded.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from voting.disk import BROKEN

#: Nothing larger is decoded: 4096×4096 is twice what 4K needs.
MAX_PIXELS: Final = 4096 * 4096
#: Three minutes of 4K at 60 pictures a second, all pixels together, and an hour of 30 a second.
MAX_ALL_PIXELS: Final = 180 * 60 * 3840 * 2160
MAX_FRAMES: Final = 3600 * 30
#: A cover of 1080 columns must stay a picture.
MAX_ASPECT: Final = 8
MAX_BOXES: Final = 10_000
MAX_MARK: Final = 1_000  # characters shown of a mark of AI

#: What phones of the last ten years decode in hardware, and what a mobile line carries.
MAX_LEVEL: Final = 51  # 5.1
MAX_RATE: Final = 60.5  # frames a second; 59.94 and 60.00 are both called 60
MAX_BITS: Final = 25_000_000  # a second

_NAMES: Final = {
    "h264": "H.264",
    "ac3": "AC-3",
    "eac3": "E-AC-3",
    "mpeg4": "MPEG-4",
    "mjpeg": "Motion JPEG",
    "unknown": "未知格式",
}
#: What is wrong with our disk, not with the video. (FFmpeg says EINVAL for bad data.)
DISK_ERRORS: Final = BROKEN | {errno.EACCES, errno.ENOENT}
NO_PICTURE: Final = "视频里没有能解码的画面，文件可能已损坏"
_PLAYABLE_PIXELS: Final = ("yuv420p", "yuvj420p")
_PLAYABLE_SOUND: Final = ("LC", "HE-AAC", "HE-AACv2")
_AIGC: Final = "AIGC"


class VideoRefused(Exception):  # noqa: N818 a refusal, not an error
    """The video can't be used as it is; the text is a plain Chinese sentence."""


@dataclass(frozen=True, slots=True)
class Video:
    """What a video file is. Width and height are as displayed: rotated, with square pixels.

    `content_sha256` is of the coded pictures alone: another container, title or sound track
    doesn't change it. `ai_mark` is the metadata AIGC that GB 45438—2025 asks of AI-made content,
    cleaned and cut; '' when the file carries none.
    """

    container: str
    codec: str
    audio: str | None
    width: int
    height: int
    seconds: float
    faststart: bool
    pixel_format: str
    level: int = 0  # of H.264, times ten; 0 when unknown
    frames: int = 0
    frame_rate: float = 0.0
    bits: int = 0  # of the picture, a second
    audio_profile: str = ""
    channels: int = 0
    content_sha256: str = ""
    ai_mark: str = ""


def probe(path: Path) -> Video:
    """Look into an MP4 or MOV file. Raises VideoRefused when it is no whole, decodable video."""
    container, faststart = _layout(path)
    with opened(path) as source:
        stream = picture_stream(source)
        context = stream.codec_context
        if context.width * context.height > MAX_PIXELS:
            raise VideoRefused(f"分辨率 {context.width}×{context.height} 过大，无法处理")
        read = _read_through(source, stream)
        frame, frames = read.first, read.frames
        width, height = _displayed_size(stream, frame)
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise VideoRefused(f"画面比例异常：{width}×{height}")
        if frames > MAX_FRAMES or frames * frame.width * frame.height > MAX_ALL_PIXELS:
            raise VideoRefused(f"视频有 {frames} 帧 {width}×{height} 的画面，数量过大，无法处理")
        seconds = max(_seconds(source, stream), read.seconds)  # a header may say anything
        sound = sound_stream(source)
        return Video(
            container=container,
            codec=_codec(stream),
            audio=_codec(sound) if sound else None,
            width=width,
            height=height,
            seconds=seconds,
            faststart=faststart,
            pixel_format=context.pix_fmt or "",
            level=_level(stream),
            frames=frames,
            frame_rate=float(stream.average_rate or 0),
            bits=round(read.size * 8 / seconds),
            audio_profile=(sound.profile or "") if sound else "",
            channels=sound.codec_context.channels if sound and sound.codec_context else 0,
            content_sha256=read.sha256,
            ai_mark=_shown(next(iter(ai_marks(source).values()), "")),
        )


def why_web_copy(video: Video) -> str:
    """What kept browsers on phones from playing `video`, and that a copy was made, as a sentence;
    '' when they all play it. The copy that makes the sentence true is make_media's."""
    flaws = [*picture_flaws(video), *sound_flaws(video)]
    return f"{'、'.join(flaws)}，已另存一份手机都能播放的版本" if flaws else ""


def picture_flaws(video: Video) -> Iterator[str]:
    """Why the picture must be encoded anew, each as half a sentence; nothing if it needn't."""
    if video.codec != "h264":
        yield f"视频编码为 {_NAMES.get(video.codec, video.codec.upper())}"
    elif video.pixel_format not in _PLAYABLE_PIXELS:
        yield f"像素格式为 {video.pixel_format}"
    if video.codec == "h264" and video.level > MAX_LEVEL:
        yield f"H.264 级别为 {video.level / 10:.1f}"
    if video.frame_rate > MAX_RATE:
        yield f"帧率为每秒 {video.frame_rate:.0f} 帧"
    if video.bits > MAX_BITS:
        yield f"码率为每秒 {video.bits / 1e6:.0f} 兆比特"


def sound_flaws(video: Video) -> Iterator[str]:
    """Why the sound must be encoded anew, as half a sentence; nothing if it needn't."""
    if video.audio is None:
        return
    if video.audio != "aac":
        yield f"音频编码为 {_NAMES.get(video.audio, video.audio.upper())}"
    elif video.audio_profile not in ("", *_PLAYABLE_SOUND):
        yield f"音频编码为 AAC {video.audio_profile}"
    if video.channels > 2:
        yield f"音频有 {video.channels} 个声道"


def ai_marks(source: InputContainer) -> dict[str, str]:
    """The metadata that marks AI-made content: what is called AIGC, or is JSON about it."""
    tags = chain(source.metadata.items(), *(one.metadata.items() for one in source.streams))
    return {
        key: value for key, value in tags if key.upper() == _AIGC or f'"{_AIGC}"' in value.upper()
    }


def _shown(text: str) -> str:
    spaced = " ".join(text[: 2 * MAX_MARK].split())
    return "".join(c for c in spaced if unicodedata.category(c)[0] != "C")[:MAX_MARK]


class _Read(NamedTuple):
    first: VideoFrame
    frames: int
    size: int  # bytes
    seconds: float
    sha256: str


def _read_through(source: InputContainer, stream: VideoStream) -> _Read:
    """The first picture that decodes; number, bytes, length and SHA-256 of all coded pictures."""
    first, frames, size, digest = None, 0, 0, hashlib.sha256()
    start, end = math.inf, 0
    for packet in source.demux(stream):
        digest.update(packet)
        frames, size = frames + bool(packet.size), size + packet.size
        if packet.pts is not None and not packet.is_discard:
            start, end = min(start, packet.pts), max(end, packet.pts + (packet.duration or 0))
        if first is None:
            try:
                first = next((f for f in packet.decode() if isinstance(f, VideoFrame)), None)
            except av.FFmpegError:
                continue  # damaged packets are passed over
    if first is None:
        raise VideoRefused(NO_PICTURE)
    seconds = max(0.0, end - start) * float(stream.time_base or 0)
    return _Read(first, frames, size, seconds, digest.hexdigest())


def _level(stream: VideoStream) -> int:
    """From H.264's configuration record (ISO/IEC 14496-15, 5.3.3.1)."""
    record = stream.codec_context.extradata or b""
    return record[3] if _codec(stream) == "h264" and len(record) > 6 and record[0] == 1 else 0


# --- reading ------------------------------------------------------------------------------------


def url(path: Path) -> str:
    return f"file:{path}"  # so that a name with a colon is not taken for a protocol


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The file as FFmpeg's MP4 reader sees it; FFmpeg's errors, which hold its name, stay here."""
    code = 0
    try:
        with av.open(
            url(path), "r", "mp4", {"protocol_whitelist": "file"}, metadata_errors="replace"
        ) as source:
            yield source
            return
    except av.FFmpegError as error:
        code = error.errno or 0
    if code in DISK_ERRORS:
        raise OSError(code, os.strerror(code)) from None
    raise VideoRefused("视频打不开，文件可能已损坏或没有传完") from None


def picture_stream(source: InputContainer, threads: int = 1) -> VideoStream:
    """The film itself, not a cover that a music program put in. Raises VideoRefused."""
    for stream in source.streams.video:
        if stream.codec_context and not stream.disposition & Disposition.attached_pic:
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            stream.thread_count, stream.thread_type = threads, "AUTO"
            return stream
    raise VideoRefused("文件里没有能识别的视频画面")


def sound_stream(source: InputContainer) -> AudioStream | None:
    """The sound track that is kept: the first."""
    return next(iter(source.streams.audio), None)


def _codec(stream: VideoStream | AudioStream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"


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
