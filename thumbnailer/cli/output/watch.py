"""Output of `watch`, as text or JSON: outcomes as of `make`, events, and a summary each minute."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from thumbnailer.cli.output.run_json import JsonPrinter, print_row
from thumbnailer.cli.output.run_text import TextPrinter
from thumbnailer.cli.output.text import printable
from thumbnailer.model import Outcome, Report

# Time between two summaries of a busy watch.
_SUMMARY_SECONDS = 60.0


class WatchPrinter:
    """Printer of the outcomes and events of a watch.

    Args:
        as_json, quiet, verbose: as the options `--json`, `--quiet` and `--verbose`.
    """

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool) -> None:
        self._as_json, self._quiet, self._verbose = as_json, quiet, verbose
        self._printer = (
            JsonPrinter() if as_json else TextPrinter(quiet=quiet, verbose=verbose, bar=False)
        )
        self._next_summary, self._counts = time.monotonic() + _SUMMARY_SECONDS, Counter[str]()

    def show(self, outcome: Outcome, report: Report) -> None:
        """Print one outcome, and a summary if the last one is a minute ago."""
        with _write_errors_ignored():
            self._printer.show(outcome, report)
        self._counts[outcome.status] += 1
        if time.monotonic() >= self._next_summary:
            counts = ", ".join(f"{count} {status}" for status, count in self._counts.items())
            self.print_event("busy", f"{counts} since the last summary")
            self._next_summary, self._counts = time.monotonic() + _SUMMARY_SECONDS, Counter()

    def print_event(self, event: str, words: str) -> None:
        """Print an event of the watch itself, such as `reloaded` or `error`, with a message."""
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        # Rescans are too frequent to be shown without `--verbose`.
        is_hidden = self._quiet or (not self._verbose and event == "rescan")
        with _write_errors_ignored():
            if self._as_json:
                print_row({"event": event, "message": words, "time": now})
            elif event == "error" or not is_hidden:
                print(f"{now} {event}: {printable(words)}", file=sys.stderr, flush=True)


@contextmanager
def _write_errors_ignored() -> Iterator[None]:
    """Ignore write errors such as a full disk, so that a watch goes on; raise BrokenPipeError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        pass
