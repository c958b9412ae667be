"""Listings by obstore, for the stores of which no answer of the server itself is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thumbnailer.buckets.client.listings.listed_object import ListedObject, listed_object


class ObstorePages:
    """The pages of a listing, one after another.

    Args:
        store: obstore's.
        prefix: what keys are below.
        after: the key after which it starts.
        page_keys: how many keys a page has.
    """

    def __init__(self, store: Any, prefix: str, after: str, page_keys: int) -> None:
        self._store, self._prefix, self._last, self._page_keys = store, prefix, after, page_keys
        self._stream: Any = None

    async def next_page(self) -> Sequence[ListedObject]:
        """Request the next page; an empty one if there is none.

        Raises:
            Exception: of obstore's; the next call begins behind the last page.
        """
        self._stream = self._stream or self._store.list(
            self._prefix or None, offset=self._last or None, chunk_size=self._page_keys
        )
        try:
            page = [*map(listed_object, await self._stream.__anext__())]
        except StopAsyncIteration:
            return ()
        except Exception:
            self._stream = None
            raise
        self._last = page[-1].key
        return page
