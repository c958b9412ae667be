"""Feed `render_pictures` with what atheris (PyPI) makes of small pictures of all formats.

    python -m tests.fuzz FOLDER [libFuzzer options, such as -max_total_time=600 -rss_limit_mb=3000]

FOLDER keeps the inputs that reached new code, from run to run. The decoders' own C code is not
instrumented: coverage guides by the Python of Pillow and of this package. Any exception but a
StageError is a find, and so is a crash or a limit of memory or time that is exceeded.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["PIL", "thumbnailer"]):
    from PIL import Image

    from thumbnailer.imaging.failures import StageError
    from thumbnailer.recipe import Box, Limits, Recipe
    from thumbnailer.render.steps import render_pictures

RECIPES = [Recipe(box=Box(64, 48), format=format) for format in ("jpeg", "png", "webp")]
LIMITS = Limits(8_000_000, 10, 1 << 28)


def one_input(data: bytes) -> None:
    recipe = RECIPES[len(data) % len(RECIPES)]
    try:
        (made,), _ = render_pictures(io.BytesIO(data), [(recipe, ())], LIMITS)
    except StageError:
        return
    assert made.data
    assert 1 <= made.width <= 64
    assert 1 <= made.height <= 48


def write_seeds(folder: Path) -> None:
    """One small picture for each way of storing one that we read."""
    folder.mkdir(parents=True, exist_ok=True)
    image = Image.linear_gradient("L").resize((40, 30))
    colour = Image.merge("RGB", (image, image.transpose(Image.Transpose.ROTATE_180), image))
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("RGB", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True}),
        ("CMYK", "JPEG", {}),
        ("RGB", "MPO", {"save_all": True, "append_images": [colour]}),
        ("RGB", "PNG", {}),
        ("P", "PNG", {}),
        ("I;16", "PNG", {}),
        ("LA", "PNG", {}),
        ("RGB", "PNG", {"save_all": True, "append_images": [image.convert("RGB")]}),
        ("RGB", "WEBP", {}),
        ("RGBA", "WEBP", {"lossless": True}),
        ("RGB", "WEBP", {"save_all": True, "append_images": [image.convert("RGB")]}),
        ("P", "GIF", {"save_all": True, "append_images": [image.convert("P")]}),
        ("RGB", "BMP", {}),
        ("1", "BMP", {}),
        ("RGB", "TIFF", {}),
        ("RGB", "TIFF", {"compression": "tiff_lzw"}),
        ("RGB", "TIFF", {"compression": "jpeg"}),
        ("1", "TIFF", {"compression": "group4"}),
        ("F", "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("RGBA", "AVIF", {"speed": 10}),
    ]
    for number, (mode, format, options) in enumerate(kinds):
        source = image if mode in ("I;16", "F", "1") else colour
        source.convert(mode).save(folder / f"seed-{number}", format, **options)


if __name__ == "__main__":
    inputs = Path(sys.argv[1])
    write_seeds(inputs)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
