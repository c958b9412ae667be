"""Raw pictures of cameras, by the extra `raw`."""

from __future__ import annotations

import random
import struct
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import ExifTags, Image
from support.dng_files import SHORT, Tags, dng
from support.pictures import UPRIGHT, corners, picture, quarters
from support.program import enough, make, thumbnailer
from support.thumbs import difference, thumb

from thumbnailer import PictureError

needs_raw = pytest.mark.skipif(not find_spec("rawpy"), reason="needs the extra raw (rawpy)")


@needs_raw
@pytest.mark.parametrize("name", ["a.dng", "a.NEF", "a.arw"])
@pytest.mark.few(1)
def test_raw_is_taken_where_the_extra_is_installed(photos: Path, name: str) -> None:
    (photos / name).write_bytes(dng(quarters((240, 160)), quarters((120, 80))))
    sandbox = "require" if sys.platform == "linux" and find_spec("landlockpy") else "auto"
    assert make(photos, "--sandbox", sandbox).statuses == {name: "made"}


@needs_raw
@pytest.mark.parametrize("size", [60, 110, 200])  # half of the pixels, all, and all
@pytest.mark.parametrize("orientation", range(1, 9))
def test_raw_comes_out_upright_from_the_sensor(tmp_path: Path, orientation: int, size: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    expected = thumb(picture(tmp_path / "plain.png", (240, 160), exif=exif), size=size)
    (tmp_path / "a.dng").write_bytes(dng(quarters((240, 160)), orientation=orientation))
    out = thumb(tmp_path / "a.dng", size=size)
    assert (out.size, corners(out)) == (expected.size, corners(expected))


BLACK = Image.new("RGB", (240, 160))


@needs_raw
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("has_own", [False, True])
def test_the_preview_is_used_where_it_is_large_enough(
    tmp_path: Path, orientation: int, has_own: bool
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    plain = picture(tmp_path / "plain.png", (240, 160), exif=exif)
    data = dng(BLACK, quarters((120, 80)), orientation=orientation, exif=exif if has_own else None)
    (tmp_path / "a.dng").write_bytes(data)
    expected = thumb(plain, size=120)
    out = thumb(tmp_path / "a.dng", size=120)
    assert (out.size, corners(out)) == (expected.size, corners(expected))
    assert set(corners(thumb(tmp_path / "a.dng", size=130))) == {"black"}, "it is too small"


@needs_raw
def test_a_preview_that_is_upright_already_is_not_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 1
    data = dng(BLACK, quarters((80, 120)), orientation=6, exif=exif)
    (tmp_path / "a.dng").write_bytes(data)
    out = thumb(tmp_path / "a.dng", size=90)
    assert (out.size, corners(out)) == ((60, 90), UPRIGHT)


@needs_raw
@pytest.mark.parametrize("kind", ["shape", "broken"])
def test_a_preview_that_will_not_do_is_left_aside(tmp_path: Path, kind: str) -> None:
    data = bytearray(
        dng(quarters((240, 160)), Image.new("RGB", (120, 80 if kind != "shape" else 120)))
    )
    if kind == "broken":  # it can be opened, but not decoded
        data[data.index(b"\xff\xdb", data.index(b"\xff\xd8\xff")) + 4] = 3  # a table's number
    (tmp_path / "a.dng").write_bytes(data)
    assert corners(thumb(tmp_path / "a.dng", size=64)) == UPRIGHT


@needs_raw
@pytest.mark.slow
def test_a_raw_picture_is_never_larger_than_its_limits_allow(photos: Path) -> None:
    data = dng(quarters((240, 160)))
    (photos / "a.dng").write_bytes(data)
    row = make(photos, "--max-pixels", "30000").rows[0]
    assert row["error"]["reason"].startswith("has 240 x 160 px, 0.0384 megapixels: more than")
    row = make(photos, "--worker-memory", "64").rows[0]
    assert row["error"]["stage"] == "limits"
    assert "more than the limit of 64 (worker_memory)" in row["error"]["reason"]


@needs_raw
def test_a_broken_raw_picture_says_so(photos: Path) -> None:
    data = dng(quarters((240, 160)))
    chance = random.Random(5)
    for number in range(20):
        cut = chance.randrange(20, len(data))
        (photos / f"{number}.dng").write_bytes(data[:cut])
        broken = bytearray(data)
        for _ in range(8):
            broken[-chance.randrange(1, 400)] = chance.randrange(256)
        (photos / f"flipped{number}.dng").write_bytes(broken)
    run = make(photos, "--timeout", "20")
    assert run.summary["found"] == 40
    for row in run.rows:
        if row["status"] == "failed":
            assert row["error"]["stage"] in ("open", "limits", "decode"), row
            assert "LibRaw" not in row["error"]["reason"]
            assert "crashed" not in row["error"]["reason"]


@needs_raw
@pytest.mark.slow
def test_what_is_estimated_suffices_for_raw(photos: Path) -> None:
    image = Image.linear_gradient("L").resize((1200, 800)).convert("RGB")
    (photos / "a.dng").write_bytes(dng(image))
    enough(photos)


@needs_raw
def test_an_ordinary_tiff_is_no_raw_picture(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.tif", (96, 64), tiffinfo={271: "Maker", 254: 1})
    assert corners(thumb(source)) == UPRIGHT


# The entry of a directory for the compression of sensor data, and JPEG XL's code: DNG 1.7.
NOT_COMPRESSED, JPEG_XL = (struct.pack("<HHII", 259, 3, 1, code) for code in (1, 52546))


def with_data_at_the_end(data: bytes) -> bytes:
    """Move the sensor data of a DNG, which the tests' own begin with, to its end, as cameras do."""
    length = struct.pack("<HHI", 279, 4, 1)
    lengths = [int.from_bytes(part[:4], "little") for part in data.split(length)[1:]]
    moved = data + data[8 : 8 + max(lengths)]
    entry = struct.pack("<HHI", 273, 4, 1)
    return moved.replace(entry + struct.pack("<I", 8), entry + struct.pack("<I", len(data)))


@needs_raw
def test_the_colours_of_a_preview_are_those_that_it_states(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ColorSpace] = 2  # Adobe RGB
    image = Image.new("RGB", (120, 80), (219, 40, 40))
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    (tmp_path / "a.dng").write_bytes(dng(BLACK, image, exif=exif))
    shown = thumb(tmp_path / "a.dng", size=100)
    assert difference(shown, thumb(tmp_path / "a.jpg", size=100))[1] <= 1
    assert shown.getpixel((5, 5)) != image.getpixel((5, 5))


@needs_raw
def test_the_largest_preview_of_the_right_shape_is_used(tmp_path: Path) -> None:
    square = Image.new("RGB", (160, 160))
    (tmp_path / "a.dng").write_bytes(dng(BLACK, square, others=[quarters((120, 80))]))
    assert corners(thumb(tmp_path / "a.dng", size=120)) == UPRIGHT


@needs_raw
def test_sensor_data_that_can_not_be_decoded_leave_the_preview(photos: Path) -> None:
    data = dng(quarters((240, 160)), quarters((120, 80))).replace(NOT_COMPRESSED, JPEG_XL)
    (photos / "a.dng").write_bytes(data)
    (row,) = make(photos, "--size", "100").rows
    assert (row["status"], row["note"]) == ("made", None)
    (row,) = make(photos, "--size", "200").rows
    assert (
        row["note"]
        == "is in a coding that is not read here: shows the camera's preview, 120 x 80 px"
    )
    assert row["thumbnails"][0]["width"] == 200
    with Image.open(row["thumbnails"][0]["path"]) as image:
        assert corners(image) == UPRIGHT
    assert make(photos, "--size", "200").statuses == {"a.dng": "current"}
    assert thumbnailer("verify", photos, "--size", "200").code == 0


@needs_raw
def test_without_a_preview_it_is_refused_for_what_it_is(tmp_path: Path) -> None:
    data = dng(quarters((240, 160))).replace(NOT_COMPRESSED, JPEG_XL)
    (tmp_path / "a.dng").write_bytes(data)
    with pytest.raises(PictureError, match="decode: is a camera's raw picture in a coding that"):
        thumb(tmp_path / "a.dng")


@needs_raw
@pytest.mark.parametrize(
    "tags",
    [
        pytest.param({259: (SHORT, [8])}, id="Deflate"),
        pytest.param(
            {262: (SHORT, [34892]), 277: (SHORT, [3]), 284: (SHORT, [2])}, id="one plane by one"
        ),
    ],
)
def test_what_libraw_mistakes_is_refused_or_leaves_the_preview(photos: Path, tags: Tags) -> None:
    (photos / "a.dng").write_bytes(dng(quarters((240, 160)), tags=tags))
    (photos / "b.dng").write_bytes(dng(quarters((240, 160)), quarters((120, 80)), tags=tags))
    rows = make(photos, "--size", "200").rows
    refused, made = sorted(rows, key=lambda row: str(row["status"]))
    reason = "is a camera's raw picture in a coding that is not read here"
    assert (refused["status"], refused["error"]["reason"]) == ("failed", reason)
    assert made["note"].startswith("is in a coding that is not read here: shows the camera's")


@needs_raw
@pytest.mark.extra
def test_sensor_data_that_are_a_jpeg_are_no_preview(tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(dng(quarters((240, 160)), lossless_jpeg=True))
    assert corners(thumb(tmp_path / "a.dng", size=100)) == UPRIGHT


@needs_raw
@pytest.mark.parametrize("share", [0.6, 0.95, 0.9999])
def test_a_raw_picture_that_is_cut_short_says_so(tmp_path: Path, share: float) -> None:
    """LibRaw shows black, or noise, for what is missing."""
    whole = with_data_at_the_end(dng(quarters((240, 160)), quarters((120, 80))))
    (tmp_path / "a.dng").write_bytes(whole)
    assert corners(thumb(tmp_path / "a.dng", size=200)) == UPRIGHT
    (tmp_path / "a.dng").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(PictureError, match="decode: truncated: the end of the file is missing"):
        thumb(tmp_path / "a.dng", size=200)


@needs_raw
def test_the_preview_of_one_that_is_cut_short_is_used_with_a_note(photos: Path) -> None:
    whole = with_data_at_the_end(dng(quarters((240, 160)), quarters((120, 80))))
    (photos / "a.dng").write_bytes(whole[:-1000])
    (row,) = make(photos, "--size", "100").rows
    assert row["note"] == "its end is missing: shows the camera's preview"


@needs_raw
def test_metadata_of_a_raw_picture_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(dng(BLACK, quarters((120, 80))))
    exif = thumb(tmp_path / "a.dng", size=100, keep=["date", "copyright"]).getexif()
    assert exif[ExifTags.Base.DateTime] == "2024:05:01 10:00:00"
    assert exif[ExifTags.Base.Copyright] == "Nobody"


@needs_raw
def test_explain_tells_what_a_raw_picture_is_made_from(photos: Path) -> None:
    (photos / "a.dng").write_bytes(dng(BLACK, quarters((120, 80))))
    out = thumbnailer("explain", photos / "a.dng", "--size", "100").out
    assert "made from the embedded preview: 120 x 80 px" in out
    out = thumbnailer("explain", photos / "a.dng", "--size", "200").out
    assert "embedded preview: 120 x 80 px, not used" in out


@needs_raw
@pytest.mark.parametrize("start", [b"II*\0\x08\0\0\0IIII", b"MM\0*\0\0\0\x08MMMM"])
def test_raw_pictures_of_medium_formats_are_called_so(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "a.iiq").write_bytes(start + bytes(500))
    with pytest.raises(
        PictureError, match=r"begins like a camera's raw picture|raw picture of a kind"
    ):
        thumb(tmp_path / "a.iiq")
