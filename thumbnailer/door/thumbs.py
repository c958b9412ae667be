"""The thumbnails of a run, in folders or in a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from thumbnailer.config.settings import Settings
from thumbnailer.door.places import is_remote
from thumbnailer.model import Answer, Job, Outcome, Run, Source, Stop
from thumbnailer.thumbs.folder_thumbs import FolderThumbs
from thumbnailer.thumbs.orphans.asked_for import AskedFor
from thumbnailer.thumbs.orphans.remote_sources import RemoteSources
from thumbnailer.thumbs.plan import SourceSlots
from thumbnailer.urls import is_url

if TYPE_CHECKING:
    from thumbnailer.buckets.orphans.own_in_bucket import OwnInBucket


class Thumbs(Protocol):
    """The thumbnails of a run: in folders, or in a bucket."""

    def prepare(self, earlier: tuple[int, int] | None = None) -> tuple[int, int] | None:
        """Create what must be there before the first thumbnail.

        Args:
            earlier: what an earlier run has returned: then it has to be there already.

        Returns:
            The device and inode of an output tree on disk, else None.

        Raises:
            OutputError: it can't be created or written, or is not what it was.
        """

    def anew(self) -> Thumbs:
        """Return the same thumbnails, to be looked at anew."""

    def look(
        self, found: Iterable[Source | Outcome], *, quick: bool = True
    ) -> Iterator[SourceSlots | Outcome]:
        """Yield what there is of each source's thumbnails, or an outcome where that says all."""

    def plan(self, found: Iterable[Source | Outcome], run: Run) -> Iterator[Job | Outcome]:
        """Yield a job for each source that needs one, an outcome for each other."""

    def finish(self, jobs: list[Job], answers: list[Answer]) -> list[Outcome]:
        """Write the thumbnails that workers made for some jobs, and return their outcomes."""

    def left_over(self) -> dict[str, int]:
        """Return how many thumbnails nobody has asked for, as in `Report.left_over`."""


def open_thumbs(
    settings: Settings, *, clean_up: bool = True, stop: Stop | None = None, live: bool = False
) -> Thumbs:
    """Return the thumbnails that the settings want.

    Args:
        clean_up: clean up thumbnail folders when they are first used.
        stop: once it is set, a bucket's answer is not waited for.
        live: sources may be a long time coming, so none waits for the next.
    """
    if is_url(settings.output):
        from thumbnailer.buckets.bucket_thumbs import BucketThumbs

        return BucketThumbs(settings.thumbnails, stop, live=live)
    return FolderThumbs(settings.thumbnails, clean_up=clean_up)


def remote_sources(
    roots: Iterable[str],
    asked: AskedFor,
    settings: Settings,
    stop: Stop | None,
    *,
    asks: bool = False,
) -> RemoteSources | None:
    """Return what is known of the pictures of those SOURCEs that are in buckets; None if none is.

    Args:
        asked: has noted all pictures that a scan has found.
        asks: whether it is asked for those that were not found, before they count as gone.
    """
    if not is_remote(*roots):
        return None
    from thumbnailer.buckets.orphans.listed_sources import ListedSources

    return ListedSources(roots, asked.sources, settings.endpoint, stop, asks=asks)


def bucket_of_thumbnails(settings: Settings, stop: Stop | None) -> OwnInBucket | None:
    """Return what is ours in the bucket of the output; None if the thumbnails are on disk."""
    if not is_url(settings.output):
        return None
    from thumbnailer.buckets.orphans.own_in_bucket import OwnInBucket

    return OwnInBucket(os.fspath(settings.output), settings.endpoint, stop)
