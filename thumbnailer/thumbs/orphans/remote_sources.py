"""What operations that remove thumbnails have to know of pictures that are not on disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol


class RemotePlace(NamedTuple):
    """Where a picture in a bucket is, or was: its SOURCE as named, and its path in that."""

    root: str
    inner: str


class RemoteSources(Protocol):
    """The pictures of some SOURCEs in buckets, which have been listed."""

    def find(self, url: str) -> RemotePlace | None:
        """Return where a picture is, or was; None if it is in no SOURCE."""

    def is_listed(self, url: str) -> bool:
        """Return whether a scan has found a picture."""

    def ask(self, urls: Iterable[str]) -> None:
        """Ask whether objects are there; `is_gone` tells the answers."""

    def is_gone(self, url: str) -> bool:
        """Return whether an object is gone, by the last answer, or by the listing if there is none.

        Raises:
            OSError: this can't be determined.
        """
