"""`thumbnailer explain`: what would be made of a picture, from what, and how that stands."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageCms
from support.pictures import picture, tree
from support.program import make, thumbnailer


def explained(*arguments: str | Path) -> dict[str, Any]:
    run = thumbnailer("explain", "--json", *arguments)
    assert run.err == ""
    explanation: dict[str, Any] = json.loads(run.out)
    return explanation


def state(*arguments: str | Path) -> tuple[str, str]:
    (thumbnail,) = explained(*arguments)["thumbnails"]
    return thumbnail["state"], thumbnail["reason"]


def test_it_says_what_is_made_from_what(photos: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture(photos / "a.jpg", (2000, 1000), exif=exif, icc_profile=profile)
    run = thumbnailer("explain", photos / "a.jpg", "--quality", "70")
    assert run.code == 0
    assert run.out.splitlines() == [
        f"{photos}/a.jpg",
        "  JPEG, 2000 x 1000 px, RGB",
        "  orientation 6, to be applied",
        "  colour profile: sRGB built-in, to be converted to sRGB",
        "  decoded at 500 x 250 px",
        f"  {photos}/thumbs/a.jpg: contain, jpeg 70, 128 x 256 px",
        "    missing: has not been made",
    ]
    assert not (photos / "thumbs").exists()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_tells_of_every_orientation(photos: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture(photos / "a.jpg", (60, 30), exif=exif)
    out = thumbnailer("explain", photos / "a.jpg").out
    assert (f"  orientation {orientation}, to be applied\n" in out) == (orientation != 1)
    size = "30 x 60 px" if orientation > 4 else "60 x 30 px"
    assert f"contain, jpeg 80, {size}\n" in out


@pytest.mark.slow
def test_what_it_says_of_sizes_is_what_is_made(photos: Path) -> None:
    picture(photos / "a.png", (300, 200))
    options = ["--size", "100", "--size", "50x20", "--format", "webp"]
    before = explained(photos / "a.png", *options)["thumbnails"]
    made = make(photos, *options).rows[0]["thumbnails"]
    assert [(one["path"], *one["size"]) for one in before] == [
        (one["path"], one["width"], one["height"]) for one in made
    ]
    after = explained(photos / "a.png", *options)["thumbnails"]
    assert [one["state"] for one in after] == ["current", "current"]


@pytest.mark.slow
def test_why_a_thumbnail_is_stale(photos: Path) -> None:
    source = picture(photos / "a.jpg")
    make(photos)
    assert state(source) == ("current", "")
    state_, reason = state(source, "--size", "16")
    assert (state_, reason) == ("stale", "was made with other settings, or by another version")
    (photos / "thumbs" / "a.jpg").write_bytes(b"short")
    assert state(source) == ("stale", "is gone, or is not as it was made")
    (photos / "thumbs" / "a.jpg").unlink()
    assert state(source) == ("missing", "is gone, or is not as it was made")
    make(photos)
    os.utime(source, (1, 1))
    assert state(source) == ("stale", "the picture has changed since")


def test_why_a_picture_failed(photos: Path) -> None:
    (photos / "a.jpg").write_bytes(b"some text")
    make(photos)
    run = thumbnailer("explain", photos / "a.jpg")
    assert run.code == 3
    assert "can't be read (open): is text, no picture" in run.out
    assert "failed: is text, no picture (failed before and has not changed since)" in run.out


def test_what_is_missing_of_a_truncated_picture(photos: Path) -> None:
    source = picture(photos / "a.png", (300, 200))
    source.write_bytes(source.read_bytes()[:-60])
    assert "truncated" in thumbnailer("explain", source).out


def test_it_knows_a_picture_in_an_output_tree(photos: Path, tmp_path: Path) -> None:
    tree(photos, "sub/a.jpg")
    make(photos, "-o", tmp_path / "out")
    into = ["-o", str(tmp_path / "out"), "--in", str(photos)]
    assert state(photos / "sub" / "a.jpg", *into) == ("current", "")


def test_it_knows_what_a_scan_leaves_out(photos: Path) -> None:
    tree(photos, "a.jpg")
    run = thumbnailer("explain", photos / "a.jpg", "--in", photos, "--exclude", "*.jpg")
    assert (run.code, run.err) == (
        2,
        f"thumbnailer: {photos}/a.jpg: is not taken from {photos}\n",
    )


def test_an_embedded_preview_is_mentioned(corpus: Path) -> None:
    out = thumbnailer("explain", corpus / "camera" / "Canon_EOS_450D.jpg").out
    assert "embedded preview: 160 x 120 px, not used" in out


def test_folders_and_missing_files_are_one_line(photos: Path) -> None:
    assert thumbnailer("explain", photos).code == 2
    run = thumbnailer("explain", photos / "none.jpg")
    assert run.code == 1
    assert run.err.count("\n") == 1


GAIN_MAPS = {
    "Ultra HDR": {"xmp": b'<x:xmpmeta><rdf:Description hdrgm:Version="1.0"/></x:xmpmeta>'},
    "ISO": {"extra": b"\xff\xe2\0\x22urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"},
    "Apple": {"xmp": b"<x>urn:com:apple:photo:2020:aux:hdrgainmap</x>"},
}


@pytest.mark.parametrize("kind", GAIN_MAPS)
def test_a_gain_map_is_told_of_and_left_out(photos: Path, kind: str) -> None:
    image = Image.linear_gradient("L").resize((400, 300)).convert("RGB")
    gains = Image.radial_gradient("L").resize((400, 300)).convert("RGB")
    image.save(photos / "plain.jpg")
    image.save(photos / "a.jpg", "mpo", save_all=True, append_images=[gains], **GAIN_MAPS[kind])
    line = "gain map for HDR screens: left out, the picture for others is shown"
    assert line in thumbnailer("explain", photos / "a.jpg").out
    assert explained(photos / "a.jpg")["description"]["gain_map"] is True
    assert explained(photos / "plain.jpg")["description"]["gain_map"] is False
    rows = make(photos, "--keep", "copyright,date,gps,icc").rows
    one, other = (Path(row["thumbnails"][0]["path"]).read_bytes() for row in rows)
    assert one == other
