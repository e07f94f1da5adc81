"""From the votes cast in a town to a ledger: the contest's rules, names, files; and back.

A labelled ledger is a folder: ledger.csv with the site's columns, labels.csv as the shared
simulator writes it, labels.npz with the same for us, meta.json for people.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench.fraud.town import MINUTE, Ints, Town
from bench.fraud.world import DAY, HOUR, ZONE, Format

COLUMNS: Final = (
    "vote_id", "ts_ms", "entry_id", "voter", "identity", "ip", "net", "ua", "share", "dwell_ms",
    "watched_s",
)  # fmt: skip
#: Everyday votes from an address with so many voters are called cgnat.
CROWDED = 25
Words = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Labels:
    """What a scorer knows of each vote, in the ledger's order. `kind`: number of the word in
    `kinds`, an honest population or an attack; `entry`: number of the name in `entries`."""

    entry: Ints
    entries: tuple[str, ...]
    fraud: NDArray[np.bool_]
    kind: Ints
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.fraud)


def settle(town: Town) -> dict[str, Any]:
    """Columns of the accepted votes in time's order: within the window, within the rules (a voter
    votes for an entry once a day, for `per_day` entries at most), after outages and updates."""
    rows = {name: np.concatenate([chunk[name] for chunk in town.chunks])
            for name in town.chunks[0]}  # fmt: skip
    clock = town.world.clock
    late = rows["ts"] >= clock.closes_ms
    rows["ts"] = rows["ts"] - np.where(late, ((rows["ts"] - clock.closes_ms) // DAY + 1) * DAY, 0)
    _outages(town, rows)
    rows = _only(rows, (rows["ts"] >= clock.opens_ms) & (rows["ts"] < clock.closes_ms))
    rows = _only(rows, _accepted(rows, town.world.per_day))
    rows = _only(rows, np.argsort(rows["ts"], kind="stable"))
    _updates(town, rows)
    _everyday_kinds(town, rows)
    return rows


def _only(rows: dict[str, Any], which: Any) -> dict[str, Any]:
    return {name: column[which] for name, column in rows.items()}


def _outages(town: Town, rows: dict[str, Any]) -> None:
    """The site is away for some minutes; everybody tries again when it is back."""
    clock = town.world.clock
    for _ in range(clock.outages):
        begin = int(town.rng.integers(clock.opens_ms, clock.closes_ms - HOUR))
        end = begin + int(town.rng.uniform(4, 45)) * MINUTE
        hit = (rows["ts"] >= begin) & (rows["ts"] < end)
        stay = town.rng.random(len(hit)) < 0.6
        rows["ts"][hit] = end + town.rng.exponential(3 * MINUTE, int(hit.sum())).astype(np.int64)
        rows["ts"][hit & ~stay] = -1


def _accepted(rows: dict[str, Any], per_day: int) -> Ints:
    """Numbers of the rows that the rules let through."""
    day = (rows["ts"] + ZONE) // DAY
    order = np.lexsort((rows["ts"], rows["entry"], day, rows["voter"]))
    voter, date, entry = rows["voter"][order], day[order], rows["entry"][order]
    same = (voter[1:] == voter[:-1]) & (date[1:] == date[:-1])
    order = order[np.r_[True, ~(same & (entry[1:] == entry[:-1]))]]
    order = order[np.lexsort((rows["ts"][order], day[order], rows["voter"][order]))]
    voter, date = rows["voter"][order], day[order]
    begins = np.r_[True, (voter[1:] != voter[:-1]) | (date[1:] != date[:-1])]
    position = np.arange(len(order))
    nth = position - np.maximum.accumulate(np.where(begins, position, 0))
    return order[nth < per_day]


def _updates(town: Town, rows: dict[str, Any]) -> None:
    """A new version replaces a common browser string, voter by voter within days; whoever they
    are."""
    r, clock = town.rng, town.world.clock
    usual = np.argsort(-town.agent_p)[:40]
    for number in range(town.world.agents.updates):
        old = int(r.choice(usual))
        out = r.uniform(0.2, 0.8) * clock.days * DAY + clock.opens_ms
        adopted = out + r.exponential(1.5 * DAY, town.voters)
        newer = (rows["agent"] == old) & (rows["ts"] >= adopted[rows["voter"]])
        rows["agent"][newer] = 10_000_000 + 2 * number + (old >= town.inside)


def _everyday_kinds(town: Town, rows: dict[str, Any]) -> None:
    """Everyday votes by what the whole ledger shows: from crowded addresses, of the last hour."""
    for word in ("base", "cgnat", "finalrush"):
        if word not in town.kinds:
            town.kinds.append(word)
    number = {word: town.kinds.index(word) for word in ("base", "cgnat", "finalrush")}
    _, address = np.unique(rows["ip"], return_inverse=True)
    pairs = np.unique(address.astype(np.int64) * (town.voters + 1) + rows["voter"])
    voters = np.bincount(pairs // (town.voters + 1))
    usual = rows["kind"] == number["base"]
    last = rows["ts"] >= town.world.clock.closes_ms - HOUR
    rows["kind"][usual & (voters[address] >= CROWDED)] = number["cgnat"]
    rows["kind"][usual & last] = number["finalrush"]


def write(town: Town, attacks: frozenset[str], meta: Mapping[str, Any], folder: Path) -> None:
    """Write the folder; `attacks`: those of the town's kinds that are fraud."""
    rows, r, how = settle(town), town.rng, town.world.format
    n = len(rows["ts"])
    kinds = tuple(town.kinds)
    fraud = np.array([word in attacks for word in kinds])[rows["kind"]]
    entries = [how.entry.format(number + 1) for number in range(town.world.entries)]
    times = rows["ts"].tolist()
    votes = [f"00-{ms}-{nth}" for ms, nth in zip(times, _nth(rows["ts"]), strict=True)]
    share = _named(r, rows["share"], 4)
    share[rows["share"] < 0] = ""
    watched = (np.round(rows["watch"], 1) if how.tenths else rows["watch"].astype(int)).tolist()
    lines = zip(
        votes, times, np.array(entries, object)[rows["entry"]],
        _named(r, rows["voter"], 8), np.where(rows["wechat"], "wechat", "device").tolist(),
        _named(r, rows["ip"], 6), _named(r, rows["net"], 6), _browsers(town, rows["agent"], how),
        share, rows["dwell"].tolist(), watched, strict=True,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    line = ",".join(["%s"] * len(COLUMNS)) + "\n"
    with (folder / "ledger.csv").open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        file.writelines([line % row for row in lines])
    with (folder / "labels.csv").open("w", encoding="utf-8") as file:
        file.write("vote_id,label,attack_kind\n")
        file.writelines(
            f"{vote},{label:d},{kinds[kind]}\n"
            for vote, label, kind in zip(votes, fraud.tolist(), rows["kind"].tolist(), strict=True)
        )
    labels = Labels(rows["entry"], tuple(entries), fraud, rows["kind"], kinds)
    save(labels, folder)
    about = {**meta, "rows": n, "fraud": int(fraud.sum())}
    (folder / "meta.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


def _nth(at: Ints) -> list[int]:
    """How many votes of the same millisecond came before."""
    begins = np.r_[True, at[1:] != at[:-1]]
    position = np.arange(len(at))
    nth: list[int] = (position - np.maximum.accumulate(np.where(begins, position, 0))).tolist()
    return nth


def _named(r: np.random.Generator, numbers: Ints, size: int) -> Words:
    """A random pseudonym of `size` bytes, in hex, for each different number."""
    different, which = np.unique(numbers, return_inverse=True)
    text = r.bytes(size * len(different)).hex()
    names = [text[i : i + 2 * size] for i in range(0, len(text), 2 * size)]
    return np.array(names, object)[which]


def _browsers(town: Town, agent: Ints, how: Format) -> Words:
    names = _named(town.rng, agent, 4)
    if not how.family:
        return names
    outside = np.where(agent < town.world.agents.strings, agent >= town.inside, agent % 2 == 1)
    family = np.where(outside, np.where(agent % 3 > 0, "mobile/", "desktop/"),
                      np.where(agent % 5 < 2, "wx-ios/", "wx-android/"))  # fmt: skip
    named: Words = family.astype(object) + names
    return named


def save(labels: Labels, folder: Path) -> None:
    np.savez(folder / "labels.npz", entry=labels.entry.astype(np.int16), fraud=labels.fraud,
             entries=np.array(labels.entries), kind=labels.kind.astype(np.int8),
             kinds=np.array(labels.kinds))  # fmt: skip


def load(folder: Path) -> Labels:
    """A folder's labels; those of the shared simulator are read from its files once."""
    if not (folder / "labels.npz").is_file():
        _adopt(folder)
    with np.load(folder / "labels.npz") as found:
        return Labels(found["entry"].astype(np.int64), tuple(found["entries"].tolist()),
                      found["fraud"], found["kind"].astype(np.int64),
                      tuple(found["kinds"].tolist()))  # fmt: skip


def _adopt(folder: Path) -> None:
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    with (folder / "ledger.csv").open(encoding="utf-8") as file:
        of = {row[0]: row[2] for row in csv.reader(file)}
    entries, entry = np.unique([of[row[0]] for row in rows], return_inverse=True)
    kinds, kind = np.unique([row[2] for row in rows], return_inverse=True)
    fraud = np.array([row[1] == "1" for row in rows])
    save(Labels(entry, tuple(entries.tolist()), fraud, kind, tuple(kinds.tolist())), folder)


def blank(source: Path, columns: str, folder: Path) -> None:
    """A copy of a labelled ledger without what a column says (or some, joined by "+"): empty or 0,
    everybody a device, each vote a voter of its own, or (ts_ms) any moment of the same day."""
    header, rows = _read(source)
    if columns == "ts_ms":
        _blank_time(source, folder, header, rows)
        return
    for column in columns.split("+"):
        at = header.index(column)
        nothing = {"identity": "device", "dwell_ms": "0", "watched_s": "0"}.get(column, "")
        for number, row in enumerate(rows):
            row[at] = f"{number:016x}" if column == "voter" else nothing
    _copy(source, folder, header, rows)


def _blank_time(source: Path, folder: Path, header: list[str], rows: list[list[str]]) -> None:
    """The rows stay in time's order, so the labels change places with them."""
    at = header.index("ts_ms")
    day = (np.array([int(row[at]) for row in rows]) + ZONE) // DAY * DAY - ZONE
    moment = day + np.random.default_rng(11).integers(0, DAY, len(day))
    order = np.argsort(moment, kind="stable")
    for row, ms in zip(rows, moment.tolist(), strict=True):
        row[at] = str(ms)
    _copy(source, folder, header, [rows[place] for place in order.tolist()])
    was = load(source)
    save(replace(was, entry=was.entry[order], fraud=was.fraud[order], kind=was.kind[order]), folder)


def permute_entries(source: Path, folder: Path) -> None:
    """A copy in which the entries are dealt anew among the votes: whoever was after an entry isn't
    any more, so a detector must find next to nothing."""
    r = np.random.default_rng(13)
    header, rows = _read(source)
    entries = [row[2] for row in rows]
    for row, which in zip(rows, r.permutation(len(rows)).tolist(), strict=True):
        row[2] = entries[which]
    _copy(source, folder, header, rows)


def _read(source: Path) -> tuple[list[str], list[list[str]]]:
    with (source / "ledger.csv").open(encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    return header, rows


def _copy(source: Path, folder: Path, header: list[str], rows: list[list[str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "ledger.csv").open("w", encoding="utf-8", newline="") as file:
        file.writelines(",".join(row) + "\n" for row in [header, *rows])
    load(source)
    for name in ("labels.csv", "labels.npz", "meta.json"):
        shutil.copy(source / name, folder / name)
