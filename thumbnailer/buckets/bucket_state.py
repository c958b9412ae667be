"""State of the thumbnails in a bucket: which exist and are current, known from listings alone.

There is no ledger, because many machines may write at once. A thumbnail is current if it is newer
than its source, in whole seconds, and not older than the mark of its folder. The mark is an object
that holds the fingerprint of the recipe that thumbnails have there.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property, partial
from hashlib import md5
from typing import NamedTuple

from thumbnailer.buckets.client import Bucket, ListedObject
from thumbnailer.buckets.marker_objects import (
    MADE,
    RECORDS_FOLDER,
    Mark,
    mark_bytes,
    read_mark,
    read_record,
    state_digest,
    thumbnail_digest,
)
from thumbnailer.buckets.merge_listings import FolderState, ThumbnailListing
from thumbnailer.errors import OutputError
from thumbnailer.formats import possible_formats
from thumbnailer.model import (
    Failure,
    Folder,
    ListedState,
    Outcome,
    Source,
    Thumbnail,
    WantedThumbnail,
)
from thumbnailer.recipe import Limits, Recipe, attempt_fingerprint
from thumbnailer.thumbs.folder_state import FAILED_BEFORE
from thumbnailer.thumbs.ledger import MARK
from thumbnailer.thumbs.naming import untruncated_name
from thumbnailer.urls import split_url

# How many claimed keys and folders' marks are cached. Two sources can have thumbnails of the same
# key only if they come close to each other.
_MAX_CACHED = 10_000

# Objects have times in whole seconds: one that is put this much later has a later time.
_CLOCK_STEP_SECONDS = 1.1

# The attribute of a thumbnail that holds the version of the source it was made of.
SOURCE_VERSION = "thumbnailer-source"


class FoundThumbnail(NamedTuple):
    """What a bucket has of one thumbnail of a source.

    Attributes:
        folder: its folder, relative to the output tree.
        names: its file name, and a second one if its format is known only after encoding.
        entries: the object listed under each of these names, or None.
        record: the name of the record of an earlier attempt; "" if there is none.
        earlier_outcome: of an earlier run for the source as it is now, if there is one and it
            suffices; else None, and the thumbnail is to be made.
    """

    folder: str
    names: list[str]
    entries: list[ListedObject | None]
    record: str
    earlier_outcome: Outcome | None


class BucketState:
    """The thumbnails of one size in a bucket.

    Args:
        bucket: the bucket that they are in.
        output: the URL of the output tree.
        size: the name of the size's folder in that tree, or "".
        recipe, limits: how they should look, and what a picture may cost.
    """

    def __init__(
        self, bucket: Bucket, output: str, size: str, recipe: Recipe, limits: Limits
    ) -> None:
        self._bucket, self._recipe = bucket, recipe
        self._prefix = "/".join(filter(None, (split_url(output)[1], size)))
        self._url = "/".join(filter(None, (bucket.url, self._prefix)))
        self._formats = possible_formats(recipe.format)
        self._fingerprint, self._attempt = recipe.fingerprint, attempt_fingerprint(recipe, limits)
        self._marks: OrderedDict[str, Mark | None] = OrderedDict()
        self._claimed: OrderedDict[str, str] = OrderedDict()
        self._started = time.monotonic()

    @cached_property
    def _thumbnail_listing(self) -> ThumbnailListing:
        return ThumbnailListing(self._listing)

    def find(self, source: Source, name: str) -> FoundThumbnail | Failure:
        """Return what the bucket has of a source's thumbnail, or why the source can't have one.

        Args:
            name: the file name of the source.

        Raises:
            OutputError: the bucket can't be read.
        """
        folder = source.below if os.sep == "/" else source.below.replace(os.sep, "/")
        below = f"{folder}/" if folder else ""
        names = [untruncated_name(name, format) for format in self._formats]
        keys = [below + name for name in names]
        try:
            (below + name).encode()
            state, entries = self._thumbnail_listing.look_up(below + name, *keys)
            mark = self._marks[folder] if folder in self._marks else self._load_mark(folder, state)
        except UnicodeEncodeError:
            return Failure("plan", "its name is not valid UTF-8, as a key must be")
        except OSError as error:
            raise OutputError(f"{self._url}: {error.strerror}") from None
        for key, entry in zip(keys, entries, strict=True):
            if trouble := self._claim(key, source, entry, mark):
                return trouble
        record = state.records.get(thumbnail_digest(names[0]), "") if state.records else ""
        earlier = self._earlier_outcome(source, entries, mark, record)
        return FoundThumbnail(folder, names, entries, record, earlier)

    def wanted(self, source: Source, found: FoundThumbnail) -> WantedThumbnail:
        """Return the thumbnail that is to be made of a source."""
        etags = [entry.etag if entry else "" for entry in (*found.entries, None)]
        record = self._key(found.folder, f"{RECORDS_FOLDER}/{found.record}") if found.record else ""
        return WantedThumbnail(
            Folder(self._url, found.folder),
            source.path,
            found.names[0],
            self._recipe,
            found.names[1] if found.names[1:] else "",
            listed=ListedState((etags[0], etags[1]), record),
        )

    def _earlier_outcome(
        self,
        source: Source,
        entries: list[ListedObject | None],
        mark: Mark | None,
        record_name: str,
    ) -> Outcome | None:
        note = ""
        if record_name and (record := read_record(record_name)):
            if record.stage != MADE and record.state == state_digest(source, self._attempt):
                failure = Failure(record.stage, f"{record.reason}{FAILED_BEFORE}")
                return Outcome(source, "failed", error=failure)
            if record.stage == MADE and record.state == state_digest(source, self._fingerprint):
                note = record.reason
        if not mark or mark.fingerprint != self._fingerprint:
            return None
        for entry in entries:
            if entry and entry.modified > source.mtime_ns // 10**9 and entry.modified >= mark.since:
                made = Thumbnail(f"{self._url}/{entry.key}", 0, 0, entry.size_bytes)
                return Outcome(source, "current", (made,), note=note)
        return None

    def put_mark(self, folder: str) -> None:
        """Put the mark of this recipe into a folder, before the first of its thumbnails goes there.

        Raises:
            OutputError: it can't be written.
        """
        mark = self._marks.get(folder)
        if mark and mark.fingerprint == self._fingerprint:
            return
        key = self._key(folder, MARK)
        get = partial(self._bucket.get, key)
        try:
            etag = ""
            if mark:  # it must be from a later second than the thumbnails that are there
                time.sleep(max(0, self._started + _CLOCK_STEP_SECONDS - time.monotonic()))
                _, entry = self._bucket.run(get)
                etag = entry.etag
            data = mark_bytes(self._fingerprint, mark.ours if mark else 0)
            # If it is refused, another run was faster, most often with the same mark.
            self._bucket.run(partial(self._bucket.put, key, data, etag))
            mark = read_mark(*self._bucket.run(get))
        except OSError as error:
            raise OutputError(f"{self._url}: {error.strerror}") from None
        self._marks[folder] = mark._replace(fingerprint=self._fingerprint)

    def _load_mark(self, folder: str, state: FolderState) -> Mark | None:
        """Return the content of a folder's mark, or None, and cache it."""
        entry, mark = state.mark, None
        if entry:
            expected = mark_bytes(self._fingerprint)
            # S3's ETag is most often the MD5 of the content: if it fits, no request is needed.
            if entry.etag.strip('"') == md5(expected, usedforsecurity=False).hexdigest():
                mark = read_mark(expected, entry)
            else:
                get = partial(self._bucket.get, self._key(folder, MARK))
                mark = read_mark(*self._bucket.run(get))
        self._marks[folder] = mark
        if len(self._marks) > _MAX_CACHED:
            self._marks.popitem(last=False)
        return mark

    def _claim(
        self, key: str, source: Source, entry: ListedObject | None, mark: Mark | None
    ) -> Failure | None:
        """Claim a key for a source; return the reason if that can't be."""
        holder = self._claimed.get(key)
        if holder == source.path:
            return Failure("scan", "was named twice")
        if holder:
            return Failure("plan", f"{self._url}/{key} is already the thumbnail of {holder}")
        if entry and (not mark or entry.modified < mark.ours):
            why = "is in the way: it was not made by thumbnailer"
            return Failure("plan", f"{self._url}/{key} {why}")
        self._claimed[key] = source.path
        if len(self._claimed) > _MAX_CACHED:
            self._claimed.popitem(last=False)
        return None

    def _listing(self, after: str) -> Iterator[ListedObject]:
        start = len(self._prefix) + 1 if self._prefix else 0
        after = self._key("", after) if after else ""
        for key, size_bytes, modified, etag in self._bucket.listing(self._prefix, after):
            yield ListedObject(key[start:], size_bytes, modified, etag)

    def _key(self, folder: str, name: str) -> str:
        return "/".join(filter(None, (self._prefix, folder, name)))
