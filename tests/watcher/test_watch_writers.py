"""Writers who take their time, and what becomes of a picture they leave unfinished."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.marks import needs_proc
from support.watching import (
    catches_up,
    failed,
    of_source,
    shell,
    soon,
    starting_tree,
    thumbnails,
    watching,
)

pytestmark = [pytest.mark.slow, needs_proc]


@pytest.mark.parametrize("poll", [[], ["--poll", "0.3"]], ids=["events", "polling"])
def test_a_slow_writer_is_waited_for(photos: Path, poll: list[str]) -> None:
    starting_tree(photos)
    with watching("--settle", "1", *poll, photos) as watch:
        pieces = "head -c 9000; sleep 0.5; " * 5 + "cat"
        shell(f"{{ {pieces}; }} < ../else/large.jpg > large.jpg", photos)
        catches_up(watch, photos)
        assert of_source(watch, photos / "large.jpg") == ["made"]


@pytest.mark.parametrize("before", ["head -c 9000", "true"], ids=["half-way", "at the start"])
def test_a_writer_who_pauses_for_longer_than_it_takes_to_settle(photos: Path, before: str) -> None:
    starting_tree(photos)
    with watching(photos) as watch:
        shell(f"{{ {before}; sleep 2; cat; }} < ../else/large.jpg > large.jpg", photos)
        catches_up(watch, photos)
        assert of_source(watch, photos / "large.jpg") == ["made"]


def test_a_truncated_picture_that_is_completed_later(photos: Path) -> None:
    starting_tree(photos)
    late = photos / "late.jpg"
    with watching(photos) as watch:
        shell("head -c 9000 ../else/large.jpg > late.jpg", photos)
        soon(watch, lambda: of_source(watch, late) == ["failed"])
        shell("tail -c +9001 ../else/large.jpg >> late.jpg", photos)
        catches_up(watch, photos)
        assert of_source(watch, late) == ["failed", "made"]


def test_a_picture_that_grows_past_the_limits_keeps_its_old_thumbnail(photos: Path) -> None:
    starting_tree(photos)
    options = ["--max-pixels", "100000"]
    with watching(*options, photos) as watch:
        catches_up(watch, *options, photos)
        before = thumbnails(photos)
        shell("cp ../else/large.jpg a.jpg", photos)
        soon(watch, lambda: failed(watch))
        (row,) = failed(watch)
        assert (row["source"], row["error"]["stage"]) == (str(photos / "a.jpg"), "limits")
        assert thumbnails(photos) == before
        shell("cp ../else/new.jpg a.jpg", photos)
        catches_up(watch, *options, photos)


def replace_by_renaming(new: Path, path: Path) -> None:
    temporary = path.with_name(".new")
    shutil.copyfile(new, temporary)
    os.replace(temporary, path)


def delete_and_rename(new: Path, path: Path) -> None:
    path.unlink()
    replace_by_renaming(new, path)


@contextmanager
def restless(path: Path, replace: object, *contents: Path) -> Iterator[None]:
    """Replace a picture by others in turn, every 50 ms."""
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.wait(0.05):
            assert callable(replace)
            replace(contents[number % len(contents)], path)
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("replace", "poll"),
    [
        (replace_by_renaming, []),
        (replace_by_renaming, ["--poll", "0.3"]),
        (delete_and_rename, []),
    ],
    ids=["renamed over", "renamed over-polling", "deleted before"],
)
def test_a_picture_that_is_replaced_all_the_time_has_a_thumbnail_now_and_then(
    photos: Path, poll: list[str], replace: object
) -> None:
    starting_tree(photos)
    other = photos.parent / "else"
    contents = [other / "new.jpg", other / "album" / "a.jpg", other / "album" / "e.jpg"]
    with watching("--settle", "1", *poll, photos) as watch:
        catches_up(watch, photos)
        with restless(photos / "a.jpg", replace, *contents):
            soon(watch, lambda: of_source(watch, photos / "a.jpg").count("made") > 2, seconds=120)
        catches_up(watch, photos)
        assert not failed(watch)
