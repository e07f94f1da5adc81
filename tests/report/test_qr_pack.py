"""The QR pack: codes that lead where they should, names that Windows takes, sheets to print."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from works import an_entry

from report.conftest import Office
from voting.report.qr_pack import SHEET, stem_of
from voting.store.jobs import JobKind, JobState

ORIGIN = "https://vote.example.cn"


@pytest.fixture
def covers(office: Office) -> None:
    for entry in office.site.store.entries.all().values():
        folder = office.site.settings.media_dir / entry.media
        folder.mkdir(parents=True)
        Image.new("RGB", (54, 96), "teal").save(folder / "cover-1080.jpg")


def packed(office: Office) -> Path:
    return office.made(office.do(JobKind.QR_PACK, origin=ORIGIN))


@pytest.mark.usefixtures("covers")
def test_every_public_entry_has_its_three_pictures(office: Office):
    with zipfile.ZipFile(packed(office)) as pack:
        names = pack.namelist()
        assert names[0] == SHEET
        assert names[-1] == "SHA256SUMS"
        assert len(names) == 2 + 3 * 12
        assert "007-会说话的公交站-qr.png" in names
        assert "007-会说话的公交站-qr.svg" in names
        assert "007-会说话的公交站-海报.jpg" in names
        for number in (1, 7):
            (name,) = [one for one in names if one.startswith(f"{number:03d}-") and "png" in one]
            code = zxingcpp.read_barcode(Image.open(io.BytesIO(pack.read(name))).convert("L"))
            assert code
            assert code.text == f"{ORIGIN}/e/{number}"
        assert pack.read(SHEET).startswith(b"%PDF-")


@pytest.mark.usefixtures("covers")
def test_withdrawn_and_pending_entries_are_not_in_it(office: Office):
    office.site.store.entries.withdraw(7, "争议")
    with zipfile.ZipFile(packed(office)) as pack:
        numbers = {name[:3] for name in pack.namelist()}
    assert not numbers & {"007", "013", "014"}


def test_an_entry_without_a_cover_goes_without_a_poster(office: Office):
    job = office.do(JobKind.QR_PACK, origin=ORIGIN)
    assert job.state is JobState.DONE
    assert "没有封面，画不了海报" in job.sentence
    with zipfile.ZipFile(office.made(job)) as pack:
        assert not [name for name in pack.namelist() if name.endswith(".jpg")]


def test_without_an_address_or_entries_it_says_why(office: Office):
    assert office.do(JobKind.QR_PACK).sentence.startswith("不知道网站的网址")
    for number in range(1, 13):
        office.site.store.entries.withdraw(number, "争议")
    job = office.do(JobKind.QR_PACK, origin=ORIGIN)
    assert (job.state, job.sentence) == (JobState.FAILED, "还没有公开的作品，没有二维码可做")


def test_what_the_sheet_was_made_from_is_gone(office: Office):
    job = office.do(JobKind.QR_PACK, origin=ORIGIN)
    assert [path.name for path in office.folder(job).iterdir()] == list(job.files)


@pytest.mark.parametrize(
    ("title", "stem"),
    [
        ("泉城掌上通", "003-泉城掌上通"),
        ('a\\b/c:d*e?f"g<h>i|j', "003-a b c d e f g h i j"),
        ("../../etc/passwd", "003-.. .. etc passwd"),
        ("结尾有点...", "003-结尾有点"),
        ("两\n行\t字", "003-两 行 字"),
        ("零\u200b宽", "003-零宽"),
        ("CON", "003-CON"),
        ("", "003"),
        ("长" * 300, "003-" + "长" * 60),
    ],
)
def test_names_that_windows_takes(title: str, stem: str):
    assert stem_of(an_entry(3, title=title)) == stem
