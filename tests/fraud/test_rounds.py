"""The bench from end to end with detectors that know nothing, and its tables. No figure is held."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from bench.fraud import __main__ as bench
from bench.fraud import detectors, ledger, rounds, table
from bench.fraud.goals import FLOORS, goals_met
from bench.fraud.rounds import ENTRIES_DEALT, HELD_OUT, LABELS_DEALT, Job
from bench.fraud.scoring import Verdict

JOB = Job("home", "script-large", "naive", 3, 8_000, detector="nothing")


@pytest.fixture(autouse=True)
def private(tmp_path, monkeypatch):
    """Ledgers and records of the test alone; no simulator."""
    monkeypatch.setattr(rounds, "cache", lambda: tmp_path / "ledgers")
    monkeypatch.setattr(rounds, "SIMULATOR_FILE", tmp_path / "none.py")
    monkeypatch.setattr(bench, "RECORD", tmp_path / "latest.json")
    monkeypatch.setattr(bench, "DRAFT", tmp_path / "draft.json")
    monkeypatch.setattr(bench, "DOCUMENT", tmp_path / "scrutiny.md")
    (tmp_path / "ledgers").mkdir()


def inline(jobs, workers, say, keep):
    """Jobs without processes."""
    for job in jobs:
        yield from rounds.play_each([job], keep)


def run(monkeypatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench.fraud", *words, "--votes", "8000"])
    monkeypatch.setattr(bench, "play_all", inline)
    monkeypatch.setattr(bench, "sweep", lambda: None)
    monkeypatch.setattr(bench, "ROOT", bench.DOCUMENT.parent)
    return bench.main()


def test_a_job_is_made_judged_and_forgotten():
    found = rounds.play(JOB)
    assert found["score"]["recall"] == {"script": 0.0}
    assert rounds.ledger_of(JOB).is_dir()
    (again,) = rounds.play_each([JOB], keep=False)
    assert again["job"] == found["job"]
    assert not list(rounds.cache().iterdir())


def test_the_jobs_of_one_ledger_share_it_and_one_that_fails_spoils_none(monkeypatch):
    monkeypatch.setattr(ledger, "blank", lambda *_: 1 / 0)
    jobs = [JOB, replace(JOB, twist="ip"), replace(JOB, twist=ENTRIES_DEALT), JOB]
    first, failed, dealt, last = rounds.play_each(jobs, keep=False)
    assert failed == "ZeroDivisionError: division by zero"
    assert dealt["job"]["twist"] == ENTRIES_DEALT
    assert first["job"] == last["job"]
    assert not list(rounds.cache().glob("home*"))


def test_a_ledger_appears_whole_or_not_at_all(monkeypatch):
    monkeypatch.setattr(ledger, "save", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        rounds.ledger_of(JOB)
    assert not rounds.cache().joinpath("home-script-large-naive-3-8000").exists()


def test_an_oracle_collapses_when_the_labels_are_dealt(monkeypatch):
    def oracle(path):
        return Verdict(ledger.load(path.parent).fraud.astype(float))

    monkeypatch.setattr(detectors, "scrutiny", oracle)
    job = replace(JOB, detector="scrutiny")
    assert rounds.play(job)["score"]["recall_all"] == 1
    dealt = rounds.play(replace(job, twist=LABELS_DEALT))["score"]
    assert dealt["recall_all"] < 0.5
    assert dealt["pr_auc"] < 0.5


@pytest.mark.parametrize("twist", ["ip", "ts_ms", ENTRIES_DEALT])
def test_a_twisted_ledger_lies_beside_the_plain_one(twist):
    folder = rounds.ledger_of(replace(JOB, twist=twist))
    assert folder != rounds.ledger_of(JOB)
    assert len(ledger.load(folder)) == len(ledger.load(rounds.ledger_of(JOB)))


@pytest.mark.parametrize("name", detectors.BASELINES)
def test_a_baseline_answers_about_every_vote(name):
    path = rounds.ledger_of(JOB) / "ledger.csv"
    scores = detectors.named(name)(path).scores
    assert len(scores) == len(ledger.load(path.parent))
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_a_detector_may_be_named_by_module_and_function():
    assert detectors.named("bench.fraud.detectors:nothing") is detectors.nothing


def test_a_full_run_writes_the_record_and_only_the_measured_block(monkeypatch, capsys):
    bench.DOCUMENT.write_text(f"# Ours\n\n{table.BEGIN}\nold\n{table.END}\n\nand ours\n")
    monkeypatch.setattr(bench, "scenarios", lambda _: ["clean", "drip-medium"])
    monkeypatch.setattr(bench, "SETTINGS", {"home": 0, "laws": 0, HELD_OUT: 0})
    monkeypatch.setattr(bench, "_parts", lambda options: [options])
    assert run(monkeypatch, "--detector", "nothing", "--seeds", "1") == 0
    text = bench.DOCUMENT.read_text()
    assert text.startswith("# Ours\n")
    assert text.endswith("\n\nand ours\n")
    assert "old" not in text
    assert "| drip | 0.00 / 0.00 |" in text
    results = json.loads(bench.RECORD.read_text())["results"]
    assert {one["job"]["world"] for one in results} == {"home", "laws"}
    assert "drip" in capsys.readouterr().out

    assert run(monkeypatch, "--detector", "nothing", "--baselines") == 0
    assert "### Against simple detectors" in bench.DOCUMENT.read_text()
    assert json.loads(bench.RECORD.read_text())["results"] == results


def test_a_partial_run_writes_no_record(monkeypatch):
    words = ("--worlds", "home", "--scenarios", "clean", "--detector", "nothing")
    assert run(monkeypatch, *words) == 0
    assert bench.DRAFT.is_file()
    assert not bench.RECORD.exists()
    assert not bench.DOCUMENT.exists()


def test_without_and_shuffle_are_tables_of_their_own(monkeypatch, capsys):
    words = ("--worlds", "home", "--scenarios", "mixed", "--skills", "naive", "--seeds", "1",
             "--detector", "votes per address and day ≥ 20")  # fmt: skip
    assert run(monkeypatch, *words, "--without", "ip,ip+net") == 0
    told = capsys.readouterr().out
    assert "### What each column carries" in told
    assert "| ip+net | " in told
    assert run(monkeypatch, *words, "--shuffle") == 0
    assert "### Shuffled" in capsys.readouterr().out


def test_a_run_that_asks_for_nothing_has_all_parts(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bench.fraud"])
    plain, baselines, shuffled, without = bench._parts(bench._options())
    assert {plain.baselines, plain.shuffle, plain.without} == {False, ""}
    assert (baselines.baselines, shuffled.shuffle, without.without) == (True, True, "each")
    assert {job.world for job in bench._jobs(without)} == {"home"}
    assert {job.twist for job in bench._jobs(shuffled)} == {"", ENTRIES_DEALT, LABELS_DEALT}
    assert HELD_OUT not in {job.world for job in bench._jobs(plain)}
    monkeypatch.setattr(sys, "argv", ["bench.fraud", "--last-look"])
    (last,) = bench._parts(bench._options())
    assert HELD_OUT in {job.world for job in bench._jobs(last)}
    assert {job.seed for job in bench._jobs(last)} == set(rounds.LAST_LOOK)


def test_an_unknown_world_is_named(monkeypatch):
    with pytest.raises(SystemExit, match="no world is called atlantis"):
        run(monkeypatch, "--worlds", "atlantis")


def test_the_goals_tell_what_was_missed():
    score = {
        "flagged": 0.0004, "honest": {"campus": 0.0, "club": 0.02, "kiosk": 0.04}, "cases": 12,
        "on_attacked": 0.001, "wrong": 0, "wrong_without": 1, "top_ok": True, "reasoned": 1.0,
        "recall": {"script": 0.9, "paid": 0.98},
        "excess": {"e1": ("drip", 100, 80.0), "e2": ("paid", 100, 0.0)},
    }  # fmt: skip
    job = {"world": "simulator", "scenario": "mixed", "skill": "naive"}
    other = {"job": {**job, "world": "strangers"},
             "score": {**score, "wrong": 2, "recall": {"script": 0.7, "paid": 0.7}}}  # fmt: skip
    lines = list(goals_met([{"job": job, "score": score}, other]))
    missed = [line for line in lines if line.endswith("MISSED |")]
    assert [line.split(" | ")[0].lstrip("| ") for line in missed] == [
        "simulator: club flagged, mean",
        "simulator: recall of script, naive",
        "strangers: top 10 worse than without, ledgers",
        "strangers: recall of script, naive: drop",
        "strangers: recall of paid, naive: drop",
    ]
    assert any("drip excess within 30 %" in line and "| 1 |" in line for line in lines)
    assert all(0 < floor <= 1 for floor in FLOORS.values())
