"""A run as lines for a person: failures and skipped files on stderr, the sum on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TextIO

from thumbnailer.cli.output.run_stats import ReasonGroup, RunStats
from thumbnailer.cli.output.text import format_bytes, format_duration, format_number, printable
from thumbnailer.model import Outcome, Report, Thumbnail

if TYPE_CHECKING:
    from thumbnailer.cli.output.progress_bar import ProgressBar
    from thumbnailer.operations.estimate import Estimate


class TextPrinter:
    """The run in a person's words, with a bar on stderr where that is a terminal that can draw one.

    Args:
        quiet: failures only.
        verbose: a line for every picture, and the whole report, which else only a terminal gets.
        bar: whether there may be one.
    """

    def __init__(self, *, quiet: bool, verbose: bool, bar: bool = True) -> None:
        self._quiet, self._verbose = quiet, verbose and not quiet
        self._would_be_made = 0
        self._left_out: Mapping[str, int] = {}
        self._bar: ProgressBar | None = None
        if bar and not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            from thumbnailer.cli.output.progress_bar import (
                ProgressBar,  # tqdm: 40 ms that only a terminal should cost
            )

            self._bar = ProgressBar(sys.stderr)

    @property
    def has_bar(self) -> bool:
        return self._bar is not None

    def expect(self, total: int, left_out: Mapping[str, int]) -> None:
        """Tell the bar how many pictures there are, once somebody knows, and how many are left out
        for want of an extra; may come from a thread."""
        self._left_out = left_out
        if self._bar is not None:
            self._bar.total = total

    def show(self, outcome: Outcome, report: Report) -> None:
        if self._bar is not None:
            self._bar.advance(outcome, report)
        if outcome.status == "current" and not self._verbose:
            return
        if outcome.note and outcome.status == "made" and not self._quiet:
            self._write(
                f"made: {printable(outcome.source.path)}: {printable(outcome.note)}", sys.stderr
            )
        reason = f": {outcome.error.reason}" if outcome.error else ""
        line = f"{outcome.status}: {printable(outcome.source.path)}{printable(reason)}"
        if outcome.error and outcome.error.fatal:
            pass  # the error that ends the run says it
        elif outcome.status == "failed":
            self._write(line, sys.stderr)
        elif outcome.error and outcome.error.stage == "dry run":
            self._would_be_made += 1
            if not self._quiet:
                self._write(f"would be made: {printable(outcome.source.path)}", sys.stdout)
        elif outcome.error and outcome.error.stage == "stopped":
            pass  # the note at the end says it once for all
        elif outcome.status == "skipped" and not self._quiet:
            self._write(line, sys.stderr)
        elif self._verbose:
            made = ", ".join(
                f"{printable(thumbnail.path)} ({_size(thumbnail)}{thumbnail.size_bytes} bytes)"
                for thumbnail in outcome.thumbnails
            )
            self._write(f"{line} -> {made}" if made else line, sys.stdout)

    def finish(
        self, report: Report, stats: RunStats, note: str, estimate: Estimate | None = None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._quiet:
            return
        print(f"{note}{summary(report, self._would_be_made)}")
        if estimate:
            print(estimate_line(estimate))
        if self._verbose or sys.stdout.isatty():
            for line in stats_lines(report, stats):
                print(f"  {line}")
        for extra, number in self._left_out.items():
            how = f"pip install 'thumbnailer[{extra}]'"
            print(f"  left out for want of an extra: {number:,} {extra} ({how})")

    def _write(self, line: str, stream: TextIO) -> None:
        if self._bar is not None:
            self._bar.clear()
        print(line, file=stream, flush=True)
        if self._bar is not None:
            self._bar.refresh()


def _size(thumbnail: Thumbnail) -> str:
    """In px; not known of one in a bucket."""
    return f"{thumbnail.width}x{thumbnail.height}, " if thumbnail.width else ""


def summary(report: Report, would_be_made: int = 0) -> str:
    """The run in one line."""
    skipped = report.skipped - would_be_made
    counts = [f"{report.found} found", f"{report.made} made", f"{report.current} current"]
    counts += [f"{would_be_made} would be made"] if would_be_made else []
    counts += [f"{skipped} skipped"] if skipped else []
    counts += [f"{report.failed} failed"] if report.failed else []
    line = ", ".join(counts)
    if report.made:
        return f"{line} in {report.seconds:.1f} s"
    return f"{line}; nothing to do" if report.current == report.found else line


def estimate_line(estimate: Estimate) -> str:
    """What a run would take; it says itself that it is no promise."""
    if estimate.seconds is None or estimate.bytes is None:
        return "would take nobody knows how long: no picture was ready in a few seconds"
    return (
        f"would take about {format_duration(estimate.seconds)} and {format_bytes(estimate.bytes)}, "
        f"judged by {estimate.sampled:,} of {estimate.pictures:,} pictures"
    )


def stats_lines(report: Report, stats: RunStats) -> Iterator[str]:
    """Speed, bytes, reasons and the slowest pictures; nothing where nothing was tried."""
    if stats.tried and report.seconds:
        speed, read = stats.tried / report.seconds, stats.source_bytes / report.seconds
        yield (
            f"{format_number(speed)} pictures/s, {format_bytes(stats.source_bytes)} read at "
            f"{format_bytes(read)}/s, {format_bytes(stats.thumbnail_bytes)} of thumbnails"
        )
    by_number = sorted(stats.groups.items(), key=lambda item: -item[1].count)
    for (status, kind), group in by_number:
        yield f"{status}: {group.count:,} {printable(kind)} ({_names(group)})"
    if stats.tried > len(stats.slowest):
        for seconds, path in stats.slowest:
            yield f"slowest: {format_number(seconds)} s, {printable(path)}"


def _names(group: ReasonGroup) -> str:
    names = [printable(os.path.basename(path) or path) for path in group.sources]
    more = group.count - len(names)
    return ", ".join([*names, f"{more:,} more"] if more else names)
