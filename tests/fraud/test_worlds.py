"""Worlds of our own: the same seed, the same ledger; within the rules; everybody is there."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bench.fraud import ledger, scenario
from bench.fraud.rounds import CARRIERS, HELD_OUT, LAST_LOOK, seeds_of
from bench.fraud.world import DAY, ZONE

VOTES = 10_000
WORLDS = list(scenario.SETTINGS)
EVERY_WORLD = pytest.mark.parametrize("world", WORLDS)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A ledger's folder, made once."""
    top = tmp_path_factory.mktemp("worlds")

    @cache
    def make(world: str, name: str = "mixed", skill: str = "careful", seed: int = 1) -> Path:
        folder = top / f"{world}-{name}-{skill}-{seed}"
        scenario.make(world, name, skill, seed, VOTES, folder)
        return folder

    return make


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "ledger.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@EVERY_WORLD
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(world, made, tmp_path):
    scenario.make(world, "mixed", "careful", 1, VOTES, tmp_path)
    for name in ("ledger.csv", "labels.csv", "meta.json"):
        assert (made(world) / name).read_bytes() == (tmp_path / name).read_bytes()
    scenario.make(world, "mixed", "careful", 2, VOTES, tmp_path)
    assert (made(world) / "ledger.csv").read_bytes() != (tmp_path / "ledger.csv").read_bytes()


@EVERY_WORLD
def test_every_vote_is_within_the_rules(world, made):
    drawn, votes = scenario.draw(world, 1), rows(made(world))
    times = [int(row["ts_ms"]) for row in votes]
    assert times == sorted(times)
    assert drawn.clock.opens_ms <= times[0]
    assert times[-1] < drawn.clock.closes_ms
    assert len({row["vote_id"] for row in votes}) == len(votes)
    assert min(int(row["dwell_ms"]) for row in votes) >= drawn.habits.least_ms
    daily = Counter((row["voter"], (int(row["ts_ms"]) + ZONE) // DAY) for row in votes)
    assert max(daily.values()) <= drawn.per_day
    once = {(row["voter"], row["entry_id"], (int(row["ts_ms"]) + ZONE) // DAY) for row in votes}
    assert len(once) == len(votes)


@EVERY_WORLD
def test_an_address_has_one_network_and_a_voter_one_identity(world, made):
    net, identity = defaultdict(set), defaultdict(set)
    for row in rows(made(world)):
        net[row["ip"]].add(row["net"])
        identity[row["voter"]].add(row["identity"])
    assert max(map(len, net.values())) == 1
    assert max(map(len, identity.values())) == 1


@EVERY_WORLD
def test_a_ledger_has_about_the_votes_asked_for_and_its_labels_go_with_it(world, made):
    folder = made(world, "clean", "auto")
    labels, votes = ledger.load(folder), rows(folder)
    assert 0.85 * VOTES < len(labels) < 1.35 * VOTES  # the small special crowds have least sizes
    assert [labels.entries[entry] for entry in labels.entry] == [row["entry_id"] for row in votes]
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    assert [row["vote_id"] for row in told] == [row["vote_id"] for row in votes]
    assert [labels.kinds[kind] for kind in labels.kind] == [row["attack_kind"] for row in told]
    assert not labels.fraud.any()


@EVERY_WORLD
def test_every_population_and_every_attack_is_there(world, made):
    labels, setting = ledger.load(made(world)), scenario.SETTINGS[world]
    counts = dict(zip(labels.kinds, np.bincount(labels.kind), strict=True))
    expected = {"base", "cgnat", "finalrush", *setting.crowds, *setting.attacks}
    assert expected <= {kind for kind, count in counts.items() if count}
    fraud = {labels.kinds[kind] for kind in np.unique(labels.kind[labels.fraud])}
    assert fraud == set(setting.attacks)


@EVERY_WORLD
@pytest.mark.parametrize("skill", ["naive", "careful"])
def test_each_attack_alone_has_the_size_of_its_name(world, skill, made):
    for kind in scenario.SETTINGS[world].attacks:
        folder = made(world, f"{kind}-medium", skill)
        labels = ledger.load(folder)
        about = json.loads((folder / "meta.json").read_text())
        here = np.array([str(entry) in about["attacks"][0]["targets"] for entry in labels.entries])
        bought = int((labels.fraud & here[labels.entry]).sum())
        assert {labels.kinds[k] for k in labels.kind[labels.fraud]} == {kind}
        # Drips use an account again, hijackers find no more visitors than there are.
        assert 0.4 < bought / about["tenth"] < 1.6, kind


def test_the_parameters_change_with_the_world_and_the_seed():
    drawn = [scenario.draw(world, seed) for world in WORLDS for seed in range(1, 9)]
    assert len({one.public.openid for one in drawn}) == len(drawn)
    assert {round(scenario.draw("identities", s).public.openid * 20) / 20 for s in range(9)} == {
        0.45, 0.95,
    }  # fmt: skip
    counts = [scenario.draw("laws", seed).entries for seed in range(30)]
    assert min(counts) >= 60
    assert max(counts) <= 400
    assert max(counts) - min(counts) > 150
    days = {scenario.draw("rhythm", seed).clock.days for seed in range(30)}
    assert days <= {3, 5, 7, 10, 21, 30}
    assert len(days) > 3


def test_the_sites_own_format_has_bare_browsers_and_whole_seconds(made):
    votes = rows(made("identities"))
    assert all(len(row["ua"]) == 8 and "/" not in row["ua"] for row in votes)
    assert all(row["watched_s"].isdigit() and row["entry_id"].isdigit() for row in votes)
    assert any("/" in row["ua"] for row in rows(made("home")))


def test_the_last_look_and_the_held_out_world_have_seeds_of_their_own():
    usual = seeds_of("home", False, (1, 2))
    held = seeds_of(HELD_OUT, False, (1, 2))
    last = seeds_of("home", True, (1, 2))
    assert last == LAST_LOOK
    assert not set(usual) & set(held)
    assert not (set(usual) | set(held)) & set(last)


@pytest.mark.parametrize("column", [*CARRIERS, "ip+net"])
def test_a_blanked_column_says_nothing_and_the_rest_stays(column, made, tmp_path):
    source = made("home")
    ledger.blank(source, column, tmp_path)
    before, after = rows(source), rows(tmp_path)
    assert len(before) == len(after)
    now = [row[column.partition("+")[0]] for row in after]
    if column == "voter":
        assert len(set(now)) == len(now)
    elif column == "ts_ms":
        assert now == sorted(now)
        day = Counter((int(row["ts_ms"]) + ZONE) // DAY for row in before)
        assert day == Counter((int(ms) + ZONE) // DAY for ms in now)
        labels, was = ledger.load(tmp_path), ledger.load(source)
        named = {row["vote_id"]: kind for row, kind in zip(before, was.kind, strict=True)}
        assert [named[row["vote_id"]] for row in after] == labels.kind.tolist()
    else:
        assert len(set(now)) == 1
        assert [row["vote_id"] for row in before] == [row["vote_id"] for row in after]


def test_dealt_entries_keep_the_standings_and_lose_who_was_after_what(made, tmp_path):
    source = made("home")
    ledger.permute_entries(source, tmp_path)
    before, after = rows(source), rows(tmp_path)
    assert Counter(r["entry_id"] for r in before) == Counter(r["entry_id"] for r in after)
    fraud = ledger.load(tmp_path).fraud
    bought = Counter(r["entry_id"] for r, bad in zip(after, fraud, strict=True) if bad)
    usual = Counter(r["entry_id"] for r in after)
    (most, _), *_ = bought.most_common(1)
    assert bought[most] / fraud.sum() < 2 * usual[most] / len(after)
