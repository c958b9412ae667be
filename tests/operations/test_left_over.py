"""A run tells of thumbnails that it did not ask for, where it has looked anyway."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.pictures import picture, tree

from thumbnailer import make_thumbnails, prune

NAMES = ("a.jpg", "b.jpg", "sub/c.jpg", "sub/d.jpg")


@pytest.fixture(params=["beside", "output"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "small") if request.param == "output" else ""


def test_pictures_that_are_gone_leave_orphans(photos: Path, output: str) -> None:
    tree(photos, *NAMES)
    assert make_thumbnails(photos, output=output).left_over == {}
    (photos / "a.jpg").unlink()
    (photos / "sub" / "c.jpg").unlink()
    for dry_run in (True, False, False):
        assert make_thumbnails(photos, output=output, dry_run=dry_run).left_over == {"orphaned": 2}
    assert prune(photos, output=output).orphaned == 2
    assert make_thumbnails(photos, output=output).left_over == {}


def test_other_settings_leave_theirs(photos: Path, output: str) -> None:
    tree(photos, *NAMES)
    make_thumbnails(photos, output=output)
    (photos / "b.jpg").unlink()
    report = make_thumbnails(photos, output=output, format="webp")
    assert report.left_over == {"of other settings": 3, "orphaned": 1}
    found = prune(photos, output=output, format="webp", stale=True, yes=True)
    assert (found.stale, found.orphaned) == (3, 1)
    assert make_thumbnails(photos, output=output, format="webp").left_over == {}


def test_what_is_not_there_any_more_is_not_told_of(photos: Path, output: str) -> None:
    tree(photos, *NAMES)
    make_thumbnails(photos, output=output)
    (photos / "a.jpg").unlink()
    (Path(output) / "a.jpg" if output else photos / "thumbs" / "a.jpg").unlink()
    assert make_thumbnails(photos, output=output).left_over == {}


def test_a_picture_that_moves_leaves_nothing(photos: Path, output: str) -> None:
    tree(photos, *NAMES)
    make_thumbnails(photos, output=output)
    (photos / "a.jpg").rename(photos / "sub" / "a.jpg")
    report = make_thumbnails(photos, output=output)
    assert (report.made, report.left_over) == (1, {})
    assert make_thumbnails(photos, output=output).left_over == {}


def test_a_run_over_some_of_the_pictures_tells_nothing(photos: Path, output: str) -> None:
    tree(photos, *NAMES)
    make_thumbnails(photos, output=output)
    (photos / "a.jpg").unlink()
    assert make_thumbnails([photos / "sub", photos / "b.jpg"], output=output).left_over == {}
    assert make_thumbnails([photos / "b.jpg"], output=output).left_over == {}


def test_shards_tell_of_no_thumbnail_of_another(photos: Path, output: str) -> None:
    tree(photos, *NAMES)
    for shard in ("1/2", "2/2", "1/2"):
        assert make_thumbnails(photos, output=output, shard=shard).left_over == {}


def test_thumbnails_of_other_folders_in_one_output_do_not_count(tmp_path: Path) -> None:
    for name in ("one", "two"):
        tree(tmp_path / name, "a.jpg" if name == "one" else "b.jpg")
        report = make_thumbnails(tmp_path / name, output=tmp_path / "small")
        assert report.left_over == {}


def test_many_folders_are_counted_as_they_go(photos: Path) -> None:
    """The states of 256 folders are kept in memory."""
    first = picture(photos / "000" / "a.jpg")
    for number in range(300):
        folder = photos / f"{number:03}"
        folder.mkdir(exist_ok=True)
        for name in ("a.jpg", "b.jpg"):
            if not (folder / name).exists():
                os.link(first, folder / name)
    make_thumbnails(photos, jobs=1)
    for number in range(300):
        (photos / f"{number:03}" / "b.jpg").unlink()
    assert make_thumbnails(photos, jobs=1).left_over == {"orphaned": 300}
