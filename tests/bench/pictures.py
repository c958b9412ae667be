"""Sets of pictures to measure on: seeded, made once, kept in the cache folder."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from pathlib import Path

from PIL import Image

_DIFFERENT = 60


def small_jpegs(count: int) -> Path:
    """A folder of `count` JPEGs of 640x480 px, some 60 KB each; made if need be."""
    folder = _cache() / f"small-{count}"
    if not folder.exists():
        unfinished = Path(tempfile.mkdtemp(dir=_cache()))
        for number in range(_DIFFERENT):
            _scene(number).save(unfinished / f"{number:05}.jpg", quality=85)
        for number in range(_DIFFERENT, count):
            shutil.copy(
                unfinished / f"{number % _DIFFERENT:05}.jpg", unfinished / f"{number:05}.jpg"
            )
        unfinished.rename(folder)
    return folder


def _scene(seed: int) -> Image.Image:
    """Soft shapes with some grain: about as hard to decode as a photo."""
    chance = random.Random(seed)
    coarse = Image.frombytes("RGB", (16, 12), chance.randbytes(16 * 12 * 3))
    grain = Image.frombytes("RGB", (320, 240), chance.randbytes(320 * 240 * 3))
    shapes = coarse.resize((640, 480), Image.Resampling.BICUBIC)
    return Image.blend(shapes, grain.resize((640, 480), Image.Resampling.BICUBIC), 0.12)


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "thumbnailer-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
