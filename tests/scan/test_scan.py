"""Which files are taken for pictures, and which folders are entered."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.disks import listed
from support.marks import root_only
from support.pictures import files_below, picture, tree
from support.program import THUMBNAILER, make
from support.waiting import eventually, nobody

from thumbnailer import Failure, Outcome, Settings, Source, iter_thumbnails, make_thumbnails
from thumbnailer.formats import READ
from thumbnailer.scan.folders import source_finder


def test_the_endings_are_those_pillow_reads_of_our_formats() -> None:
    ours = {"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"}
    registered = Image.registered_extensions()
    assert {ending for ending, format in registered.items() if format in ours} == {
        ending for one in READ for ending in one.read_endings
    }


def test_endings_count_whatever_their_case_and_other_files_do_not(photos: Path) -> None:
    for name in ("a.JPG", "b.Jpeg", "c.jpg"):
        picture(photos / name, format="JPEG")
    for name in ("notes.txt", "movie.mp4", "icon.ico", "jpg", "d.jpg.part", "._c.jpg"):
        (photos / name).touch()
    assert set(make(photos).statuses) == {"a.JPG", "b.Jpeg", "c.jpg"}


def test_our_own_folders_are_never_entered(photos: Path) -> None:
    tree(photos, "a.jpg", "sub/b.jpg")
    for _ in range(3):
        assert make(photos).summary["found"] == 2
    (photos / "thumbs").rename(photos / "another name")
    assert set(make(photos).statuses) == {"a.jpg", "b.jpg"}


def test_a_folder_of_thumbnails_is_no_source(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos)
    run = make(photos / "thumbs")
    assert run.code == 1
    assert run.err == f"thumbnailer: {photos}/thumbs: is a folder of thumbnails, not of pictures\n"


@pytest.mark.slow
def test_a_thumbs_folder_of_the_user_s_is_a_folder_like_any_other(photos: Path) -> None:
    tree(photos, "a.jpg", "same.jpg", "thumbs/mine.jpg", "thumbs/same.jpg")
    before = {name: (photos / "thumbs" / name).read_bytes() for name in ("mine.jpg", "same.jpg")}
    for state in ("made", "current"):
        run = make(photos)
        results = {os.path.relpath(row["source"], photos): row for row in run.rows}
        assert {name: row["status"] for name, row in results.items()} == {
            "a.jpg": state,
            "same.jpg": "failed",
            "thumbs/mine.jpg": state,
            "thumbs/same.jpg": state,
        }
        assert "was not made by thumbnailer" in results["same.jpg"]["error"]["reason"]
    assert make(photos, "--force").summary["failed"] == 1
    assert {name: (photos / "thumbs" / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("killed", [True, False])
@pytest.mark.few(1)
def test_in_a_folder_with_other_files_our_own_are_known_whatever_happens(
    photos: Path, killed: bool
) -> None:
    first = picture(photos / "0.png", (700, 700), compress_level=1)
    for number in range(1, 60):
        os.link(first, photos / f"{number}.png")
    (photos / "thumbs").mkdir()
    (photos / "thumbs" / "notes.txt").write_text("mine")
    runs = [subprocess.Popen([*THUMBNAILER, "make", "--quiet", photos]) for _ in range(2)]
    if killed:
        eventually(lambda: len(os.listdir(photos / "thumbs")) > 10)
        for process in runs:
            process.kill()
    codes = {process.wait() for process in runs}
    assert codes == ({-9} if killed else {0})
    assert make(photos).summary["found"] == 60
    assert make(photos).summary["current"] == 60
    assert len(files_below(photos)) == 121


@pytest.mark.slow
def test_without_its_mark_a_folder_counts_as_the_user_s(photos: Path) -> None:
    tree(photos, "a.jpg")
    make(photos)
    before = (photos / "thumbs" / "a.jpg").read_bytes()
    (photos / "thumbs" / ".thumbnailer").unlink()
    run = make(photos)
    assert sorted(row["status"] for row in run.rows) == ["failed", "made"]
    assert (photos / "thumbs" / "a.jpg").read_bytes() == before


def test_sources_come_sorted_and_those_of_subfolders_first(photos: Path) -> None:
    names = [f"{folder}{name}.jpg" for folder in ("", "5/", "3/", "4/", "1/") for name in "dacb"]
    tree(photos, *names)
    order = [os.path.relpath(row["source"], photos) for row in make(photos, "--dry-run").rows]
    assert order == [*sorted(name for name in names if "/" in name), *sorted(names[:4])]


def test_links_to_files_are_followed_and_links_to_folders_are_not(
    photos: Path, tmp_path: Path
) -> None:
    tree(tmp_path, "elsewhere/a.jpg")
    (photos / "file.jpg").symlink_to(tmp_path / "elsewhere" / "a.jpg")
    (photos / "folder").symlink_to(tmp_path / "elsewhere")
    (photos / "loop").symlink_to(photos)
    assert make(photos).statuses == {"file.jpg": "made"}
    assert files_below(tmp_path / "elsewhere") == {"a.jpg"}


def test_what_is_no_file_is_skipped_with_a_reason(photos: Path) -> None:
    os.mkfifo(photos / "pipe.jpg")
    (photos / "nothing.jpg").symlink_to("nowhere")
    (photos / "loop.jpg").symlink_to("loop.jpg")
    (photos / "device.jpg").symlink_to("/dev/zero")
    (photos / "folder.jpg").symlink_to(photos)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(photos / "socket.jpg"))
        run = make(photos)
    reasons = {os.path.basename(row["source"]): row["error"]["reason"] for row in run.rows}
    assert reasons == {
        "pipe.jpg": "is a device, pipe or socket, not a file",
        "device.jpg": "is a device, pipe or socket, not a file",
        "socket.jpg": "is a device, pipe or socket, not a file",
        "nothing.jpg": "is a link to nothing",
        "folder.jpg": "is a folder behind a link, not a file",
        "loop.jpg": "can't be read: Too many levels of symbolic links",
    }


def test_a_folder_of_ours_that_is_away_for_a_moment_is_not_taken_for_anothers(photos: Path) -> None:
    make_thumbnails(tree(photos, "a.jpg", "b.jpg"))
    thumbs, away = photos / "thumbs", photos.parent / "away"
    locate = source_finder(str(photos))
    thumbs.rename(away)
    gone = locate(str(thumbs / "a.jpg"))
    assert isinstance(gone, Outcome)
    assert gone.status == "skipped"
    away.rename(thumbs)
    assert not isinstance(locate(str(thumbs / "b.jpg")), Source)


def test_hidden_folders_and_those_of_other_programs_are_left_out(photos: Path) -> None:
    tree(photos, "a.jpg", ".cache/b.jpg", "@eaDir/c.jpg", "web/node_modules/d.jpg")
    assert make(photos).statuses == {"a.jpg": "made"}
    assert make(photos / ".cache").statuses == {"b.jpg": "made"}


def test_a_folder_that_looks_like_a_picture_is_a_folder(photos: Path) -> None:
    tree(photos, "album.jpg/a.jpg")
    assert make(photos).statuses == {"a.jpg": "made"}


@root_only
def test_a_folder_that_may_not_be_read_is_reported_and_the_others_are_found(
    public_folder: Path,
) -> None:
    tree(public_folder, "a.jpg", "secret/b.jpg")
    (public_folder / "secret").chmod(0)
    list(iter_thumbnails(public_folder, dry_run=True))  # nobody may not be able to import a module
    with nobody():
        outcomes = list(iter_thumbnails(public_folder, dry_run=True))
        with pytest.raises(PermissionError, match="secret: may not be read"):
            iter_thumbnails(public_folder / "secret")
    reasons = {str(outcome.source): outcome.error for outcome in outcomes}
    assert reasons == {
        f"{public_folder}/a.jpg": Failure("dry run", "would be made"),
        f"{public_folder}/secret": Failure("scan", "can't be read: Permission denied"),
    }


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_vanishes_while_the_scan_is_on_its_way_is_skipped(photos: Path, what: str) -> None:
    """That is no failure: nothing is there that could be made."""
    tree(photos, "a/1.jpg", "a/2.jpg", "b/3.jpg", "c/4.jpg")
    outcomes = iter_thumbnails(photos, dry_run=True)
    seen = [next(outcomes)]
    if what == "folder":
        shutil.rmtree(photos / "b")
    else:
        (photos / "a" / "2.jpg").unlink()
    seen += outcomes
    assert [outcome.status for outcome in seen] == ["skipped"] * 4
    assert str(seen[-1].source) == str(photos / "c" / "4.jpg")
    run = make(photos)
    assert (run.code, run.summary["failed"]) == (0, 0)


def test_a_folder_that_vanishes_before_it_is_read_costs_no_exit_code(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(photos, "a/1.jpg", "b/2.jpg")
    scandir = os.scandir

    def scandir_of_a_tree_that_shrinks(place: Any) -> Any:
        if listed(place) == str(photos / "a"):
            (photos / "b").rename(tmp_path / "elsewhere")
        return scandir(place)

    monkeypatch.setattr(os, "scandir", scandir_of_a_tree_that_shrinks)
    run = make(photos)
    assert run.code == 0
    assert run.statuses == {"1.jpg": "made", "b": "skipped"}


class StopAfter:
    """A stop that is set once it was asked for so many times."""

    def __init__(self, questions: int) -> None:
        self.questions = questions

    def is_set(self) -> bool:
        self.questions -= 1
        return self.questions < 0


@pytest.mark.parametrize("names", ["{}.jpg", "{}.txt"])
def test_a_stop_ends_the_reading_of_a_large_folder(
    photos: Path, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    """Also where there are no pictures, and nothing else would ask."""
    for number in range(300):
        (photos / names.format(number)).touch()
    read = 0

    class Entries:
        def __init__(self, path: Any) -> None:
            self.entries = scandir(path)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            self.entries.close()

        def close(self) -> None:
            self.entries.close()

        def __iter__(self) -> Any:
            nonlocal read
            for entry in self.entries:
                read += 1
                yield entry

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", Entries)
    outcomes = list(iter_thumbnails(photos, dry_run=True, stop_event=StopAfter(20)))
    assert read <= 30
    assert len(outcomes) <= 30


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({"include": ["*.PNG"]}, {"b.png"}),
        ({"include": ["B.Png", "A.*"]}, {"a.jpg", "b.png"}),
        ({"exclude": ["*.jpg"]}, {"b.png"}),
        ({"exclude": ["TRIP"]}, {"a.jpg", "b.png"}),
        ({"exclude": ["trip/"]}, {"a.jpg", "b.png"}),
        ({"exclude": ["Trip/*"]}, {"a.jpg", "b.png"}),
        ({"exclude": ["**/C.jpg"]}, {"a.jpg", "b.png", "d.jpg"}),
        ({"exclude": ["**/a.jpg"]}, {"b.png", "c.jpg", "d.jpg"}),
        ({"exclude": ["trip/day 2"]}, {"a.jpg", "b.png", "c.jpg"}),
        ({"exclude": ["day"]}, {"a.jpg", "b.png", "c.jpg", "d.jpg"}),
        ({"include": ["trip/*"]}, {"c.jpg", "d.jpg"}),
        ({"include": ["trip/c.jpg", "d.jpg"]}, {"c.jpg", "d.jpg"}),
        ({"include": ["*.jpg"], "exclude": ["day 2"]}, {"a.jpg", "c.jpg"}),
        ({"recursive": False}, {"a.jpg", "b.png"}),
        ({"recursive": False, "include": ["trip/*"]}, set()),
    ],
)
def test_globs_choose_whatever_their_case(
    photos: Path, choice: dict[str, Any], found: set[str]
) -> None:
    """In a scan, and for paths that a watch is told of."""
    tree(photos, "a.jpg", "b.png", "trip/c.jpg", "trip/day 2/d.jpg")
    outcomes = iter_thumbnails(photos, dry_run=True, **choice)
    assert {os.path.basename(outcome.source) for outcome in outcomes} == found
    locate = source_finder(str(photos), Settings(**choice).choice)
    paths = [str(path) for path in photos.rglob("*.*")]
    assert {os.path.basename(path) for path in paths if locate(path)} == found


def test_a_deep_tree_is_no_trouble(photos: Path) -> None:
    folder = photos
    for _ in range(300):
        folder = folder / "d"
    picture(folder / "a.jpg")
    assert make(photos).summary["made"] == 1
