"""A run as JSON: one object a line on stdout for each source, and one with the summary."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from thumbnailer.cli.output.run_stats import RunStats
from thumbnailer.model import Failure, Outcome, Report

if TYPE_CHECKING:
    from thumbnailer.operations.estimate import Estimate


class JsonPrinter:
    """The run in a script's words."""

    def show(self, outcome: Outcome, report: Report) -> None:
        print_row(
            {
                "source": outcome.source.path,
                "status": outcome.status,
                "thumbnails": [
                    {
                        "path": thumbnail.path,
                        "width": thumbnail.width,
                        "height": thumbnail.height,
                        "bytes": thumbnail.size_bytes,
                    }
                    for thumbnail in outcome.thumbnails
                ],
                "error": error_row(outcome.error),
                "note": outcome.note or None,
                "seconds": round(outcome.seconds, 6),
            }
        )

    def finish(
        self, report: Report, stats: RunStats, note: str, estimate: Estimate | None = None
    ) -> None:
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
        }
        print_row({"summary": fields})


def print_row(row: dict[str, object]) -> None:
    # ASCII with escapes: exact whatever the name, and safe for any terminal and encoding.
    print(json.dumps(row), flush=True)


def error_row(error: Failure | None) -> dict[str, str] | None:
    return {"stage": error.stage, "reason": error.reason} if error else None
