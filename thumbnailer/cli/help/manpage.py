"""The manual page, generated from the same table as `--help`.

Format: groff_man(7).
"""

from __future__ import annotations

import re
import textwrap

import thumbnailer
from thumbnailer.cli.help.pages import page_titles
from thumbnailer.cli.help_format import EXIT_CODES
from thumbnailer.cli.options import COMMANDS, long_name

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
.SH COMMANDS"""

_FILES = r""".SH FILES
.TP
.I .thumbnailer
In each folder of thumbnails: which thumbnail was made of which picture.
It marks the folder as made by this program."""


def manual_page() -> str:
    """Return the manual page in roff format.

    Raises:
        ThumbnailError: the help pages, which it names, can't be read.
    """
    head = _HEAD.replace("{version}", thumbnailer.__version__)
    pages = {f"thumbnailer help {name}": about for name, about in page_titles().items()}
    parts = [head, *_commands(), ".SH EXIT STATUS", *_entries(EXIT_CODES)]
    parts += [_FILES, ".SH SEE ALSO", *_entries(pages), ""]
    return "\n".join(parts)


def _commands() -> list[str]:
    """Return the section on the commands.

    An option that an earlier command has with the same help is only named.
    """
    lines, seen = list[str](), set[tuple[str, str]]()
    for name, command in COMMANDS.items():
        lines += [f".SS {_escape(f'thumbnailer {name} {command.usage}'.rstrip())}"]
        lines += [_escape(command.description)]
        repeated = []
        for title, options in command.groups.items():
            heading = [".PP", f".I {title}:"]
            for usage, about in options.items():
                option = usage if usage.startswith("-") else usage.strip("[.]")
                if (option, about) in seen:
                    repeated.append(long_name(option))
                    continue
                seen.add((option, about))
                lines += [*heading, ".TP", f".B {_escape(option)}", _escape(about)]
                heading = []
        examples = [_escape(f"  thumbnailer {name} {example}") for example in command.examples]
        lines += [".PP", ".I examples:", ".nf", *examples, ".fi"]
        if len(repeated) > 1:  # more than --help
            also = f"Also, as described above: {', '.join(repeated)}."
            lines += [".PP", *map(_escape, textwrap.wrap(also, 60))]
    return lines


def _entries(entries: dict[str, str]) -> list[str]:
    """Return a list of terms, each with what it is about in a sentence; backticks make bold."""
    lines = []
    for term, about in entries.items():
        sentence = _escape(f"{about[0].upper()}{about[1:]}.")
        lines += [".TP", f".B {_escape(term)}", re.sub("`(.+?)`", r"\\fB\1\\fR", sentence)]
    return lines


def _escape(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\\&\1", text)
