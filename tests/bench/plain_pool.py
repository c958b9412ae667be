"""The same pictures by the same steps over a plain `multiprocessing.Pool`, without any protection:
no time-out, no memory limit, no sandbox, no safe writes, no ledger, and a dead worker hangs it.

    plain_pool.py FOLDER SIZE
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from functools import partial

from thumbnailer.model import Box, Limits, Recipe
from thumbnailer.pictures import pictures_of


def make(path: str, size: int) -> None:
    with open(path, "rb") as file:
        recipe = Recipe(box=Box(size, size))
        (made,), _ = pictures_of(file, [(recipe, ())], Limits(10**9, 10**9, 60, 10**12))
    folder, name = os.path.split(path)
    with open(os.path.join(folder, "thumbs", name), "wb") as file:
        file.write(made.data)


if __name__ == "__main__":
    root, box = sys.argv[1], int(sys.argv[2])
    os.makedirs(os.path.join(root, "thumbs"), exist_ok=True)
    paths = [entry.path for entry in os.scandir(root) if entry.is_file()]
    with multiprocessing.Pool() as pool:
        for _ in pool.imap_unordered(partial(make, size=box), paths):
            pass
