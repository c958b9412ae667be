"""A disk with the output tree that goes away: it is waited for, and nothing is written in its
place."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from support.disks import mounts, unmount
from support.marks import needs_proc, root_only
from support.pictures import tree
from support.processes import Started
from support.watching import (
    await_event,
    catches_up,
    errors,
    events,
    failed,
    shell,
    soon,
    starting_tree,
    watching,
)

from thumbnailer import OutputError, Settings
from thumbnailer.engine.pool_from_settings import new_pool
from thumbnailer.model import Run
from thumbnailer.operations.pipeline import run_pipeline
from thumbnailer.scan.folders import scan

OFTEN = ["--rescan", "1"]


def check_that_it_waits(watch: Started, photos: Path, place: Path) -> None:
    """Whatever happens to the pictures, nothing is written where the output tree was."""
    await_event(watch, "output missing")
    shell("cp ../else/new.jpg .; rm a.jpg; cp ../else/large.jpg sub/c.jpg", photos)
    watch.process.send_signal(signal.SIGHUP)  # which makes another watch of it
    await_event(watch, "reloaded")
    shell("mv b.png sub/deep; cp -r ../else/album .", photos)
    shell("sleep 3", photos)
    assert not place.exists() or list(place.iterdir()) == []
    assert len(events(watch, "output missing")) == 1


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize(
    ("goes", "comes_back"),
    [
        ("mv out away", "mv away out"),
        ("mv out away; mkdir out", "rmdir out; mv away out"),
        ("mv out away", "cp -a away out; rm -r away"),
        ("mv out away; mkdir out", "cp -a away/. out; rm -r away"),
        ("mv out away; ln -s nowhere out", "rm out; mv away out"),
    ],
    ids=["gone", "empty", "another copy", "filled again", "link"],
)
def test_an_output_folder_that_goes_is_waited_for(
    photos: Path, monkeypatch: pytest.MonkeyPatch, goes: str, comes_back: str
) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    arguments: list[str | Path] = [*OFTEN, "--output", "out", photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        shell(goes, photos.parent)
        check_that_it_waits(watch, photos, Path("out"))
        shell(comes_back, photos.parent)
        await_event(watch, "output back")
        catches_up(watch, *arguments)
        assert not failed(watch)
        assert not events(watch, "error")
        assert errors(watch) == ""


@pytest.mark.slow
@needs_proc
def test_a_copy_in_the_place_of_an_output_folder(photos: Path) -> None:
    starting_tree(photos)
    out = photos.parent / "out"
    arguments: list[str | Path] = [*OFTEN, "--output", str(out), photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        shell("cp -a out copy; rm copy/a.jpg; mv out away; mv copy out", photos.parent)
        catches_up(watch, *arguments)
        shell("cp ../else/new.jpg .; rm b.png", photos)
        catches_up(watch, *arguments)
        assert not failed(watch)
        assert not events(watch, "error")


@pytest.mark.slow
@needs_proc
@root_only
@pytest.mark.parametrize("inner", ["", "thumbs/of/mine"], ids=["itself", "in it"])
def test_an_output_disk_that_is_unmounted_is_waited_for(
    photos: Path, monkeypatch: pytest.MonkeyPatch, inner: str
) -> None:
    monkeypatch.chdir(photos.parent)
    starting_tree(photos)
    disk, content = photos.parent / "disk", photos.parent / "content"
    disk.mkdir()
    arguments: list[str | Path] = [*OFTEN, "--output", str(disk / inner).rstrip("/"), photos]
    with mounts(disk) as mount:
        mount("-t", "tmpfs", "tmpfs")
        with watching(*arguments) as watch:
            catches_up(watch, *arguments)
            shutil.copytree(disk, content)
            unmount(disk)
            check_that_it_waits(watch, photos, disk)
            mount("--bind", str(content))  # a disk that has its thumbnails from the start
            await_event(watch, "output back")
            catches_up(watch, *arguments)
            assert not failed(watch)
            assert not events(watch, "error")


@pytest.mark.slow
@needs_proc
@root_only
def test_a_mount_point_that_was_filled_before_is_no_output_disk(photos: Path) -> None:
    starting_tree(photos)
    disk, content = photos.parent / "disk", photos.parent / "content"
    arguments: list[str | Path] = [*OFTEN, "--output", str(disk), photos]
    with watching(*arguments) as watch:  # when the disk was not mounted
        catches_up(watch, *arguments)
    names = sorted(path.relative_to(disk) for path in disk.rglob("*"))
    with mounts(disk) as mount:
        mount("-t", "tmpfs", "tmpfs")
        with watching(*arguments) as watch:
            catches_up(watch, *arguments)
            shutil.copytree(disk, content)
            unmount(disk)
            await_event(watch, "output missing")
            shell("cp ../else/new.jpg .; rm a.jpg; sleep 3", photos)
            assert sorted(path.relative_to(disk) for path in disk.rglob("*")) == names


@pytest.mark.slow
@needs_proc
def test_an_output_folder_that_is_emptied_is_filled_again(photos: Path) -> None:
    starting_tree(photos)
    out = photos.parent / "out"
    arguments: list[str | Path] = [*OFTEN, "--output", str(out), photos]
    with watching(*arguments) as watch:
        catches_up(watch, *arguments)
        shell("rm -r out/* out/.thumbnailer", photos.parent)
        catches_up(watch, *arguments)
        assert not events(watch, "output missing")
        shell("rm -r out/sub", photos.parent)
        catches_up(watch, *arguments)


@pytest.mark.slow
@needs_proc
def test_the_gallery_waits_for_its_disk_too(photos: Path) -> None:
    starting_tree(photos)
    out = photos.parent / "out"
    with watching("--gallery", *OFTEN, "--output", str(out), photos) as watch:
        soon(watch, (out / "index.html").exists)
        shell("mv out away; mkdir out; cp else/new.jpg photos", photos.parent)
        await_event(watch, "output missing")
        shell("rm a.jpg; sleep 6", photos)
        assert list(out.iterdir()) == []
        shell("rmdir out; mv away out", photos.parent)
        await_event(watch, "output back")
        soon(watch, lambda: b"new.jpg" in (out / "index.html").read_bytes())


@root_only
def test_a_disk_that_is_unmounted_during_a_run_ends_it(photos: Path, tmp_path: Path) -> None:
    tree(photos, *(f"{number}/{number}.jpg" for number in range(100)))
    disk = tmp_path / "disk"
    disk.mkdir()
    settings = Settings(size=24, output=disk, jobs=1)
    with mounts(disk) as mount:
        mount("-t", "tmpfs", "tmpfs")
        with new_pool(settings) as pool:
            run = Run()
            outcomes = run_pipeline(scan(str(photos)), settings, run, pool)
            assert next(outcomes).status == "made"
            unmount(disk)
            with pytest.raises(OutputError, match=f"{disk}.*is its disk mounted"):
                list(outcomes)
        assert list(disk.iterdir()) == []
        assert run.report.made < run.report.found
