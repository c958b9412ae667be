"""Parsers and checks of settings; a check returns the normal form or raises ValueError."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress

from thumbnailer.formats import ENDINGS
from thumbnailer.thumbs.naming import is_template

# The longest side in px that libjpeg writes. WebP's limit is 16383; its encoder checks that.
_MAX_SIDE = 65_500

_MAX_SECONDS = 86_400


def parse_number(text: str) -> object:
    """Parse an int or a float from the command line; return other text unchanged."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def comma_list(text: str) -> tuple[str, ...]:
    """Split text from the command line at its commas, leaving out empty parts."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def single_glob(text: str) -> tuple[str, ...]:
    """Return one glob from the command line; it is not split, since it may contain a comma."""
    return (text,)


def one_of(*names: str) -> Callable[[object], str]:
    """Return a check that a value is one of these names."""

    def check(value: object) -> str:
        if value not in names:
            raise ValueError
        return str(value)

    return check


def some_of(*names: str) -> Callable[[object], tuple[str, ...]]:
    """Return a check that all values are among these names; it returns each once, in this order."""

    def check(value: object) -> tuple[str, ...]:
        if not isinstance(value, list | tuple | set | frozenset) or not set(names).issuperset(
            value
        ):
            raise ValueError
        return tuple(name for name in names if name in value)

    return check


def sizes(value: object) -> str | tuple[str, ...]:
    """Check one size, or a list of sizes as texts; return each once."""
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        several = tuple(dict.fromkeys(map(size, value)))
        if not several:
            raise ValueError
        return several if len(several) > 1 else several[0]
    return size(value)


def named_sizes(value: object) -> dict[str, dict[str, object]]:
    """Check a table of named sizes, each of which may have its own fit, format and quality."""
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
    """Check a size in any spelling; return it as `256x192`, `256x` or `x192`."""
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
    """Return a check that a value is a whole number from `low` to `high`."""

    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError
        return value

    return check


def whole_or_auto(low: int, high: int) -> Callable[[object], int | str]:
    """Return a check that a value is `auto` or a whole number from `low` to `high`."""
    return lambda value: "auto" if value == "auto" else whole(low, high)(value)


def format_(value: object) -> str:
    """Check the name of an output format, or `auto`; return it in lower case, `jpg` as `jpeg`."""
    name = value.lower() if isinstance(value, str) else ""
    name = "jpeg" if name == "jpg" else name
    if name not in ENDINGS and name != "auto":
        raise ValueError
    return name


def check_colour(value: object) -> str:
    """Check the name of a colour, or #rrggbb; return it in lower case."""
    if not isinstance(value, str):
        raise ValueError
    parse_rgb(value)
    return value.strip().lower()


def parse_rgb(colour: str) -> tuple[int, int, int]:
    """Return the red, green and blue of a colour, 0 to 255 each.

    Raises:
        ValueError: there is no such colour.
    """
    text = colour.strip().lower()
    if match := re.fullmatch(r"#?([0-9a-f]{6})", text):
        red, green, blue = bytes.fromhex(match[1])
        return red, green, blue
    if text in ("white", "black"):
        return (255, 255, 255) if text == "white" else (0, 0, 0)
    from thumbnailer.imaging.colour.colour_names import parse_colour  # imports Pillow: 30 ms

    return parse_colour(text)


def template(value: object) -> str:
    """Check a template for thumbnails' names, as `is_template` does."""
    if not isinstance(value, str) or not is_template(value):
        raise ValueError
    return value


def output(value: object) -> str:
    """Check the path of a folder, or a bucket's URL; return it as text."""
    if not isinstance(value, str | bytes | os.PathLike):
        raise ValueError
    path = os.fsdecode(value)
    if "\0" in path:
        raise ValueError
    return path


def endpoint(value: object) -> str:
    """Check an http(s) URL or ""; it may hold no user name, password, query or other secret."""
    if not isinstance(value, str) or not re.fullmatch(r"(https?://[^\s@?#]+)?", value):
        raise ValueError
    return value.rstrip("/")


def cluster(value: object) -> str:
    """Check the address of a cluster: "", `auto` or HOST:PORT."""
    if not isinstance(value, str):
        raise ValueError
    if value not in ("", "auto") and not re.fullmatch(r"([\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}", value):
        raise ValueError
    return value


def flag(value: object) -> bool:
    """Check that a value is true or false."""
    if not isinstance(value, bool):
        raise ValueError
    return value


def globs(value: object) -> tuple[str, ...]:
    """Check that a value is a list of globs, none of them empty."""
    if not isinstance(value, list | tuple) or not all(isinstance(glob, str) for glob in value):
        raise ValueError
    if not all(glob.strip("/") for glob in value):
        raise ValueError
    return tuple(value)


def seconds(value: object) -> float:
    """Check a number of seconds above 0 and up to a day; return it as a float."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError
    if not 0 < value <= _MAX_SECONDS:
        raise ValueError
    return float(value)


FIT = one_of("contain", "cover", "pad", "fill")
QUALITY = whole_or_auto(1, 100)
