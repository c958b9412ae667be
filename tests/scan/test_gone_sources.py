"""Which pictures are gone, so that new ones may be these: none of which that is not known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.marks import root_only
from support.pictures import tree
from support.program import make
from support.waiting import nobody

from thumbnailer.model import Source
from thumbnailer.scan.gone_sources import GoneSources


@pytest.fixture
def moved(photos: Path) -> Path:
    """A picture in the place of one that was in `sub`."""
    tree(photos, "a.jpg", "sub/b.jpg")
    make(photos, "--output", photos.parent / "out")
    return Path(shutil.copy2(photos / "sub" / "b.jpg", photos / "z.jpg"))


def gone(photos: Path, picture: Path) -> list[str]:
    """What a picture may have been before."""
    status = picture.stat()
    source = Source(str(picture), status.st_size, status.st_mtime_ns, root=str(photos))
    return [
        one.path for one in GoneSources({str(photos): ""}, str(photos.parent / "out")).of(source)
    ]


def test_a_picture_is_gone_with_its_folder_or_without(photos: Path, moved: Path) -> None:
    before = photos / "sub" / "b.jpg"
    assert gone(photos, moved) == []
    before.unlink()
    assert gone(photos, moved) == [str(before)]
    before.parent.rmdir()
    assert gone(photos, moved) == [str(before)]
    before.parent.write_text("a file in the place of the folder")
    assert gone(photos, moved) == [str(before)]


def test_a_picture_behind_a_link_is_not_gone(photos: Path, moved: Path) -> None:
    (photos / "sub").rename(photos.parent / "away")
    (photos / "sub").symlink_to(photos.parent / "away")
    assert gone(photos, moved) == []


@root_only
def test_a_picture_in_a_folder_that_cannot_be_read_is_not_gone(
    public_folder: Path,
) -> None:
    photos = public_folder / "photos"
    tree(photos, "a.jpg", "sub/b.jpg")
    make(photos, "--output", public_folder / "out")
    new = Path(shutil.copy2(photos / "sub" / "b.jpg", photos / "z.jpg"))
    (photos / "sub").chmod(0)
    with nobody():
        assert gone(photos, new) == []
    (photos / "sub").chmod(0o755)
    (photos / "sub" / "b.jpg").unlink()
    with nobody():
        assert gone(photos, new) == [str(photos / "sub" / "b.jpg")]
