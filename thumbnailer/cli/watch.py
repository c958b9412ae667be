"""The command `watch` as a service: signals, reloading, systemd and the health file."""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from thumbnailer.cli.output.watch import WatchPrinter
from thumbnailer.cli.signals import stop_on_signals
from thumbnailer.config.settings import Settings
from thumbnailer.errors import ThumbnailError
from thumbnailer.model import Stop
from thumbnailer.watcher.health import write_health
from thumbnailer.watcher.loop import WatchLoop, WatchOptions
from thumbnailer.watcher.systemd import notify, notify_reloading, watchdog_interval_seconds

_HEALTH_SECONDS = 1.0


class _StopOrReload:
    """Stop of one watch loop: set when the service ends, or when SIGHUP asks for a reload."""

    def __init__(self, stop: Stop) -> None:
        self._stop, self.reload = stop, False

    def is_set(self) -> bool:
        """Return whether the loop must end."""
        return self.reload or self._stop.is_set()

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self.reload = True


def run_watch(
    arguments: argparse.Namespace,
    load: Callable[[], Settings],
    environment: Mapping[str, str],
) -> None:
    """Watch until SIGTERM or SIGINT; on SIGHUP reload the settings.

    Args:
        arguments: the parsed arguments of the command `watch`.
        load: a function that reads the settings; called at the start and on each reload.
        environment: the environment variables, in which systemd names its socket.

    Raises:
        ThumbnailError: the watch can't be started. Once it runs, only a signal ends it.
    """
    address = environment.get("NOTIFY_SOCKET")
    printer = WatchPrinter(as_json=arguments.json, quiet=arguments.quiet, verbose=arguments.verbose)

    options = WatchOptions(
        arguments.settle,
        arguments.rescan,
        arguments.poll,
        arguments.keep_orphans,
        arguments.gallery,
    )

    def new_loop(before: WatchLoop | None = None) -> WatchLoop:
        settings, tell = load(), printer.print_event
        return WatchLoop(
            arguments.source, settings, options, stop=stop_or_reload, tell=tell, before=before
        )

    with stop_on_signals() as stop, _on_hangup(stop) as stop_or_reload:
        loop = new_loop()
        while True:
            with _health_thread(loop, arguments.health, environment):
                notify(address, READY=1, STATUS="watching")
                for outcome in loop.run():
                    printer.show(outcome, loop.report)
            if stop.is_set():
                break
            notify_reloading(address)
            stop_or_reload.reload = False
            try:
                loop = new_loop(loop)
                printer.print_event("reloaded", "the settings have been read again")
            except ThumbnailError as error:
                printer.print_event("error", f"{error}; the settings stay as they were")
        notify(address, STOPPING=1)
    printer.print_event("stopped", f"by {signal.Signals(stop.signal).name}")


@contextmanager
def _on_hangup(stop: Stop) -> Iterator[_StopOrReload]:
    """Yield a stop that SIGHUP sets; restore the previous signal handler afterwards."""
    stop_or_reload = _StopOrReload(stop)
    if not hasattr(signal, "SIGHUP"):
        yield stop_or_reload
        return
    previous = signal.signal(signal.SIGHUP, stop_or_reload)
    try:
        yield stop_or_reload
    finally:
        signal.signal(signal.SIGHUP, previous)


@contextmanager
def _health_thread(
    loop: WatchLoop, health: str | None, environment: Mapping[str, str]
) -> Iterator[None]:
    """Run a thread that writes the health file and pings systemd's watchdog."""
    address = environment.get("NOTIFY_SOCKET")
    ping_seconds = watchdog_interval_seconds(
        environment.get("WATCHDOG_USEC"), environment.get("WATCHDOG_PID")
    )
    # A healthy watch can be busy with one picture for two time-outs; the minute is a margin.
    max_beat_age_seconds = 2 * loop.settings.timeout + 60
    ended = threading.Event()

    def report_health() -> None:
        wait_seconds = min(_HEALTH_SECONDS, ping_seconds or _HEALTH_SECONDS)
        while True:
            if health:
                _write_health_file(health, loop)
            if ping_seconds and time.monotonic() - loop.last_beat < max_beat_age_seconds:
                state = loop.health()
                status = f"{state.counts['made']} made, {state.backlog} waiting"
                notify(address, WATCHDOG=1, STATUS=status)
            if ended.wait(wait_seconds):
                return

    thread = threading.Thread(target=report_health, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if health:
            _write_health_file(health, loop)


def _write_health_file(path: str, loop: WatchLoop) -> None:
    try:
        write_health(os.path.abspath(path), loop.health())
    except OSError as error:
        loop.last_error = f"{path}: {error.strerror or error}"
