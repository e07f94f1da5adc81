"""A mailbox through our intake, and the same media through FFmpeg's own command line.

Both do a mailbox in one go with as many processes at once as there are cores, in turn, a few
times; one run of ours is divided by the run of FFmpeg's beside it. FFmpeg gets no form to read,
nothing to judge, no limits to keep and no digest to make; its command is the strongest we know:
one `ffprobe`, and one `ffmpeg` that decodes once for both copies, frames and covers.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docx

from bench.stage import OUT
from voting.contest import Notice
from voting.demo import FOLDER as CLIPS
from voting.intake import stills
from voting.intake.copies import MOBILE
from voting.intake.folder import open_folder
from voting.intake.taking_in import process
from voting.intake.verdict import Doubtful, Taken
from voting.intake.video import Video, probe, why_web_copy
from voting.intake.workbench import NICE

TOOLS = ("ffmpeg", "ffprobe")
COVERS = tuple((width, suffix) for width, suffixes in stills.COVERS for suffix in suffixes)
#: x264's settings are those of intake/tracks.py, the places of the frames intake/stills.py's.
X264 = "-c:v libx264 -preset veryfast -profile:v high -flags +cgop -threads 1"
FAST_START = "-movflags +faststart -map_metadata -1"
COVER = {
    "jpg": "-frames:v 1 -q:v 4",
    "webp": f"-frames:v 1 -c:v libwebp -quality {stills.QUALITIES['webp'][0]}",
}
FRAMES_AT = (0.05, 0.35, 0.65, 0.95)


def missing() -> str:
    """Why there is nothing to compare with, as a sentence; '' if there is."""
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"no {' and no '.join(absent)} on the PATH" if absent else ""


def compare(
    mailbox: Path | None, notice: Notice, rounds: int, most: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """`intake` of the report. Without a `mailbox`, one of `most` clips of the demo is made."""
    if reason := missing():
        return {"skipped": reason}
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OUT, prefix="intake-") as place:
        folder = mailbox or _mailbox(Path(place) / "mailbox", most)
        videos = _videos(folder)
        pairs = []
        for number in range(rounds):
            say(f"mailbox of {len(videos)}, round {number + 1} of {rounds} …")
            runs = [lambda out: _ours(folder, notice, out), lambda out: _theirs(videos, out)]
            backwards = bool(number % 2)
            pair = [_timed(run, Path(place)) for run in (reversed(runs) if backwards else runs)]
            pairs.append(tuple(reversed(pair)) if backwards else tuple(pair))
    ratios = [ours.wall_s / theirs.wall_s for ours, theirs in pairs]
    return {
        "mailbox": "given" if mailbox else "demo clips",
        "submissions": len(videos),
        "video_s": round(sum(video.seconds for video in videos.values()), 1),
        "ours_s": round(statistics.median(ours.wall_s for ours, _ in pairs), 2),
        "ffmpeg_s": round(statistics.median(theirs.wall_s for _, theirs in pairs), 2),
        "ratio": {
            "median": round(statistics.median(ratios), 3),
            "lowest": round(min(ratios), 3),
            "highest": round(max(ratios), 3),
            "by_cpu": round(statistics.median(o.cpu_s / t.cpu_s for o, t in pairs), 3),
        },
    }


@dataclass(frozen=True)
class Took:
    wall_s: float
    cpu_s: float


def _timed(run: Callable[[Path], None], place: Path) -> Took:
    with tempfile.TemporaryDirectory(dir=place) as out:
        wall_s, cpu_s = time.perf_counter(), _cpu_s()
        run(Path(out))
        return Took(time.perf_counter() - wall_s, _cpu_s() - cpu_s)


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


# --- ours ---------------------------------------------------------------------------------------


def _ours(folder: Path, notice: Notice, out: Path) -> None:
    """All that `flask intake` does but for writing entries into the store."""
    for verdict in process(open_folder(folder).submissions, notice, out, (), lambda *_: None):
        if not isinstance(verdict, Taken | Doubtful):
            raise SystemExit(f"bench: {verdict.name} was not taken in, so nothing can be compared")


def _videos(folder: Path) -> dict[Path, Video]:
    return {one.video: probe(one.video) for one in open_folder(folder).submissions if one.video}


def _mailbox(folder: Path, most: int) -> Path:
    """Submissions of the demo's clips, with forms as the notice asks for."""
    folder.mkdir()
    texts = tomllib.loads((CLIPS / "entries.toml").read_text(encoding="utf-8"))["entry"]
    for text in texts[:most]:
        name = f"{text['title']}-{text['author']}-13800000000"
        ticks = "☑实景拍摄 □AI创作" if text["category"] == "live" else "□实景拍摄 ☑AI创作"
        seconds = round(probe(CLIPS / text["clip"]).seconds)
        rows = {
            "作品名称": text["title"],
            "作品时长": f"{seconds}秒",
            "作品类型": ticks,
            "推荐单位": text["unit"],
            "作品简介": text["introduction"],
        }
        form = docx.Document()
        table = form.add_table(rows=0, cols=2)
        for label, value in rows.items():
            cells = table.add_row().cells
            cells[0].text, cells[1].text = label, value
        form.save(str(folder / f"{name}.docx"))
        shutil.copyfile(CLIPS / text["clip"], folder / f"{name}.mp4")
    return folder


# --- FFmpeg's -----------------------------------------------------------------------------------


def _theirs(videos: dict[Path, Video], out: Path) -> None:
    """The same media by the command line, with as many processes at once."""

    def work(number: int, path: Path, video: Video) -> None:
        place = out / str(number)
        place.mkdir()
        source = str(place / "original.mp4")
        shutil.copyfile(path, source)
        found = _run("ffprobe", "-v", "error", "-show_format", "-show_streams", source)
        (place / "probe.txt").write_bytes(found)
        _run("ffmpeg", *command(video, source, place))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(work, i, path, one) for i, (path, one) in enumerate(videos.items())]
        for job in jobs:
            job.result()


def _run(*words: str) -> bytes:
    nice = ["nice", "-n", str(NICE)]  # as ours
    return subprocess.run([*nice, *words], check=True, capture_output=True).stdout


def command(video: Video, source: str, out: Path) -> list[str]:
    """ffmpeg's arguments for one video: decoded once, for all that our intake makes of it."""
    upright = video.height > video.width
    marks = [round(share * (video.frames - 1)) for share in FRAMES_AT]
    covers = "".join(f"[c{width}{suffix}]" for width, suffix in COVERS)
    chosen = "+".join(f"eq(n\\,{mark})" for mark in marks)
    filters = [
        "[0:v]split=4[a][w][f][c]",
        f"[a]scale={'720:-2' if upright else '-2:720'}:flags=bicubic,format=yuv420p[mobile]",
        "[w]null[web]" if why_web_copy(video) else "[w]nullsink",
        f"[f]select={chosen},scale={'-2:640' if upright else '640:-2'}:flags=area[frames]",
        f"[c]select=eq(n\\,{marks[1]}),scale=1080:-2:flags=area,split={len(COVERS)}{covers}",
        *(
            f"[c{width}{suffix}]scale={width}:-2:flags=lanczos[d{width}{suffix}]"
            for width, suffix in COVERS
        ),
    ]
    x264 = f"{X264} -g {max(1, round(2 * video.frame_rate))}"
    bits = min(1_200_000, round((0.6 if video.codec == "h264" else 1.2) * video.bits))
    anew = bool(why_web_copy(video))
    outputs = {
        "web.mp4": f"-map [web] {x264} -crf 21 -map 0:a:0? -c:a aac {FAST_START}"
        if anew
        else f"-map 0:v:0 -map 0:a:0? -c copy {FAST_START}",
        MOBILE: f"-map [mobile] {x264} -crf 24 -maxrate {bits} -bufsize {2 * bits} -map 0:a:0? "
        f"-c:a {'aac' if anew else 'copy'} {FAST_START}",
        "frame-%d.jpg": "-map [frames] -vsync 0 -q:v 4",
    }
    for width, suffix in COVERS:
        outputs[f"cover-{width}.{suffix}"] = f"-map [d{width}{suffix}] {COVER[suffix]}"
    words = ["-v", "error", "-nostdin", "-y", "-threads", "1", "-filter_complex_threads", "1", "-i"]
    words += [source, "-filter_complex", ";".join(filters)]
    return words + [
        word for name, settings in outputs.items() for word in (*settings.split(), str(out / name))
    ]
