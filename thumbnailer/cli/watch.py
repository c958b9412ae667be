"""The command `watch` as a service: signals, reloading, systemd and the health file."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType

from thumbnailer.cli.help_format import EXIT_OK
from thumbnailer.cli.output.watch import WatchPrinter
from thumbnailer.cli.signals import (
    SIGHUP,
    STOPPING,
    SignalStop,
    end_in_time,
    has_terminal,
    stop_on_signals,
)
from thumbnailer.config.settings import Settings
from thumbnailer.config.watch_table import WatchTable
from thumbnailer.errors import ConfigError, ThumbnailError
from thumbnailer.watcher.health.health_file import check_health_path, write_health
from thumbnailer.watcher.health.state import STOPPED, Health, Tally
from thumbnailer.watcher.loop import Watch, new_watch
from thumbnailer.watcher.observer.events import NATIVE_EVENTS
from thumbnailer.watcher.systemd import notify, notify_reloading, watchdog_interval_seconds
from thumbnailer.watcher.work import SETTLE_SECONDS, WatchOptions

# How often the health file is written and systemd is told, besides each change of the status.
_HEALTH_SECONDS = 1.0

# How long a signal that ends the watch is given, then how long it may take to say so, and the
# workers to end: two seconds in all.
_END_SECONDS, _PRINT_SECONDS, _WORKERS_SECONDS = 1.4, 0.1, 0.3


class _StopOrReload:
    """Stop of one watch loop: set when the service ends, or when SIGHUP asks for a reload.

    Attributes:
        ends_with_terminal: whether SIGHUP ends the watch, since its terminal is closed.
    """

    def __init__(self, stop: SignalStop, *, ends_with_terminal: bool) -> None:
        self.ends_with_terminal = ends_with_terminal
        self._stop, self.reload = stop, False

    def is_set(self) -> bool:
        """Return whether the loop must end."""
        return self.reload or self._stop.is_set()

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.ends_with_terminal:
            self._stop(signum, frame)
        else:
            self.reload = True


def run_watch(
    arguments: argparse.Namespace,
    load: Callable[[], tuple[Settings, WatchTable]],
    environment: Mapping[str, str],
) -> None:
    """Watch until SIGTERM or SIGINT; on SIGHUP reload the settings.

    SIGHUP ends a watch that was started in a terminal, which sends it when it is closed.

    Args:
        arguments: the parsed arguments of the command `watch`.
        load: a function that reads the settings and what else a configuration can tell a watch;
            called at the start and on each reload.
        environment: the environment variables, in which systemd names its socket and its journal.

    Raises:
        ThumbnailError: the watch can't be started. Once it runs, only a signal ends it.
    """
    address = environment.get("NOTIFY_SOCKET")
    printer = WatchPrinter(
        as_json=arguments.json,
        quiet=arguments.quiet,
        verbose=arguments.verbose,
        journal=environment.get("JOURNAL_STREAM"),
    )
    monitor = _Monitor(environment, printer)
    loop: Watch | None = None

    def new_loop() -> Watch:
        settings, table = load()
        monitor.check(table.health)
        if not loop:
            monitor.start(table.health)
        new = new_watch(
            arguments.source,
            settings,
            _watch_options(arguments, table),
            stop=stop_or_reload,
            tell=printer.print_event,
            turn=monitor.turn,
            before=loop,
        )
        if loop:
            monitor.go_on(table.health, loop)
        return new

    def give_up() -> None:
        """End the program though its main thread waits for something that never comes."""
        notify(address, STOPPING=1)
        name = signal.Signals(stop.signal or signal.SIGTERM).name
        threads = [
            threading.Thread(target=printer.print_event, args=("stopped", f"by {name}")),
            threading.Thread(target=loop.kill if loop else bool),
        ]
        for thread in threads:
            thread.daemon = True
            thread.start()
        for thread, seconds in zip(threads, (_PRINT_SECONDS, _WORKERS_SECONDS), strict=True):
            thread.join(seconds)
        os._exit(EXIT_OK)

    with stop_on_signals() as stop, _on_hangup(stop) as stop_or_reload:
        ending = [*STOPPING]
        if stop_or_reload.ends_with_terminal:
            ending.append(signal.SIGHUP)
        with end_in_time(ending, _END_SECONDS, give_up):
            loop = new_loop()
            while True:
                notify(address, READY=1, STATUS="watching")
                for outcome in loop.run():
                    printer.show(outcome, loop.report)
                if stop.is_set():
                    break
                notify_reloading(address)
                stop_or_reload.reload = False
                try:
                    loop = new_loop()
                    printer.print_event("reloaded", "the settings have been read again")
                except ThumbnailError as error:
                    loop.health().tally.note_error(error)
                    printer.print_event("error", f"{error}; the settings stay as they were")
            notify(address, STOPPING=1)
            printer.print_event("stopped", f"by {signal.Signals(stop.signal).name}")
            monitor.stop(loop)
            if stop.signal == SIGHUP:
                _leave_terminal()


def _watch_options(arguments: argparse.Namespace, table: WatchTable) -> WatchOptions:
    return WatchOptions(
        table.settle or SETTLE_SECONDS,
        table.rescan,
        table.poll,
        bool(table.keep_orphans),
        bool(table.gallery),
        arguments.retry_failed,
        arguments.events,
    )


@contextmanager
def _on_hangup(stop: SignalStop) -> Iterator[_StopOrReload]:
    """Yield a stop that SIGHUP sets; restore the previous signal handler afterwards."""
    if not hasattr(signal, "SIGHUP"):
        yield _StopOrReload(stop, ends_with_terminal=False)
        return
    # Under nohup it is ignored: such a watch is to outlive its terminal.
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    stop_or_reload = _StopOrReload(stop, ends_with_terminal=has_terminal() and not is_ignored)
    previous = signal.signal(signal.SIGHUP, stop_or_reload)
    try:
        yield stop_or_reload
    finally:
        signal.signal(signal.SIGHUP, previous)


def _leave_terminal() -> None:
    """Drop what could not be written to a terminal that is closed, so that it is no error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class _Monitor:
    """Writes the health file and tells systemd, from the loop: if that hangs, nothing is told.

    Args:
        environment: as for `run_watch`.
        printer: is told of trouble with the file.
    """

    def __init__(self, environment: Mapping[str, str], printer: WatchPrinter) -> None:
        self._path, self._printer = "", printer
        self._address = environment.get("NOTIFY_SOCKET")
        self._ping_seconds = watchdog_interval_seconds(
            environment.get("WATCHDOG_USEC"), environment.get("WATCHDOG_PID")
        )
        self._seconds = min(_HEALTH_SECONDS, self._ping_seconds or _HEALTH_SECONDS)
        self._next, self._trouble, self._started = 0.0, "", time.time()
        self._status = ""  # that was told last
        self._written: tuple[int, int] | None = None  # device and inode of the file

    def check(self, path: str | None) -> None:
        """Check that what is in the place of a health file is ours; None if none is wanted.

        Raises:
            ConfigError: there is another file.
        """
        if path and (os.path.abspath(path) != self._path or _identity(path) != self._written):
            check_health_path(os.path.abspath(path))

    def start(self, path: str | None) -> None:
        """Write the health file for the first time."""
        self._path = os.path.abspath(path) if path else ""
        self._write(Health(Tally(), 0, 0.0, None, NATIVE_EVENTS))

    def go_on(self, path: str | None, loop: Watch) -> None:
        """Go on with the health file of the settings that were read again; end another one."""
        if path and os.path.abspath(path) == self._path:
            return
        self.stop(loop)
        self._path, self._trouble = os.path.abspath(path) if path else "", ""
        self._write(loop.health())

    def turn(self, loop: Watch) -> None:
        """Tell the state of the loop, if its status is another, or the last time is a second ago.

        Called by the loop, at each of its turns.
        """
        now, before, self._status = time.monotonic(), self._status, loop.status
        if now >= self._next:
            self._next = now + self._seconds
            self._printer.summarise()
        elif self._status == before:
            return
        if not self._path and not self._address:
            return
        health = loop.health()
        self._write(health)
        status = f"{health.status}; {health.tally.report.made} made, {health.backlog} waiting"
        notify(self._address, **({"WATCHDOG": 1} if self._ping_seconds else {}), STATUS=status)

    def stop(self, loop: Watch) -> None:
        """Write the health file for the last time."""
        self._write(replace(loop.health(), status=STOPPED, updated=None))

    def _write(self, health: Health) -> None:
        if not self._path:
            return
        try:
            self.check(self._path)
            write_health(self._path, replace(health, started=self._started))
            self._written = _identity(self._path)
        except (OSError, ConfigError) as error:
            reason = getattr(error, "strerror", None)
            trouble = f"--health {self._path}: {reason}" if reason else str(error)
            if trouble != self._trouble:
                self._printer.print_event("error", trouble)
            self._trouble = trouble
        else:
            if self._trouble:
                self._printer.print_event("health", f"{self._path} can be written again")
            self._trouble = ""


def _identity(path: str) -> tuple[int, int] | None:
    """Return the device and inode of a file; None if there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
