"""What people read, taken apart: the README and the help pages, their blocks of code and tables."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.project import PROJECT

HELP = PROJECT / "thumbnailer" / "help"
GITHUB = PROJECT / ".github"
CONTRIBUTING, SECURITY = GITHUB / "CONTRIBUTING.md", GITHUB / "SECURITY.md"
CHANGELOG = PROJECT / "CHANGELOG.md"
PATHS = [PROJECT / "README.md", CONTRIBUTING, SECURITY, *sorted(HELP.glob("*.md"))]
TEXTS = {path: path.read_text() for path in PATHS}
README = TEXTS[PROJECT / "README.md"]


@dataclass(frozen=True)
class Block:
    """A block of code; `language` is "" for an indented one."""

    path: Path
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


_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}.*\n)+")


def blocks() -> Iterator[Block]:
    """All blocks of all pages, of each page in order."""
    for path, text in TEXTS.items():
        found = [(one.start(), Block(path, *one.groups())) for one in _FENCED.finditer(text)]
        rest = _FENCED.sub(lambda one: "." * len(one[0]), text)
        for one in _INDENTED.finditer(rest):
            found.append((one.start(), Block(path, "", textwrap.dedent(one[0]))))
        yield from (block for _, block in sorted(found, key=lambda pair: pair[0]))


def sentences(path: Path) -> str:
    """A page without its blocks of code."""
    return _INDENTED.sub("", _FENCED.sub("", path.read_text()))


def spans(path: Path) -> list[str]:
    """What stands in backticks in a page's sentences and tables, each once, on one line."""
    found = re.findall(r"`([^`]+)`", sentences(path))
    return [*dict.fromkeys(" ".join(text.split()).replace("\\|", "|") for text in found)]


def block(start: str) -> Block:
    """The only block that begins so."""
    (found,) = (one for one in blocks() if one.text.startswith(start))
    return found


def page(name: str) -> str:
    """The text of a help page."""
    return TEXTS[HELP / f"{name}.md"]


def section(text: str, title: str) -> str:
    """What is below a heading that begins so, up to the next of its level."""
    _, found, after = text.partition(f"\n## {title}")
    assert found, title
    return after.partition("\n## ")[0]
