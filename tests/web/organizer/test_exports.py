"""The exports page: what it offers to whom, what it asks the worker for, and what it says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from people import Operator

from voting.store.jobs import JobKind, JobState
from voting.store.log import Kind
from voting.web.organizer.exports import OFFERS, is_local
from voting.web.site import Site

PAGE = "/organizer/exports"


def asked(site: Site) -> list[tuple[JobKind, dict[str, str]]]:
    return [(job.kind, job.asked) for job in site.store.jobs.all()]


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.key)
@pytest.mark.parametrize("wanted", ["csv", "xlsx"])
def test_each_table_can_be_had_as_csv_and_excel(organizer: Operator, site: Site, offer, wanted):
    page = organizer.get(PAGE).text
    assert offer.name in page
    assert offer.sentence in page
    answer = organizer.post(PAGE, table=offer.key, format=wanted)
    assert answer.headers["Location"] == f"{PAGE}#recent"
    assert asked(site) == [(JobKind.EXPORT, {"table": offer.key, "format": wanted})]
    last = site.store.log.last()
    assert last
    assert (last.kind, last.subject, last.by) == (Kind.EXPORT, offer.key, "王组织")


@pytest.mark.parametrize(
    ("table", "wanted"), [("", ""), ("tallies", "pdf"), ("accounts", "csv"), ("tallies", "")]
)
def test_nothing_else_can_be_had(organizer: Operator, site: Site, table: str, wanted: str):
    assert organizer.post(PAGE, table=table, format=wanted).status_code == 400
    assert asked(site) == []


def test_pressing_twice_makes_it_once(organizer: Operator, site: Site):
    for _ in range(2):
        organizer.post(PAGE, table="tallies", format="csv")
    assert len(asked(site)) == 1
    assert "已经在做了" in organizer.get(PAGE).text


def test_the_same_again_after_the_first_is_done(organizer: Operator, site: Site):
    organizer.post(f"{PAGE}/result-pack")
    job = site.store.jobs.claim(site.now_ms())
    assert job
    site.store.jobs.end(job.id, JobState.DONE, "好了", site.now_ms())
    organizer.post(f"{PAGE}/result-pack")
    assert asked(site) == [(JobKind.RESULT_PACK, {})] * 2


def test_the_qr_pack_carries_the_address_of_the_public(organizer: Operator, site: Site):
    site.settings = replace(site.settings, public_url="https://vote.example.cn")
    organizer.post(f"{PAGE}/qr-pack")
    assert asked(site) == [(JobKind.QR_PACK, {"origin": "https://vote.example.cn"})]


@pytest.mark.parametrize(
    ("origin", "local"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://0.0.0.0", True),
        ("http://192.168.1.20:8000", False),
        ("https://vote.example.cn", False),
    ],
)
def test_an_address_that_only_the_machine_itself_can_open_is_warned_of(origin: str, local: bool):
    assert is_local(origin) is local


def test_the_page_warns_before_codes_are_printed_in_vain(organizer: Operator, site: Site):
    assert "PUBLIC_URL" in organizer.get(PAGE).text
    site.settings = replace(site.settings, public_url="https://vote.example.cn")
    assert "PUBLIC_URL" not in organizer.get(PAGE).text


def test_before_the_end_the_page_says_what_a_pack_would_be(organizer: Operator):
    assert "投票还没有结束" in organizer.get(PAGE).text


def test_reviewers_have_nothing_to_export(reviewer: Operator, site: Site):
    assert reviewer.get(PAGE).status_code == 403
    for path in (PAGE, f"{PAGE}/result-pack", f"{PAGE}/qr-pack"):
        assert reviewer.post(path, table="tallies", format="csv").status_code == 403
    assert asked(site) == []


def test_supervisors_may_have_all(supervisor: Operator, site: Site):
    assert supervisor.post(PAGE, table="ledger", format="csv").status_code == 302
    assert len(asked(site)) == 1


def test_recent_exports_show_how_they_stand(organizer: Operator, site: Site):
    organizer.post(PAGE, table="tallies", format="csv")
    page = organizer.get(PAGE).text
    assert "票数 · CSV" in page
    assert "排队等候" in page
    job = site.store.jobs.claim(site.now_ms())
    assert job
    site.store.jobs.tell(job.id, 1, 4, "正在写“票数”")
    page = organizer.get(PAGE).text
    assert '<progress value="1" max="4"' in page
    folder = site.settings.data_dir / "jobs" / job.id
    folder.mkdir(parents=True)
    (folder / "票数.csv").write_text("1")
    site.store.jobs.end(job.id, JobState.DONE, "已导出", site.now_ms(), ("票数.csv",))
    page = organizer.get(PAGE).text
    assert ">票数.csv</a>" in page
    assert "<progress" not in page
    assert "停止" not in page


def test_what_others_upload_is_not_an_export(organizer: Operator, site: Site):
    site.store.jobs.add(JobKind.INTAKE, "李审核", site.now_ms())
    assert "还没有。" in organizer.get(PAGE).text
