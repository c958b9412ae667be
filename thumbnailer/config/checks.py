"""Checks of settings, with the words for what is right, and parsers of the command line's text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from thumbnailer.buckets.headers import header_fault
from thumbnailer.errors import ConfigError, closest_match, shortened
from thumbnailer.formats import WRITTEN, in_words
from thumbnailer.scan.globs import glob_fault
from thumbnailer.scan.shard import MOST_SHARDS, Shard
from thumbnailer.thumbs.naming import is_template

_MAX_SECONDS = 86_400

# What other programs call some of our words, and people some others.
_MEANT = {
    "crop": "cover",
    "inside": "contain",
    "letterbox": "pad",
    "stretch": "fill",
    "middle": "centre",
    "smart": "attention",
}

# Linux's PATH_MAX. To resolve a path of 3 MB, or to judge such a glob, takes 25 s.
_MAX_PATH = 4096


class _NotSo(ValueError):
    """A wrong value, with words of its own for what is wrong and what is right."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check that returns the normal form of a value, or raises ValueError.

    Attributes:
        right: the right values in words, for error messages.
        fits: whether a value is right; `normal` may still refuse it.
        normal: return the normal form of a value that fits.
        read: parse the text of the command line.
        words: the right values, if these are a few words.
        typed: the right values as they are typed on the command line, if not as in `right`.
    """

    right: str
    fits: Callable[[Any], object] = lambda _: True
    normal: Callable[[Any], object] = lambda value: value
    read: Callable[[str], object] = str
    words: tuple[str, ...] = ()
    typed: str = ""

    def __call__(self, value: object) -> Any:
        if not self.fits(value):
            raise ValueError
        return self.normal(value)

    def parsed(self, text: str, said: str) -> Any:
        """Return the normal form of a value from the command line's text; else as `checked`."""
        return replace(self, right=self.typed or self.right).checked(self.read(text), said)

    def checked(self, value: object, said: str) -> Any:
        """Return the normal form of a value; `said` is what the user wrote, for the error message.

        Raises:
            ConfigError: the value is impossible; the message says which values are right.
        """
        try:
            return self(value)
        except _NotSo as error:
            raise ConfigError(f"{said}: {error}") from None
        except (ValueError, TypeError, RecursionError):  # TypeError: such as a list in a list
            raise ConfigError(f"{said}: must be {self.right}{self._hint(value)}") from None

    def _hint(self, value: object) -> str:
        """Return a question for the right word that a wrong one probably means, or ""."""
        if not isinstance(value, str) or not self.words:
            return ""
        meant = _MEANT.get(value.lower(), "")
        close = meant if meant in self.words else closest_match(value.lower(), self.words)
        return f'; did you mean "{close}"?' if close else ""


def check_key(key: str, keys: Collection[str], said: str) -> None:
    """Check that there is a setting of this name; `said` is what the user wrote.

    Raises:
        ConfigError: there is none; the message names the most similar one, or all of them.
    """
    if key not in keys:
        close = closest_match(str(key), keys)
        hint = f"did you mean {close}?" if close else f"the settings are {', '.join(keys)}"
        raise ConfigError(f"{said}: there is no such setting; {hint}")


def shown(key: str, value: object) -> str:
    """Return a setting as an error message shows it: the `repr` of its value is cut."""
    text = repr(value)
    return shortened(f"{key} = {text if len(text) <= 80 else f'{text[:77]}...'}")


def _number(text: str) -> object:
    """Parse an int or a float; return other text unchanged."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _quoted(names: Collection[str], last: str) -> str:
    return in_words((f'"{name}"' for name in names), last)


def one_of(*names: str) -> Check:
    """Return a check that a value is one of these names."""
    return Check(_quoted(names, "or"), lambda value: value in names, str, words=names)


def some_of(*names: str) -> Check:
    """Return a check that all values are among these names; it returns each once, in this order."""
    return Check(
        f"a list of {_quoted(names, 'and')}",
        lambda value: (
            isinstance(value, list | tuple | set | frozenset) and set(names).issuperset(value)
        ),
        lambda value: tuple(name for name in names if name in value),
        lambda text: [part.strip() for part in text.split(",") if part.strip()],
        typed=f"any of {','.join(names)}",
    )


def whole(low: int, high: int, unit: str = "") -> Check:
    """Return a check that a value is a whole number from `low` to `high`."""
    return Check(
        f"a whole number{unit and f' of {unit}'} from {low} to {high}",
        lambda value: (
            isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        ),
        read=_number,
    )


def auto_or(check: Check) -> Check:
    """Return a check that a value is `auto` or passes the given check."""
    return replace(
        check,
        right=f'"auto" or {check.right}',
        fits=lambda value: value == "auto" or check.fits(value),
    )


def _point(value: object) -> tuple[float, float] | None:
    """Return a point given as two numbers from 0 to 1, in a text with a comma or in a sequence."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or len(parts) != 2:
        return None
    with suppress(ValueError, TypeError):
        x, y = map(float, parts)
        return (x, y) if 0 <= x <= 1 and 0 <= y <= 1 else None
    return None


def name_or_point(*names: str) -> Check:
    """Return a check that a value is one of these names or a point, which becomes a text.

    American spelling is taken.
    """

    def british(value: object) -> object:
        return value.replace("center", "centre") if isinstance(value, str) else value

    def normal(value: object) -> str:
        point = _point(value)
        return f"{point[0]:g},{point[1]:g}" if point else str(british(value))

    return Check(
        f"{_quoted(names, 'or')}, or a point such as 0.3,0.6 (shares of width and height)",
        lambda value: british(value) in names or _point(value),
        normal,
        words=names,
    )


flag = Check("true or false", lambda value: isinstance(value, bool))

seconds = Check(
    f"a number of seconds above 0 and up to {_MAX_SECONDS}",
    lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MAX_SECONDS
    ),
    float,
    _number,
)

fit = one_of("contain", "cover", "pad", "fill")

quality = replace(auto_or(whole(1, 100)), right='a whole number from 1 to 100, or "auto"')

template = Check(
    "a text with {stem}, {name}, {ext}, {size}, {parent} or {hash}, and nothing that no file on "
    'Windows can have in its name: <>:"/\\|?*',
    lambda value: isinstance(value, str) and is_template(value),
)

# No user name, password, query or other secret.
endpoint = Check(
    'a URL such as "http://localhost:9000", without name and password',
    lambda value: isinstance(value, str) and re.fullmatch(r"(https?://[^\s@?#]+)?", value),
    lambda value: value.rstrip("/"),
)

# What would be more than one source in a page's content security policy is none.
link_prefix = Check(
    'auto, "" for no links, or what they begin with: "https://example.org/photos" or "/photos"',
    lambda value: (
        isinstance(value, str)
        and re.fullmatch(r"|auto|(https?://[^/\s\"'<>?#,;]+)?(/[^\s\"'<>?#,;]*)?", value)
    ),
)

cluster = Check(
    '"", "auto" or the HOST:PORT of a cluster\'s head',
    lambda value: (
        isinstance(value, str) and re.fullmatch(r"|auto|([\w.-]+|\[[\da-fA-F:]+\]):\d{1,5}", value)
    ),
)

output = Check(
    "the path of a folder, or s3://bucket/folder",
    lambda value: (
        isinstance(value, str | bytes | os.PathLike)
        and b"\0" not in os.fsencode(value)
        and len(os.fsencode(value)) <= _MAX_PATH
    ),
    os.fsdecode,
)


def _headers(value: Collection[str]) -> tuple[str, ...]:
    for text in value:
        if fault := header_fault(text):
            raise _NotSo(f'"{shortened(text)}" {fault}' if len(value) > 1 else fault)
    return tuple(value)


header = Check(
    'a list of NAME=VALUE, such as ["Cache-Control=public, max-age=31536000"]',
    lambda value: isinstance(value, list | tuple) and all(isinstance(text, str) for text in value),
    _headers,
    lambda text: (text,),  # not split, since a value may contain a comma
    typed='NAME=VALUE, such as "Cache-Control=public, max-age=31536000"',
)

shard = Check(
    f'K/N, such as "3/16", with K from 1 to N and N up to {MOST_SHARDS}',
    lambda value: isinstance(value, str),
    lambda value: value and str(Shard.parse(value)),
)


def globs(examples: str, *, for_folders: bool) -> Check:
    """Return a check that a value is a list of globs, none of them empty or unable to match.

    Args:
        for_folders: whether they are also compared with folders.
    """

    def normal(value: Collection[str]) -> tuple[str, ...]:
        for glob in value:
            if fault := glob_fault(glob, for_folders=for_folders):
                raise _NotSo(f'"{shortened(glob)}" {fault}' if len(value) > 1 else fault)
        return tuple(value)

    return Check(
        f"a list of globs such as {examples}",
        lambda value: (
            isinstance(value, list | tuple)
            and all(
                isinstance(glob, str)
                and glob.strip().strip("/")
                and "\0" not in glob
                and len(glob) <= _MAX_PATH
                for glob in value
            )
        ),
        normal,
        lambda text: (text,),  # not split, since a glob may contain a comma
        typed=f"a glob such as {examples[1:-1].partition(',')[0]}",
    )


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


colour = Check(
    'the name of a colour or "#rrggbb"',
    lambda value: isinstance(value, str) and parse_rgb(value),
    lambda value: value.strip().lower(),
)


def _full_name(format: str) -> str:
    return "jpeg" if format.lower() == "jpg" else format.lower()


_format_name = one_of(*WRITTEN, "auto")
format_ = replace(
    _format_name,
    fits=lambda value: isinstance(value, str) and _format_name.fits(_full_name(value)),
    normal=_full_name,
)
