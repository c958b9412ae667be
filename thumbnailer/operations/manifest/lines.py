"""The lines of a manifest: what each picture has, as text."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import Any

from thumbnailer.config.settings import Settings
from thumbnailer.door.documents import thumbnail_sizes
from thumbnailer.door.places import is_remote
from thumbnailer.model import Outcome, Run, Source

# What the file is.
FIRST_LINE = json.dumps({"thumbnailer": 1, "file": "manifest"}).encode() + b"\n"

# What a thumbnail's width is until it is known, as it stands in a line.
_NO_WIDTH = b'"width": 0,'

# How many pictures are asked together for the sizes of their thumbnails.
_BATCH = 256


class Lines:
    """The lines of a manifest: for each picture, the text after its name.

    Args:
        folder: path or URL of the folder of the manifest, by which thumbnails are named.
        sources, settings, run: as for `with_manifest`.

    Attributes:
        is_unsure: whether something could not be read in which there may be pictures.
    """

    def __init__(self, folder: str, sources: Sequence[str], settings: Settings, run: Run) -> None:
        self._start, self._settings, self._run = _with_slash(folder), settings, run
        self._name = _namer(sources)
        self._lines: dict[str, bytes] = {}  # b"" for a picture without thumbnails
        self.is_unsure = False

    def add(self, outcome: Outcome) -> None:
        """Note what a picture has."""
        source, error = outcome.source, outcome.error
        if outcome.status in ("made", "current"):
            self._lines[self._name(source.path)] = _packed(self._row(outcome))
        elif outcome.status == "failed":
            self._lines[self._name(source.path)] = b""
            self.is_unsure |= error is not None and error.stage == "scan"
        elif not self._run.is_stopped:  # else nobody may have looked at it
            self._lines.setdefault(self._name(source.path), b"")

    def merge(self, earlier: bytes, *, is_whole: bool) -> dict[str, bytes]:
        """Return the lines of an earlier manifest that are kept; take over sizes from it.

        Args:
            is_whole: whether all pictures were looked at: then none is kept.
        """
        kept: dict[str, bytes] = {}
        for line in islice(io.BytesIO(earlier), 1, None):
            with suppress(ValueError, TypeError, KeyError, AttributeError):  # not written by us
                row = json.loads(line)
                name = row.pop("source")
                if not isinstance(name, str):
                    continue
                if name not in self._lines:
                    if not is_whole:
                        kept[name] = _packed(row)
                elif _NO_WIDTH in self._lines[name]:
                    self._lines[name] = _packed(_with_sizes(_unpacked(self._lines[name]), row))
        return kept

    def ask_for_sizes(self) -> None:
        """Ask the bucket of the thumbnails for those sizes that are not known."""
        if not is_remote(self._settings.output):
            return
        names = (name for name, line in self._lines.items() if _NO_WIDTH in line)
        for batch in iter(lambda: [*islice(names, _BATCH)], []):
            rows = {name: _unpacked(self._lines[name]) for name in batch}
            unknown = [
                one for row in rows.values() for one in row["thumbnails"] if not one["width"]
            ]
            paths = [self._full(one["path"]) for one in unknown]
            sizes = thumbnail_sizes(paths, self._settings, self._run.stop)
            for one, size in zip(unknown, sizes, strict=True):
                one["width"], one["height"] = size
            self._lines |= {name: _packed(row) for name, row in rows.items()}

    def text(self, kept: dict[str, bytes]) -> bytes:
        """Return all of the manifest, with the lines that are kept of the earlier one."""
        text = io.BytesIO()
        text.write(FIRST_LINE)
        for name in sorted({*self._lines, *kept}):
            line = self._lines.get(name, b"")
            if _NO_WIDTH in line:
                line = _packed(_without_unknown(_unpacked(line)))
            if line := line or kept.get(name, b""):
                text.write(b'{"source": %b, %b}\n' % (json.dumps(name).encode(), line))
        return text.getvalue()

    def _row(self, outcome: Outcome) -> dict[str, Any]:
        thumbnails = [
            {
                "path": self._relative(one.path),
                "width": one.width,
                "height": one.height,
                "bytes": one.size_bytes,
                "type": one.mime_type,
            }
            for one in outcome.thumbnails
        ]
        source = outcome.source
        return {"etag": _version(source), "bytes": source.size_bytes, "thumbnails": thumbnails}

    def _relative(self, path: str) -> str:
        full = _full(path)
        return _slashes(full[len(self._start) :]) if full.startswith(self._start) else full

    def _full(self, path: str) -> str:
        return path if is_remote(path) else f"{self._start}{path}"


def _namer(sources: Sequence[str]) -> Callable[[str], str]:
    """Return a function from the path of a picture to its name in the manifest."""
    start = ""
    if len(sources) == 1:
        (root,) = sources
        start = f"{root.rstrip('/')}/" if is_remote(root) else os.path.join(root, "")

    def name(path: str) -> str:
        if start and path.startswith(start):
            return _slashes(path[len(start) :]) if not is_remote(path) else path[len(start) :]
        return _full(path)

    return name


def _full(path: str) -> str:
    """Return the path of a file from the root of the disk; a URL as it is."""
    if is_remote(path):
        return path
    folder, name = os.path.split(path)
    return os.path.join(_absolute(folder), name)


@lru_cache(maxsize=1000)
def _absolute(folder: str) -> str:
    return os.path.abspath(folder)


def _with_slash(folder: str) -> str:
    return f"{folder}/" if is_remote(folder) else os.path.join(folder, "")


def _slashes(path: str) -> str:
    return path if os.sep == "/" else path.replace(os.sep, "/")


def _version(source: Source) -> str:
    """Return a text that differs between any two contents of a picture."""
    return source.etag.strip('"') or f"{source.size_bytes}-{source.mtime_ns}"


def _with_sizes(row: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """Return a line with the sizes that thumbnails have in an earlier one, if they are the same."""
    if (row["etag"], row["bytes"]) == (earlier["etag"], earlier["bytes"]):
        known = {(one["path"], one["bytes"]): one for one in earlier["thumbnails"]}
        for one in row["thumbnails"]:
            if not one["width"] and (same := known.get((one["path"], one["bytes"]))):
                one["width"], one["height"] = int(same["width"]), int(same["height"])
    return row


def _without_unknown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a line without the sizes that are not known."""
    for one in row["thumbnails"]:
        if not one["width"]:
            del one["width"], one["height"]
    return row


def _packed(row: dict[str, Any]) -> bytes:
    """Return a line after the name of the picture, without its last brace.

    In ASCII with escapes, so that each file name stays exact.
    """
    return json.dumps(row)[1:-1].encode()


def _unpacked(line: bytes) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(b"{%b}" % line)
    return row
