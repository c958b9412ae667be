"""What is made again, and what is left alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field, fields, make_dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image
from support.marks import posix_only
from support.pictures import files_below, noise, picture, tree
from support.program import THUMBNAILER, make, thumbnailer
from support.waiting import eventually
from watchdog.events import (
    FileCreatedEvent,
    FileOpenedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from thumbnailer import Settings
from thumbnailer.disk.digest import source_digest
from thumbnailer.model import Source
from thumbnailer.recipe import Limits, Recipe, attempt_fingerprint
from thumbnailer.scan.folders import scan
from thumbnailer.thumbs import folder_state

SECOND_NS = 1_000_000_000


def test_a_second_run_makes_nothing_and_opens_no_picture(photos: Path) -> None:
    tree(photos, "a.jpg", "b.png", "sub/c.webp")
    first = make(photos)
    before = {path: path.stat().st_mtime_ns for path in photos.rglob("*") if path.is_file()}
    with opened_below(photos) as opened:
        second = make(photos)
        (photos / "last").touch()
        eventually(lambda: str(photos / "last") in opened)
    assert {path for path in opened if path.endswith((".jpg", ".png", ".webp"))} == set()
    assert second.code == 0
    assert second.summary["current"] == second.summary["found"] == 3
    thumbnails = {row["source"]: row["thumbnails"] for row in first.rows}
    assert {row["source"]: row["thumbnails"] for row in second.rows} == thumbnails
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before


@contextmanager
def opened_below(folder: Path) -> Iterator[list[str]]:
    """The paths of the files that any process opens below a folder meanwhile.

    This one forgets which it has read, as if it had just begun.
    """
    folder_state.digest_of.cache_clear()
    opened: list[str] = []

    class Opened(FileSystemEventHandler):
        def dispatch(self, event: FileSystemEvent) -> None:
            if not event.is_directory:
                opened.append(os.fsdecode(event.src_path))

    observer = Observer()
    kinds = [FileOpenedEvent, FileCreatedEvent]
    observer.schedule(Opened(), str(folder), recursive=True, event_filter=kinds)
    observer.start()
    try:
        yield opened
    finally:
        observer.stop()
        observer.join()


@pytest.mark.parametrize("age_ns", [SECOND_NS, -SECOND_NS, 1, -1, -(10**18)])
@pytest.mark.few(1)
def test_a_newer_or_older_source_is_made_again(photos: Path, age_ns: int) -> None:
    source = picture(photos / "a.jpg")
    make(photos)
    time_ns = source.stat().st_mtime_ns + age_ns
    os.utime(source, ns=(time_ns, time_ns))
    assert make(photos).statuses == {"a.jpg": "made"}
    assert make(photos).statuses == {"a.jpg": "current"}


@pytest.mark.slow
def test_another_size_at_the_same_instant_is_made_again(photos: Path) -> None:
    source = picture(photos / "a.jpg", (100, 100))
    make(photos)
    time_ns = source.stat().st_mtime_ns
    picture(source, (100, 50))
    os.utime(source, ns=(time_ns, time_ns))
    assert make(photos).statuses == {"a.jpg": "made"}
    with Image.open(photos / "thumbs" / "a.jpg") as thumbnail:
        assert thumbnail.size == (100, 50)


def edit_in_place(path: Path) -> None:
    """As `exiftool -P -Orientation#=6` does."""
    with path.open("r+b") as file:
        file.seek(file.read().index(orientation(1).tobytes()))
        file.write(orientation(6).tobytes())


def edit_by_a_new_file(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    edit_in_place(copy)
    copy.replace(path)


def put_another_in_its_place(path: Path) -> None:
    """Whose pixels alone differ, in the middle of a large file."""
    data = bytearray(path.read_bytes())
    for at in range(200_000, 400_000, 1000):
        data[at] ^= 0x55
    other = path.with_name("other")
    other.write_bytes(data)
    other.replace(path)


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = value
    return exif


def change_the_end(path: Path) -> None:
    """Where a BMP has the first rows, and editors of metadata write in other formats."""
    with path.open("r+b") as file:
        file.seek(-30_000, os.SEEK_END)
        file.write(b"U" * 30_000)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("a.bmp", change_the_end),
        ("a.jpg", edit_in_place),
        ("a.jpg", edit_by_a_new_file),
        ("a.bmp", put_another_in_its_place),
    ],
)
def test_an_edit_that_keeps_length_and_time_is_noticed(
    photos: Path, name: str, edit: Callable[[Path], None]
) -> None:
    source = photos / name
    image = noise((500, 400), 60).convert("RGB")
    image.save(source, exif=orientation(1))
    make(photos)
    thumbnail = next(photos.glob("thumbs/*.jpg"))
    before, status = thumbnail.read_bytes(), source.stat()
    edit(source)
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = source.stat()
    assert (after.st_size, after.st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert make(photos).statuses == {name: "made"}
    assert thumbnail.read_bytes() != before
    assert make(photos).statuses == {name: "current"}


def test_what_has_changed_since_it_was_looked_at_has_no_digest(photos: Path) -> None:
    """Else that of the new content would be noted for a thumbnail of the old one."""
    path = photos / "a.bmp"
    noise((500, 400), 60).convert("RGB").save(path)
    (source,) = scan(str(photos))
    assert isinstance(source, Source)
    assert source_digest(source)
    status = path.stat()
    change_the_end(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert source_digest(source) == ""


def touch_mode(path: Path) -> None:
    path.chmod(0o640)


def restore_from_a_backup(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def rename_and_back(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.with_name("other").rename(path)


@pytest.mark.parametrize("touch", [touch_mode, restore_from_a_backup, rename_and_back])
def test_a_picture_that_was_only_touched_costs_a_look(
    photos: Path, touch: Callable[[Path], None]
) -> None:
    tree(photos, "a.jpg")
    (photos / "broken.jpg").write_text("no picture")
    make(photos, "-s", "32", "-s", "64")
    thumbnail = photos / "thumbs" / "32" / "a.jpg"
    before = thumbnail.stat().st_ino
    for name in ("a.jpg", "broken.jpg"):
        touch(photos / name)
    run = make(photos, "-s", "32", "-s", "64")
    assert run.statuses == {"a.jpg": "current", "broken.jpg": "failed"}
    assert "failed before" in next(row["error"]["reason"] for row in run.rows if row["error"])
    assert thumbnail.stat().st_ino == before
    with opened_below(photos) as opened:
        make(photos, "-s", "32", "-s", "64")
        (photos / "last").touch()
        eventually(lambda: str(photos / "last") in opened)
    assert str(photos / "a.jpg") not in opened, "the look was remembered"


def test_of_many_folders_the_looks_are_remembered_as_well(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of those that are forgotten during the run."""
    monkeypatch.setattr("thumbnailer.thumbs.folder_state._KEPT_THUMBNAILS", 3)
    sources = [f"{folder}/{name}.jpg" for folder in range(5) for name in "ab"]
    tree(photos, *sources)
    make(photos)
    for name in sources:
        touch_mode(photos / name)
    assert make(photos).summary["current"] == 10
    with opened_below(photos) as opened:
        assert make(photos).summary["current"] == 10
        (photos / "last").touch()
        eventually(lambda: str(photos / "last") in opened)
    assert not {str(photos / name) for name in sources} & {*opened}


def test_what_makes_nothing_remembers_no_look(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos)
    ledger = photos / "thumbs" / ".thumbnailer"
    before = ledger.read_bytes()
    (photos / "a.jpg").chmod(0o640)
    assert make(photos, "--dry-run").statuses == {"a.jpg": "current"}
    assert thumbnailer("status", photos).code == 0
    assert thumbnailer("verify", photos).code == 0
    assert ledger.read_bytes() == before


@pytest.mark.parametrize("options", [["-s", "50"], ["-q", "30"], ["-s", "256x100"]])
@pytest.mark.few(1)
def test_other_settings_make_it_again(photos: Path, options: list[str]) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos)
    assert make(photos, *options).summary["made"] == 2
    assert make(photos, *options).summary["current"] == 2


def test_settings_that_do_not_shape_the_thumbnail_do_not(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos)
    options = ["-j", "1", "--timeout", "5", "--max-pixels", "1000000", "--include", "*"]
    assert make(photos, *options).statuses == {"a.jpg": "current"}


def test_quality_does_not_shape_a_png(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos, "-f", "png")
    assert make(photos, "-f", "png", "-q", "3").statuses == {"a.jpg": "current"}


@pytest.mark.slow
def test_a_setting_that_comes_later_makes_no_thumbnail_stale() -> None:
    new = [("sepia", int, field(default=0))]
    slots: dict[str, Any] = {"frozen": True, "slots": True, "kw_only": True}
    later_recipe = make_dataclass("LaterRecipe", new, bases=(Recipe,), **slots)
    later_limits = make_dataclass("LaterLimits", new, bases=(Limits,), **slots)
    for settings in (Settings(), Settings(size=64, format="webp", quality=50, keep=("icc",))):
        (recipe,) = settings.recipes.values()
        limits = settings.limits
        same, other = (later_recipe(**values_of(recipe), sepia=value) for value in (0, 1))
        assert same.fingerprint == recipe.fingerprint != other.fingerprint
        same, other = (later_limits(**values_of(limits), sepia=value) for value in (0, 1))
        attempt = attempt_fingerprint(recipe, limits)
        assert attempt_fingerprint(recipe, same) == attempt != attempt_fingerprint(recipe, other)


def values_of(one: Recipe | Limits) -> dict[str, Any]:
    return {item.name: getattr(one, item.name) for item in fields(one)}


def test_two_formats_live_side_by_side(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos, "-f", "webp")
    make(photos)
    assert make(photos, "-f", "webp").statuses == {"a.jpg": "current"}
    assert make(photos).statuses == {"a.jpg": "current"}


@pytest.mark.parametrize("damage", ["missing", "empty"])
@pytest.mark.few(1)
def test_a_missing_or_emptied_thumbnail_is_made_again(photos: Path, damage: str) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos)
    thumbnail = photos / "thumbs" / "a.jpg"
    good = thumbnail.read_bytes()
    thumbnail.unlink()
    if damage == "empty":
        thumbnail.touch()
    assert make(photos).statuses == {"a.jpg": "made", "b.jpg": "current"}
    assert thumbnail.read_bytes() == good


def test_force_makes_everything_again(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos)
    assert make(photos, "--force").statuses == {"a.jpg": "made"}


def test_a_failed_file_is_not_tried_again_until_something_changes(photos: Path) -> None:
    broken = photos / "a.jpg"
    broken.write_text("no picture")
    assert make(photos).rows[0]["seconds"] > 0
    again = make(photos)
    assert again.code == 3
    assert again.rows[0]["seconds"] == 0
    assert "failed before" in again.rows[0]["error"]["reason"]
    for options in (["--retry-failed"], ["--force"], ["-s", "99"], ["--max-pixels", "99"]):
        tried = make(photos, *options)
        assert tried.statuses == {"a.jpg": "failed"}
        assert tried.rows[0]["seconds"] > 0
        make(photos)
    picture(broken)
    assert make(photos).statuses == {"a.jpg": "made"}


def test_retry_failed_leaves_the_current_ones_alone(photos: Path) -> None:
    tree(photos, "a.jpg")
    (photos / "b.jpg").touch()
    make(photos)
    assert make(photos, "--retry-failed").statuses == {"a.jpg": "current", "b.jpg": "failed"}


def test_an_old_thumbnail_survives_a_source_that_breaks(photos: Path) -> None:
    source = picture(photos / "a.jpg")
    make(photos)
    good = (photos / "thumbs" / "a.jpg").read_bytes()
    source.write_bytes(source.read_bytes()[:700])
    assert make(photos).statuses == {"a.jpg": "failed"}
    assert (photos / "thumbs" / "a.jpg").read_bytes() == good


def test_a_moved_tree_stays_current(photos: Path) -> None:
    tree(photos, "a.jpg", "sub/b.png")
    make(photos)
    moved = photos.rename(photos.with_name("moved"))
    assert make(moved).summary["current"] == 2


@pytest.mark.slow
def test_a_copy_with_times_stays_current_and_a_plain_one_does_not(photos: Path) -> None:
    source = picture(photos / "a.jpg")
    make(photos)
    content = source.read_bytes()
    kept = source.stat()
    source.write_bytes(content)
    os.utime(source, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert make(photos).statuses == {"a.jpg": "current"}
    shutil.copy(source, photos / "b.jpg")
    (photos / "b.jpg").replace(source)
    assert make(photos).statuses == {"a.jpg": "made"}


@pytest.mark.parametrize("name_of_signal", ["SIGINT", "SIGKILL"])
@pytest.mark.slow
@posix_only
def test_an_interrupted_run_continues_where_it_stopped(photos: Path, name_of_signal: str) -> None:
    for name in range(120):
        picture(photos / f"{name}.png", (700, 700), compress_level=1)
    thumbs = photos / "thumbs"
    with subprocess.Popen([*THUMBNAILER, "make", "--quiet", photos]) as process:
        eventually(lambda: len(list(thumbs.glob("*.png.jpg"))) >= 10)
        process.send_signal(signal.Signals[name_of_signal])
        process.wait(60)
    there = {name for name in os.listdir(thumbs) if name.endswith(".png.jpg")}
    assert 10 <= len(there) < 120
    run = make(photos)
    # At worst one thumbnail for each worker had its name but not yet its line in the ledger.
    assert len(there) - 8 <= run.summary["current"] <= len(there)
    assert run.summary["made"] == 120 - run.summary["current"]
    assert len(files_below(photos)) == 240


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\0\xff garbage\n",
        b'{"thumbnailer": 1}\n["a.jpg"]\n',
        b'["a.jpg", 1, 2, 3, 4, 5]\n',
        b"[" * 100_000,
        b'{"thumbnailer": 1, "shared": false}\n["a.jpg","../a.jpg",1,2,"x",-1,-1,-1]\n["torn',
    ],
)
@pytest.mark.few(1)
def test_a_ledger_that_makes_no_sense_costs_no_file(photos: Path, rubbish: bytes) -> None:
    """What it no longer tells of may be the user's."""
    tree(photos, "a.jpg")
    make(photos)
    thumbnail, ledger = photos / "thumbs" / "a.jpg", photos / "thumbs" / ".thumbnailer"
    ledger.write_bytes(rubbish)
    thumbnail.write_text("mine")
    run = make(photos)
    assert run.code == 3
    assert thumbnail.read_text() == "mine"
    if "was not written by thumbnailer: move it away" in run.rows[0]["error"]["reason"]:
        assert ledger.read_bytes() == rubbish
        ledger.unlink()
    assert make(photos, "--replace").summary["made"] == 1
    assert make(photos).summary["current"] == 1


@pytest.mark.slow
def test_a_ledger_does_not_grow_for_ever(photos: Path) -> None:
    tree(photos, "a.jpg")
    sizes = []
    for _ in range(3):
        make(photos)
        ledger = photos / "thumbs" / ".thumbnailer"
        line = ledger.read_bytes().splitlines(keepends=True)[-1]
        ledger.write_bytes(ledger.read_bytes() + line * 300)
        assert make(photos).summary["current"] == 1
        sizes.append(ledger.stat().st_size)
    assert max(sizes) < 1000


def test_a_picture_that_takes_too_long_is_tried_in_three_runs(photos: Path) -> None:
    """Once or twice the machine may have been the cause."""
    noise((3000, 3000), 60).save(photos / "a.png", compress_level=1)
    hurry = ["--timeout", "0.01"]
    for _ in range(3):
        (row,) = make(photos, *hurry).rows
        assert (row["error"]["stage"], row["seconds"] > 0) == ("timeout", True)
    (row,) = make(photos, *hurry).rows
    assert "failed before" in row["error"]["reason"]
    assert row["seconds"] == 0
    assert make(photos).statuses == {"a.png": "made"}
