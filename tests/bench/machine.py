"""What it was measured on."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress
from typing import Any


def usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """The load says whether anything else was running: CPU time, too, suffers from neighbours."""
    return {
        "processor": _processor(),
        "processors": usable_cpus(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "time": time.strftime("%Y-%m-%d %H:%M"),
        "load": os.getloadavg()[0],
    }


def words(found: dict[str, Any]) -> str:
    return (
        f"{found['processors']} processors ({found['processor']}), {found['system']}, "
        f"Python {found['python']}, {found['time']}, load {found['load']:.1f} at the start"
    )


def _processor() -> str:
    with suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
