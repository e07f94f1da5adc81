"""The media server: gunicorn -c config/gunicorn_media.conf.py "voting.web.media:create_media()" """

# First of all, as in gunicorn.conf.py.
from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
from pathlib import Path  # noqa: E402

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
