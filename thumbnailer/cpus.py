"""How many processors this process may really use."""

from __future__ import annotations

import os
from contextlib import suppress
from math import ceil

_CGROUPS = "/sys/fs/cgroup"


def usable_cpus() -> int:
    """The number of processors left by CPU affinity and by the cgroup's quota; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, min(count, ceil(_cgroup_quota())))


def _cgroup_quota() -> float:
    """The tightest CPU quota, in processors, from this process's cgroup up to the root.

    Format: Linux, admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (v1).
    """
    quotas = [float(os.cpu_count() or 1)]
    with suppress(OSError):
        for line in _read("/proc/self/cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                quotas += _quotas(_CGROUPS, path, "cpu.max")
            elif "cpu" in controllers.split(","):
                mount = f"{_CGROUPS}/cpu"
                quotas += _quotas(mount, path, "cpu.cfs_quota_us", "cpu.cfs_period_us")
    return min(quotas)


def _quotas(mount: str, path: str, *files: str) -> list[float]:
    """The quotas, in processors, of a cgroup and of all above it."""
    quotas = []
    parts = path.strip("/").split("/")
    for depth in range(len(parts) + 1):
        group = "/".join((mount, *parts[:depth]))
        with suppress(OSError, ValueError):  # no such file, or "max": no quota here
            quota, period = " ".join(_read(f"{group}/{file}") for file in files).split()
            if int(quota) > 0:
                quotas.append(int(quota) / int(period))
    return quotas


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()
