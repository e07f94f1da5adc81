"""The demo contest: ready-made entries through the real intake, ballots through the real script."""

from __future__ import annotations

import hashlib
import os
import random
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from voting.contest import Ballot, Entry, EntryState, Identity, Signals, Verdict
from voting.intake.copies import lay_out, media_name
from voting.intake.video import Video, probe
from voting.settings import ROOT
from voting.shelf import Shelf
from voting.store import Store
from voting.store.log import SITE

FOLDER = ROOT / "config" / "demo"
AT_ONCE = 500


def load(store: Store, shelf: Shelf, now_ms: int) -> str:
    """Load what is missing of the demo into a store that holds nothing else; says what was done."""
    texts = tomllib.loads((FOLDER / "entries.toml").read_text(encoding="utf-8"))["entry"]
    digests = {_digest(FOLDER / text["clip"]) for text in texts}
    stored = store.entries.all()
    if any(entry.video_sha256 not in digests for entry in stored.values()):
        return "已有正式作品，不装演示作品。"
    known = {entry.video_sha256: entry for entry in stored.values()}
    with ThreadPoolExecutor(
        os.cpu_count()
    ) as pool:  # the work is FFmpeg's, outside the interpreter
        videos = list(pool.map(partial(_lay_out, shelf), texts))
    loaded = [
        _entry(store, shelf, known, text, video, now_ms)
        for text, video in zip(texts, videos, strict=True)
    ]
    if store.ledger.tally().total():
        return f"演示作品 {len(loaded)} 件已就绪。"
    votes = dict(zip((e.number for e in loaded), (t["votes"] for t in texts), strict=True))
    accepted = _cast(store, votes, now_ms)
    return f"已装入演示作品 {len(loaded)} 件、演示票 {accepted} 张。"


def _lay_out(shelf: Shelf, text: dict[str, Any]) -> Video:
    clip = FOLDER / text["clip"]
    video = probe(clip)
    # The clips are light, and the site is to be up soon: no second copy for mobile networks.
    lay_out(clip, video, shelf.media / media_name(_digest(clip)), mobile=False)
    return video


def _digest(clip: Path) -> str:
    return hashlib.sha256(clip.read_bytes()).hexdigest()


def _entry(
    store: Store,
    shelf: Shelf,
    known: dict[str, Entry],
    text: dict[str, Any],
    video: Video,
    now_ms: int,
) -> Entry:
    digest = _digest(FOLDER / text["clip"])
    entry = known.get(digest) or store.entries.add(
        Entry(
            number=0,
            title=text["title"],
            author=text["author"],
            unit=text["unit"],
            instructor=text["instructor"],
            city=text["city"],
            category=text["category"],
            introduction=text["introduction"],
            state=EntryState.PENDING,
            media=media_name(digest),
            width=video.width,
            height=video.height,
            seconds=video.seconds,
            form_sha256="",
            video_sha256=digest,
            content_sha256=video.content_sha256,
            taken_in_ms=now_ms,
        ),
        SITE,
    )
    if entry.state is EntryState.PENDING:
        shelf.put_out(entry.media)
        entry = store.entries.approve(entry.number, "演示作品", SITE, ai_labelled=True)
    return entry


def _cast(store: Store, votes: dict[int, int], now_ms: int) -> int:
    """Cast so many ballots for each entry, in mixed order; returns how many were accepted."""
    numbers = [number for number, count in votes.items() for _ in range(count)]
    random.Random(1).shuffle(numbers)  # noqa: S311 a demo needs no secret
    ballots = list(_ballots(numbers, now_ms))
    accepted = 0
    for first in range(0, len(ballots), AT_ONCE):
        outcomes = store.ballots.cast_all(ballots[first : first + AT_ONCE])
        accepted += sum(outcome.verdict is Verdict.ACCEPTED for outcome in outcomes)
    return accepted


def _ballots(numbers: list[int], now_ms: int) -> Iterator[tuple[Ballot, Signals]]:
    unknown = Signals(Identity.DEMO, bytes(6), bytes(6), bytes(4), bytes(4), 0, 0)
    for position, number in enumerate(numbers):
        digest = hashlib.sha256(b"demo:%d" % position).digest()
        yield Ballot(digest[:8], digest[8:16], number, now_ms), unknown
