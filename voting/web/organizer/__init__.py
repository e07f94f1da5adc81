"""The organizers' console, `/organizer/`."""

from __future__ import annotations

from flask import Flask

from voting.web.organizer import (
    accounts,
    dashboard,
    entries,
    exports,
    intake,
    jobs,
    log,
    review,
    session,
    vote,
)
from voting.web.organizer.gate import console

MODULES = (session, dashboard, review, entries, intake, vote, exports, jobs, log, accounts)


def mount(app: Flask) -> None:
    app.register_blueprint(console)
