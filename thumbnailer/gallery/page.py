"""The page as bytes, and what an earlier page knew.

The pictures are data inside the page, a line for each thousand of a folder. What a worker had to
look for is found there again the next time: a file of its own for that could get out of step with
the page, would have to be swept up, and would tell no more.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import quote

from thumbnailer.model import HeaderFacts, Source, Thumbnail

NAME = "index.html"

# Of a page that is ours, near its start.
_OURS = b'<meta name="generator" content="thumbnailer">'
_START_BYTES = 1024

# Pictures in a line: the browser reads a line at once, and this one takes it a millisecond.
SECTION_PICTURES = 1000

_LINE = re.compile(
    rb'^<script type="application/json" data-folder="([^"<>]*)">(\{.*\})</script>$', re.MULTILINE
)

# What a URL holds as it is; most names of pictures are such.
_PLAIN = re.compile(r"[\w.-]+", re.ASCII)

# The types in a row that makes sense.
_ROW = [str, str, int, int, int, int, str, str, list]

# A picture as the page has it: name, URL if that is another, bytes, mtime in ns, then width, height
# and date, colour, and of each thumbnail width, height, bytes and, if it is not the picture's, URL.
Row = list[Any]


@dataclass(slots=True)
class PageSection:
    """Some of the pictures in a folder.

    Attributes:
        path: of the folder, relative to what the page is of.
        source, thumbs: the URLs of the folder and of those of its thumbnails, from the page.
        rows: the pictures that have thumbnails.
        without: those that have none: name, URL if that is another, the reason, and whether they
            have failed.
        waiting: of how many rows the facts are not there yet.
    """

    path: str
    source: str
    thumbs: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    without: list[tuple[str, str, str, bool]] = field(default_factory=list)
    waiting: int = 0

    def __len__(self) -> int:
        return len(self.rows) + len(self.without)

    def to_bytes(self) -> bytes:
        content = {name: getattr(self, name) for name in ("source", "thumbs", "rows", "without")}
        content["path"] = self.path.replace(os.sep, "/")
        text = json.dumps(content, separators=(",", ":"))
        # ASCII, in which no name ends the script or opens a comment.
        data = text.replace("<", r"\u003c").replace(">", r"\u003e")
        folder = url_of(self.path)
        return f'<script type="application/json" data-folder="{folder}">{data}</script>\n'.encode()


def build_row(source: Source, thumbnails: Iterable[Thumbnail], facts: HeaderFacts | None) -> Row:
    """A picture with its thumbnails; None stands for what may be found out another time."""
    name = os.path.basename(source.path)
    known = (facts.width, facts.height, facts.taken, facts.colour) if facts else (None,) * 4
    sizes: list[int | str] = []
    for one in thumbnails:
        url = _other(os.path.basename(one.path), name)
        sizes += one.width, one.height, one.size_bytes, url
    return [name, _other(name, ""), source.size_bytes, source.mtime_ns, *known, sizes]


def row_without_thumbnail(path: str, reason: str, *, failed: bool) -> tuple[str, str, str, bool]:
    name = os.path.basename(path)
    return name, _other(name, ""), reason, failed


def _other(name: str, expected: str) -> str:
    """The URL of a name, where it does not go without saying."""
    if name == expected or (not expected and _PLAIN.fullmatch(name)):
        return ""
    return url_of(name)


def url_of(path: str) -> str:
    """A path as a relative URL: its very bytes, whatever their encoding is."""
    return quote(os.fsencode(path.replace(os.sep, "/")))


def url_between(folder: str, start: str) -> str:
    """The URL of a folder seen from another, with a slash at its end."""
    return url_of(os.path.relpath(folder or os.curdir, start or os.curdir)) + "/"


class EarlierPage:
    """What a page knows of pictures.

    Args:
        page: its content; b"" if there is none.
    """

    def __init__(self, page: bytes) -> None:
        self._page = page
        self._places: dict[str, list[tuple[int, int]]] = {}
        for line in _LINE.finditer(page):
            self._places.setdefault(line[1].decode("ascii", "replace"), []).append(line.span(2))
        self._at: str | None = None
        self._rows: dict[str, Row] = {}

    def facts(self, path: str, row: Row) -> HeaderFacts | None:
        """What was found out about a picture in a folder when it and its thumbnails were just as
        they are now; None if that is not known."""
        if path != self._at:  # pictures come folder by folder
            self._at, self._rows = path, {}
            for start, end in self._places.get(url_of(path), ()):
                with suppress(ValueError, RecursionError, TypeError, KeyError):  # other hands
                    rows = json.loads(self._page[start:end])["rows"]
                    self._rows |= {each[0]: each for each in rows if isinstance(each[0], str)}
        known = self._rows.get(row[0], [])
        if list(map(type, known)) != _ROW or known[:4] != row[:4] or known[8] != row[8]:
            return None
        return HeaderFacts(*known[4:8])


def is_ours(page: bytes) -> bool:
    return _OURS in page[:_START_BYTES]


def build_page(title: str, lines: Iterable[bytes]) -> bytes:
    """The whole page.

    Args:
        title: what it is of.
        lines: the pictures, of `Line.to_bytes`.
    """
    here = files(__package__)
    texts = {name: here.joinpath(name).read_text("utf-8") for name in _PARTS}
    script = "".join(texts[name] for name in _PARTS if name.endswith(".js"))
    style = texts["style.css"]
    marks = {
        "title": html.escape(os.fsencode(title).decode("utf-8", "replace")),
        "style": style,
        "script": script,
        "style_hash": _hash(style),
        "script_hash": _hash(script),
    }
    head, _, tail = Template(texts["page.html"]).substitute(marks, data="\0").partition("\0")
    return b"".join((head.encode(), *lines, tail.encode()))


_PARTS = ("page.html", "style.css", "view.js", "lightbox.js", "controls.js")


def _hash(text: str) -> str:
    """What the page's Content-Security-Policy knows the text by: CSP level 3, 6.7.3.3."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
