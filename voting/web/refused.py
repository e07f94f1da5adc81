"""Why votes are refused, in organizers' words: what it is, and whether anything is to be done.

What the voter reads stands beside it, and is written in ballot.ANSWERS or where it is raised.
"""

from __future__ import annotations

from dataclasses import dataclass

from voting.contest import Verdict


@dataclass(frozen=True, slots=True)
class Reason:
    """`odd`: not what honest visitors do in numbers, so worth a look when there are many.
    `passing`: the page goes on by itself, so that nobody was turned away."""

    word: str
    meaning: str
    odd: bool = False
    passing: bool = False


REASONS = {
    Verdict.NOT_OPEN.value: Reason("还没开始", "开始之前有人想投，正常。"),
    Verdict.PAUSED.value: Reason("暂停中", "暂停期间有人想投；恢复后可以接着投。"),
    Verdict.CLOSED.value: Reason("已经结束", "截止之后有人想投，正常。"),
    Verdict.UNKNOWN_ENTRY.value: Reason(
        "没有这个编号", "编号输错或链接不完整；多了可能是在试探。", True
    ),
    Verdict.ENTRY_NOT_VOTABLE.value: Reason("作品已撤下", "页面打开以后作品撤下了。"),
    "withdrawn": Reason("作品已撤下（领凭证时）", "旧链接或旧海报指向已撤下的作品。"),
    Verdict.ALREADY_VOTED.value: Reason(
        "已投过这件作品", "同一个人又点了一次，正常，没有重复计票。"
    ),
    Verdict.QUOTA_USED.value: Reason("票已投完", "当期的票用完了还想投，正常。"),
    Verdict.PASS_REQUIRED.value: Reason(
        "没有投票凭证", "浏览器不收 Cookie，或不是用浏览器投的。", True
    ),
    Verdict.WECHAT_REQUIRED.value: Reason(
        "要在微信里投", "这次只收微信登录的票，而页面不是在微信里打开的。"
    ),
    Verdict.BALLOT_INVALID.value: Reason(
        "选票无法识别", "选票不是本站发的，或被改动过；多了就是有人在伪造。", True
    ),
    Verdict.BALLOT_EXPIRED.value: Reason("选票过期", "作品页打开超过半小时才投，刷新即可。"),
    Verdict.FOREIGN_BALLOT.value: Reason(
        "选票不是发给本人的", "拿别人或别的作品的选票来投；多了就是有人在试探。", True
    ),
    "too_many_requests": Reason("请求太密集", "同一网络每秒的投票请求超过上限，多半是机器。", True),
    Verdict.TOO_EARLY.value: Reason(
        "页面刚打开就投",
        "打开不到一秒：手机会等满一秒自己再投，不算失败；多了就是程序在投。",
        odd=True,
        passing=True,
    ),
    "challenge_required": Reason(
        "先做了确认",
        "同一网络新来的人多，手机算完一道题会自己接着投，不算失败。",
        passing=True,
    ),
    "challenge_wrong": Reason(
        "确认没有通过",
        "答案不对、过期，或是别的页面的；偶尔是手机太慢，多了就是程序在反复用同一个答案。",
        True,
    ),
    "too_many_passes": Reason(
        "新投票人太多",
        "同一网络一小时里新来的人太多：可能是校园、单位共用出口（请登记这个网络），也可能是刷票。",
        True,
    ),
    "too_many_sign_ins": Reason(
        "微信登录太多", "同一网络一下子有太多人用微信登录，或是程序在试假的登录码。", True
    ),
    "form_refused": Reason(
        "填了看不见的格子", "不用脚本的投票页上有一格人看不到，只有程序会填。", True
    ),
    "sign_in_again": Reason(
        "微信登录链接用过了", "登录页被刷新，或退回去又打开；再点一次“投一票”即可。"
    ),
    "sign_in_away": Reason(
        "微信没有应答", "向微信核对身份时超时、出错或超出调用次数；原因在服务器的日志里。", True
    ),
    "sign_in_snapshot": Reason(
        "微信快照页", "页面是微信做的快照，拿不到真实身份；页面已提示点“使用完整服务”。"
    ),
    "no_wechat": Reason("没有接公众号", "有人想用微信登录，但网站没有接公众号。"),
    "foreign_site": Reason("不是从本站页面投的", "别的网站的页面想借访客的手投票。", True),
    "form_expired": Reason("页面放得太久", "不用脚本的投票页超过时限，重新点一次即可。"),
    "store_unavailable": Reason(
        "投票服务连不上", "票数据库当时连不上；手机会自动重试，票不丢也不重复。", True
    ),
    "bad_request": Reason("请求不完整", "不是本站页面发出的写法，多半是程序。", True),
    "unsupported_media_type": Reason("请求格式不对", "不是本站页面发出的写法，多半是程序。", True),
    "too_large": Reason("内容太大", "不是本站页面发出的写法，多半是程序。", True),
    "internal_error": Reason("网站自己出错", "请把服务器上的日志交给技术人员看。", True),
}


def reason_of(code: str) -> Reason:
    """Also for a code that another release counted."""
    return REASONS.get(code) or Reason(code, "")
