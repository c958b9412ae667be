"""The pictures of a SOURCE: a folder, or what is below a prefix in a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Protocol

from thumbnailer.config.settings import Settings
from thumbnailer.model import Outcome, Source, Stop
from thumbnailer.scan.folders import FolderPictures
from thumbnailer.scan.selection import Choice
from thumbnailer.urls import is_url


class Pictures(Protocol):
    """The pictures of one SOURCE: a folder or file, or what is below a bucket's prefix."""

    @property
    def is_remote(self) -> bool:
        """Whether they are in a bucket."""

    def check(self, *, may_be_empty: bool = False) -> bool:
        """Check that the SOURCE can be read; return whether it is a folder or a prefix.

        Args:
            may_be_empty: in a bucket, whether a prefix is one though nothing is there.

        Raises:
            SourceMissing: it does not exist.
            SourceForbidden: there is no permission to read it.
            SourceError: it can't be read for another reason, or is a folder of thumbnails.
        """

    def scan(self, choice: Choice, *, below: str = "") -> Iterator[Source | Outcome]:
        """Yield the pictures; an outcome for what can't be read.

        Args:
            below: the SOURCE's folder in the output tree, relative to the output folder.
        """

    def is_empty(self) -> bool:
        """Return whether there is nothing at all in the SOURCE; False if it can't be read."""

    def inner(self, path: str) -> str | None:
        """Return where a path or URL lies in the SOURCE, "" if it is that; None if elsewhere."""

    def find(self, inner: str, choice: Choice, *, below: str = "") -> Iterator[Source | Outcome]:
        """Yield what a scan finds at one place in the SOURCE: a picture, or those of a folder.

        Nothing of what is thumbnailer's own; a failed outcome for a picture that is not there.

        Args:
            inner: what `inner` returns; "" for the SOURCE itself. In a bucket, a folder has a slash
                at its end.
            below: as for `scan`.
        """

    def find_all(
        self, inners: Iterable[str], choice: Choice, *, below: str = ""
    ) -> Iterator[Source | Outcome]:
        """Yield what `find` finds at each of some places, none of them a folder."""


def pictures_at(path: str, settings: Settings, stop: Stop | None = None) -> Pictures:
    """Return the pictures of a SOURCE; once `stop` is set, nothing more is read of it.

    Raises:
        ConfigError: the extra for buckets is not installed, or the URL names no bucket.
    """
    if is_url(path):
        from thumbnailer.buckets.scan import BucketPictures  # imports asyncio: 50 ms

        output = os.fspath(settings.output) if is_url(settings.output) else ""
        return BucketPictures(path, settings.endpoint, output, stop)
    return FolderPictures(path, stop)
