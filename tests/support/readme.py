"""The README taken apart: its blocks of code and its tables of options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from support.project import PROJECT

README = (PROJECT / "README.md").read_text()


@dataclass(frozen=True)
class Block:
    """A block of code; `language` is "" for an indented one."""

    language: str
    text: str

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0]

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def commands(self) -> list[tuple[str, list[str]]]:
        """What is typed after a `$`, each with the lines that it prints."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [(lines[0], lines[1:]) for lines in map(str.splitlines, parts)]


def blocks() -> Iterator[Block]:
    fenced = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    yield from (Block(*found.groups()) for found in fenced.finditer(README))
    lines = fenced.sub("", README).splitlines()
    for is_code, group in groupby(lines, lambda line: line.startswith("    ")):
        if is_code:
            yield Block("", "".join(f"{line[4:]}\n" for line in group))


def block(start: str) -> Block:
    """The only block that begins so."""
    (found,) = (one for one in blocks() if one.text.startswith(start))
    return found


def section(title: str) -> str:
    """What is below a heading that begins so, up to the next of its level."""
    return README.partition(f"\n## {title}")[2].partition("\n## ")[0]


def options_in(title: str) -> set[str]:
    """The options in the tables of a section."""
    rows = re.findall(r"^\| (`-.*?) \|", section(title), re.MULTILINE)
    return {option for row in rows for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", row)}
