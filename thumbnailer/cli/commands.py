"""The commands: one function for each, from parsed arguments to an exit code.

Each command imports what it needs when it runs: `--help` takes a tenth of the import time.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from thumbnailer.cli.help_format import EXIT_COULD_NOT_RUN, EXIT_OK, EXIT_SOME_FAILED
from thumbnailer.cli.signals import stop_on_signals
from thumbnailer.errors import ConfigError

if TYPE_CHECKING:
    from thumbnailer.activity import Activity
    from thumbnailer.config.settings import Settings
    from thumbnailer.model import Stop


def run(arguments: argparse.Namespace) -> int:
    """Run the command that the arguments name, and return its exit code."""
    if arguments.command == "help":
        from thumbnailer.cli.help.pages import show_help

        return show_help(arguments.page)
    if arguments.command == "completion":
        from thumbnailer.cli.help.completion import completion

        return _print(completion(arguments.shell))
    if arguments.command == "man":
        from thumbnailer.cli.help.manpage import manual_page

        return _print(manual_page())
    if arguments.command == "health":
        return _health(arguments)
    if arguments.command == "watch":
        return _watch(arguments)
    if arguments.command == "config":
        return _config(arguments)
    from thumbnailer.cli.settings_from_args import settings_from_args

    commands = {
        "make": _make,
        "gallery": _gallery,
        "prune": _prune,
        "clean": _clean,
        "explain": _explain,
        "status": _status,
        "verify": _verify,
    }
    return commands[arguments.command](arguments, settings_from_args(arguments))


def _print(text: str) -> int:
    sys.stdout.write(text)
    return EXIT_OK


def _config(arguments: argparse.Namespace) -> int:
    from thumbnailer.cli.settings_from_args import read_settings
    from thumbnailer.config.toml_file import to_toml

    text = to_toml(*read_settings(arguments))
    try:
        data = text.encode()  # TOML is UTF-8, whatever the terminal uses
    except UnicodeEncodeError:
        raise ConfigError("--output: TOML holds no path that is not valid UTF-8") from None
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    return EXIT_OK


def _watch(arguments: argparse.Namespace) -> int:
    from thumbnailer.cli.settings_from_args import read_settings
    from thumbnailer.cli.watch import run_watch  # imports watchdog: 30 ms

    run_watch(arguments, lambda: read_settings(arguments), os.environ)
    return EXIT_OK


def _health(arguments: argparse.Namespace) -> int:
    from thumbnailer.cli.output.text import printable
    from thumbnailer.watcher.health.health_file import judge_health

    is_alive, words = judge_health(arguments.file)
    print(printable(f"{arguments.file}: {words}"))
    return EXIT_OK if is_alive else EXIT_COULD_NOT_RUN


def _explain(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.cli.output.explain import show_explanation
    from thumbnailer.model import Failure
    from thumbnailer.operations.explain import explain

    failed = False
    for path in arguments.file:
        explanation = explain(path, settings, root=arguments.root)
        show_explanation(explanation, as_json=arguments.json)
        failed = failed or isinstance(explanation.description, Failure)
    return EXIT_SOME_FAILED if failed else EXIT_OK


def _make(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.cli.make import make

    return make(arguments, settings)


def _prune(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.activity import Activity
    from thumbnailer.cli.output.prune import show_prune_report, show_removal
    from thumbnailer.operations.removal.prune import build_report, find_orphaned, remove_found
    from thumbnailer.thumbs.folders import Removal

    started, done, found, removed = time.perf_counter(), list[Removal](), Activity(), Activity()
    with stop_on_signals() as stop:
        with _bar(arguments, found):
            findings = find_orphaned(
                arguments.source, settings, stale=arguments.stale, stop=stop, activity=found
            )
        removals = remove_found(
            findings, settings, dry_run=arguments.dry_run, yes=arguments.yes, stop=stop
        )
        try:
            with _removal_bar(arguments, removed, findings.orphaned + findings.stale_files):
                for removal in removals:
                    removed.add(removal.thumbnail, failed=removal.status == "failed")
                    show_removal(removal, arguments)
                    done.append(removal)
        finally:
            report = build_report(findings, done, started)
            show_prune_report(report, stop.note, arguments)
    return stop.exit_code(report.failed)


def _clean(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.activity import Activity
    from thumbnailer.cli.output.prune import ask_to_clean, show_clean_report, show_removal
    from thumbnailer.operations.removal.clean import count_own_files, iter_removals

    sources, is_dry = arguments.source, arguments.dry_run
    found, removed = Activity(), Activity()
    with stop_on_signals() as stop, _bar(arguments, found):
        report = count_own_files(sources, settings, stop=stop, activity=found)
    if stop.is_set():
        show_clean_report(report, stop.note, arguments)
        return stop.exit_code(report.failed)
    if report.folders and not is_dry:
        ask_to_clean(report, arguments)  # meanwhile a signal ends the program at once
    started = time.perf_counter() - report.seconds
    with stop_on_signals() as stop:
        try:
            with _removal_bar(arguments, removed, report.thumbnails + report.pages):
                for removal in iter_removals(sources, settings, dry_run=is_dry, stop=stop):
                    removed.add(removal.thumbnail, failed=removal.status == "failed")
                    show_removal(removal, arguments)
                    report.removals.append(removal)
        finally:
            report.seconds = time.perf_counter() - started
            show_clean_report(report, stop.note, arguments)
    return stop.exit_code(report.failed)


def _status(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.activity import Activity
    from thumbnailer.cli.output.status_verify import show_status_item, show_status_report
    from thumbnailer.door.places import is_remote
    from thumbnailer.operations.status import StatusReport, iter_status

    report, activity = StatusReport(), Activity()
    with stop_on_signals() as stop:
        items = iter_status(arguments.source, settings, report, stop=stop, activity=activity)
        with _picture_bar(arguments, settings, activity, stop):
            for one in items:
                show_status_item(one, arguments)
        remote = is_remote(settings.output)
        show_status_report(report, stop.note, arguments, remote=remote)
    return stop.exit_code(report.failed)


def _verify(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.activity import Activity
    from thumbnailer.cli.output.status_verify import show_finding, show_verify_report
    from thumbnailer.operations.verify import VerifyReport, iter_findings

    report, activity = VerifyReport(), Activity()
    with stop_on_signals() as stop:
        findings = iter_findings(
            arguments.source, settings, report, fix=arguments.fix, stop=stop, activity=activity
        )
        try:
            sizes = len(settings.recipes)
            with _picture_bar(arguments, settings, activity, stop, sizes):
                for finding in findings:
                    activity.add(finding.source.path, failed=finding.is_bad)
                    show_finding(finding, arguments)
        finally:
            show_verify_report(report, stop.note, arguments)
    return stop.exit_code(not report.is_well)


def _gallery(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.activity import Activity
    from thumbnailer.cli.output.gallery import show_gallery_report, show_page
    from thumbnailer.gallery.page_builder import Page
    from thumbnailer.gallery.write import GalleryReport, notes_on, page_locations, write_pages

    started, pages, activity = time.perf_counter(), list[Page](), Activity()
    with stop_on_signals() as stop:
        locations = page_locations(arguments.source, settings)
        with _picture_bar(arguments, settings, activity, stop):
            for page in write_pages(locations, settings, stop=stop, activity=activity):
                show_page(page, arguments)
                pages.append(page)
        notes = () if stop.is_set() else notes_on(pages, arguments.source, settings, stop)
        report = GalleryReport(tuple(pages), time.perf_counter() - started, notes)
        show_gallery_report(report, stop.note, arguments)
    return stop.exit_code(failed=False)


def _picture_bar(
    arguments: argparse.Namespace,
    settings: Settings,
    activity: Activity,
    stop: Stop,
    sizes: int = 1,
) -> AbstractContextManager[None]:
    """Return the bar of a command that comes by each picture; `sizes`: how often."""
    from thumbnailer.operations.count_sources import count_sources

    def count() -> int:
        return sizes * count_sources(arguments.source, settings, stop)

    return _bar(arguments, activity, count, "pictures" if sizes == 1 else "thumbnails")


def _removal_bar(
    arguments: argparse.Namespace, activity: Activity, total: int
) -> AbstractContextManager[None]:
    return _bar(arguments, activity, lambda: total, "files")


def _bar(
    arguments: argparse.Namespace,
    activity: Activity,
    count: Callable[[], int] | None = None,
    unit: str = "folders",
) -> AbstractContextManager[None]:
    from thumbnailer.cli.terminal import progress_bar

    wanted = not (arguments.quiet or arguments.json)
    return progress_bar(activity, wanted=wanted, count=count, unit=unit)
