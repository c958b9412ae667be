"""Thumbnails in a bucket: which there are, told by listings alone.

There is no ledger, for many machines may write at once. A thumbnail is current that is younger than
its source, by whole seconds, and than the mark of its folder, an object that says what thumbnails
look like there.
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

# So many names and folders are kept in mind; a name can only be given twice to two that are close.
_KEPT = 10_000

# The times of objects have whole seconds.
_TICK_SECONDS = 1.1

# Under which a thumbnail says of what it was made.
SOURCE_VERSION = "thumbnailer-source"


class FoundThumbnail(NamedTuple):
    """What there is of a source's thumbnail.

    Attributes:
        folder: where it is, relative to the output.
        names: its own, and its other if its format shows only when it is made.
        entries: what is there under these names.
        record: the name of what is remembered of an earlier attempt, or "".
        standing: what an earlier run made of the source as it is now, if it did and that is enough.
    """

    folder: str
    names: list[str]
    entries: list[ListedObject | None]
    record: str
    standing: Outcome | None


class BucketState:
    """The thumbnails of one size in a bucket.

    Args:
        bucket: where they are.
        output: the URL of the output tree.
        size: the folder of the size in it, or "".
        recipe, limits: what they should look like, and may cost.
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
        self._given: OrderedDict[str, str] = OrderedDict()
        self._started = time.monotonic()

    @cached_property
    def _abreast(self) -> ThumbnailListing:
        return ThumbnailListing(self._listing)

    def find(self, source: Source, name: str) -> FoundThumbnail | Failure:
        """What there is of a source, or why it can have no thumbnail.

        Args:
            name: of the source, without its folder.

        Raises:
            OutputError: the bucket can't be read.
        """
        folder = source.below if os.sep == "/" else source.below.replace(os.sep, "/")
        below = f"{folder}/" if folder else ""
        names = [untruncated_name(name, format) for format in self._formats]
        keys = [below + name for name in names]
        try:
            (below + name).encode()
            state, entries = self._abreast.look(below + name, *keys)
            mark = self._marks[folder] if folder in self._marks else self._mark(folder, state)
        except UnicodeEncodeError:
            return Failure("plan", "its name is not valid UTF-8, as a key must be")
        except OSError as error:
            raise OutputError(f"{self._url}: {error.strerror}") from None
        for key, entry in zip(keys, entries, strict=True):
            if trouble := self._claim(key, source, entry, mark):
                return trouble
        record = state.records.get(thumbnail_digest(names[0]), "") if state.records else ""
        standing = self._standing(source, entries, mark, record)
        return FoundThumbnail(folder, names, entries, record, standing)

    def wanted(self, source: Source, found: FoundThumbnail) -> WantedThumbnail:
        """The thumbnail that a source should have."""
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

    def _standing(
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

    def announce(self, folder: str) -> None:
        """Have a folder say what thumbnails look like in it, before the first is put there.

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
            if mark:  # what is there was put in an earlier second than this will be
                time.sleep(max(0, self._started + _TICK_SECONDS - time.monotonic()))
                _, entry = self._bucket.run(get)
                etag = entry.etag
            data = mark_bytes(self._fingerprint, mark.ours if mark else 0)
            # If it is not done another run was quicker, most often with the same.
            self._bucket.run(partial(self._bucket.put, key, data, etag))
            mark = read_mark(*self._bucket.run(get))
        except OSError as error:
            raise OutputError(f"{self._url}: {error.strerror}") from None
        self._marks[folder] = mark._replace(fingerprint=self._fingerprint)

    def _mark(self, folder: str, state: FolderState) -> Mark | None:
        """What the mark of a folder says; kept in mind."""
        entry, mark = state.mark, None
        if entry:
            expected = mark_bytes(self._fingerprint)
            # S3's ETag most often is this, and then says what a request would.
            if entry.etag.strip('"') == md5(expected, usedforsecurity=False).hexdigest():
                mark = read_mark(expected, entry)
            else:
                get = partial(self._bucket.get, self._key(folder, MARK))
                mark = read_mark(*self._bucket.run(get))
        self._marks[folder] = mark
        if len(self._marks) > _KEPT:
            self._marks.popitem(last=False)
        return mark

    def _claim(
        self, key: str, source: Source, entry: ListedObject | None, mark: Mark | None
    ) -> Failure | None:
        """Hold a key for a source, or say why that can't be."""
        holder = self._given.get(key)
        if holder == source.path:
            return Failure("scan", "was named twice")
        if holder:
            return Failure("plan", f"{self._url}/{key} is already the thumbnail of {holder}")
        if entry and (not mark or entry.modified < mark.ours):
            why = "is in the way: it was not made by thumbnailer"
            return Failure("plan", f"{self._url}/{key} {why}")
        self._given[key] = source.path
        if len(self._given) > _KEPT:
            self._given.popitem(last=False)
        return None

    def _listing(self, after: str) -> Iterator[ListedObject]:
        start = len(self._prefix) + 1 if self._prefix else 0
        after = self._key("", after) if after else ""
        for key, size_bytes, modified, etag in self._bucket.listing(self._prefix, after):
            yield ListedObject(key[start:], size_bytes, modified, etag)

    def _key(self, folder: str, name: str) -> str:
        return "/".join(filter(None, (self._prefix, folder, name)))
