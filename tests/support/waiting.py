"""Bounded waits, and what is waited for. No loop of a test goes on without one of these bounds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Bounds end what hangs; they prove no speed. A machine that is busy with other things may stall a
# program for seconds, so they are many times what is usual.
STALL_SECONDS = 30.0


def eventually(condition: Callable[[], object], seconds: float = STALL_SECONDS) -> None:
    """Wait until the condition holds; fail if it doesn't in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not happen within {seconds} s"
        time.sleep(0.01)


def until(seconds: float, pause_seconds: float = 0.0) -> Iterator[float]:
    """Count up seconds for a loop that ends by itself; fail if it has not by then.

    for _ in until(60): if it_happened(): break
    """
    begin = time.monotonic()
    while (gone := time.monotonic() - begin) < seconds:
        yield gone
        time.sleep(pause_seconds)
    raise AssertionError(f"a loop has not ended within {seconds} s")


def is_running(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be reaped."""
    return state_of(pid) not in ("", "Z")


def state_of(pid: int) -> str:
    """The letter that proc(5) has for it, such as `T` for one that is stopped; "" if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


@contextmanager
def nobody() -> Iterator[None]:
    """Go on as a user who owns nothing; only for root."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
