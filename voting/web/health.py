"""`/healthz`: this process serves. `/readyz`: the *vote* can run; it must not gate the pages."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from voting.store.client import Durability, StoreDown, durability
from voting.web.site import this_site

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 if the law store is reachable, ours, durable and not evicting, else 503 and why."""
    site = this_site()
    try:
        found = durability(site.store.law)
    except StoreDown:
        return jsonify(status="unreachable"), 503
    try:
        site.store.ballots.require_fit()
    except StoreDown:
        why = "wrong_contest" if found is Durability.PROVEN else found.value
        return jsonify(status=why), 503
    return jsonify(status=found.value), 200
