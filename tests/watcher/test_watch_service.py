"""A watch as a service: its signals, what it tells systemd and a monitor, what it costs at rest."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.marks import needs_proc
from support.pictures import picture
from support.processes import copies, start
from support.waiting import eventually, until
from support.watching import (
    WATCH,
    await_event,
    catches_up,
    cpu_seconds,
    errors,
    events,
    fresh,
    of_source,
    rows,
    shell,
    soon,
    starting_tree,
    stop,
    thumbnails,
    watching,
)

from thumbnailer import watch as watch_folder

pytestmark = [pytest.mark.slow, needs_proc]

signals = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


@signals
def test_a_signal_ends_it_at_rest(photos: Path, number: signal.Signals) -> None:
    starting_tree(photos)
    with watching(photos) as watch:
        catches_up(watch, photos)
        stop(watch, number, photos)


def test_a_stop_is_noticed_however_long_the_handler_of_the_signal_takes(photos: Path) -> None:
    program = f"""if True:
        import signal, threading, time, thumbnailer
        stop = threading.Event()
        signal.signal(signal.SIGALRM, lambda *_: (time.sleep(0.5), stop.set()))
        for outcome in thumbnailer.watch({str(photos)!r}, stop_event=stop, rescan=3600):
            signal.setitimer(signal.ITIMER_REAL, 2)
    """
    picture(photos / "a.jpg")
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)


@signals
@pytest.mark.parametrize("rows_before", [0, 30], ids=["first", "later"])
def test_a_signal_ends_it_at_work(photos: Path, number: signal.Signals, rows_before: int) -> None:
    copies(photos, 1000, (1280, 960))
    with start(*WATCH, photos) as watch:
        soon(watch, lambda: (photos / "thumbs").exists() and len(rows(watch)) >= rows_before)
        stop(watch, number, photos)
        assert not [row for row in rows(watch) if row.get("status") == "failed"]


def test_a_signal_in_a_burst_of_changes(photos: Path) -> None:
    copies(photos.parent / "burst", 1000, (640, 480))
    with watching(photos) as watch:
        shell("cp -r ../burst .", photos)
        eventually(lambda: len(rows(watch)) > 30)
        stop(watch, signal.SIGTERM, photos)
    with watching(photos) as watch:  # goes on where the other stopped
        catches_up(watch, photos)


def test_settings_are_read_again_on_sighup(photos: Path, tmp_path: Path) -> None:
    starting_tree(photos)
    config = tmp_path / "config.toml"
    config.write_text('size = "24x24"\n')
    options = ["--config", str(config)]
    with watching(*options, photos) as watch:
        catches_up(watch, *options, photos)
        config.write_text('size = "16x16"\n')
        watch.process.send_signal(signal.SIGHUP)
        await_event(watch, "reloaded")
        catches_up(watch, *options, photos)


@pytest.mark.parametrize("bad", ["size = ", 'size = "huge"', "sighs = 3", None])
def test_settings_that_make_no_sense_leave_the_old_ones(
    photos: Path, tmp_path: Path, bad: str | None
) -> None:
    starting_tree(photos)
    config = tmp_path / "config.toml"
    config.write_text('size = "24x24"\n')
    with watching("--config", str(config), photos) as watch:
        catches_up(watch, "--size", "24x24", photos)
        if bad is None:
            config.unlink()
        else:
            config.write_text(bad)
        watch.process.send_signal(signal.SIGHUP)
        soon(watch, lambda: [row for row in events(watch, "error") if "config" in row["message"]])
        shell("cp ../else/new.jpg sub", photos)
        catches_up(watch, "--size", "24x24", photos)
        assert "Traceback" not in errors(watch)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        yield listener


def of_service(manager: socket.socket, watchdog_usec: int = 0) -> tuple[str, ...]:
    """A prefix to a command that starts it as systemd starts a service."""
    script = 'export WATCHDOG_PID=$$; exec "$0" "$@"'
    address = f"NOTIFY_SOCKET={manager.getsockname()}"
    return ("env", address, f"WATCHDOG_USEC={watchdog_usec}", "sh", "-c", script)


def told(manager: socket.socket, field: str) -> list[str]:
    """What the manager is told until this field is there, which is among it."""
    seen: list[str] = []
    for _ in until(60):
        seen += manager.recv(4096).decode().splitlines()
        if field in seen:
            break
    return seen


def test_systemd_is_told_when_it_is_ready_reloads_and_stops(
    photos: Path, tmp_path: Path, manager: socket.socket
) -> None:
    starting_tree(photos)
    config = tmp_path / "config.toml"
    config.write_text('size = "24x24"\n')
    options = ["--config", str(config)]
    with start(*of_service(manager), *WATCH, *options, photos) as watch:
        assert "STOPPING=1" not in told(manager, "READY=1")
        await_event(watch, "ready")
        catches_up(watch, *options, photos)
        watch.process.send_signal(signal.SIGHUP)
        assert any(line.startswith("MONOTONIC_USEC=") for line in told(manager, "RELOADING=1"))
        told(manager, "READY=1")
        stop(watch)
        told(manager, "STOPPING=1")


def test_the_watchdog_is_fed_at_rest_and_at_work(photos: Path, manager: socket.socket) -> None:
    copies(photos, 300, (1280, 960))
    with start(*of_service(manager, 4_000_000), *WATCH, photos) as watch:
        fed = []
        for _ in range(4):
            told(manager, "WATCHDOG=1")
            fed.append(time.monotonic())
        pauses = [after - before for before, after in pairwise(fed)]
        assert max(pauses) < 4  # or systemd would kill it
        assert fed[-1] - fed[0] > 0.2 * len(pauses)
        stop(watch)


def test_health_is_told_at_any_time(photos: Path, tmp_path: Path) -> None:
    copies(tmp_path / "burst", 200, (320, 240))
    starting_tree(photos)
    health = tmp_path / "health.json"
    fields = {"counts", "backlog", "oldest_pending_seconds", "last_rescan", "mode"}
    fields |= {"last_error", "updated"}

    def state() -> dict[str, Any]:
        told: dict[str, Any] = json.loads(health.read_bytes())
        assert told.keys() == fields
        return told

    with watching("--health", str(health), photos) as watch:
        soon(watch, health.exists)
        soon(watch, lambda: state()["counts"]["made"] == 4)
        shell("cp -r ../burst .; echo text > broken.jpg; rm b.png", photos)
        soon(watch, lambda: state()["counts"]["made"] == 204)
        soon(watch, lambda: state()["counts"]["failed"] == 1)
        soon(watch, lambda: state()["counts"]["removed"] == 1)
        soon(watch, lambda: state()["backlog"] == state()["oldest_pending_seconds"] == 0)
        assert state()["last_error"]
        assert state()["mode"] == "inotify"
        assert state()["last_rescan"] is not None


def test_a_health_file_that_cannot_be_written_stops_nothing(photos: Path, tmp_path: Path) -> None:
    starting_tree(photos)
    with watching("--health", str(tmp_path / "nowhere" / "health.json"), photos) as watch:
        shell("cp ../else/new.jpg .", photos)
        catches_up(watch, photos)


@pytest.mark.slow
@pytest.mark.parametrize("health", [False, True])
def test_at_rest_it_costs_next_to_nothing(photos: Path, tmp_path: Path, health: bool) -> None:
    starting_tree(photos)
    copies(photos / "many", 2000, (64, 48))
    arguments: list[str | Path] = ["--health", str(photos / "health.json")] if health else []
    with watching(*arguments, photos) as watch:
        soon(watch, lambda: len(list((photos / "many" / "thumbs").glob("*"))) > 2000)
        catches_up(watch, photos)
        time.sleep(1)
        before = cpu_seconds(watch)
        time.sleep(5)
        assert cpu_seconds(watch) - before < 0.05 * 5
        assert not events(watch, "rescan")


def test_a_watch_in_a_program_of_ones_own(photos: Path) -> None:
    starting_tree(photos)
    end = threading.Event()
    seen: list[tuple[str, str]] = []

    def follow() -> None:
        for outcome in watch_folder(photos, size=24, settle=0.2, rescan=3600, stop_event=end):
            seen.append((outcome.source.path, outcome.status))

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        eventually(lambda: len(seen) == 4)
        shell("cp ../else/new.jpg .; rm a.jpg", photos)
        wanted = fresh("--size", "24", photos)
        eventually(lambda: thumbnails(photos) == wanted)
        eventually(lambda: len(seen) == 6)
    finally:
        end.set()
        thread.join(5)
    assert not thread.is_alive()
    assert {(str(photos / "new.jpg"), "made"), (str(photos / "a.jpg"), "removed")} == set(seen[4:])


def test_a_picture_changes_once_more_while_the_watch_is_stopped(photos: Path) -> None:
    starting_tree(photos)
    with watching(photos) as watch:
        catches_up(watch, photos)
        watch.process.send_signal(signal.SIGSTOP)
        shell("cp ../else/large.jpg a.jpg; mv sub x; mkdir sub; rm b.png", photos)
        picture(photos / "sub" / "c.jpg", (90, 30))
        watch.process.send_signal(signal.SIGCONT)
        catches_up(watch, photos)
        assert of_source(watch, photos / "a.jpg")[-1] == "made"
