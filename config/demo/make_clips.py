#!/usr/bin/env python3
"""Make the clips 01.mp4 … 28.mp4 of the ready-made entries, from still pictures, film and code.

    make_clips.py --material FOLDER --font FILE --bold FILE [--serif FILE] --out FOLDER [01 …]

FOLDER of the material holds `pictures/` and `clips/`; LICENSES.md says who made what is in them.
The fonts are Noto Sans CJK Regular and Bold, and Noto Serif CJK Bold for the upright titles.
Needs PyAV, Pillow and numpy; the same input gives the same pictures.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Array = NDArray[np.float32]
Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
SS = 2  # drawn pictures are made this much larger and scaled down: smooth edges, smooth motion


# --- what a clip is ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """Where a scene plays: the size in pixels, the frame rate, the length and the material."""

    width: int
    height: int
    fps: int
    seconds: float
    material: Path

    @property
    def frames(self) -> int:
        return round(self.fps * self.seconds)

    def times(self) -> Iterator[float]:
        return (k / self.fps for k in range(self.frames))


Scene = Callable[[Stage], Iterator[Image.Image]]


@dataclass(frozen=True)
class Title:
    """An opening title: its lines, a small line with it, a style and its colours."""

    lines: tuple[str, ...]
    small: str
    style: str
    accent: Colour = WHITE
    ink: Colour = WHITE
    at: tuple[float, float] = (0.5, 0.42)
    size: int = 104


@dataclass(frozen=True)
class Clip:
    number: int
    scene: Scene
    title: Title
    subtitles: tuple[str, ...]
    chord: tuple[int, ...]
    upright: bool = False
    ai: bool = False
    seconds: float = 7.0
    fps: int = 25
    crf: float = 30.0
    plate: bool = False
    scrim: float = 0.3
    bells: bool = field(default=False)


def ease(x: float) -> float:
    x = min(1.0, max(0.0, x))
    return x * x * (3 - 2 * x)


# --- photographs: a slow camera over a still ----------------------------------------------------


@dataclass(frozen=True)
class View:
    """A camera's field: its centre and its width, all as shares of the picture's width, height."""

    x: float
    y: float
    w: float


Warp = Callable[[Array, Array, float], tuple[Array, Array]]


@dataclass(frozen=True)
class Shot:
    picture: str
    start: View
    end: View
    warp: Warp | None = None
    gain: float = 1.0
    soften: float = 0.0


def load(path: Path, shot: Shot, width: int, height: int) -> Image.Image:
    """The picture, scaled so that the camera's tightest view is one pixel to a pixel."""
    image = Image.open(path).convert("RGB")
    widest = max(shot.start.w, shot.end.w) * image.width * height / width
    if widest > image.height:
        raise ValueError(f"{shot.picture}: a view this wide is higher than the picture")
    k = width / (min(shot.start.w, shot.end.w) * image.width)
    image = image.resize(
        (round(image.width * k), round(image.height * k)), Image.Resampling.LANCZOS
    )
    if shot.soften:
        image = image.filter(ImageFilter.GaussianBlur(shot.soften))
    elif k > 1.1:
        image = image.filter(ImageFilter.UnsharpMask(1.6, 30, 3))
    return image if shot.gain == 1 else image.point(lambda v: min(255, round(v * shot.gain)))


def look(image: Image.Image, view: View, stage: Stage, warp: Warp | None, t: float) -> Image.Image:
    """What the camera sees at time t; resampled, not cropped: it moves by parts of a pixel."""
    size = (stage.width, stage.height)
    s = view.w * image.width / stage.width
    x0 = view.x * image.width - s * stage.width / 2
    y0 = view.y * image.height - s * stage.height / 2
    x0 = min(max(x0, 0.0), image.width - s * stage.width)
    y0 = min(max(y0, 0.0), image.height - s * stage.height)
    if warp is None:
        return image.transform(
            size, Image.Transform.AFFINE, (s, 0, x0, 0, s, y0), Image.Resampling.BICUBIC
        )
    step = 30
    xs = np.arange(0, stage.width + 1, step, dtype=np.float32)
    ys = np.arange(0, stage.height + 1, step, dtype=np.float32)
    gx, gy = np.meshgrid(xs, ys)
    wx, wy = warp(gx / stage.width, gy / stage.height, t)
    sx, sy = x0 + s * (gx + wx * stage.width), y0 + s * (gy + wy * stage.width)
    sx, sy = np.clip(sx, 1, image.width - 2), np.clip(sy, 1, image.height - 2)
    mesh = [
        (
            (int(xs[i]), int(ys[j]), int(xs[i + 1]), int(ys[j + 1])),
            tuple(
                float(v)
                for a, b in ((j, i), (j + 1, i), (j + 1, i + 1), (j, i + 1))
                for v in (sx[a, b], sy[a, b])
            ),
        )
        for j in range(len(ys) - 1)
        for i in range(len(xs) - 1)
    ]
    return image.transform(size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)


def photo(*shots: Shot, blend: float = 0.7) -> Scene:
    """A scene of one or several shots, each as long as the others, that melt into each other."""

    def scene(stage: Stage) -> Iterator[Image.Image]:
        images = [
            load(stage.material / "pictures" / s.picture, s, stage.width, stage.height)
            for s in shots
        ]
        length = stage.seconds / len(shots)

        def see(k: int, t: float) -> Image.Image:
            shot, u = shots[k], (t - k * length + blend) / (length + 2 * blend)
            u = 0.12 + 0.76 * (0.5 * u + 0.5 * ease(u))
            a, b = shot.start, shot.end
            width = math.exp(math.log(a.w) * (1 - u) + math.log(b.w) * u)
            view = View(a.x + (b.x - a.x) * u, a.y + (b.y - a.y) * u, width)
            return look(images[k], view, stage, shot.warp, t)

        for t in stage.times():
            k = min(int(t / length), len(shots) - 1)
            frame = see(k, t)
            for other, edge in ((k + 1, (k + 1) * length), (k - 1, k * length)):
                if 0 <= other < len(shots) and abs(t - edge) < blend / 2:
                    share = 0.5 - abs(t - edge) / blend
                    frame = Image.blend(frame, see(other, t), ease(share) if share < 0.5 else 0.5)
            yield frame

    return scene


def swim(size: float, period: float, speed: float) -> Warp:
    """A gentle drift of the whole picture, as of something seen through moving water."""

    def warp(x: Array, y: Array, t: float) -> tuple[Array, Array]:
        p, w = 2 * math.pi / period, 2 * math.pi * speed
        dx = size * (np.sin(p * y + w * t) + 0.5 * np.sin(p * 0.7 * (x + y) - 1.3 * w * t))
        dy = size * (np.cos(p * x - w * t) + 0.5 * np.sin(p * 0.6 * (x - y) + 0.9 * w * t))
        return dx, dy

    return warp


def sway(cx: float, cy: float, rx: float, ry: float, size: float, speed: float) -> Warp:
    """A soft region of the picture that nods in the wind."""

    def warp(x: Array, y: Array, t: float) -> tuple[Array, Array]:
        mask = np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2)
        a = 2 * math.pi * speed * t
        dx = size * (math.sin(a) + 0.35 * math.sin(2.3 * a + 1))
        return dx * mask, 0.25 * dx * mask

    return warp


# --- film ---------------------------------------------------------------------------------------


def read_film(path: Path, first: int, last: int) -> list[Image.Image]:
    with av.open(str(path)) as film:
        frames = enumerate(film.decode(video=0))
        return [f.to_image() for k, f in frames if first <= k <= last]


def bloom(stage: Stage) -> Iterator[Image.Image]:
    """The flower that opens: slowed down, the camera drawing back a little."""
    frames = read_film(stage.material / "clips" / "orig_960x540_flower_cc0.mp4", 0, 149)
    cache = lru_cache(maxsize=4)(
        lambda k: (
            frames[k]
            .resize((2160, 1215), Image.Resampling.LANCZOS)
            .filter(ImageFilter.UnsharpMask(2.2, 45, 3))
        )
    )
    for t in stage.times():
        u = t / stage.seconds
        at = 4 + (len(frames) - 6) * (0.15 * u + 0.85 * ease(u))
        k = int(at)
        frame = Image.blend(cache(k), cache(k + 1), at - k)
        yield look(frame, View(0.52, 0.46, 0.89 + 0.1 * u), stage, None, t)


def from_hdr(image: Image.Image) -> Image.Image:
    """HDR film (PQ, BT.2020) as a picture for an ordinary screen."""
    x = np.asarray(image, np.float32) / 255
    p = np.power(x, 1 / 78.84375)
    light = np.power(np.maximum(p - 0.8359375, 0) / (18.8515625 - 18.6875 * p), 1 / 0.1593017578)
    to709 = np.array(
        [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    )
    light = np.maximum(light * 10000 / 203 @ to709.T, 0) * 1.15
    light = light * (1 + light / 9) / (1 + light)
    shown = np.power(np.clip(light * 1.08, 0, 1), 1 / 2.2)
    grey = shown.mean(axis=2, keepdims=True)
    shown = np.clip(grey + (shown - grey) * 1.12, 0, 1)
    return Image.fromarray((shown * 255 + 0.5).astype(np.uint8))


def shift_between(a: Array, b: Array) -> tuple[float, float]:
    """How far picture b lies from picture a, in pixels, by phase correlation."""
    window = np.outer(np.hanning(a.shape[0]), np.hanning(a.shape[1]))
    f = np.fft.fft2((a - a.mean()) * window) * np.conj(np.fft.fft2((b - b.mean()) * window))
    peak = np.fft.ifft2(f / (np.abs(f) + 1e-3 * np.abs(f).max())).real
    j, i = np.unravel_index(int(peak.argmax()), peak.shape)

    def fine(lo: float, mid: float, hi: float) -> float:
        return 0.5 * (lo - hi) / (lo - 2 * mid + hi - 1e-9)

    h, w = peak.shape
    y = j + fine(peak[j - 1, i], peak[j, i], peak[(j + 1) % h, i])
    x = i + fine(peak[j, i - 1], peak[j, i], peak[j, (i + 1) % w])
    return (x - w if x > w / 2 else x), (y - h if y > h / 2 else y)


def rooftops(stage: Stage) -> Iterator[Image.Image]:
    """A hand-held pan, made slow and even: each frame is put where the pan was, then blended."""
    path = stage.material / "clips" / "vert_720x1280_av1_apache.mp4"
    frames = [from_hdr(f) for f in read_film(path, 48, 126)]
    grey = [np.asarray(f.convert("L"), np.float32) for f in frames]
    steps = [shift_between(a, b) for a, b in pairwise(grey)]
    x = np.concatenate([[0.0], np.cumsum([s[0] for s in steps])])
    y = np.concatenate([[0.0], np.cumsum([s[1] for s in steps])])
    x = np.maximum.accumulate(x) + np.arange(len(x)) * 1e-3
    big = lru_cache(maxsize=4)(
        lambda k: (
            frames[k]
            .filter(ImageFilter.GaussianBlur(0.8))
            .resize((1296, 2304), Image.Resampling.BICUBIC)
        )
    )
    k, margin = 1296 / 720, (108.0, 192.0)
    smooth = np.polynomial.Polynomial.fit(x, y, 2)

    def place(i: int, want: float) -> Image.Image:
        dx = min(max((want - x[i]) * k, -margin[0]), margin[0])
        dy = min(max((float(smooth(want)) - y[i]) * k, -margin[1]), margin[1])
        data = (1, 0, margin[0] + dx, 0, 1, margin[1] + dy)
        size = (stage.width, stage.height)
        return big(i).transform(size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)

    for t in stage.times():
        u = t / stage.seconds
        want = x[0] + (x[-1] - x[0]) * (0.6 * u + 0.4 * ease(u))
        i = min(int(np.searchsorted(x, want, side="right")) - 1, len(x) - 2)
        yield Image.blend(place(i, want), place(i + 1, want), (want - x[i]) / (x[i + 1] - x[i]))


# --- pictures made by code ----------------------------------------------------------------------


def clouds(
    width: int, height: int, cell: float, octaves: int, seed: int, stretch: float = 1
) -> Array:
    """Soft noise between 0 and 1; `cell` is the size of its largest shapes in pixels."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    for o in range(octaves):
        c = cell / 2**o
        shape = (max(3, int(height / c) + 3), max(3, int(width / c / stretch) + 3))
        grid = Image.fromarray(rng.random(shape, np.float32))
        total += np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC)) / 2**o
    total -= total.min()
    return total / total.max()


def as_image(pixels: Array) -> Image.Image:
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


def gradient(width: int, height: int, *stops: tuple[float, Colour]) -> Array:
    y = np.linspace(0, 1, height)
    at = [s[0] for s in stops]
    column = np.stack([np.interp(y, at, [s[1][c] for s in stops]) for c in range(3)], axis=1)
    return np.repeat(column[:, None, :], width, axis=1).astype(np.float32)


def curve(
    points: list[tuple[float, float]], closed: bool = True, n: int = 14
) -> list[tuple[float, float]]:
    """A smooth line through the points (Catmull-Rom)."""
    p = np.array(points, float)
    idx = np.arange(len(p)) if closed else np.arange(len(p) - 1)
    out: list[tuple[float, float]] = []
    for i in idx:
        a, b, c, d = (p[(i + k) % len(p)] for k in (-1, 0, 1, 2))
        if not closed:
            a = p[max(i - 1, 0)]
            d = p[min(i + 2, len(p) - 1)]
        for t in np.linspace(0, 1, n, endpoint=False):
            q = 0.5 * (
                2 * b
                + (c - a) * t
                + (2 * a - 5 * b + 4 * c - d) * t**2
                + (3 * b - a - 3 * c + d) * t**3
            )
            out.append((float(q[0]), float(q[1])))
    if not closed:
        out.append(points[-1])
    return out


def spring(stage: Stage) -> Iterator[Image.Image]:
    """Spring water over pebbles: the wave equation, refraction, and light gathered by the waves."""
    w, h = stage.width, stage.height
    rng = np.random.default_rng(72)
    floor = pebbles(w, h, rng)
    gw, gh = w // 4, h // 4
    now, before = np.zeros((gh, gw), np.float32), np.zeros((gh, gw), np.float32)
    yy, xx = np.mgrid[0:gh, 0:gw].astype(np.float32)
    jets = [
        np.exp(-((xx - gw * x) ** 2 + (yy - gh * y) ** 2) / 90)
        for x, y in ((0.30, 0.44), (0.52, 0.36), (0.72, 0.47))
    ]
    py, px = np.mgrid[0:h, 0:w].astype(np.float32)
    leaves = [leaf(60 + 14 * k, k) for k in range(3)]
    for step in range(-90, stage.frames):
        for _ in range(2):
            lap = (
                np.roll(now, 1, 0)
                + np.roll(now, -1, 0)
                + np.roll(now, 1, 1)
                + np.roll(now, -1, 1)
                - 4 * now
            )
            now, before = (2 * now - before + 0.22 * lap) * 0.9955, now
        for k, jet in enumerate(jets):
            now += jet * (0.13 * math.sin(step * 0.33 + k * 2.1) + 0.03 * float(rng.normal()))
        if step % 47 == 0:
            x, y = rng.uniform(0.1, 0.9) * gw, rng.uniform(0.1, 0.9) * gh
            now -= 0.9 * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / 22)
        if step < 0:
            continue
        big = np.asarray(Image.fromarray(now).resize((w, h), Image.Resampling.BICUBIC))
        yield water(big, floor, px, py, leaves, step / stage.fps)


def pebbles(w: int, h: int, rng: np.random.Generator) -> Array:
    """The floor of the spring: a picture of (h, w, 3)."""
    sw, sh, n = w // 2, h // 2, 230
    points = rng.uniform(-20, [sw + 20, sh + 20], (n, 2)).astype(np.float32)
    palette = np.array(
        [
            [96, 142, 132],
            [142, 166, 146],
            [188, 184, 150],
            [74, 122, 122],
            [160, 150, 124],
            [112, 158, 150],
        ],
        np.float32,
    )
    tone = palette[rng.integers(0, len(palette), n)] * rng.uniform(0.8, 1.1, (n, 1))
    y, x = np.mgrid[0:sh, 0:sw].astype(np.float32)
    x, y = x + 16 * clouds(sw, sh, 60, 2, 5), y + 16 * clouds(sw, sh, 60, 2, 6)
    best = np.full((sh, sw), 1e9, np.float32)
    second, owner = best.copy(), np.zeros((sh, sw), int)
    for k, (a, b) in enumerate(points):
        d = (x - a) ** 2 + (y - b) ** 2
        nearer = d < best
        second = np.where(nearer, best, np.minimum(second, d))
        owner = np.where(nearer, k, owner)
        best = np.where(nearer, d, best)
    edge = np.clip((np.sqrt(second) - np.sqrt(best)) / 14, 0, 1)
    stone = tone[owner] * (0.6 + 0.4 * edge * edge * (3 - 2 * edge))[..., None]
    stone *= (0.85 + 0.3 * clouds(sw, sh, 26, 2, 8))[..., None]
    image = (
        as_image(stone)
        .filter(ImageFilter.GaussianBlur(3.6))
        .resize((w, h), Image.Resampling.BICUBIC)
    )
    depth = gradient(w, h, (0, (20, 96, 104)), (0.4, (52, 150, 146)), (1, (14, 78, 88)))
    return 0.55 * np.asarray(image, np.float32) + 0.45 * depth * (
        0.75 + 0.5 * clouds(w, h, 500, 3, 12)[..., None]
    )


def leaf(length: int, k: int) -> Image.Image:
    """A willow leaf, floating."""
    image = Image.new("RGBA", (length * 4, length * 4), (0, 0, 0, 0))
    draw, c = ImageDraw.Draw(image), length * 2
    shape = [
        (c - 1.8 * length, c),
        (c - 0.5 * length, c - 0.36 * length),
        (c + 1.8 * length, c - 0.05 * length),
        (c - 0.3 * length, c + 0.34 * length),
    ]
    colour = ((196, 206, 92), (226, 190, 84), (150, 190, 96))[k]
    draw.polygon(curve(shape), (*colour, 255))
    draw.line([(c - 1.8 * length, c), (c + 1.7 * length, c)], (120, 140, 60, 200), 5)
    return image


def water(
    height: Array, floor: Array, px: Array, py: Array, leaves: list[Image.Image], t: float
) -> Image.Image:
    gy, gx = np.gradient(height)
    h, w = height.shape
    x, y = np.clip(px + 170 * gx, 0, w - 1.01), np.clip(py + 170 * gy, 0, h - 1.01)
    i, j = x.astype(np.int32), y.astype(np.int32)
    fx, fy = (x - i)[..., None], (y - j)[..., None]
    i2, j2 = np.minimum(i + 1, w - 1), np.minimum(j + 1, h - 1)
    seen = (floor[j, i] * (1 - fx) + floor[j, i2] * fx) * (1 - fy) + (
        floor[j2, i] * (1 - fx) + floor[j2, i2] * fx
    ) * fy
    bright = np.asarray(
        Image.fromarray(np.gradient(gx, axis=1) + np.gradient(gy, axis=0)).resize(
            (w, h), Image.Resampling.BICUBIC
        )
    )
    seen = seen * (1 - np.clip(bright * 38, -0.5, 0.35))[..., None]
    shine = np.clip((-gx - 1.2 * gy) * 9 - 0.14, 0, 0.55)[..., None]
    image = as_image(seen * (1 - shine) + np.array([236, 250, 244], np.float32) * shine)
    for k, one in enumerate(leaves):
        cx, cy = w * (0.2 + 0.3 * k) + 30 * t * (k - 0.7), h * (0.66, 0.2, 0.6)[k] + 16 * t
        float_on(image, one, cx, cy, 35 * k + 9 * t * (1 - k), 0.5)
    return image


def float_on(
    image: Image.Image, sprite: Image.Image, cx: float, cy: float, degrees: float, scale: float
) -> None:
    """Put a sprite on the picture: turned, scaled and placed to parts of a pixel."""
    side = int(max(sprite.size) * scale * 1.45) + 4
    x0, y0 = math.floor(cx - side / 2), math.floor(cy - side / 2)
    c, s = math.cos(math.radians(degrees)) / scale, math.sin(math.radians(degrees)) / scale
    ox, oy = cx - x0, cy - y0
    data = (c, s, sprite.width / 2 - c * ox - s * oy, -s, c, sprite.height / 2 + s * ox - c * oy)
    turned = sprite.transform((side, side), Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)
    image.paste(turned.convert("RGB"), (x0, y0), turned.getchannel("A"))


def shrunk(sprite: Image.Image, k: int) -> Image.Image:
    """A sprite drawn large, scaled down with its colours kept clean at the edge."""
    return sprite.convert("RGBa").reduce(k).convert("RGBA")


INK, RED, GOLD, CREAM, TEAL = (
    (38, 44, 58),
    (205, 58, 48),
    (238, 178, 66),
    (250, 240, 220),
    (30, 116, 124),
)


def swallow_kite(body: Colour, dots: Colour) -> Image.Image:
    """A 沙燕, the swallow kite of the north."""
    k, side = 4, 520
    image = Image.new("RGBA", (side * k, side * k), (*body, 0))
    draw = ImageDraw.Draw(image)

    def shape(points: list[tuple[float, float]], fill: Colour, mirror: bool = True) -> None:
        for m in (1, -1) if mirror else (1,):
            draw.polygon(
                curve([((side / 2 + m * x) * k, (side / 2 + y) * k) for x, y in points]),
                (*fill, 255),
            )

    def dot(x: float, y: float, r: float, fill: Colour) -> None:
        for m in (1, -1):
            cx, cy = (side / 2 + m * x) * k, (side / 2 + y) * k
            draw.ellipse([cx - r * k, cy - r * k, cx + r * k, cy + r * k], (*fill, 255))

    shape([(0, 40), (30, 70), (95, 215), (70, 222), (12, 110), (0, 90)], body)
    shape([(18, 80), (40, 115), (76, 200), (66, 202), (30, 130)], dots)
    shape(
        [(0, -90), (60, -96), (150, -78), (232, -20), (226, 20), (150, 22), (60, 10), (0, 20)], body
    )
    shape([(70, -70), (140, -58), (206, -14), (190, 2), (130, -6), (70, -28)], CREAM)
    for x, y, r in ((92, -46, 15), (134, -34, 13), (172, -16, 10)):
        dot(x, y, r, dots)
        dot(x, y, r * 0.45, GOLD)
    shape(
        [(0, -120), (34, -104), (44, -40), (34, 50), (0, 84), (-34, 50), (-44, -40), (-34, -104)],
        CREAM,
        mirror=False,
    )
    shape([(0, -30), (22, -16), (24, 30), (0, 62), (-24, 30), (-22, -16)], dots, mirror=False)
    dot(0, 14, 12, GOLD)
    shape(
        [(0, -150), (30, -138), (38, -108), (0, -92), (-38, -108), (-30, -138)], body, mirror=False
    )
    dot(16, -118, 9, CREAM)
    dot(16, -117, 4.5, INK)
    return shrunk(image, k)


def diamond_kite(a: Colour, b: Colour) -> Image.Image:
    k, side = 4, 300
    image = Image.new("RGBA", (side * k, side * k), (*a, 0))
    draw, c = ImageDraw.Draw(image), side * k / 2
    top, left, right, low = (
        (c, c - 130 * k),
        (c - 96 * k, c - 20 * k),
        (c + 96 * k, c - 20 * k),
        (c, c + 140 * k),
    )
    middle = (c, c - 20 * k)
    for points, fill in (
        ((top, left, middle), a),
        ((top, right, middle), b),
        ((low, left, middle), b),
        ((low, right, middle), a),
    ):
        draw.polygon(points, (*fill, 255))
    draw.line([top, low], (*CREAM, 255), 3 * k)
    draw.line([left, right], (*CREAM, 255), 3 * k)
    return shrunk(image, k)


def kites(stage: Stage) -> Iterator[Image.Image]:
    """Kites over a spring morning, as a picture book would have them."""
    w, h = stage.width, stage.height
    sky = gradient(
        w,
        h,
        (0, (104, 178, 200)),
        (0.45, (178, 216, 214)),
        (0.75, (246, 226, 196)),
        (1, (248, 206, 168)),
    )
    puff = clouds(w + 400, h, 330, 6, 33, stretch=1.5)
    puff = np.clip((puff - 0.52) * 3.6, 0, 1) * np.linspace(1, 0.1, h, dtype=np.float32)[:, None]
    mist = Image.fromarray((puff * 190).astype(np.uint8))
    flock = [  # sprite, x, y, scale, phase, tail colour
        (diamond_kite(GOLD, RED), 0.80, 0.13, 0.42, 2.4, RED),
        (diamond_kite((64, 140, 150), CREAM), 0.16, 0.18, 0.34, 4.0, (64, 140, 150)),
        (swallow_kite(RED, INK), 0.24, 0.37, 0.60, 1.1, RED),
        (swallow_kite(TEAL, RED), 0.63, 0.52, 1.12, 0.0, GOLD),
        (diamond_kite(RED, GOLD), 0.88, 0.36, 0.55, 5.2, GOLD),
    ]
    ground = kite_ground(w, h)
    for t in stage.times():
        image = as_image(sky)
        drift = mist.transform(
            (w, h), Image.Transform.AFFINE, (1, 0, 40 + 18 * t, 0, 1, 0), Image.Resampling.BICUBIC
        )
        image.paste((255, 252, 244), (0, 0), drift)
        for sprite, x, y, scale, phase, tail in flock:
            cx = w * x + 34 * scale * math.sin(0.9 * t + phase)
            cy = h * y - 14 * t * scale + 22 * scale * math.sin(1.3 * t + 2 * phase)
            turn = 9 * math.sin(0.9 * t + phase + 0.8)
            kite_lines(image, cx, cy, scale, t + phase, tail, turn)
            float_on(image, sprite, cx, cy, turn, scale)
        image.paste(ground.convert("RGB"), (0, 0), ground.getchannel("A"))
        yield image


def kite_lines(
    image: Image.Image, cx: float, cy: float, scale: float, t: float, tail: Colour, turn: float
) -> None:
    """A kite's string to the ground and its two ribbons, drawn large on a layer of their own."""
    w, h = image.size
    x0, y0 = int(cx - 260), int(cy)
    layer = Image.new("RGBA", (520 * SS, 620 * SS), (*tail, 0))
    draw = ImageDraw.Draw(layer)
    for side in (-1, 1):
        root = cx + side * 62 * scale - math.sin(math.radians(turn)) * 150 * scale, cy + 150 * scale
        line = []
        for k in range(24):
            u = k / 23
            sx = root[0] + side * 20 * u + 46 * scale * u * math.sin(2.2 * t - 5 * u + side)
            line.append(((sx - x0) * SS, (root[1] + 330 * scale * u - y0) * SS))
        draw.line(curve(line, False, 4), (*tail, 235), max(3, int(9 * scale * SS)), joint="curve")
    layer = shrunk(layer, SS)
    image.paste(layer.convert("RGB"), (x0, y0), layer.getchannel("A"))
    string = Image.new("L", (w, h), 0)
    foot = (w * 0.42, h * 0.93)
    mid = ((cx + foot[0]) / 2 + 60, (cy + foot[1]) / 2 + 90)
    ImageDraw.Draw(string).line(curve([(cx, cy), mid, foot], False, 30), 90, 2, joint="curve")
    image.paste((90, 84, 80), (0, 0), string)


def kite_ground(w: int, h: int) -> Image.Image:
    image = Image.new("RGBA", (w * SS, h * SS), (120, 150, 120, 0))
    draw, rng = ImageDraw.Draw(image), np.random.default_rng(9)
    for base, high, fill in (
        (0.80, 70, (158, 190, 176)),
        (0.85, 60, (112, 162, 142)),
        (0.91, 50, (62, 124, 106)),
    ):
        xs = np.linspace(-0.1, 1.1, 9)
        line = curve([(x * w * SS, (base * h - rng.uniform(0, high)) * SS) for x in xs], False)
        draw.polygon([*line, (w * SS * 1.1, h * SS), (-w * SS * 0.1, h * SS)], (*fill, 255))
    return shrunk(image, SS)


def papercut(stage: Stage) -> Iterator[Image.Image]:
    """A paper cut of four layers that turn against each other, with their shadows."""
    w, h = stage.width, stage.height
    paper = gradient(w, h, (0, (250, 243, 228)), (1, (240, 228, 206)))
    paper += (clouds(w, h, 9, 2, 3, stretch=3)[..., None] - 0.5) * 3
    base = as_image(paper)
    side = 1500
    layers = [
        (ring(side, 700, 24, "scallop"), 1.1, (176, 28, 34)),
        (ring(side, 560, 16, "petal"), -1.6, (200, 36, 38)),
        (ring(side, 400, 12, "drop"), 2.2, (214, 48, 44)),
        (ring(side, 235, 8, "heart"), -2.8, (196, 30, 36)),
    ]
    soft = [layer.filter(ImageFilter.GaussianBlur(9)) for layer, _, _ in layers]
    petals = np.random.default_rng(4).uniform(0, 1, (9, 4))
    scrap = Image.new("RGBA", (240, 240), (*RED, 0))
    ImageDraw.Draw(scrap).polygon(
        curve([(20, 120), (90, 70), (220, 110), (110, 160)]), (206, 44, 42, 255)
    )
    for t in stage.times():
        image = base.copy()
        zoom = 0.65 + 0.02 * t / stage.seconds
        for k, (mask, speed, colour) in enumerate(layers):
            turn = speed * (t - 3) + 12 * k * (1 - ease(t / 2.5))
            for m, dx, dy, fill, strength in (
                (soft[k], 10, 16, (110, 60, 40), 0.42),
                (mask, 0, 0, colour, 1),
            ):
                turned = spun(m, w, h, w / 2 + dx, h * 0.455 + dy, turn, zoom)
                image.paste(
                    fill, (0, 0), turned if strength == 1 else turned.point(lambda v: int(v * 0.42))
                )
        for x, y, r, s in petals:
            float_on(
                image,
                scrap,
                w * (x + 0.03 * math.sin(2 * t + 9 * r)),
                ((y + 0.075 * t * (0.6 + s)) % 1.1 - 0.05) * h,
                360 * r + 40 * t * (s - 0.5),
                0.12 + 0.14 * s,
            )
        yield image


def spun(
    mask: Image.Image, w: int, h: int, cx: float, cy: float, degrees: float, scale: float
) -> Image.Image:
    c, s = math.cos(math.radians(degrees)) / scale, math.sin(math.radians(degrees)) / scale
    m = mask.width / 2
    data = (c, s, m - c * cx - s * cy, -s, c, m + s * cx - c * cy)
    return mask.transform((w, h), Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)


def ring(side: int, radius: float, n: int, kind: str) -> Image.Image:
    """One layer of the paper cut: a rosette of n parts with holes, as a mask."""
    mask = Image.new("L", (side * SS, side * SS), 0)
    draw, c = ImageDraw.Draw(mask), side * SS / 2

    def put(points: list[tuple[float, float]], angle: float, fill: int) -> None:
        a, b = math.cos(angle), math.sin(angle)
        draw.polygon(
            curve([((x * a - y * b) * SS + c, (x * b + y * a) * SS + c) for x, y in points]), fill
        )

    def disc(r: float, fill: int) -> None:
        draw.ellipse([c - r * SS, c - r * SS, c + r * SS, c + r * SS], fill)

    step, r = 2 * math.pi / n, radius
    wide = r * math.sin(step / 2)
    disc(r * 0.86, 255)
    for k in range(n):
        put(
            [
                (r * 0.8, -wide),
                (r * 0.97, -wide * 0.75),
                (r * 1.04, 0),
                (r * 0.97, wide * 0.75),
                (r * 0.8, wide),
            ],
            k * step,
            255,
        )
    for k in range(n):
        a = k * step
        if kind == "scallop":
            put([(r * 0.9, -wide * 0.4), (r * 0.98, 0), (r * 0.9, wide * 0.4), (r * 0.92, 0)], a, 0)
            put(
                [(r * 0.84, -wide * 0.22), (r * 0.88, 0), (r * 0.84, wide * 0.22), (r * 0.81, 0)],
                a + step / 2,
                0,
            )
        elif kind == "petal":
            put(
                [(r * 0.76, 0), (r * 0.88, -wide * 0.5), (r * 0.99, 0), (r * 0.88, wide * 0.5)],
                a,
                0,
            )
            put(
                [(r * 0.82, 0), (r * 0.885, -wide * 0.2), (r * 0.95, 0), (r * 0.885, wide * 0.2)],
                a,
                255,
            )
            put([(r * 0.74, -wide * 0.12), (r * 0.9, 0), (r * 0.74, wide * 0.12)], a + step / 2, 0)
        elif kind == "drop":
            put(
                [(r * 0.64, 0), (r * 0.84, -wide * 0.55), (r * 0.97, 0), (r * 0.84, wide * 0.55)],
                a,
                0,
            )
            for m in (-0.22, 0, 0.22):
                put(
                    [
                        (r * 0.7, wide * m),
                        (r * 0.92, wide * (m * 1.9 - 0.06)),
                        (r * 0.92, wide * (m * 1.9 + 0.06)),
                    ],
                    a,
                    255,
                )
        else:
            put(
                [
                    (r * 0.4, 0),
                    (r * 0.72, -wide * 0.62),
                    (r * 0.9, -wide * 0.3),
                    (r * 0.84, 0),
                    (r * 0.9, wide * 0.3),
                    (r * 0.72, wide * 0.62),
                ],
                a,
                0,
            )
            put(
                [(r * 0.5, 0), (r * 0.72, -wide * 0.3), (r * 0.78, 0), (r * 0.72, wide * 0.3)],
                a,
                255,
            )
    if kind != "heart":
        disc(r * {"scallop": 0.8, "petal": 0.71, "drop": 0.58}[kind], 0)
        for k in range(n):  # bridges that hold the next layer
            a = (k + 0.5) * step
            put([(r * 0.5, -7), (r * 0.9, -7), (r * 0.9, 7), (r * 0.5, 7)], a, 255)
    return mask.reduce(SS)


def ink_mountains(stage: Stage) -> Iterator[Image.Image]:
    """An ink landscape: six ridges in the mist, a sun that rises, some birds."""
    w, h, extra = stage.width, stage.height, 260
    paper = gradient(w, h, (0, (238, 231, 215)), (0.6, (246, 240, 226)), (1, (226, 220, 204)))
    paper += (clouds(w, h, 5, 2, 11)[..., None] - 0.5) * 3
    base = as_image(paper)
    ridges = []
    for k in range(6):
        rng = np.random.default_rng(100 + k)
        x = np.arange(w + extra)
        line = np.zeros(w + extra)
        for o in range(8):
            cell = (620 - 50 * k) / 2**o
            grid = rng.random(int((w + extra) / cell) + 4)
            u = x / cell
            i = u.astype(int)
            f = u - i
            f = f * f * (3 - 2 * f)
            v = grid[i] * (1 - f) + grid[i + 1] * f
            line += (1 - np.abs(2 * v - 1) if o < 4 else v) / 1.9**o
        line -= line.mean()
        top = h * (0.36 + 0.105 * k) - line * (250 - 20 * k)
        y = np.arange(h)[:, None]
        below = y - top[None, :]
        grain = clouds(w + extra, h, 46, 5, 40 + k, stretch=0.6)
        ink = np.clip(below / 2 + 0.5, 0, 1) * (
            0.25 + 0.75 * np.exp(-np.maximum(below, 0) / (150 + 30 * k))
        )
        ink *= (0.62 + 0.5 * grain) * (0.30 + 0.115 * k)
        fade = np.clip(1 - (below - 120) / (300 + 40 * k), 0.05, 1)
        ridges.append(Image.fromarray((np.clip(ink * fade, 0, 1) * 255).astype(np.uint8)))
    mist = clouds(w + extra, h, 380, 4, 77, stretch=3)
    fogs = [
        Image.fromarray(
            (
                np.clip((mist - 0.35) * 2, 0, 1)
                * np.exp(-(((np.arange(h)[:, None] / h - y) / 0.09) ** 2))
                * 215
            ).astype(np.uint8)
        )
        for y in (0.5, 0.63, 0.76)
    ]
    for t in stage.times():
        image = base.copy()
        sun_rise(image, w * 0.655, h * (0.33 - 0.012 * t), 74)
        birds(image, t)
        for k, ridge in enumerate(ridges):
            tone = (int(70 - 8 * k), int(84 - 8 * k), int(92 - 8 * k))
            slide(image, ridge, tone, 30 + (5 + 4.5 * k) * t)
            if k in (1, 3, 4):
                slide(image, fogs[(1, 3, 4).index(k)], (246, 241, 229), 130 - 11 * t)
        yield image


def slide(image: Image.Image, mask: Image.Image, colour: Colour, x: float) -> None:
    moved = mask.transform(
        image.size, Image.Transform.AFFINE, (1, 0, x, 0, 1, 0), Image.Resampling.BICUBIC
    )
    image.paste(colour, (0, 0), moved)


def sun_rise(image: Image.Image, x: float, y: float, r: float) -> None:
    side = int(r * 2 + 20)
    x0, y0 = math.floor(x - side / 2), math.floor(y - side / 2)
    yy, xx = np.mgrid[0:side, 0:side]
    d = np.hypot(xx - (x - x0), yy - (y - y0))
    mask = np.clip(r - d, 0, 1) * (0.72 + 0.2 * d / r)
    image.paste((206, 70, 48), (x0, y0), Image.fromarray((mask * 255).astype(np.uint8)))


def birds(image: Image.Image, t: float) -> None:
    x0, y0, side = 560, 130, 520
    layer = Image.new("L", (side * SS, 260 * SS), 0)
    draw = ImageDraw.Draw(layer)
    for k, (x, y, s) in enumerate(
        ((60, 150, 17), (112, 118, 15), (150, 160, 13), (196, 126, 11), (40, 96, 12))
    ):
        beat = math.sin(5.2 * t + 1.7 * k)
        cx, cy = (x + 26 * t) * SS, (y - 7 * t) * SS
        s *= SS
        for m in (-1, 1):
            wing = [
                (cx, cy),
                (cx + m * 0.55 * s, cy - s * (0.25 + 0.2 * beat)),
                (cx + m * 1.25 * s, cy - s * (0.05 + 0.35 * beat)),
            ]
            draw.line(curve(wing, False, 8), 190, 4, joint="curve")
    image.paste((40, 48, 54), (x0, y0), layer.reduce(SS))


CITIES = {
    "济南": (117.0, 36.65, 1.0),
    "青岛": (120.38, 36.1, 1.0),
    "淄博": (118.05, 36.81, 0.7),
    "枣庄": (117.4, 34.81, 0.55),
    "东营": (118.6, 37.43, 0.55),
    "烟台": (121.35, 37.5, 0.75),
    "潍坊": (119.16, 36.71, 0.75),
    "济宁": (116.59, 35.41, 0.7),
    "泰安": (117.09, 36.16, 0.6),
    "威海": (122.1, 37.48, 0.55),
    "日照": (119.48, 35.42, 0.5),
    "临沂": (118.36, 35.1, 0.8),
    "德州": (116.36, 37.43, 0.55),
    "聊城": (115.99, 36.46, 0.55),
    "滨州": (117.97, 37.4, 0.5),
    "菏泽": (115.48, 35.23, 0.6),
}
LINKS = (
    "济南青岛",
    "济南烟台",
    "济南临沂",
    "济南菏泽",
    "济南德州",
    "青岛威海",
    "青岛日照",
    "淄博潍坊",
    "东营潍坊",
    "泰安济宁",
    "枣庄临沂",
    "聊城济宁",
    "滨州济南",
    "烟台日照",
    "潍坊临沂",
)


def place(name: str, w: int, h: int) -> tuple[float, float]:
    lon, lat, _ = CITIES[name]
    return w * (0.5 + (lon - 118.75) * 0.107), h * (0.485 - (lat - 36.2) * 0.235)


def city_lights(font: str, stage: Stage) -> Iterator[Image.Image]:
    """Sixteen cities at night as light only (no borders drawn), and what travels between them."""
    w, h = round(stage.width * 1.12), round(stage.height * 1.12)
    ground = gradient(w, h, (0, (12, 44, 66)), (0.55, (8, 34, 54)), (1, (5, 22, 40)))
    glow, rng = np.zeros((h, w), np.float32), np.random.default_rng(16)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    for name, (_, _, size) in CITIES.items():
        x, y = place(name, w, h)
        glow += 0.5 * size * np.exp(-np.hypot(xx - x, yy - y) / (44 * size))
    for a, b in [(link[:2], link[2:]) for link in LINKS]:
        (ax, ay), (bx, by) = place(a, w, h), place(b, w, h)
        for _ in range(46):  # towns along the roads
            u = rng.random()
            town(
                glow,
                ax + (bx - ax) * u + rng.normal(0, 9),
                ay + (by - ay) * u + rng.normal(0, 9),
                rng.uniform(0.2, 0.7),
                1.7,
            )
    for name, (_, _, size) in CITIES.items():
        x, y = place(name, w, h)
        for _ in range(int(380 * size)):
            r = rng.exponential(40 * size) + 1
            a = rng.uniform(0, 2 * math.pi)
            town(
                glow,
                x + r * math.cos(a) * 1.15,
                y + r * math.sin(a),
                rng.uniform(0.25, 0.95),
                rng.uniform(1.2, 2.3),
            )
    warm = np.array([255, 206, 128], np.float32)
    still = ground + np.clip(glow, 0, 1.25)[..., None] * (warm - 0.4 * ground)
    names = name_plates(font, w, h)
    for t in stage.times():
        light = np.zeros((h, w), np.float32)
        for k, link in enumerate(LINKS):
            travel(
                light,
                place(link[:2], w, h),
                place(link[2:], w, h),
                t * 0.36 + k * 0.37,
                ease((t + 0.8 - 0.12 * k) / 1.5),
            )
        frame = as_image(still + light[..., None] * np.array([130, 226, 232]))
        frame.paste((232, 244, 244), (0, 0), names)
        u = t / stage.seconds
        yield look(frame, View(0.5, 0.49 + 0.012 * u, 0.985 - 0.07 * u), stage, None, t)


def town(field_: Array, x: float, y: float, strength: float, r: float) -> None:
    """Add one small light at a place given to parts of a pixel."""
    n = int(r * 3) + 1
    i, j = int(x), int(y)
    if not (n < i < field_.shape[1] - n - 1 and n < j < field_.shape[0] - n - 1):
        return
    a = np.arange(-n, n + 1, dtype=np.float32)
    spot = np.exp(-((a[:, None] + j - y) ** 2 + (a[None, :] + i - x) ** 2) / (r * r))
    field_[j - n : j + n + 1, i - n : i + n + 1] += strength * spot


def travel(
    light: Array, a: tuple[float, float], b: tuple[float, float], phase: float, seen: float
) -> None:
    """An arc between two places, and a pulse on its way."""
    if seen <= 0:
        return
    rise = 0.22 * math.dist(a, b)
    n = int(math.dist(a, b) / 3.2)
    for k in range(n + 1):
        u = k / n
        x, y = a[0] + (b[0] - a[0]) * u, a[1] + (b[1] - a[1]) * u - 4 * rise * u * (1 - u)
        behind = (phase - u) % 1
        town(
            light,
            x,
            y,
            (0.12 + 0.6 * math.exp(-behind * 16)) * seen,
            1.9 + 1.6 * math.exp(-behind * 16),
        )


def name_plates(font: str, w: int, h: int) -> Image.Image:
    mask = Image.new("L", (w, h), 0)
    draw, face = ImageDraw.Draw(mask), typeface(font, 32)
    for name in CITIES:
        x, y = place(name, w, h)
        draw.text((x, y + 26), name, 225, face, anchor="mt")
    return mask


def blue_granary(stage: Stage) -> Iterator[Image.Image]:
    """A sea farm in flat colours: swell, a buoy that sends, fish below."""
    w, h = stage.width * SS, stage.height * SS
    sky = Image.fromarray(
        gradient(
            stage.width,
            stage.height,
            (0, (250, 214, 170)),
            (0.3, (252, 234, 204)),
            (0.5, (236, 240, 226)),
        ).astype(np.uint8)
    ).resize((w, h))
    tones = [
        (138, 204, 204),
        (86, 178, 190),
        (44, 146, 168),
        (24, 114, 146),
        (16, 84, 120),
        (10, 60, 96),
    ]
    rng = np.random.default_rng(20)
    fish = [
        (rng.uniform(0, 1), rng.uniform(0.77, 0.96), rng.uniform(20, 44), rng.uniform(0.8, 1.2))
        for _ in range(22)
    ]
    for t in stage.times():
        image = sky.copy()
        draw = ImageDraw.Draw(image)
        sx, sy, r = 0.27 * w, (0.36 - 0.006 * t) * h, 0.115 * h
        draw.ellipse([sx - r, sy - r, sx + r, sy + r], (246, 150, 98))
        x = np.arange(-20, w + 41, 20)
        for k, tone in enumerate(tones):
            a = (0.010 + 0.0045 * k) * h
            y = (
                (0.455 + 0.062 * k) * h
                + a * np.sin(x / w * (11 - k) + t * (0.75 + 0.09 * k) + 1.7 * k)
                + 0.4 * a * np.sin(x / w * (23 - 2 * k) - t * 0.8 + k)
            )
            draw.polygon([*zip(x.tolist(), y.tolist(), strict=True), (w + 40, h), (-20, h)], tone)
            if k in (1, 2):
                farm(draw, w, h, t, k)
            if k == 3:
                level = float(np.interp(0.80 * w, x, y))
                tilt = 7 * math.sin(0.9 * t + 0.5)
                buoy(draw, 0.80 * w, level, 1.55 * SS, tilt, t)
                draw.polygon(
                    [
                        *zip(x.tolist(), (y + 0.022 * h).tolist(), strict=True),
                        (w + 40, h),
                        (-20, h),
                    ],
                    tone,
                )
        for fx, fy, size, speed in fish:
            fish_at(
                draw,
                ((fx + 0.035 * speed * t) % 1.1 - 0.05) * w,
                (fy + 0.004 * math.sin(t + 9 * fx)) * h,
                size * SS,
                (56, 140, 168) if fy < 0.86 else (40, 112, 146),
                t * speed + 7 * fx,
            )
        yield image.reduce(SS)


def farm(draw: ImageDraw.ImageDraw, w: int, h: int, t: float, row: int) -> None:
    """A row of net pens, far out."""
    for k in range(7):
        x = w * (0.05 + 0.155 * k + 0.07 * (row - 1))
        y = h * (0.535 + 0.062 * (row - 1)) + 0.006 * h * math.sin(0.9 * t + k * 1.3)
        rx, ry = 0.043 * w * (0.8 + 0.25 * row), 0.013 * h * (0.8 + 0.25 * row)
        draw.ellipse([x - rx, y - ry, x + rx, y + ry], outline=(250, 240, 214), width=3 * SS)
        for m in range(9):
            a = math.pi * (m / 8)
            px, py = x + rx * math.cos(a), y - ry * math.sin(a)
            draw.line([(px, py), (px, py - 0.020 * h)], (250, 240, 214), SS)
        draw.arc(
            [x - rx, y - ry - 0.020 * h, x + rx, y + ry - 0.020 * h],
            180,
            360,
            (250, 240, 214),
            2 * SS,
        )


def buoy(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, tilt: float, t: float) -> None:
    c, d = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))

    def at(px: float, py: float) -> tuple[float, float]:
        return x + (px * c - py * d) * s, y + (px * d + py * c) * s

    draw.polygon([at(-58, 26), at(-74, -18), at(74, -18), at(58, 26)], (226, 74, 52))
    draw.polygon([at(-74, -18), at(-70, -32), at(70, -32), at(74, -18)], (252, 238, 214))
    draw.polygon([at(-40, -32), at(-13, -170), at(-6, -170), at(-30, -32)], (244, 184, 70))
    draw.polygon([at(40, -32), at(13, -170), at(6, -170), at(30, -32)], (244, 184, 70))
    for py, half in ((-72, 32), (-112, 24), (-146, 18)):
        draw.line([at(-half, py), at(half, py)], (244, 184, 70), int(6 * s))
    draw.polygon([at(-62, -50), at(-46, -100), at(-30, -96), at(-44, -46)], (34, 66, 112))
    draw.polygon([at(-22, -170), at(22, -170), at(22, -184), at(-22, -184)], (252, 238, 214))
    draw.line([at(0, -184), at(0, -232)], (90, 80, 76), int(4 * s))
    top = at(0, -236)
    for k in range(3):
        u = (t * 0.45 + k / 3) % 1
        r, fade = (26 + 120 * u) * s, 1 - u
        tone = tuple(int(250 - (250 - v) * fade) for v in (226, 92, 62))
        for start in (-38, 142):
            draw.arc(
                [top[0] - r, top[1] - r, top[0] + r, top[1] + r],
                start,
                start + 76,
                tone,
                max(1, int(7 * s * fade)),
            )
    draw.ellipse([top[0] - 9 * s, top[1] - 9 * s, top[0] + 9 * s, top[1] + 9 * s], (226, 74, 52))


def fish_at(
    draw: ImageDraw.ImageDraw, x: float, y: float, s: float, tone: Colour, t: float
) -> None:
    flick = 0.22 * math.sin(6 * t)
    draw.polygon(
        curve(
            [
                (x + s, y),
                (x + 0.3 * s, y - 0.32 * s),
                (x - 0.6 * s, y - 0.1 * s),
                (x - 0.6 * s, y + 0.1 * s),
                (x + 0.3 * s, y + 0.32 * s),
            ],
            n=6,
        ),
        tone,
    )
    draw.polygon(
        [
            (x - 0.5 * s, y),
            (x - 1.1 * s, y + s * (flick - 0.34)),
            (x - 0.92 * s, y + s * flick),
            (x - 1.1 * s, y + s * (flick + 0.34)),
        ],
        tone,
    )


def yellow_river(stage: Stage) -> Iterator[Image.Image]:
    """A river's mouth in layered paper: steps of distance from the stream, each with its shadow."""
    w, h = stage.width * 9 // 8, stage.height * 9 // 8
    line = np.array(
        curve(
            [
                (-200, 300),
                (260, 420),
                (560, 780),
                (900, 760),
                (1010, 420),
                (1330, 330),
                (1560, 620),
                (1900, 760),
                (2400, 700),
            ],
            False,
            24,
        )
    )
    y, x = np.mgrid[0:h:4, 0:w:4].astype(np.float32)
    d = np.full(y.shape, 1e9, np.float32)
    for a, b in line:
        d = np.minimum(d, (x - a) ** 2 + (y - b) ** 2)
    field_ = np.sqrt(d) + np.minimum(150, 0.75 * np.sqrt(d)) * (
        clouds(w // 4 + 1, h // 4 + 1, 90, 2, 61)[: d.shape[0], : d.shape[1]] - 0.5
    )
    sea = np.clip(
        (x - 1500) / 620 + 0.35 * (clouds(d.shape[1], d.shape[0], 110, 2, 62) - 0.5), 0, 1
    )
    enlarge = partial(Image.Image.resize, size=(w, h), resample=Image.Resampling.BICUBIC)
    level = np.asarray(enlarge(Image.fromarray((field_ - 48).astype(np.float32)))) / 58
    sea = np.asarray(enlarge(Image.fromarray(sea.astype(np.float32))))[..., None]
    slope = np.maximum(np.hypot(*np.gradient(level)), 1e-4)
    land = np.array(
        [
            (222, 164, 70),
            (236, 190, 106),
            (244, 222, 170),
            (176, 196, 128),
            (126, 172, 120),
            (84, 146, 116),
            (54, 122, 112),
            (36, 98, 102),
            (26, 80, 92),
            (18, 64, 80),
            (14, 54, 70),
        ],
        np.float32,
    )
    wet = np.array(
        [
            (226, 172, 84),
            (226, 190, 128),
            (196, 208, 176),
            (140, 196, 190),
            (94, 176, 188),
            (62, 154, 180),
            (44, 132, 168),
            (32, 112, 154),
            (26, 94, 138),
            (20, 80, 122),
            (16, 70, 110),
        ],
        np.float32,
    )
    flow = line_phase(line, x, y, enlarge)
    for t in stage.times():
        shifted = np.maximum(level + 0.24 * np.sin(0.9 * t - level * 0.5), -0.5)
        step = np.clip(np.floor(shifted), -1, 9).astype(int)
        frac = shifted - step
        edge = np.clip(frac / slope / 1.2, 0, 1)[..., None]  # one pixel of smoothing at each edge
        shade = 1 - 0.34 * np.exp(-(1 - np.clip(frac, 0, 1)) * 4.5)[..., None]
        shade = np.where((step >= 10)[..., None], 1, shade)
        tone = [
            (1 - sea) * land[np.clip(s, 0, 10)] + sea * wet[np.clip(s, 0, 10)]
            for s in (step + 1, step)
        ]
        before = 1 - 0.34 * 1.0
        pixels = tone[0] * shade * edge + tone[1] * before * (1 - edge)
        wave = np.sin(
            flow * 0.021 - 1.9 * t + 2.4 * np.sin(level * 14) + 1.5 * np.sin(flow * 0.0043)
        )
        glint = np.clip(wave * 1.6 - 0.7, 0, 1) * np.clip(-shifted * 6 - 0.6, 0, 1)
        pixels += 34 * glint[..., None] * (1 - 0.5 * sea)
        u = t / stage.seconds
        yield look(as_image(pixels), View(0.46 + 0.05 * u, 0.5, 0.9), stage, None, t)


def line_phase(
    line: NDArray[np.float64], x: Array, y: Array, enlarge: Callable[[Image.Image], Image.Image]
) -> Array:
    """How far along the stream each pixel lies."""
    tangent = np.gradient(line, axis=0)
    tangent /= np.hypot(*tangent.T)[:, None]
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    best, phase = np.full(x.shape, 1e12, np.float32), np.zeros(x.shape, np.float32)
    for (a, b), (u, v), s in zip(line, tangent, along, strict=True):
        d = (x - a) ** 2 + (y - b) ** 2
        phase = np.where(d < best, s + (x - a) * u + (y - b) * v, phase)
        best = np.minimum(best, d)
    return np.asarray(enlarge(Image.fromarray(phase.astype(np.float32))))


def drifting_seeds(scene: Scene) -> Scene:
    """Some soft seeds of light that drift across another scene."""

    def drift(stage: Stage) -> Iterator[Image.Image]:
        rng = np.random.default_rng(21)
        seeds = rng.uniform(0, 1, (26, 5))
        for t, frame in zip(stage.times(), scene(stage), strict=True):
            light = np.zeros((stage.height // 2, stage.width // 2), np.float32)
            for x, y, size, speed, phase in seeds:
                px = ((x + (0.03 + 0.05 * speed) * t) % 1.1 - 0.05) * light.shape[1]
                py = (
                    (y - 0.02 * t * speed + 0.01 * math.sin(1.5 * t + 6 * phase))
                    % 1
                    * light.shape[0]
                )
                town(light, px, py, 0.35 + 0.4 * phase, 1.5 + 3.5 * size)
            mask = Image.fromarray((np.clip(light, 0, 0.8) * 255).astype(np.uint8))
            frame.paste((255, 244, 214), (0, 0), mask.resize(frame.size, Image.Resampling.BICUBIC))
            yield frame

    return drift


# --- writing on the picture ---------------------------------------------------------------------


@lru_cache(maxsize=64)
def typeface(path: str, size: int) -> ImageFont.FreeTypeFont:
    """The font; of a collection, its face for Simplified Chinese."""
    for index in range(16):
        try:
            face = ImageFont.truetype(path, size, index)
        except OSError:
            break
        if str(face.getname()[0]).endswith("SC"):
            return face
    return ImageFont.truetype(path, size)


@dataclass(frozen=True)
class Fonts:
    regular: str
    bold: str
    serif: str


@dataclass(frozen=True)
class Layer:
    """Something on the picture: RGBA pixels, where, and when (seconds; with fades)."""

    image: Image.Image
    x: int
    y: int
    start: float = -1.0
    end: float = 1e9
    fade: float = 0.4
    rise: float = 0.0
    wipe: bool = False

    def put(self, frame: Image.Image, t: float) -> None:
        seen = ease((t - self.start) / self.fade) * ease((self.end - t) / self.fade)
        if seen <= 0:
            return
        image, y = self.image, self.y
        if self.wipe and seen < 1 and t < self.start + self.fade:
            image, seen = image.crop((0, 0, max(1, round(image.width * seen)), image.height)), 1.0
        if self.rise and t < self.start + self.fade:
            y += round(self.rise * (1 - ease((t - self.start) / self.fade)))
        mask = image.getchannel("A")
        frame.paste(
            image.convert("RGB"),
            (self.x, y),
            mask if seen >= 1 else mask.point(lambda v: round(v * seen)),
        )


def spaced(
    draw: ImageDraw.ImageDraw,
    xy: tuple[float, float],
    text: str,
    face: ImageFont.FreeTypeFont,
    fill: Colour,
    tracking: float,
) -> None:
    x, y = xy
    for c in text:
        draw.text((x, y), c, (*fill, 255), face, anchor="ls")
        x += face.getlength(c) + tracking


def width_of(text: str, face: ImageFont.FreeTypeFont, tracking: float) -> float:
    return sum(face.getlength(c) + tracking for c in text) - tracking


def halo(ink: Colour) -> Colour:
    """Light letters get a dark shadow, dark ones a light glow."""
    return (250, 246, 236) if sum(ink) < 380 else (8, 14, 20)


def words(
    text: str,
    face: ImageFont.FreeTypeFont,
    fill: Colour,
    tracking: float = 0,
    shadow: float = 0.55,
    blur: float = 9,
) -> tuple[Image.Image, int]:
    """A line of text on its soft shadow, and the margin around it in pixels."""
    m = round(blur * 3)
    width, height = round(width_of(text, face, tracking)) + 2 * m, round(face.size * 1.3) + 2 * m
    at = (m, m + face.size * 1.02)
    over = Image.new("RGBA", (width, height), (*fill, 0))
    spaced(ImageDraw.Draw(over), at, text, face, fill, tracking)
    if not shadow:
        return over, m
    alpha = over.getchannel("A")
    dark = alpha.filter(ImageFilter.GaussianBlur(blur)).point(
        lambda v: min(255, round(v * shadow * 1.9))
    )
    near = alpha.filter(ImageFilter.GaussianBlur(2)).point(lambda v: round(v * shadow * 0.8))
    base = Image.new("RGBA", (width, height), (*halo(fill), 0))
    base.putalpha(Image.fromarray(np.maximum(np.asarray(dark), np.asarray(near))))
    return Image.alpha_composite(base, over), m


def block(lines: list[tuple[Image.Image, int]], gap: int, align: str) -> tuple[Image.Image, int]:
    """Lines set under each other (left or centre); the pictures overlap by their margins."""
    margin = max(m for _, m in lines)
    width = max(im.width - 2 * m for im, m in lines) + 2 * margin
    heights = [im.height - 2 * m for im, m in lines]
    image = Image.new(
        "RGBA", (width, sum(heights) + gap * (len(lines) - 1) + 2 * margin), (8, 14, 20, 0)
    )
    y = margin
    for (im, m), high in zip(lines, heights, strict=True):
        x = (width - im.width) // 2 if align == "centre" else margin - m
        image.alpha_composite(im, (x, y - m))
        y += high + gap
    return image, margin


def fitting(
    font: str, lines: tuple[str, ...], size: int, room: float, tracking: float
) -> ImageFont.FreeTypeFont:
    while max(width_of(line, typeface(font, size), tracking * size) for line in lines) > room:
        size -= 2
    return typeface(font, size)


def title_layers(title: Title, fonts: Fonts, stage: Stage) -> list[Layer]:
    """The opening title: there from the first moments, gone after two seconds."""
    return {
        "centre": centre_title,
        "bar": bar_title,
        "quiet": quiet_title,
        "card": card_title,
        "column": column_title,
    }[title.style](title, fonts, stage)


START, END = 0.12, 2.25


def centre_title(title: Title, fonts: Fonts, stage: Stage) -> list[Layer]:
    room = stage.width - 180
    face = fitting(fonts.bold, title.lines, title.size, room, 0.06)
    lines = [words(line, face, title.ink, 0.06 * face.size) for line in title.lines]
    image, m = block(lines, round(face.size * 0.12), "centre")
    cx, cy = stage.width * title.at[0], stage.height * title.at[1]
    x, y = round(cx - image.width / 2), round(cy - image.height / 2)
    small, sm = words(title.small, typeface(fonts.bold, 36), title.ink, 8, 0.7, 7)
    rule = Image.new("RGBA", (240, 5), (*title.accent, 255))
    foot = y + image.height - m
    return [
        Layer(image, x, y, START, END, 0.5, 26),
        Layer(rule, round(cx - 120), foot + 26, START + 0.2, END, 0.5, wipe=True),
        Layer(small, round(cx - small.width / 2), foot + 54 - sm, START + 0.3, END, 0.5),
    ]


def bar_title(title: Title, fonts: Fonts, stage: Stage) -> list[Layer]:
    x0, y0 = round(stage.width * title.at[0]), round(stage.height * title.at[1])
    face = fitting(fonts.bold, title.lines, title.size, stage.width - x0 - 130, 0.02)
    small = words(title.small, typeface(fonts.bold, 38), title.ink, 4, 0.7, 7)
    image, m = block(
        [*(words(line, face, title.ink, 0.02 * face.size) for line in title.lines), small],
        round(face.size * 0.1),
        "left",
    )
    bar = Image.new("RGBA", (10, image.height - 2 * m), (*title.accent, 255))
    return [
        Layer(bar, x0, y0, START, END, 0.35, 40),
        Layer(image, x0 + 40 - m, y0 - m, START + 0.1, END, 0.5),
    ]


def quiet_title(title: Title, fonts: Fonts, stage: Stage) -> list[Layer]:
    face = fitting(fonts.regular, title.lines, title.size, stage.width - 200, 0.32)
    image, m = block(
        [words(line, face, title.ink, 0.32 * face.size) for line in title.lines],
        round(face.size * 0.16),
        "centre",
    )
    small, sm = words(title.small, typeface(fonts.bold, 34), title.ink, 10, 0.75, 7)
    cx, y = stage.width * title.at[0], round(stage.height * title.at[1])
    wide = min(stage.width - 160, image.width - 2 * m + 160)
    rule = Image.new("RGBA", (wide, 3), (*title.accent, 230))
    low = y + image.height - 2 * m + 34
    return [
        Layer(rule, round(cx - wide / 2), y - 34, START, END, 0.7, wipe=True),
        Layer(image, round(cx - image.width / 2), y - m, START, END, 0.6),
        Layer(rule, round(cx - wide / 2), low, START, END, 0.7, wipe=True),
        Layer(small, round(cx - small.width / 2), low + 26 - sm, START + 0.3, END, 0.5),
    ]


def card_title(title: Title, fonts: Fonts, stage: Stage) -> list[Layer]:
    face = fitting(fonts.bold, title.lines, title.size, stage.width - 280, 0.03)
    small = words(title.small, typeface(fonts.regular, 36), title.ink, 5, 0)
    image, m = block(
        [*(words(line, face, title.ink, 0.03 * face.size, 0) for line in title.lines), small],
        round(face.size * 0.12),
        "left",
    )
    w, h = image.width - 2 * m + 112, image.height - 2 * m + 84
    big = Image.new("RGBA", (w * 3, h * 3), (*title.accent, 0))
    ImageDraw.Draw(big).rounded_rectangle([0, 0, w * 3 - 1, h * 3 - 1], 30, (*title.accent, 240))
    plate = big.reduce(3)
    plate.alpha_composite(image, (56 - m, 38 - m))
    x, y = round(stage.width * title.at[0] - w / 2), round(stage.height * title.at[1] - h / 2)
    return [Layer(plate, x, y, START, END, 0.45, 44)]


def column_title(title: Title, fonts: Fonts, stage: Stage) -> list[Layer]:
    """Upright Chinese columns from right to left, with a seal that bears the city's name."""
    size, gap = title.size, round(title.size * 0.42)
    face, m = typeface(fonts.serif, size), 30
    tall = max(len(line) for line in title.lines)
    w, h = len(title.lines) * size + (len(title.lines) - 1) * gap, round(tall * size * 1.14)
    over = Image.new("RGBA", (w + 2 * m, h + 2 * m + 150), (*title.ink, 0))
    draw = ImageDraw.Draw(over)
    for k, line in enumerate(title.lines):
        x = m + w - size - k * (size + gap)
        for i, c in enumerate(line):
            draw.text(
                (x + size / 2, m + (i + 0.5) * size * 1.14), c, (*title.ink, 255), face, anchor="mm"
            )
    alpha = over.getchannel("A").filter(ImageFilter.GaussianBlur(10))
    base = Image.new("RGBA", over.size, (*halo(title.ink), 0))
    base.putalpha(alpha.point(lambda v: min(255, round(v * 1.1))))
    image = Image.alpha_composite(base, over)
    seal = Image.new("RGBA", (64, 112), (*title.accent, 0))
    ImageDraw.Draw(seal).rounded_rectangle([0, 0, 63, 111], 9, (*title.accent, 255))
    for i, c in enumerate(title.small[:2]):
        ImageDraw.Draw(seal).text(
            (32, 30 + 50 * i), c, (252, 246, 236, 255), typeface(fonts.serif, 44), anchor="mm"
        )
    last = len(title.lines[-1])
    image.alpha_composite(seal, (m + (size - 64) // 2, m + round(last * size * 1.14) + 26))
    x, y = round(stage.width * title.at[0] - image.width / 2), round(stage.height * title.at[1])
    return [Layer(image, x, y - m, START, END, 0.6)]


def subtitle_layers(clip: Clip, fonts: Fonts, stage: Stage) -> list[Layer]:
    first, last = 2.3, clip.seconds - 0.15
    each = (last - first) / len(clip.subtitles)
    layers = []
    for k, text in enumerate(clip.subtitles):
        face = fitting(fonts.bold, (text,), 58 if clip.upright else 54, stage.width - 140, 0.03)
        image, m = words(text, face, WHITE, 0.03 * face.size, 0.62, 8)
        centre = stage.height * (0.815 if clip.upright else 0.895)
        y = round(centre - image.height / 2)
        if clip.plate:
            image = plated(image, m)
        x = (stage.width - image.width) // 2
        layers.append(Layer(image, x, y, first + k * each, first + (k + 1) * each, 0.22))
    return layers


def plated(image: Image.Image, margin: int, dark: int = 128) -> Image.Image:
    """The line on a dark, half-clear plate."""
    w, h = image.width - 2 * margin + 60, image.height - 2 * margin + 22
    big = Image.new("RGBA", (w * 3, h * 3), (10, 16, 22, 0))
    ImageDraw.Draw(big).rounded_rectangle([0, 0, w * 3 - 1, h * 3 - 1], 36, (10, 16, 22, dark))
    plate = Image.new("RGBA", (max(image.width, w), image.height), (10, 16, 22, 0))
    plate.alpha_composite(big.reduce(3), ((plate.width - w) // 2, (image.height - h) // 2))
    plate.alpha_composite(image, ((plate.width - image.width) // 2, 0))
    return plate


def scrim(stage: Stage, strength: float) -> Layer:
    """A soft darkening of the lower quarter, so that white letters stand on any picture."""
    high = round(stage.height * 0.34)
    ramp = (np.linspace(0, 1, high) ** 1.6 * 255 * strength).astype(np.uint8)
    image = Image.new("RGBA", (stage.width, high), (6, 12, 18, 0))
    image.putalpha(Image.fromarray(np.repeat(ramp[:, None], stage.width, axis=1)))
    return Layer(image, 0, stage.height - high)


def ai_label(fonts: Fonts, stage: Stage) -> Layer:
    """The duty: a label, readable all along; its letters are 5 % of the shorter side high."""
    line, margin = words("AI生成", typeface(fonts.regular, 58), WHITE, 2, 0)
    image = plated(line, margin, 96)
    x, y = (56, 56) if stage.width > stage.height else (48, 100)
    return Layer(image, x, y - margin)


# --- sound --------------------------------------------------------------------------------------

RATE = 48000


def pad(chord: tuple[int, ...], seconds: float, bells: bool, seed: int) -> Array:
    """A soft chord (MIDI notes) that breathes, in a room; mono, within ±0.4."""
    rng = np.random.default_rng(seed)
    n = round(RATE * seconds)
    t = np.arange(n) / RATE
    out = np.zeros(n)
    for k, note in enumerate(chord):
        f = 440 * 2 ** ((note - 69) / 12)
        swell = 0.75 + 0.25 * np.sin(2 * np.pi * (0.11 + 0.03 * k) * t + rng.uniform(0, 6))
        for cents in (-5, 4):
            g = f * 2 ** (cents / 1200)
            for partial_, level in ((1, 1.0), (2, 0.28), (3, 0.09)):
                out += (
                    swell
                    * level
                    * np.sin(2 * np.pi * g * partial_ * t + rng.uniform(0, 6))
                    / (1 + 0.25 * k)
                )
    out /= np.abs(out).max()
    if bells:
        for at in np.arange(0.5, seconds - 1.2, 0.85) + rng.uniform(0, 0.3):
            f = 440 * 2 ** ((chord[int(rng.integers(1, len(chord)))] + 12 - 69) / 12)
            s = np.maximum(t - at, 0)
            out += (
                (t >= at)
                * 0.22
                * np.exp(-2.6 * s)
                * (
                    np.sin(2 * np.pi * f * s)
                    + 0.3 * np.sin(2 * np.pi * 2.76 * f * s) * np.exp(-5 * s)
                )
            )
    tail = np.arange(int(1.4 * RATE)) / RATE
    room = rng.normal(0, 1, len(tail)) * np.exp(-tail * 3.6)
    size = 1 << (n + len(room)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(out, size) * np.fft.rfft(room, size), size)[:n]
    spectrum = np.fft.rfft(out + 1.1 * wet / np.abs(wet).max())
    f = np.fft.rfftfreq(n, 1 / RATE)
    out = np.fft.irfft(spectrum / (1 + (f / 1900) ** 4), n)
    out *= 0.4 / np.abs(out).max()
    return (out * np.minimum(1, t / 0.7) * np.clip((seconds - t) / 1.1, 0, 1)).astype(np.float32)


# --- the clips ----------------------------------------------------------------------------------


def clips(fonts: Fonts) -> tuple[Clip, ...]:
    """All clips, in the order of their numbers."""
    return (
        Clip(
            1,
            photo(Shot("sunset.jpg", View(0.535, 0.52, 0.93), View(0.53, 0.46, 0.80))),
            Title(("日出",), "泰山 · 04:52", "quiet", at=(0.24, 0.15), size=150),
            (
                "凌晨四点，山顶的慢直播准时开机",
                "奶奶在家，举着手机等太阳",
                "这一刻，全家一起看见了光",
            ),
            (45, 57, 61, 64, 68),
            seconds=7.5,
            crf=31.5,
        ),
        Clip(
            2,
            spring,
            Title(
                ("泉水有了", "数字分身"), "济南", "column", (196, 52, 40), at=(0.5, 0.2), size=120
            ),
            ("传感器听见泉的心跳", "每一次涌动，都变成数据", "数据里，又涌出一眼泉"),
            (50, 57, 62, 66, 69),
            True,
            True,
            6.4,
            crf=34.5,
            bells=True,
        ),
        Clip(
            3,
            photo(
                Shot("friends.jpg", View(0.5, 0.5, 0.84), View(0.47, 0.42, 0.76)),
                Shot("friends.jpg", View(0.43, 0.415, 0.62), View(0.45, 0.42, 0.585)),
            ),
            Title(
                ("窗口的两位", "“小哨兵”"),
                "一只叫芝麻，一只叫花生",
                "card",
                (250, 244, 232),
                (92, 56, 34),
                (0.5, 0.76),
                88,
            ),
            ("出门前，给它俩打个招呼", "狗证到期？手机点一点就续上", "放心，家里有“小哨兵”站岗"),
            (48, 55, 60, 64, 67),
            True,
            seconds=7.5,
            crf=33.5,
        ),
        Clip(
            4,
            photo(
                Shot(
                    "goldfish.jpg",
                    View(0.52, 0.48, 0.98),
                    View(0.48, 0.47, 0.80),
                    swim(0.007, 0.55, 0.16),
                )
            ),
            Title(
                ("一尾红鱼游进数据湖",),
                "江北水城 · 算法绘本",
                "centre",
                (255, 120, 150),
                at=(0.5, 0.80),
                size=96,
            ),
            ("把古城的水系交给算法", "算法还给我一尾红鱼", "它游过的地方，都是数据的波纹"),
            (46, 58, 61, 65, 68),
            ai=True,
            crf=32.5,
            bells=True,
        ),
        Clip(
            5,
            photo(
                Shot("picture_0b.jpg", View(0.52, 0.52, 0.98), View(0.56, 0.5, 0.84)),
                Shot("picture_0b.jpg", View(0.58, 0.48, 0.60), View(0.595, 0.49, 0.565)),
            ),
            Title(
                ("一颗无花果的", "数字旅行"),
                "从枝头到餐桌",
                "bar",
                (226, 64, 32),
                at=(0.06, 0.12),
                size=92,
            ),
            (
                "清晨五点，第一颗无花果熟了",
                "扫一扫，看见它长大的每一天",
                "四十八小时，从枝头到你碗里",
            ),
            (47, 59, 62, 66, 71),
            seconds=7.5,
            plate=True,
            scrim=0,
            crf=34.0,
        ),
        Clip(
            6,
            rooftops,
            Title(
                ("塔吊旁边的", "“云监工”"),
                "父亲的工地 · 一日记录",
                "card",
                (255, 205, 64),
                (48, 44, 40),
                (0.5, 0.78),
                92,
            ),
            ("塔吊有了眼睛，工地有了大脑", "谁没系安全绳，系统先喊话", "爸爸说：现在放心多了"),
            (43, 55, 58, 62, 65),
            True,
            seconds=6.6,
            scrim=0.4,
            crf=34.0,
        ),
        Clip(
            7,
            ink_mountains,
            Title(
                ("云山", "入画"), "泰安", "column", (190, 44, 36), (30, 36, 42), (0.86, 0.1), 118
            ),
            ("喂给AI一千张写生稿", "它学会了留白", "云起处，山就活了"),
            (45, 52, 57, 60, 64),
            ai=True,
            seconds=7.5,
            crf=29.0,
            bells=True,
            scrim=0.45,
        ),
        Clip(
            8,
            bloom,
            Title(("等花开",), "大棚 · 第37天", "quiet", at=(0.27, 0.34), size=112),
            ("大棚里的镜头一夜没睡", "它替花农守着温度和水", "花开那一秒，手机响了"),
            (48, 60, 64, 67, 71),
            seconds=7.0,
            crf=34.0,
        ),
        Clip(
            9,
            photo(Shot("bridge.jpg", View(0.5, 0.55, 1.0), View(0.56, 0.44, 0.82))),
            Title(
                ("给大桥做个体检",),
                "黄河口 · 桥梁健康监测",
                "centre",
                (255, 206, 96),
                at=(0.34, 0.3),
                size=98,
            ),
            (
                "每根拉索里，都住着一个传感器",
                "风多大，力多重，它都记得",
                "守桥人的口袋里，装着一座桥",
            ),
            (41, 53, 57, 60, 65),
            seconds=7.0,
            crf=31.5,
            plate=True,
            scrim=0.0,
        ),
        Clip(
            10,
            kites,
            Title(
                ("风筝飞过云端",),
                "潍坊 · 童年来信",
                "centre",
                (205, 58, 48),
                (44, 62, 76),
                at=(0.5, 0.235),
                size=118,
            ),
            ("我画了一只风筝", "AI把它变成了一片天空", "风起，童年就飞起来了"),
            (50, 57, 62, 66, 73),
            True,
            True,
            7.0,
            crf=33.5,
            bells=True,
            scrim=0.25,
        ),
        Clip(
            11,
            photo(
                Shot("wine.jpg", View(0.5, 0.5, 0.84), View(0.5, 0.56, 0.80)),
                Shot("wine.jpg", View(0.5, 0.72, 0.62), View(0.52, 0.70, 0.58)),
            ),
            Title(
                ("老厂房里的鼓点",),
                "下班以后 · 第三期",
                "quiet",
                (255, 214, 150),
                at=(0.5, 0.055),
                size=92,
            ),
            ("老车间，如今是社区排练房", "手机预约，扫码开门", "下班后的一小时，归鼓点"),
            (43, 50, 58, 62, 65),
            True,
            seconds=7.5,
            crf=31.5,
        ),
        Clip(
            12,
            photo(Shot("life.jpg", View(0.5, 0.46, 0.98), View(0.48, 0.56, 0.80), soften=0.9)),
            Title(
                ("一条小溪的云端档案",),
                "河长巡河日志",
                "bar",
                (120, 214, 190),
                at=(0.06, 0.66),
                size=96,
            ),
            ("河长的手机里有一张水网", "水位、水质，每十五分钟更新", "溪水自己会“报平安”"),
            (45, 57, 60, 64, 69),
            seconds=6.4,
            fps=24,
            crf=34.0,
        ),
        Clip(
            13,
            blue_granary,
            Title(
                ("5G+海洋牧场", "把“蓝色粮仓”装进手机"),
                "青岛 · 深远海养殖",
                "bar",
                (226, 74, 52),
                (22, 58, 92),
                (0.46, 0.06),
                84,
            ),
            ("浮标醒来，海面有了信号", "水温、溶氧，一屏看尽", "渔民说：把海装进了口袋"),
            (48, 55, 60, 64, 71),
            ai=True,
            crf=34.0,
            seconds=7.0,
            bells=True,
            scrim=0,
        ),
        Clip(
            14,
            drifting_seeds(
                photo(
                    Shot(
                        "seeding.jpg",
                        View(0.44, 0.46, 0.96),
                        View(0.38, 0.42, 0.80),
                        sway(0.3, 0.35, 0.2, 0.5, 0.006, 0.28),
                    )
                )
            ),
            Title(
                ("风知道答案",),
                "山村小学的科学课",
                "centre",
                (255, 222, 140),
                at=(0.68, 0.42),
                size=104,
            ),
            ("山村小学的科学课，讲风", "气象站的数据，飘进课堂", "风知道，种子要去哪里"),
            (46, 53, 58, 62, 65),
            seconds=7.0,
            bells=True,
            crf=32.0,
        ),
        Clip(
            15,
            photo(
                Shot(
                    "calla.jpg",
                    View(0.5, 0.5, 0.362),
                    View(0.49, 0.47, 0.325),
                    swim(0.008, 0.9, 0.14),
                )
            ),
            Title(
                ("送给妈妈的", "AI花束"),
                "提示词写了三行半",
                "card",
                (255, 250, 244),
                (206, 74, 66),
                (0.5, 0.195),
                80,
            ),
            ("妈妈说，最喜欢画里的花", "我写下三行字，AI开出一朵", "科技的温度，是有人记得"),
            (48, 60, 64, 67, 74),
            True,
            True,
            6.5,
            crf=30.5,
            scrim=0.25,
        ),
        Clip(
            16,
            photo(
                Shot("greentock.jpg", View(0.5, 0.46, 0.98), View(0.58, 0.42, 0.80)),
                Shot("greentock.jpg", View(0.68, 0.38, 0.56), View(0.64, 0.44, 0.52)),
            ),
            Title(
                ("省下的二十分钟",),
                "政务大厅里的一只钟",
                "bar",
                (206, 216, 40),
                at=(0.07, 0.70),
                size=100,
            ),
            ("以前，取号排队一上午", "现在，材料少交十一份", "省下的时间，去接孩子放学"),
            (44, 56, 59, 63, 66),
            seconds=6.8,
            scrim=0.42,
            crf=29.0,
        ),
        Clip(
            17,
            photo(
                Shot(
                    "dragonfly.jpg",
                    View(0.575, 0.5, 0.42),
                    View(0.572, 0.46, 0.395),
                    sway(0.5, 0.3, 0.5, 0.5, 0.004, 0.3),
                    soften=0.6,
                )
            ),
            Title(
                ("蜻蜓替我们测水质",),
                "湖边自然笔记 No.12",
                "card",
                (236, 244, 222),
                (44, 74, 40),
                (0.5, 0.80),
                80,
            ),
            ("拍一张，AI认出它的名字", "它来了，说明水干净了", "湖边的孩子都是观察员"),
            (52, 57, 60, 64, 69),
            True,
            seconds=6.5,
            crf=30.5,
        ),
        Clip(
            18,
            photo(
                Shot(
                    "rhythm.jpg",
                    View(0.46, 0.5, 0.98),
                    View(0.56, 0.52, 0.84),
                    swim(0.006, 0.8, 0.15),
                )
            ),
            Title(
                ("丝路新绸",),
                "周村古商城 · AI纹样",
                "quiet",
                (255, 232, 190),
                at=(0.735, 0.10),
                size=108,
            ),
            ("一根蚕丝，走过千年", "算法给它重新配色", "丝绸有了新的流动"),
            (43, 55, 59, 62, 66),
            ai=True,
            crf=31.5,
            seconds=6.5,
        ),
        Clip(
            19,
            photo(
                Shot("aitzgorri.jpg", View(0.42, 0.44, 0.94), View(0.56, 0.48, 0.86), soften=0.7)
            ),
            Title(
                ("沂蒙山来了", "云端护林员"),
                "防火季 · 驻点手记",
                "bar",
                (250, 160, 60),
                at=(0.06, 0.08),
                size=92,
            ),
            ("从前巡一遍山，要走两天", "现在云台看山火，算法辨烟", "老护林员多了个新同事"),
            (40, 52, 55, 59, 64),
            seconds=6.5,
            fps=24,
            crf=30.5,
        ),
        Clip(
            20,
            papercut,
            Title(
                ("一剪", "春风"), "滨州", "column", (176, 28, 34), (120, 20, 24), (0.86, 0.06), 104
            ),
            ("姥姥剪了一辈子窗花", "AI跟着她，学会了折和剪", "红纸转一转，春天就来了"),
            (50, 57, 62, 64, 69),
            True,
            True,
            6.4,
            crf=34.5,
            bells=True,
            scrim=0.3,
            plate=True,
        ),
        Clip(
            21,
            photo(Shot("free.jpg", View(0.43, 0.5, 0.42), View(0.435, 0.53, 0.385))),
            Title(
                ("奶奶学会了", "对灯说话"),
                "适老化改造日记",
                "centre",
                (246, 206, 96),
                at=(0.5, 0.47),
                size=108,
            ),
            ("“小鸟小鸟，开灯”", "奶奶八十二岁，学会了和灯说话", "夜里起身，不再摸黑"),
            (45, 57, 61, 64, 71),
            True,
            seconds=7.0,
            crf=27.0,
        ),
        Clip(
            22,
            partial(city_lights, fonts.regular),
            Title(
                ("十六城，一张网",),
                "山东 · 一屏夜色",
                "centre",
                (130, 226, 232),
                at=(0.79, 0.74),
                size=92,
            ),
            ("夜幕下，十六座城亮起来", "每一条光，都是一次“跨城通办”", "数据多跑路，群众少跑腿"),
            (41, 53, 56, 60, 63),
            ai=True,
            crf=34.0,
            seconds=7.5,
            bells=True,
        ),
        Clip(
            23,
            photo(
                Shot("picosdeeuropa.jpg", View(0.5, 0.42, 0.98), View(0.54, 0.36, 0.82), soften=0.7)
            ),
            Title(
                ("雪山脚下的远程会诊",),
                "一名援青医生的手记",
                "bar",
                (150, 200, 240),
                at=(0.06, 0.70),
                size=92,
            ),
            ("海拔三千多米，信号满格", "影像传回山东，专家在线读片", "隔着雪山，手却握在了一起"),
            (38, 50, 57, 62, 65),
            seconds=6.8,
            fps=24,
            crf=33.0,
        ),
        Clip(
            24,
            photo(Shot("rollpaper.jpg", View(0.48, 0.5, 0.98), View(0.56, 0.54, 0.84))),
            Title(
                ("典籍醒来",), "让残页重新开口", "bar", (250, 216, 200), at=(0.66, 0.12), size=120
            ),
            ("竹简、卷轴，都睡了很久", "AI把残页一点点补全", "翻开手机，圣贤在说话"),
            (45, 52, 57, 62, 64),
            ai=True,
            crf=26.5,
            seconds=6.5,
            bells=True,
        ),
        Clip(
            25,
            photo(
                Shot("picture_1a.jpg", View(0.34, 0.5, 0.44), View(0.42, 0.48, 0.40)),
                Shot("picture_1a.jpg", View(0.66, 0.5, 0.43), View(0.62, 0.46, 0.39)),
            ),
            Title(
                ("老画坊", "上新记"),
                "杨家埠 · 一家三代",
                "card",
                (30, 44, 92),
                WHITE,
                (0.5, 0.18),
                104,
            ),
            ("爷爷的画笔，我的手绘板", "扫描一千张老版画", "老颜色，在云上重新开张"),
            (47, 54, 59, 62, 66),
            True,
            seconds=7.0,
            crf=34.0,
        ),
        Clip(
            26,
            photo(
                Shot(
                    "fluent-color.jpg",
                    View(0.48, 0.5, 0.98),
                    View(0.52, 0.46, 0.84),
                    swim(0.012, 0.9, 0.10),
                )
            ),
            Title(("海市",), "烟台", "column", (176, 40, 60), WHITE, (0.84, 0.14), 170),
            ("古人在海边，看见仙山", "我把那段传说讲给AI听", "它还我一片会流动的云海"),
            (42, 54, 57, 61, 64),
            ai=True,
            crf=29.0,
            seconds=7.0,
        ),
        Clip(
            27,
            yellow_river,
            Title(
                ("黄河从数据里流过",),
                "黄河口湿地 · 数字生态图",
                "centre",
                (255, 224, 150),
                at=(0.5, 0.78),
                size=100,
            ),
            ("一层一层，是三十年的水文", "AI把它们叠成一幅画", "河入海处，鸟又回来了"),
            (43, 55, 58, 62, 67),
            ai=True,
            crf=34.5,
            seconds=7.0,
        ),
        Clip(
            28,
            photo(
                Shot(
                    "string.jpg",
                    View(0.5, 0.5, 0.35),
                    View(0.46, 0.46, 0.31),
                    swim(0.006, 0.8, 0.12),
                )
            ),
            Title(
                ("算力的形状",),
                "如果一秒钟看得见",
                "centre",
                (255, 224, 90),
                at=(0.5, 0.42),
                size=120,
            ),
            ("算力看得见吗？", "请AI画出一秒钟的运算", "原来，它像风，也像弦"),
            (40, 52, 59, 63, 66),
            True,
            True,
            6.5,
            crf=32.5,
        ),
    )


def frames_of(clip: Clip, fonts: Fonts, stage: Stage) -> Iterator[Image.Image]:
    layers = [scrim(stage, clip.scrim)] if clip.scrim else []
    layers += title_layers(clip.title, fonts, stage) + subtitle_layers(clip, fonts, stage)
    layers += [ai_label(fonts, stage)] if clip.ai else []
    for t, frame in zip(stage.times(), clip.scene(stage), strict=True):
        for layer in layers:
            layer.put(frame, t)
        yield frame


def write(clip: Clip, fonts: Fonts, material: Path, out: Path) -> None:
    """Make one clip: H.264 High and AAC in an MP4 that starts while it loads."""
    size = (1080, 1920) if clip.upright else (1920, 1080)
    stage = Stage(*size, clip.fps, clip.seconds, material)
    with av.open(str(out), "w", options={"movflags": "+faststart"}) as film:
        video = film.add_stream("libx264", rate=clip.fps)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.options = {
            "preset": "slow",
            "profile": "high",
            "crf": str(clip.crf),
            "g": "250",
            "x264-params": "bframes=8:ref=6:rc-lookahead=100:aq-strength=0.8:psy-rd=0.5,0",
        }
        context = video.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1
        context.color_range = 1
        audio = film.add_stream("aac", rate=RATE, layout="mono")
        audio.bit_rate = 48000
        for k, image in enumerate(frames_of(clip, fonts, stage)):
            frame = av.VideoFrame.from_image(image).reformat(
                format="yuv420p", dst_colorspace="ITU709"
            )
            frame.pts, frame.time_base = k, Fraction(1, clip.fps)
            film.mux(video.encode(frame))
        film.mux(video.encode(None))
        sound = pad(clip.chord, stage.frames / clip.fps, clip.bells, clip.number)
        for at in range(0, len(sound), 1024):
            piece = av.AudioFrame.from_ndarray(
                sound[None, at : at + 1024], format="fltp", layout="mono"
            )
            piece.sample_rate, piece.pts, piece.time_base = RATE, at, Fraction(1, RATE)
            film.mux(audio.encode(piece))
        film.mux(audio.encode(None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--material", type=Path, required=True)
    parser.add_argument("--font", required=True)
    parser.add_argument("--bold", required=True)
    parser.add_argument("--serif", help="for the upright titles; without it, the bold font")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("only", nargs="*", help="numbers of the clips to make; without them, all")
    told = parser.parse_args()
    fonts = Fonts(told.font, told.bold, told.serif or told.bold)
    told.out.mkdir(parents=True, exist_ok=True)
    for clip in clips(fonts):
        name = f"{clip.number:02d}"
        if not told.only or name in told.only:
            write(clip, fonts, told.material, told.out / f"{name}.mp4")
            print(
                f"{name}.mp4", (told.out / f"{name}.mp4").stat().st_size // 1000, "KB", flush=True
            )


if __name__ == "__main__":
    main()
