"""Pictures that change, go and come back while their thumbnails are being written."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.marks import needs_proc
from support.pictures import picture
from support.processes import start
from support.program import make
from support.slow_disk import on_slow_disk
from support.waiting import eventually
from support.watching import (
    WATCH,
    await_event,
    catches_up,
    of_source,
    shell,
    soon,
    starting_tree,
    stop,
    watching,
)

from thumbnailer import Settings
from thumbnailer.watcher.loop import WatchLoop
from thumbnailer.watcher.work import WatchOptions

fcntl = pytest.importorskip("fcntl")

pytestmark = needs_proc


@contextmanager
def nothing_written(thumbs: Path) -> Iterator[None]:
    """Keep a ledger locked, as another run does: what is made has to wait, but may be read."""
    with (thumbs / ".thumbnailer").open("rb+") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        yield


def await_writing(thumbs: Path) -> None:
    """Wait until a thumbnail has been made and waits for its name."""
    eventually(lambda: [*thumbs.glob("*.tmp")])


def test_a_picture_that_changes_before_its_thumbnail_is_written_is_made_again(photos: Path) -> None:
    starting_tree(photos)
    with watching(photos) as watch:
        catches_up(watch, photos)
        with nothing_written(photos / "thumbs"):
            shell("cp ../else/new.jpg a.jpg", photos)
            await_writing(photos / "thumbs")
            shell("cp ../else/large.jpg a.jpg", photos)
            other = picture(photos / "sub" / "other.jpg")  # in a batch after that
            soon(watch, lambda: of_source(watch, other) == ["made"])
        catches_up(watch, photos)


def test_a_picture_that_goes_before_its_thumbnail_is_written_leaves_none(
    photos: Path, tmp_path: Path
) -> None:
    starting_tree(photos)
    at_once = {"thumbnailer.watcher.roots.moves._HOLD_SECONDS": 0}  # it was not moved elsewhere
    with start(*on_slow_disk(tmp_path / "no", photos, at_once), *WATCH[3:], photos) as watch:
        await_event(watch, "ready")
        with nothing_written(photos / "thumbs"):
            shell("cp ../else/new.jpg .", photos)
            await_writing(photos / "thumbs")
            shell("rm new.jpg; sleep 0.7", photos)  # by then it is to be removed
        catches_up(watch, photos)
        stop(watch)


def test_what_changes_before_a_rescan_comes_to_it_is_made_once(photos: Path) -> None:
    """Though the rescan had read before what there was of the thumbnails."""
    for number in range(60):
        path = picture(photos / f"{number:02}.jpg", (60 + number, 30))
        os.utime(path, (1e9, 1e9))
    make("--size", "16", photos)  # so that all are to be made again
    last = photos / "59.jpg"
    with start(*WATCH, photos) as watch:
        with nothing_written(photos / "thumbs"):
            await_writing(photos / "thumbs")
            picture(last, (50, 50))
            time.sleep(0.7)  # by then it is to be made
        await_event(watch, "ready")
        catches_up(watch, photos)
        assert of_source(watch, last) == ["made"]
        stop(watch)


def test_nothing_is_written_while_thumbnails_are_removed(photos: Path) -> None:
    """A folder goes with its last thumbnail, and must not while another comes."""
    starting_tree(photos)
    for path in photos.rglob("*.*g"):
        os.utime(path, (1e9, 1e9))
    end, is_removing, over = threading.Event(), threading.Event(), threading.Event()
    loop = WatchLoop(photos, Settings(), WatchOptions(rescan_seconds=3600), stop=end)

    def removals() -> Iterator[int]:
        is_removing.set()
        over.wait(60)
        yield 1

    def run() -> None:
        (root,) = loop._work.roots
        assert list(root.removals.gate.alone(removals())) == [1]

    threads = [threading.Thread(target=run)]
    threads.append(threading.Thread(target=lambda: list(loop.run())))
    written = photos / "sub" / "thumbs"
    try:
        threads[0].start()
        assert is_removing.wait(60)
        threads[1].start()
        time.sleep(1)
        assert not written.exists()
        over.set()
        eventually(written.exists)
    finally:
        over.set()
        end.set()
        for thread in threads:
            thread.join(60)


def test_health_counts_what_waits_to_be_written(photos: Path, tmp_path: Path) -> None:
    health = tmp_path / "health.json"

    def state() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(health.read_bytes())
        return found

    starting_tree(photos)
    with watching("--health", str(health), photos) as watch:
        catches_up(watch, photos)
        with nothing_written(photos / "thumbs"):
            shell("cp ../else/new.jpg .; cp ../else/large.jpg .", photos)
            soon(watch, lambda: state()["oldest_pending_seconds"] > 1)
            assert (state()["backlog"], state()["status"]) == (2, "working")
        soon(watch, lambda: state()["backlog"] == state()["oldest_pending_seconds"] == 0)
