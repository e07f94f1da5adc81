"""Entries for tests, without their media."""

from __future__ import annotations

from typing import Any

from voting.contest import Entry, EntryState
from voting.web.site import Site

TITLES = (
    "一件事一次办的早晨", "社保卡里的一天", "泉城掌上通", "渔港的数字灯塔", "大棚里的数据管家",
    "AI绘就齐风鲁韵", "会说话的公交站", "云端上的琴书", "我的数字校园", "蓝海数据湾",
    "果园无人机日记", "AI修复老济南", "等待审核的片子", "已经撤下的片子",
)  # fmt: skip


def an_entry(number: int = 1, **fields: Any) -> Entry:
    ai = number % 3 == 0
    return Entry(
        **{
            "number": number,
            "title": TITLES[(number - 1) % len(TITLES)],
            "author": f"作者{number}",
            "unit": "泉城社区青年志愿队" if number % 2 else "",
            "instructor": "",
            "city": ("济南", "青岛", "烟台")[number % 3],
            "category": "ai" if ai else "live",
            "introduction": "用镜头记录身边的智慧生活。",
            "state": EntryState.PENDING,
            "media": f"{number:020x}",
            "width": 1080 if number % 2 else 1920,
            "height": 1920 if number % 2 else 1080,
            "seconds": 8.0,
            "form_sha256": f"{number:064x}",
            "video_sha256": f"{number:064x}",
            "taken_in_ms": 1_760_000_000_000 + number,
            **fields,
        }
    )


def open_gallery(site: Site, approved: int = 12) -> None:
    """Entries 1 to `approved` are public, the next is pending, the one after it withdrawn."""
    for number in range(1, approved + 3):
        site.store.entries.add(an_entry(number))
    for number in range(1, approved + 1):
        site.store.entries.approve(number, "审核通过", ai_labelled=True)
    site.store.entries.withdraw(approved + 2, "版权争议")


def lay_media(site: Site, entry: Entry) -> None:
    """Files where the entry's media should be; they are no pictures, but nobody looks."""
    folder = site.settings.media_dir / entry.media
    folder.mkdir(parents=True, exist_ok=True)
    films = ("original.mp4", "web.mp4", "web-720.mp4")
    covers = [f"cover-{width}.webp" for width in (240, 360, 480)]
    covers += [f"cover-{width}.jpg" for width in (480, 720, 1080)]
    frames = (f"frame-{n}.jpg" for n in range(1, 5))
    for file in (*films, *covers, *frames):
        (folder / file).write_bytes(f"{file} of {entry.number}".encode())
