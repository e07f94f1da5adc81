"""What to write back: a text to paste into the reply mail, for each refused or doubtful submission.

Nothing in it comes from the contact fields; the mail program knows whom it answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from voting.intake.verdict import Doubtful, Finding, Refused, Remedy, Verdict

#: What the contestant is asked to do; {…} is filled in from the notice.
_ASKED: Final = {
    Remedy.NAMES: "把视频和报名表都命名为“作品名称-作者姓名-联系方式”，三部分之间用短横线隔开。",
    Remedy.ONE_OF_EACH: "只留下要参赛的那一份报名表和那一个视频。",
    Remedy.SEND_FORM: "把报名表（Word 文档，.docx）和视频一起寄来，两个文件用同样的名字。",
    Remedy.SEND_VIDEO: "把视频（MP4）和报名表一起寄来，两个文件用同样的名字；请等附件传完再发送。",
    Remedy.FORM_FILE: "用 Word 或 WPS 打开通知所附的报名表，重新填写，另存为 .docx（不加密）。",
    Remedy.FORM: "按上面所列改好报名表，另存为 .docx。",
    Remedy.MP4: "用剪辑软件把视频导出为 MP4（只改文件名的后缀不行）。",
    Remedy.VIDEO_FILE: "先确认原片能从头播到尾，再重新导出为 MP4（H.264 编码），等附件传完再发送。",
    Remedy.SIZE: "在剪辑软件里把画面设为 {sizes} 重新导出；请不要用聊天软件转发，它会压缩画面。",
    Remedy.LENGTH: "把作品剪到规定的时长以内，重新导出。",
    Remedy.SAME_VIDEO: "如果只是重复投稿，不用再寄；如果想更正报名表或换成另一段视频，请回信说明。",
    Remedy.SEND_AGAIN: "这次是我们没能读出附件，麻烦把两个文件再发一次。",
    Remedy.WHICH_LENGTH: "请确认寄来的是不是完整的最终版；如果是，回信说一声即可，时长以视频为准。",
    Remedy.SILENT: "如果作品本来就没有声音，回信说一声即可；如果导出时漏了，请把有声音的版本寄来。",
    Remedy.WHICH_TITLE: "请回信告诉我们作品名称以哪一个为准。",
    Remedy.WHICH_AUTHOR: "请回信告诉我们作者署名以哪一个为准。",
    Remedy.WHICH_CATEGORY: "请回信确认作品类型：只要用了 AI 生成的画面，就可能属于 AI 创作。",
    Remedy.WHICH_WORK: "请回信告诉我们：这是替换上一次的投稿，还是另一件作品？",
}


def reply(verdict: Verdict, contest: str, organizer: str, sizes: Sequence[tuple[int, int]]) -> str:
    """The text for one submission; '' when there is nothing to write."""
    if isinstance(verdict, Refused):
        return _refusal(verdict, contest, organizer, sizes)
    if isinstance(verdict, Doubtful) and _asked(verdict.doubts, sizes):
        return _question(verdict, contest, organizer, sizes)
    return ""


def _refusal(
    verdict: Refused, contest: str, organizer: str, sizes: Sequence[tuple[int, int]]
) -> str:
    lines = [
        "您好！",
        "",
        f"感谢您参加{contest}。您寄来的“{verdict.name}”我们收到了，但是还不能收下：",
        *_numbered(finding.sentence for finding in verdict.reasons),
        "",
        "请您：",
        *_numbered(_asked(verdict.reasons, sizes)),
    ]
    if any(finding.remedy is not Remedy.SAME_VIDEO for finding in verdict.reasons):
        lines += ["", "改好以后，请在征集截止前把视频和报名表放在同一封邮件里重新寄来。"]
    return "\n".join((*lines, "有疑问请直接回复这封邮件。谢谢！", "", organizer))


def _question(
    verdict: Doubtful, contest: str, organizer: str, sizes: Sequence[tuple[int, int]]
) -> str:
    doubts = [finding for finding in verdict.doubts if finding.remedy in _ASKED]
    lines = [
        "您好！",
        "",
        f"感谢您参加{contest}。您的作品《{verdict.draft.title}》已经收下，还有一点想请您确认：",
        *_numbered(finding.sentence for finding in doubts),
        "",
        "请您：",
        *_numbered(_asked(doubts, sizes)),
        "",
        "直接回复这封邮件即可。谢谢！",
    ]
    return "\n".join((*lines, "", organizer))


def _asked(findings: Sequence[Finding], sizes: Sequence[tuple[int, int]]) -> list[str]:
    remedies = dict.fromkeys(finding.remedy for finding in findings if finding.remedy in _ASKED)
    wanted = " 或 ".join(f"{width}×{height}" for width, height in sizes)
    return [_ASKED[remedy].format(sizes=wanted) for remedy in remedies]


def _numbered(sentences: Iterable[str]) -> list[str]:
    ended = [one if one.endswith(("。", "？")) else f"{one}。" for one in sentences]
    return ended if len(ended) == 1 else [f"{n}. {one}" for n, one in enumerate(ended, start=1)]
