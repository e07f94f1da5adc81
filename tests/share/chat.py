"""What a chat makes of a picture, and what a phone then finds in it.

The phone is zxing-cpp, which the project doesn't use to make codes.
"""

from __future__ import annotations

import io

import pytest
import zxingcpp
from PIL import Image

FACTORS, QUALITIES, TURNS = (1.0, 0.5, 0.33), (None, 40), (0, 7)
EVERY_WAY = pytest.mark.parametrize(
    ("factor", "quality", "turn"),
    [(factor, quality, turn) for factor in FACTORS for quality in QUALITIES for turn in TURNS],
)


def squeezed(image: Image.Image, factor: float, quality: int | None, turn: float) -> Image.Image:
    """Held askew by so many degrees, made so much smaller, and saved as such a JPEG."""
    if turn:
        image = image.convert("RGB").rotate(
            turn, Image.Resampling.BICUBIC, expand=True, fillcolor=(120, 120, 120)
        )
    size = (round(image.width * factor), round(image.height * factor))
    image = image.convert("L" if image.mode == "1" else image.mode)
    image = image.resize(size, Image.Resampling.BILINEAR)
    if quality is None:
        return image
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out)


def read(image: Image.Image) -> list[str]:
    """The text of every code in the picture."""
    return [code.text for code in zxingcpp.read_barcodes(image)]
