"""Turn SIGINT and SIGTERM into a stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from thumbnailer.cli.help_format import EXIT_OK, EXIT_SOME_FAILED


class SignalStop:
    """Stop that SIGINT or SIGTERM sets.

    A second signal ends the program at once; the workers notice that by themselves.
    """

    signal = 0

    def is_set(self) -> bool:
        """Return whether a signal has arrived."""
        return self.signal != 0

    @property
    def note(self) -> str:
        """What goes before the text of a summary."""
        return "interrupted: " if self.signal else ""

    def exit_code(self, failed: object) -> int:
        """Return the exit code of a command, of which something may have failed."""
        if self.signal:
            return 128 + self.signal
        return EXIT_SOME_FAILED if failed else EXIT_OK

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
