"""A contest in the private stores."""

from __future__ import annotations

from pathlib import Path

import pytest
from casting import Contest, a_contest


@pytest.fixture
def contest(law_url: str, throttle_url: str, tmp_path: Path) -> Contest:
    """Entries 1 to 3 votable, 4 pending; three votes a voter and day, one an entry."""
    return a_contest(law_url, throttle_url, tmp_path)


@pytest.fixture
def sharded(law_url: str, throttle_url: str, tmp_path: Path) -> Contest:
    return a_contest(law_url, throttle_url, tmp_path, shards=3)
