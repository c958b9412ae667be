"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An empty folder for pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """An empty folder that every user may enter; pytest's own are for the owner only."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def corpus() -> Path:
    """A folder with real pictures in `camera`, `orientation`, `formats` and `hostile`."""
    folder = os.environ.get("THUMBNAILER_CORPUS")
    if not folder:
        pytest.skip("THUMBNAILER_CORPUS does not name a folder of real pictures")
    return Path(folder).resolve()
