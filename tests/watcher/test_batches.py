"""Pictures that change, go and come back while their thumbnails are being written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.marks import needs_proc
from support.pictures import picture
from support.processes import start
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
