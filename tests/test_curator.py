"""What is shown, and what is gone, with every file that hangs on it."""

from __future__ import annotations

import gzip
from io import BytesIO

import pytest
from people import Town
from PIL import Image
from staging import refresh
from works import an_entry, lay_media

from voting.contest import EntryState, Verdict
from voting.curator import Curator, MediaMissing
from voting.store.entries import AlreadyDecided, LabelUnconfirmed
from voting.store.log import Kind
from voting.web.media import create_media
from voting.web.site import Site


@pytest.fixture
def curator(site: Site) -> Curator:
    """With media for entry 2 (public), 13 (pending) and 15 (pending, AI)."""
    site.store.entries.add(an_entry(15))
    picture = BytesIO()
    Image.new("RGB", (1080, 608), (40, 120, 90)).save(picture, "JPEG")
    for number in (2, 13, 15):
        lay_media(site, an_entry(number))
        cover = site.settings.media_dir / an_entry(number).media / "cover-1080.jpg"
        cover.write_bytes(picture.getvalue())
    site.curator().shelf.put_out(an_entry(2).media)
    return site.curator()


def is_out(curator: Curator, number: int) -> bool:
    return an_entry(number).media in curator.shelf.out()


def addresses(number: int) -> list[str]:
    """Each public address of an entry."""
    return [f"/e/{number}", f"/e/{number}/poster.jpg", f"/e/{number}/qr.png", f"/e/{number}/qr.svg",
            f"/e/{number}/vote"]  # fmt: skip


def film_codes(site: Site, number: int) -> set[int]:
    """How the media server answers for what it gives of public entries."""
    media = create_media(site.settings).test_client()
    codes = set()
    for file in ("web.mp4", "cover-480.webp", "cover-720.jpg"):
        with media.get(f"/{an_entry(number).media}/{file}") as answer:
            codes.add(answer.status_code)
    return codes


def test_an_approved_entry_has_its_media_out(curator: Curator):
    entry = curator.approve(13, "审核通过", "李审核")
    assert entry.state is EntryState.APPROVED
    assert is_out(curator, 13)


def test_an_entry_without_media_isnt_approved(site: Site, curator: Curator):
    site.store.entries.add(an_entry(16))
    with pytest.raises(MediaMissing):
        curator.approve(16, "审核通过")
    assert site.store.entries.of(16).state is EntryState.PENDING


def test_what_the_store_refuses_isnt_left_outside(site: Site, curator: Curator):
    with pytest.raises(LabelUnconfirmed):
        curator.approve(15, "审核通过", "李审核")
    assert not is_out(curator, 15)
    curator.refuse(13, "没有中文字幕", "王组织")
    with pytest.raises(AlreadyDecided):
        curator.approve(13, "审核通过", "李审核", seen=EntryState.PENDING)
    assert not is_out(curator, 13)


def test_whoever_is_second_doesnt_take_away_what_the_first_put_out(curator: Curator):
    curator.approve(13, "审核通过", "王组织", seen=EntryState.PENDING)
    with pytest.raises(AlreadyDecided):
        curator.approve(13, "审核通过", "李审核", seen=EntryState.PENDING)
    assert is_out(curator, 13)


def test_a_withdrawn_entry_is_gone_from_every_public_address_and_comes_back(
    site: Site, curator: Curator, town: Town
):
    visitor = town.visitor()
    refresh(site)
    shown = [visitor.get(path).status_code for path in addresses(2)]
    assert shown == [200] * 5
    assert film_codes(site, 2) == {200}
    assert list(curator.posters.rglob("2-*"))
    assert visitor.vote(2).json["code"] == Verdict.ACCEPTED
    ballot = town.visitor()
    held = ballot.ballot(2)

    curator.withdraw(2, "版权争议", "王组织", seen=EntryState.APPROVED)

    assert ballot.cast(2, held).json["code"] == Verdict.ENTRY_NOT_VOTABLE  # at once
    assert film_codes(site, 2) == {404}  # at once
    assert not list(curator.posters.rglob("2-*"))
    refresh(site)
    gone = [visitor.get(path) for path in addresses(2)]
    assert {answer.status_code for answer in gone} == {404}
    assert "已经撤下" in gone[0].text
    for path in ("/", "/?q=2", "/?sort=votes", "/top", "/api/v1/entries", "/api/v1/standings"):
        plain = visitor.get(path).data
        packed = gzip.decompress(visitor.get(path, headers={"Accept-Encoding": "gzip"}).data)
        for page in (plain.decode(), packed.decode()):
            assert an_entry(2).media not in page
            assert an_entry(2).title not in page
    numbers = [row["number"] for row in visitor.get("/api/v1/standings").json["entries"]]
    assert 2 not in numbers
    assert site.store.ledger.tally()[2] == 1, "its votes stay"

    curator.approve(2, "争议已核实", "王组织", seen=EntryState.WITHDRAWN)
    refresh(site)
    assert [visitor.get(path).status_code for path in addresses(2)] == [200] * 5
    assert film_codes(site, 2) == {200}
    rows = visitor.get("/api/v1/standings").json["entries"]
    assert next(row["votes"] for row in rows if row["number"] == 2) == 1


def test_the_next_in_rank_moves_up_meanwhile(site: Site, curator: Curator, town: Town):
    for number, voters in ((2, 3), (5, 2), (7, 1)):
        for _ in range(voters):
            town.visitor().vote(number)

    def ranks() -> list[tuple[int, int]]:
        refresh(site)
        rows = site.board().standings.rows
        return [(row.number, row.rank) for row in rows if row.votes]

    assert ranks() == [(2, 1), (5, 2), (7, 3)]
    curator.withdraw(2, "版权争议", "王组织")
    assert ranks() == [(5, 1), (7, 2)]
    curator.approve(2, "争议已核实", "王组织")
    assert ranks() == [(2, 1), (5, 2), (7, 3)]


def test_a_correction_throws_the_old_posters_away(site: Site, curator: Curator, town: Town):
    assert town.visitor().get("/e/2/poster.jpg").status_code == 200
    (curator.posters / "plain" / "21-other.jpg").write_bytes(b"of another entry")
    curator.correct(2, "审核时更正", "李审核", title="改好的题目")
    assert [path.name for path in curator.posters.rglob("*.jpg")] == ["21-other.jpg"]


def test_the_history_tells_who_did_what_when_and_why(curator: Curator):
    curator.refuse(13, "没有中文字幕", "李审核")
    curator.approve(13, "复核后没有问题", "王组织")
    told = [(act.kind, act.by, act.reason) for act in curator.history(13)]
    assert told[1:] == [
        (Kind.REFUSE, "李审核", "没有中文字幕"),
        (Kind.APPROVE, "王组织", "复核后没有问题"),
    ]
    assert told[0][0] is Kind.TAKE_IN
