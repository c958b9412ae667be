"""A watch as lines or JSON: rows as of `make`, events, and a line a minute while it is busy."""

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

# From one summary of a busy watch to the next, in seconds.
_MINUTE = 60.0


class WatchPrinter:
    """What a watch says.

    Args:
        as_json, quiet, verbose: as for the command.
    """

    # What happens too often, or is too little, to be told unasked.
    _SMALL = frozenset({"rescan"})

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool) -> None:
        self._as_json, self._quiet, self._verbose = as_json, quiet, verbose
        self._printer = (
            JsonPrinter() if as_json else TextPrinter(quiet=quiet, verbose=verbose, bar=False)
        )
        self._next_summary, self._counts = time.monotonic() + _MINUTE, Counter[str]()

    def show(self, outcome: Outcome, report: Report) -> None:
        with _full_disk_ignored():
            self._printer.show(outcome, report)
        self._counts[outcome.status] += 1
        if time.monotonic() >= self._next_summary:
            counts = ", ".join(f"{count} {status}" for status, count in self._counts.items())
            self.tell("busy", f"{counts} since the last such line")
            self._next_summary, self._counts = time.monotonic() + _MINUTE, Counter()

    def tell(self, event: str, words: str) -> None:
        """Say what has happened to the watch itself."""
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        is_small = self._quiet or (not self._verbose and event in self._SMALL)
        with _full_disk_ignored():
            if self._as_json:
                print_row({"event": event, "message": words, "time": now})
            elif event == "error" or not is_small:
                print(f"{now} {event}: {printable(words)}", file=sys.stderr, flush=True)


@contextmanager
def _full_disk_ignored() -> Iterator[None]:
    """A watch goes on where a log can't be written, unless nobody reads it any more."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        pass
