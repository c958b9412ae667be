"""A picture that is renamed or moved keeps its thumbnails: none is made anew."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support.marks import root_only
from support.pictures import files_below, picture
from support.processes import RESTRICTED
from support.program import in_a_process, make, thumbnailer
from support.thumbs import marked, thumbnail_files
from support.watching import shell

from thumbnailer import prune

SIZES = ["--size", "40", "--size", "20"]
LAYOUTS: dict[str, list[str]] = {
    "thumbs": [],
    "output": ["--output", "../out"],
    "sizes": SIZES,
    "sizes in an output": [*SIZES, "--output", "../out"],
    "auto": ["--format", "auto"],
    "template": ["--name", "{stem}-{size}"],
}
MOVES = {
    "renamed": "mv a.jpg z.jpg",
    "into a folder": "mv a.jpg sub",
    "out of a folder": "mv sub/deep/d.jpg .; mv sub/c.jpg .",
    "a folder renamed": "mv sub other",
    "a folder into another": "mkdir new; mv sub new; mv a.jpg new/sub/deep",
    "over another": "mv a.jpg sub/c.jpg",
    "in capitals": "mv a.jpg A.JPG",
    "twice": "mv a.jpg t; mv t sub/x.jpg; mv b.png sub; mv sub/b.png a.png",
}


@pytest.fixture
def album(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for count, name in enumerate(("a.jpg", "b.png", "sub/c.jpg", "sub/deep/d.jpg")):
        picture(photos / name, (60 + count, 50), "RGBA" if name == "b.png" else "RGB")
        os.utime(photos / name, ns=(10**18 + count, 10**18 + count))
    monkeypatch.chdir(photos)
    return photos


def fresh(album: Path, options: list[str]) -> dict[str, bytes]:
    """What a run makes of a copy of the pictures, by the paths of the thumbnails."""
    copy = album.parent / "fresh" / "photos"
    shutil.copytree(album, copy, ignore=shutil.ignore_patterns("thumbs"))
    make(*options, ".", cwd=copy)
    return {str(one.relative_to(copy.parent)): one.read_bytes() for one in thumbnail_files(copy)}


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_what_is_moved_keeps_its_thumbnails(album: Path, move: str, options: list[str]) -> None:
    make(*options, ".")
    before = marked(album)
    shell(move, album)
    run = make(*options, ".")
    assert run.summary["failed"] == 0
    found = {str(one.relative_to(album.parent)): one.read_bytes() for one in thumbnail_files(album)}
    assert set(found.values()) <= before.keys()
    wanted = fresh(album, options)
    assert {name: before[mark] for name, mark in found.items()} == wanted
    again = make(*options, ".")
    assert again.summary["current"] == again.summary["found"]
    assert prune(".", output=options[-1] if "--output" in options else "").orphaned == 0


def test_what_is_moved_is_told_as_made(album: Path) -> None:
    make(".")
    before = (album / "thumbs" / "a.jpg").stat().st_size
    shell("mv a.jpg sub/z.jpg", album)
    (row,) = [row for row in make(".").rows if row["status"] == "made"]
    assert row["source"] == "./sub/z.jpg"
    (thumbnail,) = row["thumbnails"]
    assert thumbnail["path"] == "./sub/thumbs/z.jpg"
    assert (thumbnail["width"], thumbnail["bytes"]) == (60, before)


def test_what_is_moved_from_one_source_to_another(album: Path) -> None:
    sources = [album / "sub", picture(album.parent / "other" / "e.jpg").parent]
    make(*sources)
    before = marked(album)
    shell("mv sub/c.jpg ../other", album)
    make(*sources)
    assert (album.parent / "other" / "thumbs" / "c.jpg").read_bytes() in before
    assert not (album / "sub" / "thumbs" / "c.jpg").exists()


@pytest.mark.parametrize("change", ["touch z.jpg", "printf x >> z.jpg", "chmod 600 z.jpg"])
def test_what_is_changed_as_well_is_made_anew(album: Path, change: str) -> None:
    make(".")
    before = marked(album)
    shell(f"mv a.jpg z.jpg; {change}", album)
    make(".")
    is_kept = (album / "thumbs" / "z.jpg").read_bytes() in before
    assert is_kept == change.startswith("chmod")


def test_another_picture_of_the_same_length_and_time_is_made_anew(album: Path) -> None:
    make(".")
    before, state = marked(album), (album / "a.jpg").stat()
    other = bytearray((album / "a.jpg").read_bytes())
    other[-30:-20] = bytes(10)
    (album / "a.jpg").unlink()
    (album / "z.jpg").write_bytes(other)
    os.utime(album / "z.jpg", ns=(state.st_atime_ns, state.st_mtime_ns))
    make(".")
    assert (album / "thumbs" / "z.jpg").read_bytes() not in before


def test_a_copy_is_made_and_the_first_keeps_its_thumbnail(album: Path) -> None:
    make(".")
    shell("cp -p a.jpg z.jpg", album)
    before = (album / "thumbs" / "a.jpg").read_bytes()
    assert make(".").summary["made"] == 1
    assert {(album / "thumbs" / name).read_bytes() for name in ("a.jpg", "z.jpg")} == {before}


@pytest.mark.parametrize("options", [["--size", "30"], ["--format", "webp"], ["--force"]])
def test_what_is_to_be_made_otherwise_is_made_anew(album: Path, options: list[str]) -> None:
    make(".")
    before = marked(album)
    shell("mv a.jpg z.jpg", album)
    make(*options, ".")
    (made,) = (one for one in thumbnail_files(album) if one.name.startswith("z"))
    assert made.read_bytes() not in before


def test_a_thumbnail_that_is_not_ours_any_more_is_not_taken_along(album: Path) -> None:
    make(".")
    mine = {"a.jpg": b"mine", "b.png.jpg": b"mine, too"}
    for name, content in mine.items():
        (album / "thumbs" / name).write_bytes(content)
    secret = album.parent / "secret"
    link = album / "sub" / "thumbs" / "c.jpg"
    secret.write_bytes(link.read_bytes())
    link.unlink()
    link.symlink_to(secret)
    shell("mv a.jpg y.jpg; mv b.png z.png; mv sub/c.jpg x.jpg", album)
    make(".")
    for name, content in mine.items():
        assert (album / "thumbs" / name).read_bytes() == content
    assert link.is_symlink()
    assert {"thumbs/y.jpg", "thumbs/z.png.jpg", "thumbs/x.jpg"} <= files_below(album)
    assert not (album / "thumbs" / "x.jpg").is_symlink()
    assert all((album / "thumbs" / name).read_bytes()[:2] == b"\xff\xd8" for name in ("y.jpg",))


def test_what_a_user_has_at_the_new_name_stays(album: Path) -> None:
    make(".")
    (album / "thumbs" / "z.jpg").write_bytes(b"mine")
    shell("mv a.jpg z.jpg", album)
    run = thumbnailer("make", ".")
    assert run.code == 3
    assert (album / "thumbs" / "z.jpg").read_bytes() == b"mine"
    assert (album / "thumbs" / "a.jpg").exists()


@root_only
def test_where_the_new_thumbnail_cannot_be_written_the_old_one_stays(album: Path) -> None:
    make(".")
    before = marked(album)
    new = album / "new" / "thumbs"
    new.mkdir(parents=True)
    new.chmod(0o555)
    shell("mv a.jpg new/z.jpg", album)
    run = in_a_process("make", "--json", ".", cwd=album, prefix=tuple(RESTRICTED))
    assert run.statuses["z.jpg"] == "failed"
    assert (album / "thumbs" / "a.jpg").read_bytes() in before
    new.chmod(0o755)
    make(".")
    assert (new / "z.jpg").read_bytes() in before
    assert not (album / "thumbs" / "a.jpg").exists()


def test_what_lacks_one_of_its_sizes_is_made_anew(album: Path) -> None:
    make(*SIZES, ".")
    before = marked(album)
    shell("rm thumbs/20/a.jpg; mv a.jpg z.jpg; mv sub/c.jpg y.jpg", album)
    assert make(*SIZES, ".").summary["made"] == 2
    found = {str(one.relative_to(album.parent)): one.read_bytes() for one in thumbnail_files(album)}
    for name, content in fresh(album, SIZES).items():
        assert found[name] == content if name.endswith("z.jpg") else found[name] in before


def test_what_is_incomplete_is_still_said_to_be(album: Path) -> None:
    content = (album.parent / "whole.jpg", album / "cut.jpg")
    picture(content[0], (400, 300), quality=95)
    content[1].write_bytes(content[0].read_bytes()[:-2000])
    options = ["--truncated", "keep"]
    (before,) = [row["note"] for row in make(*options, ".").rows if row["note"]]
    shell("mv cut.jpg sub/half.jpg", album)
    (row,) = [row for row in make(*options, ".").rows if row["status"] == "made"]
    assert row["note"] == before
    assert [row["note"] for row in make(*options, ".").rows if row["note"]] == [before]


def test_a_dry_run_moves_nothing(album: Path) -> None:
    make(".")
    shell("mv a.jpg z.jpg", album)
    before = files_below(album)
    run = make("--dry-run", ".")
    assert run.summary["made"] == 0
    assert files_below(album) == before
