"""Look up thumbnails whose names follow a template, so that they may be listed in any order.

As long as they come in about the order of their sources, they are looked up at their own places in
the listing, and only a few are held. Where they don't, as with `{hash}`, all of a folder are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from thumbnailer.buckets.client.bucket import AFTER_ALL_KEYS, PAGE_KEYS
from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.look_up.merge_listings import FolderState, ThumbnailListing, add_marker
from thumbnailer.buckets.marker_objects import LOOKS_FOLDER, RECORDS_FOLDER

Listing = Callable[[str], Iterator[ListedObject]]

# How many thumbnails may sort before the one that was looked up last, each of which costs a request
# more, before folders are held.
_MOST_TURNS = 32

# How many thumbnails are held before those of folders that are not in use are dropped.
_MOST_HELD = 50_000


class TemplatedListing:
    """Listing of a tree of thumbnails that are named by a template.

    Args:
        listing: as for `ThumbnailListing`.
    """

    def __init__(self, listing: Listing) -> None:
        self._by_place, self._by_folder = ThumbnailListing(listing), HeldFolders(listing)
        self._place, self._turns = "", 0

    def look_up(self, *thumbnails: str) -> tuple[FolderState, list[ListedObject | None]]:
        """Return the state of the folder of a source's thumbnails, and the object of each, or None.

        Args:
            thumbnails: their keys, relative to the tree.
        """
        before, self._place = self._place, min(thumbnails)
        self._turns += self._place < before
        if self._turns > _MOST_TURNS:
            return self._by_folder.look_up(*thumbnails)
        return self._by_place.look_up(self._place, *thumbnails)


@dataclass(slots=True)
class _HeldFolder:
    """What is directly in a folder: its thumbnails, by their names, each packed into one text."""

    state: FolderState = field(default_factory=FolderState)
    thumbnails: dict[str, bytes] = field(default_factory=dict)


class HeldFolders:
    """Folders of thumbnails, each held whole once one of its thumbnails is looked up.

    Thumbnails may be looked up in any order; folder by folder, it is fast. What is below the folder
    is held, too, as far as it is little.

    Args:
        listing, page: as for `ThumbnailListing`.
        most: how many thumbnails are held before some are dropped.
    """

    def __init__(self, listing: Listing, page: int = PAGE_KEYS, most: int = _MOST_HELD) -> None:
        self._listing, self._page, self._most = listing, page, most
        self._folders: dict[str, _HeldFolder] = {}
        # The folders that were read to their ends. What is in the folders below is held for those
        # before a place; None if for all.
        self._read: dict[str, str | None] = {}
        self._count = 0
        self._entries: Iterator[ListedObject] = iter(())
        self._next: ListedObject | None = None
        self._position = AFTER_ALL_KEYS  # so that the first use starts a listing

    def look_up(self, *thumbnails: str) -> tuple[FolderState, list[ListedObject | None]]:
        """Return the same as `TemplatedListing.look_up`."""
        folder = thumbnails[0].rpartition("/")[0]
        if not self._is_known(folder):
            if self._count > self._most:
                self._drop_all_but(folder)
            self._read_folder(folder)
        held = self._folders.get(folder) or _HeldFolder()
        return held.state, [_unpacked(key, held.thumbnails) for key in thumbnails]

    def _is_known(self, folder: str) -> bool:
        """Return whether all that is in a folder is held, which may be nothing."""
        if folder in self._read:
            return True
        for above in _folders_above(folder):
            if above in self._read:
                end = self._read[above]
                return end is None or f"{folder}/" < end
        return False

    def _drop_all_but(self, folder: str) -> None:
        """Drop all folders that are not above one: their sources have passed, or come later."""
        above = {*_folders_above(folder)} & self._read.keys()
        self._folders = {one: held for one, held in self._folders.items() if one in above}
        self._read = dict.fromkeys(above, "")
        self._count = sum(len(held.thumbnails) for held in self._folders.values())

    def _read_folder(self, folder: str) -> None:
        """Read all that is directly in a folder, and hold what is below it as far as it is little.

        A folder in it that has more than a page is passed over, which costs one request.
        """
        start = f"{folder}/" if folder else ""
        self._skip_to(start)
        end: str | None = None
        inside, entries = "", list[ListedObject]()  # of a folder in it, whose end is yet to come
        while (entry := self._next) and entry.key.startswith(start):
            self._take()
            inner, slash, _ = entry.key[len(start) :].partition("/")
            if not slash or inner in (LOOKS_FOLDER, RECORDS_FOLDER):
                self._hold([entry])
                continue
            if inner != inside:
                if end is None:
                    self._hold(entries)
                inside, entries = inner, []
            entries.append(entry)
            is_large = len(entries) > self._page
            if end is None and (is_large or self._count > self._most):
                end = f"{start}{inside}/"
            if is_large:
                self._restart(f"{start}{inside}/{AFTER_ALL_KEYS}")
        if end is None:
            self._hold(entries)
        self._read[folder] = end

    def _hold(self, entries: Iterable[ListedObject]) -> None:
        for entry in entries:
            self._count += 1
            if not add_marker(entry, self._state_of):
                folder, _, name = entry.key.rpartition("/")
                self._held(folder).thumbnails[name] = _packed(entry)

    def _held(self, folder: str) -> _HeldFolder:
        return self._folders.setdefault(folder, _HeldFolder())

    def _state_of(self, folder: str) -> FolderState:
        return self._held(folder).state

    def _skip_to(self, start: str) -> None:
        """Read on to a place, or start a listing there if it is passed or more than a page away."""
        if self._position <= start:
            for _ in range(self._page):
                if self._next is None or self._next.key >= start:
                    return
                self._take()
        self._restart(start)

    def _restart(self, after: str) -> None:
        self._position, self._entries = after, self._listing(after)
        self._next = next(self._entries, None)

    def _take(self) -> None:
        if self._next:
            self._position = self._next.key
            self._next = next(self._entries, None)


def _folders_above(folder: str) -> Iterator[str]:
    """Yield the folders that one is in, the nearest first."""
    while folder:
        folder = folder.rpartition("/")[0]
        yield folder


def _packed(entry: ListedObject) -> bytes:
    """Return the text of an entry without its key, in a third of its memory."""
    return f"{entry.size_bytes} {entry.modified} {entry.etag}".encode()


def _unpacked(key: str, thumbnails: Mapping[str, bytes]) -> ListedObject | None:
    text = thumbnails.get(key.rpartition("/")[2])
    if text is None:
        return None
    size_bytes, modified, etag = text.decode().split(" ", 2)
    return ListedObject(key, int(size_bytes), int(modified), etag)
