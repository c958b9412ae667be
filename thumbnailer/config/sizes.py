"""Sizes of thumbnails: how they may be written, what they stand for, and tables of named ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from thumbnailer.config.checks import Check, fit, format_, quality, whole
from thumbnailer.formats import WRITTEN
from thumbnailer.recipe import Area, Box, Share

# JPEG's limit. WebP's is lower; its encoder checks that.
_MAX_SIDE = WRITTEN["jpeg"].max_side

# Of a size in % or mp, which has up to three decimals: `:g` would cut a number of more digits.
_MOST_OF_UNIT = 1000

_side = whole(1, _MAX_SIDE)


def parse_size(size: str) -> Box | Share | Area:
    """Return what a size that has been checked stands for."""
    if size.endswith("%"):
        return Share(float(size.removesuffix("%")))
    if size.endswith("mp"):
        return Area(round(float(size.removesuffix("mp")) * 1_000_000))
    width, _, height = size.partition("x")
    return Box(int(width) if width else None, int(height) if height else None)


def _one_size(value: object) -> str:
    """Return a size in any spelling as `256x192`, `256x`, `x192`, `50%` or `1.5mp`."""
    if isinstance(value, str):
        value = value.strip().lower()
        if match := re.fullmatch(r"(\d{1,4}(?:\.\d{1,3})?) ?(%|mp)", value, re.ASCII):
            return _share_or_area(float(match[1]), match[2])
        match = re.fullmatch(r"(\d*)(?: ?[x*\u00d7] ?(\d*))?(?: ?px)?", value, re.ASCII)
        if not match:
            raise ValueError
        value = [int(side) if side else None for side in match.groups(match[1])]
    sides = value if isinstance(value, tuple | list) and len(value) == 2 else [value, value]
    texts = ["" if side is None else str(_side(side)) for side in sides]
    if not any(texts):
        raise ValueError
    return "x".join(texts)


def _share_or_area(number: float, unit: str) -> str:
    if not 0 < number <= _MOST_OF_UNIT:
        raise ValueError
    return f"{number:g}{unit}"


def _sizes(value: object) -> str | tuple[str, ...]:
    """Return one size, or several that are a list of texts, each once."""
    if value and isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        several = tuple(dict.fromkeys(map(_one_size, value)))
        return several if len(several) > 1 else several[0]
    return _one_size(value)


size_or_sizes = Check(
    f'256, "256x192", "256x" or "x192", each side from 1 to {_MAX_SIDE} px, "50%" of the '
    'picture\'s sides, or at most "1.5mp"; or a list of such texts',
    normal=_sizes,
    typed=f"256, 256x192, 256x or x192, each side from 1 to {_MAX_SIDE} px, 50% of the picture's "
    "sides, or at most 1.5mp",
)


def _named_sizes(value: object) -> dict[str, dict[str, object]]:
    """Return a table of named sizes, each of which may have its own fit, format and quality."""
    checks: dict[str, Callable[[object], object]] = {
        "size": _one_size,
        "fit": fit,
        "format": format_,
        "quality": quality,
    }
    if not isinstance(value, Mapping):
        raise ValueError
    checked: dict[str, dict[str, object]] = {}
    for name, own in value.items():
        own = own if isinstance(own, Mapping) else {"size": own}
        is_plain = isinstance(name, str) and re.fullmatch(r"[^\W_][\w.-]{0,99}", name)
        if not is_plain or "size" not in own or not checks.keys() >= own.keys():
            raise ValueError
        checked[name] = {key: check(own[key]) for key, check in checks.items() if key in own}
    if len({name.casefold() for name in checked}) < len(checked):
        raise ValueError
    return checked


named_sizes = Check(
    "a table of names, each with a size or a table of size, fit, format and quality",
    normal=_named_sizes,
)
