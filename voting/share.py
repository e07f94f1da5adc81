"""An entry and its link become a QR code and a share poster.

Pure: bytes and nouns in, bytes out. Chinese text is set glyph by glyph with the two fonts in
`voting/fonts/`, because the layout engine that could do more is missing in slim containers.
"""

from __future__ import annotations

import colorsys
import io
import math
import struct
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import as_file, files
from itertools import pairwise
from typing import NamedTuple

import qrcode
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from qrcode.constants import ERROR_CORRECT_M, ERROR_CORRECT_Q

from voting.contest import AI_LABEL, Category, Entry

WIDTH, HEIGHT = 750, 1334
LIMIT = 200_000  # bytes
LONGEST = 300  # characters of any text that are looked at
QUIET_ZONE = 4

MARGIN = 48
STONE = (250, 249, 246)
INK = (22, 36, 43)
REED = (96, 110, 112)
HAIRLINE = (222, 224, 219)
SEAL = (196, 48, 36)  # means "vote" and nothing else
WHITE = (255, 255, 255)
REEDS = (34, 106, 84)
SPRING = (0, 106, 124)
LAKE = (20, 90, 150)
GAP = 6  # px of stone between picture and field

#: Type sizes in px, each with the most lines it may take.
UPRIGHT_TITLE = ((96, 1), (80, 1), (64, 1), (56, 2), (48, 3), (42, 3), (38, 4), (34, 5))
WIDE_TITLE = ((112, 1), (96, 1), (80, 1), (68, 2), (60, 2), (52, 3), (46, 3), (42, 4))

INVITATION = ("扫码观看作品", "喜欢就投它一票")
PLACEHOLDER = "〓"

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]


# --- QR codes -----------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _modules(url: str) -> tuple[tuple[bool, ...], ...]:
    """The code's rows without quiet zone: level Q while that stays small (version 6), else M."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, border=0)
    code.add_data(url)
    if code.best_fit() > 6:
        code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=0)
        code.add_data(url)
    code.make(fit=True)
    return tuple(tuple(map(bool, row)) for row in code.get_matrix())


def _qr_image(url: str, box: int, border: int) -> Image.Image:
    rows = _modules(url)
    pixels = bytes(0 if dark else 255 for row in rows for dark in row)
    image = Image.frombytes("L", (len(rows), len(rows)), pixels).convert("1")
    scaled = image.resize((len(rows) * box, len(rows) * box), Image.Resampling.NEAREST)
    return ImageOps.expand(scaled, border * box, fill=1)


def qr_png(url: str, *, box: int = 10) -> bytes:
    """A 1-bit PNG of the link, black on white; `box` is a module's side in pixels.

    Raises `qrcode.exceptions.DataOverflowError` for a link of more than 2,331 bytes.
    """
    out = io.BytesIO()
    _qr_image(url, box, QUIET_ZONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def qr_svg(url: str) -> bytes:
    """The same code as a standalone SVG, one unit a module; scales without blur."""
    rows = _modules(url)
    side = len(rows) + 2 * QUIET_ZONE
    path = "".join(
        f"M{x + QUIET_ZONE} {y + QUIET_ZONE}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, dark in enumerate(row)
        if dark
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}"'
        f' width="{side * 10}" height="{side * 10}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path fill="#000" d="{path}"/></svg>'
    ).encode()


# --- Glyphs -------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _font(weight: str, size: int) -> ImageFont.FreeTypeFont:
    with as_file(files("voting") / "fonts" / f"NotoSansSC-{weight}.otf") as path:
        return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=2)
def _covered(weight: str) -> frozenset[str]:
    """The characters a font has, read from its `cmap` table (format 12, which ours carry)."""
    data = (files("voting") / "fonts" / f"NotoSansSC-{weight}.otf").read_bytes()
    tables = struct.unpack_from(">4H", data, 4)[0]
    entries = (struct.unpack_from(">4s3I", data, 12 + 16 * n) for n in range(tables))
    cmap = next(offset for tag, _, offset, _ in entries if tag == b"cmap")
    count = struct.unpack_from(">H", data, cmap + 2)[0]
    records = (struct.unpack_from(">2HI", data, cmap + 4 + 8 * n) for n in range(count))
    full = cmap + next(offset for platform, kind, offset in records if (platform, kind) == (3, 10))
    groups = struct.unpack_from(">I", data, full + 12)[0]
    ranges = (struct.unpack_from(">3I", data, full + 16 + 12 * n) for n in range(groups))
    return frozenset(chr(code) for first, last, _ in ranges for code in range(first, last + 1))


def missing_glyphs(text: str) -> set[str]:
    """The characters of `text` that neither font can draw."""
    return set(text) - _covered("Regular") - _covered("Bold")


def drawable(text: str) -> str:
    """`text` as a poster shows it, in one line: every character left has a glyph.

    Zero-width characters, variation selectors and emoji are dropped, a character that no font
    has becomes 〓.
    """
    composed = " ".join(unicodedata.normalize("NFC", text[:LONGEST]).split())
    missing = missing_glyphs(composed)
    shown = ("" if _unseen(c) else PLACEHOLDER if c in missing else c for c in composed)
    return " ".join("".join(shown).split())


def _unseen(character: str) -> bool:
    if character in _covered("Regular"):
        return unicodedata.category(character) in ("Cf", "Cc")
    pictographs = 0x1F000 <= ord(character) <= 0x1FFFF
    return pictographs or unicodedata.category(character) in ("Cf", "Cc", "Mn", "Me", "So", "Sk")


_OPENING = "“‘（《〈「『【〔［｛"
_CLOSING = "”’）》〉」』】〕］｝，。、：；！？"
_MAY_NOT_START = _CLOSING + "·•・—…,.!?:;)]}%℃°~～-/"
_MAY_NOT_END = _OPENING + "([{#@$￥¥№"
#: Punctuation set by its ink, because its full-width form is half empty: space before and after.
_TIGHT = (
    dict.fromkeys(_OPENING, (0.1, 0.03))
    | dict.fromkeys(_CLOSING, (0.05, 0.2))
    | dict.fromkeys("”’）》〉」』】〕］｝", (0.03, 0.1))
    | dict.fromkeys("·•・", (0.14, 0.14))
    | {"—": (0.0, 0.0)}  # two of them are one long dash
)
_LATIN_SPACE = 0.125  # em between a Latin word and a Chinese one


@lru_cache(maxsize=8192)
def _glyph(character: str, weight: str) -> tuple[str, float, float]:
    """The weight that has the character, where it starts and how far it advances, in em."""
    has = weight if character in _covered(weight) else "Regular"
    font = _font(has, 1000)  # the fonts have 1000 units to the em
    if character not in _TIGHT:
        return has, 0.0, font.getlength(character) / 1000
    before, after = _TIGHT[character]
    mask, (origin, _) = font.getmask2(character, "L")
    left, _, right, _ = mask.getbbox()
    return has, before - (origin + left) / 1000, before + (right - left) / 1000 + after


class _Line(NamedTuple):
    """One line in em: its glyphs as (character, weight, x), and its width."""

    glyphs: tuple[tuple[str, str, float], ...]
    width: float


@lru_cache(maxsize=4096)
def _line(text: str, weight: str) -> _Line:
    glyphs: list[tuple[str, str, float]] = []
    x = 0.0
    for before, character in zip(" " + text, text, strict=False):
        if _is_latin(before) != _is_latin(character) and before.isalnum() and character.isalnum():
            x += _LATIN_SPACE
        has, shift, advance = _glyph(character, weight)
        glyphs.append((character, has, x + shift))
        x += advance
    return _Line(tuple(glyphs), x)


def _is_latin(character: str) -> bool:
    return character < "\u2e80"


# --- Lines and blocks ---------------------------------------------------------------------------


class _Style(NamedTuple):
    weight: str
    size: int
    colour: Colour


def _width(text: str, weight: str, size: int) -> float:
    return size * _line(text, weight).width


def _write(
    draw: ImageDraw.ImageDraw,
    x: float,
    baseline: float,
    text: str,
    style: _Style,
    align: float = 0.0,
) -> None:
    """Set one line; `x` is its left edge, with `align` 0.5 its middle, with 1 its right edge."""
    x -= align * _width(text, style.weight, style.size)
    for character, weight, offset in _line(text, style.weight).glyphs:
        at = (x + offset * style.size, baseline)
        draw.text(at, character, style.colour, _font(weight, style.size), anchor="ls")


def _pieces(text: str) -> Iterator[str]:
    """What a line break must not cut: a Latin word or number, a character and its punctuation."""
    piece = ""
    for before, character in zip(" " + text, text, strict=False):
        together = (
            character in _MAY_NOT_START
            or before in _MAY_NOT_END
            or (_is_word(before) and _is_word(character))
            or (before.isdigit() and character.isalnum())  # a number and its measure word
        )
        if piece and not together:
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def _is_word(character: str) -> bool:
    return _is_latin(character) and (character.isalnum() or character in "'’&+_-@./#")


def _break_cost(before: str) -> float:
    """How much a break after `before` hurts: little after a pause, much inside quotes."""
    inside = sum((c in "“《「（") - (c in "”》」）") for c in before)
    if inside > 0:
        return 0.6
    return 0.0 if before[-1] in "，。：；！？、—…”》」） " else 0.2


def _wrap(text: str, weight: str, size: int, width: float) -> tuple[list[str], bool]:
    """Break `text` into the fewest lines, of even length; says whether all breaks are pauses."""
    pieces: list[str] = []
    for piece in _pieces(text):
        pieces += [piece] if _width(piece.strip(), weight, size) <= width else list(piece)
    best: list[tuple[int, float, int]] = [(0, 0.0, 0)]  # of the first n pieces: lines, cost, start
    for end in range(1, len(pieces) + 1):
        pause = 0.0 if end == len(pieces) else _break_cost("".join(pieces[:end]))
        options: list[tuple[int, float, int]] = []
        for start in range(end - 1, -1, -1):
            length = _width("".join(pieces[start:end]).strip(), weight, size)
            if length > width and options:
                break
            lines, cost, _ = best[start]
            options.append((lines + 1, cost + (1 - length / width) ** 2 + pause, start))
        best.append(min(options))
    breaks = [len(pieces)]
    while breaks[-1]:
        breaks.append(best[breaks[-1]][2])
    breaks.reverse()
    natural = all(_break_cost("".join(pieces[:at])) == 0 for at in breaks[1:-1])
    spans = pairwise(breaks)
    return ["".join(pieces[start:end]).strip() for start, end in spans], natural


def _cut(text: str, weight: str, size: int, width: float) -> str:
    """`text`, or as much of it as fits with an ellipsis."""
    if _width(text, weight, size) <= width:
        return text
    while text and _width(text + "…", weight, size) > width:
        text = text[:-1]
    return text + "…"


class _Block(NamedTuple):
    lines: list[str]
    weight: str
    size: int


def _fit(text: str, weight: str, sizes: Sequence[tuple[int, int]], width: float) -> _Block:
    """Set `text` in the first of `sizes` (type size, most lines) that holds it.

    Up to three tenths of the size are given for lines that end where the words pause. What is
    too long for the last size is cut.
    """
    fitting: _Block | None = None
    lines: list[str] = []
    size, most = sizes[0]
    for size, most in sizes:
        lines, natural = _wrap(text, weight, size, width)
        if fitting and size < 0.7 * fitting.size:
            return fitting
        if len(lines) <= most and natural:
            return _Block(lines, weight, size)
        if len(lines) <= most and not fitting:
            fitting = _Block(lines, weight, size)
    if fitting:
        return fitting
    kept = lines[: most - 1]
    for line in kept:
        text = text[text.index(line) + len(line) :]
    return _Block([*kept, _cut(text.strip(), weight, size, width)], weight, size)


def _set(
    draw: ImageDraw.ImageDraw, x: float, baseline: float, block: _Block, colour: Colour, lead: float
) -> None:
    """Set a block whose first line stands on `baseline`; `lead` is the line height in em."""
    for n, line in enumerate(block.lines):
        style = _Style(block.weight, block.size, colour)
        _write(draw, x, baseline + n * lead * block.size, line, style)


# --- The poster ---------------------------------------------------------------------------------


class _Words(NamedTuple):
    """What a poster says, already drawable."""

    title: str
    author: str
    unit: str
    number: str
    category: str
    contest: str
    organizers: str


def _ground(picture: Image.Image) -> Colour:
    """The field's colour: of three spring-water tones the one nearest to the picture's own hue."""
    small = picture.resize((24, 24), Image.Resampling.BOX)
    x = y = 0.0
    pixels = small.tobytes()
    for red, green, blue in zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
        x += math.cos(math.tau * hue) * saturation * value
        y += math.sin(math.tau * hue) * saturation * value
    degrees = math.degrees(math.atan2(y, x)) % 360
    if 70 <= degrees < 165:
        return REEDS
    return LAKE if 205 <= degrees < 300 else SPRING


@lru_cache(maxsize=4)
def _ripples(width: int, height: int, x: int, y: int) -> Image.Image:
    """A spring rising: rings around (x, y), thinning out; a mask, smoothed by drawing it large."""
    mask = Image.new("L", (width * 2, height * 2), 0)
    draw = ImageDraw.Draw(mask)
    radius = 28.0
    while radius < 700:
        box = [2 * (x - radius), 2 * (y - radius), 2 * (x + radius), 2 * (y + radius)]
        draw.ellipse(box, outline=max(10, int(64 - radius / 10)), width=4)
        radius += 26 + radius * 0.16
    return mask.resize((width, height), Image.Resampling.LANCZOS)


def _field(canvas: Image.Image, box: Box, colour: Colour, spring: tuple[int, int]) -> None:
    left, top, right, bottom = box
    canvas.paste(colour, box)
    canvas.paste(WHITE, box, _ripples(right - left, bottom - top, spring[0], spring[1]))


def _picture(canvas: Image.Image, box: Box, cover: Image.Image, *, ai: bool) -> None:
    """Fill `box`, cropping as little as its shape asks, and put the AI label on the picture."""
    size = (box[2] - box[0], box[3] - box[1])
    # Mostly at the foot, because films often carry an AI label of their own at the top.
    canvas.paste(ImageOps.fit(cover, size, Image.Resampling.LANCZOS, centering=(0.5, 0.1)), box)
    if ai:
        draw = ImageDraw.Draw(canvas)
        x, y = box[0] + 28, box[3] - 80
        width = round(_width(AI_LABEL, "Bold", 28)) + 36
        draw.rounded_rectangle((x, y, x + width, y + 52), 6, fill=INK, outline=WHITE, width=2)
        _write(draw, x + 18, y + 36, AI_LABEL, _Style("Bold", 28, WHITE))


def _code(canvas: Image.Image, url: str, top: int) -> int:
    """Paste the QR code at the right margin, returns its left edge.

    It is 200 to 232 px wide for links of up to 100 characters; longer ones scan less well.

    The bare panel around it is the quiet zone, so the layouts leave 4 modules on every side.
    """
    box = max(2, min(8, 240 // len(_modules(url))))
    dark = ImageOps.invert(_qr_image(url, box, 0).convert("L"))
    left = WIDTH - MARGIN - dark.width
    canvas.paste((0, 0, 0), (left, top), dark)
    return left


def _foot(draw: ImageDraw.ImageDraw, words: _Words) -> None:
    wide = WIDTH - 2 * MARGIN
    draw.line((MARGIN, 1252, WIDTH - MARGIN - 1, 1252), HAIRLINE, 2)
    _set(draw, MARGIN, 1284, _fit(words.contest, "Bold", _one_line(22, 16), wide), INK, 1)
    _set(draw, MARGIN, 1312, _fit(words.organizers, "Regular", _one_line(19, 14), wide), REED, 1)


def _one_line(largest: int, smallest: int) -> list[tuple[int, int]]:
    return [(size, 1) for size in range(largest, smallest - 1, -1)]


def _upright(canvas: Image.Image, cover: Image.Image, words: _Words, url: str, *, ai: bool) -> None:
    """Picture and spine above, title and code below."""
    draw = ImageDraw.Draw(canvas)
    edge, floor = 616, 872
    _picture(canvas, (0, 0, edge - GAP, floor), cover, ai=ai)
    _field(canvas, (edge, 0, WIDTH, floor), _ground(cover), (WIDTH - edge - 64, floor + 36))
    middle = (edge + WIDTH) / 2
    number = _fit(words.number, "Bold", _one_line(54, 24), WIDTH - edge - 32)
    _write(draw, middle, 84, words.number, _Style("Bold", number.size, WHITE), 0.5)
    _write(draw, middle, 124, "号", _Style("Regular", 28, WHITE), 0.5)
    cells = [cell for piece in _pieces(words.category) if (cell := piece.strip())]
    for n, cell in enumerate(reversed(cells)):
        _write(draw, middle, floor - 40 - 38 * n, cell, _Style("Regular", 28, WHITE), 0.5)

    left = _code(canvas, url, floor + 34)
    centre = (left + WIDTH - MARGIN) / 2
    _write(draw, centre, 1193, INVITATION[0], _Style("Regular", 26, INK), 0.5)
    _write(draw, centre, 1227, INVITATION[1], _Style("Bold", 26, SEAL), 0.5)
    width = left - MARGIN - 44
    title = _fit(words.title, "Bold", UPRIGHT_TITLE, width)
    _set(draw, MARGIN, floor + 33 + 0.86 * title.size, title, INK, 1.28)
    unit = _fit(words.unit, "Regular", [(24, 1), (23, 1), (22, 2)], width)
    top = 1227 - 31 * max(0, len(unit.lines) - 1)  # the last line stands beside the invitation
    _set(draw, MARGIN, top, unit, REED, 31 / unit.size)
    author = _fit(words.author, "Bold", _one_line(28, 22), width)
    _set(draw, MARGIN, top - (38 if words.unit else 0), author, INK, 1)


def _wide(canvas: Image.Image, cover: Image.Image, words: _Words, url: str, *, ai: bool) -> None:
    """Picture across, the title on the field beneath it, code below."""
    draw = ImageDraw.Draw(canvas)
    edge, floor, width = 428, 952, WIDTH - 2 * MARGIN  # a 16:9 picture stays whole
    _picture(canvas, (0, 0, WIDTH, edge - GAP), cover, ai=ai)
    _field(canvas, (0, edge, WIDTH, floor), _ground(cover), (WIDTH - MARGIN - 40, floor - edge))
    plain = _Style("Regular", 28, WHITE)
    _write(draw, MARGIN, edge + 84, words.number, _Style("Bold", 54, WHITE))
    _write(draw, MARGIN + _width(words.number, "Bold", 54) + 10, edge + 84, "号", plain)
    _write(draw, WIDTH - MARGIN, edge + 84, words.category, plain, 1)
    title = _fit(words.title, "Bold", WIDE_TITLE, width)
    _set(draw, MARGIN, edge + 132 + 0.86 * title.size, title, WHITE, 1.28)
    unit = _fit(words.unit, "Regular", _one_line(26, 20), width)
    _set(draw, MARGIN, floor - 42, unit, WHITE, 1)
    author = _fit(words.author, "Bold", _one_line(28, 22), width)
    _set(draw, MARGIN, floor - (82 if words.unit else 42), author, WHITE, 1)

    left = _code(canvas, url, floor + 34)
    size = min(46, int((left - 2 * MARGIN) / _line(INVITATION[1], "Bold").width))
    _write(draw, MARGIN, floor + 140, INVITATION[0], _Style("Regular", size, INK))
    _write(draw, MARGIN, floor + 202, INVITATION[1], _Style("Bold", size, SEAL))


def _jpeg(canvas: Image.Image) -> bytes:
    """The best JPEG of at most 200 KB. Black and red keep crisp edges while chroma stays whole."""
    steps = [(88, 0), (84, 0), (80, 0), (76, 0), (72, 2), (64, 2), (56, 2), (48, 2), (40, 2)]
    while True:
        for quality, subsampling in steps:
            out = io.BytesIO()
            canvas.save(out, "JPEG", quality=quality, subsampling=subsampling, optimize=True)
            if out.tell() <= LIMIT:
                return out.getvalue()
        canvas = canvas.filter(ImageFilter.BoxBlur(1))


def poster(
    entry: Entry,
    category: Category,
    contest_name: str,
    organizers: Sequence[str],
    url: str,
    cover: bytes,
) -> bytes:
    """The entry's share poster: a JPEG of 750×1334 px and at most 200 KB.

    `cover` is the still picture as JPEG, PNG or WebP; raises `PIL.UnidentifiedImageError` if it
    is none of them.
    """
    with Image.open(io.BytesIO(cover)) as opened:
        picture = opened.convert("RGB")
    words = _Words(
        title=drawable(entry.title),
        author=drawable(entry.author),
        unit=drawable(entry.unit),
        number=entry.label,
        category=drawable(category.name),
        contest=drawable(contest_name),
        organizers=drawable("主办 " + " · ".join(organizers)) if organizers else "",
    )
    canvas = Image.new("RGB", (WIDTH, HEIGHT), STONE)
    compose = _upright if picture.height > picture.width else _wide
    compose(canvas, picture, words, url, ai=category.ai)
    _foot(ImageDraw.Draw(canvas), words)
    return _jpeg(canvas)
