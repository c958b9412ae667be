"""argv into settings, into one of the uses, into an exit code.

What a command needs is imported when it is asked for: `--help` needs a tenth of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from thumbnailer.arguments import parsed
from thumbnailer.console import printable
from thumbnailer.errors import ConfigError, SourceMissing, ThumbnailError
from thumbnailer.usage import EXIT_USAGE, closest

if TYPE_CHECKING:
    from thumbnailer.estimating import Draw, Estimate
    from thumbnailer.printing.lines import TextPrinter
    from thumbnailer.settings import Settings
    from thumbnailer.stopping import Signals

# The count is done long before a run, unless that is over in no time.
_PATIENCE_SECONDS = 0.5

EXIT_OK, EXIT_COULD_NOT_RUN, EXIT_SOME_FAILED = 0, 1, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (the README lists them)."""
    _mend_streams()
    try:
        try:
            return _run(parsed(argv))
        finally:
            sys.stdout.flush()  # here, where somebody says so if it can't be done
    except ConfigError as error:
        return _complain(str(error), EXIT_USAGE)
    except SourceMissing as error:
        return _complain(f"{error}{_nearest(str(error.filename))}", EXIT_COULD_NOT_RUN)
    except ThumbnailError as error:
        return _complain(str(error), EXIT_COULD_NOT_RUN)
    except OSError as error:  # our own output can't be written
        with suppress(OSError):  # there may not even be a descriptor left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # else its reader has gone, which is no news
            _complain(f"can't write what there is to say: {error.strerror}", EXIT_COULD_NOT_RUN)
        return EXIT_COULD_NOT_RUN


def _mend_streams() -> None:
    """Have somewhere to print to, and let no name end a run that can't print it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed; what is opened next would get its number, and workers none
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "completion":
        from thumbnailer.completion import completion

        return _print(completion(arguments.shell))
    if arguments.command == "man":
        from thumbnailer.manual import manual

        return _print(manual())
    if arguments.command == "watch":
        return _watch(arguments)
    from thumbnailer.given import settings_of

    settings = settings_of(arguments)
    if arguments.command == "config":
        return _config(settings)
    if arguments.command == "explain":
        return _explain(arguments, settings)
    if arguments.command == "prune":
        return _prune(arguments, settings)
    if arguments.command == "status":
        return _status(arguments, settings)
    if arguments.command == "verify":
        return _verify(arguments, settings)
    return _make(arguments, settings)


def _print(text: str) -> int:
    sys.stdout.write(text)
    return EXIT_OK


def _config(settings: Settings) -> int:
    try:
        text = settings.to_toml().encode()  # TOML is UTF-8, whatever the terminal is
    except UnicodeEncodeError:
        raise ConfigError("--output: TOML holds no path that is not valid UTF-8") from None
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    return EXIT_OK


def _make(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.estimating import Draw
    from thumbnailer.model import Report
    from thumbnailer.printing.lines import TextPrinter
    from thumbnailer.printing.rows import JsonPrinter
    from thumbnailer.service import run
    from thumbnailer.stopping import stopped_by_signals
    from thumbnailer.tally import Tally

    printer = (
        JsonPrinter()
        if arguments.json
        else TextPrinter(quiet=arguments.quiet, verbose=arguments.verbose)
    )
    report, tally, draw, estimated = Report(), Tally(), Draw(), None
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
        counting = None
        if isinstance(printer, TextPrinter) and printer.has_bar:
            counting = _count_ahead(printer, arguments.source, settings, stop)
        try:
            for outcome in outcomes:
                printer.show(outcome, report)
                tally.add(outcome)
                if outcome.error and outcome.error.stage == "dry run":
                    draw.add(outcome.source)
            estimated = _estimate(draw, arguments, settings, stop)
        except ThumbnailError:
            if report.found:
                printer.finish(report, tally, "")
            raise
        if counting:
            counting.join(_PATIENCE_SECONDS)
        printer.finish(report, tally, "interrupted: " if stop.signal else "", estimated)
    if stop.signal:
        return 128 + stop.signal
    return EXIT_SOME_FAILED if report.failed else EXIT_OK


def _estimate(
    draw: Draw, arguments: argparse.Namespace, settings: Settings, stop: Signals
) -> Estimate | None:
    """What a run would take: after a dry one that found something, if anybody wants to know."""
    from thumbnailer.estimating import estimate

    if not draw.count or stop.is_set() or (arguments.quiet and not arguments.json):
        return None
    switches = {"force": arguments.force, "retry_failed": arguments.retry_failed}
    estimated = estimate(draw, settings, stop=stop, **switches)
    return None if stop.is_set() else estimated


def _watch(arguments: argparse.Namespace) -> int:
    from thumbnailer.daemon import keep_watch  # with watchdog, which takes 30 ms
    from thumbnailer.given import settings_of

    keep_watch(arguments, lambda: settings_of(arguments), os.environ)
    return EXIT_OK


def _explain(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.explaining import explain
    from thumbnailer.model import Failure
    from thumbnailer.printing.explain import show_explanation

    failed = False
    for path in arguments.file:
        explanation = explain(path, settings, arguments.root)
        show_explanation(explanation, as_json=arguments.json)
        failed = failed or isinstance(explanation.description, Failure)
    return EXIT_SOME_FAILED if failed else EXIT_OK


def _prune(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.printing.prune import RemovalPrinter
    from thumbnailer.pruning import carry_out, report_of, survey
    from thumbnailer.removals import Removal
    from thumbnailer.stopping import stopped_by_signals

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


def _status(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.counting import Tally, count
    from thumbnailer.printing.checks import StatusPrinter
    from thumbnailer.stopping import stopped_by_signals

    printer = StatusPrinter(
        as_json=arguments.json, quiet=arguments.quiet, verbose=arguments.verbose
    )
    tally = Tally()
    with stopped_by_signals() as stop:
        for one in count(arguments.source, settings, tally, stop=stop):
            printer.show(one)
        report = tally.report()
        printer.finish(report, "interrupted: " if stop.signal else "")
    if stop.signal:
        return 128 + stop.signal
    return EXIT_SOME_FAILED if report.failed else EXIT_OK


def _verify(arguments: argparse.Namespace, settings: Settings) -> int:
    from thumbnailer.printing.checks import VerifyPrinter
    from thumbnailer.stopping import stopped_by_signals
    from thumbnailer.verifying import Check, verified

    printer = VerifyPrinter(
        as_json=arguments.json, quiet=arguments.quiet, verbose=arguments.verbose
    )
    check = Check()
    with stopped_by_signals() as stop:
        findings = verified(arguments.source, settings, check, fix=arguments.fix, stop=stop)
        try:
            for finding in findings:
                printer.show(finding)
        finally:
            report = check.report()
            printer.finish(report, "interrupted: " if stop.signal else "")
    if stop.signal:
        return 128 + stop.signal
    return EXIT_OK if report.is_well else EXIT_SOME_FAILED


def _count_ahead(
    printer: TextPrinter, sources: Sequence[str], settings: Settings, stop: Signals
) -> threading.Thread:
    """Let a thread count for the bar."""
    from thumbnailer.expecting import expected

    thread = threading.Thread(
        target=lambda: printer.expect(*expected(sources, settings, stop)), daemon=True
    )
    thread.start()
    return thread


def _nearest(path: str) -> str:
    """A hint at what a path that is not there was meant to be: a name like it, or what is missing
    above it."""
    folder, name = os.path.split(os.path.abspath(path))
    with suppress(OSError):
        close = closest(name, os.listdir(folder))
        return f"; did you mean {os.path.join(os.path.dirname(path), close)}?" if close else ""
    while not os.path.lexists(os.path.dirname(folder)):
        folder = os.path.dirname(folder)
    return "" if os.path.lexists(folder) else f"; there is no {folder} either"


def _complain(words: str, code: int) -> int:
    print(f"thumbnailer: {printable(words)}", file=sys.stderr)
    return code
