"""The media server: gunicorn -c config/gunicorn_media.conf.py "voting.web.media:create_media()" """

# First of all, as in gunicorn.conf.py.
from gevent import monkey

monkey.patch_all()

import socket  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from voting.settings import Refused, load_settings  # noqa: E402

try:
    settings = load_settings()
except Refused as refusal:
    sys.exit(str(refusal))

host = f"[{settings.host}]" if ":" in settings.host else settings.host
bind = f"{host}:{settings.media_port}"
backlog = 2048

# One process: a stalled reader costs a greenlet, and it never costs a vote.
worker_class = "gevent"
workers = 1
worker_connections = 2000
preload_app = False

timeout = 60
graceful_timeout = 2
keepalive = 10

forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}

limit_request_line = 1024
limit_request_fields = 64
limit_request_field_size = 8190

accesslog = None
loglevel = "warning"
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Bound what a reader who stalls may hold: 512 KiB of the kernel's memory (it doubles the
    number), for a minute. Every connection inherits this from its listener."""
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 256 * 1024)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000)


def post_worker_init(worker: Any) -> None:
    """A reader who was dropped for stalling is no error of ours."""
    worker.log.error_log.addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], TimeoutError))
    )
