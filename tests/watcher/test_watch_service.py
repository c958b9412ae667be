"""A watch as a service: its signals, what it tells systemd and a monitor, what it costs at rest."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.marks import needs_proc
from support.pictures import picture
from support.processes import copies, start
from support.program import thumbnailer
from support.slow_disk import on_slow_disk
from support.waiting import eventually, until
from support.watching import (
    WATCH,
    await_event,
    catches_up,
    cpu_seconds,
    errors,
    events,
    failed,
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
    fields |= {"last_error", "updated", "status", "started", "stale_after_seconds"}
    fields |= {"pid", "host", "version"}

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
        soon(watch, lambda: state()["status"] == "idle")
        assert state()["pid"] == watch.process.pid
    assert state()["status"] == "stopped"


def test_health_tells_what_it_does(photos: Path, tmp_path: Path) -> None:
    copies(photos, 300, (1280, 960))
    health = tmp_path / "health.json"
    seen: list[str] = []

    def status() -> str:
        found: str = json.loads(health.read_bytes())["status"]
        if seen[-1:] != [found]:
            seen.append(found)
        return found

    with start(*WATCH, "--health", str(health), photos) as watch:
        soon(watch, health.exists)
        soon(watch, lambda: status() == "idle")
        assert [one for one in seen if one != "starting"] == ["working", "idle"]
        photos.rename(tmp_path / "away")
        soon(watch, lambda: status() == f"waiting for {photos}")
        assert thumbnailer("health", health).code == 0
        (tmp_path / "away").rename(photos)
        soon(watch, lambda: status() == "idle")
        stop(watch)


def test_counts_and_the_start_outlive_a_reload(photos: Path, tmp_path: Path) -> None:
    starting_tree(photos)
    (photos / "broken.jpg").write_text("text")
    health = tmp_path / "health.json"

    def state() -> dict[str, Any]:
        told: dict[str, Any] = json.loads(health.read_bytes())
        return told

    with watching("--health", str(health), photos) as watch:
        soon(
            watch, lambda: state()["counts"] == {"made": 4, "skipped": 0, "failed": 1, "removed": 0}
        )
        started = state()["started"]
        watch.process.send_signal(signal.SIGHUP)
        await_event(watch, "ready", 2)
        shell("cp ../else/new.jpg .; rm a.jpg", photos)
        soon(watch, lambda: state()["counts"]["removed"] == 1)
        assert state()["counts"]["made"] == 5
        assert state()["started"] == started


def test_a_reload_tries_again_what_failed(photos: Path, tmp_path: Path) -> None:
    starting_tree(photos)
    broken = photos / "broken.jpg"
    broken.write_text("text")
    with watching(photos) as watch:
        soon(watch, lambda: of_source(watch, broken) == ["failed"])
        watch.process.send_signal(signal.SIGHUP)
        soon(watch, lambda: of_source(watch, broken) == ["failed", "failed"])
        assert "failed before" not in str(failed(watch))


def test_what_failed_before_is_told_in_one_line_and_tried_again_if_asked(photos: Path) -> None:
    starting_tree(photos)
    for number in range(3):
        (photos / f"{number}.jpg").write_text("text")
    with watching(photos) as watch:
        assert len(failed(watch)) == 3
        assert not events(watch, "failed before")
    with watching(photos) as watch:
        assert not failed(watch)
        (event,) = events(watch, "failed before")
        assert event["message"].startswith("3 pictures")
        told = [row["event"] for row in rows(watch)]
        assert told.index("failed before") + 1 == told.index("ready")
    with watching("--retry-failed", photos) as watch:
        assert len(failed(watch)) == 3
        assert not events(watch, "failed before")


def test_ready_is_told_when_everything_is_made(photos: Path) -> None:
    picture(photos / "old.jpg")
    options = [*WATCH[:-4], "--settle", "3", "--rescan", "3600"]
    with start(*options, photos) as watch:
        for number in range(20):  # too young to be made at once
            picture(photos / f"{number}.jpg")
        await_event(watch, "ready", 1)
        made = [row["status"] for row in rows(watch) if "source" in row]
        at = [row.get("event") for row in rows(watch)].index("ready")
        assert made[:at] == made == ["made"] * 21
        stop(watch)


@pytest.mark.parametrize("quiet", [False, True])
def test_each_row_and_line_has_its_time(photos: Path, quiet: bool) -> None:
    starting_tree(photos)
    (photos / "broken.jpg").write_text("text")
    (photos / "gone.jpg").symlink_to("nowhere")
    begin = datetime.now().astimezone().replace(microsecond=0)
    with watching(photos) as watch:
        shell("rm a.jpg", photos)
        soon(watch, lambda: of_source(watch, photos / "a.jpg")[-1] == "removed")
        times = [datetime.fromisoformat(row["time"]) for row in rows(watch)]
    assert times == sorted(times)
    assert begin <= times[0] <= times[-1] <= datetime.now().astimezone()
    options = [word for word in WATCH if word != "--json"]
    with start(*options, "--quiet" if quiet else "-v", "--retry-failed", photos) as watch:
        soon(watch, lambda: "broken.jpg" in errors(watch))
        shell("cp ../else/new.jpg .", photos)
        soon(watch, lambda: (photos / "thumbs" / "new.jpg").exists())
        soon(watch, lambda: quiet or "new.jpg" in watch.printed())
        watch.process.send_signal(signal.SIGTERM)
        assert watch.process.wait(60) == 0
        for line in [*errors(watch).splitlines(), *watch.printed().splitlines()]:
            time_, _, words = line.partition(" ")
            assert begin <= datetime.fromisoformat(time_)
            kinds = {"failed", "skipped", "made", "ready", "stopped", "note"}
            assert words.partition(": ")[0] in kinds


def test_how_far_it_is_is_told_until_everything_is_made(photos: Path, tmp_path: Path) -> None:
    for number in range(40):
        picture(photos / f"{number}.jpg")
        os.utime(photos / f"{number}.jpg", (1e9, 1e9))
    changes = {
        "thumbnailer.watcher.progress._PROGRESS_SECONDS": 0.3,
        "thumbnailer.watcher.progress._COUNT_AFTER_SECONDS": 0.1,
    }
    held = tmp_path / "held"
    held.touch()
    with start(*on_slow_disk(held, photos / "thumbs", changes), *WATCH[3:], photos) as watch:
        await_event(watch, "progress", 3)
        assert not events(watch, "ready")
        message = events(watch, "progress")[-1]["message"]
        assert re.fullmatch(r"\d+ of 40 pictures looked at, 0 made, 0 failed.*", message)
        held.unlink()
        await_event(watch, "ready")
        assert "40 made" in events(watch, "ready")[-1]["message"]
        number = len(events(watch, "progress"))
        stop(watch)
        assert len(events(watch, "progress")) == number


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
