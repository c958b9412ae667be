"""Output of `prune`: lines of text, or JSON."""

from __future__ import annotations

import sys
from collections import Counter

from thumbnailer.cli.output.run_json import error_row, print_row
from thumbnailer.cli.output.text import printable
from thumbnailer.operations.prune import PruneReport
from thumbnailer.thumbs.folders import Removal


class RemovalPrinter:
    """Printer of each removal and the summary of `prune`.

    Args:
        as_json: print one JSON object per line on stdout instead of text.
        quiet: print failures only.
        verbose: print a line for every removal.
    """

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool) -> None:
        self._as_json, self._quiet, self._verbose = as_json, quiet, verbose

    def show(self, removal: Removal) -> None:
        """Print one removal."""
        error = removal.error
        if self._as_json:
            row = {name: getattr(removal, name) for name in ("thumbnail", "source", "status")}
            print_row(row | {"error": error_row(error)})
            return
        reason = f": {printable(error.reason)}" if error else ""
        line = f"{removal.status}: {printable(removal.thumbnail)}{reason}"
        if removal.status == "failed" or (error and not self._quiet):
            print(line, file=sys.stderr, flush=True)
        elif not self._quiet and (self._verbose or removal.status == "would remove"):
            print(line, flush=True)

    def finish(self, report: PruneReport, note: str) -> None:
        """Print the summary; `note` goes before its text."""
        statuses = Counter(removal.status for removal in report.removals)
        if self._as_json:
            fields = {"thumbnails": report.thumbnails, "orphaned": report.orphaned}
            fields |= {name: statuses[name] for name in ("removed", "kept", "failed")}
            print_row({"summary": fields | {"seconds": round(report.seconds, 6)}})
        elif not self._quiet:
            counts = [f"{report.thumbnails} thumbnails", f"{report.orphaned} orphaned"]
            would_go = statuses["would remove"]
            counts += [f"{would_go} would be removed" if would_go else f"{report.removed} removed"]
            counts += [f"{statuses[name]} {name}" for name in ("kept", "failed") if statuses[name]]
            print(f"{note}{', '.join(counts)} in {report.seconds:.1f} s", flush=True)
