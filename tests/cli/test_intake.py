"""`intake FOLDER`: what it says, how it is stopped, how it fails."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.cli import FlaskGroup
from forms import PHONE, official_form
from mails import mail
from staging import wait_until
from videos import encode

from voting import mailroom
from voting.cli.intake import Screen
from voting.settings import ROOT
from voting.web.site import Site


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("videos") / "v.mp4", count=2)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that takes a while to work on."""
    return encode(tmp_path_factory.mktemp("videos") / "long.mp4", count=90)


@pytest.fixture
def mailbox(tmp_path: Path, video: Path) -> Path:
    folder = tmp_path / "📮 收件箱"
    mail(folder, f"沂河两岸-王小样-{PHONE}", video=video, form=official_form(作品时长="9分"))
    mail(folder, f"没有视频-王小样-{PHONE}", form=official_form(作品名称="没有视频"))
    (folder / f"照片-王小样-{PHONE}.zip").touch()
    return folder


def run(app: Flask, folder: Path) -> Result:
    runner = app.test_cli_runner()
    return runner.invoke(FlaskGroup(create_app=lambda: app), ["intake", str(folder)])


def test_each_submission_is_told_with_what_was_found(app: Flask, site: Site, mailbox: Path) -> None:
    ran = run(app, mailbox)
    assert ran.exit_code == 0, ran.output
    assert PHONE not in ran.output
    lines = ran.output.splitlines()
    assert "未收  没有视频-王小样" in lines
    assert "      没有找到与报名表同名的视频（.mp4）" in lines
    assert "待人工确认  015 号《沂河两岸》王小样" in lines
    assert "没有处理  照片-王小样.zip（压缩包，请先解压）" in lines
    assert "共 2 件：收下 0 件，待人工确认 1 件，未收 1 件。" in lines
    (report,) = (site.settings.data_dir / "reports").iterdir()
    assert f"报告（含给投稿人的回信）：{report / mailroom.HTML}" in lines


def test_again_it_is_told_what_was_taken_in_before(app: Flask, mailbox: Path) -> None:
    run(app, mailbox)
    assert "以前已收  沂河两岸-王小样（015 号）" in run(app, mailbox).output


def test_an_empty_folder_is_no_mistake(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "空").mkdir()
    ran = run(app, tmp_path / "空")
    assert ran.exit_code == 0
    assert "共 0 件" in ran.output


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "已停止，没有留下做了一半的文件"),
        (OSError(errno.ENOSPC, "No space left on device"), "磁盘空间不够了"),
        (OSError(errno.EIO, "Input/output error", f"沂河-{PHONE}.mp4"), "读写文件失败：Input"),
    ],
)
def test_what_ends_it_is_one_sentence(
    app: Flask, mailbox: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str
) -> None:
    def end(*_: Any) -> None:
        raise error

    monkeypatch.setattr(mailroom, "process", end)
    ran = run(app, mailbox)
    assert ran.exit_code == 1
    assert ran.output.startswith(f"Error: {said}")
    assert ran.output.count("\n") == 1
    assert PHONE not in ran.output


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopped_from_outside_it_leaves_nothing_half_done(
    app: Flask, site: Site, environ: dict[str, str], mailbox: Path, long: Path, how: int
) -> None:
    mail(mailbox, f"很长-王小样-{PHONE}", video=long, form=official_form(作品名称="很长"))
    media = site.settings.media_dir
    with subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", "intake", str(mailbox)],
        cwd=ROOT, env=environ | {"PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        # Whoever runs the tests in the background has them ignore Ctrl-C, and their children, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as command:  # fmt: skip
        wait_until(lambda: bool(list(media.glob(".intake-*/.*/*/*"))), 60)
        command.send_signal(how)
        output, _ = command.communicate(timeout=60)
    assert command.returncode == 1
    assert "已停止，没有留下做了一半的文件" in output.decode()
    assert not list(media.glob(".*"))


def test_where_somebody_looks_progress_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(live=True)
    screen.tell(1, 3, "已完成 1/3")
    screen.tell(2, 3, "已完成 2/3")
    screen.clear()
    screen.clear()
    assert capsys.readouterr().out == "\r\033[2K已完成 1/3\r\033[2K已完成 2/3\r\033[2K"


def test_elsewhere_it_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(live=False)
    for now in (100.0, 101.0, 120.0):
        monkeypatch.setattr("time.monotonic", lambda now=now: now)
        screen.tell(1, 3, f"到 {now:.0f}")
    assert capsys.readouterr().out == "到 100\n到 120\n"
