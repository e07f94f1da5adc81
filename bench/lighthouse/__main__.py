"""python -m bench.lighthouse: Lighthouse on the demo contest; exits 1 when a goal is missed.

Its mobile preset: a phone four times slower than this machine, on a simulated slow 4G. The medians
of a few rounds are held to the goals.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.stage import OUT, end, without_ours
from voting.contest import SHANGHAI
from voting.settings import ROOT
from voting.supervisor.child import end_with_us

LIGHTHOUSE = ROOT / ".lighthouse" / "node_modules" / "lighthouse" / "cli" / "index.js"
CHROMIUM_FLAGS = "--headless --no-sandbox --disable-gpu --disable-background-networking"
PAGES = ("/", "/e/1", "/top", "/rules")
ROUNDS = 3
#: Points of 100, at least; milliseconds, at most.
POINTS = {"performance": 98, "accessibility": 100, "best-practices": 100, "seo": 100}
LCP_MS = 1_500
PATIENCE_S = 120.0

Run = dict[str, float]


def main() -> int:
    options = _options()
    if missing := _missing():
        print(f"lighthouse: {missing}", file=sys.stderr)
        return 2
    runs: dict[str, list[Run]] = {page: [] for page in PAGES}
    load = os.getloadavg()[0]
    with _address(options.site) as site:
        for number in range(1, options.rounds + 1):  # one page after the other, in rounds
            for page in PAGES:
                print(f"round {number} of {options.rounds}: {page}", file=sys.stderr, flush=True)
                runs[page].append(look_at(site + page))
    medians = {page: median(of_page) for page, of_page in runs.items()}
    file = OUT / "lighthouse.json"
    report = {
        "at": datetime.now(SHANGHAI).isoformat(timespec="seconds"),
        "cpus": os.cpu_count(),
        "load": [round(load, 2), round(os.getloadavg()[0], 2)],
        "medians": medians,
        "runs": runs,
    }
    file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(table(medians))
    print(f"load {report['load']} on {report['cpus']} CPUs; written to {file.relative_to(ROOT)}")
    return 1 if any(missed(one) for one in medians.values()) else 0


def look_at(url: str) -> Run:
    """One run: points by category, times in ms, bytes and requests."""
    environ = os.environ | {"CHROME_PATH": _chromium()}
    words = ["node", str(LIGHTHOUSE), url, "--quiet", "--output=json"]
    words += [f"--chrome-flags={CHROMIUM_FLAGS}", "--no-enable-error-reporting"]
    said = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=PATIENCE_S)
    if said.returncode:
        raise SystemExit(f"lighthouse: {url}\n{said.stderr[-2000:]}")
    return figures(json.loads(said.stdout))


def figures(report: Mapping[str, Any]) -> Run:
    """What is kept of Lighthouse's report."""
    audits, categories = report["audits"], report["categories"]
    return {
        **{name: round(100 * (categories[name]["score"] or 0)) for name in POINTS},
        "lcp_ms": round(audits["largest-contentful-paint"]["numericValue"]),
        "fcp_ms": round(audits["first-contentful-paint"]["numericValue"]),
        "tbt_ms": round(audits["total-blocking-time"]["numericValue"]),
        "cls": round(audits["cumulative-layout-shift"]["numericValue"], 4),
        "bytes": round(audits["total-byte-weight"]["numericValue"]),
    }


def median(runs: list[Run]) -> Run:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def missed(run: Run) -> list[str]:
    """The goals that a run falls short of."""
    short = [name for name, least in POINTS.items() if run[name] < least]
    return short + (["lcp_ms"] if run["lcp_ms"] > LCP_MS else [])


def table(medians: Mapping[str, Run]) -> str:
    head = ("perf.", "access.", "practices", "SEO", "LCP", "FCP", "TBT", "CLS", "weight")
    lines = [("", *head)]
    for page, run in medians.items():
        points = (f"{run[name]:.0f}" for name in POINTS)
        times = (f"{run[name] / 1000:.2f} s" for name in ("lcp_ms", "fcp_ms", "tbt_ms"))
        rest = (f"{run['cls']:.3f}", f"{run['bytes'] / 1000:.0f} KB")
        short = ("  MISSED " + ", ".join(missed(run)),) if missed(run) else ()
        lines.append((page, *points, *times, *rest, *short))
    lines.append(("goal", *map(str, POINTS.values()), f"{LCP_MS / 1000:.2f} s"))
    return "\n".join(f"{line[0]:8}" + "".join(f"{one:>10}" for one in line[1:]) for line in lines)


@contextmanager
def _address(given: str) -> Iterator[str]:
    """The site at `given`, or a demo contest of our own, on free ports, gone afterwards."""
    if given:
        yield given.rstrip("/")
        return
    OUT.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="lighthouse-", dir=OUT))
    port, media_port = _free_ports(2)
    own = {"HOST": "127.0.0.1", "PORT": str(port), "MEDIA_PORT": str(media_port)}
    log = folder / "log"
    with log.open("w") as out:
        running = subprocess.Popen(
            (sys.executable, "-m", "voting.supervisor"),
            cwd=ROOT,
            env=without_ours() | own | {"DATA_DIR": str(folder / "data")},
            stdout=out,
            stderr=out,
            preexec_fn=end_with_us,
        )
    try:
        _wait_for(log, running)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(running)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(log: Path, running: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while "Ctrl-C" not in (said := log.read_text()):
        if running.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"the site doesn't start:\n{said}")
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _chromium() -> str:
    given = os.environ.get("CHROME_PATH", "")
    return given or shutil.which("chromium") or shutil.which("chromium-browser") or ""


def _missing() -> str:
    """What has to be there first, as a sentence; '' if all is."""
    if not shutil.which("node"):
        return "no Node.js here; on Debian: sudo apt install nodejs npm"
    if not LIGHTHOUSE.exists():
        return "not installed yet: make lighthouse does it"
    return "" if _chromium() else "no Chromium here; on Debian: sudo apt install chromium"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.lighthouse", description=__doc__)
    parser.add_argument("--site", default="", help="address of a running one; usually its own")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"usually {ROUNDS}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
