"""Parse CSS colour names and notations."""

from __future__ import annotations

from PIL import ImageColor


def parse_colour(name: str) -> tuple[int, int, int]:
    """Return R, G and B (0 to 255) of a CSS colour (CSS Color Module Level 4), named or in numbers.

    Raises:
        ValueError: the colour is unknown.
    """
    red, green, blue, *_ = ImageColor.getrgb(name)
    return red, green, blue
