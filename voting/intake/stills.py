"""A film as it passes → the pictures that stand for it: its cover in five sizes, and four frames.

Frames are offered in order, once; a few are kept. What is looked for in a cover: light, detail
all over the picture, and no fade or dissolve going on.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Final, Literal

from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from PIL import Image, ImageChops, ImageFilter, ImageStat

from voting.intake.video import Video

#: Widths and formats. What can't read WebP takes a JPEG, and is too rare for small ones.
COVERS: Final = (
    (240, ("webp",)),  # a thumbnail
    (360, ("webp",)),  # a card on most phones
    (480, ("webp", "jpg")),
    (720, ("webp", "jpg")),
    (1080, ("webp", "jpg")),
)
#: A gallery of restless pictures must not weigh three times as much as another, and where much
#: goes on in a small picture nobody sees the difference: the first quality that keeps within the
#: bytes, which are a share of the width squared (WebP: 10 KB at 360, 17 KB at 480).
QUALITIES: Final = {"webp": (70, 56, 42, 30), "jpg": (80, 70, 60, 50)}
MOST_BYTES: Final = {"webp": 0.075, "jpg": 0.1}
FRAME_LENGTH: Final = 640
#: For a reviewer: the opening, two of the middle, the end with its credits.
FRAMES_AT: Final = (0.05, 0.35, 0.65, 0.95)

#: Covers come from the body of the film; so many are looked at, each with both its neighbours.
_FIRST, _LAST, _CANDIDATES = 0.08, 0.75, 12
_APART: Final = 0.2  # seconds to a neighbour: a dissolve takes longer, a cut doesn't
_GREY: Final = (480, 270)
_TINY: Final = (96, 54)
_DARKEST, _LIGHTEST = 32, 224  # mean grey of a picture that shows something
_MOVED: Final = 5.0  # mean grey levels between neighbours when anything goes on at all

UNNAMED: Final = 2  # FFmpeg's "unspecified" matrix
#: By quarter turns counter-clockwise, as FFmpeg counts them.
_TURNS: Final = (
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
)
_ROOTS: Final = [round(16 * level**0.5) for level in range(256)]

Merit = tuple[bool, bool, float]


class Stills:
    """Keeps what is worth keeping of the frames of `video` that it sees."""

    def __init__(self, video: Video) -> None:
        self._video = video
        step = (_LAST - _FIRST) * video.seconds / (_CANDIDATES - 1)
        middles = [_FIRST * video.seconds + step * i for i in range(_CANDIDATES)]
        apart = min(_APART, step / 2)  # so that looks come one candidate after the other
        self._looks = [(at + shift * apart, shift) for at in middles for shift in (-1, 0, 1)]
        self._frames_at = [share * video.seconds for share in FRAMES_AT]
        self._frames: list[Image.Image] = []
        self._before: Image.Image | None = None
        self._candidate: VideoFrame | None = None
        self._best: tuple[Merit, VideoFrame] | None = None
        self._start: float | None = None
        self._last: VideoFrame | None = None

    def see(self, frame: VideoFrame) -> None:
        """Offer the next frame of the film."""
        self._last = frame
        if self._start is None:
            self._start = frame.time or 0.0
        at = (frame.time or 0.0) - self._start
        while self._frames_at and at >= self._frames_at[0]:
            self._frames_at.pop(0)
            self._keep_frame(frame)
        while self._looks and at >= self._looks[0][0]:
            self._look(frame, self._looks.pop(0)[1])

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """File names and contents: cover-240.webp … cover-1080.jpg and frame-1.jpg … frame-4.jpg.

        A film that ends before it should has its last frame stand in. None when none was seen.
        """
        best = self._best[1] if self._best else self._last
        if best is None or self._last is None:
            return
        while len(self._frames) < len(FRAMES_AT):
            self._keep_frame(self._last)
        for number, frame in enumerate(self._frames, 1):
            yield f"frame-{number}.jpg", _encoded(frame, "jpg", QUALITIES["jpg"][0])
        widest = _upright(best, self._cover_size(COVERS[-1][0]))
        for width, suffixes in COVERS:
            cover = widest.resize(self._cover_size(width), Image.Resampling.LANCZOS)
            for suffix in suffixes:
                yield f"cover-{width}.{suffix}", _cover(cover, suffix)

    def _cover_size(self, width: int) -> tuple[int, int]:
        return width, max(1, round(width * self._video.height / self._video.width))

    def _keep_frame(self, frame: VideoFrame) -> None:
        part = min(1.0, FRAME_LENGTH / max(self._video.width, self._video.height))
        width, height = (
            max(1, round(side * part)) for side in (self._video.width, self._video.height)
        )
        self._frames.append(_upright(frame, (width, height)))

    def _look(self, frame: VideoFrame, shift: int) -> None:
        if shift < 0:
            self._before = _grey(frame, _TINY)
        elif shift == 0:
            self._candidate = frame
        elif self._candidate and self._before:
            merit = _merit(self._before, self._candidate, _grey(frame, _TINY))
            if self._best is None or merit > self._best[0]:
                self._best = merit, self._candidate


def _merit(before: Image.Image, frame: VideoFrame, after: Image.Image) -> Merit:
    """How good a cover the frame makes: neither dark nor blown out, then not in a fade or
    dissolve, then with the most detail, which counts for less the more there is in one place:
    a title on plain ground has sharp edges too."""
    grey = _grey(frame, _GREY)
    edges = grey.filter(ImageFilter.FIND_EDGES).crop((2, 2, _GREY[0] - 2, _GREY[1] - 2))
    detail = edges.resize((48, 27), Image.Resampling.BOX).point(_ROOTS)
    lit = _DARKEST <= ImageStat.Stat(grey).mean[0] <= _LIGHTEST
    return lit, not _blends(before, _grey(frame, _TINY), after), ImageStat.Stat(detail).mean[0]


def _blends(before: Image.Image, middle: Image.Image, after: Image.Image) -> bool:
    """Whether the middle is just the mixture of its neighbours, and these differ.

    So it is in a fade or a dissolve; where something moves, the mixture shows it twice.
    """
    moved = _difference(before, after)
    return moved > _MOVED and _difference(middle, Image.blend(before, after, 0.5)) < 0.2 * moved


def _difference(one: Image.Image, other: Image.Image) -> float:
    return float(ImageStat.Stat(ImageChops.difference(one, other)).mean[0])


def _grey(frame: VideoFrame, size: tuple[int, int]) -> Image.Image:
    return _image(frame, size, "L")


def _upright(frame: VideoFrame, size: tuple[int, int]) -> Image.Image:
    turn = round(frame.rotation / 90) % 4
    image = _image(frame, (size[1], size[0]) if turn % 2 else size, "RGB")
    return image.transpose(_TURNS[turn - 1]) if turn else image


def _image(frame: VideoFrame, size: tuple[int, int], mode: Literal["L", "RGB"]) -> Image.Image:
    """The frame as it is stored, scaled to `size`, with the colours of its standard."""
    # HD video that doesn't name its colour matrix means BT.709; the scaler would assume BT.601.
    unnamed = frame.colorspace == UNNAMED and min(frame.width, frame.height) >= 720
    scaled = frame.reformat(
        *size,
        format="rgb24" if mode == "RGB" else "gray",
        src_colorspace=Colorspace.ITU709 if unnamed else None,
        interpolation=Interpolation.AREA,
        threads=1,
    )
    plane = scaled.planes[0]
    return Image.frombuffer(mode, size, bytes(plane), "raw", mode, plane.line_size, 1)


def _cover(image: Image.Image, suffix: str) -> bytes:
    """In the first quality that keeps within the bytes, or the last."""
    for quality in QUALITIES[suffix]:
        data = _encoded(image, suffix, quality)
        if len(data) <= MOST_BYTES[suffix] * image.width**2:
            break
    return data


def _encoded(image: Image.Image, suffix: str, quality: int) -> bytes:
    buffer = BytesIO()
    if suffix == "webp":
        image.save(buffer, "WEBP", quality=quality, method=4)
    else:
        image.save(buffer, "JPEG", quality=quality, progressive=True, optimize=True)
    return buffer.getvalue()
