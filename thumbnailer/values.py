"""What values a setting may have: each function brings one to its form or raises ValueError."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from thumbnailer.naming import ENDINGS

# The longest side libjpeg writes; WebP's is 16383 and checked by its encoder.
_MAX_SIDE = 65_500

_MAX_SECONDS = 86_400


def size(value: object) -> str:
    """Any spelling of a size, as `256x192`, `256x` or `x192`."""
    if isinstance(value, tuple | list) and len(value) == 2:
        sides = ["" if side is None else whole(1, _MAX_SIDE)(side) for side in value]
    elif isinstance(value, str):
        match = re.fullmatch(r"(\d*)[xX\u00d7](\d*)|(\d+)", value.strip(), re.ASCII)
        if not match:
            raise ValueError
        texts = [match[3], match[3]] if match[3] else [match[1], match[2]]
        sides = [whole(1, _MAX_SIDE)(int(text)) if text else "" for text in texts]
    else:
        sides = [whole(1, _MAX_SIDE)(value)] * 2
    if sides == ["", ""]:
        raise ValueError
    return f"{sides[0]}x{sides[1]}"


def whole(low: int, high: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError
        return value

    return check


def whole_or_auto(low: int, high: int) -> Callable[[object], int | str]:
    return lambda value: "auto" if value == "auto" else whole(low, high)(value)


def format_(value: object) -> str:
    name = value.lower() if isinstance(value, str) else ""
    name = "jpeg" if name == "jpg" else name
    if name not in ENDINGS:
        raise ValueError
    return name


def truncated(value: object) -> str:
    if value not in ("fail", "keep"):
        raise ValueError
    return str(value)


def output(value: object) -> str:
    if not isinstance(value, str | bytes | os.PathLike):
        raise ValueError
    path = os.fsdecode(value)
    if "\0" in path:
        raise ValueError
    return path


def sandbox(value: object) -> str:
    if value not in ("auto", "require", "off"):
        raise ValueError
    return str(value)


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def globs(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(glob, str) for glob in value):
        raise ValueError
    if not all(glob.strip("/") for glob in value):
        raise ValueError
    return tuple(value)


def seconds(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError
    if not 0 < value <= _MAX_SECONDS:
        raise ValueError
    return float(value)
