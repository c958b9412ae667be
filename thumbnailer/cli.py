"""argv into settings, into one of the uses, into an exit code."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

import thumbnailer
from thumbnailer.config import KEYS, Settings, from_text, merged, read_config
from thumbnailer.console import JsonPrinter, RemovalPrinter, TextPrinter, printable
from thumbnailer.errors import ConfigError, ThumbnailError
from thumbnailer.model import Removal, Report
from thumbnailer.pruning import carry_out, report_of, survey
from thumbnailer.scan import scan
from thumbnailer.service import run

EXIT_OK, EXIT_COULD_NOT_RUN, EXIT_USAGE, EXIT_SOME_FAILED = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (the README lists them)."""
    _mend_streams()
    try:
        arguments = _parser().parse_args(argv)
        settings = _settings(arguments)
        if arguments.command == "config":
            return _config(settings)
        if arguments.command == "prune":
            return _prune(arguments, settings)
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
    printer = (
        JsonPrinter()
        if arguments.json
        else TextPrinter(quiet=arguments.quiet, verbose=arguments.verbose)
    )
    report = Report()
    with _stopped_by_signals() as stop:
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
        except ThumbnailError:
            if report.found:
                printer.finish(report, "")
            raise
        printer.finish(report, "interrupted: " if stop.signal else "")
    if stop.signal:
        return 128 + stop.signal
    return EXIT_SOME_FAILED if report.failed else EXIT_OK


def _prune(arguments: argparse.Namespace, settings: Settings) -> int:
    printer = RemovalPrinter(
        as_json=arguments.json, quiet=arguments.quiet, verbose=arguments.verbose
    )
    started, done = time.perf_counter(), list[Removal]()
    with _stopped_by_signals() as stop:
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
    printer: TextPrinter, sources: Sequence[str], settings: Settings, stop: _Signals
) -> None:
    """Let a thread count the pictures for the bar: the run itself reads no further than it works,
    so it would know the end only when it is there."""

    def count() -> None:
        printer.expect(
            sum(
                1
                for source in sources
                for _ in scan(
                    source,
                    recursive=settings.recursive,
                    include=settings.include,
                    exclude=settings.exclude,
                    stop=stop,
                )
            )
        )

    if printer.has_bar:
        threading.Thread(target=count, daemon=True).start()


class _Signals:
    """Set by SIGINT or SIGTERM; a second one ends the program where it stands, and the workers find
    out by themselves."""

    signal = 0

    def is_set(self) -> bool:
        return self.signal != 0

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.signal:
            os._exit(128 + self.signal)
        self.signal = signum


@contextmanager
def _stopped_by_signals() -> Iterator[_Signals]:
    stop = _Signals()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _settings(arguments: argparse.Namespace) -> Settings:
    """Command line over the configuration file over the defaults."""
    values: dict[str, Any] = {} if arguments.config is None else read_config(arguments.config)
    for key in KEYS:
        given = getattr(arguments, key, None)
        if isinstance(given, str):
            values[key] = from_text(key, given, _option(key))
        elif isinstance(given, list):
            values[key] = tuple(from_text(key, glob, _option(key)) for glob in given)
        elif given is not None:
            values[key] = given
    return merged(None, values)


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _complain(error: Exception, code: int) -> int:
    print(f"thumbnailer: {printable(str(error))}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {printable(message)} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="thumbnailer", description="Thumbnails of many pictures.")
    parser.add_argument("--version", action="version", version=thumbnailer.__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    settings = _Parser(add_help=False)
    group = settings.add_argument_group("settings")
    add = group.add_argument
    add("-s", "--size", help="the box in px: 256, 256x192, 256x or x192 (default: 256)")
    add("-f", "--format", help="jpeg, png or webp (default: jpeg)")
    add("-q", "--quality", help="1 to 100, for jpeg and webp (default: 80)")
    add("-o", "--output", metavar="DIR", help="a mirrored tree there, not a thumbs folder beside")
    add("-j", "--jobs", help="pictures at the same time (default: one a processor)")
    add("--recursive", action=argparse.BooleanOptionalAction, help="enter subfolders (default)")
    add("--include", action="append", metavar="GLOB", help="only pictures that match; repeatable")
    add("--exclude", action="append", metavar="GLOB", help="leave out what matches; repeatable")
    add("--timeout", metavar="SECONDS", help="for one attempt at a picture (default: 60)")
    add("--max-pixels", metavar="N", help="the largest picture (default: 50 MP, JPEG 250 MP)")
    add("--worker-memory", metavar="MIB", help="the most one worker may take (default: 1024)")
    add("--memory", metavar="MIB", help="for all pictures at once (default: half of what is free)")
    add("--sandbox", metavar="WHEN", help="auto (default: where it can be had), require or off")
    add("--truncated", metavar="fail|keep", help="keep: make what there is of a truncated picture")
    add("-c", "--config", metavar="FILE", help="read settings from FILE; options here go first")

    make = commands.add_parser(
        "make",
        parents=[settings],
        help="make what is missing or stale",
        description="Make the thumbnails that are missing or stale.",
    )
    make.add_argument("source", metavar="SOURCE", nargs="+", help="a folder or a picture")
    group = make.add_argument_group("this run")
    group.add_argument("--force", action="store_true", help="make every thumbnail anew")
    group.add_argument("--retry-failed", action="store_true", help="try again what failed before")
    group.add_argument("-n", "--dry-run", action="store_true", help="say what would be made")
    group.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    group.add_argument("--quiet", action="store_true", help="say nothing but failures")
    group.add_argument("-v", "--verbose", action="store_true", help="a line for every picture")
    prune = commands.add_parser(
        "prune",
        help="remove the thumbnails of pictures that are gone",
        description="Remove the thumbnails of pictures that are gone.",
    )
    add = prune.add_argument
    add("source", metavar="SOURCE", nargs="+", help="a folder")
    add("-o", "--output", metavar="DIR", help="where the thumbnails are, as for make")
    add("-c", "--config", metavar="FILE", help="read `output` from FILE")
    add("-n", "--dry-run", action="store_true", help="say what would be removed")
    add("--yes", action="store_true", help="also if more than half of all thumbnails would go")
    add("--json", action="store_true", help="one JSON object a line on stdout")
    add("--quiet", action="store_true", help="say nothing but failures")
    add("-v", "--verbose", action="store_true", help="a line for every removal")
    commands.add_parser(
        "config",
        parents=[settings],
        help="print the settings in force as a config.toml",
        description="Print the settings in force as a config.toml.",
    )
    return parser
