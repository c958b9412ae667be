"""A cell: a picture of one kind, and what it should look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Values = NDArray[np.float64]

WIDTH, HEIGHT = 64, 48

# What pictures of Pillow's modes are called.
WORDS = {"1": "black and white", "L": "grey", "P": "palette", "LA": "grey and alpha"}
WORDS |= {"RGB": "RGB", "RGBA": "RGB and alpha", "CMYK": "CMYK"}


@dataclass(frozen=True)
class Cell:
    """A picture of one kind.

    Attributes:
        format, kind: as in the table; cells of one kind are one line of it.
        detail: what tells it from the other cells of its kind.
        ending: of its file's name.
        data: the content of its file.
        truth: what it shows; None if a browser is to say that.
        most: the largest mean CIEDE2000 at which it is right. A step of one of 8 bits is below 1.
    """

    format: str
    kind: str
    detail: str
    ending: str
    data: bytes
    truth: Image.Image | None = None
    most: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.format}: {self.kind}, {self.detail}"


def scene() -> Values:
    """R, G and B from 0 to 1: ramps that cross, with patches of black, white and pure colours."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    ramps = np.stack([x / (WIDTH - 1), y / (HEIGHT - 1), 1 - x / (WIDTH - 1)], axis=-1)
    patches = [(0, 0, 0), (1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.5, 0.5)]
    for number, colour in enumerate(patches):
        ramps[16:32, 8 * number + 8 : 8 * number + 16] = colour
    return ramps


def opacity() -> Values:
    """Alpha from 0 to 1, of one channel."""
    y, _ = np.mgrid[0:HEIGHT, 0:WIDTH]
    alpha: Values = np.clip(y * 1.5 / (HEIGHT - 1), 0, 1)[..., None]
    return alpha


def channels(mode: str) -> Values:
    """The scene as grey or colours, with alpha if the mode has it."""
    colours = scene() if mode.startswith("RGB") else scene()[..., :1]
    return np.concatenate([colours, opacity()], axis=-1) if mode.endswith("A") else colours


def quantised(values: Values, dtype: Any) -> NDArray[Any]:
    """Values from 0 to 1 as the full range of a whole number's type, or as floats."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return values.astype(kind)
    limits = np.iinfo(kind)
    span = float(limits.max) - float(limits.min)
    return np.clip(np.round(values * span + limits.min), limits.min, limits.max).astype(kind)


def image_of(values: Values) -> Image.Image:
    """Values from 0 to 1, of one to four channels, as a picture of 8 bits."""
    eight = np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[eight.shape[-1]]
    return Image.frombytes(mode, (eight.shape[1], eight.shape[0]), eight.tobytes())


def on_white(image: Image.Image) -> Image.Image:
    """A picture over white, as a browser shows it."""
    canvas = Image.new("RGBA", image.size, "white")
    canvas.alpha_composite(image.convert("RGBA"))
    return canvas.convert("RGB")
