"""Thumbnails of pictures that are gone are removed, and nothing else ever is."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.marks import root_only
from support.pictures import files_below, picture, tree
from support.program import THUMBNAILER, Run, make, remove, thumbnailer
from support.waiting import eventually

from thumbnailer import PruneRefused, Settings, SourceError, make_thumbnails, prune, status
from thumbnailer.disk import files
from thumbnailer.operations.removal.prune import find_orphaned, remove_found
from thumbnailer.thumbs.folders import Removal
from thumbnailer.thumbs.orphans.of_sources import find_thumbnails_of
from thumbnailer.thumbs.orphans.remove import remove_thumbnails

MARK = ".thumbnailer"
NAMES = ("a.jpg", "b.jpg", "c.jpg", "sub/d.jpg", "sub/e.jpg")


@pytest.fixture(params=["thumbs", "output"])
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> list[str | Path]:
    """The options that say where thumbnails are."""
    return ["-o", tmp_path / "out"] if request.param == "output" else []


def run_prune(*arguments: str | Path, prefix: tuple[str, ...] = ()) -> Run:
    """`thumbnailer prune --json`."""
    return remove("prune", *arguments, prefix=prefix)


def results(run: Run) -> dict[str, str]:
    """Thumbnail's file name → what became of it."""
    return {os.path.basename(row["thumbnail"]): row["status"] for row in run.rows}


def everything_below(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def thumbnails_below(tmp_path: Path) -> set[str]:
    """File names in all folders but those of the sources."""
    return {
        path.name
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name != ".thumbnailer" and {"thumbs", "out"} & {*path.parts}
    }


def test_what_has_lost_its_source_goes_and_the_rest_stays(
    photos: Path, tmp_path: Path, layout: list[str | Path]
) -> None:
    tree(photos, *NAMES)
    make(photos, *layout)
    (photos / "a.jpg").unlink()
    (photos / "sub" / "d.jpg").rename(photos / "sub" / "new.jpg")
    run = run_prune(photos, *layout)
    assert run.code == 0
    assert results(run) == {"a.jpg": "removed", "d.jpg": "removed"}
    assert {row["source"] for row in run.rows} == {f"{photos}/a.jpg", f"{photos}/sub/d.jpg"}
    counts = {key: run.summary[key] for key in ("thumbnails", "orphaned", "removed")}
    assert counts == {"thumbnails": 5, "orphaned": 2, "removed": 2}
    assert thumbnails_below(tmp_path) == {"b.jpg", "c.jpg", "e.jpg"}
    assert run_prune(photos, *layout).summary["orphaned"] == 0
    again = make(photos, *layout)
    assert again.statuses == {
        **dict.fromkeys(("b.jpg", "c.jpg", "e.jpg"), "current"),
        "new.jpg": "made",
    }


def test_a_source_that_comes_back_is_made_again(photos: Path, layout: list[str | Path]) -> None:
    tree(photos, *NAMES)
    make(photos, *layout)
    shutil.move(photos / "a.jpg", photos.parent / "a.jpg")
    run_prune(photos, *layout)
    shutil.move(photos.parent / "a.jpg", photos / "a.jpg")
    assert make(photos, *layout).statuses["a.jpg"] == "made"
    assert make(photos, *layout).summary["current"] == 5


def test_lines_for_a_person(photos: Path) -> None:
    tree(photos, *NAMES)
    make(photos)
    (photos / "a.jpg").unlink()
    dry = thumbnailer("prune", "-n", photos)
    line, summary = dry.out.splitlines()
    assert line == f"would remove: {photos}/thumbs/a.jpg"
    assert summary.startswith("5 thumbnails, 1 orphaned, 1 would be removed in ")
    run = thumbnailer("prune", "-v", photos)
    line, summary = run.out.splitlines()
    assert line == f"removed: {photos}/thumbs/a.jpg"
    assert summary.startswith("5 thumbnails, 1 orphaned, 1 removed in ")
    (photos / "b.jpg").unlink()
    run = thumbnailer("prune", photos)
    assert run.out.startswith("4 thumbnails, 1 orphaned, 1 removed in ")
    assert len(run.out.splitlines()) == 1
    assert thumbnailer("prune", "--quiet", photos).out == ""


def test_a_dry_run_touches_nothing(photos: Path, tmp_path: Path, layout: list[str | Path]) -> None:
    tree(photos, *NAMES)
    make(photos, *layout)
    for name in NAMES[:4]:
        (photos / name).unlink()
    before = everything_below(tmp_path)
    run = run_prune("--dry-run", photos, *layout)
    assert run.code == 0
    assert set(results(run).values()) == {"would remove"}
    assert len(run.rows) == run.summary["orphaned"] == 4
    assert everything_below(tmp_path) == before


def test_more_than_half_goes_only_if_told(
    photos: Path, tmp_path: Path, layout: list[str | Path]
) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
    make(photos, *layout)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (photos / name).unlink()
    before = everything_below(tmp_path)
    run = thumbnailer("prune", photos, *layout)
    assert (run.code, run.out) == (1, "")
    assert run.err.startswith("thumbnailer: 3 of 5 thumbnails have no source any more")
    assert len(run.err.splitlines()) == 1
    assert everything_below(tmp_path) == before
    assert run_prune("--yes", photos, *layout).summary["removed"] == 3
    (photos / "d.jpg").unlink()  # half of them is not more than half
    assert run_prune(photos, *layout).summary["removed"] == 1


def test_an_emptied_thumbnail_folder_goes_with_its_ledger(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg", "2025/may/d.jpg", "2025/e.jpg", "2026/may/f.jpg")
    out = tmp_path / "out"
    make(photos)
    make(photos, "-o", out)
    shutil.rmtree(photos / "2026")
    (photos / "2025" / "may" / "d.jpg").unlink()
    run_prune(photos)
    assert not (photos / "2025" / "may" / "thumbs").exists()
    may = photos / "2025" / "may"
    may.rmdir()  # fails unless the user's own folder stays, with nothing of ours in it
    run_prune(photos, "-o", out)
    assert {path.name for path in out.iterdir()} == {*("a.jpg", "b.jpg", "c.jpg"), "2025", MARK}
    assert {path.name for path in (out / "2025").iterdir()} == {"e.jpg", MARK}
    (photos / "2025" / "e.jpg").unlink()
    run_prune(photos, "-o", out)
    assert not (out / "2025").exists()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (photos / name).rename(photos / f"{name}.gone")
    run_prune("--yes", photos, "-o", out)
    assert [path.name for path in out.iterdir()] == [MARK], "the folder the user named stays"


def test_a_file_of_the_user_s_keeps_the_thumbnail_folder(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos)
    (photos / "thumbs" / "notes.txt").write_text("mine")
    (photos / "a.jpg").unlink()
    assert run_prune("--yes", photos).summary["removed"] == 1
    assert files_below(photos) == {"thumbs/notes.txt"}


def test_formats_are_told_apart_by_their_sources(photos: Path) -> None:
    tree(photos, "a.png", "b.png")
    make(photos)
    make(photos, "-f", "webp")
    assert run_prune(photos).summary["orphaned"] == 0, "two formats side by side are both wanted"
    shutil.move(photos / "a.png", photos / "a.jpg")
    make(photos)
    assert results(run_prune(photos)) == {"a.png.jpg": "removed", "a.png.webp": "removed"}
    assert files_below(photos / "thumbs") == {"a.jpg", "b.png.jpg", "b.png.webp"}


def test_a_thumbnail_that_another_source_has_taken_over_stays(photos: Path) -> None:
    tree(photos, "a.png", "b.jpg")
    make(photos)
    (photos / "a.png").rename(photos / "a.png.jpg")
    make(photos)
    assert run_prune(photos).rows == []
    assert files_below(photos / "thumbs") == {"a.png.jpg", "b.jpg"}


def test_in_a_folder_with_others_files_only_our_own_are_touched(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    mine = tree(photos / "thumbs", "mine.jpg") / "mine.jpg"
    make(photos)
    (photos / "a.jpg").unlink()
    content = mine.read_bytes()
    assert results(run_prune(photos)) == {"a.jpg": "removed"}
    assert mine.read_bytes() == content
    picture(photos / "thumbs" / "a.jpg")  # of a name that was ours
    picture(photos / "a.jpg")
    assert make(photos).code == 3, "it is in the way"
    (photos / "a.jpg").unlink()
    (photos / "b.jpg").unlink()
    run_prune("--yes", photos)
    assert {"a.jpg", "mine.jpg"} <= files_below(photos / "thumbs")
    assert "b.jpg" not in files_below(photos / "thumbs")


def test_a_folder_that_held_others_files_is_not_removed(photos: Path) -> None:
    tree(photos, "a.jpg")
    mine = photos / "thumbs" / "mine.txt"
    mine.parent.mkdir()
    mine.touch()
    make(photos)
    mine.unlink()
    (photos / "a.jpg").unlink()
    run_prune("--yes", photos)
    assert (photos / "thumbs" / MARK).exists()


def test_folders_of_ours_in_it_make_no_folder_a_user_s(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tree(photos, "sub/deep/a.jpg")
    make(photos, "--size", "64", "--size", "32")
    make(photos, "-o", out)
    tree(photos, "sub/b.jpg", "sub/deep/a.jpg", "c.jpg", "d.jpg", "e.jpg")
    make(photos)
    make(photos, "-o", out)
    for name in ("a.jpg", "b.jpg"):
        next((photos / "sub").rglob(name)).unlink()
    run_prune("--yes", photos)
    run_prune("--yes", photos, "-o", out)
    assert files_below(photos / "sub") == set()
    assert not [*photos.rglob("sub/**/thumbs")]
    assert not (out / "sub").exists()


def test_what_changes_between_counting_and_removing_stays(photos: Path) -> None:
    tree(photos, "a.png", "b.jpg", "c.jpg", *NAMES)
    make(photos)
    for name in ("a.png", "b.jpg", "c.jpg"):
        (photos / name).rename(photos / f"{name}.away")
    findings = find_orphaned(photos, Settings())
    assert len(findings.orphans) == 3
    (photos / "b.jpg.away").rename(photos / "b.jpg")  # is back
    (photos / "a.png.away").rename(photos / "a.png.jpg")  # has taken the thumbnail over
    make(photos)
    removals = [*remove_found(findings, Settings())]
    assert [os.path.basename(removal.thumbnail) for removal in removals] == ["c.jpg"]
    assert {"a.png.jpg", "b.jpg"} <= files_below(photos / "thumbs")


def test_without_its_mark_a_folder_counts_as_the_user_s(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos)
    (photos / "thumbs" / MARK).unlink()
    (photos / "a.jpg").unlink()
    assert run_prune("--yes", photos).summary["thumbnails"] == 0
    assert files_below(photos / "thumbs") == {"a.jpg", "b.jpg"}


def test_a_thumbs_folder_that_is_a_link_leads_nowhere(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg")
    make(photos)
    (photos / "thumbs").rename(tmp_path / "victim")
    (photos / "thumbs").symlink_to(tmp_path / "victim")
    (photos / "a.jpg").unlink()
    before = everything_below(tmp_path)
    assert run_prune("--yes", photos).rows == []
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").symlink_to(tmp_path / "victim")
    assert run_prune("--yes", photos, "-o", out).rows == []
    assert everything_below(tmp_path) == before


def test_a_link_in_place_of_a_thumbnail_is_not_ours(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (photos / "thumbs" / "a.jpg").unlink()
    (photos / "thumbs" / "a.jpg").symlink_to(victim)
    (photos / "a.jpg").unlink()
    assert results(run_prune(photos)) == {"a.jpg": "kept"}
    assert victim.read_text() == "precious"
    assert files_below(photos / "thumbs") == {"a.jpg", "b.jpg"}
    assert run_prune(photos).rows == [], "it is told once"


def test_what_is_no_file_in_place_of_a_thumbnail_is_kept(photos: Path) -> None:
    tree(photos, *NAMES)
    make(photos)
    for name in ("a.jpg", "b.jpg"):
        (photos / name).unlink()
        (photos / "thumbs" / name).unlink()
    tree(photos / "thumbs" / "a.jpg", "precious.jpg")
    os.mkfifo(photos / "thumbs" / "b.jpg")
    run = run_prune(photos)
    assert run.code == 0
    assert results(run) == {"a.jpg": "kept", "b.jpg": "kept"}
    assert (photos / "thumbs" / "a.jpg" / "precious.jpg").exists()
    assert (photos / "thumbs" / "b.jpg").is_fifo()


def test_a_forged_ledger_reaches_no_other_folder(photos: Path) -> None:
    tree(photos, "a.jpg", "precious.jpg")
    make(photos)
    names = ["../precious.jpg", f"{photos}/precious.jpg", "..", ".", "", MARK, "a\0b", "\ud800"]
    with (photos / "thumbs" / MARK).open("a") as mark:
        for name in names:
            mark.write(json.dumps([name, "../gone.jpg", 1, 2, "x", 3, 4, 5]) + "\n")
        mark.write(json.dumps(["a.jpg", "../go\0ne.jpg", 1, 2, "x", 3, 4, 5]) + "\n")
    assert run_prune("--yes", photos).rows == []
    assert files_below(photos) == {
        *("a.jpg", "precious.jpg", "thumbs/a.jpg", "thumbs/precious.jpg")
    }
    assert make(photos).code == 0


def test_thumbnails_of_pictures_elsewhere_are_none_of_its_business(tmp_path: Path) -> None:
    for name in ("one", "two"):
        tree(tmp_path / name, "a.jpg", "b.jpg")
    out = tmp_path / "out"
    make(tmp_path / "one", tmp_path / "two", "-o", out)
    (tmp_path / "two" / "a.jpg").unlink()
    assert run_prune(tmp_path / "one", "-o", out).summary["thumbnails"] == 2
    assert (out / "two" / "a.jpg").exists()
    assert results(run_prune(tmp_path / "one", tmp_path / "two", "-o", out)) == {"a.jpg": "removed"}
    assert not (out / "two" / "a.jpg").exists()
    assert (out / "one" / "a.jpg").exists()


def test_a_source_behind_a_link_is_none_of_a_folder_s(photos: Path, tmp_path: Path) -> None:
    disk = tree(tmp_path / "disk", "a.jpg")
    tree(photos, "b.jpg", "c.jpg")
    (photos / "link").symlink_to(disk)
    out = tmp_path / "out"
    make(photos / "link", "-o", out)
    make(photos, "-o", out)
    disk.rename(tmp_path / "unplugged")
    assert run_prune(photos, "-o", out).summary["orphaned"] == 0
    assert files_below(out) == {"a.jpg", "b.jpg", "c.jpg"}


def test_an_output_folder_behind_a_link(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "far" / "away")
    make(photos, "-o", tmp_path / "out")
    (photos / "a.jpg").unlink()
    assert run_prune(photos, "-o", tmp_path / "far" / "away").summary["removed"] == 0
    assert results(run_prune(photos, "-o", tmp_path / "out")) == {"a.jpg": "removed"}


def test_hidden_folders_and_those_of_other_programs_are_left_out(photos: Path) -> None:
    tree(photos, "a.jpg", ".hidden/b.jpg", "@eaDir/c.jpg")
    for folder in (photos, photos / ".hidden", photos / "@eaDir"):
        make(folder)
        picture(folder / "gone.jpg")
        make(folder)
        (folder / "gone.jpg").unlink()
    assert run_prune(photos).summary["removed"] == 1
    assert (photos / ".hidden" / "thumbs" / "gone.jpg").exists()


def test_a_folder_that_may_not_be_read_is_no_deletion(
    photos: Path, tmp_path: Path, restricted: tuple[str, ...]
) -> None:
    tree(photos, "a.jpg", "secret/b.jpg", "secret/c.jpg")
    out = tmp_path / "out"
    make(photos)
    make(photos, "-o", out)
    (photos / "secret").chmod(0)
    try:
        beside = run_prune("--yes", photos, prefix=restricted)
        mirrored = run_prune("--yes", photos, "-o", out, prefix=restricted)
    finally:
        (photos / "secret").chmod(0o700)
    assert beside.code == 3
    assert results(beside) == {"secret": "failed"}
    assert mirrored.code == 0
    assert results(mirrored) == {"b.jpg": "kept", "c.jpg": "kept"}
    assert all("Permission denied" in row["error"]["reason"] for row in mirrored.rows)
    assert make(photos).summary["current"] == make(photos, "-o", out).summary["current"] == 3


def test_thumbnails_that_may_not_be_removed_are_failures(
    photos: Path, restricted: tuple[str, ...]
) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos)
    (photos / "a.jpg").unlink()
    (photos / "thumbs").chmod(0o500)
    run = run_prune(photos, prefix=restricted)
    (photos / "thumbs").chmod(0o700)
    assert run.code == 3
    assert results(run) == {"a.jpg": "failed"}
    assert run_prune(photos).summary["removed"] == 1


@pytest.mark.parametrize("damage", ["missing", "a file", "no folder of pictures"])
def test_a_source_that_is_no_folder_is_refused(photos: Path, tmp_path: Path, damage: str) -> None:
    tree(photos, *NAMES)
    make(photos, "-o", tmp_path / "out")
    source = photos
    if damage == "a file":
        source = photos / "a.jpg"
    elif damage == "missing":
        shutil.rmtree(photos)
    else:
        source = tmp_path / "out"
    before = everything_below(tmp_path)
    run = run_prune("--yes", source, "-o", tmp_path / "out")
    assert (run.code, run.out) == (1, "")
    assert run.err.startswith(f"thumbnailer: {source}: ")
    assert len(run.err.splitlines()) == 1
    assert everything_below(tmp_path) == before


@contextmanager
def mounted(disk: Path) -> Iterator[None]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@root_only
def test_a_disk_that_is_not_mounted_is_no_deletion(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with mounted(photos):
        tree(photos, *NAMES)
        make(photos, "-o", out)
        tree(tmp_path / "other", *(f"{number}.jpg" for number in range(20)))
        make(photos, tmp_path / "other", "-o", out)
        assert run_prune(photos, "-o", out).summary["orphaned"] == 0
    before = everything_below(out)
    for sources in ([photos], [photos, tmp_path / "other"]):
        for options in ([], ["--yes"], ["--dry-run"]):
            run = run_prune(*options, *sources, "-o", out)
            assert (run.code, run.out) == (1, "")
            assert f"{photos}: is empty, like a disk that is not mounted" in run.err
    assert run_prune(photos).code == 0, "whose thumbnails are on it, too"
    assert everything_below(out) == before


def swap_for_an_empty_folder(folder: Path) -> None:
    """Do to a folder what unmounting does to one where a disk is mounted."""
    folder.rename(folder.with_name("away"))
    folder.mkdir()


DISK = ("a.jpg", "b.jpg", "c.jpg", "in/disk/d.jpg", "in/disk/deep/er/e.jpg", "in/f.jpg")


@pytest.mark.parametrize("size", ["64", "32,64"])
def test_a_folder_that_is_empty_like_the_place_of_a_disk_is_no_deletion(
    photos: Path, tmp_path: Path, size: str
) -> None:
    sizes = [word for one in size.split(",") for word in ("--size", one)]
    out = tmp_path / "out"
    make(tree(photos, *DISK), "-o", out, *sizes)
    number = len(size.split(","))
    swap_for_an_empty_folder(photos / "in" / "disk")
    (photos / "a.jpg").unlink()
    before = everything_below(out)
    (tmp_path / "nothing").mkdir()
    for options in (["--dry-run"], []):
        run = run_prune(*options, photos, "-o", out)
        assert run.code == 0
        (kept,) = [row for row in run.rows if row["status"] == "kept"]
        assert (kept["thumbnail"], kept["source"]) == ("", f"{photos}/in/disk")
        assert kept["error"]["reason"].startswith("is empty, like a disk that is not mounted: ")
        assert f"{2 * number} thumbnails" in kept["error"]["reason"]
        assert run.summary["orphaned"] == number
        gone = before.keys() - everything_below(out).keys()
        assert {os.path.basename(path) for path in gone} == ({"a.jpg"} if not options else set())
    text = thumbnailer("prune", photos, "-o", out)
    assert len(text.err.splitlines()) == 1
    assert text.err.startswith(f"kept: {photos}/in/disk: is empty, like a disk that is not mounted")
    assert "--yes" in text.err
    dry = run_prune("--yes", "--dry-run", photos, "-o", out)
    assert results(dry) == {"d.jpg": "would remove", "e.jpg": "would remove"}
    run = run_prune("--yes", photos, "-o", out)
    assert results(run) == {"d.jpg": "removed", "e.jpg": "removed"}
    assert run.summary["orphaned"] == run.summary["removed"] == 2 * number
    assert run_prune("--yes", photos, "-o", out).rows == []


def test_what_is_empty_below_a_folder_with_something_in_it(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(tree(photos, *DISK, "in/disk/deep/er/g.jpg", "h.jpg"), "-o", out)
    shutil.rmtree(photos / "in" / "disk" / "deep" / "er")  # `deep` is empty now
    (photos / "in" / "disk" / "d.jpg").unlink()
    run = run_prune(photos, "-o", out)
    (kept,) = [row for row in run.rows if row["status"] == "kept"]
    assert kept["source"] == f"{photos}/in/disk/deep"
    assert "2 thumbnails" in kept["error"]["reason"]
    assert run.summary["removed"] == 1
    (photos / "in" / "disk" / "deep" / ".hidden").touch()  # so no disk is missing here
    assert run_prune(photos, "-o", out).summary["removed"] == 2


def test_more_than_half_with_those_of_an_empty_folder_are_too_many(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    make(tree(photos, "a.jpg", "b.jpg", "disk/c.jpg", "disk/d.jpg"), "-o", out)
    swap_for_an_empty_folder(photos / "disk")
    run = run_prune(photos, "-o", out)  # nothing would be removed
    assert (run.code, run.summary["kept"], run.summary["orphaned"]) == (0, 1, 0)
    (photos / "a.jpg").unlink()
    before = everything_below(out)
    run = thumbnailer("prune", photos, "-o", out)
    assert run.code == 1
    assert run.err.startswith("thumbnailer: 3 of 4 thumbnails have no source any more")
    assert everything_below(out) == before


def test_one_that_is_unmounted_after_counting_is_no_deletion(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(tree(photos, *DISK, "in/disk/g.jpg"), "-o", out)
    (photos / "in" / "disk" / "g.jpg").unlink()
    findings = find_orphaned(photos, Settings(output=out))
    assert findings.orphaned == 1
    swap_for_an_empty_folder(photos / "in" / "disk")
    assert [*remove_found(findings, Settings())] == []
    assert (out / "in" / "disk" / "g.jpg").exists()


def test_what_is_behind_a_link_is_neither_gone_nor_counted(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(tree(photos, *DISK), "-o", out)
    (photos / "in" / "disk").rename(tmp_path / "disk")
    (photos / "in" / "disk").symlink_to(tmp_path / "disk")
    before = everything_below(out)
    for options in ([], ["--yes"]):
        run = run_prune(*options, photos, "-o", out)
        assert (run.rows, run.summary["thumbnails"]) == ([], 4)
    assert everything_below(out) == before


@root_only
def test_a_disk_that_is_unmounted_below_a_source_is_no_deletion(
    photos: Path, tmp_path: Path
) -> None:
    out, disk = tmp_path / "out", photos / "disk"
    names = [f"{number}.jpg" for number in range(15)]
    tree(photos, *names)
    disk.mkdir()
    with mounted(disk):
        tree(disk, *names[:12])
        make(photos, "-o", out)
        assert run_prune(photos, "-o", out).rows == []
        before = everything_below(out)
    run = run_prune(photos, "-o", out)
    assert (run.code, run.summary["thumbnails"], run.summary["removed"]) == (0, 27, 0)
    assert [(row["source"], row["status"]) for row in run.rows] == [(str(disk), "kept")]
    assert "12 thumbnails" in run.rows[0]["error"]["reason"]
    assert everything_below(out) == before
    counts = status(photos, output=out)
    assert (counts.orphaned, counts.unknown) == (0, 12)


@root_only
def test_a_read_only_disk_is_said_once(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk):
        tree(disk, *NAMES)
        make(disk)
        (disk / "a.jpg").unlink()
        (disk / "b.jpg").unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        run = thumbnailer("prune", disk)
        assert run.code == 1
        assert run.err == f"thumbnailer: stopped early: {disk}/thumbs: Read-only file system\n"


def test_what_can_not_be_removed_is_told_even_if_quiet(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(photos, *NAMES)
    make(photos)
    (photos / "a.jpg").unlink()
    (photos / "b.jpg").unlink()
    remove = files.remove

    def refusing(folder: files.OpenFolder, name: str) -> None:
        if name == "a.jpg":
            raise PermissionError(errno.EACCES, "Permission denied")
        remove(folder, name)

    monkeypatch.setattr(files, "remove", refusing)
    run = thumbnailer("prune", "--quiet", photos)
    assert (run.code, run.out) == (3, "")
    assert run.err == f"failed: {photos}/thumbs/a.jpg: Permission denied\n"
    run = thumbnailer("prune", photos)
    assert run.out.startswith("4 thumbnails, 1 orphaned, 0 removed, 1 failed in ")
    assert run.err == f"failed: {photos}/thumbs/a.jpg: Permission denied\n"
    monkeypatch.undo()
    assert thumbnailer("prune", photos).out.startswith("4 thumbnails, 1 orphaned, 1 removed in ")


class StopThatRuns:
    """A stop that is never set, and does something when it is asked for the nth time."""

    def __init__(self, number: int, action: Callable[[], object]) -> None:
        self._left, self._action = number, action

    def is_set(self) -> bool:
        self._left -= 1
        if not self._left:
            self._action()
        return False


@pytest.mark.parametrize("becomes", ["away", "empty"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_disk_that_is_lost_while_orphans_are_counted_is_no_deletion(
    photos: Path, tmp_path: Path, number: int, becomes: str
) -> None:
    tree(photos, *NAMES)
    out = tmp_path / "out"
    make(photos, "-o", out)

    def lose() -> None:
        photos.rename(tmp_path / "elsewhere")
        if becomes == "empty":
            photos.mkdir()

    with pytest.raises(SourceError):
        find_orphaned(photos, Settings(output=out), stop=StopThatRuns(number, lose))
    assert thumbnails_below(tmp_path) == {os.path.basename(name) for name in NAMES}


def test_what_a_killed_run_left_goes_with_the_orphans(photos: Path) -> None:
    """Else it would keep the folder, which nothing visits any more."""
    tree(photos, "sub/a.jpg", "b.jpg")
    make(photos)
    (photos / "sub" / "thumbs" / ".thumbnailer-0123456789abcdef.tmp").write_bytes(b"half")
    (photos / "sub" / "a.jpg").unlink()
    assert results(run_prune(photos)) == {"a.jpg": "removed"}
    assert not (photos / "sub" / "thumbs").exists()


def test_a_torn_ledger(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
    make(photos)
    mark = photos / "thumbs" / MARK
    header, *lines = mark.read_bytes().splitlines(keepends=True)
    mark.write_bytes(header + b"".join(sorted(lines))[:-20])  # the one of e.jpg is torn
    for name in ("a.jpg", "b.jpg"):
        (photos / name).unlink()
    run = run_prune(photos)
    assert results(run) == {"a.jpg": "removed", "b.jpg": "removed"}
    run = make(photos)
    assert run.summary["current"] == 2
    assert run.summary["failed"] == 1, "without its line e.jpg might be anybody's"
    assert make(photos, "--replace").summary["made"] == 1
    assert make(photos).summary["current"] == 3
    assert run_prune(photos).summary["orphaned"] == 0


def test_lines_without_a_thumbnail_go_silently(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    (photos / "broken.jpg").write_text("no picture")
    make(photos)
    (photos / "thumbs" / "a.jpg").unlink()
    (photos / "a.jpg").unlink()
    (photos / "broken.jpg").unlink()
    run = run_prune(photos)
    assert run.rows == []
    assert (run.summary["thumbnails"], run.summary["orphaned"]) == (1, 0)
    (photos / "b.jpg").unlink()
    run_prune("--yes", photos)
    assert not (photos / "thumbs").exists()


def test_what_failed_is_still_known_when_the_last_thumbnail_has_gone(photos: Path) -> None:
    tree(photos, "a.jpg")
    (photos / "broken.jpg").write_text("no picture")
    make(photos)
    (photos / "a.jpg").unlink()
    assert run_prune("--yes", photos).summary["removed"] == 1
    assert "failed before" in make(photos).rows[0]["error"]["reason"]


def test_what_a_killed_prune_leaves_is_harmless(photos: Path) -> None:
    tree(photos, *(f"{number}.jpg" for number in range(6)))
    make(photos)
    before = (photos / "thumbs" / MARK).read_bytes()
    for name in ("0.jpg", "1.jpg"):
        (photos / name).unlink()
    run_prune(photos)
    (photos / "thumbs" / MARK).write_bytes(before)  # as if killed before the lines were written
    assert make(photos).summary["current"] == 4
    assert run_prune(photos).rows == []
    picture(photos / "0.jpg")
    assert make(photos).statuses["0.jpg"] == "made"


@pytest.mark.slow
def test_make_at_the_same_time_loses_nothing(photos: Path) -> None:
    first = picture(photos / "0.jpg", (320, 240))
    for number in range(1, 100):
        os.link(first, photos / f"{number}.jpg")
    make(photos)
    thumbs = photos / "thumbs"
    with subprocess.Popen(
        [*THUMBNAILER, "make", "--force", "--json", photos], stdout=subprocess.PIPE, text=True
    ) as process:
        for number in range(20):
            path = photos / f"{number * 5}.jpg"
            path.unlink()
            prune(photos)
            os.link(photos / "1.jpg", path)
        out, _ = process.communicate(timeout=60)
    rows = [json.loads(line) for line in out.splitlines()][:-1]
    assert len(rows) > 75
    reasons = {row["error"]["reason"] for row in rows if row["error"]}
    assert all("No such file" in reason or "not there" in reason for reason in reasons)
    make(photos)
    assert make(photos).summary["current"] == 100
    assert len(files_below(thumbs)) == 100
    assert prune(photos).orphaned == 0


def test_a_signal_ends_it_with_a_summary(photos: Path) -> None:
    content = b'{"thumbnailer": 1, "shared": false}\n'
    thumbs = photos / "thumbs"
    thumbs.mkdir()
    for number in range(2000):
        (thumbs / f"{number}.jpg").touch()
        content += json.dumps([f"{number}.jpg", f"../{number}.jpg", 1, 2, "x", 3, 4, 5]).encode()
        content += b"\n"
    (thumbs / MARK).write_bytes(content)
    with subprocess.Popen(
        [*THUMBNAILER, "prune", "--yes", photos], stdout=subprocess.PIPE, text=True
    ) as process:
        eventually(lambda: not (thumbs / "0.jpg").exists())
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert out.startswith("interrupted: 2000 thumbnails, 2000 orphaned, ")
    removed = int(out.split()[5])
    assert 0 < removed < 2000
    assert len(files_below(photos)) == 2000 - removed


def test_a_signal_while_it_counts_leaves_all_as_it_is(photos: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    make(photos)
    for name in ("a.jpg", "b.jpg"):
        (photos / name).unlink()
    stop = threading.Event()
    findings = find_orphaned(photos, Settings(), stop=stop)
    stop.set()
    assert (
        [*remove_found(findings, Settings(), stop=stop)]
        == [*remove_found(findings, Settings(), yes=True, stop=stop)]
        == []
    )
    assert find_orphaned(photos, Settings(), stop=stop).orphans == []
    assert files_below(photos / "thumbs") == {"a.jpg", "b.jpg"}


def test_the_library_reports_what_it_did(photos: Path, tmp_path: Path) -> None:
    tree(photos, *NAMES)
    make_thumbnails(photos, output=tmp_path / "out")
    (photos / "a.jpg").unlink()
    dry = prune(photos, output=tmp_path / "out", dry_run=True)
    assert (dry.thumbnails, dry.orphaned, dry.removed, dry.failed) == (5, 1, 0, 0)
    assert [removal.status for removal in dry.removals] == ["would remove"]
    done = prune([photos], output=tmp_path / "out")
    (removal,) = done.removals
    assert removal.thumbnail == str(tmp_path / "out" / "a.jpg")
    assert removal.source == str(photos / "a.jpg")
    assert (removal.status, removal.error, done.removed) == ("removed", None, 1)
    for name in NAMES[1:]:
        (photos / name).unlink()
    with pytest.raises(PruneRefused, match="4 of 4 thumbnails"):
        prune(photos, output=tmp_path / "out")
    assert prune(photos, output=tmp_path / "out", yes=True).removed == 4
    with pytest.raises(SourceError):
        prune(tmp_path / "missing")


def remove_thumbnails_of(
    gone: list[str], places: dict[str, list[str]], *, output: str | None
) -> list[Removal]:
    """What a watch does with the thumbnails of what is gone."""
    findings = find_thumbnails_of(gone, places, output=output)
    removals = [*findings.unknown, *findings.kept("")]
    return [*removals, *remove_thumbnails(findings.orphans)]


def test_single_sources_and_folders_are_forgotten(
    photos: Path, tmp_path: Path, layout: list[str | Path]
) -> None:
    output = str(layout[1]) if layout else None
    tree(photos, "a.jpg", "b.jpg", "2025/c.jpg", "2025/may/d.jpg", "2026/e.jpg")
    make(photos, *layout)
    (photos / "a.jpg").unlink()
    shutil.rmtree(photos / "2025")
    places = {str(photos): [""]}
    gone = [str(photos / "a.jpg"), str(photos / "b.jpg"), str(photos / "2025")]
    removed = {
        os.path.basename(removal.thumbnail)
        for removal in remove_thumbnails_of(gone, places, output=output)
    }
    assert removed == ({"a.jpg", "c.jpg", "d.jpg"} if output else {"a.jpg"})
    assert thumbnails_below(tmp_path) == {"b.jpg", "e.jpg"}
    if output:
        assert not (Path(output) / "2025").exists()


def test_of_several_sources_each_is_forgotten_where_it_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("one", "two"):
        tree(tmp_path / name, "a.jpg", "sub/b.jpg")
    make(tmp_path / "one", tmp_path / "two", "-o", out)
    places = {str(tmp_path / name): [name] for name in ("one", "two")}
    (tmp_path / "one" / "a.jpg").unlink()
    shutil.rmtree(tmp_path / "two" / "sub")
    gone = [str(tmp_path / "one" / "a.jpg"), str(tmp_path / "two" / "sub")]
    assert len([*remove_thumbnails_of(gone, places, output=str(out))]) == 2
    assert files_below(out) == {"one/sub/b.jpg", "two/a.jpg"}


def test_nothing_is_forgotten_of_a_disk_that_is_not_mounted(photos: Path, tmp_path: Path) -> None:
    tree(photos, "a.jpg", "b.jpg")
    out = tmp_path / "out"
    make(photos, "-o", out)
    paths, places = [str(photos / "a.jpg"), str(photos / "b.jpg")], {str(photos): [""]}
    photos.rename(tmp_path / "unplugged")
    assert [*remove_thumbnails_of(paths, places, output=str(out))] == []
    photos.mkdir()
    assert [*remove_thumbnails_of(paths, places, output=str(out))] == []
    assert files_below(out) == {"a.jpg", "b.jpg"}


def test_a_file_of_the_user_s_under_the_name_of_what_failed_is_never_touched(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    tree(photos, *(f"{number}.jpg" for number in range(5)))
    (photos / "b.jpg").write_text("no picture")
    assert make_thumbnails(photos, output=out).failed == 1
    mine = picture(out / "b.jpg", (50, 50)).read_bytes()
    picture(photos / "b.jpg")
    (failure,) = make_thumbnails(photos, output=out).failures
    assert "was not made by thumbnailer" in str(failure.error)
    (photos / "b.jpg").unlink()
    thumbnailer("prune", photos, "-o", out, "--yes")
    assert (out / "b.jpg").read_bytes() == mine


def test_an_older_thumbnail_of_what_fails_now_stays_ours(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    tree(photos, *(f"{number}.jpg" for number in range(5)))
    make_thumbnails(photos, output=out)
    (photos / "1.jpg").write_text("no picture")
    make_thumbnails(photos, output=out)
    ledger_file = out / ".thumbnailer"
    last = ledger_file.read_bytes().splitlines(keepends=True)[-1]
    ledger_file.write_bytes(ledger_file.read_bytes() + last * 300)
    make_thumbnails(photos, output=out)  # compacts it
    assert ledger_file.stat().st_size < 300 * len(last)
    (photos / "1.jpg").unlink()
    thumbnailer("prune", photos, "-o", out)
    assert not (out / "1.jpg").exists()
