"""The same pictures by the same steps over a plain `multiprocessing.Pool`, without any protection:
no time-out, no memory limit, no sandbox, no safe writes, no ledger, and a dead worker hangs it.

    plain_pool.py FOLDER OUTPUT JOBS FORMAT SIZE...
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from functools import partial

from thumbnailer.recipe import Box, Limits, Recipe
from thumbnailer.render.steps import render_pictures


def make(path: str, output: str, format: str, sizes: list[int]) -> None:
    wanted = [(Recipe(box=Box(size, size), format=format), ()) for size in sizes]
    with open(path, "rb") as file:
        pictures, _ = render_pictures(file, wanted, Limits(10**9, 60, 10**12, also=("heif",)))
    stem, ending = os.path.splitext(os.path.basename(path))[0], format.replace("jpeg", "jpg")
    for size, made in zip(sizes, pictures, strict=True):
        with open(os.path.join(output, str(size), f"{stem}.{ending}"), "wb") as target:
            target.write(made.data)


if __name__ == "__main__":
    folder, output, jobs, format, *boxes = sys.argv[1:]
    for box in boxes:
        os.makedirs(os.path.join(output, box))
    paths = [entry.path for entry in os.scandir(folder)]
    with multiprocessing.Pool(int(jobs)) as pool:
        work = partial(make, output=output, format=format, sizes=[int(box) for box in boxes])
        for _ in pool.imap_unordered(work, paths):
            pass
