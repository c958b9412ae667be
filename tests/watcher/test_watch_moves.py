"""What is moved while it is watched keeps its thumbnails, and those of its former place go."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from support.marks import needs_proc
from support.pictures import files_below, picture
from support.processes import send, start
from support.slow_disk import on_slow_disk
from support.thumbs import marked
from support.watching import (
    WATCH,
    await_event,
    catches_up,
    failed,
    rows,
    shell,
    soon,
    starting_tree,
    stop,
    thumbnails,
    watching,
)

pytestmark = needs_proc

MOVES = {
    "a picture": "mv a.jpg sub/z.jpg",
    "twice": "mv a.jpg z.jpg; mv z.jpg sub/y.jpg",
    "over another": "mv a.jpg sub/c.jpg",
    "a folder": "mv sub other",
    "a folder into another": "mkdir new; mv sub new",
    "a folder, and a picture in it": "mv sub other; mv other/c.jpg other/e.jpg",
    "a folder and back": "mv sub other; mv other sub",
    "a folder, and another in its place": "mv sub other; mkdir sub",
}


@pytest.mark.parametrize("options", [[], ["--output", "out"]], ids=["thumbs", "output"])
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_what_is_moved_while_it_is_watched_keeps_its_thumbnails(
    photos: Path, monkeypatch: pytest.MonkeyPatch, move: str, options: list[str]
) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    arguments: list[str | Path] = [*options, photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        before = marked(photos)
        shell(move, photos)
        picture(photos / "last.jpg", (33, 30))
        soon(watch, lambda: _names(photos, *arguments) == _wanted(photos))
        found = thumbnails(*arguments) or {}
        found.pop("last.jpg")
        assert set(found.values()) <= before.keys()
        assert not failed(watch)


def test_an_event_tells_what_is_moved_however_long_that_takes(photos: Path, tmp_path: Path) -> None:
    """Nothing else is waited for here before thumbnails of what is gone are removed."""
    starting_tree(photos)
    at_once = {"thumbnailer.watcher.roots.moves._HOLD_SECONDS": 0}
    program = [*on_slow_disk(tmp_path / "no", photos, at_once), *WATCH[3:], "--settle", "0.01"]
    with start(*program, photos) as watch:
        await_event(watch, "ready")
        before = marked(photos)
        shell("mv a.jpg sub/z.jpg", photos)
        soon(watch, lambda: _names(photos, photos) == _wanted(photos))
        assert set((thumbnails(photos) or {}).values()) <= before.keys()
        stop(watch)


@pytest.mark.parametrize("options", [[], ["--output", "out"]], ids=["thumbs", "output"])
@pytest.mark.parametrize(
    "line",
    [
        "mkdir new; mv sub new; mkdir sub",
        "mkdir new; mv a.jpg new/z.jpg",
        "mv sub other; mv other/c.jpg other/e.jpg",
    ],
)
def test_what_is_found_before_the_event_of_its_move_is_read(
    photos: Path, monkeypatch: pytest.MonkeyPatch, line: str, options: list[str]
) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    arguments: list[str | Path] = [*options, photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        before = marked(photos)
        send(watch.process.pid, signal.SIGSTOP)
        shell(line, photos)
        send(watch.process.pid, signal.SIGCONT)
        soon(watch, lambda: _names(photos, *arguments) == _wanted(photos))
        assert set((thumbnails(*arguments) or {}).values()) <= before.keys()


@pytest.mark.parametrize(
    "line",
    [
        "mv sub other; rm other/c.jpg",
        "mv sub other; mv other/c.jpg e.jpg",
        "mv sub other; mkdir other/in; mv other/c.jpg other/in",
        "mv sub other; rm other/deep/d.jpg",
        "mkdir new; mv sub new; rm new/sub/c.jpg",
    ],
)
def test_what_leaves_a_folder_that_has_just_been_moved_leaves_no_thumbnail(
    photos: Path, line: str
) -> None:
    """A folder is not watched from its move to its new name: no event tells of it."""
    starting_tree(photos)
    with watching(photos) as watch:
        catches_up(watch, photos)
        send(watch.process.pid, signal.SIGSTOP)
        shell(line, photos)
        send(watch.process.pid, signal.SIGCONT)
        soon(watch, lambda: _names(photos, photos) == _wanted(photos))


def test_a_disk_that_does_not_tell_at_once_what_is_gone_from_it(
    photos: Path, tmp_path: Path
) -> None:
    starting_tree(photos)
    held = tmp_path / "held"
    with start(*on_slow_disk(held, photos / "a.jpg", {}), *WATCH[3:], photos) as watch:
        await_event(watch, "ready")
        before = marked(photos)
        held.touch()
        shell("mv a.jpg sub/z.jpg", photos)
        soon(watch, (photos / "sub" / "thumbs" / "z.jpg").exists)
        assert (photos / "sub" / "thumbs" / "z.jpg").read_bytes() in before
        held.unlink()
        soon(watch, lambda: _names(photos, photos) == _wanted(photos))
        stop(watch)


def test_a_folder_of_many_pictures_is_moved(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    for number in range(200):
        picture(photos / "many" / f"{number}.jpg", (50 + number, 30))
    arguments: list[str | Path] = ["--output", "out", photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        before = marked(photos)
        shell("mkdir old; mv many old", photos)
        soon(watch, lambda: _names(photos, *arguments) == _wanted(photos))
        assert set((thumbnails(*arguments) or {}).values()) <= before.keys()


def test_what_was_moved_while_nobody_watched(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    arguments: list[str | Path] = ["--output", "out", photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
    before = marked(photos)
    shell("mv sub other; mv a.jpg z.jpg", photos)
    with watching(*arguments) as watch:
        soon(watch, lambda: _names(photos, *arguments) == _wanted(photos))
        assert set((thumbnails(*arguments) or {}).values()) <= before.keys()
        told = {
            os.path.basename(row["source"]): row["status"] for row in rows(watch) if "source" in row
        }
        assert told == {"z.jpg": "made", "a.jpg": "removed", "c.jpg": "removed", "d.jpg": "removed"}


def _names(photos: Path, *arguments: str | Path) -> set[str]:
    return set(thumbnails(*arguments) or {})


def _wanted(photos: Path) -> set[str]:
    pictures = [one for one in map(Path, files_below(photos)) if "thumbs" not in one.parts]
    return {str(one) if one.suffix == ".jpg" else f"{one}.jpg" for one in pictures}
