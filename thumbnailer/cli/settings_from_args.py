"""Build `Settings` from parsed command-line arguments."""

from __future__ import annotations

import argparse
import os
from typing import Any

from thumbnailer.config.overrides import merge_settings
from thumbnailer.config.settings import CHECKS, Settings
from thumbnailer.config.toml_file import read_config
from thumbnailer.errors import ConfigError, shortened


def settings_from_args(arguments: argparse.Namespace) -> Settings:
    """Return the settings: options override the configuration file, which overrides defaults."""
    if arguments.config == "":
        raise ConfigError("--config: is empty; must be the path of a file")
    values: dict[str, Any] = {} if arguments.config is None else read_config(arguments.config)
    for key in CHECKS:
        given = getattr(arguments, key, None)
        if key == "size" and given is not None:
            values.pop("sizes", None)  # --size replaces the named sizes of the file
        if isinstance(given, list):
            each = [_parsed(key, text) for text in given]
            values[key] = each if key == "size" else tuple(text for texts in each for text in texts)
        elif given is not None:
            values[key] = _parsed(key, given) if isinstance(given, str) else given
    if values.get("layout") == "freedesktop" and not values.get("output"):
        cache = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(cache):  # ignored: XDG Base Directory Specification 0.8
            cache = os.path.expanduser("~/.cache")
        values["output"] = os.path.join(cache, "thumbnails")
    return merge_settings(None, values)


def _parsed(key: str, text: str) -> Any:
    """Return the value of a setting, parsed from the text of its option and checked.

    Raises:
        ConfigError: the value is empty or not allowed.
    """
    option, check = f"--{key.replace('_', '-')}", CHECKS[key]
    if not text and key not in ("include", "exclude", "link_prefix"):
        raise ConfigError(f"{option}: is empty; must be {check.right}")
    return check.checked(check.read(text), f"{option} {shortened(text)}")
