"""Real videos, small ones, and files that only pretend to be videos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from videos import encode, patched, remuxed, silence, song_with_cover, stuffed

from voting.intake import video as rules
from voting.intake.video import Video, VideoRefused, probe, why_web_copy

PLAIN = Video("mp4", "h264", "aac", 1920, 1080, 60.0, faststart=True, pixel_format="yuv420p")
MARK = '{"Label":"1","ContentProducer":"某某","ProduceID":"1"}'


def refusal(path: Path) -> str:
    with pytest.raises(VideoRefused) as caught:
        probe(path)
    assert path.name not in repr(caught.value)
    return str(caught.value)


# --- probe --------------------------------------------------------------------------------------


def test_a_video_is_described(lying: Path) -> None:
    video = probe(lying)
    assert (video.container, video.codec, video.audio) == ("mp4", "h264", "aac")
    assert (video.width, video.height, video.pixel_format) == (1920, 1080, "yuv420p")
    assert video.seconds == pytest.approx(1.0, abs=0.1)
    assert (video.frames, video.frame_rate, video.audio_profile) == (10, 10.0, "LC")
    assert not video.faststart
    assert video.bits == pytest.approx(lying.stat().st_size * 8, rel=0.1)
    assert why_web_copy(video) == video.ai_mark == ""


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


def test_a_cover_picture_is_no_film(tmp_path: Path) -> None:
    assert "没有能识别的视频画面" in refusal(song_with_cover(tmp_path / "song.mp4"))


def test_too_many_pictures_are_refused(swift: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_FRAMES", 9)
    assert refusal(swift) == "视频有 10 帧 320×180 的画面，数量过大，无法处理"
    monkeypatch.setattr(rules, "MAX_FRAMES", 10)
    monkeypatch.setattr(rules, "MAX_ALL_PIXELS", 10 * 320 * 180 - 1)
    assert "数量过大" in refusal(swift)


def test_boxes_that_say_nothing_do_no_harm(tmp_path: Path, lying: Path) -> None:
    free = b"\0\0\0\x08free" * 100_000
    assert probe(stuffed(lying, tmp_path / "full.mp4", free)).frames == 10


def test_tracks_without_end_are_refused(tmp_path: Path, lying: Path) -> None:
    assert "打不开" in refusal(stuffed(lying, tmp_path / "in.mp4", b"\0\0\0\x08trak" * 10_000))


def test_boxes_without_end_in_one_another_are_refused(tmp_path: Path, lying: Path) -> None:
    nest = b"".join((8 * deep).to_bytes(4) + b"moov" for deep in range(5_000, 0, -1))
    assert "打不开" in refusal(stuffed(lying, tmp_path / "nest.mp4", nest))


@pytest.mark.parametrize(
    ("box", "at", "value"),
    [
        ("stsz", 8, b"\x7f\xff\xff\xff"),  # two thousand million pictures
        ("stsz", 4, b"\0\0\0\x01\x7f\xff\xff\xff"),  # … of one byte each
    ],
)
def test_counts_that_no_file_can_hold_are_refused(
    tmp_path: Path, lying: Path, box: str, at: int, value: bytes
) -> None:
    assert refusal(patched(lying, tmp_path / "in.mp4", box.encode(), at, value))


def test_what_the_header_says_of_the_size_is_not_believed(tmp_path: Path, lying: Path) -> None:
    path = patched(lying, tmp_path / "huge.mp4", b"avc1", 24, b"\xff\xff\xff\xff")
    assert (probe(path).width, probe(path).height) == (1920, 1080)


def test_a_film_is_as_long_as_its_pictures_whatever_the_header_says(
    tmp_path: Path, lying: Path
) -> None:
    whole = patched(lying, tmp_path / "whole.mp4", b"edts", -4, b"free")  # an edit list may cut
    path = patched(whole, tmp_path / "in.mp4", b"stts", 12, (10 * 10240).to_bytes(4))
    assert probe(path).seconds == pytest.approx(100.0, abs=0.5)


# --- the same film again, and the mark of AI ----------------------------------------------------


def test_a_film_is_known_again_in_another_file(tmp_path: Path, lying: Path, swift: Path) -> None:
    again = remuxed(lying, tmp_path / "again.mp4", title="换了名字", AIGC=MARK)
    assert again.read_bytes() != lying.read_bytes()
    assert probe(again).content_sha256 == probe(lying).content_sha256
    assert probe(swift).content_sha256 != probe(lying).content_sha256
    assert len(probe(swift).content_sha256) == 64


def test_the_mark_of_ai_is_found_clean_and_short(tmp_path: Path) -> None:
    def mark(**metadata: str) -> str:
        path = tmp_path / "in.mp4"
        return probe(encode(path, size=(64, 64), count=1, metadata=metadata)).ai_mark

    assert mark(AIGC=MARK) == MARK
    assert mark(aigc=MARK) == MARK
    assert mark(comment='{"AIGC": {"Label": "1"}}') == '{"AIGC": {"Label": "1"}}'
    assert mark(comment="AIGC 大赛作品") == ""
    assert mark(AIGC=" a\u202eb\n\n c\u0007 ") == "ab c"
    assert len(mark(AIGC="x" * 100_000)) == rules.MAX_MARK


# --- what phones can't play ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"codec": "hevc"}, "视频编码为 HEVC"),
        ({"codec": "av1", "pixel_format": "yuv420p10le"}, "视频编码为 AV1"),
        ({"codec": "mpeg4"}, "视频编码为 MPEG-4"),
        ({"pixel_format": "yuv420p10le"}, "像素格式为 yuv420p10le"),
        ({"pixel_format": "yuv422p"}, "像素格式为 yuv422p"),
        ({"level": 52}, "H.264 级别为 5.2"),
        ({"frame_rate": 120.0}, "帧率为每秒 120 帧"),
        ({"bits": 60_000_000}, "码率为每秒 60 兆比特"),
        ({"audio": "ac3"}, "音频编码为 AC-3"),
        ({"audio": "opus"}, "音频编码为 OPUS"),
        ({"audio": "unknown"}, "音频编码为 未知格式"),
        ({"audio_profile": "Main"}, "音频编码为 AAC Main"),
        ({"channels": 6}, "音频有 6 个声道"),
        ({"codec": "hevc", "audio": "mp3"}, "视频编码为 HEVC、音频编码为 MP3"),
    ],
)
def test_why_a_copy_was_made_is_said_plainly(change: dict[str, Any], found: str) -> None:
    sentence = f"{found}，已另存一份手机都能播放的版本"
    assert why_web_copy(replace(PLAIN, **change)) == sentence


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"audio": None},
        {"pixel_format": "yuvj420p"},
        {"level": 51},
        {"frame_rate": 60.0},
        {"audio_profile": "HE-AAC"},
        {"channels": 2},
    ],
)
def test_what_phones_play_needs_no_word(change: dict[str, Any]) -> None:
    assert why_web_copy(replace(PLAIN, **change)) == ""
