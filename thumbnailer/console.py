"""What a person or a script sees of a run: a bar and lines, or JSON. The only user of tqdm."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn, TextIO

from thumbnailer.model import Failure, Outcome, Report
from thumbnailer.removals import PruneReport, Removal

# From one summary of a busy watch to the next, in seconds.
_MINUTE = 60.0

if TYPE_CHECKING:
    from tqdm import tqdm

    from thumbnailer.explaining import Explanation


class TextPrinter:
    """Lines for a person: failures and skipped files on stderr, the summary on stdout, and a bar on
    stderr where that is a terminal.

    Args:
        quiet: failures only.
        verbose: a line for every picture.
        bar: show one on a terminal.
    """

    def __init__(self, *, quiet: bool, verbose: bool, bar: bool = True) -> None:
        self._quiet, self._verbose = quiet, verbose and not quiet
        self._would_be_made = 0
        self._bar: tqdm[NoReturn] | None = None
        if bar and not quiet and sys.stderr.isatty():
            from tqdm import tqdm  # 40 ms that only a terminal should cost

            columns = os.get_terminal_size(sys.stderr.fileno()).columns
            self._bar = tqdm(
                unit=" pictures",
                leave=False,
                dynamic_ncols=columns > 0,
                ncols=None if columns else 80,  # some terminals do not know their size
                nrows=None if columns else 24,
            )

    @property
    def has_bar(self) -> bool:
        return self._bar is not None

    def expect(self, total: int) -> None:
        """Tell the bar how many pictures there are, once somebody knows; may come from a thread."""
        if self._bar is not None:
            self._bar.total = total

    def show(self, outcome: Outcome, report: Report) -> None:
        if self._bar is not None:
            self._bar.set_postfix({"failed": report.failed}, refresh=False)
            self._bar.update()
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
                f"{printable(thumbnail.path)} "
                f"({thumbnail.width}x{thumbnail.height}, {thumbnail.size_bytes} bytes)"
                for thumbnail in outcome.thumbnails
            )
            self._write(f"{line} -> {made}" if made else line, sys.stdout)

    def finish(self, report: Report, note: str) -> None:
        if self._bar is not None:
            self._bar.close()
        if not self._quiet:
            print(f"{note}{summary(report, self._would_be_made)}")

    def _write(self, line: str, stream: TextIO) -> None:
        if self._bar is not None:
            self._bar.clear()
        print(line, file=stream, flush=True)
        if self._bar is not None:
            self._bar.refresh()


class JsonPrinter:
    """One JSON object a line on stdout for each source, and one with the summary."""

    def show(self, outcome: Outcome, report: Report) -> None:
        self._print(
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
                "error": _error_row(outcome.error),
                "note": outcome.note or None,
                "seconds": round(outcome.seconds, 6),
            }
        )

    def finish(self, report: Report, note: str) -> None:
        counts = ("found", "made", "current", "skipped", "failed")
        fields: dict[str, float] = {name: getattr(report, name) for name in counts}
        self._print({"summary": fields | {"seconds": round(report.seconds, 6)}})

    def _print(self, row: dict[str, object]) -> None:
        # ASCII with escapes: exact whatever the name, and safe for any terminal and encoding.
        print(json.dumps(row), flush=True)


class WatchPrinter:
    """What a watch says: rows or lines as of `make`, events, and a line a minute while it is busy.

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
                print(json.dumps({"event": event, "message": words, "time": now}), flush=True)
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


class RemovalPrinter:
    """What `prune` does: lines for a person, or JSON.

    Args:
        as_json: one JSON object a line on stdout.
        quiet: failures only.
        verbose: a line for every removal.
    """

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool) -> None:
        self._as_json, self._quiet, self._verbose = as_json, quiet, verbose

    def show(self, removal: Removal) -> None:
        error = removal.error
        if self._as_json:
            row = {name: getattr(removal, name) for name in ("thumbnail", "source", "status")}
            row["error"] = _error_row(error)
            print(json.dumps(row), flush=True)
            return
        told = f": {printable(error.reason)}" if error else ""
        line = f"{removal.status}: {printable(removal.thumbnail)}{told}"
        if removal.status == "failed" or (error and not self._quiet):
            print(line, file=sys.stderr, flush=True)
        elif not self._quiet and (self._verbose or removal.status == "would remove"):
            print(line, flush=True)

    def finish(self, report: PruneReport, note: str) -> None:
        statuses = Counter(removal.status for removal in report.removals)
        if self._as_json:
            fields = {"thumbnails": report.thumbnails, "orphaned": report.orphaned}
            fields |= {name: statuses[name] for name in ("removed", "kept", "failed")}
            print(json.dumps({"summary": fields | {"seconds": round(report.seconds, 6)}}))
        elif not self._quiet:
            counts = [f"{report.thumbnails} thumbnails", f"{report.orphaned} orphaned"]
            would_go = statuses["would remove"]
            counts += [f"{would_go} would be removed" if would_go else f"{report.removed} removed"]
            counts += [f"{statuses[name]} {name}" for name in ("kept", "failed") if statuses[name]]
            print(f"{note}{', '.join(counts)} in {report.seconds:.1f} s", flush=True)


def show_explanation(explanation: Explanation, *, as_json: bool) -> None:
    """Print what there is to say of a picture."""
    if as_json:
        print(json.dumps(asdict(explanation)), flush=True)
        return
    print(printable(explanation.source.path))
    for line in _explanation_lines(explanation):
        print(f"  {printable(line)}", flush=True)


def _explanation_lines(explanation: Explanation) -> Iterator[str]:
    picture = explanation.description
    if isinstance(picture, Failure):
        yield f"can't be read ({picture.stage}): {picture.reason}"
    else:
        frames = f", {picture.frames} frames, of which the first" if picture.frames > 1 else ""
        yield f"{picture.format}, {_px(picture.size)}, {picture.mode}{frames}"
        if picture.orientation != 1:
            yield f"orientation {picture.orientation}, to be applied"
        if picture.profile is None:
            yield "colour profile: broken, left aside"
        elif picture.profile:
            yield f"colour profile: {picture.profile}, to be converted to sRGB"
        if picture.preview_used:
            yield f"made from the embedded preview: {_px(picture.decoded)}"
        elif picture.preview:
            unfit = f": it {picture.preview_unfit}" if picture.preview_unfit else ""
            yield f"embedded preview: {_px(picture.preview)}, not used{unfit}"
        if picture.preview_used:
            pass
        elif picture.shrink > 1:
            yield f"decoded at 1/{picture.shrink}: {_px(picture.decoded)}"
        else:
            yield "decoded in full"
        if picture.missing:
            yield picture.missing
    if explanation.refused:
        yield f"no thumbnail: {explanation.refused.reason}"
    for thumbnail in explanation.thumbnails:
        size = f", {_px(thumbnail.size)}" if thumbnail.size else ""
        yield f"{thumbnail.path}: {thumbnail.looks}{size}"
        yield f"  {thumbnail.state}" + (f": {thumbnail.reason}" if thumbnail.reason else "")


def _px(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} px"


def _error_row(error: Failure | None) -> dict[str, str] | None:
    return {"stage": error.stage, "reason": error.reason} if error else None


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


def printable(text: str) -> str:
    """The text with escapes for what would disturb a terminal or can't be encoded."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
