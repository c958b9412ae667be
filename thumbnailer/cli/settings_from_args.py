"""Build `Settings` from parsed command-line arguments."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import Any

from thumbnailer.config.checks import shown
from thumbnailer.config.overrides import merge_settings
from thumbnailer.config.settings import CHECKS, Settings
from thumbnailer.config.toml_file import read_config
from thumbnailer.config.watch_table import WATCH_CHECKS, WatchTable
from thumbnailer.errors import ConfigError, shortened


def settings_from_args(arguments: argparse.Namespace) -> Settings:
    """Return the settings: options override the configuration file, which overrides defaults."""
    return read_settings(arguments)[0]


def read_settings(arguments: argparse.Namespace) -> tuple[Settings, WatchTable]:
    """Return the settings, and in the same way what only `watch` heeds."""
    if arguments.config == "":
        raise ConfigError("--config: is empty; must be the path of a file")
    values: dict[str, Any] = {}
    watch = WatchTable()
    if arguments.config is not None:
        values, watch = read_config(arguments.config)
    given_to_watch = {key: getattr(arguments, key, None) for key in WATCH_CHECKS}
    watch = replace(
        watch, **{key: given for key, given in given_to_watch.items() if given is not None}
    )
    said: dict[str, str] = {}  # what an error message calls a setting: as it was typed
    for key, check in CHECKS.items():
        given = getattr(arguments, key, None)
        if key == "size" and given is not None:
            values.pop("sizes", None)  # --size replaces the named sizes of the file
        if isinstance(given, list):
            each = [_parsed(key, text) for text in given]
            values[key] = check(each if key == "size" else [one for many in each for one in many])
            said[shown(key, values[key])] = f"{_option(key)} {shortened(given[-1])}"
        elif isinstance(given, str):
            values[key] = _parsed(key, given)
            said[shown(key, values[key])] = f"{_option(key)} {shortened(given)}"
        elif given is not None:
            values[key] = given
    if values.get("layout") == "freedesktop" and not values.get("output"):
        cache = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(cache):  # ignored: XDG Base Directory Specification 0.8
            cache = os.path.expanduser("~/.cache")
        values["output"] = os.path.join(cache, "thumbnails")
    try:
        return merge_settings(None, values), watch
    except ConfigError as error:  # of settings that do not go together
        message = str(error)
        for name, typed in said.items():
            message = message.replace(f"{name}:", f"{typed}:")
        raise ConfigError(message) from None


def _parsed(key: str, text: str) -> Any:
    """Return the value of a setting, parsed from the text of its option and checked.

    Raises:
        ConfigError: the value is empty or not allowed.
    """
    option, check = _option(key), CHECKS[key]
    if not text and key != "link_prefix":
        raise ConfigError(f"{option}: is empty; must be {check.typed or check.right}")
    return check.parsed(text, f"{option} {shortened(text)}")


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"
