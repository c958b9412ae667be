"""Which part of a picture `cover` keeps."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageCms, ImageDraw, ImageFilter
from support.program import make
from support.thumbs import thumb

CROPS = ["entropy", "attention"]
MODES = ["L", "LA", "RGB", "RGBA", "CMYK", "LAB"]


def square(source: Path, **looks: Any) -> Image.Image:
    """The square thumbnail of a source, loaded."""
    options: dict[str, Any] = {"size": 60, "fit": "cover"} | looks
    return thumb(source, **options)


def scene(size: tuple[int, int], at: tuple[int, int], side: int) -> Image.Image:
    """A dull picture with something to see in a square at a place (px)."""
    chance = random.Random(1)
    image = Image.new("RGB", size, (90, 100, 110))
    busy = Image.frombytes("RGB", (8, 8), chance.randbytes(192))
    image.paste(busy.resize((side, side), Image.Resampling.NEAREST), at)
    return image


def share_of_interest(image: Image.Image) -> float:
    """The share of a thumbnail that is not dull."""
    grey = image.convert("RGB").convert("L")
    dull = grey.histogram()[90:106]  # what (90, 100, 110) comes to in any mode
    return 1 - sum(dull) / (image.width * image.height)


def saved(image: Image.Image, path: Path, mode: str = "RGB", **options: Any) -> Path:
    if mode == "LAB":
        lab, srgb = (ImageCms.createProfile(space) for space in ("LAB", "sRGB"))
        converted = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
        assert converted
        image = converted
    image.convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("mode", MODES)
def test_what_is_worth_seeing_is_seen_in_every_mode(tmp_path: Path, crop: str, mode: str) -> None:
    for size, at in (((600, 200), (20, 50)), ((600, 200), (460, 50)), ((200, 600), (50, 460))):
        source = saved(scene(size, at, 100), tmp_path / "a.tif", mode)
        assert share_of_interest(square(source)) < 0.02
        image = square(source, crop=crop)
        assert image.size == (60, 60)
        assert share_of_interest(image) > 0.18  # of .25, since some of it is as grey


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_are_cropped_alike(tmp_path: Path, crop: str, orientation: int) -> None:
    turns = Image.Transpose
    turn = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_90,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_270,
    }
    image = scene((600, 200), (380, 40), 100)
    expected = square(saved(image, tmp_path / "a.png"), crop=crop)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = image.transpose(turn[orientation]) if orientation in turn else image
    made = square(saved(stored, tmp_path / "b.png", exif=exif), crop=crop)
    assert bounds(made) == pytest.approx(bounds(expected), abs=2)  # 32nds of a window


def bounds(image: Image.Image) -> tuple[int, int, int, int]:
    """Where in a thumbnail there is something to see."""
    box = image.convert("L").point([255 * (abs(v - 98) > 9) for v in range(256)]).getbbox()
    assert box
    return box


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("colour", ["white", "#507090"])
def test_of_nothing_the_middle_is_seen(tmp_path: Path, crop: str, colour: str) -> None:
    source = saved(Image.new("RGB", (400, 100), colour), tmp_path / "a.png")
    with Image.open(source) as image:
        ImageDraw.Draw(image).point((200, 50), "black")
        image.save(source)
    seen = square(source, size=100, crop=crop).convert("L")
    box = seen.point([255] + [0] * 255).getbbox()  # of the black point in the middle
    assert box
    assert box[0] == pytest.approx(50, abs=2)


@pytest.mark.parametrize(
    ("colour", "beside"),
    [((224, 172, 140), (90, 140, 230)), ((220, 30, 30), (120, 120, 120))],
)
def test_attention_goes_to_skin_and_to_strong_colours(
    tmp_path: Path, colour: tuple[int, int, int], beside: tuple[int, int, int]
) -> None:
    image = Image.new("RGB", (600, 200), (60, 70, 80))
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 50, 120, 150), beside)
    draw.ellipse((480, 50, 580, 150), colour)
    image = image.filter(ImageFilter.GaussianBlur(8))  # no edges to speak of
    red, _, blue = square(saved(image, tmp_path / "a.png"), crop="attention").split()
    lead = max(r - b for r, b in zip(red.tobytes(), blue.tobytes(), strict=True))
    assert lead > 50


@pytest.mark.parametrize("crop", CROPS)
def test_what_is_transparent_is_not_worth_seeing(tmp_path: Path, crop: str) -> None:
    image = scene((600, 200), (20, 50), 100).convert("RGBA")
    image.paste(scene((100, 100), (0, 0), 100), (460, 50))
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 300, 200))
    image.putalpha(alpha)
    seen = square(saved(image, tmp_path / "a.png", "RGBA"), crop=crop)
    assert seen.getchannel("A").getextrema() == (255, 255)
    assert share_of_interest(seen) > 0.18


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("colour", ["black", "white"])
def test_a_silhouette_is_worth_seeing(tmp_path: Path, crop: str, colour: str) -> None:
    image = Image.new("RGBA", (600, 200), colour)
    image.putalpha(Image.new("L", image.size))
    image.paste(colour, (460, 40, 520, 160))
    image.paste(colour, (540, 60, 580, 140))
    seen = square(saved(image, tmp_path / "a.png", "RGBA"), crop=crop)
    assert mean(seen.getchannel("A").tobytes()) > 30


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("upright", [False, True])
def test_it_is_found_in_a_panorama(tmp_path: Path, crop: str, upright: bool) -> None:
    size, at = ((60, 6000), (0, 4321)) if upright else ((6000, 60), (4321, 0))
    source = saved(scene(size, at, 60), tmp_path / "a.png")
    assert share_of_interest(square(source, crop=crop)) > 0.6


@pytest.mark.parametrize("crop", CROPS)
def test_the_smallest_pictures_are_cropped_too(tmp_path: Path, crop: str) -> None:
    for size in ((1, 2), (2, 1), (1, 1), (3, 2), (1, 500)):
        source = saved(Image.new("RGB", size), tmp_path / "a.png")
        assert square(source, size=1, crop=crop).size == (1, 1)
        assert square(source, size=5, crop=crop, upscale=True).size == (5, 5)


def test_other_fits_are_not_cropped(tmp_path: Path) -> None:
    source = saved(scene((600, 200), (20, 50), 100), tmp_path / "a.png")
    for fit in ("contain", "pad", "fill"):
        plain = square(source, fit=fit)
        assert plain.tobytes() == square(source, fit=fit, crop="entropy").tobytes()


@pytest.mark.slow
def test_it_is_an_option_of_the_command(photos: Path, tmp_path: Path) -> None:
    saved(scene((600, 200), (20, 50), 100), photos / "a.png")
    options = ["-s", "60", "-f", "png", "--fit", "cover", "-o"]
    for crop, is_seen in (("centre", False), ("entropy", True), ("attention", True)):
        assert make(photos, *options, tmp_path / crop, "--crop", crop).code == 0
        with Image.open(tmp_path / crop / "a.png") as image:
            assert (share_of_interest(image) > 0.18) == is_seen


@pytest.mark.slow
@pytest.mark.parametrize(("crop", "apart"), [("entropy", 0.1), ("attention", 0.18)])
def test_camera_pictures_are_cropped_much_as_by_libvips(
    corpus: Path, crop: str, apart: float
) -> None:
    pytest.importorskip("pyvips")
    from bench.crops import compared

    pairs = [places[crop] for _, _, places in compared(corpus / "camera")]
    assert len(pairs) == 20
    assert mean(abs(ours - theirs) for ours, theirs in pairs) < apart
    assert mean(abs(0.5 - theirs) for _, theirs in pairs) > 2 * apart


# What makes of an upright picture one that is stored in an orientation: EXIF 2.32, 4.6.4.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_a_crop_is_round_a_point_of_the_upright_picture(
    tmp_path: Path, orientation: int, ending: str
) -> None:
    across = Image.linear_gradient("L").rotate(90).resize((600, 200))
    upright = Image.merge("RGB", [across, across.rotate(180), Image.new("L", (600, 200))])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = upright.transpose(STORED[orientation]) if orientation > 1 else upright
    source = tmp_path / f"a.{ending}"
    stored.save(source, exif=exif)
    for point, left in (("0.3,0.6", 80), ("0,0.9", 0), ("0.95,0.5", 400), ("0.5,1", 200)):
        out = square(source, size=200, crop=point)
        assert out.tobytes() == upright.crop((left, 0, left + 200, 200)).tobytes(), point


def test_a_crop_round_a_point_is_cut_at_the_top_or_the_bottom_too(tmp_path: Path) -> None:
    down = Image.linear_gradient("L").resize((100, 400))
    down.save(tmp_path / "a.png")
    for point, top in (("0.9,0.25", 50), ((0.1, 0.75), 250)):
        out = square(tmp_path / "a.png", size=100, crop=point)
        assert out.tobytes() == down.crop((0, top, 100, top + 100)).tobytes()


def test_a_point_is_the_same_however_it_is_written(photos: Path) -> None:
    saved(scene((300, 100), (20, 20), 50), photos / "a.png")
    command = photos, "--fit", "cover", "--size", "60x60"
    assert make(*command, "--crop", "0.3,0.6").summary["made"] == 1
    assert make(*command, "--crop", "0.30, .6").summary["current"] == 1
    assert make(*command, "--crop", "0.4,0.6").summary["made"] == 1
    for wrong in ("0.3", "1.1,0.5", "0.3,0.6,0.1", "nan,0", "-0.1,0", "x,y", "0.3x0.6"):
        run = make(*command, f"--crop={wrong}")
        assert run.code == 2
        assert "or a point such as 0.3,0.6 (shares of width and height)" in run.err
