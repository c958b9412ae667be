"""Thumbnails made by the library and loaded, and how they differ."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import Image, ImageChops, ImageCms, ImageStat

from thumbnailer import make_thumbnail


def thumb(source: Path, name: str = "out.png", **options: object) -> Image.Image:
    """The thumbnail of a source, loaded."""
    target = source.parent / name
    made = make_thumbnail(source, target, **options)  # type: ignore[arg-type]
    with Image.open(target) as image:
        image.load()
    assert image.size == (made.width, made.height)
    return image


def difference(one: Image.Image, other: Image.Image) -> tuple[float, int]:
    """By how much values differ, at the mean and at most, over black and over white."""
    assert (one.mode, one.size) == (other.mode, other.size)
    means, extremes = [], []
    for colour in ("black", "white"):
        canvases = [Image.new("RGBA", one.size, colour) for _ in range(2)]
        for canvas, image in zip(canvases, (one, other), strict=True):
            canvas.alpha_composite(image.convert("RGBA"))
        difference = ImageChops.difference(*canvases).convert("RGB")
        means.append(max(ImageStat.Stat(difference).mean))
        extremes += [high for _, high in difference.getextrema()]  # type: ignore[misc]
    return max(means), max(extremes)


@cache  # LittleCMS writes the present second into each
def swapped_profile() -> bytes:
    """An ICC profile in which red is called green and green red."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)
