"""What values a setting may have: each function brings one to its form or raises ValueError."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress

from thumbnailer.formats import ENDINGS
from thumbnailer.thumbs.naming import is_template

# The longest side libjpeg writes; WebP's is 16383 and checked by its encoder.
_MAX_SIDE = 65_500

_MAX_SECONDS = 86_400


def parse_number(text: str) -> object:
    """A text that was typed for a number; itself if it is none."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def comma_list(text: str) -> tuple[str, ...]:
    """What was typed with commas between."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def single_glob(text: str) -> tuple[str, ...]:
    """One glob, which may well contain a comma."""
    return (text,)


def one_of(*names: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in names:
            raise ValueError
        return str(value)

    return check


def some_of(*names: str) -> Callable[[object], tuple[str, ...]]:
    """Of some names those given, each once, in one order."""

    def check(value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple | set | frozenset) or not set(names).issuperset(
            value
        ):
            raise ValueError
        return tuple(name for name in names if name in value)

    return check


def sizes(value: object) -> str | tuple[str, ...]:
    """One size, or several as a list of texts, each once."""
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        several = tuple(dict.fromkeys(map(size, value)))
        if not several:
            raise ValueError
        return several if len(several) > 1 else several[0]
    return size(value)


def named_sizes(value: object) -> dict[str, dict[str, object]]:
    """Each size with its own fit, format and quality."""
    checks = {"size": size, "fit": FIT, "format": format_, "quality": QUALITY}
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
    if name not in ENDINGS and name != "auto":
        raise ValueError
    return name


def check_colour(value: object) -> str:
    """The name of a colour, or #rrggbb."""
    if not isinstance(value, str):
        raise ValueError
    parse_rgb(value)
    return value.strip().lower()


def parse_rgb(colour: str) -> tuple[int, int, int]:
    """R, G and B, 0 to 255.

    Raises:
        ValueError: there is no such colour.
    """
    text = colour.strip().lower()
    if match := re.fullmatch(r"#?([0-9a-f]{6})", text):
        red, green, blue = bytes.fromhex(match[1])
        return red, green, blue
    if text in ("white", "black"):
        return (255, 255, 255) if text == "white" else (0, 0, 0)
    from thumbnailer.imaging.colour.colour_names import parse_colour  # Pillow, which takes 30 ms

    return parse_colour(text)


def template(value: object) -> str:
    if not isinstance(value, str) or not is_template(value):
        raise ValueError
    return value


def output(value: object) -> str:
    if not isinstance(value, str | bytes | os.PathLike):
        raise ValueError
    path = os.fsdecode(value)
    if "\0" in path:
        raise ValueError
    return path


def endpoint(value: object) -> str:
    """A URL without a name, a password or anything else that nobody should read."""
    if not isinstance(value, str) or not re.fullmatch(r"(https?://[^\s@?#]+)?", value):
        raise ValueError
    return value.rstrip("/")


def cluster(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    if value not in ("", "auto") and not re.fullmatch(r"([\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}", value):
        raise ValueError
    return value


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


FIT = one_of("contain", "cover", "pad", "fill")
QUALITY = whole_or_auto(1, 100)
