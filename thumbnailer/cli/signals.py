"""Turn SIGINT and SIGTERM into a stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class SignalStop:
    """Stop that SIGINT or SIGTERM sets.

    A second signal ends the program at once; the workers notice that by themselves.
    """

    signal = 0

    def is_set(self) -> bool:
        """Return whether a signal has arrived."""
        return self.signal != 0

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.signal:
            os._exit(128 + self.signal)
        self.signal = signum


@contextmanager
def stop_on_signals() -> Iterator[SignalStop]:
    """Yield a stop that SIGINT and SIGTERM set; restore the previous signal handlers afterwards."""
    stop = SignalStop()
    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
