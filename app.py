"""gunicorn's door, and that of `flask --app app`."""

import sys

from voting import create_app
from voting.cli import without_a_site
from voting.settings import Refused

try:
    app = create_app()
except Refused as refusal:
    app = without_a_site(refusal) or sys.exit(str(refusal))
