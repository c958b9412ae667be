"""Files of millions of parts are refused by their header; pictures with many are made."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from support.bombs import LONG, gif, tiff
from support.dng_files import dng
from support.floods import (
    FLOODS,
    GOOD,
    MANY,
    box,
    chained_pages,
    exif,
    heic_file,
    several_pages,
    strips,
)
from support.pictures import picture, quarters
from support.program import make, thumbnailer

from thumbnailer.formats import installed_extras
from thumbnailer.imaging.containers.boxes import boxes
from thumbnailer.imaging.containers.cut_short import is_cut_short
from thumbnailer.imaging.decode.identify import identify_optional

pytestmark = pytest.mark.xdist_group("floods")  # of the many, each run makes all

ALL = "--also", "ico,jpeg2000,ppm,psd,svg,tga"


def is_read(name: str) -> bool:
    return not name.endswith(".heic") or "heif" in installed_extras()


@pytest.fixture(scope="module")
def floods(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Stage and reason by name; made in one run."""
    folder = tmp_path_factory.mktemp("floods")
    for name, maker in FLOODS.items():
        (folder / name).write_bytes(maker())
    rows = make(folder, *ALL, "--keep", "date,gps").rows
    return {os.path.basename(row["source"]): row["error"] for row in rows if row["error"]}


@pytest.mark.parametrize("name", FLOODS)
def test_a_file_of_very_many_parts_is_refused(floods: dict[str, dict[str, str]], name: str) -> None:
    if not is_read(name):
        pytest.skip("the extra heif is not installed")
    error = floods[name]
    assert error["stage"] == "limits", error
    assert re.search(" more | many | too ", error["reason"]), error
    assert len(error["reason"]) < 100


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The errors of those that have many parts for good reason, by name; None where it is made."""
    folder = tmp_path_factory.mktemp("good")
    for name, maker in GOOD.items():
        (folder / name).write_bytes(maker())
    rows = make(folder, *ALL, "--keep", "date,gps").rows
    return {os.path.basename(row["source"]): row["error"] for row in rows}


@pytest.mark.parametrize("name", GOOD)
def test_a_picture_with_many_parts_is_made(good: dict[str, object], name: str) -> None:
    assert good[name] is None


def test_an_animation_of_very_many_frames_is_refused_where_they_are_wanted(photos: Path) -> None:
    (photos / "a.gif").write_bytes(gif(MANY, 8, 8))
    (row,) = make(photos, "-f", "gif", "--animated").rows
    assert row["error"]["stage"] == "limits"
    assert make(photos, "-f", "gif").summary["made"] == 1


def test_a_chain_of_pages_without_end_is_counted_to_its_bound(photos: Path) -> None:
    for name, data, frames in (
        ("a.tif", several_pages(3), 3),
        ("b.tif", chained_pages(1_000), 1_000),
        ("c.tif", chained_pages(MANY), 100_000),
    ):
        (photos / name).write_bytes(data)
        assert f", {frames} frames" in thumbnailer("explain", photos / name).out


def test_what_is_cut_short_is_told_within_bounds() -> None:
    whole = heic_file(box(b"meta", bytes(20)), box(b"mdat", bytes(30)))
    assert not is_cut_short(io.BytesIO(whole))
    for end in range(20, len(whole)):
        is_between_boxes = end in (24, 24 + 28)
        is_in_a_length = end in (25, 26, 27, 53, 54, 55)
        cut = is_cut_short(io.BytesIO(whole[:end]))
        assert cut != is_between_boxes or is_in_a_length, end
    flood = whole + box(b"free") * (2 * MANY)
    assert not is_cut_short(io.BytesIO(flood))
    large = whole + (1).to_bytes(4) + b"mdat" + (16 + 5).to_bytes(8) + bytes(5)
    assert not is_cut_short(io.BytesIO(large))
    assert is_cut_short(io.BytesIO(large[:-1]))
    assert [one.kind for one in boxes(io.BytesIO(large), 0, len(large))] == [
        *(b"ftyp", b"meta", b"mdat", b"mdat")
    ]


def test_a_video_is_refused_for_what_it_is_however_many_parts_it_has(photos: Path) -> None:
    data = box(b"ftyp", b"isom\0\0\2\0isommp41") + box(b"free") * MANY
    (photos / "a.jpg").write_bytes(data)
    (row,) = make(photos).rows
    assert "is a video" in row["error"]["reason"]


def test_a_tiff_s_directories_are_read_within_bounds() -> None:
    """To tell raw pictures, which have their pixels in other directories, from others."""
    assert identify_optional(io.BytesIO(dng(quarters((64, 48)))))[0] == "raw"
    directory = exif(65_535, 2**31, spread=False)[8:]
    data = tiff({330: (LONG, [0] * 16)})
    data = tiff({330: (LONG, [len(data)] * 16)}) + directory + bytes(1 << 22)
    assert identify_optional(io.BytesIO(data)) == ("", "")
    assert identify_optional(io.BytesIO(strips(10))) == ("", "")


def test_a_picture_that_is_not_small_is_made_as_one_that_is(photos: Path) -> None:
    """Large files are read through a counter: all formats, from disk and turned upright."""
    for name in ("a.jpg", "a.png", "a.webp", "a.gif", "a.bmp", "a.tif", "a.avif"):
        made = picture(photos / name, (64, 48))
        with made.open("ab") as file:
            file.write(bytes(300_000))
    assert make(photos, "--truncated", "keep").summary["made"] == 7
