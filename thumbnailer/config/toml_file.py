"""Read and check the settings in a `config.toml`, and write settings in that form."""

from __future__ import annotations

import codecs
import dataclasses
import json
from typing import Any

from thumbnailer.config.checks import check_key, shown
from thumbnailer.config.settings import CHECKS, KEYS, Settings
from thumbnailer.errors import ConfigError, shortened


def read_config(path: str) -> dict[str, Any]:
    """Return the checked values of a `config.toml`; keys it leaves out keep their defaults.

    Raises:
        ConfigError: the file can't be read, is not TOML, or holds an unknown key or an impossible
            value. The message names file, key and value, and says which values are right.
    """
    import tomllib  # 15 ms

    try:
        with open(path, "rb") as file:
            values = tomllib.loads(_text(file.read()))
    except FileNotFoundError:
        hint = "`thumbnailer config` prints one to start from"
        raise ConfigError(f"{shortened(path)}: no such file; {hint}") from None
    except OSError as error:
        raise ConfigError(f"{shortened(path)}: can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or too long a number
        raise ConfigError(f"{shortened(path)}: is not valid TOML: {error}") from None
    for key, value in values.items():
        said = f"{shortened(path)}: {shown(key, value)}"
        check_key(key, CHECKS, said)
        values[key] = CHECKS[key].checked(value, said)
    return values


def _text(content: bytes) -> str:
    """Return the text of a file: UTF-8, or UTF-16 with a mark, as Windows PowerShell writes it."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    return text.replace("\r\n", "\n")


def to_toml(settings: Settings) -> str:
    """Return the settings as the text of a `config.toml`, with a comment for each key."""
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
    # JSON writes strings, numbers and booleans as TOML does, except for one character (DEL).
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
