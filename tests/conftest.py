"""Fixtures for all tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import hypothesis
import pytest
from support import az_queue_server, az_server, gs_server, pubsub_server, sqs_server, weed_server
from support.chromium import FLAGS
from support.cloud import Cloud, NewBucket
from support.cloud_queue import CloudQueue, NewQueue
from support.processes import RESTRICTED
from support.ray_cluster import Network, cluster, hindrance
from support.s3_server import ENVIRONMENT, Storage, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

try:
    import fcntl
except ImportError:  # Windows: no test may be beside another then
    fcntl = None  # type: ignore[assignment]


# The cases are the same each time, so that no change is held up by another one's fault; with
# `--hypothesis-profile default` they are new ones.
hypothesis.settings.register_profile("same cases", derandomize=True)
hypothesis.settings.load_profile("same cases")

# Fixtures that take seconds to start: the tests that share one run in one worker, in turn.
_SHARED = (
    "one_network",
    "s3_server",
    "cloud_server",
    "queue_server",
    "browser",
    "reference",
    "inside",
    "made",
    "windows",
)

# What the project's folder held when the tests began.
_TOP_LEVEL = pytest.StashKey[frozenset[str]]()

# Tests wait more than they work: for watches to settle, for servers and for the ends of processes.
_WORKERS_A_PROCESSOR = 2


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes `-n auto` means: none for tests that are named one by one."""
    if fcntl is None or any("::" in name or name.endswith(".py") for name in config.args):
        return 0
    return _WORKERS_A_PROCESSOR * (os.cpu_count() or 1)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """What is wholly about POSIX systems can't even be imported elsewhere."""
    if os.name == "posix" or collection_path.suffix != ".py":
        return None
    text = collection_path.read_text("utf-8")
    return re.search("^pytestmark = .*posix_only", text, re.MULTILINE) is not None or None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name no case by content: that of a colour profile holds the second in which it was made, and
    all workers have to find the same cases."""
    return argname if isinstance(val, bytes) and len(val) > 16 else None


def pytest_itemcollected(item: pytest.Item) -> None:
    for fixture in _SHARED:
        if fixture in getattr(item, "fixturenames", ()):
            of_item = item.callspec.params if hasattr(item, "callspec") else {}
            item.add_marker(pytest.mark.xdist_group(f"{fixture}{of_item.get(fixture, '')}"))
            break


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


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """`alone`: a test that changes the whole machine, or measures it, has no other beside it.

    Each test holds a lock together with the others; one that is to be alone waits until it is the
    only one. The first lock is the gate at which the others wait for it meanwhile.
    """
    if not hasattr(item.config, "workerinput") or not fcntl:
        return (yield)
    place = Path(item.config.option.basetemp).parent  # which pytest clears away some runs later
    is_alone = item.get_closest_marker("alone") is not None
    kind = fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH
    with (place / "gate").open("w") as gate, (place / "everyone").open("w") as everyone:
        fcntl.flock(gate, kind)
        fcntl.flock(everyone, kind)
        if not is_alone:
            fcntl.flock(gate, fcntl.LOCK_UN)
        return (yield)


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[_TOP_LEVEL] = _top_level(session.config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if a test has left something beside the project's own files."""
    before = session.config.stash[_TOP_LEVEL]
    if left := _top_level(session.config) - before:
        names = ", ".join(sorted(left))
        print(f"\nerror: the tests have left {names} in {session.config.rootpath}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _top_level(config: pytest.Config) -> frozenset[str]:
    names = (path.name for path in config.rootpath.iterdir())
    return frozenset(name for name in names if not name.startswith("."))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was skipped, and what it is for want of."""
    skipped = terminalreporter.getreports("skipped")
    # Of several lines, as `mount` says why it can't, the first is enough.
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ").partition("\n")[0] for report in skipped
    )
    if reasons:
        told = "; ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        terminalreporter.write_line(f"skipped: {told}")
        if any("install" in reason or "extra" in reason for reason in reasons):
            terminalreporter.write_line("`pip install '.[test-all]'` brings what all tests need")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("there is no Chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def restricted() -> tuple[str, ...]:
    """A prefix to a command for which permissions count."""
    if os.name != "posix":
        pytest.skip("is about POSIX systems")
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv")
    return tuple(RESTRICTED)


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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    pytest.importorskip("obstore", reason="the extra s3 is not installed")
    pytest.importorskip("moto.server", reason="moto with Flask is not installed")
    with serving(tmp_path_factory.mktemp("server")) as (endpoint, log):
        yield endpoint, log


@pytest.fixture
def storage(s3_server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Storage:
    """An empty bucket, and the environment that leads to it."""
    endpoint, log = s3_server
    for name, value in (ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint}).items():
        monkeypatch.setenv(name, value)
    boto3 = pytest.importorskip("boto3", reason="the extra s3 is not installed")
    client = boto3.client("s3", endpoint_url=endpoint)
    name = f"tests-{uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    return Storage(endpoint, name, client, log)


@pytest.fixture(scope="session", params=["s3", "az", "gs"])
def cloud_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewBucket]:
    pytest.importorskip("obstore", reason="the extra s3 is not installed")
    pytest.importorskip("boto3", reason="the extra s3 is not installed")
    server = {"s3": weed_server, "az": az_server, "gs": gs_server}[request.param]
    if reason := server.hindrance():
        pytest.skip(reason)
    with server.serving(tmp_path_factory.mktemp("server")) as new_bucket:
        yield new_bucket


@pytest.fixture
def cloud(cloud_server: NewBucket, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """An empty bucket of each service in turn, and the environment that leads to it."""
    cloud = cloud_server(f"tests-{uuid4().hex[:12]}")
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    return cloud


@pytest.fixture
def sqs(storage: Storage) -> CloudQueue:
    """An empty queue of SQS, on the server of `storage`."""
    return sqs_server.new_queue(storage.endpoint, f"tests-{uuid4().hex[:12]}")


@pytest.fixture(scope="session", params=["sqs", "azure", "pubsub"])
def queue_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewQueue]:
    pytest.importorskip("botocore", reason="the extra s3 is not installed")
    servers = {"sqs": sqs_server, "azure": az_queue_server, "pubsub": pubsub_server}
    server = servers[request.param]
    if reason := server.hindrance():
        pytest.skip(reason)
    with server.serving(tmp_path_factory.mktemp("server")) as new_queue:
        yield new_queue


@pytest.fixture
def cloud_queue(queue_server: NewQueue, monkeypatch: pytest.MonkeyPatch) -> CloudQueue:
    """An empty queue of each service in turn, and the environment that leads to it."""
    queue = queue_server(f"tests-{uuid4().hex[:12]}")
    for name, value in queue.environment.items():
        monkeypatch.setenv(name, value)
    return queue


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a tmpfs")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
