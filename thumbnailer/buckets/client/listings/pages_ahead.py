"""Pages of a listing, each requested while the one before is used."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.client.requests import send, wait_for
from thumbnailer.model import Stop

Page = Sequence[ListedObject]

# Tells of the last key of a page whether the next page is requested only once it is needed.
Waits = Callable[[str], bool]


class PagesAhead:
    """Pages of a listing, of which the first is requested at once.

    Args:
        read_page: requests the next page each time; an empty one at the end.
        waits: None if no page is.

    Attributes:
        peeked: when `peek` had its answer, by the monotonic clock.
    """

    def __init__(
        self, read_page: Callable[[], Coroutine[Any, Any, Page]], waits: Waits | None
    ) -> None:
        self._read_page, self._waits, self.peeked = read_page, waits, 0.0
        self._next = send(read_page())

    def peek(self, stop: Stop | None) -> Page:
        """Wait for the next page and return it; it is still to be yielded.

        Raises:
            Stopped: `stop` was set.
            OSError: it can't be listed.
        """
        page = wait_for(self._next, stop)
        self.peeked = time.monotonic()
        return page

    def pages(self, stop: Stop | None) -> Iterator[Page]:
        """Yield the pages; raise as `peek`."""
        try:
            while page := wait_for(self._next, stop):
                waits = self._waits and self._waits(page[-1].key)
                if not waits:
                    self._next = send(self._read_page())
                yield page
                if waits:
                    self._next = send(self._read_page())
        finally:
            self._next.cancel()
