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


def thumbnail_files(album: Path) -> list[Path]:
    """The thumbnails beside some pictures, and in the output tree `out` beside their folder."""
    out = album.parent / "out"
    found = [path for path in album.rglob("*") if "thumbs" in path.relative_to(album).parts]
    found += out.rglob("*")
    return sorted(one for one in found if one.is_file() and one.name != ".thumbnailer")


def marked(album: Path) -> dict[bytes, bytes]:
    """What the thumbnails were, by the marks that they are now: one of the same length in each."""
    before = {}
    for number, path in enumerate(thumbnail_files(album)):
        content = path.read_bytes()
        mark = b"%d" % number + bytes(len(content) - len(b"%d" % number))
        path.write_bytes(mark)
        before[mark] = content
    return before


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
