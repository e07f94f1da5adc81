"""A stranger's text → what may become public of it: clean, and without contact details."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Stands where contact details stood.
HIDDEN: Final = "〔已隐去〕"

#: Mobile numbers, landlines with area code, e-mail addresses. Not any long number: titles hold
#: dates and introductions hold sums of money.
CONTACT = re.compile(
    r"(?<!\d)(?:\+?86[\s-]?)?[1１][3-9３-９]\d(?:[\s.·-]?\d){8}(?!\d)"
    r"|(?<!\d)[(（]?[0０]\d{2,3}[)）]?[\s-]?\d{7,8}(?!\d)"
    r"|[a-z0-9._+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+",
    re.I,
)
#: Joiners that emoji and some scripts need; every other format character (bidi overrides,
#: zero-width spaces) would let a title disguise itself.
_JOINERS: Final = "\u200c\u200d"


def has_contact(text: str) -> bool:
    """Whether a phone number or an e-mail address stands in `text`."""
    return CONTACT.search(text) is not None


def without_contact(text: str) -> str:
    """`text` with phone numbers and e-mail addresses replaced by a visible mark."""
    return CONTACT.sub(HIDDEN, text)


def line(text: str) -> str:
    """One clean line: NFC, single spaces, no control or disguising characters, no contact."""
    return without_contact(" ".join(visible(text).split()))


def visible(text: str) -> str:
    """Lines without control and disguising characters, in NFC."""

    def keep(char: str) -> bool:
        return char in _JOINERS or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"}

    spaced = re.sub(r"[\r\v\f]", "\n", text.replace("\t", " "))
    return unicodedata.normalize("NFC", "".join(c for c in spaced if c == "\n" or keep(c)))


def paragraphs(text: str) -> str:
    """Clean lines, the empty ones left out."""
    return "\n".join(filter(None, (line(part) for part in text.splitlines())))
