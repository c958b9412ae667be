"""Pictures that end early: where they do, and what is made of them on request."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat
from support.bombs import adam7, chunk
from support.pictures import noise, picture, tree
from support.program import make, thumbnailer

from thumbnailer import PictureError, iter_thumbnails, make_thumbnail


def cut(path: Path, share: float, **options: Any) -> Path:
    """A picture of 300 x 200 px, light above and dark below, of whose file the end is missing."""
    image = Image.linear_gradient("L").resize((300, 200)).point(lambda value: 255 - value // 2)
    # Noise lets the rows take about the same room.
    image = Image.blend(image, noise((300, 200), 20), 0.2)
    mode = options.pop("mode", "RGB")
    if mode == "I;16":
        image = image.convert("I").point(lambda value: value * 257)
    image.convert(mode).save(path, **options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def reason(photos: Path) -> str:
    (row,) = make(photos, "--retry-failed").rows
    assert row["note"] is None
    return str(row["error"]["reason"])


@pytest.mark.parametrize("share", [0.25, 0.61, 0.95])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {"quality": 95}),
        ("a.png", {}),
        ("a.png", {"mode": "P"}),
        ("a.png", {"mode": "I;16"}),
        ("a.gif", {}),
        ("a.gif", {"interlace": 0}),
        ("a.bmp", {}),
        ("a.tif", {}),
        ("a.tif", {"mode": "F"}),
    ],
)
@pytest.mark.few(3)
def test_a_truncated_picture_tells_how_much_of_it_is_there(
    photos: Path, name: str, options: dict[str, Any], share: float
) -> None:
    cut(photos / name, share, **options)
    words, _, rest = reason(photos).partition(" %")
    assert rest == ": the end of the file is missing"
    kind, _, percent = words.rpartition(" at ")
    assert kind == "truncated"
    assert int(percent) == pytest.approx(share * 100, abs=10)


def test_a_large_jpeg_that_shrinks_on_load_tells_it_as_well(photos: Path) -> None:
    """Both attempts at its pixels have to be of one size to be compared."""
    image = Image.linear_gradient("L").resize((2400, 1600))
    image = Image.blend(image, noise(image.size, 60), 0.3)
    image.save(photos / "a.jpg", quality=90)
    data = (photos / "a.jpg").read_bytes()
    (photos / "a.jpg").write_bytes(data[: int(len(data) * 0.6)])
    assert 50 <= int(reason(photos).split()[2]) <= 70
    (row,) = make(photos, "--truncated", "keep").rows
    assert row["status"] == "made"
    with Image.open(photos / "thumbs" / "a.jpg") as thumbnail:
        column = thumbnail.resize((1, thumbnail.height), Image.Resampling.BOX)
    top, middle, bottom = (column.crop((0, y, 1, y + 1)).tobytes()[0] for y in (5, 90, 165))
    assert top + 40 < middle, "what is there is shown"
    assert abs(bottom - (top + middle) / 2) < 25, "the rest is of the mean colour"


@pytest.mark.parametrize("offset", [-2, 0, 2, 4, 6, 8, 12])
def test_a_png_cut_at_the_border_of_two_chunks_is_truncated(photos: Path, offset: int) -> None:
    """Which Pillow calls broken there, as if its data made no sense."""
    source = cut(photos / "a.png", 1)
    data = source.read_bytes()
    length = int.from_bytes(data[33:37])  # of all pixels, here put into two chunks
    pixels = data[41 : 41 + length]
    halves = pixels[: length // 2], pixels[length // 2 :]
    first, second = (chunk(b"IDAT", half) for half in halves)
    source.write_bytes((data[:33] + first + second)[: 33 + len(first) + offset])
    words, _, rest = reason(photos).partition(" %")
    assert words.startswith("truncated at ")
    assert 40 <= int(words.split()[-1]) <= 60
    assert rest == ": the end of the file is missing"


def test_of_a_turned_tiff_no_share_is_told(photos: Path) -> None:
    """Its rows are columns by the time they could be counted."""
    source = cut(photos / "a.tif", 0.6, tiffinfo={274: 6})
    assert reason(photos) == "truncated: the end of the file is missing"
    with Image.open(source) as image:
        assert image.getexif()[274] == 6


@pytest.mark.slow
def test_rows_are_counted_one_by_one(photos: Path) -> None:
    source = picture(photos / "a.tif", (100, 100))
    whole = source.read_bytes()
    for rows in (1, 47, 99):
        source.write_bytes(whole[: len(whole) - (100 - rows) * 300])
        assert reason(photos) == f"truncated at {rows} %: the end of the file is missing"


def test_a_file_that_is_whole_but_makes_no_sense_is_damaged(photos: Path) -> None:
    source = cut(photos / "a.png", 1)
    data = bytearray(source.read_bytes())
    data[len(data) // 2] ^= 0xFF
    source.write_bytes(data)
    assert reason(photos).startswith("damaged at ")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.webp", {}),
        ("a.avif", {}),
        ("a.jpg", {"progressive": True}),
        ("a.tif", {"compression": "tiff_lzw"}),
    ],
)
@pytest.mark.few(2)
def test_what_does_not_come_row_by_row_has_no_number(
    photos: Path, name: str, options: dict[str, Any]
) -> None:
    cut(photos / name, 0.7, **options)
    assert reason(photos).startswith("truncated: ")


def test_a_truncated_picture_can_be_kept(photos: Path) -> None:
    cut(photos / "a.png", 0.6)
    picture(photos / "b.png")
    run = make(photos, "--truncated", "keep")
    assert run.code == 0
    assert run.statuses == {"a.png": "made", "b.png": "made"}
    notes = {Path(row["source"]).name: row["note"] for row in run.rows}
    assert notes["b.png"] is None
    assert notes["a.png"].startswith("truncated at ")
    assert notes["a.png"].endswith(" %, the rest is blank")


def test_a_person_is_told(photos: Path) -> None:
    cut(photos / "a.png", 0.6)
    run = thumbnailer("make", photos, "--truncated", "keep")
    assert run.err.startswith(f"made: {photos}/a.png: truncated at ")
    assert run.err.endswith(" %, the rest is blank\n")
    assert thumbnailer("make", photos, "--truncated", "keep").err == ""
    assert thumbnailer("make", photos, "--truncated", "keep", "--force", "--quiet").err == ""


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {"quality": 95}),
        ("a.png", {}),
        ("a.png", {"mode": "RGBA"}),
        ("a.png", {"mode": "P"}),
        ("a.png", {"mode": "I;16"}),
        ("a.gif", {}),
        ("a.bmp", {}),
        ("a.tif", {}),
    ],
)
@pytest.mark.few(1)
def test_the_missing_rest_is_of_the_mean_colour(
    photos: Path, name: str, options: dict[str, Any]
) -> None:
    cut(photos / name, 0.5, **options)
    make(photos, "--truncated", "keep", "-f", "png", "-s", "300")
    (made,) = (photos / "thumbs").glob("*.png")
    with Image.open(made) as image:
        grey = image.convert("L")
    assert grey.size == (300, 200)
    rows = [0, 180] if name != "a.bmp" else [199, 20]  # BMP begins with its last row
    there, missing = (ImageStat.Stat(grey.crop((0, row, 300, row + 1))) for row in rows)
    assert there.stddev[0] > 1
    if name == "a.gif":  # whose rows come from all over the picture
        assert missing.mean[0] < there.mean[0] - 30
    else:
        known = grey.crop((0, 0, 300, 90) if name != "a.bmp" else (0, 110, 300, 200))
        assert missing.stddev[0] == 0
        assert missing.mean[0] == pytest.approx(ImageStat.Stat(known).mean[0], abs=6)


def test_a_truncated_progressive_jpeg_is_only_less_sharp(photos: Path) -> None:
    cut(photos / "a.jpg", 0.5, progressive=True)
    (row,) = make(photos, "--truncated", "keep").rows
    assert row["note"] == "truncated, so it is less sharp than it was"
    with Image.open(photos / "thumbs" / "a.jpg") as image:
        top, bottom = image.getpixel((128, 5)), image.getpixel((128, 165))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > bottom[0] + 40


def test_rows_that_are_grey_are_not_taken_for_missing_ones(photos: Path) -> None:
    image = Image.new("RGB", (300, 200), "white")
    image.paste((128, 128, 128), (0, 100, 300, 200))
    image.paste("black", (0, 0, 150, 50))
    image.save(photos / "a.jpg", progressive=True)
    content = (photos / "a.jpg").read_bytes()
    (photos / "a.jpg").write_bytes(content[: content.rindex(b"\xff\xda") + 12])
    (row,) = make(photos, "--truncated", "keep").rows
    assert row["note"] == "truncated, so it is less sharp than it was"
    with Image.open(photos / "thumbs" / "a.jpg") as image:
        assert image.getpixel((128, 165)) == pytest.approx((128, 128, 128), abs=2)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
@pytest.mark.few(1)
def test_so_is_an_interlaced_png(photos: Path, share: float) -> None:
    source = cut(photos / "a.png", 1)
    with Image.open(source) as image:
        data = adam7(image)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        whole = image.copy()
    source.write_bytes(data[: int(len(data) * share)])
    assert reason(photos) == "truncated: the end of the file is missing"
    (row,) = make(photos, "--truncated", "keep", "-f", "png", "-s", "300").rows
    assert row["note"] == "truncated, so it is less sharp than it was"
    with Image.open(photos / "thumbs" / "a.png") as image:
        assert ImageStat.Stat(ImageChops.difference(image, whole)).mean[0] < 12


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.avif"])
@pytest.mark.few(1)
def test_nothing_comes_of_nothing(photos: Path, name: str) -> None:
    cut(photos / name, 0.03)
    run = make(photos, "--truncated", "keep")
    assert run.statuses == {name: "failed"}
    assert run.rows[0]["error"]["reason"].startswith("truncated")


@pytest.mark.parametrize(
    ("name", "after", "options"),
    [
        ("a.jpg", b"\xff\xda", {}),
        ("a.png", b"IDAT", {}),
        ("b.png", b"IDAT", {"mode": "P"}),
        ("a.bmp", b"", {}),
        ("a.tif", b"", {}),
        ("a.gif", b"\x2c\0\0\0\0", {}),
    ],
)
def test_a_header_with_a_few_bytes_of_pixels_is_nothing_too(
    photos: Path, name: str, after: bytes, options: dict[str, Any]
) -> None:
    """A thumbnail of it would be blank: not one row is there."""
    source = cut(photos / name, 1, **options)
    data = source.read_bytes()
    end = data.index(after) + len(after) if after else len(data) - 300 * 200 * 3
    source.write_bytes(data[: end + 24])
    run = make(photos, "--truncated", "keep")
    assert run.statuses == {name: "failed"}
    assert run.rows[0]["error"]["reason"].startswith("truncated at 0 %")
    assert not (photos / "thumbs" / name).with_suffix(".jpg").exists()


@pytest.mark.slow
def test_keep_tries_again_what_failed_and_nothing_else(photos: Path) -> None:
    cut(photos / "a.png", 0.6)
    tree(photos, "b.jpg", "c.png")
    make(photos)
    kept = make(photos, "--truncated", "keep")
    assert kept.statuses == {"a.png": "made", "b.jpg": "current", "c.png": "current"}
    again = make(photos, "--truncated", "keep")
    assert again.summary["current"] == 3
    notes = [row["note"] for run in (kept, again) for row in run.rows if row["note"]]
    assert len(notes) == 2
    assert notes[0] == notes[1]


@pytest.mark.slow
def test_what_was_kept_is_not_current_for_who_wants_it_whole(photos: Path) -> None:
    cut(photos / "a.png", 0.6)
    make(photos, "--truncated", "keep")
    strict = make(photos)
    assert strict.statuses == {"a.png": "failed"}
    assert strict.rows[0]["seconds"] > 0
    assert (photos / "thumbs" / "a.png.jpg").exists()
    assert make(photos, "--truncated", "keep").statuses == {"a.png": "made"}


def test_the_library_can_keep_it_too(photos: Path, tmp_path: Path) -> None:
    source = cut(photos / "a.png", 0.6)
    (outcome,) = iter_thumbnails(photos, truncated="keep")
    assert outcome.status == "made"
    assert outcome.note.startswith("truncated at ")
    with pytest.raises(PictureError, match="decode: truncated at "):
        make_thumbnail(source, tmp_path / "out.jpg")
    assert make_thumbnail(source, tmp_path / "out.jpg", truncated="keep").width == 256


@pytest.mark.parametrize("height", [190_000, 40_000_000])
@pytest.mark.slow
def test_a_tall_picture_is_judged_quickly(photos: Path, height: int) -> None:
    picture(photos / "a.bmp", (1, 100))
    data = bytearray((photos / "a.bmp").read_bytes())
    data[22:26] = height.to_bytes(4, "little")
    (photos / "a.bmp").write_bytes(data)
    run = make(photos, "--timeout", "15")
    assert run.rows[0]["error"]["reason"].startswith("truncated")
