"""Colours said in numbers (`cICP`, `nclx`) come out as browsers show them; HDR is brought to sRGB.

The values of Chromium are those of Chromium 156; a slow test asks the one that is there.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageCms, ImageDraw
from support.colours import (
    Chunk,
    avif,
    cicp,
    is_near,
    light_levels,
    mastering,
    pixel,
    png,
    pq,
    with_codes,
)
from support.pictures import quarters
from support.program import make
from support.thumbs import difference, swapped_profile, thumb

if TYPE_CHECKING:
    from playwright.sync_api import Browser

needs_heif = pytest.mark.skipif(
    not find_spec("pillow_heif"), reason="needs the extra heif (pillow-heif)"
)

RED_IN_P3 = (234, 51, 35)
COLOURS = [(64,) * 3, (128,) * 3, (200,) * 3, (200, 60, 60), (60, 200, 60), (60, 60, 200)]

# Of the `COLOURS`, what Chromium shows of each pair of codes in an AVIF and in a PNG.
CODES = [
    *((primaries, 13) for primaries in (1, 4, 5, 6, 7, 8, 9, 11, 12, 22)),
    *((1, curve) for curve in (1, 4, 5, 6, 7, 8, 14, 15, 17)),
    *((9, 8), (12, 1), (12, 2), (2, 4), (12, 3), (9, 0), (2, 2), (77, 13), (1, 77)),
]
HDR_CODES = [(primaries, curve) for primaries in (1, 9, 12) for curve in (16, 18)]

# The light of greys in PQ, in cd/m2, and by the brightest light of the picture what is shown.
LIGHTS = [20, 100, 203, 250, 300, 350, 400, 500, 600, 800, 1000]
SHOWN = {
    203: [88, 188, *[255] * 9],
    300: [83, 176, 241, 251, *[255] * 7],
    400: [79, 167, 229, 242, 248, 252, *[255] * 5],
    600: [72, 155, 212, 226, 234, 240, 244, 250, *[255] * 3],
    1000: [63, 136, 187, 202, 211, 218, 223, 232, 239, 248, 255],
    2000: [63, 136, 187, 199, 205, 210, 214, 220, 225, 232, 238],
}


def patches(colours: Sequence[tuple[int, ...]] = COLOURS) -> Image.Image:
    image = Image.new("RGB", (16 * len(colours), 16))
    for number, colour in enumerate(colours):
        image.paste(colour, (16 * number, 0, 16 * number + 16, 16))
    return image


def values_of(image: Image.Image) -> list[tuple[int, ...]]:
    return [pixel(image, x, 8 * (image.height > 8)) for x in range(8, image.width, 16)]


def png_of(path: Path, image: Image.Image, *chunks: Chunk) -> Path:
    kind = {"L": 0, "RGB": 2, "RGBA": 6}[image.mode]
    return png(path, image.size, 8, kind, image.tobytes(), *chunks)


def greys_of(lights: list[int]) -> bytes:
    """A row of greys of 16 bits in PQ."""
    return b"".join(struct.pack(">H", round(65535 * pq(light))) * 3 for light in lights)


def heic_bytes(image: Image.Image, **options: object) -> bytes:
    from pillow_heif import from_pillow

    buffer = io.BytesIO()
    from_pillow(image).save(buffer, quality=-1, chroma=444, **options)
    return buffer.getvalue()


def test_an_avif_says_its_colours_by_nclx(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 64), RED_IN_P3)
    assert is_near(pixel(thumb(avif(tmp_path / "a.avif", image, 12, 13))), (255, 0, 0), 3)
    assert is_near(pixel(thumb(avif(tmp_path / "a.avif", image, 1, 13))), RED_IN_P3, 3)


@needs_heif
@pytest.mark.parametrize("tile", [0, 256])
def test_a_heic_says_its_colours_by_nclx(tmp_path: Path, tile: int) -> None:
    """Also one of tiles, as phones make them."""
    image = Image.new("RGB", (512, 512), RED_IN_P3)
    data = heic_bytes(image, tile_size=tile)
    assert (b"grid" in data) == bool(tile)
    (tmp_path / "a.heic").write_bytes(with_codes(data, 12, 13))
    assert is_near(pixel(thumb(tmp_path / "a.heic")), (255, 0, 0), 3)


def test_an_animation_says_its_colours_as_a_still_does(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 64), RED_IN_P3)
    other = Image.new("RGB", (64, 64), (0, 0, 255))
    source = avif(tmp_path / "a.avif", image, 12, 13, save_all=True, append_images=[other])
    of_item, of_track = b"colrnclx\0\x0c\0\r", b"colrnclx\0\1\0\r"
    data = source.read_bytes()
    assert data.index(of_item) < data.index(of_track)
    assert is_near(pixel(thumb(source)), (255, 0, 0), 3)
    source.write_bytes(data.replace(of_item, b"skip" + of_item[4:]).replace(of_track, of_item))
    assert is_near(pixel(thumb(source)), (255, 0, 0), 3), "by its track"


def test_a_profile_goes_before_nclx(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 64), (255, 0, 0))
    source = avif(tmp_path / "a.avif", image, 12, 13, icc_profile=swapped_profile())
    assert is_near(pixel(thumb(source)), (0, 255, 0), 3)


@pytest.mark.parametrize("curve", [1, 6, 14, 15])
@pytest.mark.few(1)
def test_the_curve_of_video_is_that_of_a_screen_but_in_a_png(tmp_path: Path, curve: int) -> None:
    image = Image.new("RGB", (64, 64), (64, 64, 64))
    assert is_near(pixel(thumb(avif(tmp_path / "a.avif", image, 1, curve))), (64,) * 3)
    assert is_near(pixel(thumb(png_of(tmp_path / "a.png", image, cicp(1, curve)))), (54,) * 3)


def test_codes_that_mean_nothing_are_not_there(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 64), RED_IN_P3)
    for codes in ((77, 13), (12, 77), (12, 3), (2, 2), (0, 0)):
        assert is_near(pixel(thumb(avif(tmp_path / "a.avif", image, *codes))), RED_IN_P3, 3)
    assert is_near(pixel(thumb(avif(tmp_path / "a.avif", image, 12, 2))), (255, 0, 0), 3)


@pytest.mark.parametrize("peak", SHOWN)
def test_the_light_of_hdr_is_compressed_as_chromium_does(tmp_path: Path, peak: int) -> None:
    row = greys_of(LIGHTS)
    stated = png(tmp_path / "a.png", (11, 1), 16, 2, row, cicp(9, 16), light_levels(peak))
    shown = [pixel(thumb(stated), x)[0] for x in range(11)]
    # Values of 8 bits, which is what is decoded, are up to 2 apart.
    assert all(abs(one - other) <= 2 for one, other in zip(shown, SHOWN[peak], strict=True)), shown


def test_hues_stay_in_hdr(tmp_path: Path) -> None:
    """One factor for all channels, by the brightest of them; and the luminance of HLG."""
    seen = {
        (1, 16): [(30,) * 3, (132,) * 3, (255,) * 3, (255, 15, 15), (11, 255, 11), (11, 11, 255)],
        (9, 18): [(43,) * 3, (99,) * 3, (202,) * 3, (230, 0, 39), (0, 208, 0), (0, 39, 178)],
        (1, 18): [(43,) * 3, (99,) * 3, (202,) * 3, (183, 46, 46), (52, 200, 52), (43, 43, 171)],
    }
    for codes, expected in seen.items():
        source = png_of(tmp_path / "a.png", patches(), cicp(*codes), light_levels(1000))
        shown = values_of(thumb(source))
        assert all(is_near(*pair, 1) for pair in zip(shown, expected, strict=True)), (codes, shown)


def test_hdr_without_lights_above_paper_looks_as_its_twin_in_srgb(tmp_path: Path) -> None:
    """There is nothing to make room for, whether the file says so or not."""
    lights = [2, 10, 40, 100, 203]
    out = thumb_of_pq(tmp_path, lights)
    for x, twin in enumerate([25, 63, 123, 188, 255]):
        assert is_near(pixel(out, x), (twin,) * 3)
    for brightest, says, white in (
        ([1000], [], 187),
        ([], [light_levels(1000)], 187),
        ([1000], [mastering(203)], 255),
        ([4000], [mastering(4000)], 187),
    ):
        out = thumb_of_pq(tmp_path, [*lights, *brightest], *says)
        assert is_near(pixel(out, 4), (white,) * 3)


def thumb_of_pq(folder: Path, lights: list[int], *chunks: Chunk) -> Image.Image:
    row = greys_of(lights)
    return thumb(png(folder / "a.png", (len(lights), 1), 16, 2, row, cicp(9, 16), *chunks))


def test_a_few_bright_pixels_at_an_edge_darken_nothing(tmp_path: Path) -> None:
    white = round(255 * pq(203))
    image = Image.new("RGB", (100, 100), (white,) * 3)
    for count, shown in ((9, 255), (11, 187)):
        ImageDraw.Draw(image).line((0, 0, count - 1, 0), (255, 255, 255))
        out = thumb(png_of(tmp_path / "a.png", image, cicp(9, 16)))
        assert is_near(pixel(out, 50, 50), (shown,) * 3)


@pytest.mark.parametrize("curve", [16, 18])
def test_hdr_in_grey_and_with_transparency_is_that_of_colours(tmp_path: Path, curve: int) -> None:
    ramp = Image.linear_gradient("L")
    lit = [cicp(9, curve)]
    grey = thumb(png_of(tmp_path / "a.png", ramp, *lit))
    assert grey.mode == "L"
    colours = thumb(png_of(tmp_path / "b.png", Image.merge("RGB", [ramp] * 3), *lit))
    assert difference(grey.convert("RGB"), colours)[1] <= 1
    alpha = Image.merge("RGBA", [ramp, ramp, ramp, Image.new("L", ramp.size, 255)])
    opaque = thumb(png_of(tmp_path / "c.png", alpha, *lit)).convert("RGB")
    assert difference(opaque, colours)[1] <= 1
    deep = b"".join(struct.pack(">H", value * 257) for value in ramp.tobytes())
    of_16 = thumb(png(tmp_path / "d.png", ramp.size, 16, 0, deep, *lit))
    assert of_16.mode == "L"
    assert difference(of_16, grey)[1] <= 1


def test_hdr_looks_alike_in_all_sizes_and_in_linear_light(tmp_path: Path) -> None:
    ramp = Image.linear_gradient("L").resize((1200, 1200))
    image = Image.merge("RGB", [ramp.rotate(turn) for turn in (0, 90, 180)])
    source = png_of(tmp_path / "a.png", image, cicp(9, 16))
    large = thumb(source, size=600).resize((100, 100), Image.Resampling.LANCZOS)
    for is_linear in (False, True):
        mean, _ = difference(large, thumb(source, size=100, linear=is_linear))
        assert mean < 3


def test_hdr_is_converted_also_where_profiles_are_kept(tmp_path: Path) -> None:
    source = png_of(tmp_path / "a.png", patches(), cicp(9, 16))
    kept, plain = thumb(source, keep=["icc"]), thumb(source)
    assert kept.tobytes() == plain.tobytes()
    opened = ImageCms.ImageCmsProfile(io.BytesIO(kept.info["icc_profile"]))
    assert opened.profile.red_primary
    assert opened.profile.red_primary[1][:2] == pytest.approx((0.6484, 0.3309), abs=0.002)  # D50


@pytest.mark.slow
def test_boxes_that_make_no_sense_are_no_failure_of_their_own(photos: Path) -> None:
    """Whatever is in the boxes of colours: what the decoder shows is made."""
    source = avif(photos / "a.avif", quarters((64, 64)), 9, 16)
    data = source.read_bytes()
    start, end = data.index(b"pitm"), data.index(b"mdat")
    for place in range(start, end):
        for value in (0, 1, 127, 255):
            changed = bytearray(data)
            changed[place] = value
            (photos / f"{place}-{value}.avif").write_bytes(changed)
    source.unlink()
    run = make(photos)
    assert {row["status"] for row in run.rows} <= {"made", "failed"}
    assert not [row for row in run.rows if "could not be done" in str(row)]


@pytest.mark.slow
def test_what_chromium_shows(browser: Browser, tmp_path: Path) -> None:
    from support.chromium import shown

    image, lit = patches(), patches([*COLOURS, (255, 255, 255)])
    sources = [png_of(tmp_path / f"{codes}.png", image, cicp(*codes)) for codes in CODES]
    sources += [avif(tmp_path / f"{codes}.avif", image, *codes) for codes in CODES]
    sources += [png_of(tmp_path / f"{codes}.png", lit, cicp(*codes)) for codes in HDR_CODES]
    sources += [avif(tmp_path / f"{codes}.avif", lit, *codes) for codes in HDR_CODES]
    wrong = {}
    for source, picture in zip(sources, shown(browser, sources), strict=True):
        ours = values_of(thumb(source, size=1000).convert("RGB"))
        theirs = values_of(picture)
        if not all(is_near(*pair, 3) for pair in zip(ours, theirs, strict=True)):
            wrong[source.name] = ours, theirs
    assert not wrong
