"""The organizers' commands: what they say, what they change, and how they fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask.cli import FlaskGroup
from people import Town, Visitor
from staging import refresh, rewritten

from voting import create_app, prepare
from voting.contest import EntryState
from voting.settings import ROOT
from voting.store import keys
from voting.store.log import Kind
from voting.web.site import Site


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(FlaskGroup(create_app=lambda: app), words)


def said(app: Flask, *words: str) -> str:
    result = run(app, *words)
    assert result.exit_code == 0, result.output
    return result.output


def refused(app: Flask, *words: str) -> str:
    """The one sentence of a command that fails."""
    result = run(app, *words)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    return result.output


def give_media(site: Site, number: int) -> Path:
    """Lay an entry's files into media/; returns where they become public."""
    media = site.store.entries.all()[number].media
    folder = site.settings.media_dir / media
    folder.mkdir(parents=True)
    for name in ("web.mp4", "cover-480.jpg", "original.mp4"):
        (folder / name).write_bytes(name.encode())
    return site.settings.public_dir / media


def decided(site: Site) -> list[tuple[Kind, str, str]]:
    return [(d.kind, d.subject, d.reason) for d in site.store.log.decisions()]


def test_entries_are_listed_with_number_state_title_and_author(app: Flask):
    lines = said(app, "entries", "list").splitlines()
    assert len(lines) == 14
    assert lines[0] == "001  已公开  实景拍摄  青岛  一件事一次办的早晨  作者1"
    assert lines[2].startswith("003  已公开  AI创作")
    assert lines[12].startswith("013  待审核")
    assert lines[13].startswith("014  已撤下")


@pytest.mark.parametrize(("state", "number"), [("pending", "013"), ("withdrawn", "014")])
def test_entries_are_listed_by_state(app: Flask, state: str, number: str):
    (line,) = said(app, "entries", "list", "--state", state).splitlines()
    assert line.startswith(number)


def test_approve_makes_an_entry_public_with_its_media_and_votable(
    app: Flask, site: Site, alice: Visitor
):
    public = give_media(site, 13)
    assert said(app, "entries", "approve", "13") == "已公开 013 号《等待审核的片子》\n"
    refresh(site)
    assert alice.get("/e/13").status_code == 200
    assert alice.vote(13).status_code == 201
    assert sorted(path.name for path in public.iterdir()) == ["cover-480.jpg", "web.mp4"]
    assert decided(site)[-1] == (Kind.APPROVE, "13", "审核通过")


def test_approve_all_takes_the_pending_and_leaves_the_withdrawn(app: Flask, site: Site):
    give_media(site, 13)
    assert said(app, "entries", "approve", "--all", "--reason", "第一批").count("\n") == 1
    states = {n: entry.state for n, entry in site.store.entries.all().items()}
    assert states[13] is EntryState.APPROVED
    assert states[14] is EntryState.WITHDRAWN
    assert decided(site)[-1] == (Kind.APPROVE, "13", "第一批")
    assert said(app, "entries", "approve", "--all") == ""


def test_once_withdraw_has_returned_the_entry_takes_no_vote_and_shows_no_media(
    app: Flask, site: Site, alice: Visitor
):
    public = give_media(site, 13)
    said(app, "entries", "approve", "13")
    refresh(site)
    ballot = alice.ballot(13)
    assert said(app, "entries", "withdraw", "13", "--reason", "肖像争议").startswith("已撤下 013")
    assert alice.cast(13, ballot).json["code"] == "entry_not_votable"
    assert not public.exists()
    assert (site.settings.media_dir / site.store.entries.all()[13].media / "web.mp4").exists()
    assert decided(site)[-1] == (Kind.WITHDRAW, "13", "肖像争议")


@pytest.mark.parametrize(
    "words",
    [
        ("entries", "withdraw", "1"),
        ("entries", "withdraw", "--reason", "争议"),
        ("rules", "apply"),
        ("vote", "pause"),
        ("vote", "resume"),
        ("entries", "approve", "one"),
        ("entries", "approve"),
        ("entries", "approve", "13", "--all"),
        ("entries", "list", "--state", "lost"),
    ],
)
def test_what_must_be_said_is_asked_for(app: Flask, site: Site, words: tuple[str, ...]):
    before = decided(site)
    assert run(app, *words).exit_code == 2
    assert decided(site) == before


@pytest.mark.parametrize("reason", ["", " ", "\n", "\u3000", "两行\n理由", "字" * 201])
@pytest.mark.parametrize(
    "words",
    [
        ("entries", "approve", "13"),
        ("entries", "withdraw", "1"),
        ("rules", "apply"),
        ("vote", "pause"),
        ("vote", "resume"),
    ],
)
def test_a_reason_is_one_line_that_says_something(
    app: Flask, site: Site, words: tuple[str, ...], reason: str
):
    before = decided(site)
    result = run(app, *words, "--reason", reason)
    assert result.exit_code == 2
    assert "请用一行话写明理由，不超过 200 字" in result.output
    assert decided(site) == before


def test_a_reason_is_kept_without_the_space_around_it(app: Flask, site: Site):
    said(app, "vote", "pause", "--reason", f" {'字' * 200}\n")
    assert decided(site)[-1] == (Kind.PAUSE, "", "字" * 200)


@pytest.mark.parametrize(
    "words",
    [("entries", "approve", "13", "77"), ("entries", "withdraw", "1", "77", "--reason", "争议")],
)
def test_an_unknown_number_is_one_sentence_and_nothing_is_changed(
    app: Flask, site: Site, words: tuple[str, ...]
):
    give_media(site, 13)
    before = site.store.entries.all()
    assert "没有 77 号作品" in refused(app, *words)
    assert site.store.entries.all() == before


def test_an_entry_whose_media_are_missing_is_not_approved(app: Flask, site: Site):
    assert refused(app, "entries", "approve", "13") == "Error: 013 号的媒体文件不见了\n"
    assert site.store.entries.all()[13].state is EntryState.PENDING


def test_a_file_of_ours_that_fails_is_named(app: Flask, site: Site):
    public = give_media(site, 13)
    public.parent.mkdir(parents=True)
    public.touch()
    sentence = refused(app, "entries", "approve", "13")
    assert sentence == f"Error: 读写文件失败：{public} File exists\n"


def test_a_file_of_the_mailbox_that_fails_is_not_named(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    mailbox = tmp_path / "data" / "作品-张三-13800000000"
    mailbox.mkdir(parents=True)

    def fail(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder / "作品-张三-13800000000.mp4"))

    monkeypatch.setattr("voting.mailroom.open_folder", fail)
    assert refused(app, "intake", str(mailbox)) == "Error: 读写文件失败：Permission denied\n"


def test_rules_are_shown_and_a_changed_file_becomes_the_next_version(
    app: Flask, site: Site, environ: dict[str, str], tmp_path: Path, town: Town
):
    assert said(app, "rules", "show") == "第 1 版  首次启动时按配置文件制定\n"
    fewer = [(f"votes_per_{whom} = 5", f"votes_per_{whom} = 1") for whom in ("voter", "device")]
    file = rewritten(tmp_path, *fewer)
    changed = create_app(environ | {"CONTEST_FILE": str(file)})
    said(changed, "rules", "apply", "--reason", "投票人太多")
    assert said(app, "rules", "show").splitlines()[1] == "第 2 版  投票人太多"
    alice = town.visitor()
    assert alice.vote(1).json["votes_left"] == 0
    assert alice.vote(2).json["code"] == "quota_used"
    refresh(site)
    page = alice.get("/rules").text
    assert "第 2 版" in page
    assert "投票人太多" in page


def test_rules_that_are_in_force_already_are_not_applied_again(app: Flask):
    assert "和正在执行的规则第 1 版一样" in refused(app, "rules", "apply", "--reason", "手滑")
    assert said(app, "rules", "show").count("\n") == 1


def test_after_a_vote_the_period_stays(
    app: Flask, environ: dict[str, str], tmp_path: Path, alice: Visitor
):
    alice.vote(1)
    file = rewritten(tmp_path, ('period = "day"', 'period = "contest"'))
    changed = create_app(environ | {"CONTEST_FILE": str(file)})
    assert "已经有人投过票" in refused(changed, "rules", "apply", "--reason", "只投一次")


def test_rules_by_which_nobody_could_vote_are_not_applied(
    app: Flask, environ: dict[str, str], tmp_path: Path
):
    file = rewritten(tmp_path, ("votes_per_device = 5", "votes_per_device = 0"))
    changed = create_app(environ | {"CONTEST_FILE": str(file)})
    assert "谁也投不了" in refused(changed, "rules", "apply", "--reason", "只在微信里投")
    assert said(app, "rules", "show").count("\n") == 1


def test_the_rules_of_another_contest_are_not_applied(
    app: Flask, environ: dict[str, str], tmp_path: Path
):
    changes = ('id = "test-contest"', 'id = "other-contest"'), ("winners = 10", "winners = 9")
    other = create_app(environ | {"CONTEST_FILE": str(rewritten(tmp_path, *changes))})
    sentence = refused(other, "rules", "apply", "--reason", "改")
    assert "数据库里是另一场比赛“test-contest”" in sentence
    assert said(app, "rules", "show").count("\n") == 1


def test_a_paused_vote_takes_no_vote_until_it_is_resumed(
    app: Flask, site: Site, alice: Visitor
):
    assert said(app, "vote", "pause", "--reason", "核查") == "投票已暂停。\n"
    assert alice.vote(1).json["code"] == "paused"
    assert said(app, "vote", "resume", "--reason", "核查完毕") == "投票已恢复。\n"
    assert alice.vote(1).status_code == 201
    assert decided(site)[-2:] == [(Kind.PAUSE, "", "核查"), (Kind.RESUME, "", "核查完毕")]


def test_recount_agrees_with_the_tally(app: Flask, town: Town):
    for entry in (1, 1, 2):
        town.visitor().vote(entry)
    assert said(app, "recount") == "账本共 3 票，移除 0 票，其余 3 票。\n票数与账本一致。\n"


@pytest.mark.parametrize(("number", "by"), [(2, 5), (2, -1), (9, 1)])
def test_recount_finds_a_tally_that_was_tampered_with(
    app: Flask, site: Site, town: Town, number: int, by: int
):
    for entry in (1, 2, 2):
        town.visitor().vote(entry)
    site.store.law.hincrby(keys.TALLY(shard=0), number, by)
    result = run(app, "recount")
    assert result.exit_code == 1
    assert f"{number:03d} 号：重算" in result.output
    assert "001 号" not in result.output
    assert "票数与账本不一致" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ("entries", "list"),
        ("entries", "approve", "1"),
        ("entries", "withdraw", "1", "--reason", "争议"),
        ("rules", "show"),
        ("rules", "apply", "--reason", "改"),
        ("vote", "pause", "--reason", "核查"),
        ("vote", "resume", "--reason", "完毕"),
        ("recount",),
    ],
)
def test_a_store_that_is_away_is_one_sentence(environ: dict[str, str], words: tuple[str, ...]):
    away = environ | {"REDIS_URL": "unix:///tmp/nobody-listens-here.sock"}
    prepare(away)
    assert "连不上数据库" in refused(create_app(away), *words)


def test_while_another_command_changes_something_one_is_asked_to_wait(
    app: Flask, site: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("voting.store.client.PATIENCE_S", 0.01)
    site.store.law.set(keys.ENTRIES_LOCK(), "somebody else's")
    sentence = refused(app, "vote", "pause", "--reason", "核查")
    assert sentence == "Error: 另一条命令正在修改，请稍后再试\n"


def test_what_a_store_that_answers_refuses_is_passed_on(app: Flask, site: Site):
    site.store.law.set(keys.ENTRIES(), "no hash")
    assert refused(app, "entries", "list").startswith("Error: 数据库没有办成这件事：WRONGTYPE ")


def test_a_mistyped_data_dir_is_one_sentence_and_stays_unmade(
    environ: dict[str, str], tmp_path: Path
):
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "entries", "list"],
        cwd=ROOT, env=environ | {"DATA_DIR": str(tmp_path / "mistyped")},
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode != 0
    assert "DATA_DIR 写对了吗？" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "mistyped").exists()


def test_demo_leaves_a_real_contest_alone(app: Flask, site: Site):
    before = site.store.entries.all()
    assert said(app, "demo") == ""
    assert site.store.entries.all() == before


def test_the_command_line_works_as_the_readme_writes_it(app: Flask, environ: dict[str, str]):
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "entries", "list", "--state", "pending"],
        cwd=ROOT, env=environ | {"PYTHONIOENCODING": "utf-8"}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith("013  待审核")
