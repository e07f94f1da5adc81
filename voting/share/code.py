"""QR codes: a link becomes rows of modules, and these a PNG, an SVG, or part of a poster."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Final

import qrcode
from PIL import Image, ImageOps
from qrcode.constants import (
    ERROR_CORRECT_H,
    ERROR_CORRECT_L,
    ERROR_CORRECT_M,
    ERROR_CORRECT_Q,
)

QUIET_ZONE: Final = 4  # modules, as the standard asks

#: On paper a code gets dirty: level Q while the code stays this small, else M.
_LARGEST_AT_Q: Final = 6
#: Version 1 holds hardly any link, and would make one size more to design for.
_SMALLEST: Final = 2

Rows = tuple[tuple[bool, ...], ...]


@lru_cache(maxsize=256)
def _robust(url: str) -> Rows:
    """The code's rows, without quiet zone, for paper."""
    version = _fitting(url, ERROR_CORRECT_Q)
    if version <= _LARGEST_AT_Q:
        return _rows(url, ERROR_CORRECT_Q, version)
    return _rows(url, ERROR_CORRECT_M, _fitting(url, ERROR_CORRECT_M))


def coarse(url: str) -> Rows:
    """The code's rows, without quiet zone, for screens.

    A chat shrinks and blurs pictures but damages none of them, so large modules count for more
    than error correction: the smallest version, and then the highest level that it holds.
    """
    version = max(_SMALLEST, _fitting(url, ERROR_CORRECT_L))
    for level in (ERROR_CORRECT_H, ERROR_CORRECT_Q, ERROR_CORRECT_M):
        if _fitting(url, level) <= version:
            return _rows(url, level, version)
    return _rows(url, ERROR_CORRECT_L, version)


def _fitting(url: str, level: int) -> int:
    """The smallest version that holds the link; 41, which doesn't exist, when none does."""
    code = qrcode.QRCode(error_correction=level)
    code.add_data(url)
    try:
        return int(code.best_fit())
    except ValueError:
        return 41


def _rows(url: str, level: int, version: int) -> Rows:
    code = qrcode.QRCode(version, level, border=0)
    code.add_data(url)
    code.make(fit=False)
    return tuple(tuple(map(bool, row)) for row in code.get_matrix())


def drawn(rows: Rows, box: int) -> Image.Image:
    """A 1-bit picture, black on white, `box` pixels a module."""
    pixels = bytes(0 if dark else 255 for row in rows for dark in row)
    image = Image.frombytes("L", (len(rows), len(rows)), pixels).convert("1")
    return image.resize((len(rows) * box, len(rows) * box), Image.Resampling.NEAREST)


def qr_png(url: str, *, box: int = 10) -> bytes:
    """A 1-bit PNG of the link, black on white; `box` is a module's side in pixels.

    Raises ValueError for a link of more than 2,331 bytes.
    """
    image = ImageOps.expand(drawn(_robust(url), box), QUIET_ZONE * box, fill=1)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def qr_svg(url: str) -> bytes:
    """The same code as a standalone SVG, one unit a module; scales without blur."""
    rows = _robust(url)
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
