"""What a rescan finds that no event has told of; polled so rarely, a watch sees nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.marks import needs_proc
from support.pictures import picture
from support.watching import (
    await_event,
    catches_up,
    events,
    of_source,
    shell,
    soon,
    starting_tree,
    watching,
)

pytestmark = needs_proc

BY_RESCANS = ["--poll", "3600", "--rescan", "0.3"]


def test_a_folder_that_is_deleted_without_an_event_leaves_no_thumbnails(photos: Path) -> None:
    starting_tree(photos)
    out = photos.parent / "out"
    arguments: list[str | Path] = [*BY_RESCANS, "--output", str(out), photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        await_event(watch, "rescan", 2)  # by then nothing is new
        shell("rm -r sub/deep", photos)
        catches_up(watch, *arguments)
        assert not (out / "sub" / "deep").exists()
        shell("rm -r sub", photos)
        catches_up(watch, *arguments)


def test_a_picture_that_has_changed_a_moment_ago_is_not_read_yet(photos: Path) -> None:
    starting_tree(photos)
    content = (photos.parent / "else" / "large.jpg").read_bytes()
    for path in photos.rglob("*.*g"):
        os.utime(path, (1e9, 1e9))
    new = photos / "new.jpg"
    with watching(*BY_RESCANS, "--settle", "20", photos) as watch:
        new.write_bytes(content[:9000])
        await_event(watch, "rescan", len(events(watch, "rescan")) + 2)
        assert of_source(watch, new) == []
        new.write_bytes(content)
        os.utime(new, (1e9, 1e9))  # nothing is written any more
        soon(watch, lambda: of_source(watch, new) == ["made"])


@pytest.mark.parametrize("number", [10, 11])
def test_many_pictures_of_a_folder_that_are_gone_at_once_may_be_on_a_disk(
    photos: Path, number: int
) -> None:
    starting_tree(photos)
    for count in range(number):
        picture(photos / "many" / f"{count}.jpg", (60 + count, 30))
    out = photos.parent / "out"
    arguments: list[str | Path] = [*BY_RESCANS, "--output", str(out), photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        await_event(watch, "rescan", 2)
        shell("rm -r many", photos)
        if number <= 10:
            catches_up(watch, *arguments)
        else:
            await_event(watch, "orphans")
            assert f": {number} of " in events(watch, "orphans")[0]["message"]
            await_event(watch, "rescan", len(events(watch, "rescan")) + 2)
            assert len([*(out / "many").glob("*.jpg")]) == number


def test_what_failed_is_tried_again_at_the_first_rescan_only(photos: Path) -> None:
    (photos / "broken.jpg").write_text("text")
    with watching(*BY_RESCANS, "--retry-failed", photos) as watch:
        await_event(watch, "rescan", 4)
        assert of_source(watch, photos / "broken.jpg") == ["failed"]
