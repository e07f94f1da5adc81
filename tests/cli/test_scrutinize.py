"""`scrutinize`: a file or the live ledger, on the terminal, as a list of votes and as a report."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask.cli import FlaskGroup
from ledgers import attacked, load

from voting import prepare
from voting.case import PATTERN_WORDS
from voting.report.ledger import write_ledger_csv
from voting.scrutiny import scrutinize
from voting.settings import ROOT
from voting.web.site import Site

HEADER = "vote_id,ts_ms,entry_id,voter,identity,ip,net,ua,share,dwell_ms,watched_s"
#: Makes an import of scrutiny's libraries fail, as where they aren't installed.
WITHOUT = "import sys; sys.modules.update(dict.fromkeys(('numpy', 'scipy', 'polars')))"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return attacked(tmp_path_factory.mktemp("attacked"))


@pytest.fixture
def lived(site: Site, ledger: Path) -> int:
    """The live ledger has the file's votes; gives their number."""
    return load(site.store, ledger)


def run(app: Flask, *words: str | Path) -> Result:
    runner = app.test_cli_runner()
    return runner.invoke(FlaskGroup(create_app=lambda: app), ["scrutinize", *map(str, words)])


def refused(app: Flask, *words: str | Path) -> str:
    result = run(app, *words)
    assert (result.exit_code, result.stdout) == (1, "")
    lines = [line for line in result.stderr.splitlines() if "秒  " not in line]
    assert len(lines) == 1
    return lines[0]


def listed(file: Path) -> dict[str, tuple[float, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    assert len({row["vote_id"] for row in rows}) == len(rows)
    return {row["vote_id"]: (float(row["score"]), row["reason"]) for row in rows}


# --- a file -------------------------------------------------------------------------------------


def test_a_file_is_looked_at(app: Flask, ledger: Path, tmp_path: Path):
    done = run(app, "--ledger", ledger, "--out", tmp_path / "flags.csv",
               "--report", tmp_path / "report.html")  # fmt: skip
    assert done.exit_code == 0, done.output
    findings = scrutinize(ledger)
    with ledger.open(encoding="utf-8") as file:
        ids = [row["vote_id"] for row in csv.DictReader(file)]
    flags = listed(tmp_path / "flags.csv")
    scores = findings.flags.score
    assert flags.keys() == {ids[n] for n in (scores >= 0.05).nonzero()[0]}
    for vote, score in zip(ids, scores, strict=True):
        if vote in flags:
            assert flags[vote][0] == pytest.approx(score, rel=1e-3)
            assert flags[vote][1]
    assert "正在核查" in done.stderr
    for case in findings.run.cases:
        assert PATTERN_WORDS[case.pattern] in done.stdout
        assert case.explanation in done.stdout
        assert f"{case.votes:,}" in done.stdout
    assert "被点名的票都移除的话" in done.stdout


def test_it_finds_what_the_world_s_labels_say(app: Flask, ledger: Path, tmp_path: Path):
    run(app, "--ledger", ledger, "--out", tmp_path / "flags.csv")
    flags = {vote for vote, (score, _) in listed(tmp_path / "flags.csv").items() if score >= 0.5}
    with ledger.with_name("labels.csv").open(encoding="utf-8") as file:
        fraud = {row["vote_id"] for row in csv.DictReader(file) if row["label"] == "1"}
    assert len(flags & fraud) > 0.5 * len(fraud)
    assert len(flags - fraud) < 0.01 * len(flags)


def test_our_own_export_is_read(app: Flask, site: Site, lived: int, tmp_path: Path):
    kept = site.store.ledger
    write_ledger_csv(kept, kept.cut(), tmp_path / "账本.csv", lambda _: None)
    one = run(app, "--ledger", tmp_path / "账本.csv", "--out", tmp_path / "file.csv")
    other = run(app, "--out", tmp_path / "live.csv")
    assert (one.exit_code, other.exit_code) == (0, 0)
    assert listed(tmp_path / "file.csv") == listed(tmp_path / "live.csv") != {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "账本.csv 是空的"),
        ("hello", "账本.csv 不是账本"),
        (HEADER.replace(",share", "") + "\n", "账本.csv 缺少这些列：share"),
        (f"{HEADER}\n1-1,1763000000000,1,v", "第 2 行不完整：有 4 格，应有 11 格"),
    ],
)
def test_a_bad_file_is_one_sentence(app: Flask, tmp_path: Path, text: str, sentence: str):
    (tmp_path / "账本.csv").write_text(text, encoding="utf-8")
    assert sentence in refused(app, "--ledger", tmp_path / "账本.csv", "--out", tmp_path / "f.csv")
    assert not (tmp_path / "f.csv").exists()


def test_places_that_are_not_there_are_said_before_the_work(
    app: Flask, ledger: Path, tmp_path: Path
):
    assert "没有" in refused(app, "--ledger", tmp_path / "nowhere.csv")
    gone = tmp_path / "nowhere" / "flags.csv"
    said = refused(app, "--ledger", ledger, "--out", gone)
    assert "--out：没有" in said


@pytest.mark.parametrize("option", ["--out", "--report"])
@pytest.mark.parametrize("name", ["l.csv", "there/../l.csv", "link.csv"])
def test_the_ledger_is_never_written_over(app: Flask, tmp_path: Path, option: str, name: str):
    (tmp_path / "there").mkdir()
    (tmp_path / "l.csv").write_text(f"{HEADER}\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to("l.csv")
    ledger = tmp_path / "l.csv"
    assert "写了同一个文件" in refused(app, "--ledger", ledger, option, tmp_path / name)
    assert ledger.read_text(encoding="utf-8") == f"{HEADER}\n"


def test_no_name_in_a_file_steers_the_terminal(app: Flask, ledger: Path, tmp_path: Path):
    """As whoever wrote the file would like it: the screen cleared, and a kind word left on it."""
    wipe = "\x1b[2J\u202e"
    text = ledger.read_text(encoding="utf-8").replace(",e0", f",{wipe}e0")
    (tmp_path / "l.csv").write_text(text, encoding="utf-8")
    said = run(app, "--ledger", tmp_path / "l.csv").stdout
    assert "�[2J�e0" in said
    assert not set(wipe) & set(said) - set("[2J")
    (tmp_path / "l.csv").write_text(f"{HEADER}\n1-1,{wipe},1,v,device,i,n,u,,,\n", encoding="utf-8")
    assert "“�[2J�”" in refused(app, "--ledger", tmp_path / "l.csv")


def test_flags_and_report_are_two_files(app: Flask, ledger: Path, tmp_path: Path):
    both = tmp_path / "both"
    assert "同一个文件" in refused(app, "--ledger", ledger, "--out", both, "--report", both)


def test_a_ledger_without_votes_is_fine(app: Flask, tmp_path: Path):
    (tmp_path / "l.csv").write_text(f"{HEADER}\n", encoding="utf-8")
    done = run(app, "--ledger", tmp_path / "l.csv", "--out", tmp_path / "flags.csv",
               "--report", tmp_path / "report.html")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "没有可疑的票" in done.stdout
    assert (tmp_path / "flags.csv").read_text() == "vote_id,score,reason\n"
    assert "没有可疑的票" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_what_was_left_out_is_said(app: Flask, tmp_path: Path):
    rows = ["a,1763000000000,1,v,demo,,,,,1,1", "b,1763000000000,1,v,device,,,,,-1,NaN"]
    (tmp_path / "l.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    said = run(app, "--ledger", tmp_path / "l.csv").stdout
    assert "1 张演示票" in said
    assert "1 票的停留或观看时间不是有效的数" in said


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names += [name for name, _ in attrs]


def test_the_report_stands_alone(app: Flask, ledger: Path, tmp_path: Path):
    run(app, "--ledger", ledger, "--report", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert not {"script", "link", "img", "iframe", "a"} & set(page.tags)
    assert not {"src", "href", "style"} & set(page.names)
    assert not re.search(r"url\(|@import|https?://", text)
    findings = scrutinize(ledger)
    assert text.count("<article") == len(findings.run.cases)
    assert text.count("<svg") >= len(findings.run.cases)
    for case in findings.run.cases:
        for one in case.evidence:
            assert one.sentence in text


# --- the live ledger ----------------------------------------------------------------------------


def test_the_live_ledger_is_looked_at_and_nothing_is_changed(
    app: Flask, site: Site, lived: int, tmp_path: Path
):
    before = site.store.cases.latest()
    done = run(app, "--out", tmp_path / "flags.csv", "--report", tmp_path / "report.html")
    assert done.exit_code == 0, done.output
    assert "正在读账本" in done.stderr
    assert site.store.cases.latest() == before
    there = {vote.id for vote in site.store.ledger.votes()}
    assert listed(tmp_path / "flags.csv").keys() <= there
    assert f"{lived:,}" in done.stdout
    assert " 号" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_number_of_winners_can_be_another(app: Flask, lived: int):
    assert "前 10 名" in run(app).stdout
    assert "前 3 名" in run(app, "--winners", "3").stdout


def test_a_store_that_is_away_is_one_sentence(environ: dict[str, str], tmp_path: Path):
    from voting import create_app

    away = environ | {"REDIS_URL": "unix:///tmp/nobody-listens-here.sock"}
    prepare(away)
    assert "连不上数据库" in refused(create_app(away))


# --- without a site, without the libraries ------------------------------------------------------


def flask(
    *words: str | Path, environ: dict[str, str], before: str = ""
) -> subprocess.CompletedProcess[str]:
    start = f"{before}\nimport sys\nfrom flask.cli import main\nsys.argv[0] = 'flask'\nmain()"
    return subprocess.run(
        [sys.executable, "-c", start, "--app", "app", *map(str, words)], cwd=ROOT,
        env={**os.environ, **environ}, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


def test_a_file_needs_no_site(ledger: Path, tmp_path: Path):
    nowhere = {"DATA_DIR": str(tmp_path / "nowhere")}
    done = flask("scrutinize", "--ledger", ledger, "--out", tmp_path / "f.csv", environ=nowhere)
    assert done.returncode == 0, done.stderr
    assert listed(tmp_path / "f.csv")
    assert not (tmp_path / "nowhere").exists()
    live = flask("scrutinize", environ=nowhere)
    assert live.returncode == 1
    assert "DATA_DIR 写对了吗？" in live.stderr
    served = flask("run", "--port", "1", environ=nowhere)
    assert served.returncode == 1
    assert "DATA_DIR 写对了吗？" in served.stderr
    assert "Traceback" not in live.stderr + served.stderr


@pytest.mark.parametrize("words", [("scrutinize",), ("scrutinize", "--ledger", "x"), ("inspect",)])
def test_without_its_libraries_it_is_one_sentence(
    app: Flask, environ: dict[str, str], words: tuple[str, ...]
):
    done = flask(*words, environ=environ, before=WITHOUT)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: 核查要用的软件没有装（numpy、scipy、polars）："
        "请运行 .venv/bin/python -m pip install -r requirements-scrutiny.txt\n"
    )


VOTING = WITHOUT + """
import json
sys.path[:0] = ["tests"]
from people import Town
from staging import unhurried
from voting import create_app, worker
from voting.settings import load_settings
import voting.cli.jobs, voting.web.media

app = unhurried(create_app())
site = app.extensions["site"]
town = Town(app)
alice = town.visitor()
pages = [alice.get(path).status_code for path in ("/", "/e/1", "/ranking", "/rules", "/metrics")]
voted = alice.vote(1).status_code

class Enough(Exception):
    pass

rounds = iter(range(2))
def sleep(_):
    if next(rounds, None) is None:
        raise Enough

try:
    worker.work(site.store, site.settings, sleep)
except Enough:
    pass
loaded = [name for name in sys.modules if sys.modules[name]
          and name.partition(".")[0] in ("numpy", "scipy", "polars")]
print(json.dumps([pages, voted, loaded, site.store.ledger.size()]))
"""


def test_nothing_of_it_is_needed_to_vote(app: Flask, environ: dict[str, str]):
    """The web app, a vote and the worker, in a process where the libraries can't be imported."""
    done = subprocess.run(
        [sys.executable, "-c", VOTING], cwd=ROOT, env={**os.environ, **environ},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages, voted, loaded, rows = json.loads(done.stdout.splitlines()[-1])
    assert set(pages) <= {200, 404}
    assert (voted, loaded, rows) == (201, [], 1)
    assert "not installed: numpy, scipy, polars" in done.stderr
