"""What a rescan looks at again: whatever was made or deleted since it was looked at."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from support.pictures import tree

from thumbnailer import Settings, make_thumbnails
from thumbnailer.model import Source
from thumbnailer.watcher.roots.root import WatchedRoot

NAMES = ["a.jpg", "b.jpg", "sub/c.jpg"]


@pytest.fixture(params=["beside", "output"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return Settings(size=24, output=tmp_path / "out" if request.param == "output" else "")


@pytest.fixture
def root(photos: Path, settings: Settings) -> WatchedRoot:
    tree(photos, *NAMES)
    root = WatchedRoot(str(photos), "", settings, print, print, None)
    root._identity = photos.stat().st_dev, photos.stat().st_ino  # as if it were watched
    return root


def looked_at(root: WatchedRoot, photos: Path) -> list[str]:
    """The pictures that the next rescan looks at."""
    found = root.sources(threading.Event())
    paths = [one.path for one in found if isinstance(one, Source)]
    return sorted(os.path.relpath(path, photos) for path in paths)


def thumbs_of(photos: Path, settings: Settings) -> Path:
    return Path(settings.output, "sub") if settings.output else photos / "sub" / "thumbs"


def age(photos: Path, seconds: float = 60) -> None:
    """Make all folders as old as if nothing had happened for a while."""
    then = time.time() - seconds
    for path in photos.parent.rglob("*"):
        if path.is_dir():
            os.utime(path, (then, then))


@pytest.mark.parametrize("rescans", [0, 1, 2])
@pytest.mark.parametrize("aged", [False, True])
def test_thumbnails_that_are_deleted_are_missed_whenever_that_is(
    root: WatchedRoot, photos: Path, settings: Settings, rescans: int, aged: bool
) -> None:
    assert looked_at(root, photos) == NAMES  # too young to be made
    make_thumbnails(photos, settings)
    for _ in range(rescans):
        if aged:
            age(photos)
        looked_at(root, photos)
    shutil.rmtree(thumbs_of(photos, settings))
    assert "sub/c.jpg" in looked_at(root, photos)
    assert "sub/c.jpg" in looked_at(root, photos)
    make_thumbnails(photos, settings)
    (thumbs_of(photos, settings) / "c.jpg").unlink()
    assert "sub/c.jpg" in looked_at(root, photos)


def test_a_folder_in_which_nothing_happens_is_left_alone(
    root: WatchedRoot, photos: Path, settings: Settings
) -> None:
    make_thumbnails(photos, settings)
    age(photos)
    assert looked_at(root, photos) == NAMES
    assert looked_at(root, photos) == []
    (photos / "sub" / "c.jpg").write_bytes(b"changed")
    assert looked_at(root, photos) == ["sub/c.jpg"]
    root.mark_changed(str(photos / "a.jpg"))
    assert looked_at(root, photos) == ["a.jpg", "b.jpg"]
    assert looked_at(root, photos) == []


def test_of_the_desktop_s_cache_only_the_loss_of_all_is_noticed(
    photos: Path, tmp_path: Path
) -> None:
    settings = Settings(layout="freedesktop", output=tmp_path / "cache", size=128)
    tree(photos, *NAMES)
    root = WatchedRoot(str(photos), "", settings, print, print, None)
    root._identity = photos.stat().st_dev, photos.stat().st_ino
    make_thumbnails(photos, settings)
    assert looked_at(root, photos) == NAMES
    assert looked_at(root, photos) == []
    shutil.rmtree(tmp_path / "cache")
    assert looked_at(root, photos) == NAMES
