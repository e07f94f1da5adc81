"""A mailed video → what the site shows of it: a copy that every phone plays, one for mobile
networks, three covers, and four frames for the reviewer.

All of it comes from one passage through the file. What phones surely play is put into a new MP4
as it is; the rest is encoded anew, in H.264 and AAC.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from voting.intake.stills import UNNAMED, Stills
from voting.intake.video import (
    DISK_ERRORS,
    MAX_FRAMES,
    NO_PICTURE,
    Video,
    VideoRefused,
    ai_marks,
    opened,
    picture_flaws,
    picture_stream,
    sound_flaws,
    sound_stream,
    url,
)

WEB: Final = "web.mp4"
MOBILE: Final = "web-720.mp4"
#: A mobile copy saves at least this share of the web copy's bytes, or isn't there.
SAVING: Final = 0.2

_PRESET: Final = "veryfast"  # measured, see docs/decisions.md
_GROUP_S: Final = 2  # seconds between key frames, to which a viewer can jump
#: Of the original picture's bits, a mobile copy uses at most so many: 720p has 44 % of the pixels
#: of 1080p. What a newer codec holds takes H.264 twice the bits.
_SHARE: Final = {"h264": 0.6}
_SHARE_OF_OTHERS: Final = 1.2
_LEAST_BITS: Final = 48_000
_LONGEST_MARK: Final = 16_384
_TURNS: Final = ((), ("cclock",), ("clock", "clock"), ("clock",))  # by quarters, as FFmpeg counts
_BT709: Final = 1  # this is the number of the matrix, the primaries and the transfer
_LIMITED: Final = 1
_HDR: Final = (16, 18)  # SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG)
_BASE: Final = Fraction(1, 90_000)


@dataclass(frozen=True, slots=True)
class _Form:
    """What a copy is encoded to: the box that it fits into (long and short side), x264's rate
    factor (less is better), the most bits a second, and the most frames a second."""

    long: int
    short: int
    factor: int
    bits: int
    sound_bits: int
    rate: int


_WEB_FORM: Final = _Form(1920, 1080, 21, 6_000_000, 128_000, 60)
_MOBILE_FORM: Final = _Form(1280, 720, 24, 1_200_000, 96_000, 30)


_Frames: TypeAlias = Sequence[VideoFrame | AudioFrame]
_Packet: TypeAlias = "Packet[Any]"


class _CannotKeep(Exception):  # noqa: N818 no error: there is another way
    """A track that seemed playable as it is can't be put into a new MP4, or changes midway."""


def make_media(
    original: Path,
    video: Video,
    folder: Path,
    tell: Callable[[float], None] = lambda _: None,
    *,
    mobile: bool = True,
    threads: int = 1,
) -> None:
    """Write web.mp4, web-720.mp4, the covers and the frames of `original` into `folder`.

    `video` is what `probe` said of it; `tell` hears the finished share, 0 to 1; so many `threads`
    decode, and so many encode. web-720.mp4 is there only if it saves a fifth of web.mp4's bytes:
    whoever shows it asks whether the file exists. Without `mobile` it isn't made, and what can be
    kept isn't looked through for damage. Each file takes its name when it is whole. Raises
    VideoRefused when no picture can be decoded, OSError when the disk doesn't play along.
    """
    forms = {WEB: _WEB_FORM}
    if mobile and (min(video.width, video.height) > 720 or video.bits > 2 * _MOBILE_FORM.bits):
        forms[MOBILE] = _MOBILE_FORM
    run = _Run(original, video, folder, forms, tell, threads, thorough=mobile)
    try:
        stills = run.go(film_anew=any(picture_flaws(video)), sound_anew=any(sound_flaws(video)))
    except _CannotKeep:
        stills = run.go(film_anew=True, sound_anew=True)
    if MOBILE in forms and not _saves(folder):
        (folder / MOBILE).unlink()
    for name, data in stills.pictures():
        with _finished_at_once(folder / name) as part:
            part.write_bytes(data)
    tell(1.0)


def _saves(folder: Path) -> bool:
    web, mobile = ((folder / name).stat().st_size for name in (WEB, MOBILE))
    return mobile <= (1 - SAVING) * web


@dataclass(frozen=True, slots=True)
class _Run:
    """One way through the file, on which all copies and stills are made."""

    original: Path
    video: Video
    folder: Path
    forms: dict[str, _Form]
    tell: Callable[[float], None]
    threads: int
    thorough: bool

    def go(self, *, film_anew: bool, sound_anew: bool) -> Stills:
        """Encode the web copy's picture or sound anew, or keep them. Raises _CannotKeep."""
        stills = Stills(self.video)
        with opened(self.original) as source, ExitStack() as files:
            film, sound = picture_stream(source, self.threads), sound_stream(source)
            if sound and sound_anew and not _is_audible(self.original):
                sound = None
            copies = []
            for name, form in self.forms.items():
                target = files.enter_context(_written(self.folder / name, source))
                track = (
                    _Film(target, film, self.video, form, self.threads)
                    if film_anew or name == MOBILE
                    else _Kept(target, film)
                )
                copies.append(_Copy(target, track, _sound_track(target, sound, form, sound_anew)))
            self._play(source, film, sound, copies, stills)
            for copy in copies:
                copy.end()
        return stills

    def _play(
        self,
        source: InputContainer,
        film: VideoStream,
        sound: AudioStream | None,
        copies: Sequence[_Copy],
        stills: Stills,
    ) -> None:
        if not self.thorough and all(copy.film.kept for copy in copies):
            # For stills, what no other frame builds on needn't be decoded.
            film.codec_context.skip_frame = "NONREF"
        eye = _Eye(film, self.video, stills, self.tell, steady=any(c.film.kept for c in copies))
        heard = any(copy.sound and not copy.sound.kept for copy in copies)
        for packet in source.demux([film, sound] if sound else [film]):
            if packet.stream.index == film.index:
                frames = eye.watch(packet)
                for copy in copies:
                    copy.take_film(packet, frames)
            else:
                sounds = (_decoded(packet) if heard else None) or []
                for copy in copies:
                    copy.take_sound(packet, sounds)

        eye.close()


class _Eye:
    """Decodes the picture, shows it to the stills, tells how far it is, and gives up in time."""

    def __init__(
        self,
        film: VideoStream,
        video: Video,
        stills: Stills,
        tell: Callable[[float], None],
        *,
        steady: bool,
    ) -> None:
        """A `steady` film must be whole and not change its size: phones wouldn't play it."""
        self._video, self._stills, self._tell, self._steady = video, stills, tell, steady
        self._graded = _Grading(film)
        self._told, self._size = 0.0, (0, 0)
        self._count = self._damaged = 0

    def watch(self, packet: _Packet) -> Sequence[VideoFrame]:
        """The frames that a packet decodes to. Raises _CannotKeep, or VideoRefused for too many."""
        decoded = _decoded(packet)
        if decoded is None:
            self._damaged += 1
            if self._steady:
                raise _CannotKeep
        frames = [self._graded(one) for one in decoded or () if isinstance(one, VideoFrame)]
        for frame in frames:
            size = (frame.width, frame.height)
            if self._steady and self._count and size != self._size:
                raise _CannotKeep
            self._size, self._count = size, self._count + 1
            self._stills.see(frame)
            share = min((frame.time or 0.0) / self._video.seconds, 0.98)
            if share >= self._told + 0.01:
                self._tell(share)
                self._told = share
        if self._count > MAX_FRAMES:
            raise VideoRefused("视频的画面数量过大，无法处理")
        return frames

    def close(self) -> None:
        """Raise VideoRefused if there was little to see."""
        if not self._count:
            raise VideoRefused(NO_PICTURE)
        if self._damaged > self._count:
            raise VideoRefused("视频的画面大部分已损坏，文件可能没有传完")


def _decoded(packet: _Packet) -> _Frames | None:
    """The frames in a packet; None if it is damaged."""
    try:
        return [f for f in packet.decode() if isinstance(f, VideoFrame | AudioFrame)]
    except av.FFmpegError:
        return None


def _is_audible(original: Path) -> bool:
    """Whether anything of the sound decodes: an empty track would spoil the copy."""
    with opened(original) as source:
        sound = sound_stream(source)
        packets = islice(source.demux(sound), 50) if sound and sound.codec_context else ()
        return any(_decoded(packet) for packet in packets)


@contextmanager
def _finished_at_once(out: Path) -> Iterator[Path]:
    """A name to write to that becomes `out` when all went well, and vanishes when not."""
    part = out.with_name(f".{out.name}.part")
    try:
        yield part
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _written(out: Path, source: InputContainer) -> Iterator[OutputContainer]:
    """A new MP4 that starts to play before it is loaded."""
    flags = {"movflags": "faststart+use_metadata_tags"}
    with _finished_at_once(out) as part:
        target = av.open(url(part), "w", "mp4", container_options=flags)
        # Phones write where they were, editors who made it; only the mark of AI-made content
        # is due to the public.
        marks = ai_marks(source).items()
        target.metadata.update({k: v for k, v in marks if len(v) <= _LONGEST_MARK})
        try:
            yield target
        except BaseException:
            with suppress(av.FFmpegError):
                target.close()
            raise
        target.close()


# --- tracks -------------------------------------------------------------------------------------


class _Track(Protocol):
    kept: bool

    def take(self, packet: _Packet, frames: _Frames) -> Sequence[_Packet]:
        """What to write for a packet of the original, and the frames it decoded to."""

    def end(self) -> Sequence[_Packet]:
        """What is left to write."""


@dataclass(frozen=True, slots=True)
class _Copy:
    target: OutputContainer
    film: _Track
    sound: _Track | None

    def take_film(self, packet: _Packet, frames: _Frames) -> None:
        self._write(self.film, packet, frames)

    def take_sound(self, packet: _Packet, frames: _Frames) -> None:
        if self.sound:
            self._write(self.sound, packet, frames)

    def end(self) -> None:
        for track in (self.film, self.sound):
            self.target.mux(track.end() if track else [])

    def _write(self, track: _Track, packet: _Packet, frames: _Frames) -> None:
        try:
            self.target.mux(track.take(packet, frames))
        except av.FFmpegError as error:
            if track.kept and error.errno not in DISK_ERRORS:
                raise _CannotKeep from None
            raise


class _Grading:
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


class _Kept:
    """A track as it is in the original."""

    kept = True

    def __init__(self, target: OutputContainer, stream: VideoStream | AudioStream) -> None:
        self._twin = target.add_stream_from_template(stream)

    def take(self, packet: _Packet, frames: _Frames) -> Sequence[_Packet]:  # noqa: ARG002
        if packet.dts is None:
            return []
        packet.stream = self._twin
        return [packet]

    def end(self) -> Sequence[_Packet]:
        return []


class _Film:
    """The picture in H.264: upright, square pixels, 8 bits, BT.709."""

    kept = False

    def __init__(
        self,
        target: OutputContainer,
        film: VideoStream,
        video: Video,
        form: _Form,
        threads: int,
    ) -> None:
        self._form, self._base = form, film.time_base or _BASE
        self._size = _fitted(video, form)
        rate = min(film.average_rate or Fraction(25), Fraction(form.rate))
        options = {
            "preset": _PRESET,
            "profile": "high",
            "crf": str(form.factor),
            "maxrate": str(_bits(video, form)),
            "bufsize": str(2 * _bits(video, form)),
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

    def take(self, packet: _Packet, frames: _Frames) -> Sequence[_Packet]:  # noqa: ARG002
        return [made for frame in frames for made in self._encode(frame)]

    def end(self) -> Sequence[_Packet]:
        return self._stream.encode(None)

    def _encode(self, frame: VideoFrame | AudioFrame) -> Sequence[_Packet]:
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
        least = 0.95 / (self._form.rate * self._base)
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


def _fitted(video: Video, form: _Form) -> tuple[int, int]:
    """The displayed size, made to fit the form; even, as 4:2:0 needs it."""
    long, short = max(video.width, video.height), min(video.width, video.height)
    part = min(1.0, form.long / long, form.short / short)
    width, height = (max(2, 2 * round(side * part / 2)) for side in (video.width, video.height))
    return width, height


def _bits(video: Video, form: _Form) -> int:
    """The most bits a second: a mobile copy must not spend more than the original has to tell."""
    if form is _WEB_FORM:
        return form.bits
    worth = _SHARE.get(video.codec, _SHARE_OF_OTHERS) * video.bits
    return min(form.bits, max(_LEAST_BITS, round(worth)))


class _Sound:
    """The sound in AAC: one channel or two."""

    kept = False

    def __init__(self, target: OutputContainer, sound: AudioStream, form: _Form) -> None:
        context = sound.codec_context
        rate = 44_100 if context.sample_rate == 44_100 else 48_000
        layout = "mono" if context.channels == 1 else "stereo"
        self._stream = target.add_stream("aac", rate=rate, layout=layout)
        self._stream.bit_rate = form.sound_bits
        self._last = -math.inf

    def take(self, packet: _Packet, frames: _Frames) -> Sequence[_Packet]:  # noqa: ARG002
        return [made for frame in frames for made in self._encode(frame)]

    def end(self) -> Sequence[_Packet]:
        return self._stream.encode(None)

    def _encode(self, frame: VideoFrame | AudioFrame) -> Sequence[_Packet]:
        at = frame.time or 0.0
        if not isinstance(frame, AudioFrame) or at <= self._last:
            return []
        self._last = at
        try:
            return self._stream.encode(frame)
        except ValueError:
            return []  # its rate or channels changed midway: the rest stays silent


def _sound_track(
    target: OutputContainer, sound: AudioStream | None, form: _Form, anew: bool
) -> _Track | None:
    if sound is None:
        return None
    if anew or (form is _MOBILE_FORM and (sound.bit_rate or 0) > _WEB_FORM.sound_bits * 1.1):
        return _Sound(target, sound, form)
    return _Kept(target, sound)
