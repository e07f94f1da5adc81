"""What the stack allows: empty views, and one that does nothing but cast a ballot.

Served by the site's own gunicorn.conf.py and given the very requests that the site gets.
"""

from __future__ import annotations

import os
import random
import time

from flask import Flask

from bench.visitors import ENTRIES
from voting.contest import Ballot, Identity, Signals, Verdict
from voting.settings import load_contest, load_settings
from voting.store import open_store

SIGNALS = Signals(Identity.DEVICE, b"addres", b"networ", b"agnt", bytes(4), 4_000, 23)


def create_floor() -> Flask:
    settings = load_settings()
    store = open_store(
        load_contest(settings.contest_file).id,
        settings.law_url,
        settings.politeness_url,
        settings.shards,
        settings.data_dir / "floor",
        accept_unknown=settings.accept_unknown_durability,
        sealing=b"sealing",
    )
    app = Flask("floor", static_folder=None)

    @app.get("/healthz")
    @app.get("/bare")
    def bare_get() -> str:
        return ""

    @app.post("/bare")
    def bare_post() -> tuple[str, int]:
        return "", 201

    @app.post("/floor")
    def floor() -> tuple[str, int]:
        entry, now_ms = random.randint(1, ENTRIES), int(time.time() * 1000)
        ballot = Ballot(os.urandom(8), os.urandom(8), entry, now_ms)
        verdict = store.ballots.cast(ballot, SIGNALS).verdict
        return verdict.value, 201 if verdict is Verdict.ACCEPTED else 500

    return app
