"""Output of a run as JSON on stdout: one line per source, then one with the summary."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from thumbnailer.cli.output.run_stats import RunStats
from thumbnailer.model import Failure, Outcome, Report

if TYPE_CHECKING:
    from thumbnailer.operations.estimate import Estimate


class JsonPrinter:
    """Printer of the outcomes and the summary of a run, as lines of JSON.

    Args:
        clock: returns the time to be added to each outcome; None if there is to be none.

    Attributes:
        names_all: as that of `TextPrinter`.
    """

    names_all = True

    def __init__(self, clock: Callable[[], str] | None = None) -> None:
        self._clock = clock

    def show(self, outcome: Outcome, report: Report) -> None:
        """Print one outcome."""
        thumbnails = [
            {
                "path": one.path,
                "width": one.width,
                "height": one.height,
                "bytes": one.size_bytes,
                "placeholder": one.placeholder or None,
            }
            for one in outcome.thumbnails
        ]
        row: dict[str, object] = {
            "source": outcome.source.path,
            "status": outcome.status,
            "thumbnails": thumbnails,
            "error": error_row(outcome.error),
            "note": outcome.note or None,
            "seconds": round(outcome.seconds, 6),
        }
        print_row(row | {"time": self._clock()} if self._clock else row)

    def finish(
        self, report: Report, stats: RunStats, note: str, estimate: Estimate | None = None
    ) -> None:
        """Print the summary; the note is for people, so it is left out."""
        counts = ("found", "made", "current", "skipped", "failed")
        fields: dict[str, object] = {name: getattr(report, name) for name in counts}
        fields |= {
            "seconds": round(report.seconds, 6),
            "source_bytes": stats.source_bytes,
            "thumbnail_bytes": stats.thumbnail_bytes,
            "reasons": [
                {"status": status, "reason": kind, "count": group.count, "sources": group.sources}
                for (status, kind), group in stats.groups.items()
            ],
            "slowest": [
                {"source": path, "seconds": round(seconds, 6)} for seconds, path in stats.slowest
            ],
            "estimate": asdict(estimate) if estimate else None,
            "left_out": report.left_out,
            "unread": report.unread,
            "left_over": report.left_over,
            "notes": report.notes,
        }
        print_row({"summary": fields})


def print_row(row: dict[str, object]) -> None:
    """Print a dictionary as one line of JSON."""
    # ASCII with escapes: every file name stays exact, in any encoding and on any terminal.
    print(json.dumps(row), flush=True)


def error_row(error: Failure | None) -> dict[str, str] | None:
    """Return a failure as a dictionary for JSON, or None."""
    return {"stage": error.stage, "reason": error.reason} if error else None
