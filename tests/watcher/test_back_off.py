"""What holds up all work, such as a full disk, is tried again after pauses that grow."""

from __future__ import annotations

import json
import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from support.marks import needs_proc, root_only
from support.processes import Started, start
from support.watching import (
    WATCH,
    await_event,
    catches_up,
    events,
    shell,
    soon,
    starting_tree,
    stop,
    watching,
)

pytestmark = needs_proc


def pauses(watch: Started) -> list[int]:
    """After how many seconds each error says that it tries again; checks that it waits so long."""
    found = events(watch, "error")
    times = [datetime.fromisoformat(row["time"]).timestamp() for row in found]
    seconds = [int(re.sub(r".*; trying again in (\d+) s", r"\1", row["message"])) for row in found]
    for pause, (before, after) in zip(seconds, pairwise(times), strict=False):
        assert after - before >= pause - 1  # they are told in whole seconds
    return seconds


def test_an_output_folder_that_cannot_be_made_is_waited_for(photos: Path, tmp_path: Path) -> None:
    starting_tree(photos)
    place, health = tmp_path / "place", tmp_path / "health.json"
    place.write_text("a file in the place of a folder")
    arguments: list[str | Path] = ["--output", str(place / "out"), photos]
    with start(*WATCH, "--health", str(health), *arguments) as watch:
        await_event(watch, "error")
        shell("cp ../else/new.jpg .", photos)
        await_event(watch, "error", 2)
        assert pauses(watch)[:2] == [1, 2]
        first = events(watch, "error")[0]["message"]
        assert first.startswith(f"{place / 'out'}: Not a directory")
        waits = "waiting for another try after an error: "
        soon(watch, lambda: json.loads(health.read_bytes())["status"].startswith(waits))
        place.unlink()
        await_event(watch, "ready")
        catches_up(watch, *arguments)
        stop(watch)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 12)):
                pass
        except OSError:
            return Path(file.name)
    raise AssertionError("a disk without an end")


@root_only
def test_a_full_disk_is_told_of_once_each_time_it_is_tried(photos: Path, small_disk: Path) -> None:
    starting_tree(photos)
    arguments: list[str | Path] = ["--output", str(small_disk / "out"), photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        filler = fill(small_disk)
        shell("cp ../else/new.jpg .", photos)
        await_event(watch, "error")
        shell("cp ../else/large.jpg sub", photos)  # another, beside the rescan that is to follow
        await_event(watch, "error", 2)
        filler.unlink()
        catches_up(watch, *arguments)
        number = len(pauses(watch))
        assert pauses(watch) == [1, 2, 4, 8][:number]
        filler = fill(small_disk)
        shell("cp ../else/new.jpg sub", photos)
        await_event(watch, "error", number + 1)
        filler.unlink()
        assert pauses(watch)[number] == 1  # it went well meanwhile
        catches_up(watch, *arguments)
        assert all("No space left" in row["message"] for row in events(watch, "error"))
