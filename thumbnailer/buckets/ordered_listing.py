"""Listing of a prefix in the order of its keys, also of servers that list otherwise."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter

from thumbnailer.buckets.client.bucket import Bucket
from thumbnailer.buckets.client.errors import UnorderedListing
from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.client.listings.pages_ahead import Waits


class OrderedListing:
    """The objects below a prefix, with keys relative to it.

    If the server does not list in order, as SeaweedFS (which lists as a tree) and the directory
    buckets of S3, all of them are held in memory.

    Args:
        prefix: as for `Bucket.listing`; "" for all of the bucket.
    """

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket, self._prefix = bucket, prefix
        self._sorted: list[ListedObject] | None = None

    def after(self, key: str = "", waits: Waits | None = None) -> Iterator[ListedObject]:
        """Yield those whose keys sort after a key; the first are requested at once.

        Args:
            waits: as for `PagesAhead`.

        Raises:
            OSError: it can't be listed.
        """
        begun = self._listed(key, waits, in_order=True) if self._sorted is None else None
        return self._after(key, begun)

    def _after(self, key: str, begun: Iterator[ListedObject] | None) -> Iterator[ListedObject]:
        last = key
        if begun and self._sorted is None:
            try:
                for entry in begun:
                    last = entry.key
                    yield entry
            except UnorderedListing:
                self._sorted = sorted(self._listed(""))
            else:
                return
        assert self._sorted is not None
        yield from self._sorted[bisect_right(self._sorted, last, key=itemgetter(0)) :]

    def _listed(
        self, after: str, waits: Waits | None = None, *, in_order: bool = False
    ) -> Iterator[ListedObject]:
        start = len(self._prefix) + 1 if self._prefix else 0
        after = f"{self._prefix}/{after}".lstrip("/") if after else ""

        def pauses(last: str) -> bool:
            return waits is not None and waits(last[start:])

        found = self._bucket.listing(self._prefix, after, in_order=in_order, waits=pauses)
        if not start:
            return found
        return (ListedObject(entry.key[start:], *entry[1:]) for entry in found)
