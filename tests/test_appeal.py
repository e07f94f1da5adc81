"""Tickets, what is kept of an appeal's text, and what in it would tell who wrote it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voting.appeal import (
    About,
    Appeal,
    State,
    cleaned,
    contact_in,
    digest_of,
    new_ticket,
    read,
    read_ticket,
    write,
)


def test_a_ticket_can_t_be_guessed_and_has_no_letters_that_look_alike():
    tickets = {new_ticket() for _ in range(2_000)}
    assert len(tickets) == 2_000
    letters = set("".join(tickets)) - {"-"}
    assert len(next(iter(tickets)).replace("-", "")) * math.log2(len(letters)) >= 80
    for alike in ("0OQD", "1IL", "2Z", "5S", "8B", "UV", "6G"):
        assert len(letters & set(alike)) <= 1, alike


def test_a_ticket_is_read_however_somebody_copied_it():
    ticket = new_ticket()
    wide = "".join(chr(ord(one) + 0xFEE0) for one in ticket)
    for written in (ticket, ticket.lower(), ticket.replace("-", " "), ticket.replace("-", ""),
                    f"  {ticket}\n", ticket.replace("-", "—"), wide):  # fmt: skip
        assert read_ticket(written) == ticket
    for wrong in ("", "K7QM", ticket[:-1], f"{ticket}A", ticket.replace(ticket[0], "0"), "票" * 20,
                  "A" * 10_000, "../" * 7):  # fmt: skip
        assert read_ticket(wrong) == ""


@given(st.text())
def test_whatever_is_typed_reads_as_a_ticket_or_as_nothing(written: str):
    assert read_ticket(written) in ("", read_ticket(read_ticket(written)))


def test_a_ticket_is_known_by_its_digest_only():
    ticket = new_ticket()
    assert len(digest_of(ticket)) == 64
    assert ticket not in write(Appeal(1, 0, digest_of(ticket), About(7), "为什么"))


def test_an_appeal_is_read_as_it_was_written():
    one = Appeal(3, 1_760_000_000_000, "d" * 64, About(0, 20_400, "one_address"), "“为什么”\n<b>",
                 State.ANSWERED, "因为", 1_760_000_100_000, published=True)  # fmt: skip
    assert read(write(one)) == one
    assert read(write(one).encode()) == one


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  为什么\r\n\r\n\r\n\r\n少了票  \r", "为什么\n\n少了票"),
        ("a\u202eb\u2066c\u200bd\ufeffe\u00adf", "abcdef"),
        ("x\x00y\x07z\x1b[31m", "xyz[31m"),
        ("空\u3000格\t和\u00a0格", "空 格 和 格"),
        ("e\u0301", "é"),
        ("一\u2028二\u2029三", "一\n二\n三"),
        ("\u3164\u115f\u2800", ""),
        ("a" + "\u0335\u0336\u0337" * 50 + "b", "a\u0335b"),
        ("\ud800好\ue000", "好"),
        ("👍 好 👨\u200d👩\u200d👧", "👍 好 👨👩👧"),
    ],
)
def test_what_can_t_be_seen_isn_t_kept(typed: str, kept: str):
    assert cleaned(typed) == kept


@given(st.text())
def test_a_clean_text_stays_as_it_is_and_can_be_sent(typed: str):
    once = cleaned(typed)
    assert cleaned(once) == once
    once.encode()
    assert not set(once) & set("\x00\r\u202e\u200b")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("请打 13812345678 找我", "手机号"),
        ("电话138-1234-5678", "手机号"),
        ("电话 138 1234 5678。", "手机号"),
        ("１３８１２３４５６７８", "手机号"),
        ("①③⑧①②③④⑤⑥⑦⑧", "手机号"),
        ("一三八一二三四五六七八", "手机号"),
        ("幺三八,幺二三四,五六七八", "手机号"),
        ("壹叁捌壹贰叁肆伍陆柒捌", "手机号"),
        ("1.3.8.1.2.3.4.5.6.7.8", "手机号"),
        ("+86 13812345678", "手机号"),
        ("座机0531-82921234", "电话号码"),
        ("400-800-1234", "电话号码"),
        ("身份证 370102199001011234", "身份证号"),
        ("37010219900101123X", "身份证号"),
        ("邮箱 wang.xm@example.com", "邮箱"),
        ("wang＠example．com", "邮箱"),
        ("wang (at) example.cn", "邮箱"),
        ("微信号：wang_xm01", "微信号或 QQ 号"),
        ("加微信: wangxm88", "微信号或 QQ 号"),
        ("vx：abc12345", "微信号或 QQ 号"),
        ("WX abc12345", "微信号或 QQ 号"),
        ("wxid_abc123def456", "微信号或 QQ 号"),
        ("QQ 123456789", "微信号或 QQ 号"),
        ("我的扣扣是 12345678", "微信号或 QQ 号"),
    ],
)
def test_what_tells_who_wrote_it_is_noticed(text: str, what: str):
    assert contact_in(text) == what


@pytest.mark.parametrize(
    "text",
    [
        "2025-10-03 18:00 到 20:00 之间，007 号作品从 1,345 票掉到 1,205 票，为什么？",
        "10月3日作废的 128 票里有我们班同学投的，都是真人",
        "我们学校共用一个网络，3000 多人 2025年10月1日到7日投的",
        "在微信里投的票也会被移除吗？用微信 Android 版投的。",
        "微信登录以后投了 5 票，是不是全都算？",
        "排名 13 变成 15，差 380 票；12 号和 13 号作品呢",
        "视频 1920x1080，时长 118 秒，上传编号 20251003001",
        "一二三四五六七，七六五四三二一",
        "规则第 2 版 2025年8月1日 09:00 起，8月15日 24:00 截止",
        "校验码 3f2a9c0175 对不上",
        "",
    ],
)
def test_an_ordinary_question_is_not_taken_for_an_address(text: str):
    assert contact_in(text) == ""


def test_a_thousand_strange_letters_are_looked_through_at_once():
    """No pattern may walk back and forth over a text made for it."""
    for strange in ("1 " * 500, "1-3-" * 250, "a@" * 500, "微信" * 500, "0" * 1_000, "wx " * 333):
        assert contact_in(strange) in ("", "手机号", "电话号码", "微信号或 QQ 号")
