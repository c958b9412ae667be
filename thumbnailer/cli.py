"""argv into settings, into one of the uses, into an exit code."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from thumbnailer.arguments import EXIT_USAGE, parsed, settings_of
from thumbnailer.console import (
    JsonPrinter,
    RemovalPrinter,
    TextPrinter,
    printable,
    show_explanation,
)
from thumbnailer.errors import ConfigError, ThumbnailError
from thumbnailer.model import Failure, Report
from thumbnailer.removals import Removal
from thumbnailer.scan import scan
from thumbnailer.service import run
from thumbnailer.settings import Settings
from thumbnailer.stopping import Signals, stopped_by_signals

if TYPE_CHECKING:
    from thumbnailer.gallery.writing import Page

EXIT_OK, EXIT_COULD_NOT_RUN, EXIT_SOME_FAILED = 0, 1, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (the README lists them)."""
    _mend_streams()
    try:
        arguments = parsed(argv)
        if arguments.command == "watch":
            return _watch(arguments)
        settings = settings_of(arguments)
        if arguments.command == "config":
            return _config(settings)
        if arguments.command == "explain":
            return _explain(arguments, settings)
        if arguments.command == "prune":
            return _prune(arguments, settings)
        if arguments.command == "gallery":
            return _gallery(arguments, settings)
        return _make(arguments, settings)
    except ConfigError as error:
        return _complain(error, EXIT_USAGE)
    except ThumbnailError as error:
        return _complain(error, EXIT_COULD_NOT_RUN)
    except OSError as error:  # our own output can't be written
        with suppress(OSError):  # there may not even be a descriptor left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # else its reader has gone, which is no news
            _complain(error, EXIT_COULD_NOT_RUN)
        return EXIT_COULD_NOT_RUN


def _mend_streams() -> None:
    """Have somewhere to print to, and let no name end a run that can't print it."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _config(settings: Settings) -> int:
    try:
        text = settings.to_toml().encode()  # TOML is UTF-8, whatever the terminal is
    except UnicodeEncodeError:
        raise ConfigError("--output: TOML holds no path that is not valid UTF-8") from None
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.flush()
    return EXIT_OK


def _make(arguments: argparse.Namespace, settings: Settings) -> int:
    write_pages = _pages_after(arguments, settings)
    printer = (
        JsonPrinter()
        if arguments.json
        else TextPrinter(quiet=arguments.quiet, verbose=arguments.verbose)
    )
    report = Report()
    with stopped_by_signals() as stop:
        outcomes = run(
            arguments.source,
            settings,
            report,
            stop=stop,
            force=arguments.force,
            retry_failed=arguments.retry_failed,
            dry_run=arguments.dry_run,
        )
        if isinstance(printer, TextPrinter):
            _count_ahead(printer, arguments.source, settings, stop)
        try:
            for outcome in outcomes:
                printer.show(outcome, report)
            pages = list(write_pages(stop))
        except ThumbnailError:
            if report.found:
                printer.finish(report, "")
            raise
        if arguments.json:  # of which the summary is the last line
            _show_pages(pages, arguments)
        printer.finish(report, "interrupted: " if stop.signal else "")
        if not arguments.json:  # there may have been a bar until now
            _show_pages(pages, arguments)
    if stop.signal:
        return 128 + stop.signal
    return EXIT_SOME_FAILED if report.failed else EXIT_OK


def _pages_after(
    arguments: argparse.Namespace, settings: Settings
) -> Callable[[Signals], Iterator[Page]]:
    """What writes the pages after a run, if any are wanted; may refuse before anything is made."""
    if not arguments.gallery:
        return lambda stop: iter(())
    from thumbnailer.gallery.writing import spots, write_pages  # 25 ms, with what writes HTML

    places = spots(arguments.source, settings)
    return lambda stop: write_pages([] if arguments.dry_run else places, settings, stop=stop)


def _show_pages(pages: Iterable[Page], arguments: argparse.Namespace) -> None:
    for page in pages:
        from thumbnailer.showing import PagePrinter

        PagePrinter(arguments).show(page)


def _gallery(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.gallery.writing import spots, write_pages
    from thumbnailer.showing import PagePrinter

    printer = PagePrinter(arguments)
    with stopped_by_signals() as stop:
        for page in write_pages(spots(arguments.source, settings), settings, stop=stop):
            printer.show(page)
        printer.finish(interrupted=stop.is_set())
    return 128 + stop.signal if stop.signal else EXIT_OK


def _watch(arguments: argparse.Namespace) -> int:
    from thumbnailer.daemon import keep_watch  # with watchdog, which takes 30 ms

    keep_watch(arguments, lambda: settings_of(arguments), os.environ)
    return EXIT_OK


def _explain(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.explaining import explain

    failed = False
    for path in arguments.file:
        explanation = explain(path, settings, arguments.root)
        show_explanation(explanation, as_json=arguments.json)
        failed = failed or isinstance(explanation.description, Failure)
    return EXIT_SOME_FAILED if failed else EXIT_OK


def _prune(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.pruning import carry_out, report_of, survey

    printer = RemovalPrinter(
        as_json=arguments.json, quiet=arguments.quiet, verbose=arguments.verbose
    )
    started, done = time.perf_counter(), list[Removal]()
    with stopped_by_signals() as stop:
        findings = survey(arguments.source, settings, stop=stop)
        removals = carry_out(findings, dry_run=arguments.dry_run, yes=arguments.yes, stop=stop)
        try:
            for removal in removals:
                printer.show(removal)
                done.append(removal)
        finally:
            report = report_of(findings, done, started)
            printer.finish(report, "interrupted: " if stop.signal else "")
    if stop.signal:
        return 128 + stop.signal
    return EXIT_SOME_FAILED if report.failed else EXIT_OK


def _count_ahead(
    printer: TextPrinter, sources: Sequence[str], settings: Settings, stop: Signals
) -> None:
    """Let a thread count the pictures for the bar: the run itself reads no further than it works,
    so it would know the end only when it is there."""

    def count() -> None:
        found = (scan(source, **settings.choice, stop=stop) for source in sources)
        printer.expect(sum(1 for items in found for _ in items))

    if printer.has_bar:
        threading.Thread(target=count, daemon=True).start()


def _complain(error: Exception, code: int) -> int:
    print(f"thumbnailer: {printable(str(error))}", file=sys.stderr)
    return code
