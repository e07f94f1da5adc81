"""Letters to contestants: friendly, exact, and without anybody's contact."""

from __future__ import annotations

import pytest
from forms import PHONE
from works import an_entry

from voting.intake.replies import reply
from voting.intake.verdict import Doubtful, Draft, Finding, Refused, Remedy, Taken, TakenBefore

CONTEST = "AI山东·全民共“数”“智慧生活@你我”Vlog大赛"
SIZES = ((1920, 1080), (1080, 1920))
ENTRY = an_entry(1)
DRAFT = Draft(**{name: getattr(ENTRY, name) for name in Draft.__slots__})


def text(verdict: Refused | Doubtful | Taken | TakenBefore) -> str:
    return reply(verdict, CONTEST, "大赛组委会", SIZES)


def test_a_refusal_names_the_contest_what_was_found_and_what_to_do() -> None:
    found = Finding("分辨率 1280×720，要求 1920×1080 或 1080×1920", Remedy.SIZE)
    assert text(Refused("低清样片-样例", (found,))) == (
        "您好！\n\n"
        f"感谢您参加{CONTEST}。您寄来的“低清样片-样例”我们收到了，但是还不能收下：\n"
        "分辨率 1280×720，要求 1920×1080 或 1080×1920。\n\n"
        "请您：\n"
        "在剪辑软件里把画面设为 1920×1080 或 1080×1920 重新导出；请不要用聊天软件转发，"
        "它会压缩画面。\n\n"
        "改好以后，请在征集截止前把视频和报名表放在同一封邮件里重新寄来。\n"
        "有疑问请直接回复这封邮件。谢谢！\n\n"
        "大赛组委会"
    )


def test_several_reasons_are_numbered_and_a_remedy_is_told_once() -> None:
    reasons = (
        Finding("作品简介 305 字，要求 300 字以内", Remedy.FORM),
        Finding("报名表没有填写作品名称", Remedy.FORM),
        Finding("视频文件不完整，可能没有传完", Remedy.VIDEO_FILE),
    )
    written = text(Refused("名称", reasons))
    assert "3. 视频文件不完整，可能没有传完。" in written
    assert written.count("按上面所列改好报名表") == 1
    assert "2. 先确认原片" in written


def test_who_sends_the_same_video_twice_is_not_asked_to_send_it_again() -> None:
    reason = Finding("和已收的 001 号作品是同一段视频，每段视频只收一次", Remedy.SAME_VIDEO)
    assert "重新寄来" not in text(Refused("名称", (reason,)))


def test_a_question_names_the_title_and_asks_for_an_answer() -> None:
    doubts = (
        Finding("报名表写 1 分 35 秒，视频是 5 秒", Remedy.WHICH_LENGTH),
        Finding("报名表的公开文字里有联系方式，已隐去", Remedy.NOTHING),
    )
    written = text(Doubtful("名称", DRAFT, doubts))
    assert "《一件事一次办的早晨》已经收下" in written
    assert "时长以视频为准" in written
    assert "已隐去" not in written  # nobody needs to do anything about it


def test_there_is_no_letter_where_there_is_nothing_to_say() -> None:
    hidden = Finding("报名表的公开文字里有联系方式，已隐去", Remedy.NOTHING)
    assert text(Doubtful("名称", DRAFT, (hidden,))) == ""
    assert text(Taken("名称", DRAFT)) == ""
    assert text(TakenBefore("名称", 3)) == ""


@pytest.mark.parametrize("remedy", [one for one in Remedy if one is not Remedy.NOTHING])
def test_every_remedy_has_its_words(remedy: Remedy) -> None:
    written = text(Refused("名称", (Finding("某事", remedy),)))
    asked = written.partition("请您：\n")[2].partition("\n")[0]
    assert asked.endswith(("。", "？"))
    assert "{" not in written
    assert PHONE not in written
