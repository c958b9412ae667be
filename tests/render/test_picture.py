"""What a thumbnail looks like."""

from __future__ import annotations

import io
import math
from array import array
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageDraw, ImageStat
from support.marks import reads_ycbcr_tiff
from support.pictures import corners, picture, quarters
from support.project import SUNSET
from support.thumbs import swapped_profile, thumb

from thumbnailer import make_thumbnail

# How each stored orientation has to be turned by hand to be the upright quarters (EXIF 2.32).
STORED_FOR = {
    1: ["red", "lime", "blue", "white"],
    2: ["lime", "red", "white", "blue"],
    3: ["white", "blue", "lime", "red"],
    4: ["blue", "white", "red", "lime"],
    5: ["red", "blue", "lime", "white"],
    6: ["lime", "white", "red", "blue"],
    7: ["white", "lime", "blue", "red"],
    8: ["blue", "red", "white", "lime"],
}
COLOURS = {"red": "#f00", "lime": "#0f0", "blue": "#00f", "white": "#fff"}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("ending", "size", "expected"),
    [(ending, (96, 64), (80, 53)) for ending in ("jpg", "png", "webp", "tif", "avif")]
    + [("jpg", (1600, 1200), (80, 60))],  # shrunk on load
)
def test_every_orientation_comes_out_upright(
    tmp_path: Path, orientation: int, ending: str, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    width, height = size
    if orientation >= 5:
        width, height = height, width
    stored = Image.new("RGB", (width, height))
    for at, name in enumerate(STORED_FOR[orientation]):
        x, y = at % 2 * width // 2, at // 2 * height // 2
        stored.paste(COLOURS[name], (x, y, x + width // 2, y + height // 2))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored.save(tmp_path / f"a.{ending}", exif=exif)
    image = thumb(tmp_path / f"a.{ending}", "out.jpg", size=(80, 300))
    assert corners(image) == ["red", "lime", "blue", "white"]
    assert image.size == expected
    assert not image.getexif()


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_makes_no_sense_is_none(tmp_path: Path, value: object) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = value
    source = picture(tmp_path / "a.jpg", exif=exif)
    assert corners(thumb(source)) == ["red", "lime", "blue", "white"]


def test_broken_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert corners(thumb(source)) == ["red", "lime", "blue", "white"]


@pytest.mark.parametrize(
    ("source", "box", "expected"),
    [
        ((400, 300), (256, 256), (256, 192)),
        ((300, 400), (256, 256), (192, 256)),
        ((400, 300), (100, None), (100, 75)),
        ((400, 300), (None, 100), (133, 100)),
        ((10, 10), (256, 256), (10, 10)),
        ((400, 10), (100, 5), (100, 3)),  # 2.5 px: halves go up
        ((3000, 2), (30, 30), (30, 1)),  # never below 1 px
        ((2, 3000), (30, 30), (1, 30)),
        ((333, 333), (1, 1), (1, 1)),
    ],
)
def test_the_shape_is_kept_within_the_box(
    tmp_path: Path,
    source: tuple[int, int],
    box: tuple[int | None, int | None],
    expected: tuple[int, int],
) -> None:
    assert thumb(picture(tmp_path / "a.png", source), size=box).size == expected


def test_a_small_source_keeps_its_pixels(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png", (20, 20))
    assert thumb(source).tobytes() == quarters((20, 20)).tobytes()


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *(("a.jpg", mode) for mode in ("RGB", "CMYK")),
        *(("a.png", mode) for mode in ("RGB", "P", "RGBA")),
        *(("a.tif", mode) for mode in ("RGB", "CMYK", "LAB")),
        pytest.param("a.tif", "YCbCr", marks=reads_ycbcr_tiff),
        *((name, "RGB") for name in ("a.webp", "a.gif", "a.bmp", "a.avif")),
    ],
)
def test_colours_are_right_in_every_format_and_mode(tmp_path: Path, name: str, mode: str) -> None:
    image = quarters((640, 480))
    if mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        converted = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
        assert converted
        image = converted
    elif mode != "RGB":
        image = image.convert(mode)
    image.save(tmp_path / name)
    image = thumb(tmp_path / name, "out.jpg", size=64)
    assert image.size == (64, 48)
    assert image.mode == "RGB"
    assert corners(image) == ["red", "lime", "blue", "white"]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.gif", "a.bmp"])
def test_grey_stays_grey(tmp_path: Path, name: str) -> None:
    source = picture(tmp_path / name, (640, 480), mode="L")
    out = thumb(source, "out.jpg", size=64)
    if name == "a.gif":  # GIF knows palettes only
        red, green, blue = out.convert("RGB").split()
        assert red.tobytes() == green.tobytes() == blue.tobytes()
    else:
        assert out.mode == "L"


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path: Path, name: str) -> None:
    deep = Image.new("I;16", (256, 4))
    for x in range(256):
        deep.paste(x * 257, (x, 0, x + 1, 4))
    deep.save(tmp_path / name)
    out = thumb(tmp_path / name)
    assert out.mode == "L"
    assert [out.getpixel((x, 1)) for x in range(256)] == list(range(256))


def test_float_grey_is_scaled(tmp_path: Path) -> None:
    image = Image.linear_gradient("L").convert("F").point(lambda value: value * (1 / 255) + 0.0)
    image.save(tmp_path / "a.tif")
    out = thumb(tmp_path / "a.tif")
    assert out.mode == "L"
    difference = ImageChops.difference(out, Image.linear_gradient("L")).getextrema()
    assert difference[1] <= 1  # type: ignore[operator]


def test_a_hole_in_float_grey_does_not_blacken_the_rest(tmp_path: Path) -> None:
    values = array("f", [500.0 + x for x in range(100)] * 100)
    values[5] = math.nan
    image = Image.frombytes("F", (100, 100), values.tobytes())
    image.save(tmp_path / "a.tif")
    out = thumb(tmp_path / "a.tif")
    assert [out.getpixel((x, 50)) for x in (0, 99)] == [0, 255]


def test_1_bit_pictures_become_grey_when_shrunk(tmp_path: Path) -> None:
    chess = Image.new("1", (200, 200))
    for x in range(0, 200, 2):
        for y in range(200):
            chess.putpixel((x + y % 2, y), 1)
    chess.save(tmp_path / "a.png")
    out = thumb(tmp_path / "a.png", size=20)
    assert out.mode == "L"
    assert 120 < ImageStat.Stat(out).mean[0] < 135


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.gif", "a.tif", "a.avif"])
def test_transparency_is_white_in_jpeg_and_kept_in_png_and_webp(tmp_path: Path, name: str) -> None:
    image = Image.new("RGBA", (200, 200), (255, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 99, 199), (0, 0, 255, 255))
    image.save(tmp_path / name)
    flat = thumb(tmp_path / name, "out.jpg", size=100)
    assert flat.mode == "RGB"
    assert corners(flat) == ["blue", "white", "blue", "white"]
    for target in ("out.png", "out.webp"):
        kept = thumb(tmp_path / name, target, size=100).convert("RGBA")
        assert kept.getpixel((90, 50))[3] == 0  # type: ignore[index]
        assert kept.getpixel((10, 50))[3] == 255  # type: ignore[index]


def test_transparency_by_colour_key_and_by_grey_level(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), (1, 2, 3)).save(tmp_path / "a.png", transparency=(1, 2, 3))
    assert set(corners(thumb(tmp_path / "a.png", "out.jpg"))) == {"white"}
    Image.new("L", (9, 9), 0).save(tmp_path / "b.png", transparency=0)
    grey = thumb(tmp_path / "b.png", "out.jpg")
    assert (grey.mode, grey.getpixel((4, 4))) == ("L", 255)


def test_no_dark_fringe_around_transparent_edges(tmp_path: Path) -> None:
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))  # transparent black
    ImageDraw.Draw(image).ellipse((50, 50, 350, 350), (255, 255, 255, 255))
    image.save(tmp_path / "a.png")
    flat = thumb(tmp_path / "a.png", "out.jpg", size=50)
    assert flat.convert("L").getextrema()[0] >= 250  # type: ignore[operator]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif", "a.tif"])
def test_the_first_frame_or_page_counts(tmp_path: Path, name: str) -> None:
    first = quarters((64, 64))
    second = Image.new("RGB", (64, 64), "black")
    first.save(tmp_path / name, save_all=True, append_images=[second], duration=100)
    assert corners(thumb(tmp_path / name)) == ["red", "lime", "blue", "white"]


def test_a_progressive_jpeg_is_a_jpeg(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.jpg", (1600, 1200), progressive=True)
    assert corners(thumb(source, size=100)) == ["red", "lime", "blue", "white"]


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, mode) for name in ("a.png", "a.webp", "a.tif", "a.avif") for mode in ("RGB", "RGBA")]
    + [("a.jpg", "RGB")],
)
def test_colours_are_converted_from_the_icc_profile_to_srgb(
    tmp_path: Path, name: str, mode: str
) -> None:
    source = picture(tmp_path / name, (640, 480), mode, icc_profile=swapped_profile())
    for target in ("out.jpg", "out.png", "out.webp"):
        out = thumb(source, target, size=64)
        assert corners(out) == ["lime", "red", "blue", "white"]
        assert "icc_profile" not in out.info


def test_a_grey_profile_keeps_grey_grey(tmp_path: Path, profiles: dict[str, bytes]) -> None:
    for mode in ("L", "LA"):
        source = picture(tmp_path / "a.png", mode=mode, icc_profile=profiles["grey gamma 1.0"])
        out = thumb(source)
        assert out.mode == mode
        plain = thumb(picture(tmp_path / "b.png", mode=mode))
        assert ImageStat.Stat(out).mean[0] > ImageStat.Stat(plain).mean[0] + 20


@pytest.fixture
def profiles() -> dict[str, bytes]:
    """A grey profile of gamma 1, built by hand (ICC.1:2022, sections 7.2 and 10)."""

    def tag(signature: bytes, data: bytes) -> bytes:
        return signature + bytes(4) + data

    white = tag(b"XYZ ", bytes.fromhex("0000f6d6 00010000 0000d32d"))
    curve = tag(b"curv", (0).to_bytes(4, "big"))
    name = tag(b"desc", (2).to_bytes(4, "big") + b"x\0" + bytes(78))
    tags = {b"wtpt": white, b"kTRC": curve, b"desc": name}
    table, body = len(tags).to_bytes(4, "big"), b""
    start = 128 + 4 + 12 * len(tags)
    for signature, data in tags.items():
        padded = data + bytes(-len(data) % 4)
        table += signature + (start + len(body)).to_bytes(4, "big") + len(data).to_bytes(4, "big")
        body += padded
    header = (start + len(body)).to_bytes(4, "big") + bytes(4) + bytes.fromhex("02100000")
    header += b"mntrGRAYXYZ " + bytes(12) + b"acsp" + bytes(28)
    header += bytes.fromhex("0000f6d6 00010000 0000d32d")
    return {"grey gamma 1.0": header.ljust(128, b"\0") + table + body}


@pytest.mark.parametrize("profile", [b"", b"garbage", b"\0" * 500, swapped_profile()[:300]])
def test_a_broken_profile_is_left_aside(tmp_path: Path, profile: bytes) -> None:
    source = picture(tmp_path / "a.jpg", icc_profile=profile)
    assert corners(thumb(source)) == ["red", "lime", "blue", "white"]


def test_a_profile_for_another_kind_of_picture_is_left_aside(tmp_path: Path) -> None:
    grey = picture(tmp_path / "a.png", mode="L", icc_profile=swapped_profile())
    assert thumb(grey).mode == "L"
    cmyk = picture(tmp_path / "a.jpg", mode="CMYK", icc_profile=swapped_profile())
    assert corners(thumb(cmyk)) == ["red", "lime", "blue", "white"]


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_no_metadata_in_the_output(tmp_path: Path, ending: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SecretCamera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    options: dict[str, Any] = {"exif": exif, "comment": "SecretComment", "dpi": (300, 300)}
    options |= {"xmp": b"<SecretXmp/>", "icc_profile": swapped_profile()}
    for name in ("a.jpg", "a.webp", "a.tif", "a.gif", "a.png"):
        source = picture(tmp_path / name, **options)
        out = thumb(source, f"out.{ending}")
        data = (tmp_path / f"out.{ending}").read_bytes()
        assert b"Secret" not in data
        assert b"Exif" not in data
        assert not {"exif", "xmp", "icc_profile", "comment", "dpi"} & set(out.info)


def test_the_format_goes_by_the_ending_or_the_argument(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.jpg")
    for name, format in (("o.JPG", "JPEG"), ("o.png", "PNG"), ("o.webp", "WEBP")):
        assert thumb(source, name).format == format
    assert thumb(source, "o.bin", format="webp").format == "WEBP"


def test_shrink_on_load_looks_like_a_full_decode(tmp_path: Path) -> None:
    """Against the picture decoded whole and resampled in one step, on a scene with fine detail."""
    with Image.open(SUNSET) as image:
        whole = image.convert("RGB").resize((256, 171), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    whole.save(buffer, "png")
    ours = tmp_path / "out.png"
    make_thumbnail(SUNSET, ours, size=256)
    with Image.open(ours) as image:
        error = ImageStat.Stat(ImageChops.difference(image, whole)).rms
    assert max(error) < 2.5
