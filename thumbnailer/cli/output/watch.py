"""Output of `watch`, as text or JSON: outcomes as of `make`, events, and a summary each minute.

Each line, of text or JSON, has its time; but for text that goes into systemd's journal, which adds
it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from thumbnailer.cli.output.run_json import JsonPrinter, print_row
from thumbnailer.cli.output.run_text import TextPrinter
from thumbnailer.cli.output.text import WAY_OUT, printable
from thumbnailer.cli.terminal import labelled
from thumbnailer.model import Outcome, Report
from thumbnailer.thumbs.plan import is_in_the_way

# Time between two summaries of a busy watch.
_SUMMARY_SECONDS = 60.0


class WatchPrinter:
    """Printer of the outcomes and events of a watch; may be used by several threads.

    Args:
        as_json, quiet, verbose: as the options `--json`, `--quiet` and `--verbose`.
        journal: what systemd says of its journal, in JOURNAL_STREAM; None if it is not there.
    """

    def __init__(
        self, *, as_json: bool, quiet: bool, verbose: bool, journal: str | None = None
    ) -> None:
        self._as_json, self._quiet, self._verbose = as_json, quiet, verbose
        self._clock = None if _is_stderr(journal) else _now
        self._printer = (
            JsonPrinter(clock=_now)
            if as_json
            else TextPrinter(quiet=quiet, verbose=verbose, clock=self._clock)
        )
        self._is_ready, self._next_summary, self._counts = False, 0.0, Counter[str]()
        self._has_told_way_out = False
        self._lock = threading.Lock()

    def show(self, outcome: Outcome, report: Report) -> None:
        """Print one outcome."""
        if self._is_ready:  # before that the watch tells how far it is
            if not self._counts:
                self._next_summary = time.monotonic() + _SUMMARY_SECONDS
            self._counts[outcome.status] += 1
        with self._lock, _write_errors_ignored():
            self._printer.show(outcome, report)
        if outcome.error and is_in_the_way(outcome.error) and not self._has_told_way_out:
            self._has_told_way_out = True
            self.print_event("note", f"what is in the way: {WAY_OUT}")

    def summarise(self) -> None:
        """Print a summary if there were outcomes and the first of them is a minute ago."""
        if self._counts and time.monotonic() >= self._next_summary:
            counts = ", ".join(f"{count} {status}" for status, count in self._counts.items())
            self._counts.clear()
            self.print_event("busy", f"{counts} since the last summary")

    def print_event(self, event: str, words: str) -> None:
        """Print an event of the watch itself, such as `reloaded` or `error`, with a message."""
        self._is_ready = event == "ready" or (self._is_ready and event != "reloaded")
        # Rescans are too frequent to be shown without `--verbose`.
        is_hidden = self._quiet or (not self._verbose and event == "rescan")
        with self._lock, _write_errors_ignored():
            if self._as_json:
                print_row({"event": event, "message": words, "time": _now()})
            elif event == "error" or not is_hidden:
                line = labelled(event, printable(words), sys.stderr)
                line = f"{self._clock()} {line}" if self._clock else line
                print(line, file=sys.stderr, flush=True)


def _is_stderr(journal: str | None) -> bool:
    """Return whether a stream is stderr: by device and inode, as systemd.exec(5) says."""
    try:
        status = os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # there is none
        return False
    return journal == f"{status.st_dev}:{status.st_ino}"


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


@contextmanager
def _write_errors_ignored() -> Iterator[None]:
    """Ignore write errors such as a full disk, so that a watch goes on; raise BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        pass
