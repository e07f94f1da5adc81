"""A small made-up world, made once: with every classic attack in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.fraud.scenario import SETTINGS, make


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a labelled ledger of 20,000 votes."""
    folder = tmp_path_factory.mktemp("mixed")
    make(next(iter(SETTINGS)), "mixed", "naive", 3, 20_000, folder)
    return folder
