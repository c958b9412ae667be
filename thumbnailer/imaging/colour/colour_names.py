"""Colours by their names."""

from __future__ import annotations

from PIL import ImageColor


def parse_colour(name: str) -> tuple[int, int, int]:
    """R, G and B (0 to 255) of a colour of CSS Color Module Level 4, by name or notation.

    Raises:
        ValueError: there is no such colour.
    """
    red, green, blue, *_ = ImageColor.getrgb(name)
    return red, green, blue
