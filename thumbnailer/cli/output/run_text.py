"""Output of a run as text: failures and skipped files on stderr, the summary on stdout.

Off a terminal all of it fits a mail, as cron sends it: of many pictures with the same reason a few
are named and the others counted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from thumbnailer.activity import Activity
from thumbnailer.cli.output.run_stats import ReasonGroup, RunStats
from thumbnailer.cli.output.text import (
    WAY_OUT,
    counted,
    format_bytes,
    format_duration,
    format_number,
    printable,
)
from thumbnailer.cli.terminal import coloured, labelled, print_line
from thumbnailer.formats import left_out_line, without_ending_line
from thumbnailer.model import Outcome, Report, Thumbnail
from thumbnailer.scan.left_out import WITHOUT_ENDING
from thumbnailer.thumbs.folder_state import FAILED_BEFORE, OF_OTHER_SETTINGS
from thumbnailer.thumbs.folders import THUMBS

# What to do about pictures that failed before.
_SEE = "see thumbnailer status, or make --retry-failed"

if TYPE_CHECKING:
    from thumbnailer.operations.estimate import Estimate


class TextPrinter:
    """Printer of a run as text.

    Args:
        quiet: print failures only.
        verbose: print a line for every picture, and the statistics even if stdout is no terminal.
        sources, output: the SOURCEs, and where their thumbnails go; "" for thumbs folders.
        clock: returns the time with which each line is to begin; None if it is to have none.

    Attributes:
        names_all: whether every failure is to be shown; else those that `RunStats.add` names.
        activity: how far the run is, for a progress bar.
    """

    def __init__(
        self,
        *,
        quiet: bool,
        verbose: bool,
        clock: Callable[[], str] | None = None,
        sources: Sequence[str] = (),
        output: str = "",
    ) -> None:
        self._clock, self._sources, self._output = clock, sources, output
        self._quiet, self._verbose = quiet, verbose and not quiet
        self.names_all = self._verbose or sys.stderr.isatty()
        self._would_be_made = 0
        self.activity = Activity()

    def show(self, outcome: Outcome, report: Report) -> None:
        """Print one outcome."""
        source, is_failed = outcome.source, outcome.status == "failed"
        read_bytes = source.size_bytes if outcome.seconds else 0
        self.activity.add(source.path, failed=is_failed, size_bytes=read_bytes)
        if outcome.status == "current" and not self._verbose:
            return
        error, path = outcome.error, printable(outcome.source.path)
        if outcome.note and outcome.status == "made" and not self._quiet:
            text = f"{path}: {printable(outcome.note)}"
            self._write("made", text, sys.stderr, kind="note")
        text = f"{path}: {printable(error.reason)}" if error else path
        if error and (error.fatal or error.stage == "stopped"):
            pass  # reported once, by the error that ends the run or the note of the summary
        elif error and error.reason.endswith(FAILED_BEFORE) and not self._verbose:
            pass  # no news; the summary says how many
        elif outcome.status == "failed":
            self._write("failed", text, sys.stderr)
        elif error and error.stage == "dry run":
            self._would_be_made += 1
            if not self._quiet:
                self._write("would be made", path, sys.stdout)
        elif outcome.status == "skipped" and not self._quiet:
            self._write("skipped", text, sys.stderr)
        elif self._verbose:
            made = ", ".join(
                f"{printable(thumbnail.path)} ({_size(thumbnail)}{thumbnail.size_bytes} bytes)"
                for thumbnail in outcome.thumbnails
            )
            self._write(outcome.status, f"{text} -> {made}" if made else text, sys.stdout)

    def finish(
        self, report: Report, stats: RunStats, note: str, estimate: Estimate | None = None
    ) -> None:
        """Print the summary after `note`, then estimate and statistics."""
        for (status, kind), group in stats.groups.items() if not self.names_all else ():
            if group.unnamed and (status == "failed" or not self._quiet):
                text = f"{group.unnamed:,} more: {printable(kind)}"
                print(labelled(status, text, sys.stderr), file=sys.stderr, flush=True)
        if self._quiet:
            return
        where = ""
        if stats.folders and (self._verbose or sys.stdout.isatty()):  # a script knows
            where = f", in {self._place(stats.folders)}"
        print(f"{note}{summary(report, self._would_be_made)}{where}")
        if estimate:
            print(estimate_line(estimate))
        if self._verbose or sys.stdout.isatty():
            for line in stats_lines(report, stats):
                print(f"  {line}")
        if number := stats.failed_before:
            print(f"  {number:,} failed before, not tried again; {_SEE}")
        if stats.in_the_way:
            files = f"{stats.in_the_way:,} file{'s' * (stats.in_the_way != 1)}"
            print(f"  in the way: {files} not made by thumbnailer, or changed since ({WAY_OUT})")
        left_out = dict(report.left_out)
        without_ending = left_out.pop(WITHOUT_ENDING, 0)
        if left_out:
            counts = [f"{number:,} {name}" for name, number in left_out.items()]
            print(f"  left out unless named: {', '.join(counts)}")
        if without_ending:
            print(f"  {without_ending_line(without_ending)}")
        if report.unread:
            print(f"  {left_out_line(report.unread)}")
        if report.left_over:
            print(f"  {left_over_line(report.left_over)}")

    def _place(self, folders: Collection[str]) -> str:
        """Return in words where the thumbnails of the pictures in some folders are."""
        if self._output:
            return printable(self._output)
        if len(folders) == 1:
            (folder,) = folders
            return printable(os.path.join(folder, THUMBS))
        below = f" below {printable(self._sources[0])}" if len(self._sources) == 1 else ""
        return f"{len(folders):,} thumbs folders{below}"

    def _write(self, label: str, text: str, stream: TextIO, *, kind: str = "") -> None:
        line = labelled(label, text, stream, kind=kind)
        print_line(f"{self._clock()} {line}" if self._clock else line, stream)


def _size(thumbnail: Thumbnail) -> str:
    """Return the size in px as text; "" for a thumbnail in a bucket, whose size is not known."""
    return f"{thumbnail.width}x{thumbnail.height}, " if thumbnail.width else ""


def summary(report: Report, would_be_made: int = 0) -> str:
    """Return the counts and the time of a run as one line."""
    skipped = report.skipped - would_be_made
    counts = [f"{report.found} found", f"{report.made} made", f"{report.current} current"]
    counts += [f"{would_be_made} would be made"] if would_be_made else []
    counts += [f"{skipped} skipped"] if skipped else []
    counts += [coloured(f"{report.failed} failed", "failed", sys.stdout)] if report.failed else []
    line = ", ".join(counts)
    if report.made:
        return f"{line} in {report.seconds:.1f} s"
    return f"{line}; nothing to do" if report.current == report.found else line


def left_over_line(left_over: Mapping[str, int]) -> str:
    """Return what a run has found of thumbnails that it did not ask for, and what removes them."""
    counts = ", ".join(f"{number:,} {kind}" for kind, number in sorted(left_over.items()))
    if OF_OTHER_SETTINGS not in left_over:
        return f"{counts}: thumbnailer prune"
    # With other options it would take what this run has made for stale.
    return f"{counts}: thumbnailer prune --stale, with the options of this run"


def estimate_line(estimate: Estimate) -> str:
    """Return the estimated time and bytes of a run as one line that says it is an estimate."""
    if estimate.seconds is None or estimate.bytes is None:
        return "no estimate: no picture was ready in a few seconds"
    return (
        f"would take about {format_duration(estimate.seconds)} and {format_bytes(estimate.bytes)}, "
        f"judged by {estimate.sampled:,} of {counted(estimate.pictures, 'picture')}"
    )


def stats_lines(report: Report, stats: RunStats) -> Iterator[str]:
    """Yield lines of statistics: speed and bytes if workers ran, reasons, slowest pictures."""
    if stats.tried and report.seconds:
        speed, read = stats.tried / report.seconds, stats.source_bytes / report.seconds
        yield (
            f"{format_number(speed)} pictures/s, {format_bytes(stats.source_bytes)} read at "
            f"{format_bytes(read)}/s, {format_bytes(stats.thumbnail_bytes)} of thumbnails"
        )
    by_number = sorted(stats.groups.items(), key=lambda item: -item[1].count)
    for (status, kind), group in by_number:
        text = f"{group.count:,} {printable(kind)} ({_source_names(group)})"
        yield labelled(status, text, sys.stdout, kind="note" if status == "made" else "")
    if stats.tried > len(stats.slowest):
        for seconds, path in stats.slowest:
            yield f"slowest: {format_number(seconds)} s, {printable(path)}"


def _source_names(group: ReasonGroup) -> str:
    names = [printable(os.path.basename(path) or path) for path in group.sources]
    more = group.count - len(names)
    return ", ".join([*names, f"{more:,} more"] if more else names)
