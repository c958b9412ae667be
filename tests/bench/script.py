"""What people write themselves: `Image.thumbnail` over a folder by a process pool.

script.py FOLDER SIZE
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from functools import partial

from PIL import Image


def make(path: str, size: int) -> None:
    folder, name = os.path.split(path)
    with Image.open(path) as image:
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        image.save(os.path.join(folder, "thumbs", name), quality=80, optimize=True)


if __name__ == "__main__":
    root, box = sys.argv[1], int(sys.argv[2])
    os.makedirs(os.path.join(root, "thumbs"), exist_ok=True)
    paths = [entry.path for entry in os.scandir(root) if entry.is_file()]
    with multiprocessing.Pool() as pool:
        pool.map(partial(make, size=box), paths)
