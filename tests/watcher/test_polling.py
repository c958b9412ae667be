"""Where no events come, such as from a network file system, a watch polls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.disks import mounts, unmount
from support.marks import needs_proc, root_only
from support.pictures import tree
from support.watching import (
    await_event,
    catches_up,
    events,
    rows,
    soon,
    starting_tree,
    watching,
)

from thumbnailer.watcher.observer.polling import eventless_filesystem

pytestmark = [needs_proc, root_only]


def overlay(folder: Path) -> list[str]:
    """What to mount for a file system whose lower layer may change without an event."""
    layers = [folder / name for name in ("lower", "upper", "work")]
    for layer in layers:
        layer.mkdir(parents=True)
    lower, upper, work = layers
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    return ["-t", "overlay", "-o", options, "overlay"]


def test_the_last_of_several_mounts_on_a_folder_is_the_one_that_counts(tmp_path: Path) -> None:
    disk, layers = tmp_path / "a disk", tmp_path / "layers"
    (disk / "in it").mkdir(parents=True)
    layers.mkdir()
    with mounts(disk) as mount, mounts(layers) as mount_layers:
        mount_layers("-t", "tmpfs", "tmpfs")
        mount(*overlay(layers / "one"))
        assert eventless_filesystem(str(disk)) == "overlay"
        mount("-t", "tmpfs", "tmpfs")
        assert eventless_filesystem(str(disk)) == ""
        (disk / "in it").mkdir()
        assert eventless_filesystem(str(disk / "in it")) == ""
        assert eventless_filesystem(str(tmp_path)) == ""
        unmount(disk)
        (disk / "in it").mkdir()
        assert eventless_filesystem(str(disk / "in it")) == "overlay"
        unmount(disk)


def test_a_file_system_without_events_is_polled(tmp_path: Path) -> None:
    disk, layers, health = tmp_path / "disk", tmp_path / "layers", tmp_path / "health.json"
    disk.mkdir()
    layers.mkdir()
    with mounts(disk) as mount, mounts(layers) as mount_layers:
        mount_layers("-t", "tmpfs", "tmpfs")
        mount(*overlay(layers / "one"))
        tree(disk, "a.jpg")
        with watching("--health", str(health), disk) as watch:
            (row,) = events(watch, "poll")
            assert row["message"] == f"{disk}: overlay sends no events, so it is polled"
            soon(watch, lambda: json.loads(health.read_bytes())["mode"] == "polling")


@pytest.mark.parametrize("options", [[], ["--output", "out"]], ids=["beside", "output"])
def test_a_disk_below_a_folder_that_is_unmounted_is_told_of_by_an_event(
    photos: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    (photos / "disk").mkdir()
    with mounts(photos / "disk") as mount:
        mount("-t", "tmpfs", "tmpfs")
        tree(photos / "disk", "x.jpg", "in/y.jpg")
        arguments: list[str | Path] = [*options, photos]
        with watching(*arguments) as watch:
            catches_up(watch, *arguments)
            unmount(photos / "disk")
            await_event(watch, "events lost")
            assert "a disk below" in events(watch, "events lost")[0]["message"]
            await_event(watch, "rescan")
            told = [row["message"] for row in events(watch, "orphans")]
            assert len(told) == ("--output" in options)
            assert all("2 thumbnails of it stay" in message for message in told)
            assert not [row for row in rows(watch) if row.get("status") == "removed"]
