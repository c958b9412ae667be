"""The manual page, generated from the same parser as `--help`.

Format: groff_man(7).
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable

import thumbnailer
from thumbnailer.cli.help_format import HelpFormatter, option_usage
from thumbnailer.cli.parser import build_parser

_HEAD = r""".TH THUMBNAILER 1 "" "thumbnailer {version}" "User Commands"
.SH NAME
thumbnailer \- thumbnails of many pictures
.SH SYNOPSIS
.B thumbnailer
.I COMMAND
.RI [ OPTION ]...
.SH DESCRIPTION
Makes thumbnails of pictures, and of all pictures in folders, in parallel.
Leaves alone what is current, and reports each picture once.
Without
.B \-\-output
they go to a folder
.I thumbs
beside each picture.
In brackets are the defaults.
.SH COMMANDS
"""

_TAIL = r""".SH EXIT STATUS
.TP
.B 0
All well, or a watch that was told to stop.
.TP
.B 1
It could not run: a source is missing, no worker can be started,
the disk is full or read-only; or
.B prune
refuses.
.TP
.B 2
Wrong usage or configuration.
.TP
.B 3
Done, but some pictures failed, or some thumbnails could not be removed.
.TP
.BR 130 ", " 143
Interrupted by Ctrl-C, terminated by SIGTERM.
.SH FILES
.TP
.I .thumbnailer
In each folder of thumbnails: which thumbnail was made of which picture.
It marks the folder as made by this program.
"""


class _RoffFormatter(HelpFormatter):
    """Help formatter that writes the help of one command as a section of the manual page.

    An option that an earlier command has with the same help is only named.

    Args:
        prog: the program and the command.
        seen: the options described so far, with their help; those of this command are added.
    """

    def __init__(self, prog: str, seen: set[str]) -> None:
        super().__init__(prog)
        self._seen, self._repeated, self._lines = seen, list[str](), list[str]()
        self._heading: str | None = None

    def add_usage(self, usage: str | None, *_: object, **__: object) -> None:
        self._lines.append(f".SS {_escape_roff((usage or '') % {'prog': self._prog})}")

    def add_text(self, text: str | None) -> None:
        lines = (text or "").splitlines()
        if lines[1:]:  # a heading and examples
            self._lines += [".PP", f".I {lines[0]}", ".nf", *map(_escape_roff, lines[1:]), ".fi"]
        else:
            self._lines += map(_escape_roff, lines)

    def start_section(self, heading: str | None) -> None:
        self._heading = heading

    def end_section(self) -> None:
        pass

    def add_arguments(self, actions: Iterable[argparse.Action]) -> None:
        for action in actions:
            line = f"{option_usage(action)}: {action.help}"
            if line in self._seen:
                self._repeated.append(option_usage(action).rpartition(", ")[2].partition(" ")[0])
                continue
            self._seen.add(line)
            if self._heading:
                self._lines += [".PP", f".I {self._heading}:"]
                self._heading = None
            self._lines += [
                ".TP",
                f".B {_escape_roff(option_usage(action))}",
                _escape_roff(action.help or ""),
            ]

    def format_help(self) -> str:
        lines = [*self._lines]
        if len(self._repeated) > 1:  # more than --help
            repeated = f"Also, as described above: {', '.join(self._repeated)}."
            lines += [".PP", *map(_escape_roff, textwrap.wrap(repeated, 60))]
        return "\n".join(lines) + "\n"


def manual_page() -> str:
    """Return the manual page in roff format."""
    seen: set[str] = set()
    parts = [_HEAD.replace("{version}", thumbnailer.__version__)]
    for command in build_parser().commands.values():
        command.formatter_class = lambda prog: _RoffFormatter(prog, seen)
        parts.append(command.format_help())
    return "".join([*parts, _TAIL])


def _escape_roff(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\\&\1", text)
