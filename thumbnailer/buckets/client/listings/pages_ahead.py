"""Pages of a listing, each requested while the one before is used."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.client.requests import send, wait_for
from thumbnailer.model import Stop

Page = Sequence[ListedObject]


class PagesAhead:
    """Pages of a listing, of which the first is requested at once.

    Args:
        prefix: what is listed, for messages.
        read_page: requests the next page each time; an empty one at the end.

    Attributes:
        prefix: as given.
        peeked: when `peek` had its answer, by the monotonic clock.
    """

    def __init__(self, prefix: str, read_page: Callable[[], Coroutine[Any, Any, Page]]) -> None:
        self.prefix, self._read_page, self.peeked = prefix, read_page, 0.0
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
                self._next = send(self._read_page())
                yield page
        finally:
            self._next.cancel()
