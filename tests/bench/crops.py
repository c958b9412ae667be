"""Compare our choice of what to crop with that of libvips, and print a table.

python -m tests.bench.crops FOLDER [--sheet PNG]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, median

import pyvips
from PIL import Image, ImageOps

from thumbnailer.imaging.geometry.crop import crop_position

_COUNT = 20
_SIDE = 256
KINDS = ("entropy", "attention")

# A name, a picture, and ours and theirs for each kind.
Row = tuple[str, Image.Image, dict[str, tuple[float, float]]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.crops")
    parser.add_argument("folder", type=Path, help=f"of which the first {_COUNT} are taken")
    parser.add_argument("--sheet", type=Path, help="a PNG: whole, ours, libvips', for each kind")
    arguments = parser.parse_args()
    rows = list(compared(arguments.folder))
    print("place of the window (0: left or top, 1: right or bottom) and distance")
    print(f"{'':34}" + "".join(f"{kind:^24}" for kind in KINDS))
    print(f"{'picture':34}" + f"{'ours':>7}{'libvips':>8}{'apart':>7}  " * len(KINDS))
    for name, _, places in rows:
        print(f"{name[:32]:34}" + "".join(map(_cells, places.values())))
    for kind in KINDS:
        pairs = [places[kind] for _, _, places in rows]
        apart = mean(abs(ours - theirs) for ours, theirs in pairs)
        centred = mean(abs(0.5 - theirs) for _, theirs in pairs)
        cost = median(_cost(scaled, kind) for _, scaled, _ in rows)
        print(
            f"{kind}: {apart:.2f} of the slack apart in the mean, where the centre is {centred:.2f}"
            f" apart; {cost * 1000:.2f} ms in the median"
        )
    if arguments.sheet:
        _save(rows, arguments.sheet)


def compared(folder: Path) -> Iterator[Row]:
    """The first pictures that are no squares, as large as they are to cover the box, and the places
    of the window: ours and that of libvips."""
    for name, scaled in _scaled(folder):
        both = {
            kind: (crop_position(scaled, _shares(scaled), kind), _theirs(scaled, kind))
            for kind in KINDS
        }
        yield name, scaled, both


def _cells(pair: tuple[float, float]) -> str:
    return f"{pair[0]:7.2f}{pair[1]:8.2f}{abs(pair[0] - pair[1]):7.2f}  "


def _shares(scaled: Image.Image) -> tuple[float, float]:
    return _SIDE / scaled.width, _SIDE / scaled.height


def _cost(scaled: Image.Image, kind: str) -> float:
    begin = time.perf_counter()
    crop_position(scaled, _shares(scaled), kind)
    return time.perf_counter() - begin


def _scaled(folder: Path) -> Iterator[tuple[str, Image.Image]]:
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


def _theirs(scaled: Image.Image, kind: str) -> float:
    picture = pyvips.Image.new_from_memory(scaled.tobytes(), *scaled.size, 3, "uchar")
    window = picture.copy(interpretation="srgb").smartcrop(_SIDE, _SIDE, interesting=kind)
    return float(max(-window.xoffset, -window.yoffset) / (max(scaled.size) - _SIDE))


def _save(rows: Sequence[Row], path: Path) -> None:
    """Two pictures side by side, with what is seen of them, at half their size."""
    half, width = _SIDE // 2, 200
    sheet = Image.new("RGB", (2 * (width + 4 * half), width * ((len(rows) + 1) // 2)), "grey")
    for number, (_, scaled, places) in enumerate(rows):
        x, y = number % 2 * (width + 4 * half), number // 2 * width
        sheet.paste(scaled.resize((scaled.width // 2, scaled.height // 2)), (x, y))
        for column, at in enumerate(at for pair in places.values() for at in pair):
            left, top = (round((side - _SIDE) * at) for side in scaled.size)
            seen = scaled.resize((half - 4, half - 4), box=(left, top, left + _SIDE, top + _SIDE))
            sheet.paste(seen, (x + width + column * half, y))
    sheet.save(path)


if __name__ == "__main__":
    main()
