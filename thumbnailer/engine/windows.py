"""What Windows says of memory, and how it limits that of a process, by its own functions.

Formats: Microsoft Learn, MEMORYSTATUSEX (sysinfoapi.h), PROCESS_MEMORY_COUNTERS_EX (psapi.h) and
JOBOBJECT_EXTENDED_LIMIT_INFORMATION (winnt.h).
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import Structure, byref, c_int64, c_size_t, c_uint32, c_uint64, c_void_p, sizeof

assert sys.platform == "win32"

_LIMIT_PROCESS_MEMORY = 0x100
_EXTENDED_LIMIT_INFORMATION = 9

_KERNEL = ctypes.WinDLL("kernel32", use_last_error=True)
_KERNEL.GetCurrentProcess.restype = c_void_p
_KERNEL.CreateJobObjectW.restype = c_void_p


class _MemoryStatus(Structure):
    _fields_ = (
        ("length", c_uint32),
        ("load_percent", c_uint32),
        ("total_physical", c_uint64),
        ("available_physical", c_uint64),
        ("total_page_file", c_uint64),
        ("available_page_file", c_uint64),
        ("total_virtual", c_uint64),
        ("available_virtual", c_uint64),
        ("available_extended_virtual", c_uint64),
    )


class _MemoryCounters(Structure):
    _fields_ = (
        ("length", c_uint32),
        ("page_faults", c_uint32),
        ("peak_working_set", c_size_t),
        ("working_set", c_size_t),
        ("quotas", c_size_t * 4),
        ("page_file_usage", c_size_t),
        ("peak_page_file_usage", c_size_t),
        ("private_usage", c_size_t),
    )


class _JobLimits(Structure):
    _fields_ = (
        ("process_time", c_int64),
        ("job_time", c_int64),
        ("flags", c_uint32),
        ("minimum_working_set", c_size_t),
        ("maximum_working_set", c_size_t),
        ("active_processes", c_uint32),
        ("affinity", c_size_t),
        ("priority_class", c_uint32),
        ("scheduling_class", c_uint32),
        ("io_counters", c_uint64 * 6),
        ("process_memory", c_size_t),
        ("job_memory", c_size_t),
        ("peak_process_memory", c_size_t),
        ("peak_job_memory", c_size_t),
    )


def available_memory_bytes() -> int:
    """Return how much memory there is that can be used without swapping.

    Raises:
        OSError: Windows does not say.
    """
    status = _MemoryStatus(length=sizeof(_MemoryStatus))
    _check(_KERNEL.GlobalMemoryStatusEx(byref(status)))
    return int(status.available_physical)


def limit_memory(growth_bytes: int) -> None:
    """Limit by how much the committed memory of this process may grow, permanently.

    Raises:
        OSError: Windows refuses.
    """
    this = c_void_p(_KERNEL.GetCurrentProcess())
    counters = _MemoryCounters(length=sizeof(_MemoryCounters))
    _check(_KERNEL.K32GetProcessMemoryInfo(this, byref(counters), sizeof(counters)))
    limits = _JobLimits(
        flags=_LIMIT_PROCESS_MEMORY, process_memory=counters.private_usage + growth_bytes
    )
    job = c_void_p(_KERNEL.CreateJobObjectW(None, None))  # which lasts as long as its process
    _check(job.value)
    _check(
        _KERNEL.SetInformationJobObject(
            job, _EXTENDED_LIMIT_INFORMATION, byref(limits), sizeof(limits)
        )
    )
    _check(_KERNEL.AssignProcessToJobObject(job, this))


def _check(succeeded: object) -> None:
    """Raise the error of the function that was called last, unless it has succeeded."""
    if not succeeded:
        raise ctypes.WinError(ctypes.get_last_error())
