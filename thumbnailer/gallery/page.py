"""Build a gallery page, and read back what an earlier page knew of its pictures.

The pictures are JSON data inside the page, one line for each thousand of a folder. The next run
takes from there what workers found out. A separate cache file could get out of step with the page,
would have to be cleaned up, and would hold no more.
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
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from thumbnailer.door.pages import path_between
from thumbnailer.model import HeaderFacts, Source, Thumbnail, is_placeholder

# Pictures in a line: the browser parses each line in one step, which takes a millisecond.
SECTION_PICTURES = 1000

_SECTION_LINE = re.compile(
    rb'^<script type="application/json" data-folder="([^"<>]*)">(\{.*\})</script>$', re.MULTILINE
)

# Names that need no escapes in a URL; most names of pictures are such.
_URL_SAFE = re.compile(r"[\w.-]+", re.ASCII)

# The types of the values in a valid row.
_ROW_TYPES = [str, str, int, int, int, int, str, str, list]

# A picture in the page: name, URL if it differs, bytes, mtime in ns, width, height, date,
# placeholder, and for each thumbnail width, height, bytes and, if it differs from the picture's,
# URL.
Row = list[Any]


@dataclass(slots=True)
class PageSection:
    """Up to `SECTION_PICTURES` pictures of one folder: one line of data in the page.

    Attributes:
        path: of the folder, relative to the source or the output tree that the page shows.
        source: the URL of the folder, relative to the page; "" if no link leads there.
        thumbs: the URLs of its thumbnail folders, likewise, one for each size.
        rows: the pictures that have thumbnails.
        without: pictures without one: name, URL if it differs, reason, and whether they failed.
        waiting: number of rows whose facts a worker has yet to find out.
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
        """Return the section as a `<script>` element with JSON, on one line."""
        content = {name: getattr(self, name) for name in ("source", "thumbs", "rows", "without")}
        content["path"] = self.path.replace(os.sep, "/")
        text = json.dumps(content, separators=(",", ":"))
        # ASCII with escapes: no name can end the script or open a comment.
        data = text.replace("<", r"\u003c").replace(">", r"\u003e")
        folder = url_of(self.path)
        return f'<script type="application/json" data-folder="{folder}">{data}</script>\n'.encode()


def build_row(source: Source, thumbnails: Iterable[Thumbnail]) -> Row:
    """Return the row of a picture and its thumbnails, with None in place of its facts."""
    name = os.path.basename(source.path)
    sizes: list[int | str] = []
    for one in thumbnails:
        url = _url_unless_implied(os.path.basename(one.path), name)
        sizes += one.width, one.height, one.size_bytes, url
    known = [name, _url_unless_implied(name, ""), source.size_bytes, source.mtime_ns]
    return [*known, None, None, None, None, sizes]


def row_without_thumbnail(path: str, reason: str, *, failed: bool) -> tuple[str, str, str, bool]:
    """Return the entry of a picture that has no thumbnail, as in `PageSection.without`."""
    name = os.path.basename(path)
    return name, _url_unless_implied(name, ""), reason, failed


def _url_unless_implied(name: str, expected: str) -> str:
    """Return the URL of a name, or "" if the page's script derives it from the row."""
    if name == expected or (not expected and _URL_SAFE.fullmatch(name)):
        return ""
    return url_of(name)


def url_of(path: str) -> str:
    """Return a path as a relative URL, which keeps its bytes, whatever their encoding is."""
    return quote(os.fsencode(path.replace(os.sep, "/")))


def url_between(folder: str, start: str) -> str:
    """Return the URL of a folder relative to another, with a slash at its end.

    That of a folder on another drive of Windows begins with `file:`. That of one which is not in
    the same bucket is "", as of a folder on disk for one in a bucket.
    """
    path = path_between(folder, start)
    if path is None:
        return ""
    return (Path(path).as_uri() if os.path.isabs(path) else url_of(path)) + "/"


class EarlierPage:
    """The facts about pictures that an earlier page holds.

    Args:
        page: its content; b"" if there is none.
    """

    def __init__(self, page: bytes) -> None:
        self._page = page
        self._spans: dict[str, list[tuple[int, int]]] = {}
        for line in _SECTION_LINE.finditer(page):
            self._spans.setdefault(line[1].decode("ascii", "replace"), []).append(line.span(2))
        self._folder: str | None = None
        self._rows: dict[str, Row] = {}

    def facts(self, path: str, row: Row) -> HeaderFacts | None:
        """Return the facts about an unchanged picture with unchanged thumbnails; None if unknown.

        Args:
            path: of the picture's folder, as in `PageSection`.
            row: of the picture as it is now, with its facts or without.
        """
        if path != self._folder:  # pictures come folder by folder
            self._folder, self._rows = path, {}
            for start, end in self._spans.get(url_of(path), ()):
                with suppress(ValueError, RecursionError, TypeError, KeyError):  # edited by hand
                    rows = json.loads(self._page[start:end])["rows"]
                    self._rows |= {each[0]: each for each in rows if isinstance(each[0], str)}
        known = self._rows.get(row[0], [])
        if list(map(type, known)) != _ROW_TYPES or known[:4] != row[:4]:
            return None
        sizes = _known_sizes(known[8], row[8])
        if sizes is None:
            return None
        width, height, taken, placeholder = known[4:8]
        if not is_placeholder(placeholder):  # a page of an earlier version has a colour there
            return None
        return HeaderFacts(width, height, taken, placeholder, sizes)


def _known_sizes(known: list[Any], now: list[Any]) -> tuple[tuple[int, int], ...] | None:
    """Return the sizes in px of thumbnails that have not changed; None if one has.

    Those that there are now have none in a bucket; if they have, there is nothing to return.
    """
    if known == now:
        return ()
    sizes = tuple(zip(known[::4], known[1::4], strict=False))
    are_ours = known[2::4] == now[2::4] and known[3::4] == now[3::4] and len(known) == len(now)
    are_sizes = all(type(side) is int for size in sizes for side in size)
    return sizes if are_ours and are_sizes and not any((*now[::4], *now[1::4])) else None


def build_page(title: str, lines: Iterable[bytes], link_prefix: str = "auto") -> bytes:
    """Return the whole page as UTF-8.

    Args:
        title: the name of the source or output tree that it shows.
        lines: the pictures, from `PageSection.to_bytes`.
        link_prefix: as in `Settings`: pictures are shown from there, too.
    """
    here = files(__package__)
    texts = {name: here.joinpath(name).read_text("utf-8") for name in _PARTS}
    script = "".join(texts[name] for name in _PARTS if name.endswith(".js"))
    style = texts["style.css"]
    marks = {
        "title": html.escape(os.fsencode(title).decode("utf-8", "replace")),
        "style": style,
        "script": script,
        "images": "".join(re.findall("^https?://[^/]+", link_prefix)),
        "style_hash": _csp_hash(style),
        "script_hash": _csp_hash(script),
    }
    head, _, tail = Template(texts["page.html"]).substitute(marks, data="\0").partition("\0")
    return b"".join((head.encode(), *lines, tail.encode()))


_PARTS = ("page.html", "style.css", "view.js", "placeholder.js", "lightbox.js", "controls.js")


def _csp_hash(text: str) -> str:
    """Return the hash that admits a text in a Content-Security-Policy: CSP level 3, 6.7.3.3."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
