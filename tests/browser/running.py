"""A site as `make run` starts it, on a port and in a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from staging import free_port, wait_until

from voting import create_app
from voting.settings import ROOT
from voting.store import Store, keys
from voting.supervisor.child import end_with_us
from voting.web.site import Site


@contextmanager
def running(folder: Path, port: int = 0, **environ: str) -> Iterator[tuple[str, Site]]:
    """Its address, and the site as this process sees it; `folder` takes its data and its log."""
    port = port or free_port()
    given = {"PORT": str(port), "HOST": "127.0.0.1", "DATA_DIR": str(folder / "data")} | environ
    whole = os.environ | given
    log = folder / "supervisor.log"
    with log.open("w") as out:
        command = [sys.executable, "-m", "voting.supervisor"]
        child = subprocess.Popen(
            command, cwd=ROOT, env=whole, stdout=out, stderr=out, preexec_fn=end_with_us
        )
    try:
        wait_until(lambda: "Ctrl-C" in log.read_text() or child.poll() is not None, 120)
        assert child.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}", create_app(whole).extensions["site"]
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(30)


@contextmanager
def store_gone(store: Store) -> Iterator[None]:
    """Nobody reaches the law store: its socket is elsewhere, and whoever was connected is not."""
    law = store.law
    there = Path(law.connection_pool.connection_kwargs["path"])
    gone = there.with_suffix(".gone")
    there.rename(gone)
    try:
        law.client_kill_filter(_type="normal", skipme=True)
        law.connection_pool.disconnect()
        yield
    finally:
        gone.rename(there)
        law.exists(keys.CONTEST())
