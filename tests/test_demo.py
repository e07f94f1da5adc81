"""The ready-made entries are whole, play on every phone, and could pass for the contest's own."""

from __future__ import annotations

import re
import struct
import tomllib
from collections import Counter
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, ImageChops, ImageStat
from staging import build

from voting import demo
from voting.contest import EntryState
from voting.shelf import Shelf
from voting.web.site import Site

DEMO = Path(__file__).parents[1] / "config" / "demo"
ENTRIES: list[dict[str, Any]] = tomllib.loads((DEMO / "entries.toml").read_text("utf-8"))["entry"]
CLIPS = [entry["clip"] for entry in ENTRIES]
CITIES = {
    *("济南", "青岛", "淄博", "枣庄", "东营", "烟台", "潍坊", "济宁"),
    *("泰安", "威海", "日照", "临沂", "德州", "聊城", "滨州", "菏泽"),
}
FORBIDDEN = re.compile(
    r"demo|test|sample|lorem|示例|样例|样本|测试|演示|某市|某某|××", re.IGNORECASE
)
ALIKE = 24.0  # found by looking: one shot, zoomed, differs by 13 to 28; two works by 32 or more


@cache
def cover(clip: str) -> Image.Image:
    """The picture one second into a clip, as a thumbnail of 16×16 pixels."""
    with av.open(str(DEMO / clip)) as film:
        frame = next(f for f in film.decode(video=0) if f.time >= 1)
    return frame.to_image().resize((16, 16), Image.Resampling.BOX)


def boxes(path: Path) -> list[bytes]:
    """The names of an MP4's outermost boxes, in order."""
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        names.append(name)
        at += size
    return names


def test_there_are_enough_entries_of_both_categories_from_all_sixteen_cities() -> None:
    categories = Counter(entry["category"] for entry in ENTRIES)
    assert len(ENTRIES) >= 24
    assert set(categories) == {"live", "ai"}
    assert min(categories.values()) >= 8
    assert {entry["city"] for entry in ENTRIES} == CITIES


def test_every_clip_belongs_to_one_entry_and_all_are_small_enough_to_ship() -> None:
    shipped = sorted(path.name for path in DEMO.glob("*.mp4"))
    assert sorted(CLIPS) == shipped
    assert sum((DEMO / clip).stat().st_size for clip in CLIPS) <= 12_000_000


def test_every_clip_has_its_row_in_the_licences() -> None:
    rows = (DEMO / "LICENSES.md").read_text("utf-8")
    assert [clip for clip in CLIPS if f"| {clip} |" not in rows] == []


@pytest.mark.parametrize("entry", ENTRIES, ids=CLIPS)
def test_an_entry_is_complete_and_says_nothing_about_being_made_up(entry: dict[str, Any]) -> None:
    assert set(entry) == {
        "clip",
        "title",
        "author",
        "unit",
        "instructor",
        "city",
        "category",
        "introduction",
        "votes",
    }
    texts = [entry[key] for key in ("title", "author", "unit", "instructor", "introduction")]
    assert entry["title"]
    assert entry["author"]
    assert [text for text in texts if FORBIDDEN.search(text)] == []
    assert 60 <= len(entry["introduction"]) <= 300
    assert len(entry["title"]) <= 30
    assert isinstance(entry["votes"], int)
    assert entry["votes"] > 0


def test_no_two_entries_share_a_title() -> None:
    assert len({entry["title"] for entry in ENTRIES}) == len(ENTRIES)


def test_around_tenth_place_a_few_votes_decide_and_the_tie_is_elsewhere() -> None:
    votes = sorted((entry["votes"] for entry in ENTRIES), reverse=True)
    assert all(a - b <= 3 for a, b in pairwise(votes[7:13]))
    assert votes[8] > votes[9] > votes[10]
    assert len(set(votes)) == len(votes) - 1


@pytest.mark.parametrize("clip", CLIPS)
def test_a_clip_plays_on_every_phone(clip: str) -> None:
    names = boxes(DEMO / clip)
    assert names.index(b"moov") < names.index(b"mdat")
    with av.open(str(DEMO / clip)) as film:
        video, audio = film.streams.video[0], film.streams.audio[0]
        context = video.codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert audio.codec_context.name == "aac"
        assert audio.codec_context.layout.name == "mono"
        assert (video.width, video.height) in {(1920, 1080), (1080, 1920)}
        assert 4 <= film.duration / av.time_base <= 20


def test_at_least_nine_clips_are_upright() -> None:
    upright = 0
    for clip in CLIPS:
        with av.open(str(DEMO / clip)) as film:
            upright += film.streams.video[0].height == 1920
    assert upright >= 9


@pytest.mark.parametrize("clip", CLIPS)
def test_a_clip_does_not_begin_in_the_dark(clip: str) -> None:
    with av.open(str(DEMO / clip)) as film:
        first = next(film.decode(video=0)).to_image().convert("L")
    assert ImageStat.Stat(first).mean[0] > 20


def test_no_two_covers_look_alike() -> None:
    def difference(a: str, b: str) -> float:
        channels = ImageStat.Stat(ImageChops.difference(cover(a), cover(b))).mean
        return sum(channels) / len(channels)

    assert [(a, b) for a, b in combinations(CLIPS, 2) if difference(a, b) < ALIKE] == []


def test_a_demo_is_loaded_whole_and_only_once(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    head, *texts = (DEMO / "entries.toml").read_text("utf-8").split("[[entry]]")
    (folder / "entries.toml").write_text("[[entry]]".join([head, *texts[:2]]), "utf-8")
    for clip in CLIPS[:2]:
        (folder / clip).symlink_to(DEMO / clip)
    monkeypatch.setattr(demo, "FOLDER", folder)
    site: Site = build(environ).extensions["site"]
    shelf = Shelf(site.settings.media_dir, site.settings.public_dir)

    votes = [entry["votes"] for entry in ENTRIES[:2]]
    said = demo.load(site.store, shelf, site.now_ms())
    assert said == f"已装入演示作品 2 件、演示票 {sum(votes)} 张。"
    assert demo.load(site.store, shelf, site.now_ms()) == "演示作品 2 件已就绪。"

    entries = site.store.entries.all()
    assert [entry.title for entry in entries.values()] == [one["title"] for one in ENTRIES[:2]]
    assert {entry.state for entry in entries.values()} == {EntryState.APPROVED}
    assert site.store.ledger.tally() == dict(zip(entries, votes, strict=True))
    for entry in entries.values():
        assert {"web.mp4", "cover-480.jpg"} <= {
            file.name for file in (shelf.public / entry.media).iterdir()
        }
