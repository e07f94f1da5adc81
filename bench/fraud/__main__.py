"""python -m bench.fraud: judges scrutiny on worlds of our own and on the shared simulator.

Prints the tables; a full run writes them to docs/scrutiny.md and bench/fraud/latest.json, a quick
or partial one to bench/out/fraud.json only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bench.fraud import table
from bench.fraud.detectors import BASELINES
from bench.fraud.goals import SIMULATOR
from bench.fraud.rounds import (
    CARRIERS,
    ENTRIES_DEALT,
    HELD_OUT,
    LABELS_DEALT,
    LAST_LOOK,
    Job,
    play_all,
    scenarios,
    seeds_of,
    simulator_at_hand,
    sweep,
)
from bench.fraud.scenario import SETTINGS, SKILLS
from voting.contest import SHANGHAI
from voting.settings import ROOT

FULL_VOTES, QUICK_VOTES = 200_000, 60_000
FULL_SEEDS, QUICK_SEEDS = (1, 2), (1,)
RECORD = ROOT / "bench" / "fraud" / "latest.json"
DRAFT = ROOT / "bench" / "out" / "fraud.json"
DOCUMENT = ROOT / "docs" / "scrutiny.md"


def main() -> int:
    options = _options()
    record = DRAFT if _is_partial(options) and not options.record else RECORD
    report, missing = _report(record), 0
    sweep()
    try:
        for part in _parts(options):
            jobs = list(_jobs(part))
            found = play_all(jobs, options.workers, _say, options.quick or options.keep)
            order = {repr(asdict(job)): place for place, job in enumerate(jobs)}
            results = sorted(found, key=lambda one: order[repr(one["job"])])
            _file(part, report, results)
            missing += len(jobs) - len(results)
    except KeyboardInterrupt:
        return 130
    record.parent.mkdir(exist_ok=True)
    text = json.dumps(report, ensure_ascii=False, separators=(",", ":"))
    record.write_text(text + "\n", encoding="utf-8")
    print(table.measured(report))
    if record == RECORD:
        table.put(report, DOCUMENT)
        print(f"written to {DOCUMENT.relative_to(ROOT)} and {record.relative_to(ROOT)}")
    return 1 if missing else 0


def _is_partial(options: argparse.Namespace) -> bool:
    return bool(options.quick or options.only or options.scenarios or options.worlds)


def _parts(options: argparse.Namespace) -> Iterator[argparse.Namespace]:
    """The runs that this one consists of: what was asked for; everything if nothing was."""
    yield options
    chosen = options.baselines or options.without or options.shuffle or options.last_look
    if chosen or _is_partial(options):
        return
    once = {"seeds": str(_seeds(options)[0])}
    near = ",".join(world for world in _worlds(options) if world in (SIMULATOR, "home"))
    for more in ({"baselines": True}, {"shuffle": True, "scenarios": "mixed"},
                 {"without": "each", "scenarios": "mixed", "worlds": near}):  # fmt: skip
        yield argparse.Namespace(**{**vars(options), **once, **more})


def _report(record: Any) -> dict[str, Any]:
    """What earlier runs have found: each kind of run replaces its own part."""
    empty: dict[str, Any] = {"results": [], "about": {"at": "–", "votes": 0, "seeds": "–"}}
    if record == RECORD and record.is_file():
        return {**empty, **json.loads(record.read_text(encoding="utf-8"))}
    return empty


def _file(options: argparse.Namespace, report: dict[str, Any], results: list[Any]) -> None:
    """Put results where the report has them."""
    about = {
        "at": datetime.now(SHANGHAI).isoformat(timespec="minutes"),
        "votes": _votes(options), "seeds": ", ".join(str(seed) for seed in _seeds(options)),
        "detector": options.detector, "cpus": os.cpu_count(),
    }  # fmt: skip
    if options.without or options.shuffle:
        report["without" if options.without else "shuffled"] = results
    elif options.baselines:
        report["baselines"] = results
    else:
        report["last_look" if options.last_look else "results"] = results
    if not report["results"] or report["results"] is results:
        report["about"] = about


def _jobs(options: argparse.Namespace) -> Iterator[Job]:
    detectors = [options.detector, *BASELINES] if options.baselines else [options.detector]
    for world in _worlds(options):
        for scenario in _scenarios(options, world):
            clean_once = ("auto",) if scenario == "clean" else tuple(options.skills.split(","))
            for skill in clean_once:
                for seed in seeds_of(world, options.last_look, _seeds(options)):
                    for twist in _twists(options):
                        for detector in detectors:
                            yield Job(world, scenario, skill, seed, _votes(options), twist,
                                      detector)  # fmt: skip


def _worlds(options: argparse.Namespace) -> list[str]:
    known = [*SETTINGS, SIMULATOR]
    if options.worlds:
        chosen: list[str] = options.worlds.split(",")
        if strange := set(chosen) - set(known):
            sys.exit(f"no world is called {', '.join(sorted(strange))}; there are {known}")
        return chosen
    ours = [name for name in SETTINGS if name != HELD_OUT or options.last_look]
    return [*([SIMULATOR] if simulator_at_hand() else []), *ours]


def _scenarios(options: argparse.Namespace, world: str) -> list[str]:
    every = scenarios(world)
    if options.only:
        every = [one for one in every if one.rpartition("-")[0] == options.only]
    if options.scenarios:
        return [one for one in every if one in options.scenarios.split(",")]
    if options.without or options.shuffle or options.baselines:
        return [one for one in every if one in ("clean", "mixed")]
    if options.quick:
        return [one for one in every if one in ("clean", "mixed") or one.endswith("-medium")]
    return every


def _twists(options: argparse.Namespace) -> tuple[str, ...]:
    if options.without:
        each = (*CARRIERS, "ip+net", "dwell_ms+watched_s")
        return ("", *(each if options.without == "each" else options.without.split(",")))
    return ("", ENTRIES_DEALT, LABELS_DEALT) if options.shuffle else ("",)


def _votes(options: argparse.Namespace) -> int:
    return int(options.votes or (QUICK_VOTES if options.quick else FULL_VOTES))


def _seeds(options: argparse.Namespace) -> tuple[int, ...]:
    if options.last_look:
        return LAST_LOOK
    if options.seeds:
        return tuple(int(seed) for seed in options.seeds.split(","))
    return QUICK_SEEDS if options.quick else FULL_SEEDS


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fraud", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="60,000 votes, one seed, medium attacks; no record")
    add("--worlds", default="", help=f"of {', '.join([*SETTINGS, SIMULATOR])}")
    add("--scenarios", default="", help="for example clean,drip-small,mixed")
    add("--only", default="", help="one attack in all its sizes")
    add("--skills", default=",".join(SKILLS), help="naive, careful, auto (each attack's by chance)")
    add("--seeds", default="", help="for example 1,2,3")
    add("--votes", type=int, default=0, help=f"a ledger's; usually {FULL_VOTES:,}")
    add("--workers", type=int, default=2, help="processes")
    add("--detector", default="scrutiny", help="or module:function of a ledger's path → Verdict")
    add("--baselines", action="store_true", help="compare with simple detectors: clean and mixed")
    add("--without", default="", metavar="COLUMN", help="blank a column, or each in turn: each")
    add("--shuffle", action="store_true", help="deal entries, then labels anew: all must collapse")
    add("--last-look", action="store_true", help="the reserved seeds, the held-out world among all")
    add("--keep", action="store_true", help="keep the ledgers (30 MB each) for the next run")
    add("--record", action="store_true", help="write the record even if the run is partial")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
