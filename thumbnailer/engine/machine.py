"""Processors and memory that this process may use, within CPU affinity and cgroup limits."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from math import ceil

_CGROUPS = "/sys/fs/cgroup"

# Assumed where the system does not say how much memory there is.
_UNKNOWN_MEMORY_BYTES = 2 << 30


def usable_cpus() -> int:
    """Return how many processors CPU affinity and the cgroup's quota allow; at least 1.

    Format: Linux, admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (v1).
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    quotas = []
    for group in _cgroup_folders("cpu"):
        with suppress(OSError, ValueError):  # no such file, or "max": no quota here
            if os.path.exists(f"{group}/cpu.max"):
                quota, period = _read(f"{group}/cpu.max").split()
            else:
                quota = _read(f"{group}/cpu.cfs_quota_us")
                period = _read(f"{group}/cpu.cfs_period_us")
            if int(quota) > 0:
                quotas.append(ceil(int(quota) / int(period)))
    return max(1, min([count, *quotas]))


def available_memory_bytes() -> int:
    """Return how much memory can be used without swapping, on this machine and in the cgroup.

    Format: Linux, filesystems/proc.rst (MemAvailable), admin-guide/cgroup-v2.rst and
    admin-guide/cgroup-v1/memory.rst.
    """
    available = [_free_bytes()]
    for group in _cgroup_folders("memory"):
        with suppress(OSError, ValueError, KeyError):  # no such file, or "max": no limit here
            if os.path.exists(f"{group}/memory.max"):
                limit, usage, reclaimable = "memory.max", "memory.current", "inactive_file"
            else:
                limit, usage, reclaimable = (
                    "memory.limit_in_bytes",
                    "memory.usage_in_bytes",
                    "total_inactive_file",
                )
            unused = int(_read(f"{group}/{limit}")) - int(_read(f"{group}/{usage}"))
            available.append(unused + int(_read_table(f"{group}/memory.stat")[reclaimable]))
    return max(0, min(available))


def _free_bytes() -> int:
    with suppress(OSError, ValueError, KeyError):
        return int(_read_table("/proc/meminfo")["MemAvailable:"]) * 1024
    if sys.platform == "win32":
        from thumbnailer.engine import windows

        return windows.available_memory_bytes()
    with suppress(ValueError, OSError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return _UNKNOWN_MEMORY_BYTES


def _cgroup_folders(controller: str) -> list[str]:
    """Return the folders of this process's cgroup and of all its parents, of version 1 or 2."""
    groups = []
    with suppress(OSError, ValueError):
        for line in _read("/proc/self/cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                mount = _CGROUPS
            elif controller in controllers.split(","):
                mount = f"{_CGROUPS}/{controller}"
            else:
                continue
            parts = path.strip("/").split("/")
            groups += ["/".join((mount, *parts[:depth])) for depth in range(len(parts) + 1)]
    return groups


def _read_table(path: str) -> dict[str, str]:
    """Return the second word of each line, by the first."""
    rows = (line.split() for line in _read(path).splitlines())
    return {row[0]: row[1] for row in rows if len(row) > 1}


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()
