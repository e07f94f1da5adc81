"""The published result `/results`, to read and to print, and the same as data."""

from __future__ import annotations

from flask import Blueprint, render_template

from voting.result import digest, public, tie_words
from voting.store.standings import Board
from voting.web import pages
from voting.web.errors import Problem
from voting.web.ranking import panel

blueprint = Blueprint("results", __name__)


@blueprint.get("/results")
@pages.public()
def index(board: Board) -> str:
    result = board.result
    if result is None:
        return render_template(
            "results/waiting.html",
            since_ms=board.snapshot.stage_ms,
            reason=board.snapshot.stage_reason,
            taken_back=board.catalogue.results,
        )
    return render_template(
        "results/index.html",
        result=result,
        notes=tie_words(result),
        digest=digest(result),
        works=board.entries,
        **panel(board),
        gone=[row for row in result.awarded if row.number in board.catalogue.withdrawn],
    )


@blueprint.get("/api/v1/results")
@pages.public("application/json")
def results(board: Board) -> str:
    """Exactly the bytes whose SHA-256 stands on the page."""
    if board.result is None:
        raise Problem(404, "not_published", "结果还没有公布", "请看 /results 上的说明")
    return public(board.result)
