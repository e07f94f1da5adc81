"""Forms and videos are made here: nothing is read from outside the test."""

from __future__ import annotations

from pathlib import Path

import pytest
from videos import encode, turned


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="session")
def lying(shelf: Path) -> Path:
    """1920×1080, H.264 and AAC, moov at the end: what an editor on a PC exports."""
    return encode(shelf / "lying.mp4")


@pytest.fixture(scope="session")
def upright(shelf: Path) -> Path:
    return encode(shelf / "upright.mp4", size=(1080, 1920), audio=None, count=6)


@pytest.fixture(scope="session")
def phone_upright(shelf: Path, lying: Path) -> Path:
    return turned(lying, shelf / "turned.mp4")


@pytest.fixture(scope="session")
def swift(shelf: Path) -> Path:
    """Small, moov at the front."""
    return encode(shelf / "swift.mp4", size=(320, 180), faststart=True)


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    return tmp_path / "收件箱 📮"


@pytest.fixture
def media(tmp_path: Path) -> Path:
    return tmp_path / "media"
