"""The visitor's own votes: `/mine`. The page is everybody's; the votes are in the browser."""

from __future__ import annotations

from flask import Blueprint, render_template

from voting.store.standings import Board
from voting.web.pages import public

blueprint = Blueprint("mine", __name__)


@blueprint.get("/mine")
@public()
def index(board: Board) -> str:  # noqa: ARG001 a public page follows the board
    return render_template("mine/index.html")
