"""gunicorn's door."""

import sys

from voting import create_app
from voting.settings import Refused

try:
    app = create_app()
except Refused as refusal:
    sys.exit(str(refusal))
