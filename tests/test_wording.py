"""What WeChat punishes is found, its opposite isn't, and our own texts are clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from voting.cli.texts import flaws_in, public_files
from voting.settings import ROOT
from voting.wording.reading import texts_of
from voting.wording.rules import (
    CHANCES,
    COUNTED,
    FOLLOW,
    FORCE,
    HELPERS,
    REWARD,
    RULES,
    UNLOCK,
    VOTE_REWARD,
    Rule,
    flaws,
)

BAD = [
    (REWARD, "转发到朋友圈，领取现金红包"),
    (REWARD, "分享给三位好友即可获得抽奖机会"),
    (REWARD, "分享一次加2票，每天最多加十票"),
    (REWARD, "邀请好友来投票，双方各得 50 积分"),
    (REWARD, "把作品发到家长群，截图可换礼品"),
    (REWARD, "奖品丰厚！转发就有机会"),
    (REWARD, "转 发 抽 奖"),
    (REWARD, "转发额外获得一次投票机会"),
    (REWARD, "晒到朋友圈送话费"),
    (REWARD, "不要错过，转发有奖"),
    (REWARD, "转发朋友圈赢手机"),
    (REWARD, "分享就送"),
    (REWARD, "邀请3人可多投一票"),
    (REWARD, "拉好友投票，送话费"),
    (VOTE_REWARD, "参与投票抽大奖"),
    (VOTE_REWARD, "每投一票可获得 10 积分"),
    (VOTE_REWARD, "有奖投票火热进行中"),
    (VOTE_REWARD, "投票后即可抽取泉城礼包"),
    (FOLLOW, "关注“智慧山东”公众号后才能投票"),
    (FOLLOW, "请先关注我们，再参与投票"),
    (FOLLOW, "投票前请先关注公众号"),
    (FOLLOW, "关注后即可查看完整视频"),
    (FOLLOW, "未关注公众号的用户不能投票"),
    (FOLLOW, "取消关注后，已投的票作废"),
    (FOLLOW, "长按识别二维码关注后投票"),
    (FOLLOW, "关注公众号，回复“投票”参与"),
    (UNLOCK, "分享后可见排行"),
    (UNLOCK, "点右上角分享给好友，马上解锁隐藏作品"),
    (UNLOCK, "转发到微信群后才能查看结果"),
    (UNLOCK, "查看完整视频需先分享"),
    (UNLOCK, "分享到朋友圈解锁更多作品"),
    (UNLOCK, "不转发就看不到名次"),
    (HELPERS, "集 38 个赞就能领票"),
    (HELPERS, "集齐20个赞"),
    (HELPERS, "请好友帮我助力"),
    (HELPERS, "邀请朋友助力，助力值满 100 上榜"),
    (HELPERS, "帮我砍一刀"),
    (HELPERS, "朋友圈点赞满五十个赞"),
    (FORCE, "不转不是山东人"),
    (FORCE, "是济南人就转起来"),
    (FORCE, "全体师生务必转发到朋友圈"),
    (FORCE, "没转发的班级通报批评"),
    (FORCE, "今天的转发任务请各单位完成"),
    (FORCE, "请全校同学转发，否则扣德育分"),
    (FORCE, "各班不少于30人转发"),
    (FORCE, "分享出去，好运连连"),
    (CHANCES, "分享能让您的作品排名更靠前"),
    (CHANCES, "分享越多，获奖机会越大"),
    (CHANCES, "转发可提高作品排名"),
    (CHANCES, "多转发，多得票"),
    (CHANCES, "想增加中奖几率就快分享"),
    (COUNTED, "分享次数计入总分"),
    (COUNTED, "转发排行榜前三名"),
    (COUNTED, "我们会统计您的转发，分享10次封顶"),
]

GOOD = [
    "打开作品，按“投一票”。不需要注册、关注或转发，投出的票不能更改。",
    "投票没有任何奖励。",
    "任何单位、学校不得要求职工、学生投票，不得按投票情况打分、排名或奖惩。",
    "喜欢就转给朋友看看",
    "长按图片保存或转发",
    "海报与链接",
    "关注城市变化，投出您的一票",
    "镜头关注老人的数字生活，也关注孩子的课堂",
    "按票数从多到少排名，前 10 名获网络人气奖。",
    "获奖作品将在投票结束后公布，获奖者凭报名表领取证书",
    "投票时请关注截止时间",
    "投票前请关注规则的变化",
    "关注公众号可以收到结果通知，不影响投票",
    "每人每天可投 5 票，转发不加票",
    "转发这个链接，朋友打开就能看到这件作品",
    "红包雨的年代，我们回到了一封家书",
    "孙女帮我砍柴",
    "数据助力乡村振兴",
    "科技为生活助力，AI 为城市添彩",
    "分享次数与票数无关",
    "转发和分享不会增加票数，也不影响名次",
    "不统计分享次数，也没有转发排行榜",
    "无需关注公众号即可投票",
    "投票不抽奖、不送礼品，请勿相信“转发领红包”",
    "凡要求转发才能投票的都是假冒链接，请举报",
    "不用下载，不用关注，扫码观看作品",
    "扫码观看作品",
    "喜欢就投它一票",
    "分享身边的智慧生活",
    "作者愿意分享拍摄的经过，欢迎观看",
    "今天还能投 3 票",
    "投票结束后公布票数和名次。",
    "主办单位不组织抽奖，转发不附带任何好处",
    "大赛动态见公众号“智慧山东”",
    "从哪张海报或链接来（链接里带来源代码时才有）",
    "奶奶学会了用手机领养老金，还教会了邻居",
    "一张社保卡，积分、借书、乘车都能用",
    "外卖小哥的一天：点赞每一位赶路人",
    "把照片发到群里，爸妈打开就能看到",
    "分享快乐，记录成长",
    "查实用红包拉票的，取消参赛资格",
]


@pytest.mark.parametrize(("rule", "sentence"), BAD, ids=[words for _, words in BAD])
def test_what_is_punished_is_found(rule: Rule, sentence: str):
    assert rule in [flaw.rule for flaw in flaws(sentence)]


@pytest.mark.parametrize("sentence", GOOD)
def test_what_is_harmless_or_says_the_opposite_passes(sentence: str):
    assert [(flaw.words, flaw.rule.name) for flaw in flaws(sentence)] == []


def test_every_rule_is_tried_and_says_why_and_what_instead():
    assert {rule.name for rule, _ in BAD} == {rule.name for rule in RULES}
    assert all(rule.why and rule.instead for rule in RULES)


def test_what_is_suggested_instead_passes():
    for rule in RULES:
        assert list(flaws(rule.instead.partition("，例如")[2] or rule.instead)) == [], rule.name


def test_a_flaw_says_where_it_stands_in_the_text_as_written():
    (flaw,) = flaws("看 作 品。\n转 发 送 红 包")
    assert (flaw.at, flaw.words) == (7, "转 发 送 红 包")


def found_in(name: str, content: str) -> list[tuple[int, str]]:
    return list(texts_of(name, content))


def test_of_a_template_the_sentences_are_read_and_what_is_for_us_isn_t():
    page = """{# 转发有奖 #}
<html><head><meta name="description" content="看作品"><style>/* 转发 */</style></head>
<p>转发<b>三次</b>，
  领<i>{{ "红包" if rich else "积分" }}</i></p>
<p>{% if open %}今天{% else %}明天{% endif %}投票 {{ n }} 张<!-- 集赞 --></p>"""
    assert found_in("page.html", page) == [
        (2, "看作品"),
        (3, "转发三次，   领红包，积分"),
        (5, "今天，明天投票 〇 张"),
    ]


def test_of_a_script_the_strings_are_read_put_together_as_they_are_shown():
    script = """// 转发有奖
var a = '转发' + n + '次'; /* 集赞 */
tell("送红包", 'x');"""
    assert found_in("a.js", script) == [(2, "转发〇次"), (3, "送红包")]


def test_of_python_the_strings_are_read_without_the_docstrings():
    code = '"""转发有奖"""\nA = "扫码"  # 集赞\n\ndef f(n: int) -> str:\n    return f"转发{n}次"\n'
    assert found_in("a.py", code) == [(2, "扫码"), (5, "转发〇次")]


def test_of_contest_toml_the_values_are_read_with_their_lines():
    toml = '# 转发有奖\n[texts]\n# 一句话\ntagline = "转发有奖"\ncities = ["济南"]\n'
    assert found_in("contest.toml", toml) == [(4, "转发有奖"), (5, "济南")]


def test_nothing_else_is_read():
    assert found_in("poster.jpg", "转发有奖") == []


FILES = [*public_files(), ROOT / "config" / "contest.toml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_our_own_texts_are_clean(file: Path):
    found = [f"{line}: {flaw.words} ({flaw.rule.name})" for line, flaw in flaws_in(file)]
    assert found == []


def test_the_public_s_files_are_among_those_that_are_read():
    names = {str(file.relative_to(ROOT)) for file in FILES}
    assert {"templates/rules/index.html", "static/entry.js", "voting/web/ballot.py"} <= names
    assert not any("organizer" in name for name in names)
