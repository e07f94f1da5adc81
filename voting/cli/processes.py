"""`worker` and `demo`: started by make run."""

from __future__ import annotations

import time

import click

from voting import worker
from voting.cli.command import shelf_of, told
from voting.web.site import Site


@click.command("worker")
@told
def run_worker(site: Site) -> None:
    """后台进程：定期的和费时的工作。由 make run 启动。"""
    worker.work(site.store, site.settings, time.sleep)


@click.command("demo")
@told
def load_demo(site: Site) -> None:
    """装入演示作品和演示票；已有真实作品，或配置里 demo = false 时什么也不做。"""
    if not site.contest.demo:
        return
    from voting import demo

    click.echo(demo.load(site.store, shelf_of(site), site.now_ms()))
