"""`config.toml`, the command line and overrides into `Settings`; whatever is wrong is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from thumbnailer import values
from thumbnailer.errors import ConfigError
from thumbnailer.settings import KEYS, Settings, checked_value, shown


def read_config(path: str) -> dict[str, Any]:
    """The checked values of a `config.toml`; keys it leaves out keep their defaults.

    Raises:
        ConfigError: it can't be read, is not TOML, or holds an unknown key or an impossible value;
            names file, key and value, and says what would be right.
    """
    import tomllib  # 15 ms

    if not path:
        raise ConfigError("--config: is empty; must be the path of a file")
    try:
        with open(path, encoding="utf-8-sig") as file:  # some editors begin with a mark
            values = tomllib.loads(file.read())
    except FileNotFoundError:
        hint = "`thumbnailer config` prints one to start from"
        raise ConfigError(f"{path}: no such file; {hint}") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or numbers without end
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None
    return {
        key: _checked(key, value, f"{path}: {key} = {shown(value)}")
        for key, value in values.items()
    }


def from_text(key: str, text: str, option: str) -> Any:
    """The checked value of a setting as typed on the command line after `option`.

    Raises:
        ConfigError: it is impossible.
    """
    if not text and KEYS[key].metadata["read"] is not values.globs_of:
        raise ConfigError(f"{option}: is empty; must be {KEYS[key].metadata['right']}")
    return checked_value(key, KEYS[key].metadata["read"](text), f"{option} {text}")


def merged(settings: Settings | None, overrides: Mapping[str, Any]) -> Settings:
    """The settings with some of them replaced.

    Raises:
        ConfigError: an override is no setting, or its value is impossible.
    """
    for key, value in overrides.items():
        _known(key, f"{key} = {shown(value)}")
    if settings and "size" in overrides and "sizes" not in overrides:
        overrides = {**overrides, "sizes": {}}  # one in place of all named ones
    return dataclasses.replace(settings or Settings(), **overrides)


def _checked(key: str, value: object, said: str) -> Any:
    _known(key, said)
    return checked_value(key, value, said)


def _known(key: str, said: str) -> None:
    if key not in KEYS:
        import difflib  # 1 ms, which only a mistake need wait

        close = difflib.get_close_matches(key, KEYS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the settings are {', '.join(KEYS)}"
        raise ConfigError(f"{said}: there is no such setting; {hint}")
