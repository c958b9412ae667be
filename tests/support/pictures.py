"""Small pictures made on the spot, folders of them, and what there is to see in them."""

from __future__ import annotations

import os
import random
from pathlib import Path
from statistics import NormalDist
from typing import Any

from PIL import Image

# The colours of the corners of `quarters`.
UPRIGHT = ["red", "lime", "blue", "white"]


def picture(
    path: Path, size: tuple[int, int] = (96, 64), mode: str = "RGB", **options: Any
) -> Path:
    """Save a picture whose four quarters are red, green, blue and white, in reading order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    quarters(size).convert(mode).save(path, **options)
    return path


def quarters(size: tuple[int, int]) -> Image.Image:
    width, height = size
    image = Image.new("RGB", size, "white")
    image.paste("red", (0, 0, width // 2, height // 2))
    image.paste("lime", (width // 2, 0, width, height // 2))
    image.paste("blue", (0, height // 2, width // 2, height))
    return image


def noise(size: tuple[int, int], sigma: float, seed: int = 0) -> Image.Image:
    """Grey noise around 128, of a standard deviation: of each seed another, the same each time."""
    normal = NormalDist(127.5, sigma)
    levels = [min(255, max(0, round(normal.inv_cdf((at + 0.5) / 256)))) for at in range(256)]
    values = random.Random(seed).randbytes(size[0] * size[1])
    return Image.frombytes("L", size, values).point(levels)


def tree(root: Path, *names: str) -> Path:
    """A folder with a picture under each of the names; the ending says the format."""
    for name in names:
        picture(root / name)
    return root


def files_below(root: Path) -> set[str]:
    """All files below a folder, as paths relative to it; ledgers are left out.

    By os.walk: pathlib's `rglob` raises if a folder is removed meanwhile, as a watch may do.
    """
    return {
        Path(folder, name).relative_to(root).as_posix()
        for folder, _, names in os.walk(root)
        for name in names
        if name != ".thumbnailer"
    }


def snapshot(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything below a folder, folders and ledgers too: its inode, time and content, by path."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_ino,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in (root, *root.rglob("*"))
    }


def corners(image: Image.Image) -> list[str]:
    """The names of the colours in the four corners, in reading order."""
    names = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255,) * 3}
    names["black"] = (0, 0, 0)
    right, bottom = image.width - 1, image.height - 1
    rgb = image.convert("RGB")

    def name_at(x: int, y: int) -> str:
        pixel = rgb.getpixel((x, y))
        assert isinstance(pixel, tuple)
        return min(
            names,
            key=lambda name: sum(abs(a - b) for a, b in zip(pixel, names[name], strict=True)),
        )

    return [name_at(0, 0), name_at(right, 0), name_at(0, bottom), name_at(right, bottom)]
