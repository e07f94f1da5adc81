"""Real videos, small ones, and files that only pretend to be videos."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from PIL import Image, ImageStat
from videos import encode, scene, silence

from voting.intake import video as rules
from voting.intake.video import Video, VideoRefused, make_covers, make_web_copy, probe, unplayable

FLAT = Video("mp4", "h264", "aac", 320, 180, 1.0, faststart=True, pixel_format="yuv420p")


def refusal(path: Path) -> str:
    with pytest.raises(VideoRefused) as caught:
        probe(path)
    assert path.name not in repr(caught.value)
    return caught.value.reason


def boxes(path: Path) -> list[bytes]:
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        found.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4])
    return found


def packets(path: Path) -> Iterator[tuple[str, bytes]]:
    with av.open(str(path)) as source:
        for stream in (*source.streams.video, *source.streams.audio):
            source.seek(0)
            yield from ((stream.type, bytes(packet)) for packet in source.demux(stream))


# --- probe --------------------------------------------------------------------------------------


def test_a_video_is_described(lying: Path) -> None:
    video = probe(lying)
    assert (video.container, video.codec, video.audio) == ("mp4", "h264", "aac")
    assert (video.width, video.height, video.pixel_format) == (1920, 1080, "yuv420p")
    assert video.seconds == pytest.approx(1.0, abs=0.1)
    assert not video.faststart
    assert unplayable(video) == ""


def test_an_upright_video_without_sound_is_described(upright: Path) -> None:
    video = probe(upright)
    assert (video.width, video.height, video.audio) == (1080, 1920, None)


def test_the_size_is_the_displayed_one_for_a_phone_held_upright(phone_upright: Path) -> None:
    video = probe(phone_upright)
    assert (video.width, video.height) == (1080, 1920)


def test_the_index_in_front_is_noticed(swift: Path) -> None:
    assert probe(swift).faststart


def test_a_quicktime_file_is_known_whatever_it_is_called(tmp_path: Path, swift: Path) -> None:
    made = encode(tmp_path / "clip.mov", size=(160, 90), count=2)
    assert probe(made.rename(tmp_path / "clip.mp4")).container == "mov"


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "泉城-王小样-13812345678.mp4"
    path.write_bytes(b"")
    assert "空文件" in refusal(path)
    path.write_text("只是一段文字。" * 100)
    assert "不是 MP4" in refusal(path)
    path.write_text("#EXTM3U\n#EXTINF:1,\nhttp://example.invalid/a.ts\n")
    assert "不是 MP4" in refusal(path)
    path.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08moov\0\0\0\x08mdat")
    assert "没有能识别的视频画面" in refusal(path)
    path.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x00mdat" + bytes(100))
    assert "不完整" in refusal(path)
    path.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x01mdat" + bytes(8))
    assert "不完整" in refusal(path)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.99])
def test_a_video_cut_short_is_refused(
    tmp_path: Path, lying: Path, swift: Path, part: float
) -> None:
    for whole in (lying, swift):
        data = whole.read_bytes()
        path = tmp_path / "cut.mp4"
        path.write_bytes(data[: int(len(data) * part)])
        assert "不完整" in refusal(path)


def test_damaged_pictures_are_refused_or_passed_over(tmp_path: Path, swift: Path) -> None:
    data = bytearray(swift.read_bytes())
    start = data.index(b"mdat") + 4
    path = tmp_path / "noise.mp4"
    path.write_bytes(data[:start] + b"\xff" * (len(data) - start))
    assert "没有能解码的画面" in refusal(path)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=44100, layout="mono")
        out.mux([*sound.encode(silence(0)), *sound.encode(None)])
    assert "没有能识别的视频画面" in refusal(path)


def test_a_picture_too_large_to_decode_is_refused(
    swift: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_PIXELS", 320 * 180 - 1)
    assert refusal(swift) == "分辨率 320×180 过大，无法处理"


def test_a_picture_like_a_thread_is_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "thread.mp4", size=(64, 1080), count=1)
    assert refusal(path) == "画面比例异常：64×1080"


def test_a_file_of_countless_boxes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "boxes.mp4"
    path.write_bytes(b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * (rules.MAX_BOXES * 2))
    assert "不完整" in refusal(path)


# --- covers -------------------------------------------------------------------------------------


def is_red(image: Image.Image, corner: tuple[float, float]) -> bool:
    red, green, blue = image.getpixel((int(image.width * corner[0]), int(image.height * corner[1])))
    return bool(red > 180 and green < 80 and blue < 80)


def covers(path: Path, folder: Path) -> dict[str, Image.Image]:
    make_covers(path, probe(path), folder)
    return {file.name: Image.open(file).convert("RGB") for file in folder.iterdir() if file != path}


def test_covers_come_in_three_widths_and_two_formats(tmp_path: Path, lying: Path) -> None:
    made = covers(lying, tmp_path)
    assert {name: image.size for name, image in made.items()} == {
        "cover-480.webp": (480, 270),
        "cover-480.jpg": (480, 270),
        "cover-720.webp": (720, 405),
        "cover-720.jpg": (720, 405),
        "cover-1080.webp": (1080, 608),
        "cover-1080.jpg": (1080, 608),
    }
    with Image.open(tmp_path / "cover-480.webp") as webp:
        assert webp.format == "WEBP"
    with Image.open(tmp_path / "cover-480.jpg") as jpeg:
        assert jpeg.format == "JPEG"
        assert jpeg.info["progressive"]
    for image in made.values():
        assert is_red(image, (0.1, 0.1))
        assert not is_red(image, (0.9, 0.1))


def test_the_covers_of_a_turned_video_are_upright(tmp_path: Path, phone_upright: Path) -> None:
    """Turned clockwise, the red corner goes from top left to top right."""
    for name, image in covers(phone_upright, tmp_path).items():
        assert image.size[1] == round(image.size[0] * 16 / 9), name
        assert is_red(image, (0.9, 0.1))
        assert not is_red(image, (0.1, 0.1))
        assert not is_red(image, (0.9, 0.9))


@pytest.mark.parametrize("options", [{}, {"g": "2"}], ids=["one key frame", "many key frames"])
def test_the_cover_is_neither_black_nor_blank_nor_from_the_fade_in(
    tmp_path: Path, options: dict[str, str]
) -> None:
    size = (320, 180)

    def film(step: int) -> Image.Image:
        if step < 12:  # black, then a fade-in
            return Image.blend(Image.new("RGB", size), scene(size, 0), max(0, step - 6) / 8)
        return scene(size, 3) if step == 20 else Image.new("RGB", size, (90, 140, 110))

    path = encode(tmp_path / "film.mp4", size=size, frames=film, count=40, options=options)
    made = covers(path, tmp_path)
    for image in made.values():
        assert ImageStat.Stat(image.convert("L")).mean[0] > 60


def test_a_black_video_still_gets_covers(tmp_path: Path) -> None:
    path = encode(tmp_path / "night.mp4", size=(160, 90), count=3, frames=lambda _: dark)
    assert len(covers(path, tmp_path)) == 6


dark = Image.new("RGB", (160, 90))


def test_hd_colours_are_those_of_the_hd_standard(tmp_path: Path, lying: Path) -> None:
    """An unnamed matrix at 1080 lines is BT.709; read as BT.601 a pure green would shift."""
    green = Image.new("RGB", (1280, 720), (0, 200, 0))
    path = encode(tmp_path / "green.mp4", size=green.size, count=2, frames=lambda _: green)
    with av.open(str(path)) as source:
        frame = next(source.decode(video=0))
        assert frame.colorspace == 2
        luma = bytes(frame.planes[0])[0]
    image = covers(path, tmp_path)["cover-480.jpg"]
    # BT.709: luma = 16 + 219 × 0.7152 × green
    seen = image.getpixel((240, 100))[1]
    assert seen == pytest.approx((luma - 16) / 219 / 0.7152 * 255, abs=12)


# --- web copies ---------------------------------------------------------------------------------


def test_an_index_at_the_end_is_moved_to_the_front_and_nothing_else_changes(
    tmp_path: Path, lying: Path
) -> None:
    out = tmp_path / "web.mp4"
    make_web_copy(lying, probe(lying), out)
    assert boxes(lying).index(b"moov") > boxes(lying).index(b"mdat")
    assert boxes(out).index(b"moov") < boxes(out).index(b"mdat")
    copy = probe(out)
    assert copy.faststart
    assert copy.seconds == pytest.approx(probe(lying).seconds, abs=0.05)
    assert list(packets(out)) == list(packets(lying))
    assert [path.name for path in tmp_path.iterdir()] == ["web.mp4"]


def test_a_turned_video_stays_turned(tmp_path: Path, phone_upright: Path) -> None:
    out = tmp_path / "web.mp4"
    make_web_copy(phone_upright, probe(phone_upright), out)
    assert (probe(out).width, probe(out).height) == (1080, 1920)


def test_a_video_in_order_is_copied_as_it_is(tmp_path: Path, swift: Path) -> None:
    out = tmp_path / "web.mp4"
    make_web_copy(swift, probe(swift), out)
    assert out.read_bytes() == swift.read_bytes()


@pytest.mark.parametrize("faststart", [True, False])
def test_the_public_copy_keeps_the_mark_of_ai_and_not_the_place(
    tmp_path: Path, faststart: bool
) -> None:
    marks = {"AIGC": '{"Label":"1"}', "location": "+36.6512+117.1201/"}
    path = encode(tmp_path / "in.mp4", size=(160, 90), count=2, metadata=marks, faststart=faststart)
    assert b"+36.6512" in path.read_bytes()
    out = tmp_path / "web.mp4"
    make_web_copy(path, probe(path), out)
    assert b"+36.6512" not in out.read_bytes()
    with av.open(str(out)) as copy:
        assert copy.metadata["AIGC"] == marks["AIGC"]
    assert probe(out).faststart


# Ready-made with `encode`: once in a thousand times an HEVC encoder's threads trip over themselves.
@pytest.mark.parametrize("codec", ["hevc", "av1", "vp9"])
def test_a_codec_that_phones_may_not_play_is_refused(tmp_path: Path, codec: str) -> None:
    path = Path(__file__).parent / "unplayable" / f"{codec}.mp4"
    with pytest.raises(VideoRefused) as caught:
        make_web_copy(path, probe(path), tmp_path / "web.mp4")
    wanted = f"视频编码为 {codec.upper()}，手机上不一定能播放，需转码"
    assert caught.value.reason.startswith(wanted)
    assert not (tmp_path / "web.mp4").exists()


@pytest.mark.parametrize(
    ("pixels", "audio", "found"),
    [
        ("yuv420p10le", None, "像素格式为 yuv420p10le，手机上不一定能播放"),
        ("yuv444p", None, "像素格式为 yuv444p，手机上不一定能播放"),
        ("yuv420p", "libmp3lame", "音频编码为 MP3"),
    ],
)
def test_pixels_or_sound_that_phones_may_not_play_are_refused(
    tmp_path: Path, pixels: str, audio: str | None, found: str
) -> None:
    path = encode(tmp_path / "in.mp4", size=(320, 180), pixels=pixels, audio=audio, count=2)
    with pytest.raises(VideoRefused) as caught:
        make_web_copy(path, probe(path), tmp_path / "web.mp4")
    assert caught.value.reason.startswith(found)
    assert not (tmp_path / "web.mp4").exists()


def test_a_failed_copy_leaves_nothing(
    tmp_path: Path, lying: Path, swift: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="full"):
        make_web_copy(swift, probe(swift), tmp_path / "web.mp4")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError, match="No such file"):
        make_web_copy(tmp_path / "gone.mp4", probe(lying), tmp_path / "web.mp4")
    (tmp_path / "gone.mp4").unlink()
    assert list(tmp_path.iterdir()) == []
