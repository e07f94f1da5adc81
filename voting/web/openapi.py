"""The description of the API, `/api/v1/openapi.json`."""

from __future__ import annotations

from importlib import resources

from flask import Blueprint

from voting.store.standings import Board
from voting.web.pages import public

blueprint = Blueprint("openapi", __name__)

DESCRIPTION = resources.files("voting.web").joinpath("openapi.json").read_text(encoding="utf-8")


@blueprint.get("/api/v1/openapi.json")
@public("application/json")
def index(board: Board) -> str:  # noqa: ARG001 a public page follows the board
    return DESCRIPTION
