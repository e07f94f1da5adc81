"""The organizers' commands, `flask --app app …`: collect, make one call, say what came out."""

from __future__ import annotations

from flask import Flask

from voting.cli.entries import entries
from voting.cli.intake import intake
from voting.cli.jobs import run_job
from voting.cli.organizers import operators_log, organizers
from voting.cli.processes import load_demo, run_worker
from voting.cli.texts import check_texts
from voting.cli.vote import recount, rules, vote
from voting.cli.winners import winners


def mount(app: Flask) -> None:
    for command in (
        intake, entries, rules, vote, recount, winners, organizers, operators_log,
        check_texts, run_worker, run_job, load_demo,
    ):  # fmt: skip
        app.cli.add_command(command)
