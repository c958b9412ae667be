"""Output of `prune` and `clean`: lines of text, or JSON; and a question."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import TYPE_CHECKING

from thumbnailer.cli.output.run_json import error_row, print_row
from thumbnailer.cli.output.text import counted, format_bytes, printable
from thumbnailer.cli.terminal import labelled, print_line
from thumbnailer.errors import PruneRefused
from thumbnailer.thumbs.folders import Removal

if TYPE_CHECKING:
    from thumbnailer.operations.removal.clean import CleanReport
    from thumbnailer.operations.removal.prune import PruneReport


def show_removal(removal: Removal, arguments: argparse.Namespace) -> None:
    """Print one removal; with `--quiet` only a failed one."""
    error = removal.error
    if arguments.json:
        row = {name: getattr(removal, name) for name in ("thumbnail", "source", "status")}
        print_row(row | {"error": error_row(error)})
        return
    reason = f": {printable(error.reason)}" if error else ""
    is_wrong = removal.status == "failed" or bool(error and not arguments.quiet)
    stream, is_dry = sys.stderr if is_wrong else sys.stdout, removal.status == "would remove"
    if is_wrong or (not arguments.quiet and (arguments.verbose or is_dry)):
        text = f"{printable(removal.thumbnail or removal.source)}{reason}"
        print_line(labelled(removal.status, text, stream), stream)


def show_prune_report(report: PruneReport, note: str, arguments: argparse.Namespace) -> None:
    """Print the summary; `note` goes before its text."""
    statuses = Counter[str](removal.status for removal in report.removals)
    if arguments.json:
        fields = {name: getattr(report, name) for name in ("thumbnails", "orphaned", "stale")}
        fields |= {name: statuses[name] for name in ("removed", "kept", "failed")}
        print_row({"summary": fields | {"seconds": round(report.seconds, 6)}})
    elif not arguments.quiet:
        counts = [counted(report.thumbnails, "thumbnail", ""), f"{report.orphaned} orphaned"]
        counts += [f"{report.stale} stale"] if arguments.stale else []
        counts += _removal_counts(statuses)
        print(f"{note}{', '.join(counts)} in {report.seconds:.1f} s", flush=True)


def ask_to_clean(report: CleanReport, arguments: argparse.Namespace) -> None:
    """Say how much is to be removed, and ask on a terminal whether it is.

    Raises:
        PruneRefused: it is not, or there is no terminal and no `--yes`.
    """
    how_much = f"{_own_words(report)} in {counted(report.folders, 'folder')}"
    how_much += f", {format_bytes(report.size_bytes)}"
    if arguments.yes:
        if not (arguments.quiet or arguments.json):
            print(how_much, flush=True)
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        reason = "nothing was removed (see --dry-run; --yes if this is right)"
        raise PruneRefused(f"{how_much} would go: {reason}")
    print(f"{how_much}. Remove them? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise PruneRefused("nothing was removed")


def show_clean_report(report: CleanReport, note: str, arguments: argparse.Namespace) -> None:
    """Print the summary; `note` goes before its text."""
    statuses = Counter[str](removal.status for removal in report.removals)
    if arguments.json:
        fields = {name: getattr(report, name) for name in ("thumbnails", "pages", "folders")}
        fields |= {"bytes": report.size_bytes}
        fields |= {name: statuses[name] for name in ("removed", "kept", "failed")}
        print_row({"summary": fields | {"seconds": round(report.seconds, 6)}})
    elif not arguments.quiet:
        counts = [_own_words(report), *_removal_counts(statuses)]
        print(f"{note}{', '.join(counts)} in {report.seconds:.1f} s", flush=True)


def _own_words(report: CleanReport) -> str:
    words = [counted(report.thumbnails, "thumbnail")]
    words += [counted(report.pages, "gallery page")] if report.pages else []
    return ", ".join(words)


def _removal_counts(statuses: Counter[str]) -> list[str]:
    would_go, removed = statuses["would remove"], statuses["removed"]
    counts = [f"{would_go:,} would be removed" if would_go else f"{removed:,} removed"]
    return counts + [f"{statuses[name]:,} {name}" for name in ("kept", "failed") if statuses[name]]
