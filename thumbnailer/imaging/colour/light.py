"""sRGB values and the light that they stand for: IEC 61966-2-1, 5.2."""

from __future__ import annotations

from bisect import bisect
from functools import lru_cache

from PIL import Image

# The full scale of light. In the shadows, neighbouring 8-bit sRGB values are 20 steps apart in it.
MAX_LIGHT = 65535


def light_of(value: float) -> float:
    """Return the light (0 to 1) of an sRGB value (0 to 1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def to_light(values: Image.Image) -> Image.Image:
    """Return the light, 0 to `MAX_LIGHT`, of a channel of sRGB values (L) as floats (F)."""
    return values.point(_light_table(), "F")


def to_values(light: Image.Image) -> Image.Image:
    """Return the sRGB values (L) of light, 0 to `MAX_LIGHT` (F); what is beyond is clipped."""
    return light.convert("I").point(_value_table(), "L")


@lru_cache(maxsize=1)
def _light_table() -> list[float]:
    return [MAX_LIGHT * light_of(value / 255) for value in range(256)]


@lru_cache(maxsize=1)
def _value_table() -> list[int]:
    """Return the nearest sRGB value for each step of light."""
    ends = [MAX_LIGHT * light_of((value + 0.5) / 255) for value in range(255)]
    return [bisect(ends, light) for light in range(MAX_LIGHT + 1)]
