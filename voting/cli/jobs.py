"""`job`: one job in a process of its own; started by the worker."""

from __future__ import annotations

from collections.abc import Callable

import click

from voting import jobs
from voting.cli.command import told
from voting.jobs import Desk, Done
from voting.store.jobs import JobKind, NoSuchJob
from voting.web.site import Site


@click.command("job", hidden=True)
@click.argument("job_id")
@told
def run_job(site: Site, job_id: str) -> None:
    """做一件排好队的工作。由后台进程启动。"""
    try:
        job = site.store.jobs.of(job_id)
    except NoSuchJob as error:
        raise click.ClickException(f"没有 {job_id} 这件工作") from error
    if job.kind is JobKind.SCRUTINY:
        from voting.inspector import be_modest

        be_modest()
    jobs.run(work_of(job.kind), site.store, site.settings, site.contest, site.keys, job)


def work_of(kind: JobKind) -> Callable[[Desk], Done]:
    """What is done in a job of this kind. Imported only then: no job needs the libraries of all,
    and every web process imports this module."""
    match kind:
        case JobKind.INTAKE:
            from voting.mailroom import work
        case JobKind.RESULT:
            from voting.report.draft import work
        case JobKind.EXPORT:
            from voting.report.export import work
        case JobKind.RESULT_PACK:
            from voting.report.pack import work
        case JobKind.SCRUTINY:
            from voting.inspector import work
        case JobKind.QR_PACK:
            from voting.report.qr_pack import work
    return work
