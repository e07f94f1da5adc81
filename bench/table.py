"""The figures as a person reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: Figure → what is to be reached; those in CEILINGS are ceilings, the rest are floors.
TO_REACH = {
    "vote_vs_floor": 0.80,
    "gallery_vs_bare": 0.65,
    "top_vs_bare": 0.65,
    "standings_vs_bare": 0.65,
    "bytes_per_vote": 96,
    "export_rows_per_s": 100_000,
    "export_memory": 1.1,
    "intake_vs_ffmpeg": 1.5,
}
CEILINGS = ("bytes_per_vote", "export_memory", "intake_vs_ffmpeg")

SCENARIOS = {
    "bare_get": "empty GET view",
    "gallery": "GET /",
    "top": "GET /top",
    "standings": "GET /api/v1/standings",
    "bare_post": "empty POST view",
    "floor": "floor: empty view, one cast",
    "vote": "POST …/votes",
    "me": "GET /api/v1/me?entry=N",
    "passes": "POST /api/v1/passes",
    "together": "passes + votes",
}


def table(report: dict[str, Any]) -> str:
    """`report` is what bench/latest.json holds."""
    figures = (*_figures(report), *_export(report["export"]), intake_line(report["intake"]))
    return "\n".join([*_machine(report), "", *_scenarios(report), "", *figures, ""])


def _machine(report: dict[str, Any]) -> Iterator[str]:
    machine, how = report["machine"], report["how"]
    load = " ".join(f"{value:.2f}" for value in machine["load"])
    after = " ".join(f"{value:.2f}" for value in machine["load_after"])
    yield f"{report['at']} · {machine['cpus']} × {machine['cpu']} · Python {machine['python']}"
    yield f"load {load} before, {after} after · fsync {machine['fsync_ms']} ms"
    yield f"{machine['store']}, allocator {machine['allocator']}, appendfsync always"
    yield (
        f"{how['rounds']} interleaved rounds, medians; {how['connections']} keep-alive connections;"
        f" {how['workers']} gevent workers; {how['networks']:,} client networks"
    )


def _scenarios(report: dict[str, Any]) -> Iterator[str]:
    yield f"{'':30}{'rate/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'server µs':>11}{'store µs':>10}"
    for name, title in SCENARIOS.items():
        one = report["scenarios"][name]
        yield (
            f"{title:30}{one['rate']:>9,.0f}{one['p50_ms']:>9.1f}{one['p99_ms']:>9.1f}"
            f"{one['server_us']:>11,.0f}{one['store_us']:>10,.0f}"
        )


def _figures(report: dict[str, Any]) -> Iterator[str]:
    yield f"{'':22}{'median':>9}{'rounds':>16}{'by CPU':>9}   to reach"
    for name, ratio in report["ratios"].items():
        span = f"{ratio['lowest']:.2f} – {ratio['highest']:.2f}"
        yield (
            f"{name:22}{ratio['median']:>9.2f}{span:>16}{ratio['by_cpu']:>9.2f}"
            f"   {_verdict(name, ratio['median'])}"
        )
    memory = report["memory"]
    cast = f"{memory['votes']:,} votes by {memory['voters']:,} voters in {memory['seconds']:.0f} s"
    yield ""
    yield (
        f"{'bytes_per_vote':22}{memory['bytes_per_vote']:>9.1f}   "
        f"{_verdict('bytes_per_vote', memory['bytes_per_vote'])}; "
        f"resident {memory['rss_bytes_per_vote']:.1f}; {cast}"
    )
    yield (
        f"{'store_us_per_vote':22}{memory['store_us_per_vote']:>9.1f}   pipelined; "
        f"{report['scenarios']['vote']['store_us']:.0f} one by one, with fsync"
    )


def _export(export: dict[str, Any]) -> Iterator[str]:
    """Rows a second; and memory with many rows against memory with a fifth of them."""
    rate, grown = export["rows_per_s"], export["peak_mb"] / export["peak_mb_few"]
    yield (
        f"{'export_rows_per_s':22}{rate:>9,.0f}   {_verdict('export_rows_per_s', rate)}; "
        f"{export['lowest']:,} – {export['highest']:,}; masked {export['masked_rows_per_s']:,}"
    )
    yield (
        f"{'export_memory':22}{grown:>9.2f}   {_verdict('export_memory', grown)}; "
        f"{export['peak_mb']} MB with {export['rows']:,} rows, "
        f"{export['peak_mb_few']} MB with {export['few_rows']:,}"
    )


def intake_line(intake: dict[str, Any]) -> str:
    """`intake` is what bench.intake.compare found."""
    if reason := intake.get("skipped"):
        return f"{'intake_vs_ffmpeg':22} skipped: {reason}"
    ratio = intake["ratio"]
    span = f"{ratio['lowest']:.2f} – {ratio['highest']:.2f}"
    return (
        f"{'intake_vs_ffmpeg':22}{ratio['median']:>9.2f}{span:>16}{ratio['by_cpu']:>9.2f}"
        f"   {_verdict('intake_vs_ffmpeg', ratio['median'])}; {intake['submissions']} submissions"
        f" ({intake['mailbox']}), {intake['video_s']:.0f} s of video: "
        f"{intake['ours_s']:.1f} s, FFmpeg {intake['ffmpeg_s']:.1f} s"
    )


def _verdict(name: str, value: float) -> str:
    goal = TO_REACH.get(name)
    if goal is None:
        return ""
    sign, reached = ("≤", value <= goal) if name in CEILINGS else ("≥", value >= goal)
    return f"{sign} {goal:g} {'reached' if reached else 'MISSED'}"
