"""The web processes: gunicorn -c config/gunicorn.conf.py app:app"""

# First of all: what the master imports (settings, prepare) is what its workers inherit, and gevent
# must have replaced sockets and locks before anybody takes hold of them.
from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from voting.settings import Refused, load_settings  # noqa: E402

try:
    settings = load_settings()
except Refused as refusal:
    sys.exit(str(refusal))

host = f"[{settings.host}]" if ":" in settings.host else settings.host
bind = f"{host}:{settings.port}"
backlog = 2048

worker_class = "gevent"
workers = settings.web_workers
worker_connections = 1000
preload_app = False

timeout = 30
graceful_timeout = 5
keepalive = 10

# Who the client is, and whether it speaks TLS, is said by ProxyFix alone (TRUSTED_PROXIES).
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}

# The longest honest line is a search in Chinese, percent-encoded; bodies are limited by Flask.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

accesslog = None
loglevel = "warning"
control_socket_disable = True


def pre_request(worker: Any, req: Any) -> None:  # noqa: ARG001 gunicorn's signature
    """Whoever stalls in the middle of a body, or doesn't take the answer, doesn't hold a place."""
    req.unreader.sock.settimeout(15)


def post_worker_init(worker: Any) -> None:
    """Refused votes are counted in memory, and known voters kept; both are written every few
    seconds, beside the votes."""

    def write() -> None:
        while True:
            gevent.sleep(5)
            write_down(worker)

    gevent.spawn(write)


def worker_exit(server: Any, worker: Any) -> None:  # noqa: ARG001 gunicorn's signature
    """What was counted last."""
    write_down(worker)


def write_down(worker: Any) -> None:
    """There is no app when it couldn't be loaded, and no site in the floor of the bench."""
    if site := getattr(getattr(worker, "wsgi", None), "extensions", {}).get("site"):
        site.store.refusals.write()
        site.store.gate.write()


def on_starting(server: Any) -> None:  # noqa: ARG001 gunicorn's signature
    """Prove configuration and stores once, before any worker exists."""
    import voting

    try:
        voting.prepare()
    except Refused as refusal:
        sys.exit(str(refusal))
