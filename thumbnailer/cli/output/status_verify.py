"""Output of `status` and `verify`: text, or JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from thumbnailer.cli.output.run_json import print_row
from thumbnailer.cli.output.text import counted, format_bytes, print_notes, printable
from thumbnailer.cli.terminal import labelled, print_line
from thumbnailer.formats import left_out_line

if TYPE_CHECKING:
    from thumbnailer.operations.status import Reason, StatusItem, StatusReport
    from thumbnailer.operations.verify import Finding, VerifyReport

# How many reasons are shown for stale and for failed thumbnails: the most frequent ones.
_MAX_REASONS = 10

_STATES = ("pictures", "current", "stale", "missing", "failed", "skipped", "orphaned", "unknown")


def show_status_item(one: StatusItem, arguments: argparse.Namespace) -> None:
    """Print one thumbnail that is not current, with `--verbose`; with `--quiet` a failed one."""
    if arguments.json or not (arguments.verbose or arguments.quiet):
        return
    name = one.source if one.state == "failed" or not one.path else one.path
    text = f"{printable(name)}: {printable(one.reason)}"
    stream = sys.stderr if one.state == "failed" else sys.stdout
    if one.state == "failed" or not arguments.quiet:
        print_line(labelled(one.state, text, stream), stream)


def show_status_report(
    report: StatusReport, note: str, arguments: argparse.Namespace, *, remote: bool
) -> None:
    """Print the table after `note`, or the JSON object; `remote`: thumbnails are in a bucket."""
    if not arguments.quiet:
        print_notes(report.notes)
    if arguments.json:
        numbers = asdict(report)
        del numbers["notes"]
        print_row(numbers | {"seconds": round(report.seconds, 6)})
    elif not arguments.quiet:
        print(note + "\n".join(_table(report, "stored" if remote else "on disk")), flush=True)
        if report.unread:
            print(left_out_line(report.unread), flush=True)


def show_finding(finding: Finding, arguments: argparse.Namespace) -> None:
    """Print one finding; with `--quiet` only what is wrong, stale, missing or failed."""
    if arguments.json:
        print_row(asdict(finding) | {"source": finding.source.path})
        return
    name = finding.thumbnail if finding.status != "failed" else ""
    reason = f": {printable(finding.reason)}" if finding.reason else ""
    stream = sys.stderr if finding.is_bad else sys.stdout
    if finding.is_bad or (not arguments.quiet and (arguments.verbose or finding.status != "whole")):
        text = f"{printable(name or finding.source.path)}{reason}"
        print_line(labelled(finding.status, text, stream), stream)


def show_verify_report(report: VerifyReport, note: str, arguments: argparse.Namespace) -> None:
    """Print the summary; `note` goes before its text."""
    numbers = asdict(report)
    del numbers["findings"], numbers["notes"], numbers["seconds"]
    if not arguments.quiet:
        print_notes(report.notes)
    if arguments.json:
        print_row({"summary": numbers | {"seconds": round(report.seconds, 6)}})
    elif not arguments.quiet:
        always = ("thumbnails", "whole")
        counts = [f"{n} {name}" for name, n in numbers.items() if n or name in always]
        counts[0] = counted(report.thumbnails, "thumbnail", "")
        print(f"{note}{', '.join(counts)} in {report.seconds:.1f} s", flush=True)


def _table(report: StatusReport, all_of_them: str) -> Iterator[str]:
    remarks = {
        "stale": _reasons(report.stale_reasons),
        "failed": _reasons(report.failed_reasons),
        "skipped": ["no files or pictures, or named twice"],
        "orphaned": [format_bytes(report.orphaned_bytes)] if report.orphaned else [],
        "unknown": [
            "folder can't be read, disk may not be mounted, or the name does not tell whose it is"
        ],
        all_of_them: [format_bytes(report.size_bytes)],
    }
    numbers: dict[str, int] = {state: getattr(report, state) for state in _STATES}
    numbers[all_of_them] = report.thumbnails
    width = max(len(f"{number:,}") for number in numbers.values())
    for label, number in numbers.items():
        if number or label not in ("skipped", "unknown"):
            first, *others = remarks.get(label) or [""]
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
