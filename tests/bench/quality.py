"""How like a perfect reduction thumbnails are, ours and those of libvips (PyPI: pyvips[binary]).

    python -m tests.bench.quality FOLDER

The judge decodes all pixels and takes one Lanczos step; figures are the mean and the lowest SSIM
over the pictures in FOLDER. Nothing is encoded lossily.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import pyvips
from PIL import Image, ImageOps
from support.similarity import reference, ssim

from thumbnailer import make_thumbnail

SIZES = (75, 256, 1024)


def ours(path: Path, size: int, folder: Path, *, linear: bool) -> Image.Image:
    made = make_thumbnail(path, folder / "ours.png", size=size, linear=linear)
    with Image.open(made.path) as image:
        return image.convert("RGB")


def of_libvips(path: Path, size: int, folder: Path, *, linear: bool) -> Image.Image:
    made = folder / "vips.png"
    image = pyvips.Image.thumbnail(str(path), size, height=size, size="down", linear=linear)
    image.pngsave(str(made), strip=True)
    with Image.open(made) as image:
        return image.convert("RGB")


def main(folder: Path) -> None:
    scores: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        for path in sorted(folder.iterdir()):
            with Image.open(path) as image:
                whole = ImageOps.exif_transpose(image).convert("RGB")
            for size in SIZES:
                for linear in (False, True):
                    light = " (linear)" if linear else ""
                    for maker in (ours, of_libvips):
                        made = maker(path, size, Path(name), linear=linear)
                        score = ssim(made, reference(whole, made.size, linear=linear))
                        scores.setdefault((maker.__name__ + light, size), []).append(score)
    for (maker_name, size), each in sorted(scores.items()):
        mean, least = statistics.mean(each), min(each)
        print(f"{maker_name:20} {size:5} px  mean {mean:.4f}  lowest {least:.4f}  of {len(each)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.quality")
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder)
