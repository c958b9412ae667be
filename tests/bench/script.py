"""What people write themselves: `Image.thumbnail` over a folder by a process pool.

script.py FOLDER OUTPUT JOBS SIZE...
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from functools import partial

from PIL import Image


def make(path: str, output: str, sizes: list[int]) -> None:
    stem = os.path.splitext(os.path.basename(path))[0]
    with Image.open(path) as image:
        for size in sizes:  # from large to small, each of the one before
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
            target = os.path.join(output, str(size), f"{stem}.jpg")
            image.convert("RGB").save(target, quality=80, optimize=True)


if __name__ == "__main__":
    folder, output, jobs, *boxes = sys.argv[1:]
    for box in boxes:
        os.makedirs(os.path.join(output, box))
    paths = [entry.path for entry in os.scandir(folder)]
    with multiprocessing.Pool(int(jobs)) as pool:
        pool.map(partial(make, output=output, sizes=[int(box) for box in boxes]), paths)
