"""Results as a person reads them: Markdown tables, and their place in docs/scrutiny.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.fraud.goals import by, goals_met, recalls, within

Result = Mapping[str, Any]
Results = Sequence[Result]
BEGIN: Final = "<!-- fraud-bench: measured, begin -->"
END: Final = "<!-- fraud-bench: measured, end -->"

TEMPLATE: Final = f"""# Scrutiny

{BEGIN}
{END}

## What these figures are worth

- Every world here is made up: no real contest's ledger was at hand. The figures say how a detector
  does against what its makers could think of, on both sides.
- The attackers don't answer. Real sellers look at what is removed and change.
- Honest people are simpler than in life: the special crowds don't overlap, and their sizes, hours
  and pages are drawn from a few laws.
- Recall of an attack is only as hard as its careful version; rates of honest populations with few
  votes move in large steps.
- The shared simulator has tells of its own (its README lists them). A figure that is much better
  there than in the other worlds is a sign of fitting.
"""


def measured(report: Mapping[str, Any]) -> str:
    """The whole measured block. `report` is what bench/fraud/latest.json holds."""
    about, results = report["about"], report["results"]
    lines = [
        f"Measured {about['at']} by `make fraud-bench`: {about['votes']:,} votes a ledger, "
        f"{len(results)} ledgers, seeds {about['seeds']}.", "",
    ]  # fmt: skip
    if results:
        lines += ["### Goals", "", *goals_met(results), "", *_whole(results)]
    if last := report.get("last_look"):
        lines += ["### The last look: seeds that nothing was tuned on", "", *goals_met(last), "",
                  *_whole(last)]  # fmt: skip
    if report.get("baselines"):
        lines += ["### Against simple detectors, on the same ledgers", "",
                  *_baselines(report["baselines"]), ""]  # fmt: skip
    if report.get("without"):
        lines += ["### What each column carries: the ledger without it", "",
                  *_twisted(report["without"]), ""]  # fmt: skip
    if report.get("shuffled"):
        lines += ["### Shuffled: nothing must be left", "",
                  "`entries`: the entries dealt anew among the votes: whoever was after one isn't "
                  "any more. `labels`: the labels dealt anew: recall is what is flagged of all.",
                  "", *_twisted(report["shuffled"], ""), ""]  # fmt: skip
    return "\n".join(lines)


def _whole(results: Results) -> Iterator[str]:
    yield from ("#### Worlds", "", *_worlds(results), "",
                "#### Recall of each attack, naive / careful", "",
                "In brackets: the difference to the simulator.", "", *_recall(results), "",
                "#### Honest votes flagged, mean / worst ledger, in %", "",
                *_honest(results), "")  # fmt: skip


def put(report: Mapping[str, Any], document: Path) -> None:
    """Replace the measured block of the document; the rest of it stays as people wrote it."""
    text = document.read_text(encoding="utf-8") if document.is_file() else TEMPLATE
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    document.write_text(f"{before}{BEGIN}\n\n{measured(report)}\n{END}{after}", encoding="utf-8")


def _worlds(results: Results) -> Iterator[str]:
    yield from _head(
        "world", "ledgers", "PR-AUC", "recall", "honest flagged, mean / worst %",
        "on attacked entries, mean / worst %", "top 10 right, without → with", "made worse",
        "clean top 10 touched", "most cases", "drip excess ±30 %", "idle excess %", "reasons",
        "s, median",
    )  # fmt: skip
    for world, mine in by(results, lambda one: one["job"]["world"]).items():
        scores = [one["score"] for one in mine]
        clean = [one["score"] for one in mine if one["job"]["scenario"] == "clean"]
        touched = sum(one["wrong"] > one["wrong_without"] for one in scores)
        kept = sum(not one["top_ok"] for one in clean)
        yield _row(
            world, len(mine), _mean(scores, "pr_auc"), _mean_of(recalls(mine).values()),
            _spread(one["flagged"] for one in scores),
            _spread(one["on_attacked"] for one in scores),
            f"{_percent(scores, 'top_ok_without')} → {_percent(scores, 'top_ok')}", touched,
            f"{kept} of {len(clean)}",
            max((one["cases"] for one in scores if one["cases"] is not None), default="–"),
            within(scores), _mean(scores, "idle_excess", 100), _mean(scores, "reasoned"),
            f"{np.median([one['seconds'] for one in scores]):.1f}",
        )  # fmt: skip


def _recall(results: Results) -> Iterator[str]:
    worlds = {w: recalls(mine) for w, mine in by(results, lambda o: o["job"]["world"]).items()}
    attacks = list(dict.fromkeys(attack for found in worlds.values() for attack, _ in found))
    yield from _head("attack", *worlds)
    near = worlds.get("simulator", {})
    for attack in attacks:
        cells = []
        for world, found in worlds.items():
            pair = [found.get((attack, skill)) for skill in ("naive", "careful")]
            text = " / ".join("–" if value is None else f"{value:.2f}" for value in pair)
            drops = [found[key] - near[key] for skill in ("naive", "careful")
                     if (key := (attack, skill)) in found and key in near]  # fmt: skip
            if drops and world != "simulator":
                text += f" ({' / '.join(f'{drop:+.2f}' for drop in drops)})"
            cells.append(text)
        yield _row(attack, *cells)


def _honest(results: Results) -> Iterator[str]:
    worlds = by(results, lambda one: one["job"]["world"])
    kinds = list(dict.fromkeys(kind for one in results for kind in one["score"]["honest"]))
    yield from _head("population", *worlds)
    for kind in sorted(kinds):
        cells = [_spread(one["score"]["honest"].get(kind) for one in mine)
                 for mine in worlds.values()]  # fmt: skip
        yield _row(kind, *cells)


def _baselines(rows: Results) -> Iterator[str]:
    yield from _head("detector", "PR-AUC", "recall", "honest flagged, mean / worst %",
                     "campus, mean / worst %", "top 10 right")  # fmt: skip
    for detector, mine in by(rows, lambda one: one["job"]["detector"]).items():
        scores = [one["score"] for one in mine]
        yield _row(detector, _mean(scores, "pr_auc"), _mean(scores, "recall_all"),
                   _spread(one["flagged"] for one in scores),
                   _spread(one["honest"].get("campus") for one in scores),
                   _percent(scores, "top_ok"))  # fmt: skip


def _twisted(rows: Results, top: str = "top 10 right") -> Iterator[str]:
    """`top`: the last column's head, none if the ten first mean nothing."""
    yield from _head("ledger", "PR-AUC", "recall", "honest flagged, mean / worst %", "cases, mean",
                     *([top] if top else ()))  # fmt: skip
    for twist, mine in by(rows, lambda one: one["job"]["twist"]).items():
        scores = [one["score"] for one in mine]
        yield _row(twist or "as it is", _mean(scores, "pr_auc"), _mean(scores, "recall_all"),
                   _spread(one["flagged"] for one in scores), _mean(scores, "cases"),
                   *([_percent(scores, "top_ok")] if top else ()))  # fmt: skip


def _mean(scores: Sequence[Mapping[str, Any]], name: str, times: float = 1) -> str:
    return _mean_of((one[name] for one in scores), times)


def _mean_of(values: Iterable[float | None], times: float = 1) -> str:
    known = [value for value in values if value is not None]
    return f"{times * np.mean(known):.2f}" if known else "–"


def _percent(scores: Sequence[Mapping[str, Any]], name: str) -> str:
    return f"{100 * np.mean([one[name] for one in scores]):.0f} %"


def _spread(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{100 * np.mean(known):.3f} / {100 * max(known):.2f}" if known else "–"


def _head(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield _row(*["---"] * len(cells))


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"
