"""Every video that is taken in ends up as one that phones play; what isn't whole leaves nothing."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame
from PIL import Image
from videos import encode, growing, patched, turned

from voting.intake import copies, tracks
from voting.intake.copies import MOBILE, WEB, make_media
from voting.intake.stills import COVERS
from voting.intake.video import Video, VideoRefused, probe, why_web_copy

FOREIGN = Path(__file__).parent / "unplayable"
STILLS = {f"cover-{width}.{suffix}" for width, suffixes in COVERS for suffix in suffixes} | {
    f"frame-{number}.jpg" for number in (1, 2, 3, 4)
}
MARK = '{"Label":"1","ContentProducer":"某某"}'


def made(path: Path, folder: Path, *, mobile: bool = True) -> Path:
    out = folder / "out"
    out.mkdir()
    make_media(path, probe(path), out, mobile=mobile)
    assert {one.name for one in out.iterdir()} - {WEB, MOBILE} == STILLS
    return out


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


def frames(path: Path) -> list[VideoFrame]:
    with av.open(str(path)) as source:
        return list(source.decode(video=0))


def is_red(frame: VideoFrame, corner: tuple[float, float]) -> bool:
    image = frame.to_image()
    red, green, blue = image.getpixel((int(image.width * corner[0]), int(image.height * corner[1])))
    return bool(red > 180 and green < 80 and blue < 80)


def check_playable(copy: Path, original: Path) -> Video:
    """What phones ask for, read back from the copy; and it is as long as the original."""
    video, was = probe(copy), probe(original)
    assert (video.codec, video.pixel_format, why_web_copy(video)) == ("h264", "yuv420p", "")
    assert video.faststart
    assert boxes(copy).index(b"moov") < boxes(copy).index(b"mdat")
    assert video.level <= 42
    assert video.seconds == pytest.approx(was.seconds, abs=0.1)
    assert (video.audio, video.channels > 0) == ("aac", True) if was.audio else (None, False)
    assert video.channels <= 2
    assert len(frames(copy)) == video.frames
    return video


# --- what phones play is kept -------------------------------------------------------------------


def test_an_index_at_the_end_is_moved_to_the_front_and_nothing_else_changes(
    tmp_path: Path, lying: Path
) -> None:
    web = made(lying, tmp_path, mobile=False) / WEB
    assert boxes(lying).index(b"moov") > boxes(lying).index(b"mdat")
    check_playable(web, lying)
    assert list(packets(web)) == list(packets(lying))
    assert probe(web).content_sha256 == probe(lying).content_sha256


def test_a_turned_video_stays_turned(tmp_path: Path, phone_upright: Path) -> None:
    web = made(phone_upright, tmp_path, mobile=False) / WEB
    assert (probe(web).width, probe(web).height) == (1080, 1920)
    assert list(packets(web)) == list(packets(phone_upright))


@pytest.mark.parametrize("anew", [False, True])
def test_place_and_names_are_in_no_copy_and_the_mark_of_ai_in_both(
    tmp_path: Path, anew: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "SAVING", -99.0)
    notes = {"AIGC": MARK, "location": "+36.6512+117.1201/", "title": "张三的手机"}
    path = encode(tmp_path / "in.mp4", size=(1080, 800), count=3, metadata=notes)
    assert b"+36.6512" in path.read_bytes()
    assert "张三".encode() in path.read_bytes()
    out = tmp_path / "out"
    out.mkdir()
    make_media(path, replace(probe(path), level=52 if anew else 41), out)
    for name in (WEB, MOBILE):
        data = (out / name).read_bytes()
        assert b"+36.6512" not in data
        assert "张三".encode() not in data
        assert probe(out / name).ai_mark == MARK


# --- what phones don't play is encoded anew -----------------------------------------------------


# Ready-made with `encode`: once in a thousand times an HEVC encoder's threads trip over themselves.
@pytest.mark.parametrize("codec", ["hevc", "av1", "vp9"])
def test_a_codec_that_phones_may_not_play_gets_a_copy_that_they_play(
    tmp_path: Path, codec: str
) -> None:
    path = FOREIGN / f"{codec}.mp4"
    assert probe(path).codec == codec
    video = check_playable(made(path, tmp_path) / WEB, path)
    assert (video.width, video.height) == (320, 180)
    first = frames(tmp_path / "out" / WEB)[0]
    assert is_red(first, (0.1, 0.1))
    assert not is_red(first, (0.9, 0.1))


@pytest.mark.parametrize(
    ("pixels", "audio", "layout", "options", "rate"),
    [
        ("yuv420p10le", "aac", "mono", {}, 10),
        ("yuv422p", None, "mono", {}, 10),
        ("yuv444p", "aac", "stereo", {}, 10),
        ("yuv420p", "libmp3lame", "mono", {}, 10),
        ("yuv420p", "ac3", "stereo", {}, 10),
        ("yuv420p", "flac", "mono", {}, 10),
        ("yuv420p", "aac", "5.1", {}, 10),
        ("yuv420p", None, "mono", {"level": "52"}, 10),
        ("yuv420p", "aac", "mono", {}, 120),
    ],
)
def test_whatever_phones_may_not_play_gets_a_copy_that_they_play(
    tmp_path: Path,
    pixels: str,
    audio: str | None,
    layout: str,
    options: dict[str, str],
    rate: int,
) -> None:
    path = encode(
        tmp_path / "in.mp4",
        size=(320, 180),
        pixels=pixels,
        audio=audio,
        layout=layout,
        options=options,
        rate=rate,
        count=rate // 2,
    )
    assert why_web_copy(probe(path))
    video = check_playable(made(path, tmp_path) / WEB, path)
    assert (video.width, video.height) == (320, 180)
    assert video.frame_rate <= 60


def test_odd_sound_alone_leaves_the_picture_as_it_is(tmp_path: Path) -> None:
    path = encode(tmp_path / "in.mp4", size=(320, 180), audio="libmp3lame", count=5)
    web = made(path, tmp_path) / WEB
    assert probe(web).content_sha256 == probe(path).content_sha256
    assert probe(web).audio == "aac"


def test_sound_that_nobody_can_decode_is_left_out(tmp_path: Path) -> None:
    path = encode(tmp_path / "in.mp4", size=(320, 180), audio="ac3", count=5)
    data = path.read_bytes()
    sounds = [bytes for kind, bytes in packets(path) if kind == "audio" and bytes]
    for sound in sounds:
        data = data.replace(sound, b"\xff" * len(sound))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    web = made(broken, tmp_path) / WEB
    assert probe(web).audio is None
    assert probe(web).frames == 5


def test_what_was_turned_by_a_matrix_is_upright_in_its_pixels(tmp_path: Path) -> None:
    """Turned clockwise, the red corner goes from top left to top right."""
    deep = encode(tmp_path / "deep.mp4", size=(320, 180), pixels="yuv420p10le", count=3)
    out = made(turned(deep, tmp_path / "turned.mp4"), tmp_path)
    first = frames(out / WEB)[0]
    assert (first.width, first.height, first.rotation) == (180, 320, 0)
    assert is_red(first, (0.9, 0.1))
    assert not is_red(first, (0.1, 0.1))


def test_pixels_become_square(tmp_path: Path) -> None:
    path = encode(
        tmp_path / "wide.mp4",
        size=(240, 180),
        pixels="yuv422p",
        count=2,
        options={"aspect": "4:3"},
    )
    with av.open(str(path)) as source:
        assert source.streams.video[0].sample_aspect_ratio == pytest.approx(4 / 3)
    first = frames(made(path, tmp_path) / WEB)[0]
    assert (first.width, first.height) == (320, 180)


def test_what_a_phone_films_in_hdr_is_not_grey_on_the_site(tmp_path: Path) -> None:
    """The same numbers mean more light in PQ: 50 % of it is a tenth of what a PQ screen can do."""
    grey = Image.new("RGB", (320, 180), (128, 128, 128))
    path = encode(
        tmp_path / "hdr.mp4",
        size=(320, 180),
        pixels="yuv420p10le",
        audio=None,
        count=2,
        frames=lambda _: grey,
        options={"color_primaries": "9", "color_trc": "16", "colorspace": "9"},
    )
    assert frames(path)[0].color_trc == 16
    out = made(path, tmp_path)
    for image in (frames(out / WEB)[0].to_image(), Image.open(out / "cover-480.jpg")):
        assert min(image.getpixel((100, 90))) > 160
    assert frames(out / WEB)[0].color_trc == 1


def test_a_copy_fits_the_box_and_has_a_key_frame_every_two_seconds(tmp_path: Path) -> None:
    plain = Image.new("RGB", (2048, 1152), (90, 140, 110))
    path = encode(
        tmp_path / "in.mp4", size=(2048, 1152), pixels="yuv422p", audio=None, count=45,
        frames=lambda _: plain,
    )  # fmt: skip
    web = made(path, tmp_path, mobile=False) / WEB
    assert (probe(web).width, probe(web).height) == (1920, 1080)
    with av.open(str(web)) as source:
        stream = source.streams.video[0]
        keys = [
            packet.pts * packet.time_base for packet in source.demux(stream) if packet.is_keyframe
        ]
        assert stream.codec_context.color_range == 1
        names = ("colorspace", "color_primaries", "color_trc")
        assert [getattr(stream.codec_context, name) for name in names] == [1, 1, 1]
    assert [float(key) for key in keys] == pytest.approx([0, 2, 4], abs=0.01)


# --- the copy for mobile networks ---------------------------------------------------------------


def test_a_mobile_copy_is_small_and_short(tmp_path: Path, phone_upright: Path) -> None:
    out = made(phone_upright, tmp_path)
    video = check_playable(out / MOBILE, phone_upright)
    assert (video.width, video.height) == (720, 1280)
    assert (out / MOBILE).stat().st_size <= 0.8 * (out / WEB).stat().st_size
    first = frames(out / MOBILE)[0]
    assert (first.width, first.height, first.rotation) == (720, 1280, 0)
    assert is_red(first, (0.9, 0.1))
    assert not is_red(first, (0.1, 0.1))


def test_a_mobile_copy_that_would_save_little_is_left_out(
    tmp_path: Path, lying: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "SAVING", 0.99)
    assert not (made(lying, tmp_path) / MOBILE).exists()


def test_a_small_picture_needs_no_mobile_copy(tmp_path: Path, swift: Path) -> None:
    assert not (made(swift, tmp_path) / MOBILE).exists()


# --- hostile ------------------------------------------------------------------------------------


def test_a_film_that_changes_its_size_midway_gets_one_size(tmp_path: Path) -> None:
    path = growing(tmp_path / "growing.mp4")
    assert {(one.width, one.height) for one in frames(path)} == {(320, 180), (480, 360)}
    web = made(path, tmp_path) / WEB
    assert {(one.width, one.height) for one in frames(web)} == {(320, 180)}
    assert probe(web).frames == 10


@pytest.mark.parametrize("delta", [bytes(4), b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"])
def test_times_that_stand_still_run_backwards_or_leap_do_no_harm(
    tmp_path: Path, lying: Path, delta: bytes
) -> None:
    out = made(patched(lying, tmp_path / "in.mp4", b"stts", 12, delta), tmp_path)
    assert 1 <= probe(out / WEB).frames <= 10


def test_damage_midway_is_passed_over_in_the_copy(tmp_path: Path) -> None:
    path = encode(tmp_path / "in.mp4", size=(320, 180), count=20, audio=None, options={"g": "1"})
    spoilt = [bytes for _, bytes in packets(path)][5:8]
    data = path.read_bytes()
    for one in spoilt:
        data = data.replace(one, b"\0\0\0\1" + b"\xff" * (len(one) - 4))
    path.write_bytes(data)
    web = made(path, tmp_path) / WEB
    assert probe(web).frames == len(frames(web)) == 17


def test_a_film_that_is_mostly_damage_is_refused_and_leaves_nothing(
    tmp_path: Path, lying: Path
) -> None:
    path = patched(lying, tmp_path / "in.mp4", b"stsc", 12, b"\x7f\xff\xff\xff")
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(VideoRefused, match="大部分已损坏"):
        make_media(path, probe(path), out)
    assert list(out.iterdir()) == []


def test_pictures_without_end_are_given_up_and_leave_nothing(
    tmp_path: Path, swift: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = probe(swift)
    monkeypatch.setattr(copies, "MAX_FRAMES", 5)
    with pytest.raises(VideoRefused, match="数量过大"):
        make_media(swift, video, tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- progress and failure -----------------------------------------------------------------------


def test_progress_grows_to_the_whole(tmp_path: Path, swift: Path) -> None:
    heard: list[float] = []
    make_media(swift, probe(swift), tmp_path, heard.append)
    assert heard == sorted(heard)
    assert len(heard) > 5
    assert 0 < heard[0] < heard[-1] == 1.0


def test_whoever_listens_can_stop_it_and_nothing_is_left(tmp_path: Path, swift: Path) -> None:
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_media(swift, probe(swift), tmp_path, stop)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_no_fault_of_the_video_and_leaves_nothing(
    tmp_path: Path, lying: Path, swift: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise av.error.OSError(errno.ENOSPC, "No space left on device", "out.mp4")

    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError, match="No such file"):
        make_media(tmp_path / "gone.mp4", probe(lying), tmp_path)
    (tmp_path / "gone.mp4").unlink()
    monkeypatch.setattr(tracks.Kept, "take", full)
    with pytest.raises(OSError, match="No space left") as caught:
        make_media(swift, probe(swift), tmp_path)
    assert not isinstance(caught.value, av.FFmpegError)
    assert list(tmp_path.iterdir()) == []
