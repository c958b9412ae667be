"""State of the thumbnails in a bucket: which exist and are current, known from listings alone.

There is no ledger, because many machines may write at once. A thumbnail is current if it is newer
than its source, in whole seconds, and not older than the mark of its folder. The mark is an object
that names the fingerprint of the recipe that thumbnails have there.
"""

from __future__ import annotations

import math
import os
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from hashlib import md5
from itertools import islice
from typing import NamedTuple

from thumbnailer.buckets.client.bucket import PAGE_KEYS, Bucket
from thumbnailer.buckets.client.listings.listed_object import ListedObject
from thumbnailer.buckets.look_up.held_folders import TemplatedListing
from thumbnailer.buckets.look_up.listing_ahead import ListingAhead
from thumbnailer.buckets.look_up.merge_listings import FolderState, ThumbnailListing
from thumbnailer.buckets.marker_objects import (
    LOOKS_FOLDER,
    MADE,
    RECORDS_FOLDER,
    Mark,
    Record,
    mark_bytes,
    mark_name,
    newest_mark,
    read_mark,
    read_record,
    state_digest,
    template_fingerprint,
    thumbnail_digest,
)
from thumbnailer.buckets.ordered_listing import OrderedListing
from thumbnailer.errors import OutputError, shortened
from thumbnailer.formats import possible_formats
from thumbnailer.imaging.failures import LIMITED
from thumbnailer.layout import Layout
from thumbnailer.model import (
    Failure,
    Folder,
    ListedState,
    NewMark,
    Outcome,
    Source,
    Thumbnail,
    WantedThumbnail,
)
from thumbnailer.recipe import attempt_fingerprint
from thumbnailer.thumbs.folder_state import NOT_MADE, failed_before
from thumbnailer.thumbs.ledger.lines import MARK
from thumbnailer.thumbs.naming import untruncated_name
from thumbnailer.thumbs.plan import Slot, in_the_way, is_in_the_way
from thumbnailer.thumbs.size_thumbs import filled_template
from thumbnailer.urls import is_url, split_url

# How many claimed keys and folders' marks are cached. Two sources can have thumbnails of the same
# key only if they come close to each other.
_MAX_CACHED = 10_000

# Objects have times in whole seconds: one that is put this much later has a later time.
_CLOCK_STEP_SECONDS = 1.1


class _FolderMark(NamedTuple):
    """What marks a folder of thumbnails, and the mark that it needs before one is put there.

    Attributes:
        is_certain: that there is no mark was seen after a thumbnail's name was.
    """

    there: Mark | None
    needed: NewMark | None
    is_certain: bool = False


class BucketState:
    """The thumbnails of one size in a bucket.

    Args:
        bucket: the bucket that they are in.
        layout: which thumbnails there should be.
        size: the name of the size's folder in the output tree, or "".

    Attributes:
        url: of the size's folder.
    """

    def __init__(self, bucket: Bucket, layout: Layout, size: str) -> None:
        self._bucket, self._recipe = bucket, layout.recipes[size]
        self._layout, self._size = layout, size
        self._prefix = "/".join(filter(None, (split_url(layout.output)[1], size)))
        self.url = "/".join(filter(None, (bucket.url, self._prefix)))
        self._formats = possible_formats(self._recipe.format)
        self._fingerprint = self._recipe.fingerprint
        # By another template, a thumbnail may have the name of that of another picture.
        self._looks = template_fingerprint(self._fingerprint, layout.template)
        self._limits = layout.limits
        self._attempt = attempt_fingerprint(self._recipe, layout.limits)
        self._may_replace = layout.replace
        self._marks: OrderedDict[str, _FolderMark] = OrderedDict()
        self._claimed: OrderedDict[str, str] = OrderedDict()
        self._claimed_before: dict[str, str] = {}
        self._listing = OrderedListing(bucket, self._prefix)
        self._listing_ahead = ListingAhead(self._listing.after)
        self._started = time.time()

    def remember_claims(self, before: BucketState) -> None:
        """Remember which keys are claimed, so that no other picture gets them."""
        claims = before._claimed_before | before._claimed
        too_many = max(0, len(claims) - _MAX_CACHED)
        self._claimed_before = dict(islice(claims.items(), too_many, None))

    @cached_property
    def _by_source(self) -> ThumbnailListing:
        return ThumbnailListing(self._listing_ahead.after)

    @cached_property
    def _templated(self) -> TemplatedListing:
        return TemplatedListing(self._listing.after)

    def expect(self, sources: Sequence[Source]) -> None:
        """Request the pages in which the thumbnails of some sources should be, side by side."""
        if self._layout.template or not self._bucket.lists_from_anywhere:
            return
        folders = len({source.below for source in sources})
        pages = math.ceil((len(sources) + folders) / PAGE_KEYS)  # each folder has a mark
        starts = (sources[len(sources) * page // pages] for page in range(1, pages))
        self._listing_ahead.expect("/".join(filter(None, self._names(one)[:2])) for one in starts)

    def slot(self, source: Source) -> Slot | Failure:
        """Return a source's thumbnail and what there is of it, or why the source can have none.

        Raises:
            OutputError: the bucket can't be read.
        """
        folder, name, names = self._names(source)
        below = f"{folder}/" if folder else ""
        keys = [below + name for name in names]
        try:
            keys[0].encode()
            if self._layout.template:
                state, entries = self._templated.look_up(*keys)
            else:
                state, entries = self._by_source.look_up(below + name, *keys)
            mark, new_mark, is_certain = self._folder_mark(folder, state)
            if any(entries) and not (mark or is_certain):
                # Another run may have marked the folder since its marks were listed.
                state, entries = ThumbnailListing(self._listing.after).look_up(min(keys), *keys)
                mark, new_mark, _ = self._read_marks(folder, state)
                self._marks[folder] = _FolderMark(mark, new_mark, is_certain=True)
        except UnicodeEncodeError:
            return Failure("plan", "its name is not valid UTF-8, as a key must be")
        except OSError as error:
            raise OutputError(f"{shortened(self.url)}: {error.strerror}") from None
        is_anothers = False
        for key, entry in zip(keys, entries, strict=True):
            if trouble := self._claim(key, source, entry, mark):
                is_unknown = self._limits.may_be_no_picture(source.path)
                is_taken = trouble.stage == "plan" and not is_in_the_way(trouble)
                return replace(trouble, stage="scan") if is_unknown and is_taken else trouble
            is_anothers |= bool(entry) and self._claimed_before.get(key) not in (None, source.path)
        record = ""
        if state.records:
            record = state.records.get(thumbnail_digest(names[0], source.path), "")
        etags = [entry.etag if entry else "" for entry in (*entries, None)]
        wanted = WantedThumbnail(
            Folder(self.url, folder),
            source.path,
            names[0],
            self._recipe,
            names[1] if names[1:] else "",
            listed=ListedState(
                (etags[0], etags[1]),
                self._key(folder, f"{RECORDS_FOLDER}/{record}") if record else "",
                new_mark,
            ),
        )
        earlier = self._earlier(source, entries, mark, read_record(record))
        return Slot(wanted, "was made of another picture" if is_anothers else earlier)

    def claim_elsewhere(self, source: Source) -> None:
        """Claim the keys of a source whose thumbnails another shard makes."""
        folder, _, names = self._names(source)
        for name in names:
            key = f"{folder}/{name}" if folder else name
            if key not in self._claimed:
                self._keep_claim(key, source)

    def _names(self, source: Source) -> tuple[str, str, list[str]]:
        """Return the folder of a source's thumbnails, its own name, and those they may have."""
        name = os.path.basename(source.path)
        folder = source.below if os.sep == "/" else source.below.replace(os.sep, "/")
        given = filled_template(self._layout, self._size, source) if self._layout.template else name
        return folder, name, [untruncated_name(given, format) for format in self._formats]

    def _earlier(
        self,
        source: Source,
        entries: list[ListedObject | None],
        mark: Mark | None,
        record: Record | None,
    ) -> Outcome | str:
        """Return an earlier run's outcome if it still applies, else in words why it does not."""
        note = ""
        if record and record.stage != MADE and record.state == state_digest(source, self._attempt):
            return failed_before(source, Failure(record.stage, record.reason))
        if record and record.stage == MADE:
            is_limited = record.reason.startswith(LIMITED)
            fingerprint = self._attempt if is_limited else self._fingerprint
            if record.state == state_digest(source, fingerprint):
                note = record.reason
            elif is_limited:
                return "was made with other limits"
        if not any(entries):
            return NOT_MADE
        if not mark or mark.fingerprint != self._looks:
            return "was made with other settings, or by another version"
        for entry in entries:
            if entry and entry.modified > source.mtime_ns // 10**9 and entry.modified >= mark.since:
                made = Thumbnail(f"{self.url}/{entry.key}", 0, 0, entry.size_bytes)
                return Outcome(source, "current", (made,), note=note)
        return "the picture has changed since"

    def _folder_mark(self, folder: str, state: FolderState) -> _FolderMark:
        """Return what marks a folder, and the mark that it needs; cache both."""
        if folder not in self._marks:
            self._marks[folder] = self._read_marks(folder, state)
            if len(self._marks) > _MAX_CACHED:
                self._marks.popitem(last=False)
        return self._marks[folder]

    def _read_marks(self, folder: str, state: FolderState) -> _FolderMark:
        there = newest_mark(state.marks) or self._earlier_mark(folder, state)
        if there and there.fingerprint == self._looks:
            return _FolderMark(there, None)
        name = mark_name(self._looks, there.ours if there else 0)
        same = state.marks.get(name)
        outdated = [f"{LOOKS_FOLDER}/{other}" for other in state.marks if other != name]
        if state.earlier_mark:
            outdated.append(MARK)
        new = NewMark(
            self._key(folder, f"{LOOKS_FOLDER}/{name}"),
            same.etag if same else "",
            tuple(self._key(folder, other) for other in outdated),
            self._started + (_CLOCK_STEP_SECONDS if there else 0),
        )
        return _FolderMark(there, new)

    def _earlier_mark(self, folder: str, state: FolderState) -> Mark | None:
        """Return what the mark of an earlier version says; None if there is none."""
        entry = state.earlier_mark
        if not entry:
            return None
        expected = mark_bytes(self._looks)
        # S3's ETag is most often the MD5 of the content: if it fits, no request is needed.
        if entry.etag.strip('"') == md5(expected, usedforsecurity=False).hexdigest():
            return read_mark(expected, entry)
        data, there, _ = self._bucket.run(partial(self._bucket.get, self._key(folder, MARK)))
        return read_mark(data, there)

    def _claim(
        self, key: str, source: Source, entry: ListedObject | None, mark: Mark | None
    ) -> Failure | None:
        """Claim a key for a source; return the reason if that can't be."""
        holder = self._claimed.get(key)
        if holder == source.path:
            return Failure("scan", "was named twice")
        before = self._claimed_before.get(key, source.path)
        # A name is free again once its picture has no thumbnail, or is gone.
        if not holder and entry and before != source.path and not self._is_gone(before):
            holder = before
        if holder:
            return Failure("plan", f"{self.url}/{key} is already the thumbnail of {holder}")
        is_ours = not entry or (mark and entry.modified >= mark.ours)
        if not is_ours and not self._may_replace:
            return in_the_way(f"{self.url}/{key}")
        self._keep_claim(key, source)
        return None

    def _is_gone(self, path: str) -> bool:
        """Return whether a picture is known to be gone."""
        if not is_url(path):
            return not os.path.lexists(path)
        where, key = split_url(path)
        bucket = Bucket(where, self._layout.endpoint)
        try:
            bucket.run(partial(bucket.head, key))
        except FileNotFoundError:
            return True
        except OSError:
            pass
        return False

    def _keep_claim(self, key: str, source: Source) -> None:
        self._claimed[key] = source.path
        if len(self._claimed) > _MAX_CACHED:
            self._claimed.popitem(last=False)

    def _key(self, folder: str, name: str) -> str:
        return "/".join(filter(None, (self._prefix, folder, name)))
