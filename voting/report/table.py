"""A table, whichever file it ends up in; and what a text must look like that a spreadsheet opens.

A spreadsheet runs a text that begins like a formula, and what contestants write is theirs to
choose. XLSX says of each cell that it is text; CSV can't, so there such a text is led by an
apostrophe, as OWASP's ASVS asks (1.2.10). Numbers are numbers and stay as they are, a negative one
too; a text that merely looks like a number keeps its sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = Sequence[Cell]


class Kind(Enum):
    """What a column holds. A TIME is ms since the epoch, shown on Shanghai's clocks."""

    TEXT = auto()
    NUMBER = auto()
    TIME = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """`width` in characters of a spreadsheet; a Chinese one takes two."""

    header: str
    kind: Kind = Kind.TEXT
    width: int = 12


@dataclass(frozen=True)
class Table:
    """`name` is the sheet's, `about` tells what this is in a few lines; `rows` may be endless and
    are read once. `expected` is how many there will be, about, if somebody knows."""

    name: str
    columns: tuple[Column, ...]
    rows: Iterable[Row]
    about: tuple[str, ...] = ()
    expected: int = 0


#: Also as East Asian Excel writes them, in full width; what comes before them doesn't count if it
#: can't be seen.
_FORMULA = re.compile(r"[\s\0\ufeff]*[=+\-@＝＋－＠]|[\t\r\n\0]")
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?%?")
#: What XML can't hold, and no text needs.
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """`text` without control characters, its line ends as spreadsheets have them."""
    return _UNSEEN.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might run this text."""
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)


def neutral(text: str) -> str:
    """The text for a CSV cell. Whatever would look like the outcome gets an apostrophe too, so that
    `original` finds back what it was."""
    return f"'{text}" if is_formula(text.lstrip("'")) else text


def original(cell: str) -> str:
    """What a cell of ours held before it was made neutral."""
    return cell[1:] if cell[:1] == "'" and is_formula(cell.lstrip("'")) else cell
