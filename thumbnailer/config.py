"""`config.toml` and overrides into one frozen `Settings`; whatever is wrong is named."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from thumbnailer import values
from thumbnailer.errors import ConfigError
from thumbnailer.model import Box, Limits, Recipe
from thumbnailer.selection import Choice

Size = int | str | tuple[int | None, int | None]

# 50 megapixels decode to 200 MB of RGBA; a JPEG decoder that shrinks needs far less.
_PIXELS = 50_000_000
_SHRINKABLE_PIXELS = 250_000_000


def _key(default: Any, check: Callable[[object], Any], right: str, about: str) -> Any:
    return field(default=default, metadata={"check": check, "right": right, "about": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that shapes a run and that `config.toml` can hold.

    Values are checked and brought to one form when the object is made.

    Raises:
        ConfigError: a value is of the wrong type or impossible.
    """

    size: Size = _key(
        "256x256",
        values.size,
        '256, "256x192", "256x" or "x192", each side from 1 to 65500',
        "The box a thumbnail must fit in, in px: 256, 256x192, 256x (any height) or x192.",
    )
    format: str = _key("jpeg", values.format_, '"jpeg", "png" or "webp"', "jpeg, png or webp.")
    quality: int = _key(
        80,
        values.whole(1, 100),
        "a whole number from 1 to 100",
        "1 (small) to 100 (good), for jpeg and webp.",
    )
    output: str | os.PathLike[str] = _key(
        "",
        values.output,
        "the path of a folder",
        'A folder for a tree that mirrors the sources; "": a thumbs folder beside each source.',
    )
    jobs: int | str = _key(
        "auto",
        values.whole_or_auto(1, 1024),
        '"auto" or a whole number from 1 to 1024',
        "Pictures made at the same time; auto: one for each usable processor.",
    )
    recursive: bool = _key(True, values.flag, "true or false", "Whether subfolders are entered.")
    include: tuple[str, ...] = _key(
        (),
        values.globs,
        'a list of globs such as ["*.jpg", "2026/*"]',
        "Globs; only pictures that match one are taken.",
    )
    exclude: tuple[str, ...] = _key(
        (),
        values.globs,
        'a list of globs such as ["*.png", "private"]',
        "Globs; pictures and folders that match one are left out.",
    )
    timeout: float = _key(
        60.0,
        values.seconds,
        "a number of seconds above 0 and up to 86400",
        "Seconds that one attempt at a picture may take.",
    )
    max_pixels: int | str = _key(
        "auto",
        values.whole_or_auto(1, 2**31),
        '"auto" or a whole number from 1 to 2147483648',
        "The largest picture, width x height; auto: 50000000, for JPEG 250000000.",
    )
    worker_memory: int = _key(
        1024,
        values.whole(32, 2**20),
        "a whole number of MiB from 32 to 1048576",
        "MiB that a worker process may take beyond what it starts with.",
    )
    memory: int | str = _key(
        "auto",
        values.whole_or_auto(32, 2**24),
        '"auto" or a whole number of MiB from 32 to 16777216',
        "MiB that all pictures being decoded may take; auto: half of what is available.",
    )
    sandbox: str = _key(
        "auto",
        values.sandbox,
        '"auto", "require" or "off"',
        "Whether workers give up all rights but reading: auto (where they can), require or off.",
    )
    truncated: str = _key(
        "fail",
        values.truncated,
        '"fail" or "keep"',
        "fail, or keep: a truncated picture is made from what there is of it.",
    )

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            checked = _checked(item.name, value, f"{item.name} = {_shown(value)}")
            object.__setattr__(self, item.name, checked)

    @property
    def recipe(self) -> Recipe:
        width, _, height = str(self.size).partition("x")
        box = Box(int(width) if width else None, int(height) if height else None)
        return Recipe(box, self.format, self.quality)

    @property
    def limits(self) -> Limits:
        pixels, shrinkable_pixels = _PIXELS, _SHRINKABLE_PIXELS
        if isinstance(self.max_pixels, int):
            pixels = shrinkable_pixels = self.max_pixels
        return Limits(
            pixels,
            shrinkable_pixels,
            self.timeout,
            self.worker_memory << 20,
            self.truncated == "keep",
        )

    @property
    def choice(self) -> Choice:
        """What of a source is taken."""
        return {"recursive": self.recursive, "include": self.include, "exclude": self.exclude}

    @property
    def memory_bytes(self) -> int | None:
        """What all pictures being decoded may take; None for half of what is available."""
        return self.memory << 20 if isinstance(self.memory, int) else None

    def to_toml(self) -> str:
        """The settings as a `config.toml`, each key with its comment."""
        blocks = (
            f"# {item.metadata['about']}\n{item.name} = {_toml(getattr(self, item.name))}\n"
            for item in dataclasses.fields(self)
        )
        return "# Settings of thumbnailer; `thumbnailer config` prints them.\n\n" + "\n".join(
            blocks
        )


class Overrides(TypedDict, total=False):
    """The settings as keyword arguments."""

    size: Size
    format: str
    quality: int
    output: str | os.PathLike[str]
    jobs: int | str
    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    timeout: float
    max_pixels: int | str
    worker_memory: int
    memory: int | str
    sandbox: str
    truncated: str


KEYS = {item.name: item for item in dataclasses.fields(Settings)}


def read_config(path: str) -> dict[str, Any]:
    """The checked values of a `config.toml`; keys it leaves out keep their defaults.

    Raises:
        ConfigError: it can't be read, is not TOML, or holds an unknown key or an impossible value;
            names file, key and value, and says what would be right.
    """
    import tomllib  # 15 ms

    try:
        with open(path, encoding="utf-8-sig") as file:  # some editors begin with a mark
            values = tomllib.loads(file.read())
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or numbers without end
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None
    return {
        key: _checked(key, value, f"{path}: {key} = {_shown(value)}")
        for key, value in values.items()
    }


def from_text(key: str, text: str, option: str) -> Any:
    """The checked value of a setting as typed on the command line after `option`.

    Raises:
        ConfigError: it is impossible.
    """
    value: object = text
    if KEYS[key].metadata["check"] is values.globs:
        return _checked(key, (text,), f"{option} {text}")[0]
    if not text:
        raise ConfigError(f"{option}: is empty; must be {KEYS[key].metadata['right']}")
    if KEYS[key].metadata["check"] is values.seconds:
        value = _number(float, text)
    elif isinstance(KEYS[key].default, int) or KEYS[key].default == "auto":
        value = _number(int, text)
    return _checked(key, value, f"{option} {text}")


def merged(settings: Settings | None, overrides: Mapping[str, Any]) -> Settings:
    """The settings with some of them replaced.

    Raises:
        ConfigError: an override is no setting, or its value is impossible.
    """
    for key, value in overrides.items():
        _known(key, f"{key} = {_shown(value)}")
    return dataclasses.replace(settings or Settings(), **overrides)


def _checked(key: str, value: object, said: str) -> Any:
    """The value in its one form; `said` is how the user put it."""
    _known(key, said)
    try:
        return KEYS[key].metadata["check"](value)
    except (ValueError, RecursionError):
        raise ConfigError(f"{said}: must be {KEYS[key].metadata['right']}") from None


def _known(key: str, said: str) -> None:
    if key not in KEYS:
        close = difflib.get_close_matches(key, KEYS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the settings are {', '.join(KEYS)}"
        raise ConfigError(f"{said}: there is no such setting; {hint}")


def _number(kind: type[int] | type[float], text: str) -> object:
    try:
        return kind(text)
    except ValueError:
        return text


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    # JSON's strings, numbers and booleans are TOML's, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
