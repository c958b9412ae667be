"""One call of the library beside the same by hand, in turns, in this process:

    library_call.py PICTURE SIZE ROUNDS

Printed are the medians of their CPU milliseconds, with content in memory, and with files.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import BinaryIO

from PIL import Image

from thumbnailer import make_thumbnail


def by_hand(source: Path | BinaryIO, thumbnail: Path | BinaryIO, size: int) -> None:
    """What the library does in its place, in Pillow's words."""
    with Image.open(source) as image:
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        image.save(thumbnail, "JPEG", quality=80, optimize=True)


def main(picture: Path, size: int, rounds: int, folder: Path) -> list[float]:
    """Return the milliseconds of a call and of its like, in memory, and then with files."""
    content, target = picture.read_bytes(), folder / "thumbnail.jpg"
    calls: list[Callable[[], object]] = [
        lambda: make_thumbnail(content, size=size),
        lambda: by_hand(io.BytesIO(content), io.BytesIO(), size),
        lambda: make_thumbnail(picture, target, size=size),
        lambda: by_hand(picture, target, size),
    ]
    taken: list[list[float]] = [[] for _ in calls]
    for number in range(rounds + 1):
        for index in sorted(range(4), key=lambda index: (index + number) % 4):  # who begins changes
            started = time.process_time()
            calls[index]()
            if number:  # before, modules are imported
                taken[index].append(time.process_time() - started)
    return [1000 * median(each) for each in taken]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(*main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(name)))
