"""What a picture claims of the memory that all workers share, before it takes it."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from math import prod
from typing import Any

import pytest
from PIL import Image
from support.camera_jpegs import photo, scene
from support.dng_files import dng
from support.pictures import quarters

from thumbnailer import Settings
from thumbnailer.imaging.failures import StageError
from thumbnailer.render.steps import render_pictures

MIB = 1 << 20
SIZE = (900, 600)
PIXELS = prod(SIZE)


def saved(format: str, mode: str = "RGB", size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    buffer = io.BytesIO()
    quarters(size).convert(mode).save(buffer, format, **options)
    return buffer.getvalue()


def heic() -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heif (pillow-heif)")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(quarters(SIZE)).save(buffer)
    return buffer.getvalue()


def raw(**options: Any) -> bytes:
    pytest.importorskip("rawpy", reason="needs the extra raw (rawpy)")
    return dng(quarters((240, 160)), quarters((240, 160)), **options)


def claims(data: bytes, most_bytes: int = sys.maxsize, **settings: Any) -> list[int]:
    """What a picture claims, in bytes, one claim after another."""
    claimed: list[int] = []
    chosen = Settings(**settings)
    wanted = [(recipe, ()) for recipe in chosen.recipes.values()]
    limits = replace(chosen.limits, memory_bytes=most_bytes)
    render_pictures(io.BytesIO(data), wanted, limits, claimed.append)
    return claimed


@pytest.mark.parametrize(
    ("format", "mode"),
    [
        *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *(("TIFF", mode) for mode in ("CMYK", "F", "LAB")),
        *((format, "RGB") for format in ("WEBP", "AVIF", "GIF", "BMP", "JPEG2000", "PPM")),
    ],
)
def test_the_pixels_are_claimed_and_room_to_resize_them(format: str, mode: str) -> None:
    image = Image.linear_gradient("L").resize(SIZE)
    image = Image.merge("LAB", [image] * 3) if mode == "LAB" else image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, format)
    (claimed,) = claims(buffer.getvalue(), also=["jpeg2000", "ppm"])
    sample = {"I;16": 2, "F": 4, "1": 1}.get(mode, 1)
    assert claimed >= 1.5 * PIXELS * sample * len(image.getbands())


def test_of_a_jpeg_that_shrinks_on_load_only_that_is_claimed() -> None:
    (small,) = claims(saved("JPEG", size=(3200, 1600)), size=200)
    (large,) = claims(saved("JPEG", size=(3200, 1600)), size=1600)
    assert 3 * 400 * 200 <= small <= large / 16


def test_the_coefficients_of_a_progressive_jpeg_are_claimed_at_full_size() -> None:
    """Two bytes a sample, of which there are 1.5 a pixel."""
    (plain,), (progressive,) = (
        claims(saved("JPEG", size=(3200, 1600), progressive=kind), size=200) for kind in (0, 1)
    )
    assert progressive - plain == pytest.approx(3 * 3200 * 1600, rel=0.01)


@pytest.mark.parametrize("kind", [heic, raw])
def test_what_a_decoder_holds_besides_pixels_is_claimed(kind: Any) -> None:
    """The whole file, and libraries of tens of megabytes."""
    data = kind()
    (claimed,) = claims(data)
    assert claimed > 32 * MIB
    (with_more,) = claims(data + bytes(5 * MIB))
    assert with_more - claimed == 5 * MIB
    with pytest.raises(StageError, match="needs about "):
        claims(data, most_bytes=claimed - 1)


def test_the_coefficients_of_a_raw_picture_s_preview_are_claimed() -> None:
    plain, progressive = (raw(progressive=kind) for kind in (False, True))
    held = claims(progressive)[0] - claims(plain)[0] - (len(progressive) - len(plain))
    assert held == pytest.approx(3 * 240 * 160, rel=0.1)


@pytest.mark.parametrize("options", [{"upscale": True}, {"fit": "pad"}])
def test_thumbnails_larger_than_their_picture_are_claimed(options: dict[str, Any]) -> None:
    data = saved("PNG", size=(90, 60))
    first, second = claims(data, size="3000x2000", **options)
    assert first < MIB
    assert second > 2 * 3 * 3000 * 2000
    _, of_two = claims(data, size=["3000x2000", "3000x1999"], **options)
    assert of_two - first > 1.9 * (second - first), "both are held at a time"
    with pytest.raises(StageError, match="needs about "):
        claims(data, most_bytes=second - 1, size="3000x2000", **options)
    assert len(claims(data, size="80x50", **options)) == 1


def test_the_frames_of_an_animation_are_claimed() -> None:
    frames = [Image.new("RGB", (200, 200), (20 * number, 0, 0)) for number in range(12)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    still = claims(buffer.getvalue(), size=200, format="webp")
    first, moving = claims(buffer.getvalue(), size=200, format="webp", animated=True)
    assert still == [first]
    assert moving - first >= 12 * 3 * 200 * 200


def test_a_preview_is_claimed_in_place_of_the_picture() -> None:
    data = photo(scene(1), scene(1, (160, 120)))
    picture = claims(data, size=100)
    trusted = claims(data, size=100, previews="trust")
    assert len(trusted) == 1
    assert 3 * 160 * 120 <= trusted[0] < picture[0]
    verified, *_ = claims(data, size=100, previews="verify")
    assert verified > trusted[0], "the parts that it is compared with"


def test_what_another_decoder_takes_is_claimed_as_well() -> None:
    """Large PNG and WebP pictures go to libvips and libwebp, where they are installed."""
    for format in ("PNG", "WEBP"):
        (claimed, *_) = claims(saved(format, size=(3000, 2000)), size=100)
        assert claimed >= 2 * 3 * 3000 * 2000
