"""Colours come out as they were meant, in sRGB."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageCms, ImageStat
from support.colours import (
    Chunk,
    as_jpeg,
    chromaticities,
    cicp,
    gamma,
    iccp,
    is_near,
    lab_profile,
    pixel,
    png,
    srgb_profile,
)
from support.pictures import corners, noise, picture, quarters
from support.program import make, thumbnailer
from support.thumbs import difference, swapped_profile, thumb

# sRGB's red, green and blue in other spaces, and as XYZ: computed by hand from their definitions.
RED_IN_P3 = (234, 51, 35)
RED_IN_ADOBE_RGB = (219, 0, 0)
P3 = chromaticities(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
SRGB = chromaticities(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
ADOBE_RGB = chromaticities(0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
SAYS_SRGB = (b"sRGB", b"\0")

BROKEN = "its colour profile is broken and was left aside"
FOREIGN = "its colour profile is for another kind of picture and was left aside"


def test_a_broken_profile_is_told_and_the_thumbnail_is_current(photos: Path) -> None:
    picture(photos / "a.jpg", icc_profile=b"garbage")
    assert [row["note"] for row in make(photos).rows] == [BROKEN]
    again = make(photos)
    assert again.statuses == {"a.jpg": "current"}
    assert [row["note"] for row in again.rows] == [BROKEN]
    picture(photos / "b.jpg", icc_profile=b"garbage")
    run = thumbnailer("make", photos, "-v")
    assert f"made: {photos}/b.jpg: {BROKEN}" in run.err
    assert run.code == 0


@pytest.mark.parametrize(
    ("mode", "profile"),
    [("L", srgb_profile()), ("CMYK", srgb_profile()), ("RGB", lab_profile())],
)
@pytest.mark.few(1)
def test_a_profile_for_another_kind_of_picture_is_told(
    photos: Path, mode: str, profile: bytes
) -> None:
    picture(photos / "a.jpg", mode=mode, icc_profile=profile)
    assert [row["note"] for row in make(photos).rows] == [FOREIGN]


def test_of_a_good_profile_and_of_none_nothing_is_told(photos: Path) -> None:
    picture(photos / "a.jpg", icc_profile=swapped_profile())
    picture(photos / "b.jpg")
    picture(photos / "c.jpg", icc_profile=srgb_profile())
    assert [row["note"] for row in make(photos).rows] == [None] * 3


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_profile_that_means_srgb_changes_nothing(tmp_path: Path, mode: str) -> None:
    """Also not by the 1 or so that makers of profiles differ by."""
    image = Image.merge("RGB", [noise((300, 200), 99, seed) for seed in range(3)]).convert(mode)
    image.save(tmp_path / "a.png")
    nearly = bytearray(srgb_profile())
    red = nearly.index(b"XYZ \0\0\0\0\0\0\x6f") + 8  # X of red: 0.436
    nearly[red : red + 4] = struct.pack(">i", int.from_bytes(nearly[red : red + 4]) + 30)
    for profile in (srgb_profile(), bytes(nearly)):
        image.save(tmp_path / "b.png", icc_profile=profile)
        assert thumb(tmp_path / "a.png").tobytes() == thumb(tmp_path / "b.png").tobytes()


@pytest.mark.parametrize("by", [100, 250])
def test_a_profile_that_differs_a_little_from_srgb_counts(tmp_path: Path, by: int) -> None:
    """Its values are those of LittleCMS: a few of 255 from what they would be without it."""
    profile = bytearray(srgb_profile())
    red = profile.index(b"XYZ \0\0\0\0\0\0\x6f") + 8  # X of red: 0.436
    profile[red : red + 4] = struct.pack(">i", int.from_bytes(profile[red : red + 4]) + by)
    ramps = [Image.linear_gradient("L").rotate(angle) for angle in (0, 90, 180)]
    image = Image.merge("RGB", ramps)
    image.save(tmp_path / "a.png", icc_profile=bytes(profile))
    meant = ImageCms.profileToProfile(
        image, io.BytesIO(bytes(profile)), ImageCms.createProfile("sRGB")
    )
    assert meant
    assert 2 <= difference(meant, image)[1] <= 12
    assert difference(thumb(tmp_path / "a.png"), meant)[1] == 0


@pytest.mark.parametrize(
    ("colour", "chunks", "expected"),
    [
        (RED_IN_P3, [], RED_IN_P3),
        (RED_IN_P3, [P3], (255, 0, 0)),
        (RED_IN_P3, [cicp(12, 13)], (255, 0, 0)),
        ((128, 64, 0), [gamma(1)], (188, 137, 0)),
        ((128, 64, 0), [gamma(1), SRGB], (188, 137, 0)),
        ((128, 64, 0), [gamma(1 / 1.8)], (145, 82, 0)),
        ((128, 64, 0), [gamma(1 / 2.6)], (113, 48, 0)),
        ((128, 64, 32), [ADOBE_RGB], (145, 64, 30)),
        # 1/2.2 is what writes who means sRGB.
        ((15, 128, 0), [gamma(0.45455), SRGB], (15, 128, 0)),
        # What goes before what: cICP, iCCP, sRGB, cHRM and gAMA.
        (RED_IN_P3, [P3, SAYS_SRGB], RED_IN_P3),
        ((255, 0, 0), [iccp(swapped_profile()), P3, gamma(1)], (0, 255, 0)),
        ((255, 0, 0), [cicp(1, 13), iccp(swapped_profile())], (255, 0, 0)),
        # What makes no sense is not there.
        (RED_IN_P3, [chromaticities(*[0] * 8)], RED_IN_P3),
        (RED_IN_P3, [chromaticities(*[0.3] * 8)], RED_IN_P3),
        (RED_IN_P3, [gamma(0)], RED_IN_P3),
        (RED_IN_P3, [gamma(40_000)], RED_IN_P3),
        (RED_IN_P3, [cicp(77, 13)], RED_IN_P3),
        (RED_IN_P3, [(b"cICP", bytes([12, 13, 0, 1, 0]))], RED_IN_P3),
        (RED_IN_P3, [(b"cICP", bytes([12, 13, 0, 0]))], RED_IN_P3),  # not of full range
    ],
)
def test_chunks_of_a_png_say_its_colours(
    tmp_path: Path, colour: tuple[int, ...], chunks: list[Chunk], expected: tuple[int, ...]
) -> None:
    source = png(tmp_path / "a.png", (8, 8), 8, 2, bytes(colour) * 64, *chunks)
    assert is_near(pixel(thumb(source)), expected)


def test_gamma_counts_for_grey_of_8_and_of_16_bits(tmp_path: Path) -> None:
    for depth, value in ((8, b"\x80"), (16, b"\x80\x80")):
        source = png(tmp_path / "a.png", (8, 8), depth, 0, value * 64, gamma(1), P3)
        out = thumb(source)
        assert out.mode == "L"
        assert is_near(pixel(out), (188,))


@pytest.mark.parametrize(
    ("space", "index", "expected"),
    [
        (0xFFFF, "R03", (255, 0, 0)),
        (2, None, (255, 0, 0)),
        (None, "R03", (255, 0, 0)),
        (1, "R03", RED_IN_ADOBE_RGB),
        (0xFFFF, "R98", RED_IN_ADOBE_RGB),
        (0xFFFF, None, RED_IN_ADOBE_RGB),
    ],
)
def test_a_jpeg_may_say_adobe_rgb_by_exif(
    tmp_path: Path, space: int | None, index: str | None, expected: tuple[int, ...]
) -> None:
    exif = Image.Exif()
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    if space:
        inner[ExifTags.Base.ColorSpace] = space
    if index:
        inner[ExifTags.IFD.Interop] = {1: index}
    image = Image.new("RGB", (64, 64), RED_IN_ADOBE_RGB)
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert is_near(pixel(thumb(tmp_path / "a.jpg")), expected, 3)
    image.save(tmp_path / "b.jpg", exif=exif, quality=95, icc_profile=srgb_profile())
    assert is_near(pixel(thumb(tmp_path / "b.jpg")), RED_IN_ADOBE_RGB, 3)


def test_cmyk_as_adobe_writes_it(tmp_path: Path) -> None:
    """Inverted, with the colours as they are or as YCCK."""
    image = quarters((64, 64)).convert("CMYK")
    plain = as_jpeg(image, quality=95)
    assert b"Adobe" in plain
    (tmp_path / "a.jpg").write_bytes(plain)
    assert corners(thumb(tmp_path / "a.jpg")) == ["red", "lime", "blue", "white"]
    *colours, black = image.split()
    luma = Image.merge("RGB", colours).convert("YCbCr").split()
    inverted = [channel.point(range(255, -1, -1)) for channel in luma]
    data = bytearray(as_jpeg(Image.merge("CMYK", [*inverted, black]), quality=95))
    data[data.index(b"Adobe") + 11] = 2  # YCCK: Adobe technical note 5116, 18
    (tmp_path / "b.jpg").write_bytes(data)
    assert corners(thumb(tmp_path / "b.jpg")) == ["red", "lime", "blue", "white"]


@pytest.mark.parametrize(("name", "mode"), [("a.png", "RGBA"), ("a.png", "LA"), ("a.webp", "RGBA")])
def test_alpha_is_the_same_with_and_without_a_profile(tmp_path: Path, name: str, mode: str) -> None:
    image = quarters((400, 400)).convert(mode)
    image.putalpha(Image.radial_gradient("L").resize((400, 400)))
    profile = swapped_profile() if mode == "RGBA" else b"broken"
    image.save(tmp_path / name, icc_profile=profile)
    tagged = thumb(tmp_path / name, size=50)
    image.save(tmp_path / name)
    plain = thumb(tmp_path / name, size=50)
    assert tagged.getchannel("A").tobytes() == plain.getchannel("A").tobytes()
    if mode == "RGBA":
        assert corners(tagged.convert("RGB").crop((5, 5, 45, 45)))[:2] == ["lime", "red"]


def fringed(mode: str) -> Image.Image:
    """Stripes of opaque red, or white, and of fully transparent green, or black, 3 px wide."""
    if mode == "P":
        image = Image.new("P", (600, 600), 1)
        image.putpalette([255, 0, 0, 0, 255, 0])
        shown = 0
    else:
        image = Image.new(mode, (600, 600), (0, 255, 0, 0) if mode == "RGBA" else (0, 0))
        shown = (255, 0, 0, 255) if mode == "RGBA" else (255, 255)  # type: ignore[assignment]
    for x in range(0, 600, 6):
        image.paste(shown, (x, 0, x + 3, 600))
    return image


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("size", [50, 77, 300])
@pytest.mark.parametrize(
    ("mode", "name", "profile"),
    [("RGBA", name, b"") for name in ("a.png", "a.webp", "a.tif")]
    + [("LA", "a.png", b""), ("P", "a.png", b""), ("P", "a.gif", b"")]
    + [("RGBA", "a.png", swapped_profile()), ("P", "a.png", swapped_profile())],
)
@pytest.mark.few(12)
def test_hidden_colours_do_not_shine_through(
    tmp_path: Path, mode: str, name: str, profile: bytes, size: int, linear: bool
) -> None:
    options: dict[str, Any] = {"transparency": 1} if mode == "P" else {"exact": True}
    options |= {"lossless": True} if name == "a.webp" else {}
    options |= {"icc_profile": profile} if profile else {}
    fringed(mode).save(tmp_path / name, **options)
    out = thumb(tmp_path / name, size=size, linear=linear).convert("RGBA")
    shown = (0, 255, 0) if profile else (255, 255, 255) if mode == "LA" else (255, 0, 0)
    *colours, alpha = out.split()
    # 8 bits of a premultiplied colour say little where there is next to no alpha.
    seen = alpha.point(lambda value: 255 if value > 8 else 0)
    for channel, value in zip(colours, shown, strict=True):
        low, high = ImageStat.Stat(channel, seen).extrema[0]
        assert value - 3 <= low <= high <= value + 3
    assert 120 < ImageStat.Stat(alpha).mean[0] < 135


@pytest.mark.parametrize(
    ("background", "expected"),
    [("navy", (0, 0, 128)), ("#ff8800", (255, 136, 0)), ("white", (255, 255, 255))],
)
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.few(1)
def test_transparent_pictures_are_put_on_the_background(
    photos: Path, mode: str, background: str, expected: tuple[int, ...]
) -> None:
    image = Image.new("RGBA", (64, 64), (0, 255, 0, 0))
    image.convert(mode).save(photos / "a.png")
    make(photos, "--background", background, "-q", "95")
    with Image.open(photos / "thumbs" / "a.png.jpg") as out:
        assert is_near(pixel(out.convert("RGB"), 32, 32), expected)
    assert ("L" if expected == (255,) * 3 and mode == "LA" else "RGB") == out.mode


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp", "a.jpg"])
def test_in_linear_light_a_chessboard_is_as_bright_as_it_looks(tmp_path: Path, name: str) -> None:
    row = Image.frombytes("L", (400, 2), (b"\0\xff" * 200) + (b"\xff\0" * 200))
    chess = Image.new("RGB", (400, 400))
    for y in range(0, 400, 2):
        chess.paste(row.convert("RGB"), (0, y))
    chess.save(tmp_path / name, lossless=True, quality=100)
    for linear, grey in ((False, 128), (True, 188)):  # half the light: IEC 61966-2-1
        out = thumb(tmp_path / name, size=50, linear=linear)
        assert is_near(pixel(out, 25, 25), (grey,) * 3)


@pytest.mark.parametrize(("name", "side"), [("a.png", 1200), ("a.webp", 2100), ("a.jpg", 1200)])
def test_in_linear_light_a_large_picture_is_as_bright_as_a_small_one(
    tmp_path: Path, name: str, side: int
) -> None:
    """Though others are decoded at a smaller size, where values are averaged as they are stored."""
    stripes = Image.frombytes("L", (side, 1), b"\0\xff" * (side // 2)).resize((side, side), 0)
    stripes.convert("RGB").save(tmp_path / name, lossless=True, quality=95)
    for linear, grey in ((False, 128), (True, 188)):
        out = thumb(tmp_path / name, size=50, linear=linear)
        assert is_near(pixel(out, 25, 25), (grey,) * 3, 3)


@pytest.mark.slow
def test_linear_light_asks_for_no_more_memory_than_there_is(photos: Path) -> None:
    """A JPEG that could be made is made, from as large a decoding as fits."""
    picture(photos / "a.jpg", (7000, 7000))
    for memory in ("400", "200"):
        run = make(photos, "--linear", "--worker-memory", memory, "--force")
        assert run.statuses == {"a.jpg": "made"}


def test_linear_light_keeps_the_ends_and_steps_of_a_gradient(tmp_path: Path) -> None:
    ramp = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize((1024, 256), 0)
    ramp.save(tmp_path / "a.png")
    out = thumb(tmp_path / "a.png", size=256, linear=True)
    assert out.mode == "L"
    assert [pixel(out, x)[0] for x in range(256)] == list(range(256))


def test_linear_light_is_that_of_srgb_whatever_the_profile(tmp_path: Path) -> None:
    stripes = Image.new("RGB", (400, 400), (0, 0, 0))
    for x in range(0, 400, 2):
        stripes.paste((255, 0, 0), (x, 0, x + 1, 400))
    stripes.save(tmp_path / "a.png", icc_profile=swapped_profile())
    assert is_near(pixel(thumb(tmp_path / "a.png", size=50, linear=True), 25, 25), (0, 188, 0))


@pytest.mark.parametrize("linear", [False, True])
def test_an_opaque_picture_stays_opaque_and_flat(tmp_path: Path, linear: bool) -> None:
    for mode, colour in (("RGBA", (1, 128, 250, 255)), ("RGB", (3, 77, 201)), ("LA", (9, 255))):
        Image.new(mode, (300, 300), colour).save(tmp_path / "a.png")
        out = thumb(tmp_path / "a.png", size=70, linear=linear)
        assert (out.mode, out.getcolors()) == (mode, [(70 * 70, colour)])


@pytest.mark.slow
def test_linear_from_the_command_line_makes_other_thumbnails(photos: Path) -> None:
    noise((500, 500), 200).save(photos / "a.png")
    make(photos)
    assert make(photos, "--linear").summary["made"] == 1
    assert make(photos, "--linear").summary["current"] == 1


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_kept_profile_goes_with_pixels_as_they_were(tmp_path: Path, mode: str) -> None:
    source = picture(tmp_path / "a.png", (640, 480), mode, icc_profile=swapped_profile())
    out = thumb(source, keep=["icc"], size=64)
    assert out.info["icc_profile"] == swapped_profile()
    assert corners(out) == ["red", "lime", "blue", "white"]


def test_what_must_be_converted_gets_the_profile_of_srgb(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", (640, 480), "CMYK")
    out = thumb(tmp_path / "a.jpg", keep=["icc"], size=64)
    profile = ImageCms.ImageCmsProfile(io.BytesIO(out.info["icc_profile"]))
    assert corners(out) == ["red", "lime", "blue", "white"]
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    probe = Image.merge("RGB", [noise((99, 99), 99, seed) for seed in range(3)])
    same = ImageCms.profileToProfile(probe, profile, srgb)
    assert same
    assert all(abs(a - b) <= 1 for a, b in zip(same.tobytes(), probe.tobytes(), strict=True))


def test_a_broken_profile_is_told_also_in_linear_light(photos: Path) -> None:
    picture(photos / "a.jpg", icc_profile=b"garbage")
    assert [row["note"] for row in make(photos, "--linear").rows] == [BROKEN]


def test_no_broken_profile_is_kept(photos: Path) -> None:
    picture(photos / "a.jpg", icc_profile=b"garbage")
    (row,) = make(photos, "--keep", "icc").rows
    assert row["note"] == BROKEN
    with Image.open(row["thumbnails"][0]["path"]) as out:
        assert "icc_profile" not in out.info


def test_a_gain_map_is_not_the_picture(tmp_path: Path) -> None:
    """As in the two-picture JPEGs of phones, with and without Adobe's word for it."""
    base, gains = quarters((64, 64)), Image.new("L", (32, 32), 200)
    for xmp in (b"", b'<x:xmpmeta hdrgm:Version="1.0"/>'):
        options: dict[str, Any] = {"xmp": xmp} if xmp else {}
        base.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[gains], **options)
        out = thumb(tmp_path / "a.jpg")
        assert (out.size, out.mode) == ((64, 64), "RGB")
        assert corners(out) == ["red", "lime", "blue", "white"]
