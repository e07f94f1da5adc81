"""The organizers' commands, `flask --app app …`: collect, make one call, say what came out."""

from __future__ import annotations

import click
from flask import Flask

from voting.cli.batches import batches
from voting.cli.entries import entries
from voting.cli.intake import intake
from voting.cli.jobs import run_job
from voting.cli.organizers import operators_log, organizers
from voting.cli.processes import load_demo, run_worker
from voting.cli.scrutinize import inspect_live, scrutinize
from voting.cli.texts import check_texts
from voting.cli.vote import recount, rules, vote
from voting.cli.winners import winners
from voting.settings import Refused


def mount(app: Flask) -> None:
    for command in (
        intake, entries, rules, vote, recount, batches, winners, organizers, operators_log,
        scrutinize, inspect_live, check_texts, run_worker, run_job, load_demo,
    ):  # fmt: skip
        app.cli.add_command(command)


def without_a_site(refusal: Refused) -> Flask | None:
    """The commands alone, where the command line asks for them: those that only read a file need no
    site, and the others say why there is none. None for whoever wants to serve."""
    context = click.get_current_context(silent=True)
    if context is None or context.parent is not None:  # a server; `flask run` and its like
        return None
    app = Flask("voting", static_folder=None)
    app.extensions["site"] = refusal
    mount(app)
    return app
