"""Watched folders that go away and come back: what was made of them is kept meanwhile."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.disks import mounts, unmount
from support.marks import needs_proc, root_only
from support.pictures import picture, tree
from support.processes import Started, slow
from support.program import make
from support.watching import (
    await_event,
    catches_up,
    events,
    failed,
    rows,
    shell,
    soon,
    starting_tree,
    thumbnails,
    watching,
)

pytestmark = [pytest.mark.slow, needs_proc]

# A folder that is not there can't say when it is back: it takes a rescan to see it.
OFTEN = ["--rescan", "1"]

by_events_or_polling = pytest.mark.parametrize(
    "poll",
    [
        pytest.param([], id="events"),
        pytest.param(["--poll", "0.3"], id="polling", marks=pytest.mark.slow),
    ],
)


def check_that_nothing_is_lost(watch: Started, *arguments: str | Path) -> None:
    """The folder is reported missing, and rescans later its thumbnails are still there."""
    before = thumbnails(*arguments)
    await_event(watch, "root missing")
    _wait_for_rescans(watch)
    assert thumbnails(*arguments) == before
    assert not [row for row in rows(watch) if row.get("status") == "removed"]
    assert len(events(watch, "root missing")) == 1


def _wait_for_rescans(watch: Started) -> None:
    # By its output a watch without its folder can't be told from one that rescans: so wait.
    with pytest.raises(subprocess.TimeoutExpired):
        watch.process.wait(2.5)


@by_events_or_polling
@pytest.mark.parametrize(
    ("leaves", "comes_back"),
    [
        slow("rm -r photos", "cp -r else/album photos"),
        slow("mv photos away", "mv away photos"),
        ("mv photos away; rm away/a.jpg", "cp else/new.jpg away/sub; mv away photos"),
        slow("mv photos away", "cp -r away photos; cp else/new.jpg away; rm photos/b.png"),
    ],
    ids=["another", "back", "changed", "a copy"],
)
def test_a_folder_that_leaves_and_comes_back(
    photos: Path, leaves: str, comes_back: str, poll: list[str]
) -> None:
    starting_tree(photos)
    arguments: list[str | Path] = [*OFTEN, *poll, "--output", str(photos.parent / "out"), photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        shell(leaves, photos.parent)
        check_that_nothing_is_lost(watch, *arguments)
        shell(comes_back, photos.parent)
        await_event(watch, "root back")
        catches_up(watch, *arguments)
        shell("mkdir -p later; cp ../else/large.jpg later", photos)
        catches_up(watch, *arguments)
        assert not failed(watch)


def test_a_folder_with_its_thumbnails_in_it_leaves_and_comes_back(photos: Path) -> None:
    starting_tree(photos)
    with watching(*OFTEN, photos) as watch:
        catches_up(watch, photos)
        shell("rm -r photos", photos.parent)
        await_event(watch, "root missing")
        shell("cp -r else/album photos", photos.parent)
        await_event(watch, "root back")
        catches_up(watch, photos)
        shell("rm a.jpg; cp ../else/new.jpg inner", photos)
        catches_up(watch, photos)


def test_one_of_two_folders_leaves(photos: Path, tmp_path: Path) -> None:
    starting_tree(photos)
    album = tmp_path / "else" / "album"
    arguments: list[str | Path] = [*OFTEN, "--output", str(tmp_path / "out"), photos, album]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        before = thumbnails(*arguments)
        assert before is not None
        shell("mv photos away", tmp_path)
        await_event(watch, "root missing")
        shell("rm album/e.jpg", tmp_path / "else")
        del before["album/e.jpg"]
        soon(watch, lambda: thumbnails(*arguments) == before)
        shell("mv away photos; rm photos/a.jpg", tmp_path)
        await_event(watch, "root back")
        catches_up(watch, *arguments)


@root_only
@by_events_or_polling
def test_a_disk_that_is_unmounted_and_mounted_again(photos: Path, poll: list[str]) -> None:
    disk = photos.parent / "disk"
    disk.mkdir()
    arguments: list[str | Path] = [*OFTEN, *poll, "--output", str(photos.parent / "out"), disk]
    with mounts(disk) as mount:
        mount("-t", "tmpfs", "tmpfs")
        starting_tree(photos)
        shell("cp -r ../photos/. .", disk)
        with watching(*arguments) as watch:
            catches_up(watch, *arguments)
            unmount(disk)
            check_that_nothing_is_lost(watch, *arguments)
            shell("rm a.jpg; cp ../else/new.jpg sub/c.jpg; cp -r ../else/album .", photos)
            mount("--bind", str(photos))  # a disk that has its pictures from the start
            await_event(watch, "root back")
            catches_up(watch, *arguments)
            shell("rm b.png; cp ../else/large.jpg sub/deep", disk)
            catches_up(watch, *arguments)
            assert not failed(watch)


OUTPUT = ["--output", "out"]


def kept(watch: Started, folder: Path) -> list[str]:
    """What is told of thumbnails of a folder that stay."""
    told = [row["message"] for row in events(watch, "orphans")]
    return [message for message in told if message.startswith(f"{folder}: is empty")]


@root_only
@by_events_or_polling
def test_a_disk_below_a_folder_that_is_unmounted_and_mounted_again(
    photos: Path, monkeypatch: pytest.MonkeyPatch, poll: list[str]
) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    disk, elsewhere = photos / "in" / "disk", photos.parent / "content"
    disk.mkdir(parents=True)
    for count, name in enumerate(("x.jpg", "y.jpg", "sub/z.jpg")):
        picture(elsewhere / name, (80 + count, 30))
    arguments: list[str | Path] = [*OFTEN, *poll, *OUTPUT, photos]
    with mounts(disk) as mount:
        mount("-t", "tmpfs", "tmpfs")
        shell("cp -r ../content/. in/disk", photos)
        with watching(*arguments) as watch:
            catches_up(watch, *arguments)
            before = thumbnails(*arguments)
            unmount(disk)
            soon(watch, lambda: kept(watch, disk))
            shell("rm a.jpg", photos)  # which goes, as always
            del (before or {})["a.jpg"]
            soon(watch, lambda: thumbnails(*arguments) == before)
            _wait_for_rescans(watch)
            assert thumbnails(*arguments) == before
            (message,) = kept(watch, disk)
            assert "3 thumbnails" in message
            mount("-t", "tmpfs", "tmpfs")
            shell("cp -r ../content/. in/disk; rm in/disk/y.jpg", photos)
            catches_up(watch, *arguments)
            shell("cp ../else/new.jpg in/disk/sub; rm in/disk/x.jpg", photos)
            catches_up(watch, *arguments)
            assert not failed(watch)


@root_only
def test_a_disk_that_is_mounted_while_it_is_watched_is_watched_by_events(photos: Path) -> None:
    starting_tree(photos)
    (photos / "disk").mkdir()
    with mounts(photos / "disk") as mount, watching("--rescan", "4", photos) as watch:
        mount("-t", "tmpfs", "tmpfs")
        shell("mkdir -p disk/deep; cp ../else/new.jpg disk/deep", photos)
        catches_up(watch, photos)
        await_event(watch, "rescan", len(events(watch, "rescan")) + 1)
        number = len(events(watch, "rescan"))
        shell("cp ../else/large.jpg disk/deep", photos)
        catches_up(watch, photos)
        assert len(events(watch, "rescan")) == number
        unmount(photos / "disk")


@pytest.mark.parametrize("way", ["events", "polling", "between two watches"])
def test_an_empty_folder_in_the_place_of_another_is_no_deletion(
    photos: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    poll = ["--poll", "0.3"] if way == "polling" else []
    arguments: list[str | Path] = [*OFTEN, *poll, *OUTPUT, photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        before = thumbnails(*arguments)
        if way != "between two watches":
            shell("mv sub ../away; mkdir sub", photos)
            soon(watch, lambda: kept(watch, photos / "sub"))
            _wait_for_rescans(watch)
            assert thumbnails(*arguments) == before
            assert len(kept(watch, photos / "sub")) == 1
    if way == "between two watches":
        shell("mv sub ../away; mkdir sub", photos)
    with watching(*arguments) as watch:
        soon(watch, lambda: kept(watch, photos / "sub"))
        _wait_for_rescans(watch)
        assert thumbnails(*arguments) == before
        assert len(kept(watch, photos / "sub")) == 1
        shell("mv ../away/deep sub", photos)
        catches_up(watch, *arguments)
        shell("mv sub ../away/sub; mkdir sub", photos)
        soon(watch, lambda: len(kept(watch, photos / "sub")) == 2)
        shell("rmdir sub", photos)  # then all of it is gone for good
        catches_up(watch, *arguments)


@by_events_or_polling
@pytest.mark.parametrize(
    "line", ["rm sub/deep/*.jpg", "rm sub/deep/*.jpg; rm -r sub/deep; rm sub/*.jpg", "rm -r sub/*"]
)
def test_a_folder_whose_pictures_were_seen_to_go_keeps_no_thumbnails(
    photos: Path, monkeypatch: pytest.MonkeyPatch, line: str, poll: list[str]
) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    arguments: list[str | Path] = [*OFTEN, *poll, *OUTPUT, photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        shell(line, photos)
        catches_up(watch, *arguments)
        shell("cp ../else/new.jpg sub", photos)
        catches_up(watch, *arguments)
        assert not events(watch, "orphans")


def test_links_to_folders_are_not_followed_by_polling(tmp_path: Path) -> None:
    photos = tree(tmp_path / "photos", "a.jpg")
    for name in ("one", "two"):  # each way around doubles what a walk that follows them would see
        (photos / name).symlink_to(".")
    with watching(photos, "--poll", "0.3") as watch:
        await_event(watch, "ready")
        picture(photos / "b.jpg")
        catches_up(watch, photos)


def test_a_folder_that_comes_back_with_hardly_anything_is_not_believed(photos: Path) -> None:
    starting_tree(photos)
    out = photos.parent / "out"
    with watching(*OFTEN, "--output", str(out), photos) as watch:
        catches_up(watch, "--output", str(out), photos)
        before = thumbnails("--output", str(out), photos)
        shell("rm -r photos", photos.parent)
        await_event(watch, "root missing")
        shell("mkdir photos; cp else/new.jpg photos; touch photos/.placeholder", photos.parent)
        await_event(watch, "orphans")
        soon(watch, lambda: (out / "new.jpg").exists())
        assert not [row for row in rows(watch) if row.get("status") == "removed"]
        after = thumbnails("--output", str(out), photos)
        assert before is not None
        assert after is not None
        assert before.items() <= after.items()


def test_a_folder_that_comes_with_thumbnails_of_what_it_has_no_longer(photos: Path) -> None:
    starting_tree(photos)
    album = photos.parent / "else" / "album"
    assert make(album).code == 0
    (album / "e.jpg").unlink()
    (album / "inner" / "f.png").unlink()
    with watching(*OFTEN, photos) as watch:
        shell("mv ../else/album .", photos)
        catches_up(watch, photos)
