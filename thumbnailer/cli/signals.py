"""Signals into a Stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class SignalStop:
    """Set by SIGINT or SIGTERM; a second one ends the program where it stands, and the workers find
    out by themselves."""

    signal = 0

    def is_set(self) -> bool:
        return self.signal != 0

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.signal:
            os._exit(128 + self.signal)
        self.signal = signum


@contextmanager
def stop_on_signals() -> Iterator[SignalStop]:
    stop = SignalStop()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
