"""Compare our choice of what to crop with that of libvips, and print a table.

python -m tests.bench.crops FOLDER [--sheet PNG]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median

import pyvips
from PIL import Image, ImageOps

from thumbnailer.imaging.cropping import place

_COUNT = 20
_SIDE = 256
_KINDS = ("entropy", "attention")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.crops")
    parser.add_argument("folder", type=Path, help=f"of which the first {_COUNT} are taken")
    parser.add_argument("--sheet", type=Path, help="a PNG: whole, ours, libvips', for each kind")
    arguments = parser.parse_args()
    rows: list[tuple[str, list[float]]] = []
    sheet: list[list[Image.Image]] = []
    costs: list[float] = []
    for name, scaled in _scaled(arguments.folder):
        shares = _SIDE / scaled.width, _SIDE / scaled.height
        places, views = [], [scaled]
        for kind in _KINDS:
            begin = time.perf_counter()
            ours = place(scaled, shares, kind)
            costs.append(time.perf_counter() - begin)
            for at in (ours, _place_of_libvips(scaled, kind)):
                places.append(at)
                left, top = (round((side - _SIDE) * at) for side in scaled.size)
                views.append(scaled.crop((left, top, left + _SIDE, top + _SIDE)))
        rows.append((name, places))
        sheet.append(views)
    print("place of the window (0: left or top, 1: right or bottom) and distance")
    print(f"{'':34}{'entropy':^24}{'attention':^24}")
    print(f"{'picture':34}" + f"{'ours':>7}{'libvips':>8}{'apart':>7}  " * 2)
    for name, (e1, e2, a1, a2) in rows:
        print(
            f"{name[:32]:34}{e1:7.2f}{e2:8.2f}{abs(e1 - e2):7.2f}  "
            f"{a1:7.2f}{a2:8.2f}{abs(a1 - a2):7.2f}"
        )
    for number, kind in enumerate(_KINDS):
        pairs = [(places[2 * number], places[2 * number + 1]) for _, places in rows]
        apart = mean(abs(ours - theirs) for ours, theirs in pairs)
        centred = mean(abs(0.5 - theirs) for _, theirs in pairs)
        print(f"{kind}: {apart:.2f} of the slack apart in the mean; the centre {centred:.2f}")
    print(f"{median(costs) * 1000:.2f} ms in the median")
    if arguments.sheet:
        _save(sheet, arguments.sheet)


def _scaled(folder: Path) -> Iterator[tuple[str, Image.Image]]:
    """The first pictures that are no squares, upright, of the size that covers the box."""
    found = 0
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            image.draft("RGB", (4 * _SIDE, 4 * _SIDE))
            upright = ImageOps.exif_transpose(image).convert("RGB")
        if upright.width != upright.height and found < _COUNT:
            found += 1
            scale = _SIDE / min(upright.size)
            size = round(upright.width * scale), round(upright.height * scale)
            yield path.name, upright.resize(size, Image.Resampling.LANCZOS)


def _place_of_libvips(scaled: Image.Image, kind: str) -> float:
    picture = pyvips.Image.new_from_memory(scaled.tobytes(), *scaled.size, 3, "uchar")
    window = picture.copy(interpretation="srgb").smartcrop(_SIDE, _SIDE, interesting=kind)
    return max(-window.xoffset, -window.yoffset) / (max(scaled.size) - _SIDE)


def _save(rows: list[list[Image.Image]], path: Path) -> None:
    """Two rows of pictures side by side, at half their size."""
    half = _SIDE // 2
    strips = []
    for row in rows:
        strip = Image.new("RGB", (200 + (half + 4) * 4, 200), "grey")
        for number, view in enumerate(row):
            small = view.resize((view.width // 2, view.height // 2))
            strip.paste(small, (200 + (half + 4) * (number - 1) if number else 0, 0))
        strips.append(strip)
    sheet = Image.new("RGB", (strips[0].width * 2, 200 * ((len(strips) + 1) // 2)))
    for number, strip in enumerate(strips):
        sheet.paste(strip, (number % 2 * strip.width, number // 2 * 200))
    sheet.save(path)


if __name__ == "__main__":
    main()
