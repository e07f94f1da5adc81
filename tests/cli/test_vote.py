"""`flask vote …`: every step from a terminal, told in a sentence, asked about where it counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click
import pytest
from casting import looked_at
from flask import Flask
from people import Town
from staging import build_open, rewritten

from cli.test_commands import refused, run, said
from voting.cli.vote import vote
from voting.contest import SHANGHAI, Phase, Step
from voting.store import keys
from voting.store.log import COMMAND_LINE, Kind
from voting.web.site import Site

WHY = ("--reason", "组委会决定")


def later(days: int) -> str:
    return (datetime.now(SHANGHAI) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


def test_every_step_has_a_command_with_help_in_chinese():
    assert {step.value for step in Step} <= set(vote.commands)
    for command in vote.commands.values():
        assert isinstance(command, click.Command)
        assert any("一" <= letter <= "鿿" for letter in command.help or "")


def test_the_whole_way_from_an_open_vote_to_a_result_and_back(
    app: Flask, site: Site, town: Town
):
    for entry in (1, 1, 2):
        town.visitor().vote(entry)
    assert said(app, "vote", "status").startswith("投票正在进行。\n开始 ")
    assert "投票已结束（规则第 2 版）" in said(app, "vote", "close", "--yes", *WHY)
    assert "已开始核对" in said(app, "vote", "under-review", *WHY)
    listed = said(app, "vote", "result")
    assert "  1  001  2 票  一件事一次办的早晨  获奖" in listed
    assert "有效票 3，投票人 3。" in listed
    assert "不计入：014 号作品（已撤下） 0 票，版权争议" in listed
    assert site.store.results.latest() is None
    looked_at(site.store)
    assert said(app, "vote", "publish", "--yes", *WHY).endswith("结果第 1 版已公布。\n")
    assert site.store.results.latest().by == COMMAND_LINE
    assert "公布的结果是第 1 版" in said(app, "vote", "status")
    assert said(app, "vote", "unpublish", *WHY) == "结果已撤回。\n"
    assert said(app, "vote", "take-back", *WHY) == "已撤回核对。\n"
    assert "投票延长到" in said(app, "vote", "extend", "--at", later(3), *WHY)
    assert site.store.rules.phase() is Phase.OPEN
    assert [act.kind for act in site.store.log.all()][-6:] == [
        Kind.RULES, Kind.UNDER_REVIEW, Kind.PUBLISH, Kind.UNPUBLISH, Kind.TAKE_BACK, Kind.RULES,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words", [("close", *WHY), ("publish", *WHY)], ids=["close", "publish"]
)
def test_who_doesn_t_say_yes_changes_nothing(app: Flask, site: Site, words: tuple[str, ...]):
    if words[0] == "publish":
        site.store.rules.close("提前")
        site.store.rules.begin_review("核对")
    before = site.store.rules.phase()
    result = run(app, "vote", *words)
    assert result.exit_code == 1
    assert "确定" in result.output
    assert site.store.rules.phase() is before
    assert site.store.results.all() == ()


def test_before_the_start_it_can_be_moved_or_begun(environ: dict[str, str], tmp_path: Path):
    window = (('opens = "yesterday"', f"opens = {later(1)}:00"),
              ('closes = "in two weeks"', f"closes = {later(9)}:00"))  # fmt: skip
    app = build_open(environ | {"CONTEST_FILE": str(rewritten(tmp_path, *window))})
    rules = app.extensions["site"].store.rules
    assert rules.phase() is Phase.BEFORE
    assert "投票改在" in said(app, "vote", "postpone", "--at", later(2), *WHY)
    assert said(app, "vote", "open", *WHY) == "投票已开始。\n"
    assert rules.phase() is Phase.OPEN


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("under-review", *WHY), "投票正在进行，不能开始核对"),
        (("take-back", *WHY), "投票正在进行，不能撤回核对"),
        (("unpublish", *WHY), "投票正在进行，不能撤回结果"),
        (("publish", "--yes", *WHY), "投票正在进行，还不能计算结果"),
        (("result",), "投票正在进行，还不能计算结果"),
        (("open", *WHY), "投票正在进行，不能提前开始"),
        (("postpone", "--at", "2020-01-01T00:00", *WHY), "投票正在进行，不能改开始时间"),
        (("extend", "--at", "2020-01-01 00:00", *WHY), "新的截止时间要晚于现在"),
    ],
)
def test_a_step_at_the_wrong_time_is_one_sentence(
    app: Flask, words: tuple[str, ...], sentence: str
):
    assert sentence in refused(app, "vote", *words)


def test_a_tally_that_was_tampered_with_is_not_published(app: Flask, site: Site, town: Town):
    town.visitor().vote(1)
    site.store.rules.close("提前")
    site.store.rules.begin_review("核对")
    site.store.law.hincrby(keys.TALLY(shard=0), 1, 5)
    assert "票数与账本不一致" in refused(app, "vote", "publish", "--yes", *WHY)
    assert site.store.results.all() == ()


def test_what_scrutiny_hasn_t_looked_at_is_published_with_a_reason_only(
    app: Flask, site: Site, town: Town
):
    town.visitor().vote(1)
    site.store.rules.close("提前")
    site.store.rules.begin_review("核对")
    result = run(app, "vote", "publish", "--yes", *WHY)
    assert result.exit_code == 1
    assert "最近一次核查只看过 0 票" in result.output
    assert "--without-scrutiny" in result.output
    said(app, "vote", "publish", "--yes", *WHY, "--without-scrutiny", "没有装核查程序")
    assert site.store.results.latest().without_scrutiny == "没有装核查程序"


def test_the_jury_s_choice_is_named_when_publishing(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("voting.result.SEALING_ROUND_MS", 10**13)  # all in one round
    law = ("winners = 10", "winners = 1"), ('tie = "all_awarded"', 'tie = "jury"')
    app = build_open(environ | {"CONTEST_FILE": str(rewritten(tmp_path, *law))})
    site: Site = app.extensions["site"]
    for entry in (1, 2):
        Town(app).visitor().vote(entry)
    site.store.rules.close("提前")
    site.store.rules.begin_review("核对")
    looked_at(site.store)
    listed = said(app, "vote", "result")
    assert listed.count("待评议") == 2
    assert "公布时用 --award 编号 写明" in listed
    why = ("--yes", *WHY, "--jury-reason", "表决")
    result = run(app, "vote", "publish", *why)
    assert result.exit_code == 1
    assert "正好选 1 件" in result.output
    said(app, "vote", "publish", *why, "--award", "2")
    assert [row.number for row in site.store.results.latest().awarded] == [2]
