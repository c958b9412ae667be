"""The memory of a worker process: how much it may take, and how much it keeps between pictures."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache

# How much freed memory a worker keeps at first; pictures that need no more are the most common.
REUSED_BYTES = 64 << 20

# The largest freed block that glibc adapts its mmap threshold to: DEFAULT_MMAP_THRESHOLD_MAX of its
# malloc, less what glibc needs itself. Twice as much it keeps.
_MMAP_THRESHOLD_BYTES = REUSED_BYTES // 2 - (64 << 10)

# What 24 megapixels need that are decoded in full and brought to 2048 px.
_MOST_REUSED_BYTES = 160 << 20

# M_TRIM_THRESHOLD in glibc's malloc.h: mallopt(3).
_TRIM_THRESHOLD = -1


def limit_memory(growth_bytes: int) -> None:
    """Limit the process's memory permanently, and disable core dumps, which could hold a picture.

    What is limited is the address space, and on Windows the memory that is committed.
    """
    if sys.platform == "win32":
        from thumbnailer.engine import windows

        with suppress(OSError):
            windows.limit_memory(growth_bytes)
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
        limit_bytes = int(file.read().split()[0]) * resource.getpagesize() + growth_bytes
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit_bytes = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def reuse_memory() -> None:
    """Keep up to 64 MiB of freed memory for the next picture.

    Otherwise glibc returns it to the kernel, which clears it again page by page for each picture.
    That takes 30 of 60 ms for a progressive JPEG of 12 megapixels, and 15 of 145 ms for a thumbnail
    of 1024 px. When a large block is freed, glibc raises its threshold (mallopt(3),
    M_MMAP_THRESHOLD). The block here is freed for that purpose; none of its pages is touched.
    """
    bytes(_MMAP_THRESHOLD_BYTES)


@cache
def reuse_more_memory(most_bytes: int) -> None:
    """Keep up to 160 MiB from now on, as a picture has come that needs more than 64.

    What exceeds the threshold by a byte is returned whole. 12 megapixels to 2048 px take 89 ms
    instead of 138, 24 megapixels 136 instead of 208, and 12 progressive ones in 4:4:4 to 256 px 41
    instead of 81. This is asked for when it is needed, since ctypes takes 5 ms to import.

    Args:
        most_bytes: this worker's share of the memory for pictures, which may be less.
    """
    if sys.platform == "linux":
        import ctypes

        with suppress(AttributeError):  # musl has no such function, and keeps nothing
            ctypes.CDLL(None).mallopt(_TRIM_THRESHOLD, min(most_bytes, _MOST_REUSED_BYTES))
