"""Sites of every kind, and stores that may be killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from staging import OwnStore, build_open, rewritten

Raise = Callable[..., Flask]


@pytest.fixture
def raise_site(environ: dict[str, str], tmp_path: Path) -> Raise:
    """Builds a site with pieces of contest.toml changed and variables of the environment set."""

    def build(*changes: tuple[str, str], approved: int = 12, **variables: str) -> Flask:
        file = rewritten(tmp_path, *changes)
        return build_open(environ | {"CONTEST_FILE": str(file)} | variables, approved)

    return build


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, as a socket's path must be."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"  # noqa: S108 as for all stores
    folder = Path(tempfile.mkdtemp(prefix="voting-own-", dir=place))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def own_law(folder: Path) -> Iterator[OwnStore]:
    store = OwnStore.law(folder)
    store.start()
    yield store
    store.kill()


@pytest.fixture
def own_throttle(folder: Path) -> Iterator[OwnStore]:
    store = OwnStore.throttle(folder)
    store.start()
    yield store
    store.kill()
