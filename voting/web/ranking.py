"""The ranking `/top` with the panel of removed votes, and both as data."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, render_template

from voting.case import PATTERN_WORDS
from voting.contest import Shown, Standing, Standings, what_may_be_shown
from voting.removed import SMALLEST, Group, groups
from voting.result import tie_words
from voting.store.standings import Board
from voting.web.pages import iso, public
from voting.web.site import this_site

blueprint = Blueprint("ranking", __name__)

#: Rows below the line; two thousand would make the page heavier than a video. The rest is in the
#: gallery, sorted by votes and paged.
MOST_BELOW = 200


@blueprint.get("/top")
@public()
def top(board: Board) -> str:
    now_ms = this_site().now_ms()
    shown, standings = what_may_be_shown(board.rules, now_ms), board.shown(now_ms)
    winning = _winning(board, standings)
    listed = standings.rows[: len(winning) + MOST_BELOW] if winning else ()
    rows = [(row, board.entries[row.number]) for row in listed]
    return render_template(
        "ranking/top.html",
        top=rows[: len(winning)],
        rest=rows[len(winning) :],
        unlisted=len(standings.rows) - len(rows) if winning else 0,
        as_of_ms=standings.as_of_ms,
        total_votes=standings.total_votes if shown.counts else None,
        last_in=winning[-1].votes if winning else 0,
        free=max(0, board.rules.winners - len(winning)),
        result=board.result,
        notes=tie_words(board.result) if board.result else {},
        held=_held(board, shown),
        **panel(board),
    )


def panel(board: Board) -> dict[str, Any]:
    """What the pages tell of removed votes."""
    return {"removed": removed_groups(board), "reasons": PATTERN_WORDS, "smallest": SMALLEST}


def removed_groups(board: Board) -> tuple[Group, ...]:
    categories = {entry.number: entry.category for entry in board.entries.values()}
    return groups(board.removals, categories, ended=board.told_through_ms is None)


def _held(board: Board, shown: Shown) -> dict[int, int]:
    """Entry → the part of its votes that is being looked into, as exactly as counts are shown."""
    if not shown.counts:
        return {}
    return {number: votes // shown.step * shown.step for number, votes in board.held.items()}


def _winning(board: Board, standings: Standings) -> tuple[Standing, ...]:
    """Who is above the line: by the result once it is published, by the counts before."""
    result = board.result
    if result is None:
        return standings.winning(board.rules.winners)
    awarded = {row.number for row in result.awarded}
    return tuple(row for row in standings.rows if row.number in awarded)


@blueprint.get("/api/v1/standings")
@public("application/json")
def standings(board: Board) -> str:
    now_ms = this_site().now_ms()
    shown, standings = what_may_be_shown(board.rules, now_ms), board.shown(now_ms)
    rows, held = standings.rows, _held(board, shown)
    fields = {
        "as_of": iso(standings.as_of_ms),
        "phase": board.phase(now_ms).value,
        "counts": shown.word,
        "rounded_to": shown.step if shown.rounded else None,
        "total_votes": standings.total_votes if shown.counts else None,
        "entries": [
            {"rank": r.rank, "number": r.number, "votes": r.votes, "held": held.get(r.number, 0)}
            for r in rows
        ],
    }
    return json.dumps(fields, ensure_ascii=False)


@blueprint.get("/api/v1/removed")
@public("application/json")
def removed(board: Board) -> str:
    through_ms, found = board.told_through_ms, removed_groups(board)
    fields = {
        "through": iso(through_ms or board.snapshot.as_of_ms),
        "complete": through_ms is None,
        "smallest": 1 if through_ms is None else SMALLEST,
        "total_votes": sum(one.votes for one in found),
        "groups": [
            {
                "day": one.date.isoformat(),
                "category": one.category or None,
                "reason": one.pattern,
                "votes": one.votes,
            }
            for one in found
        ],
    }
    return json.dumps(fields, ensure_ascii=False)
