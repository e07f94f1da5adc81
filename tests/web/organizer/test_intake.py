"""Uploading submissions, and asking for their intake."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from people import Operator
from werkzeug.test import TestResponse

from voting.intake.folder import FORM_SUFFIXES, VIDEO_SUFFIXES
from voting.organizer import Role
from voting.store.jobs import JobKind, JobState
from voting.store.log import Kind
from voting.web.organizer import inbox as inbox_module
from voting.web.organizer.inbox import FORMS, VIDEOS, Inbox, NotTaken, new_batch, place_of
from voting.web.site import Site

STEM = "泉城夜话-张三-13812345678"
BATCH = "0123456789ab"


def send(
    one: Operator, name: str, data: bytes = b"a film", batch: str = BATCH, **more: object
) -> TestResponse:
    return one.send(
        f"/organizer/intake/{batch}/files",
        query_string={"name": name},
        data=data,
        headers={"X-CSRFToken": one.csrf_token(), "Accept": "application/json"},
        **more,
    )


@pytest.fixture
def root(site: Site) -> Path:
    return site.settings.data_dir / "inbox"


def lying(root: Path, batch: str = BATCH) -> dict[str, bytes]:
    """Everything in a batch, hidden files too."""
    found = (path for path in (root / batch).rglob("*") if path.is_file())
    return {str(path.relative_to(root / batch)): path.read_bytes() for path in found}


# --- one file -----------------------------------------------------------------------------------


def test_a_file_is_kept_under_its_own_name_for_this_user_only(reviewer: Operator, root: Path):
    assert send(reviewer, f"{STEM}.mp4").status_code == 200
    assert lying(root) == {f"{STEM}.mp4": b"a film"}
    for place in (root, root / BATCH):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((root / BATCH / f"{STEM}.mp4").stat().st_mode) == 0o600


def test_a_large_file_comes_in_pieces_whole(reviewer: Operator, root: Path):
    film = bytes(range(256)) * 4096 * 3
    assert send(reviewer, f"{STEM}.mp4", film).status_code == 200
    assert lying(root)[f"{STEM}.mp4"] == film


def test_the_same_file_again_replaces_the_first(reviewer: Operator, root: Path):
    send(reviewer, f"{STEM}.docx", b"first")
    send(reviewer, f"{STEM}.docx", b"second, corrected")
    assert lying(root) == {f"{STEM}.docx": b"second, corrected"}


def test_a_broken_upload_leaves_nothing_behind(reviewer: Operator, root: Path):
    send(reviewer, f"{STEM}.docx", b"whole")
    answer = reviewer.send(
        f"/organizer/intake/{BATCH}/files",
        query_string={"name": f"{STEM}.mp4"},
        input_stream=io.BytesIO(b"half a fi"),
        environ_overrides={"CONTENT_LENGTH": "4096"},
        headers={"X-CSRFToken": reviewer.csrf_token(), "Accept": "application/json"},
    )
    assert answer.status_code == 400
    assert lying(root) == {f"{STEM}.docx": b"whole"}


def test_a_broken_second_upload_keeps_the_first(reviewer: Operator, root: Path, site: Site):
    send(reviewer, f"{STEM}.mp4", b"whole")
    inbox = Inbox(root, lambda do, *with_: do(*with_))
    with pytest.raises(NotTaken):
        inbox.receive(BATCH, f"{STEM}.mp4", io.BytesIO(b"hal"), 4)
    assert lying(root) == {f"{STEM}.mp4": b"whole"}


@pytest.mark.parametrize("name", ["photo.jpg", "mails.zip", "run.exe", "noname", ".mp4", "", "/"])
def test_other_types_are_refused_with_a_sentence(reviewer: Operator, root: Path, name: str):
    answer = send(reviewer, name)
    assert answer.status_code == 415
    assert "没有传" in answer.json["detail"]
    assert lying(root) == {}


def test_a_full_disk_is_said_before_anything_is_written(
    reviewer: Operator, root: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(inbox_module, "KEEP_FREE", 1 << 60)
    answer = send(reviewer, f"{STEM}.mp4")
    assert answer.status_code == 507
    assert "磁盘放不下了" in answer.json["detail"]
    assert lying(root) == {}


def test_a_disk_that_fills_up_meanwhile_leaves_nothing_half_done(
    reviewer: Operator, root: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inbox_module, "_settle", full)
    answer = send(reviewer, f"{STEM}.mp4")
    assert answer.status_code == 507
    assert lying(root) == {}


def test_too_large_a_file_is_refused(
    reviewer: Operator, root: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(inbox_module, "MOST_BYTES", 5)
    answer = send(reviewer, f"{STEM}.mp4")
    assert answer.status_code == 413
    assert lying(root) == {}


def test_a_batch_has_an_end_and_it_is_said(
    reviewer: Operator, root: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(inbox_module, "MOST_FILES", 2)
    assert send(reviewer, "一-甲-1.mp4").status_code == 200
    assert send(reviewer, "二-乙-2.mp4").status_code == 200
    answer = send(reviewer, "三-丙-3.mp4")
    assert answer.status_code == 409
    assert "已有 2 个文件" in answer.json["detail"]
    assert send(reviewer, "二-乙-2.mp4", b"again").status_code == 200


@pytest.mark.parametrize("batch", ["..", "0123", "0123456789AB", "g" * 12, "a" * 13])
def test_a_batch_has_the_name_that_the_page_gave_it(reviewer: Operator, root: Path, batch: str):
    assert send(reviewer, f"{STEM}.mp4", batch=batch).status_code == 404


def test_no_other_request_may_be_large(reviewer: Operator):
    large = {"reason": "长" * 20_000}
    assert reviewer.post("/organizer/review/13/refuse", **large).status_code == 413
    assert reviewer.post(f"/organizer/intake/{BATCH}/start", **large).status_code == 413


def test_strangers_and_those_who_only_look_on_send_nothing(
    reviewer: Operator, root: Path, enter: Callable[[str, Role], Operator]
):
    supervisor = enter("张监督", Role.SUPERVISOR)
    assert send(supervisor, f"{STEM}.mp4").status_code == 403
    stranger = Operator(reviewer.client.application.test_client(), "陌生人")
    assert send(stranger, f"{STEM}.mp4").status_code == 403
    answer = reviewer.send(f"/organizer/intake/{BATCH}/files?name=a-b-1.mp4", data=b"a film")
    assert answer.status_code == 403, "without its token"
    assert not root.exists()


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (f"{STEM}.MP4", f"{STEM}.MP4"),
        ("夜 话（终版）-张 三-138 1234 5678.docx", "夜 话（终版）-张 三-138 1234 5678.docx"),
        ("../../etc/passwd.mp4", "etc/passwd.mp4"),
        ("..\\..\\windows\\cmd.mp4", "windows/cmd.mp4"),
        ("/etc/cron.d/x.mp4", "etc/cron.d/x.mp4"),
        ("a/b/c/d/e/x.mp4", "c/d/e/x.mp4"),
        ("邮件 📮/泉城-张三-1.mp4", "邮件 📮/泉城-张三-1.mp4"),
        ("行\n尾\x00-张三-1.mp4", "行尾-张三-1.mp4"),
        ("e\u0301toile-张三-1.mp4", "\u00e9toile-张三-1.mp4"),
        (".git/x.mp4", "git/x.mp4"),
        ("v1.2-张三-1.mp4", "v1.2-张三-1.mp4"),
    ],
)
def test_a_name_stays_a_plain_name_and_keeps_its_words(name: str, place: str):
    assert place_of(name) == Path(place)


@pytest.mark.parametrize("name", ["~$报名表.docx", ".hidden.docx", "a/.DS_Store", "a/..", "..mp4"])
def test_temporary_files_of_a_system_are_no_submissions(name: str):
    with pytest.raises(NotTaken):
        place_of(name)


def test_a_name_longer_than_a_disk_allows_still_pairs_form_and_video():
    stem = "泉" * 120 + "-张三-13812345678"
    form, film = place_of(f"{stem}.docx"), place_of(f"{stem}.mp4")
    assert form.stem == film.stem
    assert len(str(form).encode()) <= 255
    assert str(film).endswith("-张三-13812345678.mp4")


def test_what_may_be_uploaded_is_what_intake_knows():
    assert (FORMS, VIDEOS) == (FORM_SUFFIXES, VIDEO_SUFFIXES)


def test_half_a_file_isnt_counted_among_the_whole(root: Path):
    inbox = Inbox(root, lambda do, *with_: do(*with_))
    batch = new_batch()
    inbox.receive(batch, "一-甲-1.mp4", io.BytesIO(b"film"), 4)
    (root / batch / ".coming-1234").write_bytes(b"hal")
    assert inbox.batch(batch).files == 1
    assert [found.id for found in inbox.batches()] == [batch]


# --- without JavaScript -------------------------------------------------------------------------


def test_a_plain_form_takes_several_files(reviewer: Operator, root: Path):
    film = bytes(300_000)
    files = [(io.BytesIO(film), f"{STEM}.mp4"), (io.BytesIO(b"form"), f"{STEM}.docx"),
             (io.BytesIO(b"x"), "photo.jpg")]  # fmt: skip
    answer = reviewer.post("/organizer/intake/files", batch=BATCH, files=files)
    assert answer.status_code == 303
    assert lying(root) == {f"{STEM}.mp4": film, f"{STEM}.docx": b"form"}
    assert [path.name for path in root.iterdir()] == [BATCH]
    told = reviewer.get(answer.location).text
    assert "传好 2 个文件" in told
    assert "photo.jpg：既不是报名表" in told
    assert "已经传好 2 个文件" in told


def test_a_form_without_its_token_leaves_nothing(reviewer: Operator, root: Path):
    files = {"batch": BATCH, "files": (io.BytesIO(bytes(300_000)), f"{STEM}.mp4")}
    assert reviewer.send("/organizer/intake/files", data=files).status_code == 403
    assert list(root.iterdir()) == []


# --- intake -------------------------------------------------------------------------------------


def test_a_batch_becomes_a_job(reviewer: Operator, root: Path, site: Site):
    send(reviewer, f"{STEM}.mp4")
    reviewer.post(f"/organizer/intake/{BATCH}/start")
    (job,) = site.store.jobs.all()
    assert (job.kind, job.by) == (JobKind.INTAKE, reviewer.name)
    assert job.asked == {"folder": str(root / BATCH), "batch": BATCH}
    page = reviewer.get("/organizer/intake").text
    assert f"/organizer/jobs/{job.id}.json" in page
    assert "个传好的文件" not in page


def test_a_batch_is_taken_in_once(reviewer: Operator, site: Site):
    send(reviewer, f"{STEM}.mp4")
    reviewer.post(f"/organizer/intake/{BATCH}/start")
    answer = reviewer.post(f"/organizer/intake/{BATCH}/start")
    assert "正在收件" in reviewer.get(answer.location).text
    assert len(site.store.jobs.all()) == 1


@pytest.mark.parametrize("batch", [BATCH, "nonsense"])
def test_an_empty_batch_starts_nothing(reviewer: Operator, site: Site, batch: str):
    answer = reviewer.post(f"/organizer/intake/{batch}/start")
    assert "还没有传好的文件" in reviewer.get(answer.location).text
    assert site.store.jobs.all() == []


def test_what_was_uploaded_and_never_taken_in_is_offered_again_and_can_be_deleted(
    reviewer: Operator, root: Path
):
    send(reviewer, f"{STEM}.mp4")
    page = reviewer.get("/organizer/intake").text
    assert "收这 1 个文件" in page
    assert re.search(r'data-batch="([0-9a-f]{12})"', page)[1] != BATCH
    assert f'data-batch="{BATCH}"' in reviewer.get(f"/organizer/intake?batch={BATCH}").text
    reviewer.post(f"/organizer/intake/{BATCH}/remove")
    assert not (root / BATCH).exists()


def test_a_batch_at_work_isnt_deleted(reviewer: Operator, root: Path):
    send(reviewer, f"{STEM}.mp4")
    reviewer.post(f"/organizer/intake/{BATCH}/start")
    reviewer.post(f"/organizer/intake/{BATCH}/remove")
    assert (root / BATCH).exists()


def test_nothing_more_comes_into_a_batch_at_work(reviewer: Operator, root: Path):
    send(reviewer, f"{STEM}.mp4")
    reviewer.post(f"/organizer/intake/{BATCH}/start")
    late = send(reviewer, f"{STEM}.docx")
    assert (late.status_code, "已经开始收件" in late.text) == (409, True)
    form = reviewer.post("/organizer/intake/files", batch=BATCH, files=(io.BytesIO(b"x"), "a.mp4"))
    assert form.status_code == 409
    assert lying(root) == {f"{STEM}.mp4": b"a film"}


def test_an_intake_waits_for_files_on_their_way_but_not_for_ever(
    reviewer: Operator, root: Path, site: Site
):
    send(reviewer, f"{STEM}.mp4")
    half = root / BATCH / "某封邮件" / ".coming-0123abcd"
    half.parent.mkdir()
    half.write_bytes(b"half a fi")
    answer = reviewer.post(f"/organizer/intake/{BATCH}/start")
    assert "还有文件正在传" in reviewer.get(answer.location).text
    assert site.store.jobs.all() == []
    os.utime(half, (0, 0))  # the site was ended while it came
    reviewer.post(f"/organizer/intake/{BATCH}/start")
    assert len(site.store.jobs.all()) == 1


def test_the_log_tells_who_began_an_intake_and_who_deleted_uploads(reviewer: Operator, site: Site):
    send(reviewer, f"{STEM}.mp4")
    reviewer.post(f"/organizer/intake/{BATCH}/remove")
    send(reviewer, f"{STEM}.mp4")
    send(reviewer, f"{STEM}.docx")
    reviewer.post(f"/organizer/intake/{BATCH}/start")
    began, deleted = site.store.log.latest(2)
    assert (began.kind, began.by, began.subject, began.reason) == (
        Kind.INTAKE, reviewer.name, BATCH, "上传的 2 个文件",
    )  # fmt: skip
    assert (deleted.kind, deleted.by, deleted.subject, deleted.reason) == (
        Kind.DISCARD, reviewer.name, BATCH, "1 个没有收的文件",
    )  # fmt: skip


def test_a_plain_form_says_which_file_the_disk_didn_t_take(reviewer: Operator, root: Path):
    send(reviewer, f"{STEM}.mp4")
    answer = reviewer.post(
        "/organizer/intake/files", batch=BATCH, files=(io.BytesIO(b"x"), f"{STEM}.mp4/b.mp4")
    )
    assert "服务器存不下这个文件" in reviewer.get(answer.location).text
    assert lying(root) == {f"{STEM}.mp4": b"a film"}


def test_past_intakes_are_listed_with_their_reports(reviewer: Operator, site: Site):
    job = site.store.jobs.add(JobKind.INTAKE, "王组织", site.now_ms(), folder="x", batch=BATCH)
    folder = site.settings.data_dir / "jobs" / job.id
    folder.mkdir(parents=True)
    (folder / "收件报告.html").write_text("报告")
    site.store.jobs.end(job.id, JobState.DONE, "收下 30 件", site.now_ms(), ("收件报告.html",))
    page = reviewer.get("/organizer/intake").text
    assert "收下 30 件" in page
    assert "收件报告.html" in page
    assert "去审核 1 件" in page


def test_the_page_says_what_becomes_of_the_personal_data(reviewer: Operator):
    assert "处理完即删除" in reviewer.get("/organizer/intake").text
