"""Lines of Chinese text with Latin words in it: measured, broken well, and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from PIL import ImageDraw

from voting.share.glyphs import CLOSING, OPENING, font, glyph

_MAY_NOT_START: Final = CLOSING + "·•・—…,.!?:;)]}%℃°~～-/"
_MAY_NOT_END: Final = OPENING + "([{#@$￥¥№"
_LATIN_SPACE: Final = 0.125  # em between a Latin word and a Chinese one

Colour = tuple[int, int, int]


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
        has, shift, advance = glyph(character, weight)
        glyphs.append((character, has, x + shift))
        x += advance
    return _Line(tuple(glyphs), x)


def _is_latin(character: str) -> bool:
    return character < "\u2e80"


class Style(NamedTuple):
    weight: str
    size: int
    colour: Colour


def width_of(text: str, weight: str, size: int) -> float:
    return size * _line(text, weight).width


def write(
    draw: ImageDraw.ImageDraw,
    x: float,
    baseline: float,
    text: str,
    style: Style,
    align: float = 0.0,
) -> None:
    """Set one line; `x` is its left edge, with `align` 0.5 its middle, with 1 its right edge."""
    x -= align * width_of(text, style.weight, style.size)
    for character, weight, offset in _line(text, style.weight).glyphs:
        at = (x + offset * style.size, baseline)
        draw.text(at, character, style.colour, font(weight, style.size), anchor="ls")


def _pieces(text: str, *, words: bool = True) -> Iterator[str]:
    """What a line break must not cut: a Latin word or number, a character and its punctuation."""
    piece = ""
    for before, character in zip(" " + text, text, strict=False):
        punctuated = character in _MAY_NOT_START or character == " " or before in _MAY_NOT_END
        word = (_is_word(before) and _is_word(character)) or (
            before.isdigit() and character.isalnum()  # a number and its measure word
        )
        if piece and not (punctuated or (words and word)):
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def _pieces_of(text: str, weight: str, size: int, width: float) -> Iterator[str]:
    """Pieces that fit into a line: what is wider is cut after all, its punctuation last."""
    for piece in _pieces(text):
        if width_of(piece.strip(), weight, size) <= width:
            yield piece
            continue
        for part in _pieces(piece, words=False):
            yield from [part] if width_of(part.strip(), weight, size) <= width else part


def _is_word(character: str) -> bool:
    return _is_latin(character) and (character.isalnum() or character in "'’&+_-@./#")


def _break_cost(before: str) -> float:
    """How much a break after `before` hurts: little after a pause, much inside quotes."""
    inside = sum((c in "“《「（") - (c in "”》」）") for c in before)
    if inside > 0:
        return 0.6
    return 0.0 if before[-1] in "，。：；！？、—…”》」） " else 0.2


def wrap(text: str, weight: str, size: int, width: float) -> tuple[list[str], bool]:
    """Break `text` into the fewest lines, of even length; says whether all breaks are pauses."""
    pieces = list(_pieces_of(text, weight, size, width))
    best: list[tuple[int, float, int]] = [(0, 0.0, 0)]  # of the first n pieces: lines, cost, start
    for end in range(1, len(pieces) + 1):
        pause = 0.0 if end == len(pieces) else _break_cost("".join(pieces[:end]))
        options: list[tuple[int, float, int]] = []
        for start in range(end - 1, -1, -1):
            length = width_of("".join(pieces[start:end]).strip(), weight, size)
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
    if width_of(text, weight, size) <= width:
        return text
    while text and width_of(text + "…", weight, size) > width:
        text = text[:-1]
    return text + "…"


class Block(NamedTuple):
    lines: list[str]
    weight: str
    size: int


def fit(text: str, weight: str, sizes: Sequence[tuple[int, int]], width: float) -> Block:
    """Set `text` in the first of `sizes` (type size, most lines) that holds it.

    Up to three tenths of the size are given for lines that end where the words pause. What is
    too long for the last size is cut.
    """
    fitting: Block | None = None
    lines: list[str] = []
    size, most = sizes[0]
    for size, most in sizes:
        lines, natural = wrap(text, weight, size, width)
        if fitting and size < 0.7 * fitting.size:
            return fitting
        if len(lines) <= most and natural:
            return Block(lines, weight, size)
        if len(lines) <= most and not fitting:
            fitting = Block(lines, weight, size)
    if fitting:
        return fitting
    kept = lines[: most - 1]
    for line in kept:
        text = text[text.index(line) + len(line) :]
    return Block([*kept, _cut(text.strip(), weight, size, width)], weight, size)


def write_block(
    draw: ImageDraw.ImageDraw, x: float, baseline: float, block: Block, colour: Colour, lead: float
) -> None:
    """Set a block whose first line stands on `baseline`; `lead` is the line height in em."""
    for n, line in enumerate(block.lines):
        style = Style(block.weight, block.size, colour)
        write(draw, x, baseline + n * lead * block.size, line, style)
