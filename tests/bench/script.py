"""What people write themselves: `Image.thumbnail` over a folder by a process pool.

script.py FOLDER OUTPUT JOBS FORMAT SIZE...
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from functools import partial

from PIL import Image


def make(path: str, output: str, format: str, sizes: list[int]) -> None:
    stem, ending = os.path.splitext(os.path.basename(path))[0], format.replace("jpeg", "jpg")
    if path.endswith(".heic"):
        import pillow_heif

        pillow_heif.register_heif_opener()
    with Image.open(path) as image:
        for size in sizes:  # from large to small, each of the one before
            image.thumbnail((size, size), Image.Resampling.LANCZOS)
            target = os.path.join(output, str(size), f"{stem}.{ending}")
            if format == "jpeg" and image.mode == "RGBA":
                white = Image.new("RGB", image.size, "white")
                white.paste(image, mask=image.getchannel("A"))
                white.save(target, quality=80, optimize=True)
            else:
                image.convert("RGB").save(target, quality=80, optimize=True)


if __name__ == "__main__":
    folder, output, jobs, format, *boxes = sys.argv[1:]
    for box in boxes:
        os.makedirs(os.path.join(output, box))
    paths = [entry.path for entry in os.scandir(folder)]
    with multiprocessing.Pool(int(jobs)) as pool:
        work = partial(make, output=output, format=format, sizes=[int(box) for box in boxes])
        pool.map(work, paths)
