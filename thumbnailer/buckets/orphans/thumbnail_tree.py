"""The tree of thumbnails of a run in a bucket, with all that is ours there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice

from thumbnailer.buckets.client.bucket import PAGE_KEYS, Bucket
from thumbnailer.buckets.client.errors import CredentialsEnded
from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.headers import ORIGIN, Attributes, made_from
from thumbnailer.buckets.marker_objects import Mark, read_mark
from thumbnailer.buckets.ordered_listing import OrderedListing
from thumbnailer.buckets.origins import Origins, place_of
from thumbnailer.buckets.orphans.own_objects import OwnFolder, OwnObject, own_objects
from thumbnailer.model import Failure, Folder, Stop
from thumbnailer.thumbs.orphans.orphan import OwnThumbnail
from thumbnailer.urls import split_url

# In so many folders each is looked into; for more, all of the tree is listed.
_FEW = 100


class ThumbnailTree:
    """A tree of thumbnails.

    Args:
        url: of the output.
        endpoint: as in `Settings`.
        stop: once it is set, answers are not waited for.
    """

    def __init__(self, url: str, endpoint: str, stop: Stop | None) -> None:
        where, self._prefix = split_url(url)
        self.bucket = Bucket(where, endpoint, stop)
        self.url = "/".join(filter(None, (where, self._prefix)))

    def own(self) -> Iterator[OwnObject | OwnFolder]:
        """Yield what may be ours, and each folder after all that is directly in it.

        Raises:
            OSError: the tree can't be listed.
        """
        return own_objects(OrderedListing(self.bucket, self._prefix).after(), self._read_mark)

    def folder(self, inner: str) -> Folder:
        """Return a folder of the tree."""
        return Folder(self.url, inner)

    def key(self, inner: str) -> str:
        """Return the key of what has another one relative to the tree."""
        return f"{self._prefix}/{inner}".lstrip("/")

    def look_at(
        self, objects: Sequence[OwnObject], origins: Origins
    ) -> Iterator[tuple[OwnObject, OwnThumbnail | Failure | None]]:
        """Ask for the metadata of some objects side by side; yield those that are thumbnails.

        Each comes with what it is: its source is "" if it does not tell of which picture it is. It
        is None if that is in none of the roots, and a failure if it can't be looked at.

        Args:
            origins: reads of which picture a thumbnail is.

        Raises:
            Stopped: `stop` was set.
            CredentialsEnded: the credentials have expired.
        """
        bucket = self.bucket
        heads = [partial(bucket.head, self.key(one.entry.key)) for one in objects]
        for one, answer in zip(objects, bucket.run_concurrently(heads), strict=True):
            if isinstance(answer, CredentialsEnded):
                raise answer
            if isinstance(answer, FileNotFoundError):
                continue
            if isinstance(answer, OSError):
                yield one, Failure("scan", f"can't be looked at: {answer.strerror}")
            elif made_from(answer[1]):
                yield one, self._own_thumbnail(one, *answer, origins)

    def _own_thumbnail(
        self, one: OwnObject, entry: ListedObject, attributes: Attributes, origins: Origins
    ) -> OwnThumbnail | None:
        text = attributes.get(ORIGIN, "")
        origin = origins.read(text)
        if text and not origin:
            return None
        source, place = place_of(origin)
        folder, size_bytes, etag = self.folder(one.folder), entry.size_bytes, entry.etag
        return OwnThumbnail(folder, one.name, text, source, place, size_bytes, etag=etag)

    def remove_markers(
        self, is_unused: Callable[[OwnFolder], bool], folders: Collection[str] | None = None
    ) -> None:
        """Delete the marks and records of folders that are not used any more, ignoring errors.

        What stays does no harm, and the next time it goes.

        Args:
            folders: where to look; None for everywhere.
        """
        if folders is None or len(folders) > _FEW:
            ended = (one for one in self.own() if isinstance(one, OwnFolder))
        else:
            ended = (one for folder in folders for one in self._markers_of(folder))
        keys = (self.key(marker) for one in ended if is_unused(one) for marker in one.markers)
        with suppress(OSError):
            for batch in iter(lambda: [*islice(keys, PAGE_KEYS)], []):
                self.bucket.run(partial(self.bucket.delete, *batch))

    def _markers_of(self, folder: str) -> Iterator[OwnFolder]:
        """Yield a folder, if it and what is below it fit into one page of a listing."""
        listing = OrderedListing(self.bucket, self.key(folder)).after()
        entries = [*islice(listing, PAGE_KEYS)]
        for one in own_objects(entries, self._read_mark) if len(entries) < PAGE_KEYS else ():
            if isinstance(one, OwnFolder) and not one.folder:
                markers = [f"{folder}/{key}".lstrip("/") for key in one.markers]
                yield OwnFolder(folder, markers, one.others)

    def _read_mark(self, entry: ListedObject) -> Mark:
        bucket = self.bucket
        data, there, _ = bucket.run(partial(bucket.get, self.key(entry.key)))
        return read_mark(data, there)


def only_objects(own: Iterable[OwnObject | OwnFolder]) -> Iterator[OwnObject]:
    """Yield what may be a thumbnail."""
    return (one for one in own if isinstance(one, OwnObject))
