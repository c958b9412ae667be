"""The ledger of a thumbnail folder: a JSON-lines file that also marks the folder as thumbnailer's.

The first line is a header. Each further line is one attempt; a thumbnail's last line counts:

    {"thumbnailer": 1, "shared": false}
    ["a.jpg", "../a.jpg", 48213, 1760000000000000000, "3f2a…", 256, 171, 9120, 1760…, "5e0c…"]
    ["b.jpg", "../b.jpg", 12, 1760000000000000000, "9b41…", "open", "is empty", 1760…, "77f1…"]

The fields are thumbnail, source, the source's bytes and mtime in ns, and the fingerprint of the
attempt; then width, height and bytes, or stage and reason of a failure; then the source's ctime in
ns and the digest of its content. For a truncated picture, what is missing comes last; for a failure
that may not be the picture's fault, the number of runs in which it came, and the last of these. A
line with only a name, such as `["a.jpg"]`, removes the thumbnail's entry.

A line is written just before its thumbnail gets its name, so every file of ours has one whatever
happens. After a kill in between, the thumbnail of the line before is still there: its length is
known from that line, or from one with an empty fingerprint, which only keeps the length.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from thumbnailer.model import Failure, Source, Thumbnail
from thumbnailer.thumbs.naming import casefolded, with_hash, without_hash

# The name of the file, in a folder or a bucket.
MARK = ".thumbnailer"
_VERSION = 1

# A line has 150 to 300 bytes, and most lines may be superseded by others, so a folder of a million
# thumbnails needs no more. A longer file was not written by thumbnailer.
MAX_BYTES = 600_000_000
_MAX_ENTRIES = 1_500_000

# A path has at most 4096 bytes on Linux; one that is no UTF-8 takes six characters a byte.
_MAX_LINE_BYTES = 50_000

# The header is within this part of a file.
_HEAD_BYTES = 4096

# If this much of a file has no line of ours, nothing more of it is read.
_MAX_BYTES_WITHOUT_LINE = 1 << 20

# The field types of a valid line. Those without ctime and digest are of earlier versions.
_MADE_EARLIER = (str, str, int, int, str, int, int, int)
_FAILED_EARLIER = (str, str, int, int, str, str, str)
_MADE = (*_MADE_EARLIER, int, str)
_MADE_TYPES = {_MADE, (*_MADE, str), _MADE_EARLIER, (*_MADE_EARLIER, str)}
_FAILED = (*_FAILED_EARLIER, int, str)
_FAILED_IN_RUNS = (*_FAILED, int, str)
_LINE_TYPES = {*_MADE_TYPES, _FAILED_IN_RUNS, _FAILED, _FAILED_EARLIER}
_MAX_FIELDS = 11


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A recorded attempt: the source and its state, the settings' fingerprint, and the result.

    Attributes:
        size_bytes, mtime_ns, ctime_ns, digest: the source's state; the last two are 0 and "" if
            they are not known.
        result: width and height in px and length in bytes of the thumbnail, or the failure.
        note: what is missing of the source, though it has a thumbnail.
        runs: in how many runs it has failed, if it may not be the picture's fault; else 0.
        run: the last of these.
    """

    origin: str
    size_bytes: int
    mtime_ns: int
    fingerprint: str
    result: tuple[int, int, int] | Failure
    ctime_ns: int = 0
    digest: str = ""
    note: str = ""
    runs: int = 0
    run: str = ""


class Attempt(NamedTuple):
    """An attempt at a thumbnail, to be recorded.

    Attributes:
        name: file name of the thumbnail.
        origin: path of its source, relative to the folder.
        state: the source as it was when it was read.
        digest: that of its content; "" if it is not known.
        fingerprint: that of the recipe, or that of the attempt if it failed.
        result: the thumbnail, or why it failed.
        note: what is missing of the source or was ignored, in words.
        runs: in how many runs it has failed, this one included, if that is to be counted; else 0.
        run: this one: any text that differs from those of others.
    """

    name: str
    origin: str
    state: Source
    digest: str
    fingerprint: str
    result: Thumbnail | Failure
    note: str = ""
    runs: int = 0
    run: str = ""

    def to_line(self) -> bytes:
        """Return its line in the ledger."""
        state, result = self.state, self.result
        row = [self.name, self.origin, state.size_bytes, state.mtime_ns, self.fingerprint]
        if isinstance(result, Thumbnail):
            row += [result.width, result.height, result.size_bytes]
        else:
            row += [result.stage, result.reason]
        row += [state.ctime_ns, self.digest]
        if self.note and isinstance(result, Thumbnail):
            row.append(self.note)
        elif self.runs:
            row += [self.runs, self.run]
        return _line(row)


class Ledger:
    """The entries of one folder's ledger, by thumbnail name.

    Args:
        shared: whether the folder holds files of others, if there is no ledger yet.

    Attributes:
        shared: whether the folder also holds files that thumbnailer did not make. A ledger whose
            header is damaged can't tell, so it counts as shared.
        is_damaged: whether its header or other parts make no sense.
        is_foreign: whether nothing of it makes sense, so that it was not written by thumbnailer.
        swept_at: when this process last looked for what dead writers left (`time.monotonic`).
    """

    __slots__ = (
        "_count",
        "_head",
        "_holders",
        "_lines",
        "_older",
        "_rest",
        "_rows",
        "is_damaged",
        "is_foreign",
        "shared",
        "swept_at",
    )

    def __init__(self, *, shared: bool = False) -> None:
        self.shared, self.is_damaged, self.is_foreign = shared, False, False
        self._rows: dict[str, list[Any]] = {}
        self._older: dict[str, set[int]] = {}  # lengths of files that superseded lines tell of
        self._holders: dict[str, str] | None = None
        self._lines, self._count = 0, 0
        self._head = self._rest = b""
        self.swept_at = float("-inf")

    def __len__(self) -> int:
        return len(self._rows)

    def owns(self, name: str, length: int) -> bool:
        """Return whether thumbnailer wrote a file of this name that has this length in bytes.

        An empty file counts as one that lost its content in a crash of the machine."""
        lengths = self._lengths(name)
        if length <= 0:
            return length == 0 and bool(lengths)
        return length in lengths

    def holder(self, casefolded_name: str) -> tuple[str, str] | None:
        """Return the name that equals another if case is ignored, with its source; None if none."""
        if self._holders is None:  # takes 0.5 s for a million, so only if something is new
            self._holders = {casefolded(name): name for name in list(self._rows)}
        name = self._holders.get(casefolded_name, "")
        entry = self.get(name)
        return (name, entry.origin) if entry else None

    def is_superseded(self, name: str) -> bool:
        """Return whether a source's thumbnail has its plain name by now.

        With a hash in its name it was made while a picture of nearly the same name had the plain
        one (see `FolderState.claim`)."""
        plain = without_hash(name)
        of = self.get(name) if plain else None
        other = self.get(plain) if of else None
        return bool(
            of
            and other
            and of.origin == other.origin
            and with_hash(plain, of.origin) == name
            and self.has_file(plain)
        )

    def has_file(self, name: str) -> bool:
        """Return whether thumbnailer wrote, or was about to write, a file of this name."""
        return bool(self._lengths(name))

    def names(self) -> Collection[str]:
        """Return the names of thumbnails that were, or were about to be, written."""
        return {name for name in list(self._rows) if self._lengths(name)}

    def origins(self) -> Iterator[tuple[str, str]]:
        """Yield each thumbnail's name with its source: a path relative to the folder, or a URL."""
        for name, row in list(self._rows.items()):  # another thread may add to them
            if tuple(map(type, row)) in _LINE_TYPES:
                yield name, row[1]

    def get(self, name: str) -> LedgerEntry | None:
        """Return the last attempt at a thumbnail; None if there is none or its line is invalid."""
        row = self._rows.get(name, [])
        kinds = tuple(map(type, row))
        if kinds not in _LINE_TYPES:
            return None
        result: tuple[int, int, int] | Failure
        if kinds in _MADE_TYPES:
            result, state = (row[5], row[6], row[7]), row[8:]
        else:
            result, state = Failure(row[5], row[6]), row[7:]
        if len(state) < 2:  # of an earlier version
            state = [0, "", *state]
        if kinds == _FAILED_IN_RUNS:
            state.insert(2, "")
        _, origin, size_bytes, mtime_ns, fingerprint, *_ = row
        return LedgerEntry(origin, size_bytes, mtime_ns, fingerprint, result, *state)

    def size_if_made(
        self, name: str, origin: str, source: Source, fingerprint: str
    ) -> tuple[int, int, int] | None:
        """Return width, height and bytes of a thumbnail if its entry matches source and recipe.

        None otherwise, and for an entry with a note. Ten times as fast as `get`."""
        row = self._rows.get(name, [])
        if len(row) != len(_MADE):
            return None
        _, made_of, size_bytes, mtime_ns, by, width, height, length, ctime_ns, _ = row
        if mtime_ns != source.mtime_ns or size_bytes != source.size_bytes or made_of != origin:
            return None
        if by != fingerprint or ctime_ns != source.ctime_ns:
            return None
        if not type(width) is type(height) is type(length) is int:
            return None
        return width, height, length

    @property
    def is_bloated(self) -> bool:
        """Whether most lines are superseded by later ones."""
        return self._lines > 2 * len(self._rows) + 100

    def to_bytes(self, length_of: Callable[[str], int | None]) -> bytes:
        """Return the content of a ledger file without superseded lines.

        Args:
            length_of: returns the length in bytes of the folder's file of a name.
        """
        lines = [header(self.shared)]
        for name, row in self._rows.items():
            if name in self._older and (length := length_of(name)) in self._older[name]:
                lines.append(length_line(name, str(row[1]), length or 0))
            lines.append(_line(row))
        return b"".join(lines)

    def _lengths(self, name: str) -> Collection[int]:
        """Return the lengths that a file of ours of this name may have."""
        row, older = self._rows.get(name, []), self._older.get(name, ())
        return {*older, row[7]} if tuple(map(type, row)) in _MADE_TYPES else older

    def feed(self, piece: bytes) -> bool:
        """Take in the next part of its file, of any length; return whether more makes sense."""
        if len(self._head) < _HEAD_BYTES:
            self._head = (self._head + piece)[:_HEAD_BYTES]
        self._count += len(piece)
        lines, _, rest = (self._rest + piece).rpartition(b"\n")
        if rest.startswith(b"\0"):  # a crash may leave a hole
            self.is_damaged, rest = True, rest.lstrip(b"\0")
        self._add(lines)
        is_ours = self._lines or self._count < _MAX_BYTES_WITHOUT_LINE
        if len(rest) > _MAX_LINE_BYTES or len(self._rows) > _MAX_ENTRIES or not is_ours:
            self.is_damaged, self._rest = True, b""
            return False
        self._rest = rest
        return True

    def end(self) -> None:
        """Take in that its file ends here, at least for the present."""
        self._add(self._rest)  # cut short
        is_shared = header_of(self._head)
        if is_shared is None:
            self.is_damaged = self.shared = True
        self.shared = self.shared or is_shared is True
        is_remnant = self._count < _MAX_BYTES_WITHOUT_LINE and _is_remnant(self._head)
        self.is_foreign = self.is_damaged and not is_remnant and not any(self.origins())

    def _add(self, lines: bytes) -> None:
        rows = _parse(lines)
        # Nested values would take many times the memory of the file; no line of ours has any.
        if lines.count(b"[") + lines.count(b"{") > len(rows):
            rows = [row for row in rows if not {list, dict} & set(map(type, row))]
        for row in rows:
            if type(row) is dict:
                self.shared = self.shared or row.get("shared") is True
            elif type(row) is list and 0 < len(row) <= _MAX_FIELDS and type(row[0]) is str:
                name = row[0]
                self._lines += 1
                if len(row) == 1:
                    self._rows.pop(name, None)
                    self._older.pop(name, None)
                    continue
                if name in self._rows and (lengths := self._lengths(name)):
                    self._older[name] = set(lengths)
                self._rows[name] = row
                if self._holders is not None:
                    self._holders[casefolded(name)] = name


def header(shared: bool) -> bytes:
    """Return the first line of a ledger."""
    return json.dumps({"thumbnailer": _VERSION, "shared": shared}).encode() + b"\n"


def header_of(content: bytes) -> bool | None:
    """Return whether a ledger's folder is shared; None if it has no header."""
    with suppress(ValueError, RecursionError):
        row = json.loads(content[:_HEAD_BYTES].partition(b"\n")[0])
        if isinstance(row, dict) and row.get("thumbnailer") == _VERSION:
            is_shared = row.get("shared")
            return is_shared if isinstance(is_shared, bool) else None
    return None


def removal_line(name: str) -> bytes:
    """Return a line that removes a thumbnail's entry."""
    return _line([name])


def length_line(name: str, origin: str, length: int) -> bytes:
    """Return a line that says that the file of a name is ours if it has a length in bytes."""
    return _line([name, origin, 0, 0, "", 0, 0, length])


def _line(row: list[Any]) -> bytes:
    # ASCII with escapes preserves names that are not valid UTF-8.
    return json.dumps(row, separators=(",", ":")).encode("ascii") + b"\n"


def _parse(lines: bytes) -> list[Any]:
    rows: list[Any] = []
    try:  # all at once: 0.5 µs a line instead of 1.5 µs
        rows = json.loads(b"[" + lines.rstrip().replace(b"\n", b",") + b"]")
    except (ValueError, RecursionError):  # a line cut short, or not written by thumbnailer
        for line in lines.splitlines():
            with suppress(ValueError, RecursionError):
                rows.append(json.loads(line.strip(b"\0")))
    return [row for row in rows if isinstance(row, list | dict)]


def _is_remnant(content: bytes) -> bool:
    """Return whether a short content is what a full disk or a crash leaves of a ledger."""
    text = content.strip(b"\0")
    is_cut_header = any(header(shared).startswith(text) for shared in (False, True))
    return is_cut_header or (content[:1] == b"\0" and text.startswith(b'["'))
