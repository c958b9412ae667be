"""Build `Settings` from parsed command-line arguments."""

from __future__ import annotations

import argparse
import os
from typing import Any

from thumbnailer.config import values as parse
from thumbnailer.config.overrides import merge_settings
from thumbnailer.config.settings import KEYS, Settings, checked_value
from thumbnailer.config.toml_file import read_config
from thumbnailer.errors import ConfigError


def settings_from_args(arguments: argparse.Namespace) -> Settings:
    """Return the settings: options override the configuration file, which overrides defaults."""
    values: dict[str, Any] = {} if arguments.config is None else read_config(arguments.config)
    for key in KEYS:
        given = getattr(arguments, key, None)
        if key == "size" and given is not None:
            values.pop("sizes", None)  # --size replaces the named sizes of the file
        if isinstance(given, str):
            values[key] = _value_of(key, given, _option(key))
        elif isinstance(given, list):
            each = [_value_of(key, text, _option(key)) for text in given]
            values[key] = each if key == "size" else tuple(glob for globs in each for glob in globs)
        elif given is not None:
            values[key] = given
    if values.get("layout") == "freedesktop" and not values.get("output"):
        cache = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(cache):  # ignored: XDG Base Directory Specification 0.8
            cache = os.path.expanduser("~/.cache")
        values["output"] = os.path.join(cache, "thumbnails")
    return merge_settings(None, values)


def _value_of(key: str, text: str, option: str) -> Any:
    """Return the parsed and checked value of a setting, from the text typed after `option`.

    Raises:
        ConfigError: the value is empty or not allowed.
    """
    if not text and KEYS[key].metadata["read"] is not parse.single_glob:
        raise ConfigError(f"{option}: is empty; must be {KEYS[key].metadata['right']}")
    return checked_value(key, KEYS[key].metadata["read"](text), f"{option} {text}")


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"
