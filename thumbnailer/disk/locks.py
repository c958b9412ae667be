"""Locks on open files, which the kernel releases when their process dies, even by SIGKILL."""

from __future__ import annotations

import time
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ARE_SUPPORTED = fcntl is not None

# What is done under a lock that others wait for takes milliseconds; a process that was stopped
# in the middle of it must not stop all others for ever.
PATIENCE_SECONDS = 20.0


def unlock(fd: int) -> None:
    """End the lock of a file, which closing it would not do while a forked child has it open."""
    if fcntl:
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)


def lock(fd: int, patience_seconds: float = 0) -> bool | None:
    """Lock a file, unless another has locked it; wait for that one.

    Args:
        patience_seconds: how long to wait.

    Returns:
        True on success, False if it is still locked, None if locks are unsupported.
    """
    if not fcntl:
        return None
    deadline, pause = time.monotonic() + patience_seconds, 0.0005
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
        except OSError:  # a file system without locks
            return None
        else:
            return True
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
