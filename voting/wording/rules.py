"""The sentences for which WeChat stops a link, blocks a domain or closes the share interface.

Its rules for external links (in force since 2019-10-28) forbid rewards for sharing, promises that
sharing raises one's chances, tasks of collecting likes or helpers, forced sharing, and misleading
QR codes; the notice of 2014-12-30 forbids hiding something until it is shared or an account is
followed. A machine can't read, so this looks for words that stand together, and lets pass what says
the opposite ("不需要关注或转发"). It errs on the side of asking a person.
https://weixin.qq.com/cgi-bin/readtemplate?t=weixin_external_links_content_management_specification
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is punished: its name, why, and what may be written instead.

    `patterns` are forgiven when the text says the opposite; `insistent` ones never are, because
    their own "no" is the threat.
    """

    name: str
    why: str
    instead: str
    patterns: tuple[str, ...] = ()
    insistent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flaw:
    """Words that break a rule, and where they begin in the text."""

    at: int
    words: str
    rule: Rule


_SOME = r"[^。！？；!?;\n]"
_SHARE = (
    r"(?:转发|分享|转给|转到|扩散|(?:发|晒)到?(?:朋友圈|微信群|群里|家长群|同学群|好友)"
    r"|邀请[^，。！？；\n]{0,4}?(?:好友|朋友|亲友|新人|同学|同事|人)|拉新|拉人|拉(?:好友|朋友|亲友|同学|同事))"
)
_GIFT = (
    r"(?:红包|现金|返现|提现|奖品|奖金|礼品|礼物|礼包|大礼|好礼|抽奖|抽大奖|大奖|中奖|领奖|奖励|有奖"
    r"|积分|金币|优惠券|代金券|兑换券|话费|流量包|免单|福利|会员"
    r"|加[0-9一二两三四五六七八九十几]*票|送[0-9一二两三四五六七八九十几]*票"
    r"|多投[0-9一二两三四五六七八九十几]*[票次]"
    r"|(?:额外|多得|多一次|增加|再得|获得|赠送)[^，。！？；\n]{0,4}(?:票|投票机会|投票次数))"
)
_NOW = r"(?:后|完|才|方可|即可|就能|就可|便可|之后|以后|成功|再)"
_ACCOUNT = (
    r"(?:关注(?:一下)?(?:[^，。！？；\n]{0,12}?(?:公众号|服务号|订阅号|视频号|小程序|账号|微博|抖音号)"
    r"|我们|官方|官微|组委会|主办方|[“「@][^，。！？；\n]{1,14}[”」]?"
    rf"|(?=并|，|、|{_NOW}))|订阅(?:公众号|我们|本号))"
)
_ACT = r"(?:投票|投一票|投出|参与|参加|观看|查看|看结果|看全部|领取|报名|有效)"
_FRIENDS = r"(?:朋友|好友|亲友|对方|家人|别人|更多人|大家)"

REWARD = Rule(
    "用好处换分享",
    "用红包、奖品、抽奖、积分、加票引人分享，是微信明文禁止的诱导分享",
    "删去好处，只说内容，例如“喜欢就转给朋友看看”",
    (
        rf"{_SHARE}{_SOME}{{0,16}}?{_GIFT}",
        rf"{_GIFT}{_SOME}{{0,10}}?{_SHARE}",
        rf"{_SHARE}[^，。！？；\n]{{0,4}}?有(?:机会|礼|奖|惊喜)",
        rf"{_SHARE}[^，。！？；\n]{{0,4}}?(?:(?:就|即可|就能|就可|可以|立即)(?:送|领|抽|赢|赚|得)|赢(?!得))",
    ),
)
VOTE_REWARD = Rule(
    "用好处换投票",
    "有奖投票、投票抽奖引来刷票和投诉，微信按投诉处理链接",
    "写“投票没有任何奖励”",
    (
        r"(?:投票|投一票|每投)[^，。！？；\n]{0,8}?(?:抽奖|抽大奖|红包|礼品|礼物|礼包|好礼|奖品|积分"
        r"|优惠券|代金券|话费|返现|赢大奖|赢好礼|中奖|有奖)",
        r"(?:投票|投一票)，?(?:还|就|即)?(?:能|可|可以)?(?:抽|领|赢)",
        r"有奖投票|抽奖投票|投票送",
    ),
)
FOLLOW = Rule(
    "先关注才能投票",
    "用投票、观看来换关注，2014 年底起被处理，先停三十天，再犯永久",
    "去掉关注的要求；可以另写“大赛动态见公众号”",
    (
        rf"{_ACCOUNT}{_SOME}{{0,10}}?{_ACT}",
        rf"关注(?:一下)?{_NOW}[^，。！？；\n]{{0,6}}?{_ACT}",
        rf"(?:投票|参与|参加|观看|查看){_SOME}{{0,6}}?(?:需要?|须|必须|请|要|应|前){_SOME}{{0,4}}?"
        r"先?(?:关注|订阅)(?=[^，。！？；\n]{0,12}?号|[“「@，。！？；\n]|我们|官方|一下|$)",
    ),
    (
        r"(?:不|没有?|未|未曾)关注[^。！？；\n]{0,12}?(?:不能|无法|不可|不得|不给|无效|作废|不算|没有)",
        r"(?:取关|取消关注)[^。！？；\n]{0,8}?(?:扣|作废|无效|清零|失效|收回)",
    ),
)
UNLOCK = Rule(
    "分享以后才能看",
    "把内容藏起来，分享后才可见、才能投，是诱导分享",
    "内容直接放出来，分享放在最后，随人愿意",
    (
        rf"{_SHARE}[^，。！？；\n]{{0,8}}?{_NOW}(?!{_FRIENDS})[^。！？；\n]{{0,8}}?"
        r"(?:可见|查看|观看|看到|看全|看完整|看结果|解锁|显示|投票|继续|揭晓|下载|播放|进入|打开|参与)",
        rf"解锁{_SOME}{{0,10}}?{_SHARE}|{_SHARE}{_SOME}{{0,8}}?解锁",
        rf"(?:查看|观看|投票|看结果)[^，。！？；\n]{{0,6}}?(?:需要?|须|必须|请|要)先?{_SHARE}",
    ),
    (
        rf"(?:不|没有?|未){_SHARE}[^。！？；\n]{{0,10}}?"
        r"(?:不能|无法|不可|不得|看不|投不|不给|不显示|无效|作废|没有)",
    ),
)
HELPERS = Rule(
    "集赞、助力、砍价",
    "集赞、好友助力、砍价一类的任务被列为诱导分享",
    "请人看作品；投不投由看的人自己决定",
    (
        r"集[齐满]?[0-9一二两三四五六七八九十百]*个?赞|积赞|攒赞|求赞|[满够][0-9一二两三四五六七八九十百]+个?赞|赞满",
        r"砍价|砍一刀|帮[我他她]?砍(?:一?下|[，。！]|$)",
        r"(?:好友|朋友|亲友|邀请|请人|找人|帮[我你他她忙]|为[我他她]|给[我他她])"
        r"[^，。！？；\n]{0,6}?助力|助力(?:值|榜|成功|人数|次数|满|得|拿|领|免费|一下|一把)",
        r"[0-9一二两三四五六七八九十]+[人位名次]助力",
    ),
)
FORCE = Rule(
    "强迫分享",
    "胁迫、煽动用户转发，或把转发派成任务，被列为违规",
    "改成邀请，例如“欢迎观看”",
    (
        rf"(?:必须|务必|一定要|强制|要求|限时|每人(?:至少)?|全员|全体[^，。！？；\n]{{0,6}}?){_SOME}{{0,6}}?"
        r"(?:转发|分享|发朋友圈)",
        r"(?:转发|分享)任务|转疯了|求(?:转发|扩散|转)|(?:速转|火速转|跪求)",
        r"是[^，。！？；\n]{1,8}(?:人|员|粉|家长|同学|市民)就(?:请|来|要|都)?(?:转|赞|分享|投)",
        r"(?:转|转发|分享)[^。！？；\n]{0,8}?(?:好运连连|行大运|转运|保佑|一生平安|发大财)",
        r"不(?:得)?少于[^，。！？；\n]{0,8}?(?:转发|分享)",
    ),
    (
        r"不(?:转发?|分享)(?:就)?(?:不是|不算|没|死|倒霉|亏|后悔|对不起|枉)",
        r"(?:转发|分享)[^。！？；\n]{0,4}?(?:否则|不然)",
        r"(?:不|没有?|未)(?:转发?|分享)[^。！？；\n]{0,8}?(?:扣分|处罚|批评|通报|后果|考核|约谈)",
    ),
)
CHANCES = Rule(
    "说分享能提高机会",
    "声称分享能增加票数、名次或获奖、中奖的机会，被明文禁止",
    "写“票数只看投票，分享不影响名次”，或者什么也不写",
    (
        rf"{_SHARE}{_SOME}{{0,14}}?"
        r"(?:提高|增加|提升|加大|增大|更大|越大|越高|翻倍|双倍|更高|更多票|靠前|上升|上涨|冲榜|上榜)",
        rf"(?:提高|增加|提升|加大|增大)(?:中奖|获奖|当选|得票|票数|名次|排名|人气){_SOME}{{0,10}}?{_SHARE}",
        r"多(?:转发|分享)，?多(?:得|中|拿|投|一)",
    ),
)
COUNTED = Rule(
    "统计分享、按分享排名",
    "按分享次数计分、排名或派发资格，就是奖励分享；微信也不再告诉网页是否真的分享了",
    "去掉分享的次数和排名",
    (
        r"(?:转发|分享)(?:次数|总?量|总?数|人数|排行|榜|之王|王|达人|任务|积分|满[0-9一二三五十百]"
        r"|达到?[0-9一二三五十百]|[0-9一二三五十百]+[次个人](?!小时|分钟|天))",
        r"(?:统计|计算|累计|记录)[^，。！？；\n]{0,4}?(?:转发|分享)",
    ),
)
RULES = (REWARD, VOTE_REWARD, FOLLOW, UNLOCK, HELPERS, FORCE, CHANCES, COUNTED)

#: Who says so before the words, or within them, says the opposite …
_NOT_BEFORE = re.compile(
    r"不(?:需|必|用|要|因|会|得|能|可|准|许|是|以|按|靠|设|看|计|记|搞|抽|送|给|赠|加|换|提供|鼓励|组织"
    r"|举办|发放|统计|影响|改变|增加|提高|附带)|无需|无须|毋须|禁止|严禁|勿|绝不|从不|并不|并非|没有|无关|拒绝"
    r"|(?<![识特级分性区个告辨类鉴])别(?!人|的|处)|谨防|警惕|当心|举报|凡是|凡要求|假冒"
)
#: … unless it is one of these, which say no such thing.
_YET = re.compile(
    r"不要错过|不容错过|别错过|不能错过|不可错过|不要犹豫|别犹豫|不要忘记?|别忘了?|不得不|不用花钱|没有门槛"
)
_NOT_AFTER = re.compile(
    r"[^，。！？；\n]{0,10}?(?:无关|不影响|不计|不算|不会|不作数|不增加|不改变|不能改变|没有(?:任何|什么|关系|奖)|都?是假|是骗|诈骗"
    r"|请举报|即属违规|属于违规|一律|查实)"
)
_PAUSES = re.compile(r"[，。！？；：,!?;\n]")
#: How far before the words a "no" may stand.
_REACH = 12


def flaws(text: str) -> Iterator[Flaw]:
    """What WeChat would punish in `text`, by rule; at most one finding for each rule and place."""
    plain, places = _compact(text)
    for rule in RULES:
        end = 0
        for found in sorted(_found(rule, plain), key=lambda one: one.start()):
            if found.start() >= end:
                end = found.end()
                first, last = places[found.start()], places[found.end() - 1]
                yield Flaw(first, text[first : last + 1], rule)


def _found(rule: Rule, plain: str) -> Iterator[re.Match[str]]:
    for pattern in rule.insistent:
        yield from re.finditer(pattern, plain)
    for pattern in rule.patterns:
        for found in re.finditer(pattern, plain):
            if not _says_no(plain, found):
                yield found


def _says_no(plain: str, found: re.Match[str]) -> bool:
    before = _PAUSES.split(plain[max(0, found.start() - _REACH) : found.start()])[-1]
    said = _YET.sub("", before + found[0])
    return bool(_NOT_BEFORE.search(said) or _NOT_AFTER.match(plain, found.end()))


def _compact(text: str) -> tuple[str, list[int]]:
    """The text without spaces, its full-width letters plain; and where each character stood."""
    kept = [(n, one) for n, one in enumerate(text) if one == "\n" or not one.isspace()]
    plain = "".join(_half(one) for _, one in kept)
    return plain, [n for n, _ in kept]


def _half(one: str) -> str:
    digit_or_letter = "０" <= one <= "９" or "Ａ" <= one <= "ｚ"
    return chr(ord(one) - 0xFEE0) if digit_or_letter else {",": "，", ";": "；"}.get(one, one)
