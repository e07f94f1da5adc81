"""What no log may hold: the address of an appeal's page, because it opens the answer.

Our own lines name the rule of an address (voting/web/errors.py). Servers and Flask name the address
itself, so what they write goes through here.
"""

from __future__ import annotations

import logging
import re

from flask import Flask

#: Whoever logs addresses: gunicorn, its access log too should it be turned on, and `flask run`.
SERVERS = ("gunicorn.error", "gunicorn.access", "werkzeug")
_TICKETS = re.compile(r"/appeals/[^\s\"']+")


def mount(app: Flask) -> None:
    for name in (*SERVERS, app.logger.name):
        logging.getLogger(name).addFilter(without_tickets)


def without_tickets(record: logging.LogRecord) -> bool:
    """A logger's filter: lets every line through, without what stands behind `/appeals/`."""
    line = record.getMessage()
    if "/appeals/" in line:
        record.msg, record.args = _TICKETS.sub("/appeals/…", line), ()
    return True
