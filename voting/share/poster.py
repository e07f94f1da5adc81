"""The share poster: two thirds picture with its title, one third paper with the QR code.

An upright picture fills its two thirds and carries the title at its foot; a wide one stays whole
and has the title beneath it. The paper takes a tint of the picture's own hue. All but the code is
the same for everybody, so `picture` makes it once, and `with_code` only adds the code.
"""

from __future__ import annotations

import colorsys
import io
import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from voting.contest import AI_LABEL, Category, Entry
from voting.share.code import QUIET_ZONE, coarse, drawn
from voting.share.glyphs import drawable
from voting.share.lettering import Block, Colour, Style, fit, width_of, write, write_block

WIDTH, HEIGHT = 750, 1334
LIMIT: Final = 200_000  # bytes
CODE_ROOM: Final = 32_000  # bytes of LIMIT that a code may take

MARGIN: Final = 44
MEASURE: Final = WIDTH - 2 * MARGIN
MAST: Final = 84  # the contest's name over a wide picture
FLOOR: Final = 876  # where the third with the code begins
FOOT: Final = 1250  # where the organizers' part of it begins
EDGE: Final = 40  # between text and what it stands on

INK: Final = (19, 33, 31)
REED: Final = (84, 99, 95)
HAIRLINE: Final = (217, 224, 219)
SEAL: Final = (181, 38, 29)  # means "vote" and nothing else
WHITE: Final = (255, 255, 255)

#: The title's type sizes in px, each with the most lines it may take.
TITLE: Final = (
    (152, 1), (128, 1), (108, 1), (92, 1), (80, 1), (72, 2), (64, 2), (58, 3), (52, 3), (46, 4),
    (42, 4),
)  # fmt: skip
LEAD: Final = 1.24  # height of a line of the title, in em
RISE: Final = 0.88  # height of its characters above the baseline
PEOPLE_LEAD: Final = 38  # px
BESIDE_CODE: Final = 320  # px that are left there
SMALLEST: Final = 18  # px; anything smaller can't be read in a chat

RISES: Final = 160  # px above an upright picture's title in which it darkens
COVERED: Final = 0.9  # how much of the picture is gone where the title begins
BLUR: Final = 30  # px

INVITATION: Final = ("扫码观看作品", "喜欢就投它一票")


class _Words(NamedTuple):
    """What a poster says, already drawable."""

    title: str
    author: str
    unit: str
    number: str
    category: str
    contest: str
    organizers: str
    ai: bool


def picture(
    entry: Entry,
    category: Category,
    contest_name: str,
    organizers: Sequence[str],
    cover: bytes,
) -> bytes:
    """The poster without its code: a JPEG of 750×1334 px that leaves `with_code` its room.

    `cover` is the still picture as JPEG, PNG or WebP; raises `PIL.UnidentifiedImageError` if it
    is none of them.
    """
    with Image.open(io.BytesIO(cover)) as opened:
        still = opened.convert("RGB")
    words = _Words(
        title=drawable(entry.title),
        author=drawable(entry.author),
        unit=drawable(entry.unit),
        number=entry.label,
        category=drawable(category.name),
        contest=drawable(contest_name),
        organizers=drawable("主办 " + " · ".join(organizers)) if organizers else "",
        ai=category.ai,
    )
    canvas = Image.new("RGB", (WIDTH, HEIGHT), _toned(still, 0.945, 0.4))
    compose = _upright if still.height > 1.2 * still.width else _wide
    compose(canvas, still, words)
    return _jpeg(canvas, LIMIT - CODE_ROOM)


def with_code(made: bytes, url: str) -> bytes:
    """A poster that `picture` made, with the link's QR code: at most 200 KB.

    The code's side is 240 px or more, each module a whole number of them.
    """
    with Image.open(io.BytesIO(made)) as canvas:
        rows = coarse(url)
        box = min((FOOT - FLOOR) // (len(rows) + 2 * QUIET_ZONE), MARGIN // QUIET_ZONE)
        ink = ImageOps.invert(drawn(rows, box).convert("L"))
        top = FLOOR + (FOOT - FLOOR - ink.height) // 2
        canvas.paste((0, 0, 0), (WIDTH - MARGIN - ink.width, top), ink)
        out = io.BytesIO()
        # With the same tables as before the picture loses next to nothing a second time.
        canvas.save(out, "JPEG", quality="keep", optimize=True)
        return out.getvalue() if out.tell() <= LIMIT else _jpeg(canvas, LIMIT)


def poster(
    entry: Entry,
    category: Category,
    contest_name: str,
    organizers: Sequence[str],
    url: str,
    cover: bytes,
) -> bytes:
    """The entry's whole share poster; see `picture` and `with_code`."""
    return with_code(picture(entry, category, contest_name, organizers, cover), url)


# --- The picture's two thirds -------------------------------------------------------------------


def _upright(canvas: Image.Image, still: Image.Image, words: _Words) -> None:
    """The picture fills the field; the title stands at its foot, where it darkens."""
    draw, people = ImageDraw.Draw(canvas), _people(words)
    title = fit(words.title, "Bold", _sizes(240, 108), MEASURE)
    top = FLOOR - EDGE - _people_height(people) - _height(title)
    # Films often carry an AI label of their own at the top, and no label may be cropped off.
    at = 0.06 if words.ai else _worth_seeing(still)
    field = ImageOps.fit(still, (WIDTH, FLOOR), Image.Resampling.LANCZOS, centering=(0.5, at))
    canvas.paste(field)
    _darken(canvas, int(top), _toned(still, 0.1, 0.5))
    if words.ai:
        _label(draw, top - 62)
    write_block(draw, MARGIN, top + RISE * title.size, title, WHITE, LEAD)
    _write_people(draw, people, WHITE)
    _paper(draw, words)
    _foot(draw, [words.contest], words.organizers)


def _wide(canvas: Image.Image, still: Image.Image, words: _Words) -> None:
    """The picture lies whole between the contest's name and the title."""
    draw, people = ImageDraw.Draw(canvas), _people(words)
    floor = MAST + min(500, round(WIDTH * still.height / still.width))
    field = ImageOps.fit(still, (WIDTH, floor - MAST), Image.Resampling.LANCZOS)
    canvas.paste(field, (0, MAST))
    mast = fit(words.contest, "Bold", _one_line(30), MEASURE)
    write_block(draw, MARGIN, 54, mast, INK, 1)
    if words.ai:
        _label(draw, floor - 72)
    room = FLOOR - EDGE - _people_height(people) - floor - 24
    title = fit(words.title, "Bold", _sizes(room), MEASURE)
    top = floor + 24 + 0.42 * (room - _height(title))
    write_block(draw, MARGIN, top + RISE * title.size, title, INK, LEAD)
    _write_people(draw, people, INK)
    draw.line((MARGIN, FLOOR, WIDTH - MARGIN - 1, FLOOR), HAIRLINE, 2)
    _paper(draw, words)
    _foot(draw, [], words.organizers)


def _sizes(height: float, largest: int = TITLE[0][0]) -> list[tuple[int, int]]:
    """The title's sizes up to the largest, as far as its lines stay within so many pixels."""
    sizes = [(size, min(most, int(height / (LEAD * size)))) for size, most in TITLE]
    return [(size, most) for size, most in sizes if most and size <= largest]


def _height(title: Block) -> float:
    return len(title.lines) * LEAD * title.size


def _label(draw: ImageDraw.ImageDraw, top: float) -> None:
    """The AI label, within the picture and away from its edges: no thumbnail crops it off."""
    width = round(width_of(AI_LABEL, "Bold", 25)) + 28
    box = (MARGIN, top, MARGIN + width, top + 44)
    draw.rounded_rectangle(box, 6, fill=WHITE, outline=INK)
    write(draw, MARGIN + width / 2, top + 32, AI_LABEL, Style("Bold", 25, INK), 0.5)


class _Span(NamedTuple):
    """A part of a line, `x` px from the margin."""

    x: float
    text: str
    weight: str
    size: int


def _people(words: _Words) -> list[list[_Span]]:
    """Author and unit, in one line if they fit."""
    author = _Span(0, words.author, "Bold", 29)
    after = width_of(words.author, "Bold", 29) + 20 if words.author else 0
    unit = _Span(after, words.unit, "Regular", 26)
    if after + width_of(words.unit, "Regular", 26) <= MEASURE:
        lines = [[author, unit]]
    else:
        names = fit(words.author, "Bold", [(29, 1)], MEASURE)
        block = fit(words.unit, "Regular", [(26, 2)], MEASURE)
        lines = [
            [_Span(0, line, part.weight, part.size)]
            for part in (names, block)
            for line in part.lines
        ]
    return [line for line in lines if any(span.text for span in line)]


def _people_height(lines: list[list[_Span]]) -> int:
    return PEOPLE_LEAD * len(lines) + (20 if lines else 0)


def _write_people(draw: ImageDraw.ImageDraw, lines: list[list[_Span]], colour: Colour) -> None:
    """The last line stands near the floor."""
    for n, line in enumerate(reversed(lines)):
        for x, text, weight, size in line:
            baseline = FLOOR - EDGE - PEOPLE_LEAD * n
            write(draw, MARGIN + x, baseline, text, Style(weight, size, colour))


def _worth_seeing(still: Image.Image) -> float:
    """How far down to crop an upright picture, 0 to 1: most detail is to lie above the title.

    Heads are at the top of pictures, so going down costs, and is never more than a third.
    """
    edges = still.convert("L").resize((54, 96)).filter(ImageFilter.FIND_EDGES).crop((1, 1, 53, 95))
    rows = list(map(math.sqrt, edges.resize((1, 94), Image.Resampling.BOX).tobytes()))
    window = 94 * FLOOR / WIDTH * still.width / still.height
    clear, surplus = int(0.62 * window), max(1.0, 94 - window)

    def worth(start: int) -> float:
        return sum(rows[start : start + clear]) * (1 - 0.2 * start / surplus)

    return max(range(int(surplus / 3) + 1), key=worth) / surplus


def _darken(canvas: Image.Image, title: int, tone: Colour) -> None:
    """Towards the floor the picture goes over into `tone`, so that white text can be read on it.

    Films carry lettering of their own there. Where the title begins it is gone: what little of the
    picture comes through has lost its edges.
    """
    rise, fall = min(title, RISES), FLOOR - title
    box = (0, title - rise, WIDTH, FLOOR)
    ramp = [(n / rise) ** 2 * (3 - 2 * n / rise) for n in range(rise)]
    under = canvas.crop(box)
    soft = under.reduce(BLUR).resize(under.size, Image.Resampling.BICUBIC)
    under.paste(soft, mask=_rows([min(1.0, 1.4 * depth) for depth in ramp] + [1.0] * fall))
    deeper = (COVERED + (1 - COVERED) * n / fall for n in range(fall))
    under.paste(tone, mask=_rows([*(COVERED * depth for depth in ramp), *deeper]))
    canvas.paste(under, box)


def _rows(depths: list[float]) -> Image.Image:
    """A mask as wide as the poster with one depth, 0 to 1, for each row."""
    mask = Image.frombytes("L", (1, len(depths)), bytes(round(255 * depth) for depth in depths))
    return mask.resize((WIDTH, len(depths)))


def _toned(still: Image.Image, lightness: float, most: float) -> Colour:
    """A colour of the picture's own hue, as light as asked; at `most` so saturated."""
    x = y = 0.0
    pixels = still.resize((24, 24), Image.Resampling.BOX).tobytes()
    for red, green, blue in zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
        x += math.cos(math.tau * hue) * saturation * value
        y += math.sin(math.tau * hue) * saturation * value
    hue = math.atan2(y, x) / math.tau % 1
    tone = colorsys.hls_to_rgb(hue, lightness, min(most, math.hypot(x, y) / 288))
    return round(255 * tone[0]), round(255 * tone[1]), round(255 * tone[2])


# --- The paper ----------------------------------------------------------------------------------


def _paper(draw: ImageDraw.ImageDraw, words: _Words) -> None:
    """What stands beside the code: whom to look for, and what scanning does."""
    number = fit(words.number, "Bold", _one_line(112), 230)
    baseline = FLOOR + 132.0
    write_block(draw, MARGIN - 4, baseline, number, INK, 1)  # digits have air at their left
    after = MARGIN + width_of(words.number, "Bold", number.size) + 10
    write(draw, after, baseline, "号", Style("Regular", 34, INK))
    category = fit(words.category, "Regular", _one_line(27), BESIDE_CODE)
    write_block(draw, MARGIN, baseline + 48, category, REED, 1)
    write(draw, MARGIN, FOOT - 108, INVITATION[0], Style("Regular", 36, INK))
    write(draw, MARGIN, FOOT - 50, INVITATION[1], Style("Bold", 44, SEAL))


def _foot(draw: ImageDraw.ImageDraw, contest: list[str], organizers: str) -> None:
    """The organizers, all of them, with the contest's name above where it isn't elsewhere."""
    draw.line((MARGIN, FOOT, WIDTH - MARGIN - 1, FOOT), HAIRLINE, 2)
    names = fit(organizers, "Regular", [(21, 1), (20, 1), (19, 1), (18, 2)], MEASURE)
    blocks = [fit(text, "Bold", _one_line(23), MEASURE) for text in contest] + [names]
    lines = [line for block in blocks for line in block.lines]
    lead = 31 if len(lines) < 3 else 25
    baseline = (FOOT + HEIGHT) / 2 + 8.0 - lead * (len(lines) - 1) / 2
    for block in blocks:
        colour = REED if block is names else INK
        write_block(draw, MARGIN, baseline, block, colour, lead / block.size)
        baseline += lead * len(block.lines)


def _one_line(largest: int) -> list[tuple[int, int]]:
    return [(size, 1) for size in range(largest, SMALLEST - 1, -1)]


# --- JPEG ---------------------------------------------------------------------------------------


def _jpeg(canvas: Image.Image, limit: int) -> bytes:
    """The best JPEG of at most so many bytes; chroma stays whole while it can, for red's edges."""
    steps = [(88, 0), (84, 0), (80, 0), (76, 0), (72, 2), (64, 2), (56, 2), (48, 2), (40, 2)]
    while True:
        for quality, subsampling in steps:
            out = io.BytesIO()
            canvas.save(out, "JPEG", quality=quality, subsampling=subsampling, optimize=True)
            if out.tell() <= limit:
                return out.getvalue()
        canvas = canvas.filter(ImageFilter.BoxBlur(1))
