"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import Network, cluster, hindrance


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`few(n)`: of a test's many cases only n, evenly spread, are quick; the others are slow."""
    cases: dict[tuple[str, int], list[pytest.Item]] = {}
    for item in items:
        if mark := item.get_closest_marker("few"):
            cases.setdefault((item.nodeid.partition("[")[0], mark.args[0]), []).append(item)
    for (_, number), of_test in cases.items():
        quick = {at * len(of_test) // number for at in range(number)}
        for at, item in enumerate(of_test):
            if at not in quick:
                item.add_marker(pytest.mark.slow)


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


@pytest.fixture(scope="module")
def one_network() -> Iterator[Network]:
    """Namespaces for a Ray cluster, which takes a quarter of a minute to start, and is not to run
    beside the tests of others: it is never quite idle."""
    if reason := hindrance():
        pytest.skip(reason)
    with cluster() as network:
        yield network


@pytest.fixture
def network(one_network: Network) -> Network:
    """A cluster of a head without processors and two nodes with one each; all of it is there,
    whatever the test before has done to it."""
    one_network.mend()
    return one_network
