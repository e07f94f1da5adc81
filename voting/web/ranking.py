"""The ranking `/top`, and the same as data: `/api/v1/standings`."""

from __future__ import annotations

import json

from flask import Blueprint, render_template

from voting.contest import Standing, what_may_be_shown
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
    shown = what_may_be_shown(board.rules, this_site().now_ms())
    standings = board.standings
    winning = _winning(board) if shown.counts else ()
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
    )


def _winning(board: Board) -> tuple[Standing, ...]:
    """Who is above the line: by the result once it is published, by the counts before."""
    standings, result = board.standings, board.result
    if result is None:
        return standings.winning(board.rules.winners)
    awarded = {row.number for row in result.awarded}
    return tuple(row for row in standings.rows if row.number in awarded)


@blueprint.get("/api/v1/standings")
@public("application/json")
def standings(board: Board) -> str:
    now_ms = this_site().now_ms()
    counts = what_may_be_shown(board.rules, now_ms).counts
    rows = board.standings.rows if counts else ()
    fields = {
        "as_of": iso(board.standings.as_of_ms),
        "phase": board.phase(now_ms).value,
        "total_votes": board.standings.total_votes if counts else None,
        "entries": [{"rank": r.rank, "number": r.number, "votes": r.votes} for r in rows],
    }
    return json.dumps(fields, ensure_ascii=False)
