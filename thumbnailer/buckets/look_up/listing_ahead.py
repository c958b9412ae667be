"""List a tree of thumbnails from several places at once, where its sources are known ahead.

A page of a listing tells where the next one begins, so pages come one after another. A folder for
each source has two keys for each, its thumbnail and its mark: its listing would take twice the time
of that of the sources.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.client.listings.pages_ahead import Waits

# The objects after a key.
Listing = Callable[[str, Waits], Iterator[ListedObject]]


class ListingAhead:
    """Listing of a tree, which is also begun at later places.

    Args:
        listing: requests its first page when it is called.
    """

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._later: deque[tuple[str, Iterator[ListedObject]]] = deque()
        self._is_over = False

    def expect(self, keys: Iterable[str]) -> None:
        """Begin listings at some keys, which are soon read on to."""
        if self._is_over:
            return
        self._later.clear()
        for key in sorted(keys):
            self._later.append((key, self._listing(key[:-1], self._is_reached)))

    def after(self, key: str) -> Iterator[ListedObject]:
        """Yield the objects after a key, in order."""
        entries = self._listing(key, self._is_reached)
        while entry := next(entries, None):
            while self._is_reached(entry.key):
                place, later = self._later.popleft()
                first = None
                with suppress(OSError):  # what can't be listed from there is listed from here
                    first = next((one for one in later if one.key >= place), None)
                # A server without an order, or a writer, may have put something else there.
                if first and first.key == entry.key:
                    entries = later
            yield entry
        self._is_over = True

    def _is_reached(self, key: str) -> bool:
        """Return whether a key lies at, or behind, the place where the next listing begins."""
        return bool(self._later) and key >= self._later[0][0]
