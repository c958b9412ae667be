"""What a thumbnail folder knows of itself: a small file that also marks the folder as ours.

The first line is a header, each further line one attempt, the last line of a thumbnail counts:

    {"thumbnailer": 1, "shared": false}
    ["photo.jpg", "../photo.jpg", 48213, 1760000000000000000, "3f2a…", 256, 171, 9120]
    ["broken.jpg", "../broken.jpg", 12, 1760000000000000000, "9b41…", "open", "is empty"]

that is: thumbnail, source, the source's bytes and mtime in ns, the fingerprint it was made (or
failed) under, then width, height and bytes, or stage and reason; of a truncated picture what is
missing comes last. A line is written only after its
thumbnail has its final name, so whatever is killed when, at worst a picture is made again. In a
folder that is shared, a line without a fingerprint comes before it and says whose the name is. A
line with nothing but a name takes the thumbnail out again:

    ["photo.jpg"]
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from thumbnailer.model import Failure, Folder, Source, Thumbnail
from thumbnailer.thumbs import files

MARK = ".thumbnailer"
_VERSION = 1

# The types in a line that makes sense.
_MADE_TYPES = (str, str, int, int, str, int, int, int)
_FAILED_TYPES = (str, str, int, int, str, str, str)
_MADE_WITH_NOTE_TYPES = (*_MADE_TYPES, str)
_LINE_TYPES = (_MADE_TYPES, _FAILED_TYPES, _MADE_WITH_NOTE_TYPES)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One attempt: on which state of which source, under which settings, with what result.

    Attributes:
        result: width and height in px and length in bytes, or the failure.
        note: what is missing of the source, though it has a thumbnail.
    """

    origin: str
    size_bytes: int
    mtime_ns: int
    fingerprint: str
    result: tuple[int, int, int] | Failure
    note: str = ""

    def is_about(self, origin: str, source: Source) -> bool:
        """Whether the attempt was on this very state of this source: equal, not merely newer."""
        return (self.origin, self.size_bytes, self.mtime_ns) == (
            origin,
            source.size_bytes,
            source.mtime_ns,
        )


class Attempt(NamedTuple):
    """An attempt at a thumbnail.

    Attributes:
        name: the thumbnail's.
        origin: its source's path, relative to the folder.
        state: the source as it was read.
        fingerprint: of the recipe, or of the attempt if it failed.
        result: what came of it.
        note: what is missing of the source or was left aside, in words.
    """

    name: str
    origin: str
    state: Source
    fingerprint: str
    result: Thumbnail | Failure
    note: str


class Ledger:
    """The entries of one folder, by thumbnail name.

    Attributes:
        shared: the folder also holds files that are not ours.
    """

    __slots__ = ("_lines", "_rows", "_written", "shared")

    def __init__(self, data: bytes = b"", *, shared: bool = False) -> None:
        self.shared = shared
        self._rows: dict[str, list[Any]] = {}
        self._written: set[str] = set()
        self._lines = 0
        for row in _parse(data):
            if isinstance(row, list) and row and isinstance(name := row[0], str):
                self._rows[name] = row
                self._lines += 1
                if len(row) != len(_FAILED_TYPES) or tuple(map(type, row)) != _FAILED_TYPES:
                    self._written.add(name)
                if len(row) == 1:
                    del self._rows[name]
                    self._written.discard(name)
            elif isinstance(row, dict):
                self.shared = self.shared or row.get("shared") is True

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: str) -> bool:
        """Whether a thumbnail was written under this name, or was about to be; one that has only
        failed has no file."""
        return name in self._written

    def names(self) -> Collection[str]:
        return self._written

    def origins(self) -> Iterator[tuple[str, str]]:
        """Each thumbnail's name with the source it is held for."""
        for name, row in self._rows.items():
            if tuple(map(type, row)) in _LINE_TYPES:
                yield name, row[1]

    def get(self, name: str) -> LedgerEntry | None:
        """The last attempt at this thumbnail; None if there was none or its line makes no sense."""
        row = self._rows.get(name, [])
        kinds = tuple(map(type, row))
        if kinds not in _LINE_TYPES:
            return None
        _, origin, size_bytes, mtime_ns, fingerprint, *rest = row
        if kinds == _FAILED_TYPES:
            return LedgerEntry(origin, size_bytes, mtime_ns, fingerprint, Failure(*rest))
        return LedgerEntry(origin, size_bytes, mtime_ns, fingerprint, tuple(rest[:3]), *rest[3:])

    def size_if_made(
        self, name: str, origin: str, source: Source, fingerprint: str
    ) -> tuple[int, int, int] | None:
        """Width, height and bytes of a thumbnail that was made of all of this state of its source;
        None if the last attempt was another. Like `get`, but ten times as fast."""
        row = self._rows.get(name, [])
        if len(row) != len(_MADE_TYPES):
            return None
        _, made_of, size_bytes, mtime_ns, by, width, height, length = row
        if mtime_ns != source.mtime_ns or size_bytes != source.size_bytes or made_of != origin:
            return None
        if by != fingerprint or not type(width) is type(height) is type(length) is int:
            return None
        return width, height, length

    @property
    def is_bloated(self) -> bool:
        """Whether most lines have been overtaken by later ones."""
        return self._lines > 2 * len(self._rows) + 100

    def to_bytes(self) -> bytes:
        rows = []
        for name, row in self._rows.items():
            if name in self and tuple(map(type, row)) == _FAILED_TYPES:
                rows.append(_reservation(*row[:4]))  # there is an older thumbnail
            rows.append(row)
        return _header(self.shared) + b"".join(map(_line, rows))


def read(folder: Folder) -> Ledger | None:
    """The folder's ledger, or None where there is none: the folder is missing or not ours.

    Raises:
        OSError: the folder or its ledger is a link, or can't be read.
    """
    with suppress(FileNotFoundError), files.open_folder(folder) as opened:
        return Ledger(files.read(opened, MARK))
    return None


def own_names(path: str) -> Collection[str] | None:
    """Which files in a folder are ours: none of an unmarked one, the thumbnails of a shared one,
    and all (None) of one that is ours alone.

    Raises:
        OSError: the folder is not there, or its mark can't be read.
    """
    # Held open: a folder that is moved away and back would look unmarked for a moment.
    with files.open_folder(Folder(path, "")) as opened:
        try:
            header = Ledger(files.read(opened, MARK, 4096).partition(b"\n")[0])
            return Ledger(files.read(opened, MARK)).names() if header.shared else None
        except FileNotFoundError:
            return ()


def mark_folder(opened: files.OpenFolder, *, shared: bool) -> None:
    """Make the folder ours, before the first thumbnail is in it.

    Raises:
        OSError: it can't be written.
    """
    files.append(opened, MARK, _header(shared), b"")


def reserve_names(opened: files.OpenFolder, origins: Mapping[str, str], *, shared: bool) -> None:
    """Make the folder ours, and in one with others' files also the names that thumbnails will have,
    so that nobody takes them for some of those, whatever happens before they are entered.

    Args:
        origins: the thumbnails' names, with the sources they are held for.

    Raises:
        OSError: it can't be written.
    """
    rows = [_reservation(name, origin, 0, 0) for name, origin in origins.items() if shared]
    files.append(opened, MARK, _header(shared), b"".join(map(_line, rows)))


def record_attempts(
    opened: files.OpenFolder,
    attempts: Iterable[Attempt],
    *,
    shared: bool,
) -> None:
    """Write down attempts.

    Raises:
        OSError: the ledger can't be written.
    """
    lines = b""
    for name, origin, state, fingerprint, result, note in attempts:
        row: list[str | int] = [name, origin, state.size_bytes, state.mtime_ns, fingerprint]
        if isinstance(result, Thumbnail):
            row += [result.width, result.height, result.size_bytes]
            row += [note] if note else []
        else:
            row += [result.stage, result.reason]
        lines += _line(row)
    files.append(opened, MARK, _header(shared), lines)


def record_removals(opened: files.OpenFolder, origins: Mapping[str, str], *, shared: bool) -> None:
    """Take thumbnails out that have been removed.

    Lines are only added: what other runs write meanwhile stays. A thumbnail that one of them has
    made since it was removed, before its line was taken out here, is held for its source again.

    Args:
        origins: the thumbnails' names, with the sources they were held for.

    Raises:
        OSError: it can't be written; the thumbnails count as missing.
    """
    files.append(opened, MARK, _header(shared), b"".join(_line([name]) for name in origins))
    back = origins.keys() & set(files.list_names(opened))
    rows = [_reservation(name, origins[name], 0, 0) for name in sorted(back)]
    if rows:
        files.append(opened, MARK, _header(shared), b"".join(map(_line, rows)))


def remove_if_empty(folder: Folder, levels: int) -> None:
    """Remove a folder that is ours alone and holds nothing but an empty ledger, with that.

    Args:
        levels: how many folders, this one and those above it, may go; the anchor never does.

    Raises:
        OSError: it can't be read or changed.
    """
    below = folder.below
    while below and levels:
        levels -= 1
        here = Folder(folder.anchor, below)
        with files.open_folder(here) as opened:
            names = files.list_names(opened)
            if names == [MARK]:
                known = Ledger(files.read(opened, MARK))
                if known.shared or any(known.origins()):
                    return
                files.remove(opened, MARK)
            if not files.remove_folder(here):
                if names == [MARK]:  # something has come in between
                    mark_folder(opened, shared=False)
                return
        below = os.path.dirname(below)


def compact(opened: files.OpenFolder, ledger: Ledger) -> None:
    """Rewrite the ledger with one line a thumbnail.

    A line that another run adds meanwhile may be lost: its picture is made once more.

    Raises:
        OSError: it can't be written; the old one stands.
    """
    files.replace(opened, MARK, ledger.to_bytes())


def _header(shared: bool) -> bytes:
    return json.dumps({"thumbnailer": _VERSION, "shared": shared}).encode() + b"\n"


def _reservation(name: str, origin: str, size_bytes: int, mtime_ns: int) -> list[Any]:
    """The row of a name that is held for a source and not entered: it fits no fingerprint."""
    return [name, origin, size_bytes, mtime_ns, "", 0, 0, 0]


def _line(row: list[Any]) -> bytes:
    # ASCII with escapes: names that are no valid UTF-8 come back as they were.
    return json.dumps(row, separators=(",", ":")).encode("ascii") + b"\n"


def _parse(data: bytes) -> list[Any]:
    rows: list[Any] = []
    try:  # all at once: 0.5 µs a line instead of 1.5 µs
        rows = json.loads(b"[" + data.rstrip().replace(b"\n", b",") + b"]")
    except (ValueError, RecursionError):  # a torn line, or somebody else's hand
        for line in data.splitlines():
            with suppress(ValueError, RecursionError):
                rows.append(json.loads(line))
    return rows
