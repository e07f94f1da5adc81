"""The QR pack: each public entry's QR code and poster, and all codes on sheets to print and cut."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from voting.contest import Entry, EntryState, moment
from voting.disk import whole
from voting.jobs import CannotDo, Desk, Done
from voting.report.archive import Archive
from voting.report.typeset import Printable, pdf
from voting.share.code import qr_png, qr_svg
from voting.share.poster import poster

LONGEST: Final = 60  # characters of a title in a file's name; Windows dislikes long paths
BOX: Final = 12  # pixels a module: 30 mm are then sharper than a printer needs
SHEET: Final = "打印用-全部二维码.pdf"
COVER: Final = "cover-1080.jpg"

_FORBIDDEN: Final = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')


def work(desk: Desk) -> Done:
    """The job: asked for is `origin`, where the public reaches the site."""
    origin = desk.job.asked.get("origin", "").rstrip("/")
    entries = [e for e in desk.store.entries.all().values() if e.state is EntryState.APPROVED]
    if not origin:
        raise CannotDo("不知道网站的网址。请从导出页面上做二维码包")
    if not entries:
        raise CannotDo("还没有公开的作品，没有二维码可做")
    name = f"二维码包-{moment(desk.job.started_ms):%Y%m%d-%H%M%S}.zip"
    without = []
    with whole(desk.folder / name) as part, Archive(part) as archive:
        archive.add(SHEET, sheet(desk, entries, origin))
        for n, entry in enumerate(entries):
            desk.tell(n, len(entries), f"正在画 {entry.label} 号，共 {len(entries)} 件")
            if not _add(archive, desk, entry, f"{origin}/e/{entry.number}"):
                without.append(entry.label)
        archive.add_sums()
    missing = f"；{'、'.join(without)} 号没有封面，画不了海报" if without else ""
    return Done(f"二维码包做好了，{len(entries)} 件作品{missing}", (name,))


def _add(archive: Archive, desk: Desk, entry: Entry, link: str) -> bool:
    """An entry's pictures; False if there is no cover for its poster."""
    stem, contest = stem_of(entry), desk.contest
    archive.add(f"{stem}-qr.png", qr_png(link, box=20))
    archive.add(f"{stem}-qr.svg", qr_svg(link))
    try:
        cover = (desk.settings.media_dir / entry.media / COVER).read_bytes()
    except FileNotFoundError:
        return False
    category, name = contest.categories[entry.category], f"{contest.name} {contest.subtitle}"
    archive.add(
        f"{stem}-海报.jpg", poster(entry, category, name, contest.organizers, link, cover)
    )
    return True


def sheet(desk: Desk, entries: Sequence[Entry], origin: str) -> bytes:
    """A4 sheets of all codes, eight on each."""
    printable, contest = Printable(), desk.contest
    with tempfile.TemporaryDirectory(prefix=".qr-", suffix=".part", dir=desk.folder) as folder:
        root = Path(folder)
        for entry in entries:
            (root / f"{entry.number}.png").write_bytes(
                qr_png(f"{origin}/e/{entry.number}", box=BOX)
            )
        data = {
            "contest": printable(f"{contest.name} {contest.subtitle}", "赛名"),
            "organizers": list(contest.organizers),
            "origin": origin,
            "entries": [
                {
                    "label": entry.label,
                    "title": printable(entry.title, f"{entry.label} 号题目"),
                    "author": printable(entry.author, f"{entry.label} 号作者"),
                    "city": printable(entry.city, f"{entry.label} 号地市"),
                    "category": contest.categories[entry.category].name,
                    "ai": entry.ai,
                    "link": f"{origin}/e/{entry.number}",
                    "picture": f"{entry.number}.png",
                }
                for entry in entries
            ],
        }
        data["notes"] = printable.notes()
        return pdf("qr_sheet.typ", data, desk.job.started_ms, root)


def stem_of(entry: Entry) -> str:
    """`007-题目`: what a file of the entry is called, on Windows too."""
    title = _FORBIDDEN.sub(" ", unicodedata.normalize("NFC", entry.title))
    shown = "".join(c for c in title if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    return f"{entry.label}-{' '.join(shown.split())[:LONGEST]}".rstrip(" .-")
