"""What a copy is made of: a track as it is in the original, or encoded anew in H.264 or AAC."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Protocol, TypeAlias

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from voting.intake.stills import UNNAMED
from voting.intake.video import Video

_PRESET: Final = "veryfast"  # measured, see docs/decisions.md
_GROUP_S: Final = 2  # seconds between key frames, to which a viewer can jump
#: Of the original picture's bits, a mobile copy uses at most so many: 720p has 44 % of the pixels
#: of 1080p. What a newer codec holds takes H.264 twice the bits.
_SHARE: Final = {"h264": 0.6}
_SHARE_OF_OTHERS: Final = 1.2
_LEAST_BITS: Final = 48_000
_TURNS: Final = ((), ("cclock",), ("clock", "clock"), ("clock",))  # by quarters, as FFmpeg counts
_BT709: Final = 1  # this is the number of the matrix, the primaries and the transfer
_LIMITED: Final = 1
_HDR: Final = (16, 18)  # SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG)
_BASE: Final = Fraction(1, 90_000)

Frames: TypeAlias = Sequence[VideoFrame | AudioFrame]
Coded: TypeAlias = "Packet[Any]"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a copy is encoded to: the box that it fits into (long and short side), x264's rate
    factor (less is better), the most bits a second, and the most frames a second."""

    long: int
    short: int
    factor: int
    bits: int
    sound_bits: int
    rate: int


WEB_SHAPE: Final = Shape(1920, 1080, 21, 6_000_000, 128_000, 60)
MOBILE_SHAPE: Final = Shape(1280, 720, 24, 1_200_000, 96_000, 30)


class Track(Protocol):
    kept: bool

    def take(self, packet: Coded, frames: Frames) -> Sequence[Coded]:
        """What to write for a packet of the original, and the frames it decoded to."""

    def end(self) -> Sequence[Coded]:
        """What is left to write."""


class Grading:
    """HDR as phones film it (PQ, HLG) → BT.709, for it would look grey; other frames as they are.

    Once for all copies and stills: to work out the table of colours takes seconds.
    """

    def __init__(self, film: VideoStream) -> None:
        self._base = film.time_base or _BASE
        self._graph: Graph | None = None
        self._taken = (0, 0, "")

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        if frame.color_trc not in _HDR:
            return frame
        if self._graph is None or _kind(frame) != self._taken:
            colours = "out_color_matrix=bt709:out_primaries=bt709:out_transfer=bt709:out_range=tv"
            self._graph = _graph(frame, self._base, ("scale", colours), ("format", "yuv420p"))
            self._taken = _kind(frame)
        self._graph.vpush(frame)
        return self._graph.vpull()


def _kind(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def _graph(frame: VideoFrame, base: Fraction, *filters: tuple[str, str]) -> Graph:
    """A chain of filters for frames like this one."""
    graph = Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=base
        ),
        *(graph.add(name, settings) for name, settings in filters),
        graph.add("buffersink"),
    ).configure()
    return graph


class Kept:
    """A track as it is in the original."""

    kept = True

    def __init__(self, target: OutputContainer, stream: VideoStream | AudioStream) -> None:
        self._twin = target.add_stream_from_template(stream)

    def take(self, packet: Coded, frames: Frames) -> Sequence[Coded]:  # noqa: ARG002 a Track
        if packet.dts is None:
            return []
        packet.stream = self._twin
        return [packet]

    def end(self) -> Sequence[Coded]:
        return []


class Film:
    """The picture in H.264: upright, square pixels, 8 bits, BT.709."""

    kept = False

    def __init__(
        self,
        target: OutputContainer,
        film: VideoStream,
        video: Video,
        shape: Shape,
        threads: int,
    ) -> None:
        self._shape, self._base = shape, film.time_base or _BASE
        self._size = _fitted(video, shape)
        rate = min(film.average_rate or Fraction(25), Fraction(shape.rate))
        options = {
            "preset": _PRESET,
            "profile": "high",
            "crf": str(shape.factor),
            "maxrate": str(_bits(video, shape)),
            "bufsize": str(2 * _bits(video, shape)),
            "g": str(max(1, round(_GROUP_S * rate))),
            "flags": "+cgop",
        }
        self._stream = target.add_stream("libx264", rate=rate, options=options)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base, context.thread_count = self._base, threads
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        self._graph: Graph | None = None
        self._taken = (0, 0, "")  # the frames that the graph was made for
        self._last: int | None = None

    def take(self, packet: Coded, frames: Frames) -> Sequence[Coded]:  # noqa: ARG002 a Track
        return [made for frame in frames for made in self._encode(frame)]

    def end(self) -> Sequence[Coded]:
        return self._stream.encode(None)

    def _encode(self, frame: VideoFrame | AudioFrame) -> Sequence[Coded]:
        if not isinstance(frame, VideoFrame) or frame.pts is None or not self._is_due(frame.pts):
            return []
        self._last = frame.pts
        if self._graph is None or _kind(frame) != self._taken:
            self._graph, self._taken = self._conversion(frame), _kind(frame)
        self._graph.vpush(frame)
        made = self._graph.vpull()
        made.pict_type = PictureType.NONE  # the original's choice is not the encoder's
        return self._stream.encode(made)

    def _is_due(self, pts: int) -> bool:
        """Whether the frame comes after the last one, and not so soon that it is one too many."""
        least = 0.95 / (self._shape.rate * self._base)
        return self._last is None or (pts > self._last and pts - self._last >= least)

    def _conversion(self, frame: VideoFrame) -> Graph:
        turns = _TURNS[round(frame.rotation / 90) % 4]
        width, height = reversed(self._size) if len(turns) == 1 else self._size
        scale = f"{width}:{height}:flags=bicubic:out_color_matrix=bt709:out_range=tv"
        if frame.colorspace == UNNAMED:
            hd = min(frame.width, frame.height) >= 720
            scale += f":in_color_matrix={'bt709' if hd else 'smpte170m'}"
        turned = (("transpose", turn) for turn in turns)
        square = ("setsar", "1")
        return _graph(frame, self._base, ("scale", scale), ("format", "yuv420p"), *turned, square)


def _fitted(video: Video, shape: Shape) -> tuple[int, int]:
    """The displayed size, made to fit the shape; even, as 4:2:0 needs it."""
    long, short = max(video.width, video.height), min(video.width, video.height)
    part = min(1.0, shape.long / long, shape.short / short)
    width, height = (max(2, 2 * round(side * part / 2)) for side in (video.width, video.height))
    return width, height


def _bits(video: Video, shape: Shape) -> int:
    """The most bits a second: a mobile copy must not spend more than the original has to tell."""
    if shape is WEB_SHAPE:
        return shape.bits
    worth = _SHARE.get(video.codec, _SHARE_OF_OTHERS) * video.bits
    return min(shape.bits, max(_LEAST_BITS, round(worth)))


class Sound:
    """The sound in AAC: one channel or two."""

    kept = False

    def __init__(self, target: OutputContainer, sound: AudioStream, shape: Shape) -> None:
        context = sound.codec_context
        rate = 44_100 if context.sample_rate == 44_100 else 48_000
        layout = "mono" if context.channels == 1 else "stereo"
        self._stream = target.add_stream("aac", rate=rate, layout=layout)
        self._stream.bit_rate = shape.sound_bits
        self._last = -math.inf

    def take(self, packet: Coded, frames: Frames) -> Sequence[Coded]:  # noqa: ARG002 a Track
        return [made for frame in frames for made in self._encode(frame)]

    def end(self) -> Sequence[Coded]:
        return self._stream.encode(None)

    def _encode(self, frame: VideoFrame | AudioFrame) -> Sequence[Coded]:
        at = frame.time or 0.0
        if not isinstance(frame, AudioFrame) or at <= self._last:
            return []
        self._last = at
        try:
            return self._stream.encode(frame)
        except ValueError:
            return []  # its rate or channels changed midway: the rest stays silent


def sound_track(
    target: OutputContainer, sound: AudioStream | None, shape: Shape, anew: bool
) -> Track | None:
    if sound is None:
        return None
    if anew or (shape is MOBILE_SHAPE and (sound.bit_rate or 0) > WEB_SHAPE.sound_bits * 1.1):
        return Sound(target, sound, shape)
    return Kept(target, sound)
