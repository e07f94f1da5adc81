"""`job`: one job in a process of its own; started by the worker."""

from __future__ import annotations

import click

from voting.cli.command import told
from voting.store.jobs import NoSuchJob
from voting.web.site import Site


@click.command("job", hidden=True)
@click.argument("job_id")
@told
def run_job(site: Site, job_id: str) -> None:
    """做一件排好队的工作。由后台进程启动。"""
    from voting import jobs  # here, because every web process imports this module

    try:
        job = site.store.jobs.of(job_id)
    except NoSuchJob as error:
        raise click.ClickException(f"没有 {job_id} 这件工作") from error
    jobs.run(site.store, site.settings, site.contest, site.keys, job)
