"""Covers show the film at its best; the four frames show the reviewer all of it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import av
import pytest
from PIL import Image, ImageDraw, ImageStat
from videos import encode, scene

from voting.intake.stills import MOST_BYTES, QUALITIES, Stills
from voting.intake.video import probe

SIZE = (320, 180)
Film = Callable[[int], Image.Image]
dark = Image.new("RGB", SIZE)


def pictures(path: Path) -> dict[str, bytes]:
    stills = Stills(probe(path))
    with av.open(str(path)) as source:
        for frame in source.decode(video=0):
            stills.see(frame)
    return dict(stills.pictures())


def images(path: Path) -> dict[str, Image.Image]:
    return {name: Image.open(BytesIO(data)).convert("RGB") for name, data in pictures(path).items()}


def cover(tmp_path: Path, film: Film, count: int = 100, **options: str) -> Image.Image:
    path = encode(tmp_path / "film.mp4", size=SIZE, frames=film, count=count, options=options)
    return images(path)["cover-480.jpg"].resize(SIZE)


def alike(one: Image.Image, other: Image.Image) -> bool:
    small = [image.convert("L").resize((32, 18)).tobytes() for image in (one, other)]
    return sum(abs(a - b) for a, b in zip(*small, strict=True)) / 576 < 12


def is_red(image: Image.Image, corner: tuple[float, float]) -> bool:
    red, green, blue = image.getpixel((int(image.width * corner[0]), int(image.height * corner[1])))
    return bool(red > 180 and green < 80 and blue < 80)


# --- files --------------------------------------------------------------------------------------


def test_covers_come_in_five_widths_and_the_larger_ones_in_two_formats(lying: Path) -> None:
    made = {name: one for name, one in images(lying).items() if name.startswith("cover")}
    assert {name: image.size for name, image in made.items()} == {
        "cover-240.webp": (240, 135),
        "cover-360.webp": (360, 202),
        "cover-480.webp": (480, 270),
        "cover-480.jpg": (480, 270),
        "cover-720.webp": (720, 405),
        "cover-720.jpg": (720, 405),
        "cover-1080.webp": (1080, 608),
        "cover-1080.jpg": (1080, 608),
    }
    files = pictures(lying)
    assert Image.open(BytesIO(files["cover-480.webp"])).format == "WEBP"
    assert Image.open(BytesIO(files["cover-480.jpg"])).info["progressive"]
    for image in made.values():
        assert is_red(image, (0.1, 0.1))
        assert not is_red(image, (0.9, 0.1))


def test_the_stills_of_a_turned_video_are_upright(phone_upright: Path) -> None:
    """Turned clockwise, the red corner goes from top left to top right."""
    made = images(phone_upright)
    assert made["frame-1.jpg"].size == (360, 640)
    for name, image in made.items():
        assert image.size[1] == round(image.size[0] * 16 / 9), name
        assert is_red(image, (0.9, 0.1))
        assert not is_red(image, (0.1, 0.1))
        assert not is_red(image, (0.9, 0.9))


def test_the_four_frames_are_spread_over_the_film(tmp_path: Path) -> None:
    """Each tenth of the film is a little brighter."""
    path = encode(
        tmp_path / "in.mp4",
        size=(1280, 720),
        frames=lambda step: Image.new("RGB", (1280, 720), (20 * (step // 4),) * 3),
        count=40,
    )
    made = images(path)
    frames = [made[f"frame-{number}.jpg"] for number in (1, 2, 3, 4)]
    tenths = [round(ImageStat.Stat(frame.convert("L")).mean[0] / 20) for frame in frames]
    assert tenths == [0, 3, 6, 9]
    assert {frame.size for frame in frames} == {(640, 360)}


def test_a_film_shorter_than_it_says_has_its_last_frame_stand_in(tmp_path: Path) -> None:
    path = encode(tmp_path / "short.mp4", size=SIZE, count=3)
    assert len(pictures(path)) == 12


def test_of_nothing_there_are_no_stills(lying: Path) -> None:
    assert dict(Stills(probe(lying)).pictures()) == {}


def test_a_restless_picture_weighs_no_more_than_a_gallery_can_bear(tmp_path: Path) -> None:
    noise = Image.effect_noise((360, 640), 9).convert("RGB")
    film = encode(tmp_path / "noise.mp4", size=noise.size, count=2, frames=lambda _: noise)
    made = pictures(film)
    for width in (240, 360, 480):
        assert len(made[f"cover-{width}.webp"]) <= MOST_BYTES["webp"] * width**2
    # In the quality of other pictures it would weigh more.
    shown, buffer = Image.open(BytesIO(made["cover-1080.jpg"])), BytesIO()
    shown.resize((480, 853)).save(buffer, "WEBP", quality=QUALITIES["webp"][0])
    assert buffer.tell() > MOST_BYTES["webp"] * 480**2


# --- choice -------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"g": "2"}], ids=["one key frame", "many key frames"])
def test_the_cover_is_neither_black_nor_blank_nor_from_the_fade_in(
    tmp_path: Path, options: dict[str, str]
) -> None:
    def film(step: int) -> Image.Image:
        if step < 50:  # black, then a fade-in
            return Image.blend(dark, scene(SIZE, 0), max(0, step - 10) / 50)
        return scene(SIZE, 3) if 58 < step < 64 else Image.new("RGB", SIZE, (90, 140, 110))

    assert alike(cover(tmp_path, film, **options), scene(SIZE, 3))


def lines(image: Image.Image, box: tuple[int, int, int, int], apart: int, colour: str) -> None:
    left, top, right, bottom = box
    for x in range(left, right, apart):
        ImageDraw.Draw(image).line((x, top, x, bottom), fill=colour, width=apart // 2)


def test_a_title_card_loses_to_a_picture(tmp_path: Path) -> None:
    """Its letters are sharper than anything in the picture, but there is nothing around them."""
    title = Image.new("RGB", SIZE, (60, 60, 70))
    lines(title, (110, 70, 210, 110), 4, "white")
    picture = Image.new("RGB", SIZE, (120, 120, 110))
    lines(picture, (0, 0, *SIZE), 16, "#87877e")
    shown = cover(tmp_path, lambda step: picture if 35 < step < 60 else title)
    assert alike(shown, picture)


def test_credits_on_black_lose_to_a_picture(tmp_path: Path) -> None:
    credits_, picture = dark.copy(), Image.new("RGB", SIZE, (120, 120, 110))
    for y in range(0, 180, 20):
        lines(credits_, (0, y, 320, y + 3), 6, "white")
    shown = cover(tmp_path, lambda step: picture if 35 < step < 60 else credits_)
    assert alike(shown, picture)


def test_a_dissolve_loses_to_what_it_joins(tmp_path: Path) -> None:
    """In the mixture of two pictures there is detail in more places than in either."""
    one, other = Image.new("RGB", SIZE, (40, 40, 40)), Image.new("RGB", SIZE, (230, 230, 230))
    lines(one, (0, 0, 160, 180), 8, "white")
    lines(other, (160, 0, 320, 180), 8, "black")

    def film(step: int) -> Image.Image:
        return Image.blend(one, other, min(max(step - 20, 0) / 40, 1.0))

    shown = cover(tmp_path, film)
    assert alike(shown, one) or alike(shown, other)


def test_movement_is_no_dissolve(tmp_path: Path) -> None:
    still = Image.new("RGB", SIZE, (120, 120, 120))

    def film(step: int) -> Image.Image:
        return scene(SIZE, step) if step < 70 else still

    assert not alike(cover(tmp_path, film), still)


def test_a_black_film_still_gets_covers(tmp_path: Path) -> None:
    path = encode(tmp_path / "night.mp4", size=(160, 90), count=3, frames=lambda _: dark)
    assert len(pictures(path)) == 12


def test_hd_colours_are_those_of_the_hd_standard(tmp_path: Path) -> None:
    """An unnamed matrix at 1080 lines is BT.709; read as BT.601 a pure green would shift."""
    green = Image.new("RGB", (1280, 720), (0, 200, 0))
    path = encode(tmp_path / "green.mp4", size=green.size, count=2, frames=lambda _: green)
    with av.open(str(path)) as source:
        frame = next(source.decode(video=0))
        assert frame.colorspace == 2
        luma = bytes(frame.planes[0])[0]
    image = images(path)["cover-480.jpg"]
    # BT.709: luma = 16 + 219 × 0.7152 × green
    seen = image.getpixel((240, 100))[1]
    assert seen == pytest.approx((luma - 16) / 219 / 0.7152 * 255, abs=12)
