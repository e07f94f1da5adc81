"""The rules in force, their versions, and the privacy notice: `/rules`."""

from __future__ import annotations

from flask import Blueprint, render_template

from voting.store.client import Durability, StoreDown, durability
from voting.store.standings import Board
from voting.web.pages import public
from voting.web.site import this_site

blueprint = Blueprint("rules", __name__)


@blueprint.get("/rules")
@public()
def index(board: Board) -> str:
    return render_template(
        "rules/index.html",
        versions=list(reversed(board.catalogue.versions)),
        durability=_durability(),
    )


def _durability() -> str:
    try:
        found: Durability = durability(this_site().store.law)
    except StoreDown:
        return "unreachable"
    return found.value
