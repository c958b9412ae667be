"""Read and check the settings in a `config.toml`, and write settings in that form."""

from __future__ import annotations

import codecs
import dataclasses
import json
import re
from typing import Any

from thumbnailer.config.checks import check_key
from thumbnailer.config.settings import CHECKS, KEYS, Settings
from thumbnailer.config.watch_table import (
    EXAMPLE,
    WATCH_CHECKS,
    WatchTable,
    checked_watch_table,
)
from thumbnailer.errors import ConfigError, shortened


def read_config(path: str) -> tuple[dict[str, Any], WatchTable]:
    """Return the checked values of a `config.toml`; keys it leaves out keep their defaults.

    Returns:
        The settings, and the table of what only `watch` heeds.

    Raises:
        ConfigError: the file can't be read, is not TOML, or holds an unknown key or an impossible
            value. The message names file, line, key and value, and says which values are right.
    """
    import tomllib  # 15 ms

    try:
        with open(path, "rb") as file:
            text = _text(file.read()) + "\n"  # else errors in the last line come without its number
        values = tomllib.loads(text)
    except FileNotFoundError:
        hint = "`thumbnailer config` prints one to start from"
        raise ConfigError(f"{shortened(path)}: no such file; {hint}") from None
    except OSError as error:
        raise ConfigError(f"{shortened(path)}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{shortened(path)}: is no text in UTF-8") from None
    except (ValueError, RecursionError) as error:  # no TOML, or too long a number
        raise ConfigError(f"{shortened(path)}{_syntax_fault(str(error), text)}") from None

    def said(key: str, value: object) -> str:
        return f"{shortened(path)}{_line_of(key, text)}: {shortened(f'{key} = {_toml(value)}')}"

    watch = checked_watch_table(values.pop("watch", {}), said)
    for key, value in values.items():
        words = said(key, value)
        if key in WATCH_CHECKS:
            raise ConfigError(f"{words}: belongs in the table [watch]")
        check_key(key, (*CHECKS, "watch"), words)
        values[key] = CHECKS[key].checked(value, words)
    return values, watch


def _syntax_fault(error: str, text: str) -> str:
    """Return the line of an error of `tomllib`, and what is wrong there, or should be."""
    reason, _, place = error.removesuffix(")").partition(" (at line ")
    number = place.partition(",")[0]
    if not number.isdecimal():
        return f": is not valid TOML: {error}"
    line = text.split("\n")[int(number) - 1].strip()
    said = f":{number}: {shortened(line)}"
    if reason == "Cannot overwrite a value":
        return f"{said}: is set before"
    key, _, value = (part.strip() for part in re.sub("[:=]", "\n", line, count=1).partition("\n"))
    if key in KEYS and (meant := _meant(value)):
        is_list = isinstance(KEYS[key].default, tuple)
        return f"{said}: did you mean `{key} = {f'[{meant}]' if is_list else meant}`?"
    return f"{said}: is not valid TOML: {reason}"


def _meant(value: str) -> str:
    """Return a value that is no TOML as it would be: a text in quotes; "" if that is unclear."""
    if re.fullmatch(r'"[^"\']*\\[^"\']*"', value):  # a path of Windows
        return f"'{value[1:-1]}'"
    if value.lower() in ("true", "false"):
        return value.lower()
    if re.fullmatch(r'[\d_]+|"[^"\\]*"', value):  # all that was wrong is a colon
        return value
    return f'"{value}"' if value and not set("\"'[]{}\\#") & set(value) else ""


def _line_of(key: str, text: str) -> str:
    """Return the number of the line where a key or its table begins, after a colon; else ""."""
    name = rf"[\"']?{re.escape(key)}[\"']?"
    begin = re.search(rf"^[ \t]*(?:{name}[ \t]*[.=]|\[{name}[.\]])", text, re.MULTILINE)
    return f":{text.count(chr(10), 0, begin.start()) + 1}" if begin else ""


def _text(content: bytes) -> str:
    """Return the text of a file: UTF-8, or UTF-16 with a mark, as Windows PowerShell writes it."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    return text.replace("\r\n", "\n")


def to_toml(settings: Settings, watch: WatchTable | None = None) -> str:
    """Return the settings as the text of a `config.toml`, with a comment for each key.

    Args:
        watch: what its table `[watch]` is to hold; an example takes the place of an empty one.
    """
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
    own = {key: value for key in WATCH_CHECKS if (value := getattr(watch, key, None)) is not None}
    lines = "".join(f"{key} = {_toml(value)}\n" for key, value in own.items())
    blocks.append(f"[watch]\n{lines}" if own else EXAMPLE)
    return "# Settings of thumbnailer; `thumbnailer config` prints them.\n\n" + "\n".join(blocks)


def _toml(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    # JSON writes strings, numbers and booleans as TOML does, except for one character (DEL).
    # Dates are in no setting, but may be in a file that is wrong.
    return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")
