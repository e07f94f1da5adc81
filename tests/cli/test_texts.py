"""`flask check-texts`: clean as shipped; a slip is named with file, line, reason and a way out."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from staging import build, rewritten

from cli.test_commands import run, said


def test_what_is_shipped_is_clean(app: Flask):
    assert "没有微信会处罚的说法" in said(app, "check-texts")


def test_a_slip_is_named_and_the_exit_code_says_so(environ: dict[str, str], tmp_path: Path):
    slip = ('tagline = "看见身边的智慧生活"', 'tagline = "转发抽红包，关注公众号后才能投票"')
    file = rewritten(tmp_path, slip)
    app = build(environ | {"CONTEST_FILE": str(file)})
    result = run(app, "check-texts")
    line = file.read_text(encoding="utf-8").splitlines().index(slip[1]) + 1
    assert result.exit_code == 1
    assert f"{file}:{line}  “转发抽红包”" in result.output
    assert "先关注才能投票：" in result.output
    assert "有 2 处要改" in result.output
