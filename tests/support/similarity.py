"""An independent judge of thumbnails: resampling and comparison in floating point, with numpy."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, np.dtype[Any]]


def reference(image: Image.Image, size: tuple[int, int], *, linear: bool = False) -> Image.Image:
    """A picture brought to `size` (px) by one Lanczos step over all its pixels.

    Args:
        linear: in linear light.
    """
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32) / 255
    if linear:
        pixels = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    rows, columns = _weights(image.height, size[1]), _weights(image.width, size[0])
    # A channel at a time: as products of matrices this is quick.
    shrunk = np.stack([rows @ pixels[:, :, c] @ columns.T for c in range(3)], axis=2)
    if linear:
        shrunk = np.clip(shrunk, 0, 1)
        shrunk = np.where(shrunk <= 0.0031308, shrunk * 12.92, 1.055 * shrunk ** (1 / 2.4) - 0.055)
    return Image.fromarray(np.clip(np.rint(shrunk * 255), 0, 255).astype(np.uint8))


@lru_cache(maxsize=64)
def _weights(before: int, after: int) -> Array:
    """How much each sample before counts in each after: Lanczos of three lobes, widened so that
    it takes in all that a sample stands for (Turkowski 1990, Filters for Common Resampling)."""
    scale = max(1.0, before / after)
    centres = (np.arange(after) + 0.5) * before / after
    distances = (np.arange(before) + 0.5 - centres[:, None]) / scale
    weights = np.where(np.abs(distances) < 3, np.sinc(distances) * np.sinc(distances / 3), 0)
    normed: Array = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normed


def ssim(one: Image.Image, other: Image.Image) -> float:
    """How alike the luma of two pictures of one size is: 1 for the same.

    Mean structural similarity with a Gaussian window of 11 px and sigma 1.5: Wang, Bovik, Sheikh
    and Simoncelli 2004, Image Quality Assessment.
    """
    x, y = (np.asarray(image.convert("L"), dtype=np.float64) for image in (one, other))
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def blurred(values: Array) -> Array:
        height, width = values.shape
        values = np.pad(values, 5, mode="symmetric")
        across: Array = sum(weight * values[:, i : i + width] for i, weight in enumerate(window))
        down: Array = sum(weight * across[i : i + height] for i, weight in enumerate(window))
        return down

    mean_x, mean_y = blurred(x), blurred(y)
    variance_x, variance_y = blurred(x * x) - mean_x**2, blurred(y * y) - mean_y**2
    covariance = blurred(x * y) - mean_x * mean_y
    steady, contrast = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    scores = ((2 * mean_x * mean_y + steady) * (2 * covariance + contrast)) / (
        (mean_x**2 + mean_y**2 + steady) * (variance_x + variance_y + contrast)
    )
    return float(scores.mean())
