"""A disk that does not answer holds up what has to wait for it, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.marks import needs_proc
from support.pictures import picture, tree
from support.processes import Started, slow, start
from support.program import thumbnailer
from support.slow_disk import on_slow_disk
from support.watching import WATCH, await_event, events, of_source, rows, soon, stop

pytestmark = needs_proc

OPTIONS = WATCH[3:]  # without the program


@contextmanager
def slow_watch(
    held: Path,
    path: Path | str,
    *arguments: str | Path,
    prefix: tuple[str, ...] = (),
    changes: Mapping[str, float] | None = None,
) -> Iterator[Started]:
    program = [*prefix, *on_slow_disk(held, path, changes or {}), *OPTIONS]
    with start(*program, *arguments) as watch:
        yield watch
        if not watch.is_over():
            held.unlink(missing_ok=True)
            stop(watch)


def is_made(watch: Started, path: Path) -> bool:
    return of_source(watch, path)[-1:] == ["made"]


@pytest.mark.parametrize("what", ["slow.jpg", "slow/thumbs"])
def test_events_go_on_while_the_first_rescan_waits_for_a_disk(
    photos: Path, tmp_path: Path, what: str
) -> None:
    tree(photos, "a.jpg", "slow.jpg", "slow/b.jpg")
    for path in photos.rglob("*.jpg"):
        os.utime(path, (1e9, 1e9))
    held = tmp_path / "held"
    held.touch()
    with slow_watch(held, photos / what, photos) as watch:
        await_watching(watch, photos)
        for number in range(3):
            new = picture(photos / f"new{number}.jpg")
            soon(watch, lambda new=new: is_made(watch, new))  # type: ignore[misc]
        (photos / "new0.jpg").unlink()
        soon(watch, lambda: of_source(watch, photos / "new0.jpg")[-1] == "removed")
        assert not events(watch, "ready")
        held.unlink()
        await_event(watch, "ready")
        soon(watch, lambda: is_made(watch, photos / "slow.jpg"))
        soon(watch, lambda: is_made(watch, photos / "slow" / "b.jpg"))


@pytest.mark.parametrize("what", ["slow.jpg", slow("slow"), slow("slow/thumbs")])
def test_events_go_on_while_a_later_rescan_waits_for_a_disk(
    photos: Path, tmp_path: Path, what: str
) -> None:
    tree(photos, "a.jpg", "slow.jpg", "slow/b.jpg")
    held, health = tmp_path / "held", tmp_path / "health.json"
    changes = {"thumbnailer.watcher.progress._SILENT_SECONDS": 0.5}
    options = ["--rescan", "0.3", "--health", str(health)]
    with slow_watch(held, photos / what, *options, photos, changes=changes) as watch:
        await_event(watch, "ready")
        held.touch()
        soon(watch, lambda: state(health)["status"].startswith("waiting for "))
        new = picture(photos / "new.jpg")
        soon(watch, lambda: is_made(watch, new))
        new.unlink()
        soon(watch, lambda: of_source(watch, new)[-1] == "removed")
        held.unlink()
        await_event(watch, "rescan", len(events(watch, "rescan")) + 2)


def await_watching(watch: Started, photos: Path) -> None:
    """Wait until events come: before that a picture would be found by a rescan only."""
    probes: list[Path] = []

    def answered() -> bool:
        probes.append(picture(photos / "probe" / f"{len(probes)}.jpg"))
        return any(is_made(watch, probe) for probe in probes)

    soon(watch, answered)


@pytest.mark.slow
def test_events_go_on_while_one_root_does_not_answer(photos: Path, tmp_path: Path) -> None:
    far = tree(tmp_path / "far", "far.jpg")
    tree(photos, "a.jpg")
    held = tmp_path / "held"
    output = ["--output", str(tmp_path / "out")]
    with slow_watch(held, far, "--rescan", "0.5", *output, photos, far) as watch:
        await_event(watch, "ready")
        held.touch()
        number = len(events(watch, "rescan"))
        await_event(watch, "rescan", number + 3)  # of the other root
        picture(photos / "new.jpg")
        soon(watch, lambda: is_made(watch, photos / "new.jpg"))
        held.unlink()
        picture(far / "new.jpg")
        soon(watch, lambda: is_made(watch, far / "new.jpg"))


def test_a_picture_that_has_come_and_does_not_answer_holds_up_no_other(
    photos: Path, tmp_path: Path
) -> None:
    tree(photos, "a.jpg")
    held = tmp_path / "held"
    with slow_watch(held, photos / "slow.jpg", photos) as watch:
        await_event(watch, "ready")
        held.touch()
        picture(tmp_path / "slow.jpg").rename(photos / "slow.jpg")
        picture(photos / "with it.jpg")
        picture(photos / "new.jpg")
        picture(tmp_path / "moved.jpg").rename(photos / "moved.jpg")
        soon(watch, lambda: is_made(watch, photos / "new.jpg"))
        picture(photos / "later.jpg")
        soon(watch, lambda: is_made(watch, photos / "later.jpg"))
        soon(watch, lambda: is_made(watch, photos / "moved.jpg"))
        held.unlink()
        soon(watch, lambda: is_made(watch, photos / "slow.jpg"))
        soon(watch, lambda: is_made(watch, photos / "with it.jpg"))


def test_what_happens_in_a_folder_that_does_not_answer_is_seen_later(
    photos: Path, tmp_path: Path
) -> None:
    tree(photos, "a.jpg", "slow/b.jpg")
    held = tmp_path / "held"
    with slow_watch(held, photos / "slow", photos) as watch:
        await_event(watch, "ready")
        held.touch()
        (photos / "slow" / "b.jpg").unlink()
        picture(photos / "slow" / "new.jpg")
        await_watching(watch, photos)
        held.unlink()
        soon(watch, lambda: is_made(watch, photos / "slow" / "new.jpg"))
        soon(watch, lambda: of_source(watch, photos / "slow" / "b.jpg")[-1] == "removed")


def test_systemd_is_told_that_it_lives_while_a_rescan_waits_for_a_disk(
    photos: Path, tmp_path: Path
) -> None:
    tree(photos, "a.jpg", "slow.jpg")
    held = tmp_path / "held"
    held.touch()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        environment = f"NOTIFY_SOCKET={manager.getsockname()}"
        prefix = ("env", environment, "WATCHDOG_USEC=1000000")
        changes = {"thumbnailer.watcher.progress._SILENT_SECONDS": 0.5}
        with slow_watch(held, photos / "slow.jpg", photos, prefix=prefix, changes=changes) as watch:
            told: list[str] = []
            while told.count("WATCHDOG=1") < 5:
                told += manager.recv(4096).decode().splitlines()
            while "does not answer" not in told[-1]:
                told += manager.recv(4096).decode().splitlines()
            assert not watch.is_over()
            assert f"STATUS=waiting for {photos}, whose disk does not answer" in told[-1]


def state(health: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(health.read_bytes())
    return found


def test_a_disk_that_does_not_answer_makes_health_old(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "slow.jpg")
    held, health = tmp_path / "held", tmp_path / "health.json"
    held.touch()
    changes = {
        "thumbnailer.watcher.progress._SILENT_SECONDS": 0.3,
        "thumbnailer.watcher.progress._HANGS_SECONDS": 0.6,
        "thumbnailer.watcher.health.health_file.STALE_AFTER_SECONDS": 2,
    }
    arguments: list[str | Path] = ["--health", str(health), photos]
    with slow_watch(held, photos / "slow.jpg", *arguments, changes=changes) as watch:
        soon(watch, health.exists)
        soon(watch, lambda: state(health)["status"].startswith("waiting for "))
        soon(watch, lambda: thumbnailer("health", health).code == 1)
        assert "no sign of life" in thumbnailer("health", health).out
        held.unlink()
        soon(watch, lambda: state(health)["status"] == "idle")
        assert thumbnailer("health", health).code == 0


@pytest.mark.slow
def test_a_signal_ends_it_while_a_disk_does_not_answer(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "slow.jpg")
    held = tmp_path / "held"
    held.touch()
    with slow_watch(held, photos / "slow.jpg", photos) as watch:
        await_watching(watch, photos)
        watch.process.send_signal(signal.SIGTERM)
        assert watch.process.wait(60) == 0
        assert rows(watch)[-1]["event"] == "stopped"
