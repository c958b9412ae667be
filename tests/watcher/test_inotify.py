"""The watches of a folder tree: one for each folder that is there, whatever has been done to it."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.marks import posix_only
from support.pictures import tree
from support.processes import watches_of
from support.waiting import eventually

if sys.platform != "linux":
    pytest.skip("only Linux has inotify", allow_module_level=True)

from thumbnailer.watcher.observer.inotify import TreeEvent, WatchedTree

pytestmark = posix_only


class Told:
    """What a tree has told: events, and why some are lost."""

    def __init__(self) -> None:
        self.events: list[TreeEvent] = []
        self.lost: list[str] = []

    def until(self, kind: str, path: str) -> None:
        """Wait for an event, and forget all up to it."""
        eventually(lambda: (kind, path) in [event[:2] for event in self.events], 10)
        self.events.clear()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def watched(photos: Path, told: Told) -> Iterator[WatchedTree]:
    tree(photos, "a.jpg", "sub/b.jpg", "sub/deep/c.jpg", ".hidden/d.jpg")
    watched = WatchedTree(
        str(photos), lambda path: ".hidden" not in path, told.events.append, told.lost.append
    )
    yield watched
    watched.close()
    assert told.lost == []


def places(watched: WatchedTree) -> set[str]:
    """The folders that hold a watch, by what the tree believes."""
    return {folder.path for folder in watched._folders.values()}


def folders(photos: Path) -> set[str]:
    """The folders that there are, hidden ones and links aside."""
    found = {""}
    for place, names, _ in os.walk(photos):
        names[:] = [name for name in names if name != ".hidden"]
        paths = [Path(place, name) for name in names]
        found |= {str(path.relative_to(photos)) for path in paths if not path.is_symlink()}
    return found


def test_what_happens_is_told_with_the_path_where_it_happens(
    watched: WatchedTree, photos: Path, told: Told
) -> None:
    assert places(watched) == {"", "sub", "sub/deep"}
    (photos / "sub").rename(photos / "other")
    told.until("moved here", "other")
    (photos / "other" / "deep" / "c.jpg").rename(photos / "other" / "x.jpg")
    told.until("moved here", "other/x.jpg")
    (photos / "x" / "y").mkdir(parents=True)
    eventually(lambda: "x/y" in places(watched))
    (photos / "x" / "y" / "z.jpg").write_text("text")
    told.until("closed", "x/y/z.jpg")
    (photos / ".hidden").rename(photos / "shown")
    told.until("moved here", "shown")
    (photos / "shown" / "d.jpg").unlink()
    told.until("gone", "shown/d.jpg")


def test_both_events_of_a_move_have_its_cookie(
    watched: WatchedTree, photos: Path, told: Told
) -> None:
    (photos / "a.jpg").rename(photos / "sub" / "a.jpg")
    eventually(lambda: len(told.events) == 2)
    away, here = told.events
    assert (away.kind, away.path, here.kind, here.path) == (
        *("moved away", "a.jpg", "moved here", "sub/a.jpg"),
    )
    assert away.cookie == here.cookie != 0


def test_links_are_files_and_lead_nowhere(
    watched: WatchedTree, photos: Path, tmp_path: Path, told: Told
) -> None:
    victim = tree(tmp_path / "victim", "deep/e.jpg")
    (photos / "link").symlink_to(victim)
    (photos / "sub").rename(tmp_path / "away")
    (photos / "sub").symlink_to(tmp_path / "away")
    told.until("created", "sub")
    for folder in (victim, tmp_path / "away"):
        (folder / "deep" / "f.jpg").touch()
    (photos / "last.jpg").touch()
    eventually(lambda: ("closed", "last.jpg") in [event[:2] for event in told.events])
    assert {event.path for event in told.events} == {"last.jpg"}
    assert places(watched) == {""}


def test_a_folder_is_not_watched_where_it_is_replaced_by_a_link_before_it_is_seen(
    watched: WatchedTree, photos: Path, tmp_path: Path, told: Told
) -> None:
    victim = tree(tmp_path / "victim", "deep/e.jpg")
    with watched._lock:  # it sees nothing of what happens
        for name in ("one", "sub/two"):
            (photos / name).mkdir()
            (photos / name / "deep").mkdir()
            shutil.rmtree(photos / name)
            (photos / name).symlink_to(victim)
        (photos / "sub" / "deep").rename(tmp_path / "away")
        (photos / "sub" / "deep").symlink_to(victim)
    told.until("created", "sub/deep")
    assert places(watched) == {"", "sub"}


def test_a_root_that_is_gone_ends_it(watched: WatchedTree, photos: Path) -> None:
    assert watched.is_alive()
    shutil.rmtree(photos)
    eventually(lambda: not watched.is_alive())


def test_a_root_that_is_not_there_cannot_be_watched(photos: Path) -> None:
    with pytest.raises(FileNotFoundError):
        WatchedTree(str(photos / "nowhere"), lambda path: True, print, print)


@pytest.mark.parametrize("seed", range(5))
def test_after_all_kinds_of_moves_there_is_a_watch_for_each_folder_and_no_more(
    watched: WatchedTree, photos: Path, tmp_path: Path, told: Told, seed: int
) -> None:
    chance = random.Random(seed)
    away = tree(tmp_path / "away", "x/y/z.jpg")
    for number in range(300):
        inner = [path for path in photos.rglob("*") if path.is_dir() and not path.is_symlink()]
        outer = [path for path in away.iterdir() if path.is_dir()] or [away / "x"]
        one, other = chance.choice([*inner, *outer]), chance.choice([photos, *inner, away])
        name = f"{number % 7}"
        operation = chance.choice(("make", "move", "move", "remove", "link"))
        if operation == "make":
            (other / name / "inner").mkdir(parents=True, exist_ok=True)
        elif operation == "move" and one.exists() and not other.is_relative_to(one):
            if not os.path.lexists(other / name):
                one.rename(other / name)
        elif operation == "remove" and len(inner) > 3:
            shutil.rmtree(one, ignore_errors=True)
        elif operation == "link" and not os.path.lexists(other / name):
            (other / name).symlink_to(chance.choice([away, photos]))
    (photos / "last").mkdir()
    told.until("created", "last")
    assert places(watched) == folders(photos)
    assert watches_of(os.getpid()) == len(watched._folders)
