"""libvips at its best: pyvips in a pool of processes, each with one thread and no cache.

vips_pool.py FOLDER OUTPUT JOBS FORMAT SIZE...
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from functools import partial
from typing import Any

# The options of the saver, by its format: the quality of ours, no metadata.
_SAVING: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("jpg", {"Q": 80, "keep": "none", "background": 255}),
    "png": ("png", {"keep": "none"}),
    "webp": ("webp", {"Q": 80, "keep": "none"}),
}


def make(path: str, output: str, format: str, sizes: list[int]) -> None:
    import pyvips  # in the workers only, which can be forked then

    stem = os.path.splitext(os.path.basename(path))[0]
    pyvips.cache_set_max(0)
    ending, options = _SAVING[format]
    first, *smaller = sizes
    image = pyvips.Image.thumbnail(path, first, height=first, size="down")
    if smaller:
        image = image.copy_memory()
    for size in sizes:  # from large to small, each of the one before
        if size != first:
            image = image.thumbnail_image(size, height=size, size="down").copy_memory()
        image.write_to_file(os.path.join(output, str(size), f"{stem}.{ending}"), **options)


if __name__ == "__main__":
    folder, output, jobs, format, *boxes = sys.argv[1:]
    for box in boxes:
        os.makedirs(os.path.join(output, box))
    paths = [entry.path for entry in os.scandir(folder)]
    os.environ["VIPS_CONCURRENCY"] = "1"
    with multiprocessing.Pool(int(jobs)) as pool:
        work = partial(make, output=output, format=format, sizes=[int(box) for box in boxes])
        pool.map(work, paths)
