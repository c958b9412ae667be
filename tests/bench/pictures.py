"""Sets of pictures to measure on: seeded, made once, kept in the cache folder.

Detail and grain are such that a JPEG takes a quarter of a byte a pixel, as those of cameras do (the
median of 36 cameras is 0.24): its entropy coding is most of what a small thumbnail costs.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

# The cache is kept by this number: what is drawn otherwise gets another.
_VERSION = 2

# So many are drawn, the others are links to them: they cost a decoder the same.
_DIFFERENT_LARGE, _DIFFERENT_SMALL = 6, 60

# How many small pictures stand for a large one in a set.
SMALL_FOR_LARGE = 100

_CAMERA, _WEB, _SMALL = (4000, 3000), (2000, 1500), (640, 480)


def _save_camera(seed: int, path: Path) -> None:
    photo(seed, _CAMERA).save(path, quality=90)


def _save_progressive(seed: int, path: Path) -> None:
    photo(seed, _CAMERA).save(path, quality=90, progressive=True)


def _save_small(seed: int, path: Path) -> None:
    photo(seed, _SMALL).save(path, quality=85)


def _save_png(seed: int, path: Path) -> None:
    photo(seed, _WEB).save(path)


def _save_webp(seed: int, path: Path) -> None:
    photo(seed, _WEB).save(path, quality=85)


def _save_png_alpha(seed: int, path: Path) -> None:
    _with_alpha(photo(seed, _WEB)).save(path)


def _save_webp_large(seed: int, path: Path) -> None:
    photo(seed, _CAMERA).save(path, quality=85)


def _save_webp_lossless(seed: int, path: Path) -> None:
    photo(seed, _CAMERA).save(path, lossless=True, method=1)


def _save_webp_alpha(seed: int, path: Path) -> None:
    _with_alpha(photo(seed, _CAMERA)).save(path, quality=85)


def _save_gif(seed: int, path: Path) -> None:
    photo(seed, _WEB).quantize().save(path)


def _save_avif(seed: int, path: Path) -> None:
    photo(seed, _WEB).save(path, quality=75, speed=8)


def _save_heic(seed: int, path: Path) -> None:
    import pillow_heif  # only where HEIC is measured

    pillow_heif.from_pillow(photo(seed, _WEB)).save(path, quality=75)


def _with_alpha(image: Image.Image) -> Image.Image:
    """A picture cut out by a soft ellipse, as of a shop."""
    alpha = Image.new("L", image.size)
    ImageDraw.Draw(alpha).ellipse((50, 50, image.width - 50, image.height - 50), 255)
    image.putalpha(alpha.filter(ImageFilter.GaussianBlur(3)))
    return image


def _save_tiff(seed: int, path: Path) -> None:
    photo(seed, _WEB).save(path, compression="tiff_lzw", tiffinfo={317: 2})  # differences


# By the name of the set: the ending, and what saves a picture.
_KINDS: dict[str, tuple[str, Callable[[int, Path], None]]] = {
    "camera": (".jpg", _save_camera),
    "progressive": (".jpg", _save_progressive),
    "small": (".jpg", _save_small),
    "png": (".png", _save_png),
    "webp": (".webp", _save_webp),
    "tiff": (".tif", _save_tiff),
    "png-alpha": (".png", _save_png_alpha),
    "webp-large": (".webp", _save_webp_large),
    "webp-lossless": (".webp", _save_webp_lossless),
    "webp-alpha": (".webp", _save_webp_alpha),
    "gif": (".gif", _save_gif),
    "avif": (".avif", _save_avif),
    "heic": (".heic", _save_heic),
}

_MIXED = ("camera", "progressive", "small", "png", "webp", "tiff")


def picture_set(kind: str, count: int) -> Path:
    """A folder of pictures `00000.jpg` and so on; made if need be.

    Args:
        kind: one of _KINDS, or `mixed`, of _MIXED the same number each.
        count: how many; of `small` a hundred times as many.
    """
    folder = cache() / f"{kind}-{count}"
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory(dir=cache()) as name:
        unfinished = Path(name, kind)
        unfinished.mkdir()
        (_mix if kind == "mixed" else _draw)(kind, count, unfinished)
        unfinished.rename(folder)
    return folder


def given_set(source: Path, count: int, target: Path, larger_than: int) -> Path:
    """The first `count` JPEGs of somebody's folder, copied to an empty one under the names that a
    drawn set has.

    Args:
        larger_than: what a side must have in px; some programs skip what is as small as the box.
    """
    number = 0
    for path in sorted(source.iterdir()):
        if number < count and path.suffix.lower() in (".jpg", ".jpeg"):
            with Image.open(path) as image:
                is_large = max(image.size) > larger_than
            if is_large:
                shutil.copyfile(path, target / f"{number:05}.jpg")
                number += 1
    return target


def cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "thumbnailer-bench" / str(_VERSION)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def photo(seed: int, size: tuple[int, int]) -> Image.Image:
    """Shapes with ever finer detail, here more and there less of it, with the grain of a sensor."""
    chance = random.Random(seed)
    octaves = list(_octaves(chance, size))
    smooth = octaves[2]
    detail = octaves.pop()
    for layer in reversed(octaves):
        detail = Image.blend(detail, layer, 0.25)  # contrast falls slowly with scale, as in nature
    detail = ImageOps.autocontrast(detail, cutoff=2)
    light = Image.composite(detail, smooth, _noise(chance, (6, 5)).resize(size))
    shapes = octaves[3].point([0 if value < 128 else 50 for value in range(256)])
    light = ImageChops.add(light, shapes, 1, -25)
    grain = _noise(chance, size).point([value // 16 for value in range(256)])
    light = ImageChops.add(light, grain, 1, -8)
    colours = Image.merge("RGB", [_noise(chance, (9, 7)) for _ in range(3)])
    return Image.blend(
        colours.resize(size, Image.Resampling.BICUBIC), Image.merge("RGB", [light] * 3), 0.7
    )


def _octaves(chance: random.Random, size: tuple[int, int]) -> Iterator[Image.Image]:
    """Noise from coarse to fine."""
    width, height = 8, 6
    while width < size[0]:
        yield _noise(chance, (width, height)).resize(size, Image.Resampling.BICUBIC)
        width, height = 2 * width, 2 * height


def _noise(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))


def _draw(kind: str, count: int, folder: Path) -> None:
    ending, save = _KINDS[kind]
    wanted = count * SMALL_FOR_LARGE if kind == "small" else count
    different = min(wanted, _DIFFERENT_SMALL if kind == "small" else _DIFFERENT_LARGE)
    for number in range(different):
        save(number, folder / f"{number:05}{ending}")
    for number in range(different, wanted):
        os.link(folder / f"{number % different:05}{ending}", folder / f"{number:05}{ending}")


def _mix(kind: str, count: int, folder: Path) -> None:
    for number in range(count):
        drawn = sorted(picture_set(_MIXED[number % len(_MIXED)], count).iterdir())
        path = drawn[number // len(_MIXED)]
        os.link(path, folder / f"{number:05}{path.suffix}")
