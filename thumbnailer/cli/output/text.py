"""Text for people: escape unprintable characters; format bytes, durations and numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from thumbnailer.cli.terminal import coloured

# What to do about files that are in the way of thumbnails.
WAY_OUT = "move it away, or replace it with --replace"

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def printable(text: str) -> str:
    """Return the text with escapes for what would disturb a terminal or can't be encoded."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def print_notes(notes: Iterable[str]) -> None:
    """Print what there is to say of a run as a whole, on stderr."""
    for note in notes:
        print(coloured(printable(note), "note", sys.stderr), file=sys.stderr, flush=True)


def counted(number: int, noun: str, grouping: str = ",") -> str:
    """Return a number with its noun, such as `1 folder` or `12,345 folders`.

    Args:
        grouping: what groups its digits; "" in summaries, which scripts take apart.
    """
    return f"{number:{grouping}} {noun}{'s' * (number != 1)}"


def format_bytes(count: float) -> str:
    """Return a number of bytes as text, such as `34.5 MB`."""
    if count < 1000:
        return counted(round(count), "byte")
    power = 0
    while count >= 999.5 and power < len(_UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{format_number(count)} {_UNITS[power]}"


def format_duration(seconds: float) -> str:
    """Return a duration rounded, in seconds, minutes or hours, such as `4 minutes`."""
    count, name = seconds, "second"
    if seconds >= 5400:
        count, name = seconds / 3600, "hour"
    elif seconds >= 90:
        count, name = seconds / 60, "minute"
    is_coarse = name == "hour" and count < 9.5
    text = f"{count:.1f}".removesuffix(".0") if is_coarse else f"{max(count, 1):.0f}"
    return f"{text} {name}" + ("" if text == "1" else "s")


def format_number(number: float) -> str:
    """Return a number rounded for reading, such as `12,345`, `34.5` or `0.071`."""
    if number >= 99.95:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 0.95 else f"{number:.2g}"
