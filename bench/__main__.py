"""python -m bench: everything in one run; prints a table and writes bench/latest.json."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.export import ROWS, weigh_export
from bench.intake import compare
from bench.load import CONNECTIONS, WrongReply
from bench.memory import VOTES, weigh
from bench.rounds import Rounds, Size
from bench.stage import OUT, Stage, machine, stage
from bench.table import intake_line, table
from voting.contest import SHANGHAI
from voting.settings import ROOT, load_contest

FULL = Size(rounds=7, seconds=1.2, apart=2_000, together=500)
QUICK = Size(rounds=3, seconds=0.4, apart=300, together=100)
QUICK_VOTES = 100_000
#: Rounds of a mailbox, and how many submissions it has if none is given.
MAILS, QUICK_MAILS = (3, 28), (1, 4)
QUICK_ROWS = 200_000


def main() -> int:
    options = _options()
    size = QUICK if options.quick else FULL
    votes = options.votes or (QUICK_VOTES if options.quick else VOTES)
    mails = QUICK_MAILS if options.quick else MAILS
    # A quick run's figures are no record.
    file = OUT / "quick.json" if options.quick else ROOT / "bench" / "latest.json"
    try:
        if options.only == "intake":
            notice = load_contest(ROOT / "config" / "contest.toml").notice
            print(intake_line(compare(options.mailbox, notice, *mails, _say)))
            return 0
        with stage() as built:
            rows = QUICK_ROWS if options.quick else ROWS
            report = measure(built, size, votes, rows, most_s=12 if options.quick else 85)
            report["intake"] = compare(options.mailbox, built.contest.notice, *mails, _say)
    except WrongReply as wrong:
        print(f"bench: {wrong}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    file.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(table(report))
    print(f"written to {file.relative_to(ROOT)}")
    return 0


def measure(built: Stage, size: Size, votes: int, rows: int, most_s: float) -> dict[str, Any]:
    """The report: how and on what it was measured, scenarios, ratios, memory, export."""
    about = machine(built.settings.data_dir, built.store)
    rounds = Rounds(built, size)
    rounds.play(_say)
    _say(f"{votes:,} votes for their weight …")
    memory = weigh(built, votes, most_s)
    _say(f"{rows:,} rows to export …")
    export = weigh_export(built, rows)
    about["load_after"] = [round(value, 2) for value in os.getloadavg()]
    return {
        "at": datetime.now(SHANGHAI).isoformat(timespec="seconds"),
        "machine": about,
        "how": {
            "rounds": size.rounds,
            "connections": CONNECTIONS,
            "workers": built.settings.web_workers,
            "networks": rounds.crowd.networks,
        },
        "ratios": {
            "floor_vs_bare": rounds.ratio("floor", "bare_post"),
            "vote_vs_floor": rounds.ratio("vote", "floor"),
            "vote_vs_bare": rounds.ratio("vote", "bare_post"),
            "gallery_vs_bare": rounds.ratio("gallery", "bare_get"),
            "top_vs_bare": rounds.ratio("top", "bare_get"),
            "standings_vs_bare": rounds.ratio("standings", "bare_get"),
        },
        "scenarios": {name: rounds.scenario(name) for name in rounds.seen},
        "memory": memory,
        "export": export,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small version, under 40 s")
    parser.add_argument("--votes", type=int, default=0, help=f"to weigh; usually {VOTES:,}")
    parser.add_argument("--only", choices=("intake",), help="print this alone, record nothing")
    parser.add_argument("--mailbox", type=Path, help="submissions to take in; usually demo clips")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
