"""Draw what a terminal shows of a run, as SVG."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

import pyte
from support.project import SAMPLES
from support.terminal import on_terminal

# In px: one character of a monospaced font at 13 px, whose advance is mostly .6 em.
_CELL, _LINE, _EDGE = 7.8, 19, 16
_COLUMNS = 100
_FOLDERS = ("Alps", "Kyoto", "Lisbon", "Lofoten", "Rome")
_GROUND, _INK, _BAR = "#1d2127", "#dfe3e8", "#7fb4e6"

# The colours of a terminal, by the names that pyte has for them.
_COLOURS = {
    "black": "#5c6370",
    "brightblack": "#8b93a1",
    "red": "#f07178",
    "green": "#98c379",
    "brown": "#e5c07b",
    "blue": "#7fb4e6",
    "magenta": "#c792ea",
    "cyan": "#7fdbca",
    "white": _INK,
}

# Blocks of a bar, U+2588 being a full one and U+258F an eighth, or words between single spaces.
_TOKENS = re.compile(r"[\u2588-\u258f]+|[^\s\u2588-\u258f]+(?: [^\s\u2588-\u258f]+)*")

Line = list[pyte.screens.Char]


def screens(folder: Path, copies: int = 3) -> list[list[Line]]:
    """Return what a terminal shows of `thumbnailer make`, on its way and at its end.

    Args:
        folder: where there is room for a folder `Pictures`.
        copies: how many of each sample it has in each of its folders.
    """
    for name in _FOLDERS:
        for sample in filter(Path.is_file, SAMPLES.iterdir()):
            for number in range(1, copies + 1):
                copied = folder / "Pictures" / name / f"{sample.stem} {number}{sample.suffix}"
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(sample, copied)
    os.truncate(folder / "Pictures" / _FOLDERS[1] / "grey-birches 1.jpg", 60_000)
    session = on_terminal("make", "Pictures", columns=_COLUMNS, out_too=True, cwd=folder)
    typed = f"$ thumbnailer make Pictures\r\n{session.shown}"
    frames = re.finditer(r"[^\r\n]+", typed)
    bars = [one.end() for one in frames if "failed" in one[0] and " left" in one[0]]
    return [lines_of(typed[: bars[len(bars) // 3]]), lines_of(typed)]


def lines_of(written: str) -> list[Line]:
    """What stands on a terminal after this was written to it, down to the last line with text."""
    screen = pyte.Screen(_COLUMNS, 40)
    pyte.Stream(screen).feed(written)
    lines = [[screen.buffer[y][x] for x in range(_COLUMNS)] for y in range(40)]
    last = max(y for y, text in enumerate(screen.display) if text.strip())
    return lines[: last + 1]


def words_of(screen: Sequence[Line]) -> list[str]:
    """The lines of a screen, with blanks in place of what is drawn of a bar."""
    return [re.sub(r"[\u2588-\u258f]", " ", _text(line)) for line in screen]


def column_of(x: str) -> int:
    """The column of the terminal in which something drawn stands."""
    return round((float(x) - _EDGE) / _CELL)


def drawn(screens: Sequence[Sequence[Line]]) -> str:
    """Return screens as SVG, one below the other."""
    width, top = round(_COLUMNS * _CELL) + 2 * _EDGE, 0
    parts = list[str]()
    for lines in screens:
        height = len(lines) * _LINE + 2 * _EDGE - 4
        parts.append(f'<rect y="{top}" width="{width}" height="{height}" rx="8" fill="{_GROUND}"/>')
        parts += ("".join(_drawn(line, top + _EDGE + at * _LINE)) for at, line in enumerate(lines))
        top += height + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top - 10}" width="{width}"'
        f' height="{top - 10}" font-family="ui-monospace, Menlo, Consolas, monospace"'
        f' font-size="13" fill="{_INK}">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _text(line: Line) -> str:
    return "".join(char.data for char in line)


def _drawn(line: Line, y: int) -> Iterator[str]:
    """Words at their columns, whatever the font; blocks are drawn, as few fonts join them."""
    for token in _TOKENS.finditer(_text(line)):
        if token[0][0] >= "\u2588":
            x = _EDGE + token.start() * _CELL
            length = sum(0x2590 - ord(block) for block in token[0]) * _CELL / 8
            yield f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="14" fill="{_BAR}"/>'
            continue
        at = token.start()
        for style, chars in groupby(line[at : token.end()], _style):
            part = _text([*chars])
            words = part.strip()  # blanks at the edges are not drawn, wherever they stand
            x = _EDGE + (at + part.index(words)) * _CELL
            yield f'<text x="{x:.1f}" y="{y + 11}" textLength="{len(words) * _CELL:.1f}"{style}>'
            yield f"{escape(words, quote=False)}</text>"
            at += len(part)


def _style(char: pyte.screens.Char) -> str:
    """The attributes of a text in the colour and weight of a character."""
    colour = "" if char.fg == "default" else f' fill="{_COLOURS.get(char.fg, f"#{char.fg}")}"'
    return colour + (' font-weight="bold"' if char.bold else "")
