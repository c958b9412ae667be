"""Which files are taken for pictures, and which folders are entered."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from support.pictures import files_below, picture, tree
from support.program import THUMBNAILER, make
from support.waiting import eventually, nobody

from thumbnailer import Failure, Outcome, Source, iter_thumbnails, make_thumbnails
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
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


def test_a_deep_tree_is_no_trouble(photos: Path) -> None:
    folder = photos
    for _ in range(300):
        folder = folder / "d"
    picture(folder / "a.jpg")
    assert make(photos).summary["made"] == 1
