"""SOURCEs that are the same, lie in each other, or have the same name."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.pictures import files_below, picture, tree
from support.program import make, thumbnailer
from support.s3_server import Storage
from support.watching import catches_up, events, of_source, rows, shell, soon, watching

from thumbnailer import make_thumbnails, status, verify, write_gallery

NAMES = ("a.jpg", "b.png", "2024/c.jpg", "2024/05/d.jpg", "2025/e.jpg")


@contextmanager
def bound(folder: Path, at: Path) -> Iterator[Path]:
    at.mkdir()
    try:
        subprocess.run(["mount", "--bind", folder, at], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a folder on another")
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


def linked(folder: Path, at: Path) -> Path:
    at.symlink_to(folder)
    return at


SPELLINGS: dict[str, Callable[[Path], Path | str]] = {
    "relative": lambda photos: os.path.relpath(photos),
    "dotted": lambda photos: photos / "2024" / "..",
    "slashes": lambda photos: f"{photos}//./",
    "link": lambda photos: linked(photos, photos.parent / "link"),
    "link to a link": lambda photos: linked(
        linked(photos, photos.parent / "l1"), photos.parent / "l2"
    ),
    "link above": lambda photos: linked(photos.parent, photos.parent / "up") / "photos",
    "dots behind a link": lambda photos: linked(photos / "2024", photos.parent / "year") / "..",
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("to", ["beside", "output", "linked output"])
@pytest.mark.few(8)
def test_another_spelling_is_the_same_source(
    photos: Path, tmp_path: Path, spell: Callable[[Path], Path | str], to: str
) -> None:
    tree(photos, *NAMES)
    os.link(photos / "a.jpg", photos / "2025" / "a.jpg")  # which has the same device and inode
    out, other = tmp_path / "out", spell(photos)
    (tmp_path / "outlink").symlink_to(out)
    places: dict[str, tuple[list[str | Path], list[str | Path]]] = {
        "beside": ([], []),
        "output": (["-o", out], ["-o", out]),
        "linked output": (["-o", out], ["-o", tmp_path / "outlink"]),
    }
    first, second = places[to]
    assert make(photos, *first).summary["made"] == 6
    before = files_below(tmp_path)
    for source, options in ((other, second), (photos, second), (other, first)):
        run = make(source, *options)
        assert (run.summary["current"], run.summary["found"]) == (6, 6), run.rows
        assert '"whole": 6' in thumbnailer("verify", "--json", source, *options).out
    assert make(other, *second, "--force").summary["made"] == 6
    assert make(photos, *first).summary["found"] == 6
    assert files_below(tmp_path) == before


def test_a_folder_that_is_mounted_elsewhere_is_the_same_source(
    photos: Path, tmp_path: Path
) -> None:
    tree(photos, *NAMES)
    out = tmp_path / "out"
    make(photos, "-o", out)
    with bound(photos, tmp_path / "mounted") as mounted:
        run = make(mounted, "-o", out)
        assert run.summary["current"] == run.summary["found"] == 5
        both = make(photos, mounted, "-o", tmp_path / "both")
        assert both.summary["made"] == both.summary["found"] == 5
        assert both.err == f"{mounted} is {photos}: each picture is taken once\n"


def test_another_picture_is_another_source(tmp_path: Path) -> None:
    """However much is the same: its name, its content, its inode."""
    for folder in ("one", "copy", "linked", "hard", "bare"):
        (tmp_path / folder).mkdir()
    picture(tmp_path / "one" / "a.jpg")
    shutil.copy2(tmp_path / "one" / "a.jpg", tmp_path / "copy")
    (tmp_path / "linked" / "a.jpg").symlink_to(tmp_path / "one" / "a.jpg")
    os.link(tmp_path / "one" / "a.jpg", tmp_path / "hard" / "a.jpg")
    make(tmp_path / "one", "-o", tmp_path / "out")
    for folder in ("copy", "linked", "hard"):
        (row,) = make(tmp_path / folder, "-o", tmp_path / "out").rows
        assert row["status"] == "failed"
        assert row["error"]["reason"].endswith(
            f"out/a.jpg is already the thumbnail of {tmp_path}/one/a.jpg"
        )


@pytest.mark.parametrize("options", [[], ["-o", "out"]])
@pytest.mark.parametrize(
    ("sources", "note"),
    [
        (["photos", "photos/2024"], "photos/2024 lies in photos"),
        (["photos/2024", "photos"], "photos/2024 lies in photos"),
        (["photos", "photos"], "photos is named twice"),
        (["photos", "./photos/"], "./photos/ is photos"),
        (["photos", "link"], "link is photos"),
        (["photos", "link/2024/05"], "link/2024/05 lies in photos"),
        (["photos", "photos/a.jpg"], "photos/a.jpg lies in photos"),
        (["photos", "link/2024/c.jpg"], "link/2024/c.jpg lies in photos"),
        (["photos", "photos/2024", "link", "photos/a.jpg", "photos"], "and 3 more overlap"),
    ],
)
@pytest.mark.few(6)
def test_what_overlaps_is_said_in_one_line_and_taken_once(
    tmp_path: Path, options: list[str], sources: list[str], note: str
) -> None:
    tree(tmp_path / "photos", *NAMES)
    (tmp_path / "link").symlink_to("photos")
    for status_ in ("made", "current"):
        run = make(*sources, *options, cwd=tmp_path)
        assert (run.code, run.err.count("\n")) == (0, 1)
        assert note in run.err
        assert run.err.endswith(": each picture is taken once\n")
        assert run.summary["notes"] == run.err.splitlines()
        assert run.summary["found"] == run.summary[status_] == 5
    text = thumbnailer("make", *sources, *options, cwd=tmp_path)
    assert text.out == "5 found, 0 made, 5 current; nothing to do\n"
    assert text.err == run.err
    for command in ("status", "verify"):
        assert thumbnailer(command, *sources, *options, cwd=tmp_path).err == run.err
    thumbnails = [name for name in files_below(tmp_path) if "thumbs/" in name or "out/" in name]
    assert len(thumbnails) == 5


@pytest.mark.parametrize(
    ("inner", "options", "name"),
    [
        (".hidden", [], ".hidden/f.jpg"),
        ("#recycle", [], "#recycle/g.jpg"),
        ("2024", ["--no-recursive"], "2024/c.jpg"),
        ("2025", ["--exclude", "2025"], "2025/e.jpg"),
        ("2024/05", ["--exclude", "/2024"], "2024/05/d.jpg"),
        ("2024/c.jpg", ["--exclude", "2024"], "2024/c.jpg"),
        ("a.jpg", ["--include", "*.png"], "a.jpg"),
        (".hidden/f.jpg", [], ".hidden/f.jpg"),
    ],
)
def test_a_source_that_the_other_does_not_get_to_is_one_of_its_own(
    photos: Path, inner: str, options: list[str], name: str
) -> None:
    tree(photos, *NAMES, ".hidden/f.jpg", "#recycle/g.jpg")
    run = make(photos, photos / inner, *options, "-n")
    assert (run.err, run.code) == ("", 0)
    found = [os.path.relpath(row["source"], photos) for row in run.rows]
    assert found.count(name) == 1
    assert len({*found}) == len(found)


def test_a_glob_may_match_in_the_one_what_it_does_not_in_the_other(photos: Path) -> None:
    tree(photos, *NAMES)
    run = make(photos, photos / "2024", "--include", "/*.jpg", "-o", photos / "out")
    assert run.err == f"{photos}/2024 lies in {photos}: each picture is taken once\n"
    assert run.statuses == {"a.jpg": "made", "c.jpg": "made"}
    run = make(photos, photos / "2024", "--include", "**/d.jpg", "-o", photos / "out")
    assert run.statuses == {"d.jpg": "made"}
    assert files_below(photos / "out") == {
        *("photos/a.jpg", "photos/2024/c.jpg", "photos/2024/05/d.jpg"),
    }


def test_what_is_taken_once_counts_once_in_the_library(photos: Path) -> None:
    tree(photos, *NAMES)
    sources = [photos, photos / "2024", photos / "2025" / ".."]
    report = make_thumbnails(sources)
    assert (report.found, report.made) == (5, 5)
    assert status(sources).pictures == 5
    assert status(sources).thumbnails == 5
    assert verify(sources).whole == 5
    (note,) = report.notes
    assert [*status(sources).notes] == [*verify(sources).notes] == [note]


@pytest.mark.parametrize("command", ["make", "status", "verify", "gallery", "watch"])
def test_two_sources_of_one_name_are_refused_before_anything_is_made(
    tmp_path: Path, command: str
) -> None:
    tree(tmp_path, "2023/photos/a.jpg", "2024/photos/b.jpg", "c/x/d.jpg")
    before = files_below(tmp_path)
    sources = ("c/x", "2023/photos", "2024/photos")
    run = thumbnailer(command, *sources, "--output", "out", cwd=tmp_path)
    assert run.code == 2
    assert run.err == (
        "thumbnailer: output = 'out': 2023/photos and 2024/photos would both be photos there; give "
        "each a run of its own, with outputs such as out/2023 and out/2024\n"
    )
    assert files_below(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_they_may_have_thumbnails_beside_them_or_lie_in_each_other(tmp_path: Path) -> None:
    tree(tmp_path, "2023/photos/a.jpg", "2024/photos/b.jpg", "photos/photos/c.jpg")
    assert make("2023/photos", "2024/photos", cwd=tmp_path).summary["made"] == 2
    run = make("photos", "photos/photos", "-o", "out", cwd=tmp_path)
    assert run.summary["made"] == 1
    assert files_below(tmp_path / "out") == {"photos/photos/c.jpg"}
    cache: Any = {"layout": "freedesktop", "output": tmp_path / "cache"}
    assert make_thumbnails([tmp_path / "2023/photos", tmp_path / "2024/photos"], **cache).made == 2


def test_each_folder_that_is_named_has_its_page(photos: Path, tmp_path: Path) -> None:
    tree(photos, *NAMES)
    (tmp_path / "link").symlink_to(photos)
    sources = [photos, photos / "2024", tmp_path / "link"]
    make_thumbnails(sources)
    pages = write_gallery(sources).pages
    assert [(page.path, page.pictures) for page in pages] == [
        (f"{photos}/thumbs/index.html", 5),
        (f"{photos}/2024/thumbs/index.html", 2),
    ]
    make_thumbnails(sources, output=tmp_path / "out")
    (page,) = write_gallery(sources, output=tmp_path / "out").pages
    assert (page.pictures, page.missing) == (5, 0)


def test_a_watch_takes_each_picture_once(photos: Path) -> None:
    tree(photos, *NAMES)
    with watching(photos, photos / "2024") as watch:
        assert [note["message"] for note in events(watch, "note")] == [
            f"{photos}/2024 lies in {photos}: each picture is taken once"
        ]
        shell("cp a.jpg 2024/new.jpg", photos)
        soon(watch, lambda: of_source(watch, photos / "2024" / "new.jpg"))
        catches_up(watch, photos)
        sources = [row["source"] for row in rows(watch) if "source" in row]
        assert len(sources) == len({*sources}) == 6


@pytest.mark.slow
def test_it_is_the_same_in_buckets(storage: Storage, tmp_path: Path) -> None:
    data = picture(tmp_path / "a.jpg").read_bytes()
    for key in ("photos/a.jpg", "photos/2024/b.jpg", "other/photos/c.jpg", "photos2/d.jpg"):
        storage.put(key, data)
    photos, output = f"{storage.url}/photos", f"{storage.url}/thumbs"
    inner = (f"{photos}/2024", f"{photos}/", f"{photos}/a.jpg", f"{photos}/2024/b.jpg")
    report = make_thumbnails([*inner, photos, f"{storage.url}/photos2"], output=output)
    assert (report.found, report.made) == (3, 3)
    assert report.notes == [
        f"{photos}/2024 lies in {photos}/, and 3 more overlap: each picture is taken once"
    ]
    for _ in range(2):
        run = thumbnailer("make", photos, f"{storage.url}/other/photos", "--output", output)
        assert run.code == 2
        assert "would both be photos there" in run.err
