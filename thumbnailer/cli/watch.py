"""The watch as a service: signals, reloading, systemd and the health file."""

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
from thumbnailer.watcher.health import Health, write_health
from thumbnailer.watcher.loop import WatchLoop
from thumbnailer.watcher.systemd import notify, notify_reloading, watchdog_interval_seconds

_HEALTH_SECONDS = 1.0


class _StopOrReload:
    """A stop for one vigil: the end of the service, or SIGHUP's wish to start over."""

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self.reload = False

    def is_set(self) -> bool:
        return self.reload or (self.stop is not None and self.stop.is_set())

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self.reload = True


def run_watch(
    arguments: argparse.Namespace,
    load: Callable[[], Settings],
    environment: Mapping[str, str],
) -> None:
    """Watch until SIGTERM or SIGINT; on SIGHUP read the settings anew.

    Args:
        arguments: of the command `watch`.
        load: reads the settings.
        environment: where systemd says how to be told.

    Raises:
        ThumbnailError: it can't be started; later nothing ends it but a signal.
    """
    address = environment.get("NOTIFY_SOCKET")
    printer = WatchPrinter(as_json=arguments.json, quiet=arguments.quiet, verbose=arguments.verbose)

    def start() -> WatchLoop:
        return WatchLoop(
            arguments.source,
            load(),
            stop=until,
            settle_seconds=arguments.settle,
            rescan_seconds=arguments.rescan,
            poll_seconds=arguments.poll,
            keep_orphans=arguments.keep_orphans,
            gallery=arguments.gallery,
            tell=printer.tell,
        )

    with stop_on_signals() as stop, _on_hangup() as until:
        until.stop = stop
        loop = start()
        while True:
            with _health_thread(loop, arguments.health, environment):
                notify(address, READY=1, STATUS="watching")
                for outcome in loop.run():
                    printer.show(outcome, loop.report)
            if stop.is_set():
                break
            notify_reloading(address)
            until.reload = False
            try:
                loop = start()
                printer.tell("reloaded", "the settings have been read anew")
            except ThumbnailError as error:
                printer.tell("error", f"{error}; the settings stay as they were")
        notify(address, STOPPING=1)
    printer.tell("stopped", f"by {signal.Signals(stop.signal).name}")


@contextmanager
def _on_hangup() -> Iterator[_StopOrReload]:
    until = _StopOrReload()
    if not hasattr(signal, "SIGHUP"):
        yield until
        return
    before = signal.signal(signal.SIGHUP, until)
    try:
        yield until
    finally:
        signal.signal(signal.SIGHUP, before)


@contextmanager
def _health_thread(
    loop: WatchLoop, health: str | None, environment: Mapping[str, str]
) -> Iterator[None]:
    """A thread that writes the health file and tells systemd that the vigil is alive."""
    address = environment.get("NOTIFY_SOCKET")
    ping_seconds = watchdog_interval_seconds(
        environment.get("WATCHDOG_USEC"), environment.get("WATCHDOG_PID")
    )
    # Even a vigil that is well may be busy with one picture for two time-outs.
    patience_seconds = 2 * loop.settings.timeout + 60
    over = threading.Event()

    def accompany() -> None:
        wait_seconds = min(_HEALTH_SECONDS, ping_seconds or _HEALTH_SECONDS)
        while True:
            if health:
                _write(health, loop)
            if ping_seconds and time.monotonic() - loop.last_beat < patience_seconds:
                status = f"{loop.report.made} made, {loop.backlog} waiting"
                notify(address, WATCHDOG=1, STATUS=status)
            if over.wait(wait_seconds):
                return

    thread = threading.Thread(target=accompany, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        if health:
            _write(health, loop)


def _write(path: str, loop: WatchLoop) -> None:
    report = loop.report
    counts = {name: getattr(report, name) for name in ("made", "skipped", "failed", "removed")}
    state = Health(
        counts=counts,
        backlog=loop.backlog,
        oldest_pending_seconds=loop.oldest_pending_seconds,
        last_rescan=loop.last_rescan,
        mode=loop.mode,
        last_error=loop.last_error,
    )
    try:
        write_health(os.path.abspath(path), state)
    except OSError as error:
        loop.last_error = f"{path}: {error.strerror or error}"
