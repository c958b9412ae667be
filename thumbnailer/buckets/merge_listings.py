"""Two listings side by side: what a bucket has in the place of each thumbnail, without asking for
any of them, and without keeping more than a few of them in memory.

Sources come in the order of their keys and so do thumbnails, but not quite: `a.png` comes before
`a.png-2.png`, its thumbnail `a.png.jpg` after that of the other. Yet no thumbnail comes before its
own source: what has been read too early is kept until its source has come.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from thumbnailer.buckets.client import AFTER_ALL_KEYS, PAGE_KEYS, ListedObject
from thumbnailer.buckets.marker_objects import RECORDS_FOLDER
from thumbnailer.thumbs.ledger import MARK

# So many folders may be known before those that are done with are dropped.
_MANY_FOLDERS = 64


@dataclass(slots=True)
class FolderState:
    """What a folder of thumbnails says of itself.

    Attributes:
        mark: the object that makes it ours.
        records: the names below `RECORDS`, by their first word.
        is_known: both have been read.
    """

    mark: ListedObject | None = None
    records: dict[str, str] = field(default_factory=dict)
    is_known: bool = False


class ThumbnailListing:
    """The listing of a tree of thumbnails, read on as its sources are looked up.

    That may be in any order; the order of their keys, or folder by folder, is quick.

    Args:
        listing: gives the objects after a key, in order, with keys relative to the tree.
        page: so many keys are passed over for one source; rather than more, it is sought by
            another request.
    """

    def __init__(
        self, listing: Callable[[str], Iterator[ListedObject]], page: int = PAGE_KEYS
    ) -> None:
        self._listing, self._page = listing, page
        self._states: dict[str, FolderState] = {}
        self._at = ""
        self._open("")

    def look(self, source: str, *thumbnails: str) -> tuple[FolderState, list[ListedObject | None]]:
        """What a source's folder says of itself, and what is there under each of some keys.

        Args:
            thumbnails: none comes before its source.
        """
        folder = source.rpartition("/")[0]
        mark = f"{folder}/{MARK}".lstrip("/")
        first = min(mark, source)  # there are names that come before the mark
        is_known = folder in self._states and self._states[folder].is_known
        if source < self._at or (mark <= self._start and not is_known):
            self._open(first[:-1])
        self._at = source
        self._forget()
        if not is_known:
            self._pass_to(first)
            self._read(f"{mark}-{AFTER_ALL_KEYS}")
            self._states.setdefault(folder, FolderState()).is_known = True
        self._pass_to(source)
        self._read(max(thumbnails))
        return self._states[folder], [self._early.get(key) for key in thumbnails]

    def _open(self, after: str) -> None:
        """Begin to read after a key."""
        self._start = after
        self._early = OrderedDict[str, ListedObject]()
        self._entries = self._listing(after)
        self._next = next(self._entries, None)

    def _pass_to(self, key: str) -> None:
        """Pass over what comes before a key."""
        for _ in range(self._page):
            if self._next is None or self._next.key >= key:
                return
            self._take()
        self._open(key[:-1])

    def _read(self, last: str) -> None:
        while self._next and self._next.key <= last:
            self._take()

    def _take(self) -> None:
        """Put the next object where it belongs."""
        entry = self._next
        assert entry
        self._next = next(self._entries, None)
        folder, _, name = entry.key.rpartition("/")
        above, _, inner = folder.rpartition("/")
        if name == MARK:
            self._states.setdefault(folder, FolderState()).mark = entry
        elif inner == RECORDS_FOLDER:
            self._states.setdefault(above, FolderState()).records[name.partition(" ")[0]] = name
        elif entry.key >= self._at:
            self._early[entry.key] = entry

    def _forget(self) -> None:
        """Drop what no further source will ask for, unless they start over."""
        while self._early and next(iter(self._early)) < self._at:
            self._early.popitem(last=False)
        if len(self._states) > _MANY_FOLDERS:
            for folder in [*self._states]:
                if folder and f"{folder}/{AFTER_ALL_KEYS}" < self._at:
                    del self._states[folder]
