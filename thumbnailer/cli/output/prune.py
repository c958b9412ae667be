"""Output of `prune`: lines of text, or JSON."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from thumbnailer.cli.output.run_json import error_row, print_row
from thumbnailer.cli.output.text import printable
from thumbnailer.operations.prune import PruneReport
from thumbnailer.thumbs.folders import Removal


def show_removal(removal: Removal, arguments: argparse.Namespace) -> None:
    """Print one removal; with `--quiet` only a failed one."""
    error = removal.error
    if arguments.json:
        row = {name: getattr(removal, name) for name in ("thumbnail", "source", "status")}
        print_row(row | {"error": error_row(error)})
        return
    reason = f": {printable(error.reason)}" if error else ""
    line = f"{removal.status}: {printable(removal.thumbnail or removal.source)}{reason}"
    if removal.status == "failed" or (error and not arguments.quiet):
        print(line, file=sys.stderr, flush=True)
    elif not arguments.quiet and (arguments.verbose or removal.status == "would remove"):
        print(line, flush=True)


def show_prune_report(report: PruneReport, note: str, arguments: argparse.Namespace) -> None:
    """Print the summary; `note` goes before its text."""
    statuses = Counter(removal.status for removal in report.removals)
    if arguments.json:
        fields = {name: getattr(report, name) for name in ("thumbnails", "orphaned", "stale")}
        fields |= {name: statuses[name] for name in ("removed", "kept", "failed")}
        print_row({"summary": fields | {"seconds": round(report.seconds, 6)}})
    elif not arguments.quiet:
        counts = [f"{report.thumbnails} thumbnails", f"{report.orphaned} orphaned"]
        counts += [f"{report.stale} stale"] if arguments.stale else []
        would_go = statuses["would remove"]
        counts += [f"{would_go} would be removed" if would_go else f"{report.removed} removed"]
        counts += [f"{statuses[name]} {name}" for name in ("kept", "failed") if statuses[name]]
        print(f"{note}{', '.join(counts)} in {report.seconds:.1f} s", flush=True)
