"""The command `make`: a run and its output, an estimate after a dry run, and gallery pages."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from thumbnailer.cli.output.run_stats import RunStats
from thumbnailer.cli.output.run_text import TextPrinter
from thumbnailer.cli.output.text import print_notes
from thumbnailer.cli.signals import SignalStop, stop_on_signals
from thumbnailer.cli.terminal import progress_bar
from thumbnailer.config.settings import Settings
from thumbnailer.engine.processes.start import allow_fork_from_here, before_threads
from thumbnailer.errors import ConfigError, ThumbnailError
from thumbnailer.model import Outcome, Run
from thumbnailer.operations.count_sources import count_sources
from thumbnailer.operations.make import iter_listed, iter_outcomes

if TYPE_CHECKING:
    from thumbnailer.cli.output.run_json import JsonPrinter
    from thumbnailer.gallery.page_builder import Page
    from thumbnailer.operations.estimate import RandomSample


def make(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run the command `make` and return its exit code."""
    if arguments.files_from is not None and arguments.gallery:
        raise ConfigError("--gallery: shows whole folders; `thumbnailer gallery` writes it later")
    if not settings.cluster:
        allow_fork_from_here()
    write_pages = _page_writer(arguments, settings) if arguments.gallery else None
    printer = _new_printer(arguments, settings)
    stats, sample, estimated = RunStats(), _new_sample(arguments), None
    with stop_on_signals() as stop:
        activity = printer.activity if isinstance(printer, TextPrinter) else None
        run = Run(
            arguments.force, arguments.retry_failed, arguments.dry_run, stop, activity=activity
        )
        report = run.report
        outcomes = _with_manifest(_outcomes(arguments, settings, run), arguments, settings, run)
        try:
            with _bar(printer, arguments, settings, stop):
                for outcome in outcomes:
                    if stats.add(outcome) or printer.names_all:
                        printer.show(outcome, report)
                    if sample and outcome.error and outcome.error.stage == "dry run":
                        sample.add(outcome.source)
                if sample and sample.count and not stop.is_set():
                    from thumbnailer.operations.estimate import estimate

                    estimated = estimate(sample, settings, run)
                pages = list(write_pages(stop=stop)) if write_pages else []
        except ThumbnailError:
            if report.found:
                printer.finish(report, stats, "")
            raise
        if arguments.json:  # the summary is the last line
            _show_pages(pages, arguments)
        printer.finish(report, stats, stop.note, None if stop.is_set() else estimated)
        if not arguments.quiet:
            print_notes(report.notes)
        if not arguments.json:
            _show_pages(pages, arguments)
    return stop.exit_code(report.failed)


def _outcomes(arguments: argparse.Namespace, settings: Settings, run: Run) -> Iterator[Outcome]:
    if arguments.files_from is None:
        return iter_outcomes(arguments.source, settings, run)
    from thumbnailer.cli.path_list import read_list

    lines = read_list(arguments.files_from)
    outcomes = iter_listed(lines, arguments.source, settings, run)
    if not settings.cluster:
        before_threads()  # one of which reads the list
    return outcomes


def _with_manifest(
    outcomes: Iterator[Outcome], arguments: argparse.Namespace, settings: Settings, run: Run
) -> Iterator[Outcome]:
    if arguments.manifest is None:
        return outcomes
    from thumbnailer.operations.manifest.write import with_manifest

    is_list = arguments.files_from is not None
    return with_manifest(
        outcomes, arguments.manifest, arguments.source, settings, run, is_list=is_list
    )


def _new_printer(arguments: argparse.Namespace, settings: Settings) -> JsonPrinter | TextPrinter:
    if arguments.json:
        from thumbnailer.cli.output.run_json import JsonPrinter

        return JsonPrinter()
    return TextPrinter(
        quiet=arguments.quiet,
        verbose=arguments.verbose,
        sources=arguments.source,
        output=os.fspath(settings.output),
    )


def _new_sample(arguments: argparse.Namespace) -> RandomSample | None:
    """Return a sample of what a dry run would make, if an estimate of it is to be shown."""
    if not arguments.dry_run or (arguments.quiet and not arguments.json):
        return None
    from thumbnailer.operations.estimate import RandomSample

    return RandomSample()


def _bar(
    printer: JsonPrinter | TextPrinter,
    arguments: argparse.Namespace,
    settings: Settings,
    stop: SignalStop,
) -> AbstractContextManager[None]:
    """Return the progress bar of a run whose output is text."""
    if not isinstance(printer, TextPrinter):
        return nullcontext()
    count = None
    if arguments.files_from is None:  # nobody knows the length of a list
        count = partial(count_sources, arguments.source, settings, stop)
    return progress_bar(printer.activity, wanted=not arguments.quiet, count=count, after_seconds=0)


def _page_writer(
    arguments: argparse.Namespace, settings: Settings
) -> Callable[..., Iterator[Page]]:
    """Return a function that writes the gallery pages after the run; a dry run has none.

    Raises at once, before anything is made, if a page could not be written.
    """
    from thumbnailer.gallery.write import page_locations, write_pages  # 25 ms, with its HTML code

    places = page_locations(arguments.source, settings, for_later=True)
    return partial(write_pages, [] if arguments.dry_run else places, settings)


def _show_pages(pages: list[Page], arguments: argparse.Namespace) -> None:
    if pages:
        from thumbnailer.cli.output.gallery import show_page

        for page in pages:
            show_page(page, arguments)
