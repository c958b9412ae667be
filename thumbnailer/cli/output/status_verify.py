"""Output of `status` and `verify`: text, or JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from thumbnailer.cli.output.run_json import print_row
from thumbnailer.cli.output.text import format_bytes, printable

if TYPE_CHECKING:
    from thumbnailer.operations.status import Reason, StatusItem, StatusReport
    from thumbnailer.operations.verify import Finding, VerifyReport

# How many reasons are shown for stale and for failed thumbnails: the most frequent ones.
_MAX_REASONS = 10

_COUNTS = (
    "thumbnails",
    "whole",
    "wrong",
    "stale",
    "missing",
    "failed",
    "skipped",
    "fixed",
    "orphaned",
)


class StatusPrinter:
    """Printer of the result of `status`: a table, or one JSON object.

    Args:
        as_json: print the JSON object.
        quiet: print failures only.
        verbose: also print a line for every thumbnail that is not current.
    """

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool) -> None:
        self._as_json, self._quiet, self._verbose = as_json, quiet, verbose and not quiet

    def show(self, one: StatusItem) -> None:
        """Print one thumbnail that is not current."""
        if self._as_json:
            return
        name = one.source if one.state == "failed" or not one.path else one.path
        line = f"{one.state}: {printable(name)}: {printable(one.reason)}"
        if one.state == "failed" and (self._quiet or self._verbose):
            print(line, file=sys.stderr, flush=True)
        elif self._verbose:
            print(line, flush=True)

    def finish(self, report: StatusReport, note: str) -> None:
        """Print the table after `note`, or the JSON object."""
        if self._as_json:
            fields = asdict(report)
            print_row(fields | {"seconds": round(report.seconds, 6)})
        elif not self._quiet:
            print(note + "\n".join(_table(report)), flush=True)


class VerifyPrinter:
    """Printer of the findings and the summary of `verify`: lines of text, or JSON.

    Args:
        as_json: print one JSON object per line on stdout.
        quiet: print only thumbnails that are wrong, stale, missing or failed.
        verbose: print a line for every thumbnail.
    """

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool) -> None:
        self._as_json, self._quiet, self._verbose = as_json, quiet, verbose

    def show(self, finding: Finding) -> None:
        """Print one finding."""
        if self._as_json:
            print_row(asdict(finding) | {"source": finding.source.path})
            return
        name = finding.thumbnail if finding.status != "failed" else ""
        reason = f": {printable(finding.reason)}" if finding.reason else ""
        line = f"{finding.status}: {printable(name or finding.source.path)}{reason}"
        if finding.is_to_be_made or finding.status == "failed":
            print(line, file=sys.stderr, flush=True)
        elif not self._quiet and (self._verbose or finding.status != "whole"):
            print(line, flush=True)

    def finish(self, report: VerifyReport, note: str) -> None:
        """Print the summary; `note` goes before its text."""
        numbers = {name: getattr(report, name) for name in _COUNTS}
        if self._as_json:
            seconds = {"seconds": round(report.seconds, 6)}
            print_row({"summary": numbers | seconds})
        elif not self._quiet:
            counts = [f"{report.thumbnails} thumbnails", f"{report.whole} whole"]
            counts += [f"{numbers[name]} {name}" for name in _COUNTS[2:] if numbers[name]]
            print(f"{note}{', '.join(counts)} in {report.seconds:.1f} s", flush=True)


def _table(report: StatusReport) -> Iterator[str]:
    rows: list[tuple[str, int, list[str]]] = [
        ("pictures", report.pictures, []),
        ("current", report.current, []),
        ("stale", report.stale, _reasons(report.stale_reasons)),
        ("missing", report.missing, []),
        ("failed", report.failed, _reasons(report.failed_reasons)),
        ("skipped", report.skipped, ["no files, or named twice"]),
        (
            "orphaned",
            report.orphaned,
            [format_bytes(report.orphaned_bytes)] if report.orphaned else [],
        ),
        ("unknown", report.unknown, ["picture can't be looked for, or folder not be read"]),
        ("on disk", report.thumbnails, [format_bytes(report.size_bytes)]),
    ]
    width = max(len(f"{number:,}") for _, number, _ in rows)
    for label, number, remarks in rows:
        if number or label not in ("skipped", "unknown"):
            first, *others = remarks or [""]
            yield f"{label:8}  {number:>{width},}  {first}".rstrip()
            yield from (f"{'':8}  {'':{width}}  {remark}" for remark in others)


def _reasons(reasons: tuple[Reason, ...]) -> list[str]:
    lines = []
    for reason in reasons[:_MAX_REASONS]:
        more = ", ..." if reason.thumbnails > len(reason.sources) else ""
        names = ", ".join(map(printable, reason.sources))
        lines.append(f"{printable(reason.reason)} ({reason.thumbnails:,}): {names}{more}")
    rest = sum(reason.thumbnails for reason in reasons[_MAX_REASONS:])
    return [*lines, f"for other reasons ({rest:,})"] if rest else lines
