"""Turn SIGINT, SIGTERM and SIGBREAK into a stop, and see to it that this ends in time."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import FrameType

from thumbnailer.cli.help_format import EXIT_OK, EXIT_SOME_FAILED

# The signal of a terminal that is closed; where there is none, no signal has this number.
SIGHUP: int = getattr(signal, "SIGHUP", -1)

# That of Ctrl-Break on Windows, and of a console window that is closed.
SIGBREAK: int = getattr(signal, "SIGBREAK", -1)

# The signals by which a program is told to stop.
STOPPING = (signal.SIGINT, signal.SIGTERM, *([SIGBREAK] if SIGBREAK > 0 else []))


class SignalStop:
    """Stop that a signal sets; SIGBREAK counts as SIGINT.

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
        signum = signal.SIGINT if signum == SIGBREAK else signum
        if self.signal:
            if signum == SIGHUP:  # a terminal that is closed may send several
                return
            os._exit(128 + self.signal)
        self.signal = signum


@contextmanager
def stop_on_signals() -> Iterator[SignalStop]:
    """Yield a stop that signals set; restore the previous signal handlers afterwards."""
    stop = SignalStop()
    previous = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def end_in_time(
    numbers: Collection[int], seconds: float, end: Callable[[], None]
) -> Iterator[None]:
    """Call `end` in a thread if the block goes on for so long after one of some signals.

    This holds even while the main thread waits for something that never comes, such as a reader of
    what it prints.

    Args:
        numbers: signals that have handlers.
        end: ends the program.
    """
    reader, writer = os.pipe()
    if hasattr(os, "set_blocking"):  # not on Windows before Python 3.12, which asks for none there
        os.set_blocking(writer, False)
    over = threading.Event()

    def wait_for_signal() -> None:
        with open(reader, "rb", buffering=0) as signals:
            while received := signals.read(64):
                if not set(received).isdisjoint(numbers):
                    break
        if received and not over.wait(seconds):
            end()

    threading.Thread(target=wait_for_signal, daemon=True).start()
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        over.set()
        os.close(writer)


def has_terminal() -> bool:
    """Return whether the program was started in a terminal, whose end it is to follow."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True
