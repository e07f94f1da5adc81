"""A mailed video → what the site shows of it: a copy that every phone plays, one for mobile
networks, three covers, and four frames for the reviewer.

All of it comes from one passage through the file. What phones surely play is put into a new MP4
as it is; the rest is encoded anew, in H.264 and AAC.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from voting.disk import whole
from voting.intake.stills import Stills
from voting.intake.tracks import (
    MOBILE_SHAPE,
    WEB_SHAPE,
    Coded,
    Film,
    Frames,
    Grading,
    Kept,
    Shape,
    Track,
    sound_track,
)
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
_LONGEST_MARK: Final = 16_384


class _CannotKeep(Exception):  # noqa: N818 no error: there is another way
    """A track that seemed playable as it is can't be put into a new MP4, or changes midway."""


def media_name(digest: str) -> str:
    """The folder of a video's media, from its SHA-256 in hex."""
    return digest[:20]


def lay_out(
    source: Path,
    video: Video,
    folder: Path,
    tell: Callable[[float], None] = lambda _: None,
    work: Path | None = None,
    *,
    mobile: bool = True,
    threads: int = 1,
) -> Path:
    """Make `folder` with original.mp4, the copies, covers and frames: whole, or not at all.

    `tell`, `mobile` and `threads` are make_media's. What isn't finished lies in a hidden folder in
    `work`, on the same disk (next to `folder`, if not given). Raises VideoRefused, or OSError
    without the source's name, for that carries a phone number.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(
                prefix=f".{folder.name}-", dir=work or folder.parent
            ) as made:
                whole = Path(made) / folder.name
                whole.mkdir()
                original = whole / "original.mp4"
                shutil.copyfile(source, original)
                make_media(original, video, whole, tell, mobile=mobile, threads=threads)
                _install(whole, folder)
        return folder
    except OSError as error:
        code = error.errno or 0
    raise OSError(code, os.strerror(code))


def _install(made: Path, folder: Path) -> None:
    for path in (*made.iterdir(), made):
        # The name must not outlive a power cut that the content doesn't.
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process has just taken in the same video
            raise


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
    shapes = {WEB: WEB_SHAPE}
    if mobile and (min(video.width, video.height) > 720 or video.bits > 2 * MOBILE_SHAPE.bits):
        shapes[MOBILE] = MOBILE_SHAPE
    run = _Run(original, video, folder, shapes, tell, threads, thorough=mobile)
    try:
        stills = run.go(film_anew=any(picture_flaws(video)), sound_anew=any(sound_flaws(video)))
    except _CannotKeep:
        stills = run.go(film_anew=True, sound_anew=True)
    if MOBILE in shapes and not _saves(folder):
        (folder / MOBILE).unlink()
    for name, data in stills.pictures():
        with whole(folder / name) as part:
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
    shapes: dict[str, Shape]
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
            for name, shape in self.shapes.items():
                target = files.enter_context(_written(self.folder / name, source))
                track = (
                    Film(target, film, self.video, shape, self.threads)
                    if film_anew or name == MOBILE
                    else Kept(target, film)
                )
                copies.append(_Copy(target, track, sound_track(target, sound, shape, sound_anew)))
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
        self._graded = Grading(film)
        self._told, self._size = 0.0, (0, 0)
        self._count = self._damaged = 0

    def watch(self, packet: Coded) -> Sequence[VideoFrame]:
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


def _decoded(packet: Coded) -> Frames | None:
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
def _written(out: Path, source: InputContainer) -> Iterator[OutputContainer]:
    """A new MP4 that starts to play before it is loaded."""
    flags = {"movflags": "faststart+use_metadata_tags"}
    with whole(out) as part:
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


@dataclass(frozen=True, slots=True)
class _Copy:
    target: OutputContainer
    film: Track
    sound: Track | None

    def take_film(self, packet: Coded, frames: Frames) -> None:
        self._write(self.film, packet, frames)

    def take_sound(self, packet: Coded, frames: Frames) -> None:
        if self.sound:
            self._write(self.sound, packet, frames)

    def end(self) -> None:
        for track in (self.film, self.sound):
            self.target.mux(track.end() if track else [])

    def _write(self, track: Track, packet: Coded, frames: Frames) -> None:
        try:
            self.target.mux(track.take(packet, frames))
        except av.FFmpegError as error:
            if track.kept and error.errno not in DISK_ERRORS:
                raise _CannotKeep from None
            raise
