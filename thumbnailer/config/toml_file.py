"""`config.toml`, the command line and overrides into `Settings`; whatever is wrong is named."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from thumbnailer.config.settings import KEYS, Settings, check_key, checked_value, shown_value
from thumbnailer.errors import ConfigError


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
        key: _checked(key, value, f"{path}: {key} = {shown_value(value)}")
        for key, value in values.items()
    }


def _checked(key: str, value: object, said: str) -> Any:
    check_key(key, said)
    return checked_value(key, value, said)


def to_toml(settings: Settings) -> str:
    """The settings as a `config.toml`, each key with its comment."""
    blocks = [
        f"# {item.metadata['about']}\n{item.name} = {_toml(getattr(settings, item.name))}\n"
        for item in dataclasses.fields(settings)
        if item.name != "sizes"
    ]
    tables = (
        f"[sizes.{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in own.items())
        for name, own in settings.sizes.items()
    )
    example = '# [sizes.small]\n# size = "128x128"\n# fit = "cover"\n'
    about = KEYS["sizes"].metadata["about"]
    blocks.append(f"# {about}\n" + ("\n".join(tables) if settings.sizes else example))
    return "# Settings of thumbnailer; `thumbnailer config` prints them.\n\n" + "\n".join(blocks)


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    # JSON's strings, numbers and booleans are TOML's, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
