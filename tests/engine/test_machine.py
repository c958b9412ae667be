"""How many workers there are when nobody says how many."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CODE = "from thumbnailer.engine.machine import usable_cpus; print(usable_cpus())"


def usable_cpus(before: str = "pass") -> int:
    """What a process of its own counts, after it has done `before`."""
    code = f"import os; {before}; {CODE}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_not_more_than_there_are_and_at_least_one() -> None:
    assert 1 <= usable_cpus() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
def test_affinity_counts() -> None:
    assert usable_cpus("os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})") == 1


@pytest.fixture
def group() -> Iterator[Path]:
    """A cgroup (version 1) whose processes get half a processor together."""
    folder = Path("/sys/fs/cgroup/cpu/thumbnailer-test")
    try:
        folder.mkdir()
        (folder / "cpu.cfs_period_us").write_text("100000")
        (folder / "cpu.cfs_quota_us").write_text("50000")
    except OSError:
        pytest.skip("may not make a cgroup of version 1")
    yield folder
    folder.rmdir()


def test_the_quota_of_a_cgroup_counts(group: Path) -> None:
    assert usable_cpus(f"open('{group}/cgroup.procs', 'w').write(str(os.getpid()))") == 1
