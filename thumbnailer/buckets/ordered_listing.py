"""Listing of a prefix in the order of its keys, also of servers that list otherwise."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter

from thumbnailer.buckets.client.bucket import Bucket
from thumbnailer.buckets.client.errors import UnorderedListing
from thumbnailer.buckets.client.listings.listed_object import ListedObject


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

    def after(self, key: str = "") -> Iterator[ListedObject]:
        """Yield those whose keys sort after a key.

        Raises:
            OSError: it can't be listed.
        """
        last = key
        if self._sorted is None:
            try:
                for entry in self._listed(key, in_order=True):
                    last = entry.key
                    yield entry
            except UnorderedListing:
                self._sorted = sorted(self._listed("", in_order=False))
            else:
                return
        yield from self._sorted[bisect_right(self._sorted, last, key=itemgetter(0)) :]

    def _listed(self, after: str, *, in_order: bool) -> Iterator[ListedObject]:
        start = len(self._prefix) + 1 if self._prefix else 0
        after = f"{self._prefix}/{after}".lstrip("/") if after else ""
        for entry in self._bucket.listing(self._prefix, after, in_order=in_order):
            yield ListedObject(entry.key[start:], *entry[1:]) if start else entry
