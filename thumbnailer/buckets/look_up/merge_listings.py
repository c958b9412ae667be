"""Merge-join the sorted listings of sources and thumbnails in a bucket.

No thumbnail takes a request of its own, and only a few are kept in memory.

Sources come in the order of their keys, and thumbnails in almost the same order: `a.png` sorts
before `a.png-2.png`, but its thumbnail `a.png.jpg` sorts after that of the other. No thumbnail
sorts before its own source, though: one that is read too early is kept until its source comes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from thumbnailer.buckets.client.bucket import AFTER_ALL_KEYS, PAGE_KEYS
from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.marker_objects import LOOKS_FOLDER, RECORDS_FOLDER
from thumbnailer.thumbs.ledger.lines import MARK

# How many folders are kept before finished ones are dropped.
_MAX_FOLDERS = 64


@dataclass(slots=True)
class FolderState:
    """Marks and records of a folder of thumbnails, as far as its listing has been read.

    Attributes:
        marks: the objects in `LOOKS_FOLDER`, by their names.
        earlier_mark: the object with which an earlier version has marked the folder, or None.
        records: the names of the objects in `RECORDS_FOLDER`, by their first word.
        is_known: whether all of them have been read.
    """

    marks: dict[str, ListedObject] = field(default_factory=dict)
    earlier_mark: ListedObject | None = None
    records: dict[str, str] = field(default_factory=dict)
    is_known: bool = False


class ThumbnailListing:
    """Listing of a tree of thumbnails, which is read on while its sources are looked up.

    Sources may come in any order; in the order of their keys, or folder by folder, it is fast.

    Args:
        listing: returns the objects after a key, in order, with keys relative to the tree.
        page: the most keys to read on to the place of a source; if that is not enough, a new
            listing starts there.
    """

    def __init__(
        self, listing: Callable[[str], Iterator[ListedObject]], page: int = PAGE_KEYS
    ) -> None:
        self._listing, self._page = listing, page
        self._states: dict[str, FolderState] = {}
        self._source = ""
        self._restart("")

    def look_up(
        self, source: str, *thumbnails: str
    ) -> tuple[FolderState, list[ListedObject | None]]:
        """Return the state of a source's folder, and for each thumbnail its object or None.

        Args:
            source: the key of the source, relative to its tree.
            thumbnails: the keys of its thumbnails; none may sort before that of the source.
        """
        folder = source.rpartition("/")[0]
        mark = f"{folder}/{MARK}".lstrip("/")
        first = min(mark, source)  # some names sort before the mark
        is_known = folder in self._states and self._states[folder].is_known
        if source < self._source or (mark <= self._start and not is_known):
            self._restart(first[:-1])
        self._source = source
        self._drop_passed()
        if not is_known:
            self._skip_to(first)
            self._read_through(f"{mark}-{AFTER_ALL_KEYS}")
            self._state_of(folder).is_known = True
        self._skip_to(source)
        self._read_through(max(thumbnails))
        return self._states[folder], [self._thumbnails.get(key) for key in thumbnails]

    def _restart(self, after: str) -> None:
        """Start a listing after a key."""
        self._start = after
        self._thumbnails = OrderedDict[str, ListedObject]()
        self._entries = self._listing(after)
        self._next = next(self._entries, None)

    def _skip_to(self, key: str) -> None:
        """Read on to a key, or start a listing there if it is more than a page away."""
        for _ in range(self._page):
            if self._next is None or self._next.key >= key:
                return
            self._read_next()
        self._restart(key[:-1])

    def _read_through(self, last: str) -> None:
        while self._next and self._next.key <= last:
            self._read_next()

    def _read_next(self) -> None:
        """Read one object and store it if it is a mark, a record or a thumbnail still to come."""
        entry = self._next
        assert entry
        self._next = next(self._entries, None)
        if not add_marker(entry, self._state_of) and entry.key >= self._source:
            self._thumbnails[entry.key] = entry

    def _state_of(self, folder: str) -> FolderState:
        return self._states.setdefault(folder, FolderState())

    def _drop_passed(self) -> None:
        """Drop what only sources before the current one need; for them a new listing is started."""
        while self._thumbnails and next(iter(self._thumbnails)) < self._source:
            self._thumbnails.popitem(last=False)
        if len(self._states) > _MAX_FOLDERS:
            for folder in [*self._states]:
                if folder and f"{folder}/{AFTER_ALL_KEYS}" < self._source:
                    del self._states[folder]


def add_marker(entry: ListedObject, state_of: Callable[[str], FolderState]) -> bool:
    """Add a mark or a record to the state of its folder; return False for any other object.

    Args:
        state_of: returns the state of a folder.
    """
    folder, _, name = entry.key.rpartition("/")
    above, _, inner = folder.rpartition("/")
    if name == MARK:
        state_of(folder).earlier_mark = entry
    elif inner == LOOKS_FOLDER:
        state_of(above).marks[name] = entry
    elif inner == RECORDS_FOLDER:
        state_of(above).records[name.partition(" ")[0]] = name
    else:
        return False
    return True
