"""The organizers' console, `/organizer/`."""

from __future__ import annotations

from flask import Flask

from voting.web.organizer import (
    accounts,
    appeals,
    cases,
    dashboard,
    entries,
    exports,
    intake,
    jobs,
    log,
    networks,
    review,
    session,
    vote,
)
from voting.web.organizer.gate import console

MODULES = (
    session, dashboard, review, entries, intake, vote, cases, networks, appeals, exports, jobs, log,
    accounts,
)  # fmt: skip


def mount(app: Flask) -> None:
    app.register_blueprint(console)
