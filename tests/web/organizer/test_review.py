"""The review queue: one submission after the other, decided once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from people import Operator
from works import an_entry, lay_media

from voting.contest import Entry, EntryState
from voting.organizer import Role
from voting.store.log import Kind
from voting.web.organizer.review import READY_MADE
from voting.web.site import Site

Submit = Callable[..., Entry]


@pytest.fixture
def submit(site: Site) -> Submit:
    """Takes in a pending submission with its media; 13 is pending from the start."""
    site.store.entries.refuse(13, "先腾空", seen=EntryState.PENDING)

    def add(**fields: object) -> Entry:
        number = max(site.store.entries.all()) + 1
        entry = site.store.entries.add(an_entry(number, **({"category": "live"} | fields)))
        lay_media(site, entry)
        return entry

    return add


def state(site: Site, number: int) -> EntryState:
    return site.store.entries.of(number).state


def decisions(site: Site, number: int) -> list[tuple[Kind, str, str]]:
    acts = site.curator().history(number)
    return [(act.kind, act.by, act.reason) for act in acts if act.kind is not Kind.TAKE_IN]


# --- what is shown ------------------------------------------------------------------------------


def test_the_next_submission_is_shown_with_all_that_is_public(reviewer: Operator, submit: Submit):
    one = submit(title="云上的琴书", doubts=("报名表写 60 秒，视频是 8 秒",), notes=("没有声音",))
    page = reviewer.get("/organizer/review").text
    for words in (one.title, one.author, one.introduction, "报名表写 60 秒", "没有声音", "还有 <b"):
        assert words in page
    for file in ("web.mp4", "cover-720.jpg", *(f"frame-{n}.jpg" for n in range(1, 5))):
        assert f"/organizer/media/{one.number}/{file}" in page


def test_an_empty_queue_says_so(reviewer: Operator, site: Site):
    site.store.entries.refuse(13, "先腾空")
    assert "没有待审核的作品" in reviewer.get("/organizer/review").text


def test_a_title_is_only_text(reviewer: Operator, submit: Submit):
    submit(title="<script>alert(1)</script>", doubts=("<b>疑点</b>",))
    page = reviewer.get("/organizer/review").text
    assert "<script>alert" not in page
    assert "<b>疑点" not in page


def test_what_isnt_public_has_no_public_address(reviewer: Operator, submit: Submit, site: Site):
    one = submit()
    with reviewer.get(f"/organizer/media/{one.number}/web.mp4") as answer:
        assert answer.status_code == 200
    assert not (site.settings.public_dir / one.media).exists()
    stranger = Operator(reviewer.client.application.test_client(), "陌生人")
    assert stranger.get(f"/organizer/media/{one.number}/web.mp4").status_code == 302


def test_a_video_comes_in_pieces(reviewer: Operator, submit: Submit, site: Site):
    one = submit()
    (site.settings.media_dir / one.media / "web.mp4").write_bytes(bytes(3 * 1024 * 1024))
    path = f"/organizer/media/{one.number}/web.mp4"
    with reviewer.get(path, headers={"Range": "bytes=0-"}) as answer:
        assert answer.status_code == 206
        assert len(answer.data) == 1024 * 1024
        assert answer.headers["Cache-Control"].startswith("private")


@pytest.mark.parametrize("file", ["original.mp4", "form.docx", "../14/web.mp4", "web.mp4.part"])
def test_nothing_else_is_given_out(reviewer: Operator, submit: Submit, site: Site, file: str):
    one = submit()
    (site.settings.media_dir / one.media / "form.docx").write_bytes(b"a phone number")
    assert reviewer.get(f"/organizer/media/{one.number}/{file}").status_code == 404


# --- deciding -----------------------------------------------------------------------------------


def test_approving_makes_it_public_and_brings_the_next(
    reviewer: Operator, submit: Submit, site: Site
):
    one, two = submit(title="第一件"), submit(title="第二件")
    answer = reviewer.post(f"/organizer/review/{one.number}/approve")
    assert answer.status_code == 303
    page = reviewer.get(answer.location).text
    assert "第二件" in page
    assert "已通过" in page
    assert "这次已审" in page
    assert f"/organizer/media/{two.number}/web.mp4" in page
    assert state(site, one.number) is EntryState.APPROVED
    assert one.media in site.curator().shelf.out()
    assert decisions(site, one.number) == [(Kind.APPROVE, reviewer.name, "审核通过")]


def test_refusing_needs_a_reason(reviewer: Operator, submit: Submit, site: Site):
    one = submit()
    answer = reviewer.post(f"/organizer/review/{one.number}/refuse", reason="  ")
    assert "不通过要写明理由" in reviewer.get(answer.location).text
    assert state(site, one.number) is EntryState.PENDING
    reviewer.post(f"/organizer/review/{one.number}/refuse", reason="声音\n断断 续续")
    assert state(site, one.number) is EntryState.REFUSED
    assert decisions(site, one.number) == [(Kind.REFUSE, reviewer.name, "声音 断断 续续")]


def test_ready_made_reasons_go_together_with_a_word_of_ones_own(
    reviewer: Operator, submit: Submit, site: Site
):
    one = submit()
    ready = [READY_MADE[3], READY_MADE[1], "不是现成的理由"]
    reviewer.post(f"/organizer/review/{one.number}/refuse", ready=ready, reason="左上角")
    assert decisions(site, one.number)[0][2] == f"{READY_MADE[1]}；{READY_MADE[3]}；左上角"


def test_an_ai_entry_needs_its_label_seen(reviewer: Operator, submit: Submit, site: Site):
    one = submit(category="ai")
    answer = reviewer.post(f"/organizer/review/{one.number}/approve")
    assert "AI 创作要带标识" in reviewer.get(answer.location).text
    assert state(site, one.number) is EntryState.PENDING
    assert one.media not in site.curator().shelf.out()
    reviewer.post(f"/organizer/review/{one.number}/approve", labelled="yes")
    assert site.store.entries.of(one.number).ai_labelled
    assert "已确认画面带有 AI 生成标识" in decisions(site, one.number)[0][2]


def test_doubts_must_be_settled_first(reviewer: Operator, submit: Submit, site: Site):
    one = submit(doubts=("时长对不上", "题目对不上"))
    answer = reviewer.post(f"/organizer/review/{one.number}/approve")
    assert "还没有核对疑点" in reviewer.get(answer.location).text
    assert state(site, one.number) is EntryState.PENDING
    reviewer.post(f"/organizer/review/{one.number}/approve", settled="yes")
    assert state(site, one.number) is EntryState.APPROVED
    assert "已核对疑点 2 处" in decisions(site, one.number)[0][2]


def test_without_its_video_it_isnt_approved(reviewer: Operator, site: Site):
    site.store.entries.correct(13, "", category="live")
    answer = reviewer.post("/organizer/review/13/approve")
    assert "视频文件不见了" in reviewer.get(answer.location).text
    assert state(site, 13) is EntryState.PENDING


def test_title_and_category_are_corrected_in_place(reviewer: Operator, submit: Submit, site: Site):
    one = submit(title="泉城夜")
    at = f"/organizer/review/{one.number}/correct"
    back = reviewer.post(at, title=" 泉城 夜 ")
    assert "泉城 夜" in reviewer.get(back.location).text
    reviewer.post(at, category="ai")
    found = site.store.entries.of(one.number)
    assert (found.title, found.category) == ("泉城 夜", "ai")
    assert [kind for kind, _, _ in decisions(site, one.number)] == [Kind.CORRECT, Kind.CORRECT]


@pytest.mark.parametrize("form", [{"title": " "}, {"title": "长" * 101}, {"category": "jury"}])
def test_a_correction_that_makes_no_sense_changes_nothing(
    reviewer: Operator, submit: Submit, site: Site, form: dict[str, str]
):
    one = submit(title="泉城夜")
    page = reviewer.get(reviewer.post(f"/organizer/review/{one.number}/correct", **form).location)
    assert "没有改" in page.text
    assert decisions(site, one.number) == []


# --- the queue ----------------------------------------------------------------------------------


def shown(page: str) -> str:
    """The number of the submission that a page of the queue shows."""
    return page.partition('data-number="')[2].partition('"')[0]


def test_whoever_skips_meets_it_again_after_all_others(reviewer: Operator, submit: Submit):
    numbers = [submit().number for _ in range(3)]
    seen, after = [], 0
    for _ in range(4):
        seen.append(int(shown(reviewer.get(f"/organizer/review?after={after}").text)))
        after = seen[-1]
    assert seen == [*numbers, numbers[0]]


def test_two_reviewers_are_given_different_submissions(
    reviewer: Operator, organizer: Operator, submit: Submit
):
    one, two = submit(), submit()
    assert shown(reviewer.get("/organizer/review").text) == str(one.number)
    page = organizer.get("/organizer/review").text
    assert shown(page) == str(two.number)
    assert "正在看这一件" not in page


def test_the_last_one_says_who_is_looking_at_it(
    reviewer: Operator, organizer: Operator, submit: Submit
):
    one = submit()
    reviewer.get("/organizer/review")
    page = organizer.get("/organizer/review").text
    assert shown(page) == str(one.number)
    assert f"<bdi>{reviewer.name}</bdi> 正在看这一件" in page
    told = organizer.get(f"/organizer/review/{one.number}.json").json
    assert told == {"state": "pending", "holder": reviewer.name}


def test_skipping_gives_it_to_others(reviewer: Operator, organizer: Operator, submit: Submit):
    one, _ = submit(), submit()
    reviewer.get("/organizer/review")
    reviewer.get(f"/organizer/review?after={one.number}")
    assert shown(organizer.get("/organizer/review").text) == str(one.number)


@pytest.mark.parametrize("late", ["approve", "refuse"])
def test_the_second_to_decide_is_told_what_was_decided_by_whom_and_why(
    reviewer: Operator, organizer: Operator, submit: Submit, site: Site, late: str
):
    one, _ = submit(), submit(title="下一件作品")
    organizer.post(f"/organizer/review/{one.number}/refuse", reason="没有中文字幕")
    answer = reviewer.post(f"/organizer/review/{one.number}/{late}", reason="画面有水印")
    assert answer.status_code == 409
    for words in ("已经有人审过", organizer.name, "不予通过", "没有中文字幕", "没有生效"):
        assert words in answer.text
    assert f'href="/organizer/review?after={one.number}"' in answer.text
    assert state(site, one.number) is EntryState.REFUSED
    assert one.media not in site.curator().shelf.out()


def test_a_decided_one_leads_to_its_own_page(reviewer: Operator):
    assert reviewer.get("/organizer/review/3").location == "/organizer/entries/3"
    assert reviewer.get("/organizer/review/999").status_code == 404


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["approve", "refuse", "correct"])
def test_whoever_only_looks_on_decides_nothing(
    enter: Callable[[str, Role], Operator], submit: Submit, site: Site, path: str
):
    one = submit()
    supervisor = enter("张监督", Role.SUPERVISOR)
    answer = supervisor.post(f"/organizer/review/{one.number}/{path}", reason="试试", title="试试")
    assert answer.status_code == 403
    assert decisions(site, one.number) == []
