"""The entries of a ledger, as its lines tell of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from thumbnailer.model import Failure, Source, is_placeholder
from thumbnailer.thumbs.ledger.lines import (
    FAILED_IN_RUNS,
    HEAD_BYTES,
    LINE_TYPES,
    MADE,
    MADE_TYPES,
    MADE_WITHOUT_PLACEHOLDER,
    MAX_FIELDS,
    header,
    header_of,
    is_remnant,
    length_line,
    line,
    parse,
)
from thumbnailer.thumbs.naming import HASH_MARK, casefolded, with_hash, without_hash

# A line has 150 to 300 bytes, and most lines may be superseded by others, so a folder of a million
# thumbnails needs no more. A longer file was not written by thumbnailer.
MAX_BYTES = 600_000_000
_MAX_ENTRIES = 1_500_000

# Of rows that tell of a thumbnail.
_LENGTHS = {*range(2, MAX_FIELDS + 1)}

# A path has at most 4096 bytes on Linux; one that is no UTF-8 takes six characters a byte.
_MAX_LINE_BYTES = 50_000

# If this much of a file has no line of ours, nothing more of it is read.
_MAX_BYTES_WITHOUT_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A recorded attempt: the source and its state, the settings' fingerprint, and the result.

    Attributes:
        size_bytes, mtime_ns, ctime_ns, digest: the source's state; the last two are 0 and "" if
            they are not known.
        result: width and height in px and length in bytes of the thumbnail, or the failure.
        placeholder: that of the thumbnail, as in `Thumbnail`; "" if it is not known.
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
    placeholder: str = ""
    note: str = ""
    runs: int = 0
    run: str = ""


class Ledger:
    """The entries of one folder's ledger, by thumbnail name.

    Args:
        shared: whether the folder holds files of others, if there is no ledger yet.

    Attributes:
        shared: whether the folder also holds files that thumbnailer did not make. A ledger whose
            header is damaged can't tell, so it counts as shared.
        is_damaged: whether its header or other parts make no sense.
        has_hashed: whether there may be names with a hash in it.
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
        "has_hashed",
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
        self.has_hashed = False
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
        """Return the name that equals another if case is ignored, with its source; None if none.

        A source that is no picture has none."""
        if self._holders is None:  # takes 0.5 s for a million, so only if something is new
            self._holders = {casefolded(name): name for name in list(self._rows)}
        name = self._holders.get(casefolded_name, "")
        entry = self.get(name)
        if not entry or (isinstance(entry.result, Failure) and entry.result.status == "skipped"):
            return None
        return name, entry.origin

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

    def names_besides(self, known: AbstractSet[str]) -> AbstractSet[str]:
        """Return the names of all entries but some, in 0.03 µs for each of these."""
        return self._rows.keys() - known

    def origins(self) -> Iterator[tuple[str, str]]:
        """Yield each thumbnail's name with its source: a path relative to the folder, or a URL."""
        for name, row in list(self._rows.items()):  # another thread may add to them
            if tuple(map(type, row)) in LINE_TYPES:
                yield name, row[1]

    def get(self, name: str) -> LedgerEntry | None:
        """Return the last attempt at a thumbnail; None if there is none or its line is invalid."""
        row = self._rows.get(name, [])
        kinds = tuple(map(type, row))
        if kinds not in LINE_TYPES:
            return None
        result: tuple[int, int, int] | Failure
        if kinds in MADE_TYPES:
            result, state = (row[5], row[6], row[7]), row[8:]
        else:
            result, state = Failure(row[5], row[6]), row[7:]
        if len(state) < 2:  # of an earlier version
            state = [0, "", *state]
        if kinds != MADE:
            state.insert(2, "")
        elif not is_placeholder(state[2]):
            return None
        if kinds == FAILED_IN_RUNS:
            state.insert(3, "")
        _, origin, size_bytes, mtime_ns, fingerprint, *_ = row
        return LedgerEntry(origin, size_bytes, mtime_ns, fingerprint, result, *state)

    def made(
        self, name: str, origin: str, source: Source, fingerprint: str
    ) -> tuple[int, int, int, str] | None:
        """Return what is known of a thumbnail if its entry matches source and recipe.

        Its width, height, bytes and placeholder. None otherwise, and for an entry with a note. Ten
        times as fast as `get`.
        """
        row = self._rows.get(name, [])
        if len(row) == len(MADE):
            placeholder, note = row[-2:]
            if note or not is_placeholder(placeholder):
                return None
        elif len(row) == len(MADE_WITHOUT_PLACEHOLDER):
            placeholder = ""
        else:
            return None
        _, made_of, size_bytes, mtime_ns, by, width, height, length, ctime_ns, *_ = row
        if mtime_ns != source.mtime_ns or size_bytes != source.size_bytes or made_of != origin:
            return None
        if by != fingerprint or ctime_ns != source.ctime_ns:
            return None
        if not type(width) is type(height) is type(length) is int:
            return None
        return width, height, length, placeholder

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
            lines.append(line(row))
        return b"".join(lines)

    def _lengths(self, name: str) -> Collection[int]:
        """Return the lengths that a file of ours of this name may have."""
        row, older = self._rows.get(name, []), self._older.get(name, ())
        return {*older, row[7]} if tuple(map(type, row)) in MADE_TYPES else older

    def feed(self, piece: bytes) -> bool:
        """Take in the next part of its file, of any length; return whether more makes sense."""
        if len(self._head) < HEAD_BYTES:
            self._head = (self._head + piece)[:HEAD_BYTES]
        self._count += len(piece)
        self.has_hashed = self.has_hashed or HASH_MARK in piece
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
        is_ours = self._count < _MAX_BYTES_WITHOUT_LINE and is_remnant(self._head)
        self.is_foreign = self.is_damaged and not is_ours and not any(self.origins())

    def _add(self, lines: bytes) -> None:
        rows = parse(lines)
        # Nested values would take many times the memory of the file; no line of ours has any.
        if lines.count(b"[") + lines.count(b"{") > len(rows):
            rows = [row for row in rows if not {list, dict} & set(map(type, row))]
        if self._add_new(rows):
            return
        for row in rows:
            if type(row) is dict:
                self.shared = self.shared or row.get("shared") is True
            elif type(row) is list and 0 < len(row) <= MAX_FIELDS and type(row[0]) is str:
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

    def _add_new(self, rows: list[Any]) -> bool:
        """Add rows if each is the first of a name, in a third of the time; return whether it is."""
        if rows and type(rows[0]) is dict:
            self.shared = self.shared or rows[0].get("shared") is True
            del rows[0]
        if self._rows or {*map(type, rows)} != {list} or not {*map(len, rows)} <= _LENGTHS:
            return False
        by_name = {row[0]: row for row in rows}
        if len(by_name) != len(rows) or {*map(type, by_name)} != {str}:
            return False
        self._rows, self._lines = by_name, self._lines + len(rows)
        self._holders = None
        return True
